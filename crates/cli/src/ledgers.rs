//! Opening the ledger, and finding a campaign in it.

mod place;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;
use sinch_batch::ledger::copy::WholeLedger;
use sinch_batch::ledger::{CampaignRecord, Ledger, LedgerError, LedgerErrorKind, PostgresLedger, SqliteLedger};

pub(crate) use self::place::{Place, ServerUrl};
use crate::args::LedgerArgs;
use crate::exit;
use crate::fail::{Failure, sentence};

/// A ledger of either kind.
#[derive(Clone, Debug)]
pub(crate) enum AnyLedger {
    /// A file, for one machine.
    Sqlite(Arc<SqliteLedger>),
    /// Tables of a server, for several.
    Postgres(Arc<PostgresLedger>),
}

impl AnyLedger {
    /// The ledger, whichever it is.
    pub(crate) fn shared(&self) -> Arc<dyn Ledger> {
        match self {
            Self::Sqlite(ledger) => ledger.clone(),
            Self::Postgres(ledger) => ledger.clone(),
        }
    }
}

impl AnyLedger {
    /// The ledger as something that can be copied.
    pub(crate) fn whole(&self) -> &dyn WholeLedger {
        match self {
            Self::Sqlite(ledger) => &**ledger,
            Self::Postgres(ledger) => &**ledger,
        }
    }
}

impl Deref for AnyLedger {
    type Target = dyn Ledger;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Sqlite(ledger) => &**ledger,
            Self::Postgres(ledger) => &**ledger,
        }
    }
}

/// The ledger that was asked for, or the file in the user's state folder.
pub(crate) fn place(args: &LedgerArgs) -> Result<Place, Failure> {
    match &args.ledger {
        Some(place) => Place::read(place),
        None => default_path().map(Place::File),
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
pub(crate) async fn open(place: &Place) -> Result<AnyLedger, Failure> {
    match place {
        Place::File(path) => {
            if default_path().is_ok_and(|default| default == *path) {
                make_folder(path)?;
            }
            SqliteLedger::open(path).map(|ledger| AnyLedger::Sqlite(Arc::new(ledger)))
        }
        Place::Postgres(url) => {
            PostgresLedger::open(url.text()).await.map(|ledger| AnyLedger::Postgres(Arc::new(ledger)))
        }
    }
    .map_err(|error| failed(place, &error))
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
pub(crate) async fn open_existing(place: &Place) -> Result<AnyLedger, Failure> {
    match place {
        Place::File(path) if !path.exists() => Err(Failure::new(exit::LEDGER, format!("there is no ledger {place}"))
            .hint("name the one the campaign was sent with: --ledger FILE")),
        Place::File(_) => open(place).await,
        Place::Postgres(url) => PostgresLedger::open_existing(url.text())
            .await
            .map(|ledger| AnyLedger::Postgres(Arc::new(ledger)))
            .map_err(|error| failed(place, &error)),
    }
}

/// The campaign of a name, or the latest.
pub(crate) async fn find(ledger: &dyn Ledger, place: &Place, name: Option<&str>) -> Result<CampaignRecord, Failure> {
    let campaigns = ledger.campaigns().await.map_err(|error| failed(place, &error))?;
    let found = match name {
        Some(name) => campaigns.iter().find(|campaign| campaign.name == name),
        None => campaigns.last(),
    };
    if let Some(campaign) = found {
        return Ok(campaign.clone());
    }
    let known: Vec<&str> = campaigns.iter().rev().take(5).map(|campaign| campaign.name.as_str()).collect();
    let sentence = match name {
        Some(name) => format!("the ledger {place} has no campaign {name}"),
        None => format!("the ledger {place} has no campaign"),
    };
    Err(Failure::new(exit::LEDGER, sentence).hint(if known.is_empty() {
        "it is empty: is it the ledger the campaign was sent with?".to_owned()
    } else {
        format!("it has: {}", known.join(", "))
    }))
}

/// What to type so that a command finds this ledger: nothing for the default one, nor for the one that the environment
/// names.
pub(crate) fn option(place: &Place) -> String {
    match place {
        Place::File(path) if default_path().is_ok_and(|default| default == *path) => String::new(),
        Place::File(path) => format!(" --ledger {}", path.display()),
        Place::Postgres(url) if url.is_of_environment() => String::new(),
        Place::Postgres(url) => format!(" --ledger {}", url.quoted()),
    }
}

/// The files of a ledger, none of which an output may take the place of.
pub(crate) fn files(place: &Place) -> Vec<(&'static str, PathBuf)> {
    let Place::File(path) = place else { return Vec::new() };
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
pub(crate) fn failed(place: &Place, error: &LedgerError) -> Failure {
    let code = match error.kind() {
        LedgerErrorKind::PlanTooLarge => exit::USAGE,
        LedgerErrorKind::NotRunning | LedgerErrorKind::Pruned => exit::LOOK,
        _ => exit::LEDGER,
    };
    let (told, hint) = match place {
        Place::Postgres(_) => (sentence(error), hint_of_server(place, error.kind())),
        Place::File(path) => (told(error), path.is_dir().then(|| "name a file in it".to_owned())),
    };
    let hint = hint.unwrap_or_else(|| hint_of(error.kind()).to_owned());
    Failure::new(code, format!("ledger {place}: {told}")).hint(hint)
}

fn hint_of(kind: LedgerErrorKind) -> &'static str {
    match kind {
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
    }
}

/// What to do about a server, where that is not what to do about a file.
fn hint_of_server(place: &Place, kind: LedgerErrorKind) -> Option<String> {
    Some(match kind {
        LedgerErrorKind::NotALedger => "name another with ?schema=NAME; this one was not changed".to_owned(),
        LedgerErrorKind::TooOld => format!("bring the tables up to date: sinch-batch ledger migrate{}", option(place)),
        LedgerErrorKind::NoSuchCampaign => "see what it holds: sinch-batch status --ledger URL".to_owned(),
        LedgerErrorKind::Full => "make room on the server, then go on with: sinch-batch resume CAMPAIGN".to_owned(),
        LedgerErrorKind::Busy => "is the server up? then run the command again: what was recorded stays".to_owned(),
        LedgerErrorKind::ReadOnly => "grant the role the schema and its tables, or name another role".to_owned(),
        LedgerErrorKind::Open => {
            "check host, database, user and password: postgres://user:password@host/database; createdb makes a \
             database, and the ledger makes its tables"
                .to_owned()
        }
        _ => return None,
    })
}

/// The error, with the storage's own words only where they say more.
pub(crate) fn told(error: &LedgerError) -> String {
    match error.kind() {
        LedgerErrorKind::Full | LedgerErrorKind::Busy => error.to_string(),
        _ => sentence(error),
    }
}
