//! The tables: are they there, and of which version.

use std::fmt::Write as _;

use tokio_postgres::error::SqlState;

use super::connection::{Connection, Params};
use super::fault::Fault;
use super::fetch::in_schema;
use super::records::get;
use crate::error::{LedgerError, LedgerErrorKind};

/// The version of the tables that this release reads and writes.
const VERSION: i32 = 1;

/// What brings the tables from each version to the next. A step may only add.
const STEPS: [&str; VERSION as usize] = [include_str!("tables.sql")];

/// How often two processes that create the same tables may meet.
const MEETINGS: usize = 20;

/// What is in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// There is no such schema.
    Nothing,
    /// It has no tables.
    Empty,
    Ledger {
        version: i32,
        oldest_reader: i32,
    },
    Other,
}

/// Makes the tables in an empty schema, if it may; else says whether they can be used.
pub(super) async fn open(connection: Connection<'_>, may_create: bool) -> Result<(), Fault> {
    refuse_forgetful(connection).await?;
    for _ in 0..MEETINGS {
        match look(connection).await? {
            Found::Nothing | Found::Empty if may_create => {}
            Found::Nothing | Found::Empty => {
                return Err(LedgerError::new(LedgerErrorKind::NotALedger, "the schema holds no ledger").into());
            }
            Found::Ledger { version: VERSION, .. } => return Ok(()),
            Found::Ledger { version, oldest_reader } if version > VERSION => {
                return if oldest_reader <= VERSION { Ok(()) } else { Err(too_new(version).into()) };
            }
            Found::Ledger { version, .. } => return Err(too_old(version).into()),
            Found::Other => return Err(not_a_ledger().into()),
        }
        if run(connection).await? {
            return Ok(());
        }
    }
    Err(LedgerError::new(LedgerErrorKind::Busy, "others create the tables of the ledger at the same time").into())
}

/// Brings the tables to the version of this release.
pub(super) async fn migrate(connection: Connection<'_>) -> Result<(), Fault> {
    refuse_forgetful(connection).await?;
    for _ in 0..MEETINGS {
        match look(connection).await? {
            Found::Ledger { version, .. } if version >= VERSION => return open(connection, false).await,
            Found::Other => return Err(not_a_ledger().into()),
            _ if run(connection).await? => return Ok(()),
            _ => {}
        }
    }
    Err(LedgerError::new(LedgerErrorKind::Busy, "others change the tables of the ledger at the same time").into())
}

/// The statements that [`migrate`] would run; empty if there is nothing to do.
pub(super) async fn migration(connection: Connection<'_>) -> Result<String, Fault> {
    let found = look(connection).await?;
    let from = match found {
        Found::Nothing | Found::Empty => 0,
        Found::Ledger { version, .. } => usize::try_from(version).unwrap_or(0),
        Found::Other => return Err(not_a_ledger().into()),
    };
    let Some(steps @ [_, ..]) = STEPS.get(from..) else { return Ok(String::new()) };
    let mut sql = String::from("BEGIN;\n");
    if found == Found::Nothing {
        let _ = writeln!(sql, "CREATE SCHEMA \"{}\";\n", connection.schema);
    }
    for step in steps {
        sql.push_str(&in_schema(step, connection.schema));
    }
    sql.push_str("COMMIT;\n");
    Ok(sql)
}

/// Runs the statements; `false` if another process was quicker.
async fn run(connection: Connection<'_>) -> Result<bool, Fault> {
    let sql = migration(connection).await?;
    let Err(error) = connection.client.batch_execute(&sql).await else { return Ok(true) };
    connection.batch("ROLLBACK").await?;
    let quicker =
        [SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT, SqlState::UNIQUE_VIOLATION];
    if error.code().is_some_and(|code| quicker.contains(code)) { Ok(false) } else { Err(error.into()) }
}

async fn look(connection: Connection<'_>) -> Result<Found, Fault> {
    let schemas = connection
        .query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &Params::new().text(connection.schema))
        .await?;
    if schemas.is_empty() {
        return Ok(Found::Nothing);
    }
    let tables = connection
        .query(
            "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
             ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm')",
            &Params::new().text(connection.schema),
        )
        .await?;
    if tables.is_empty() {
        return Ok(Found::Empty);
    }
    let mut is_marked = false;
    for table in &tables {
        is_marked |= get::<&str>(table, 0)? == "meta";
    }
    if !is_marked {
        return Ok(Found::Other);
    }
    match connection.query("SELECT application, version, oldest_reader FROM @.meta", &Params::new()).await {
        Ok(rows) => match rows.first() {
            Some(row) if get::<&str>(row, 0)? == "sinch-batch ledger" => {
                Ok(Found::Ledger { version: get(row, 1)?, oldest_reader: get(row, 2)? })
            }
            _ => Ok(Found::Other),
        },
        // Somebody else's table of that name.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => Ok(Found::Other),
        Err(error) => Err(error.into()),
    }
}

/// A server that does not wait for its disk forgets what it has promised.
async fn refuse_forgetful(connection: Connection<'_>) -> Result<(), Fault> {
    let rows = connection.query("SELECT current_setting('fsync', true)", &Params::new()).await?;
    let fsync = rows.first().map(|row| get::<Option<&str>>(row, 0)).transpose()?.flatten();
    if fsync == Some("off") {
        return Err(LedgerError::new(
            LedgerErrorKind::Open,
            "the server does not wait for its disk (fsync = off), so nothing in it is durable",
        )
        .into());
    }
    Ok(())
}

fn too_old(version: i32) -> LedgerError {
    LedgerError::new(
        LedgerErrorKind::TooOld,
        format!("the tables of the ledger are of version {version}, and this release needs version {VERSION}"),
    )
}

fn too_new(version: i32) -> LedgerError {
    LedgerError::new(
        LedgerErrorKind::TooNew,
        format!("the tables of the ledger are of version {version}, and this release knows up to version {VERSION}"),
    )
}

fn not_a_ledger() -> LedgerError {
    LedgerError::new(LedgerErrorKind::NotALedger, "the schema holds tables that are not a ledger of campaigns")
}
