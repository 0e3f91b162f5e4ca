//! `ledger migrate`: the tables of this release.

use serde::Serialize;
use sinch_batch::ledger::PostgresLedger;

use crate::args::MigrateArgs;
use crate::fail::{Failure, output};
use crate::ledgers::Place;
use crate::output::{out, write_json_line};
use crate::{exit, ledgers};

#[derive(Serialize)]
struct Migration<'a> {
    ledger: String,
    /// Whether something was to do.
    changed: bool,
    /// What was not run, because it was only asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
}

pub(crate) async fn run(args: &MigrateArgs) -> Result<u8, Failure> {
    let place = ledgers::place(&args.ledger)?;
    let sql = statements(&place).await?;
    if args.print {
        let sql = sql.unwrap_or_default();
        if args.json.json {
            write_json_line(&Migration { ledger: place.to_string(), changed: false, sql: Some(&sql) })?;
        } else if sql.is_empty() {
            out(b"-- the tables are up to date\n").map_err(output)?;
        } else {
            out(sql.as_bytes()).map_err(output)?;
        }
        return Ok(exit::OK);
    }
    let changed = match (&place, sql) {
        (Place::Postgres(url), Some(sql)) => {
            PostgresLedger::migrate(url.text()).await.map_err(|error| ledgers::failed(&place, &error))?;
            !sql.is_empty()
        }
        // Opening a file is all it needs.
        _ => {
            ledgers::open(&place).await?;
            false
        }
    };
    if args.json.json {
        write_json_line(&Migration { ledger: place.to_string(), changed, sql: None })?;
    } else {
        let what = if changed { "the tables were made for this release" } else { "the tables are up to date" };
        out(format!("ledger {place}: {what}\n").as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}

/// What is to be done to a server; `None` for a file, whose tables are brought up to date when it is opened.
async fn statements(place: &Place) -> Result<Option<String>, Failure> {
    let Place::Postgres(url) = place else { return Ok(None) };
    PostgresLedger::migration(url.text()).await.map(Some).map_err(|error| ledgers::failed(place, &error))
}
