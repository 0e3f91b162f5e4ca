//! Opening the file: is it a ledger, and of which version.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{storage, sums};
use crate::error::{LedgerError, LedgerErrorKind};

/// Marks a SQLite file as a ledger: "SBLg".
const APPLICATION_ID: i64 = 0x5342_4c67;

/// The tables of this version.
const TABLES: &str = include_str!("tables.sql");

/// The tables that came with version 5.
const SUMS: &str = include_str!("sums.sql");

/// What came with version 6: whether messages of a campaign were removed.
const PRUNED: &str = "ALTER TABLE standing ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0";

/// The version of the tables that this release reads and writes.
const VERSION: usize = 6;

/// The oldest version that is brought up to date when it is opened for writing.
const OLDEST: usize = 4;

/// How long to wait for another process before giving up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Statements kept ready; more than the ledger has.
const STATEMENTS: usize = 64;

/// Opens a ledger for writing; makes one of a file that is new or empty.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    refuse_folders(path)?;
    refuse_hard_links(path)?;
    let connection = connect(path)?;
    if connection.is_readonly("main").map_err(storage)? {
        return Err(LedgerError::new(LedgerErrorKind::ReadOnly, "the ledger file cannot be written"));
    }
    if in_transaction(&connection, "BEGIN", version)? == 0 {
        // Pages that become free can be given back. It has to be said before there is any table.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(storage)?;
        // Another process may have been quicker, so it is looked at again under the lock.
        in_transaction(&connection, "BEGIN IMMEDIATE", |connection| match version(connection)? {
            0 => make_tables(connection),
            _ => Ok(()),
        })?;
    }
    if in_transaction(&connection, "BEGIN", version)? < VERSION {
        in_transaction(&connection, "BEGIN IMMEDIATE", |connection| match version(connection)? {
            from @ OLDEST..VERSION => bring_up_to_date(connection, from),
            _ => Ok(()),
        })?;
    }
    use_write_ahead_log(&connection)?;
    Ok(connection)
}

/// Opens a ledger, which is known to be one, for reading only.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, LedgerError> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true).map_err(storage)?;
    Ok(connection)
}

/// SQLite would only say that it cannot open it.
fn refuse_folders(path: &Path) -> Result<(), LedgerError> {
    if path.is_dir() {
        return Err(LedgerError::new(LedgerErrorKind::Open, "it is a folder, and a ledger is a file"));
    }
    Ok(())
}

/// SQLite names its journal after the path, so that two names of one file would have two journals, and
/// the writers by one name would not see those by the other. Symbolic links it follows first.
#[cfg(unix)]
fn refuse_hard_links(path: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::MetadataExt;

    match std::fs::metadata(path) {
        Ok(file) if file.is_file() && file.nlink() > 1 => Err(LedgerError::new(
            LedgerErrorKind::Open,
            format!(
                "the ledger file has {} names (hard links); remove all but the one it was created by",
                file.nlink()
            ),
        )),
        // A file that is not there yet, or that SQLite will say cannot be opened.
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn refuse_hard_links(_: &Path) -> Result<(), LedgerError> {
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(storage)?;
    connection.busy_timeout(PATIENCE).map_err(storage)?;
    // A commit is on the disk when it returns, not only handed to the operating system.
    connection.pragma_update(None, "synchronous", "FULL").map_err(storage)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A prepared statement stays as it is, whatever is bound to it. Otherwise SQLite parses and plans one that looks for
    // a range anew each time, for the sake of statistics that a ledger does not have.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(storage)?;
    Ok(connection)
}

/// The version of the tables in a file; 0 if it is empty.
fn version(connection: &Connection) -> Result<usize, LedgerError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(storage);
    let application_id = number("PRAGMA application_id")?;
    let version = usize::try_from(number("PRAGMA user_version")?).map_err(|_| not_a_ledger())?;
    match (application_id, version) {
        (APPLICATION_ID, OLDEST..=VERSION) => Ok(version),
        (APPLICATION_ID, 1..OLDEST) => Err(LedgerError::new(
            LedgerErrorKind::TooOld,
            format!("the ledger file is of version {version}; finish with the release that began it"),
        )),
        (APPLICATION_ID, version) if version > VERSION => Err(LedgerError::new(
            LedgerErrorKind::TooNew,
            format!("the ledger file is of version {version}, and this release reads up to version {VERSION}"),
        )),
        (0, 0) if number("SELECT count(*) FROM sqlite_schema")? == 0 => Ok(0),
        _ => Err(not_a_ledger()),
    }
}

fn make_tables(connection: &Connection) -> Result<(), LedgerError> {
    connection
        .execute_batch(TABLES)
        .and_then(|()| connection.execute_batch(SUMS))
        .and_then(|()| connection.execute_batch(PRUNED))
        .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION as i64))
        .map_err(storage)
}

/// From an older version to this one.
fn bring_up_to_date(connection: &Connection, from: usize) -> Result<(), LedgerError> {
    if from < 5 {
        connection.execute_batch(SUMS).map_err(storage)?;
        sums::fill(connection)?;
    }
    connection.execute_batch(PRUNED).map_err(storage)?;
    connection.pragma_update(None, "user_version", VERSION as i64).map_err(storage)
}

pub(super) fn not_a_ledger() -> LedgerError {
    LedgerError::new(LedgerErrorKind::NotALedger, "the file is not a ledger of campaigns")
}

fn in_transaction<T>(
    connection: &Connection,
    begin: &str,
    work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    connection.execute_batch(begin).map_err(storage)?;
    let result = work(connection).and_then(|value| {
        connection.execute_batch("COMMIT").map_err(storage)?;
        Ok(value)
    });
    if result.is_err() && !connection.is_autocommit() {
        // The first error is the one to tell.
        let _ = connection.execute_batch("ROLLBACK");
    }
    result
}

/// Lets readers and the writer not wait for each other. It stays with the file.
///
/// Where the file system cannot do it SQLite keeps its older journal, which is as durable.
fn use_write_ahead_log(connection: &Connection) -> Result<(), LedgerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The switch needs the file for itself for a moment, and SQLite does not wait for that.
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(storage) {
            Err(error) if error.kind() == LedgerErrorKind::Busy && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}
