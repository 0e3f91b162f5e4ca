//! What a fault of Postgres means to the caller.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::error::{LedgerError, LedgerErrorKind};

/// How long the same thing is tried again while the server is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why a try failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing that another try would cure.
    Ledger(LedgerError),
    /// The server, or the way to it.
    Server(tokio_postgres::Error),
    /// There was no connection in time.
    NoConnection,
    /// The server did not answer in time.
    Silent,
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Server(error),
            _ => Self::NoConnection,
        }
    }
}

impl Fault {
    /// Whether the same may succeed when it is tried again: a transaction that was in another's way, a server
    /// that restarts or has become another, a connection that was lost.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Ledger(_) => false,
            Self::NoConnection | Self::Silent => true,
            Self::Server(error) => is_passing(error),
        }
    }

    /// Whether the connection is gone, so that nobody knows what became of a commit.
    pub(super) fn is_disconnected(&self) -> bool {
        match self {
            Self::Server(error) => error.code().is_none_or(is_shutdown),
            Self::Silent => true,
            Self::Ledger(_) | Self::NoConnection => false,
        }
    }

    /// Whether two writers gave the same name to different things at once.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    /// The error, after the last try.
    pub(super) fn into_error(self) -> LedgerError {
        let passing = self.is_passing();
        match self {
            Self::Ledger(error) => error,
            Self::NoConnection => LedgerError::new(LedgerErrorKind::Busy, "no connection to the server came free"),
            Self::Silent => LedgerError::new(LedgerErrorKind::Busy, "the server of the ledger does not answer"),
            Self::Server(error) if passing => {
                LedgerError::new(LedgerErrorKind::Busy, "the server of the ledger cannot be reached")
                    .with_source(ServerError::of(&error))
            }
            Self::Server(error) => storage(error),
        }
    }
}

fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else { return error.is_closed() || has_io(error) };
    [
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        &SqlState::TOO_MANY_CONNECTIONS,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(&code)
        || is_shutdown(code)
}

fn is_shutdown(code: &SqlState) -> bool {
    [&SqlState::ADMIN_SHUTDOWN, &SqlState::CRASH_SHUTDOWN, &SqlState::CANNOT_CONNECT_NOW].contains(&code)
        || code.code().starts_with("08")
}

/// Whether a socket failed, which may pass.
fn has_io(error: &tokio_postgres::Error) -> bool {
    io_kind(error).is_some_and(|kind| !is_mistrust(kind))
}

/// How TLS says that it does not trust the other side.
fn is_mistrust(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

fn io_kind(error: &tokio_postgres::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// What the server said, without what it shows of a row: that may be the text of a message.
struct ServerError(String);

impl ServerError {
    fn of(error: &tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else { return Self(chain(error)) };
        let code = said.code().code();
        // These are about values, and show them.
        if code.starts_with("22") || code.starts_with("23") {
            let named = [said.table(), said.column(), said.constraint()];
            let named: Vec<&str> = named.into_iter().flatten().collect();
            return Self(format!("{} {code}: {}", said.severity(), named.join(" ")));
        }
        Self(format!("{} {code}: {}", said.severity(), said.message()))
    }
}

/// An error of the driver, and what it comes of.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ServerError {}

/// What a fault means that another try would not cure. The server's own words are the source.
pub(super) fn storage(error: tokio_postgres::Error) -> LedgerError {
    let code = error.code().map_or("", |code| code.code());
    let (kind, message) = match code {
        "53100" | "53200" | "53400" => (LedgerErrorKind::Full, "the server of the ledger has no room left"),
        "55P03" => (LedgerErrorKind::Busy, "another process held the ledger for too long"),
        "42501" => (LedgerErrorKind::ReadOnly, "the role may not write the tables of the ledger"),
        "23505" => (LedgerErrorKind::Impossible, "two writers gave the same id at once"),
        "3D000" => (LedgerErrorKind::Open, "the server has no such database"),
        _ if code.starts_with("28") => (LedgerErrorKind::Open, "the server of the ledger refused the user or password"),
        "" if io_kind(&error).is_some_and(is_mistrust) => {
            (LedgerErrorKind::Open, "the certificate of the server is not trusted, or is another host's")
        }
        "" => (LedgerErrorKind::Open, "the server of the ledger cannot be reached"),
        _ => (LedgerErrorKind::Other, "the ledger could not be read or written"),
    };
    LedgerError::new(kind, message).with_source(ServerError::of(&error))
}
