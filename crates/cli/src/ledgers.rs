//! Opening the ledger, and finding a campaign in it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sinch_batch::ledger::{Campaign, Ledger, LedgerError, LedgerErrorKind, SqliteLedger};

use crate::args::LedgerArgs;
use crate::exit;
use crate::fail::{Failure, sentence};

/// The ledger when no other is named.
const DEFAULT: &str = "sinch-batch.db";

/// The file that was asked for, or the default.
pub(crate) fn path(args: &LedgerArgs) -> PathBuf {
    args.ledger.clone().unwrap_or_else(|| PathBuf::from(DEFAULT))
}

/// Opens a ledger; makes it if it is not there.
pub(crate) fn open(path: &Path) -> Result<Arc<SqliteLedger>, Failure> {
    SqliteLedger::open(path).map(Arc::new).map_err(|error| failed(path, &error))
}

/// Opens a ledger that must be there.
pub(crate) fn open_existing(path: &Path) -> Result<Arc<SqliteLedger>, Failure> {
    if !path.exists() {
        return Err(Failure::new(exit::LEDGER, format!("there is no ledger {}", path.display()))
            .hint("name the one the campaign was sent with: --ledger FILE"));
    }
    open(path)
}

/// The campaign of a name, or the latest.
pub(crate) async fn find(ledger: &dyn Ledger, path: &Path, name: Option<&str>) -> Result<Campaign, Failure> {
    let campaigns = ledger.campaigns().await.map_err(|error| failed(path, &error))?;
    let found = match name {
        Some(name) => campaigns.iter().find(|campaign| campaign.name == name),
        None => campaigns.last(),
    };
    if let Some(campaign) = found {
        return Ok(campaign.clone());
    }
    let known: Vec<&str> = campaigns.iter().rev().take(5).map(|campaign| campaign.name.as_str()).collect();
    let sentence = match name {
        Some(name) => format!("the ledger {} has no campaign {name}", path.display()),
        None => format!("the ledger {} has no campaign", path.display()),
    };
    Err(Failure::new(exit::LEDGER, sentence).hint(if known.is_empty() {
        "it is empty: is it the ledger the campaign was sent with?".to_owned()
    } else {
        format!("it has: {}", known.join(", "))
    }))
}

/// Keeps two processes from running the same campaign at once; let go of by dropping it, or by any
/// end of the process.
#[derive(Debug)]
pub(crate) struct CampaignLock {
    _file: File,
}

impl CampaignLock {
    pub(crate) fn take(ledger: &Path, campaign: &Campaign) -> Result<Self, Failure> {
        let path = beside(ledger, &format!("{}.lock", campaign.key));
        let file = File::create(&path)
            .map_err(|error| Failure::because(exit::LEDGER, format!("{} cannot be made", path.display()), &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::new(exit::LEDGER, format!("campaign {} is being run by another process", campaign.name))
                    .hint(format!("watch it: sinch-batch status {} --ledger {}", campaign.name, ledger.display())))
            }
            Err(TryLockError::Error(error)) => {
                Err(Failure::because(exit::LEDGER, format!("{} cannot be locked", path.display()), &error))
            }
        }
    }
}

/// A file beside the ledger that belongs to it.
pub(crate) fn beside(ledger: &Path, suffix: &str) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    PathBuf::from(path)
}

/// A failure of the ledger, with what to do.
pub(crate) fn failed(path: &Path, error: &LedgerError) -> Failure {
    let hint = match error.kind() {
        LedgerErrorKind::NotALedger => "name another file with --ledger; this one was not changed",
        LedgerErrorKind::TooNew => "use the release that wrote it",
        LedgerErrorKind::Full => "make room on the disk, then go on with: sinch-batch resume CAMPAIGN",
        LedgerErrorKind::Busy => "another process holds it; try again",
        LedgerErrorKind::ReadOnly | LedgerErrorKind::Open => "check that the file and its folder can be written",
        LedgerErrorKind::NameTaken => "choose another --campaign, or go on with that one: sinch-batch resume CAMPAIGN",
        LedgerErrorKind::NoSuchCampaign => "see what it holds: sinch-batch status --ledger FILE",
        _ => "what was recorded stays; run the command again",
    };
    Failure::new(exit::LEDGER, format!("ledger {}: {}", path.display(), told(error))).hint(hint)
}

/// The error, with SQLite's own words only where they say more.
pub(crate) fn told(error: &LedgerError) -> String {
    match error.kind() {
        LedgerErrorKind::Full | LedgerErrorKind::Busy => error.to_string(),
        _ => sentence(error),
    }
}
