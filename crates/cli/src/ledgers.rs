//! Opening the ledger, and finding a campaign in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;
use sinch_batch::ledger::{CampaignRecord, Ledger, LedgerError, LedgerErrorKind, SqliteLedger};

use crate::args::LedgerArgs;
use crate::exit;
use crate::fail::{Failure, sentence};

/// The file that was asked for, or the one in the user's state folder; absolute, whatever the current folder.
pub(crate) fn path(args: &LedgerArgs) -> Result<PathBuf, Failure> {
    match &args.ledger {
        Some(path) => Ok(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        None => default_path(),
    }
}

/// Where this system keeps the state of programs: `$XDG_STATE_HOME/sinch-batch/ledger.db` on Linux.
fn default_path() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::because(exit::LEDGER, "there is no home folder for the ledger", &error)
            .hint("name a file: --ledger FILE, or SINCH_BATCH_LEDGER")
    })?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    Ok(state.join("sinch-batch").join("ledger.db"))
}

/// Opens a ledger; makes it, and the folder of the default one, if it is not there.
pub(crate) fn open(path: &Path) -> Result<Arc<SqliteLedger>, Failure> {
    if default_path().is_ok_and(|default| default == path) {
        make_folder(path)?;
    }
    SqliteLedger::open(path).map(Arc::new).map_err(|error| failed(path, &error))
}

/// The folder of the default ledger, which is the user's alone.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        Failure::because(exit::LEDGER, format!("the folder {} cannot be made", folder.display()), &error)
            .hint("name another file: --ledger FILE, or SINCH_BATCH_LEDGER")
    })
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
pub(crate) async fn find(ledger: &dyn Ledger, path: &Path, name: Option<&str>) -> Result<CampaignRecord, Failure> {
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

/// What to type so that a command finds this ledger: nothing for the default one.
pub(crate) fn option(path: &Path) -> String {
    if default_path().is_ok_and(|default| default == path) {
        return String::new();
    }
    format!(" --ledger {}", path.display())
}

/// The files of a ledger, none of which an output may take the place of.
pub(crate) fn files(path: &Path) -> Vec<(&'static str, PathBuf)> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [("ledger", ""), ("log of the ledger", "-wal"), ("index of the ledger", "-shm")]
        .map(|(what, suffix)| (what, beside(suffix)))
        .into()
}

/// A failure of the ledger, with what to do.
pub(crate) fn failed(path: &Path, error: &LedgerError) -> Failure {
    let hint = match error.kind() {
        LedgerErrorKind::NotALedger => "name another file with --ledger; this one was not changed",
        LedgerErrorKind::TooNew => "use the release that wrote it",
        LedgerErrorKind::TooOld => "name another file with --ledger; this one was not changed",
        LedgerErrorKind::PlanTooLarge => "give a larger --batch-size; nothing was sent",
        LedgerErrorKind::Altered => "nothing was sent; look at it with a copy that is known to be good",
        LedgerErrorKind::NotRunning => "see how it stands: sinch-batch status",
        LedgerErrorKind::Full => "make room on the disk, then go on with: sinch-batch resume CAMPAIGN",
        LedgerErrorKind::Busy => "another process holds it; try again",
        LedgerErrorKind::ReadOnly | LedgerErrorKind::Open => "check that the file and its folder can be written",
        LedgerErrorKind::NameTaken => "choose another --campaign, or go on with that one: sinch-batch resume CAMPAIGN",
        LedgerErrorKind::NoSuchCampaign => "see what it holds: sinch-batch status --ledger FILE",
        LedgerErrorKind::Pruned => "the sums are still there: sinch-batch report CAMPAIGN",
        LedgerErrorKind::Unsupported => "use a ledger of another kind",
        _ => "what was recorded stays; run the command again",
    };
    let code = match error.kind() {
        LedgerErrorKind::PlanTooLarge => exit::USAGE,
        LedgerErrorKind::NotRunning | LedgerErrorKind::Pruned => exit::LOOK,
        _ => exit::LEDGER,
    };
    Failure::new(code, format!("ledger {}: {}", path.display(), told(error))).hint(hint)
}

/// The error, with SQLite's own words only where they say more.
pub(crate) fn told(error: &LedgerError) -> String {
    match error.kind() {
        LedgerErrorKind::Full | LedgerErrorKind::Busy => error.to_string(),
        _ => sentence(error),
    }
}
