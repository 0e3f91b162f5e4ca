//! A file as the source and the target of a copy.

use rusqlite::types::{ToSqlOutput, Value as Column, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter};
use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::CampaignKey;
use tokio::sync::mpsc::{Receiver, Sender};

use super::columns::read_stage;
use super::tables::Tables;
use super::{SqliteLedger, storage};
use crate::copy::{
    Copied, EARLY_BATCHES, EARLY_CAMPAIGNS, Kept, Kind, PAGE, Page, Part, TABLES, Table, Value, WholeLedger, both_have,
    cut_short, in_use, moved,
};
use crate::decide;
use crate::entry::BatchStage;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::ledger::BoxFuture;

impl WholeLedger for SqliteLedger {
    fn export(&self, pages: Sender<Page>) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.reader.run(move |tables| {
            let connection = tables.connection();
            connection.execute_batch("BEGIN").map_err(storage)?;
            let result = export(connection, &pages);
            // Nothing was written.
            connection.execute_batch("ROLLBACK").map_err(storage)?;
            result
        })
    }

    fn import(&self, mut pages: Receiver<Page>) -> BoxFuture<'_, Result<Copied, LedgerError>> {
        // One job is one savepoint: all of it, or nothing.
        self.write(move |tables| import(tables, &mut pages))
    }
}

fn export(connection: &Connection, pages: &Sender<Page>) -> Result<(), LedgerError> {
    let live = "SELECT 1 FROM batch WHERE lease_until > ?1 AND stage NOT IN ('accepted', 'skipped') LIMIT 1";
    let now = Timestamp::now().as_microsecond();
    if connection.query_row(live, [now], |_| Ok(())).optional().map_err(storage)?.is_some() {
        return Err(in_use());
    }
    for table in &TABLES {
        let sql =
            format!("SELECT {} FROM {} ORDER BY {}", table.list(|name, _| name.to_owned()), table.name, table.order);
        let mut statement = connection.prepare(&sql).map_err(storage)?;
        let mut found = statement.query([]).map_err(storage)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(storage)? {
            let mut values = Vec::with_capacity(table.columns.len());
            for (at, (_, kind)) in table.columns.iter().enumerate() {
                values.push(read(row.get_ref(at).map_err(storage)?, *kind)?);
            }
            rows.push(values);
            if rows.len() == PAGE {
                let page = std::mem::take(&mut rows);
                if pages.blocking_send(Page(Part::Rows(table, page))).is_err() {
                    // The other end knows why.
                    return Ok(());
                }
            }
        }
        if !rows.is_empty() && pages.blocking_send(Page(Part::Rows(table, rows))).is_err() {
            return Ok(());
        }
    }
    // If the other end has gone away, it knows why.
    let _ = pages.blocking_send(Page(Part::End));
    Ok(())
}

fn read(column: ValueRef<'_>, kind: Kind) -> Result<Value, LedgerError> {
    Ok(match (column, kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Text(word), Kind::Stage) => {
            let stage = std::str::from_utf8(word).map_err(|_| damaged()).and_then(read_stage)?;
            Value::Integer(stage_number(stage))
        }
        (ValueRef::Integer(number), Kind::Campaign | Kind::Integer | Kind::Small | Kind::Flag) => {
            Value::Integer(number)
        }
        (ValueRef::Text(text), Kind::Text) => Value::Text(String::from_utf8(text.to_vec()).map_err(|_| damaged())?),
        (ValueRef::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes.to_vec()),
        _ => return Err(damaged()),
    })
}

fn import(tables: &mut Tables, pages: &mut Receiver<Page>) -> Result<Copied, LedgerError> {
    let by = tables
        .connection()
        .query_row("SELECT coalesce(max(id), 0) FROM campaign", [], |row| row.get(0))
        .map_err(storage)?;
    let mut copied = Copied::default();
    loop {
        match pages.blocking_recv().ok_or_else(cut_short)?.0 {
            Part::End => {
                settle(tables)?;
                return Ok(copied);
            }
            Part::Rows(table, mut rows) => {
                moved(table, &mut rows, by);
                if table.name == "campaign" {
                    refuse_known(tables.connection(), table, &rows)?;
                }
                let kept: Option<Vec<_>> = rows.iter().map(|row| Kept::of(table, row)).collect();
                match kept {
                    Some(kept) => kept.into_iter().try_for_each(|kept| kept?.put(tables))?,
                    None => write(tables.connection(), table, &rows)?,
                }
                copied.count(table, rows.len());
            }
        }
    }
}

/// Applies what waited here for what has come.
fn settle(tables: &mut Tables) -> Result<(), LedgerError> {
    for id in texts(tables.connection(), EARLY_BATCHES)? {
        decide::settle_batch(tables, &BatchId::new(id))?;
    }
    for key in texts(tables.connection(), EARLY_CAMPAIGNS)? {
        decide::settle_campaign(tables, &CampaignKey::from(key.as_str()))?;
    }
    Ok(())
}

fn texts(connection: &Connection, sql: &str) -> Result<Vec<String>, LedgerError> {
    let mut statement = connection.prepare(&sql.replace("@.", "")).map_err(storage)?;
    let found = statement.query_map([], |row| row.get(0)).map_err(storage)?;
    found.collect::<Result<_, _>>().map_err(storage)
}

fn refuse_known(connection: &Connection, table: &Table, rows: &[Vec<Value>]) -> Result<(), LedgerError> {
    let sql = "SELECT 1 FROM campaign WHERE name = ?1 OR key = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(storage)?;
    for row in rows {
        let text = |column| table.place(column).and_then(|at| row.get(at)).and_then(Value::text).unwrap_or_default();
        if statement.exists([text("name"), text("key")]).map_err(storage)? {
            return Err(both_have(text("name")));
        }
    }
    Ok(())
}

fn write(connection: &Connection, table: &Table, rows: &[Vec<Value>]) -> Result<(), LedgerError> {
    let places: Vec<String> = (1..=table.columns.len()).map(|number| format!("?{number}")).collect();
    let sql = format!(
        "INSERT INTO {} AS t ({}) VALUES ({}) {}",
        table.name,
        table.list(|name, _| name.to_owned()),
        places.join(", "),
        table.conflict
    );
    let mut statement = connection.prepare_cached(&sql).map_err(storage)?;
    for row in rows {
        let columns = row.iter().zip(table.columns).map(|(value, (_, kind))| Written(value, *kind));
        statement.execute(params_from_iter(columns)).map_err(storage)?;
    }
    Ok(())
}

/// A value as this format has it.
struct Written<'a>(&'a Value, Kind);

impl ToSql for Written<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match (self.0, self.1) {
            (Value::Null, _) => ToSqlOutput::Owned(Column::Null),
            (Value::Integer(number), Kind::Stage) => {
                ToSqlOutput::Borrowed(ValueRef::Text(stage(*number).as_str().as_bytes()))
            }
            (Value::Integer(number), _) => ToSqlOutput::Owned(Column::Integer(*number)),
            (Value::Text(text), _) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            (Value::Bytes(bytes), _) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

/// What a number on the way means: see `read`.
fn stage(number: i64) -> BatchStage {
    use BatchStage::{Accepted, Planned, Refused, Skipped, Unknown};

    let all = [Planned, Unknown, Refused, Accepted, Skipped];
    // One that nobody gave is looked up before anything is sent.
    all.into_iter().find(|stage| stage_number(*stage) == number).unwrap_or(Unknown)
}

/// The number of a stage on the way, which is that of the tables in Postgres.
fn stage_number(stage: BatchStage) -> i64 {
    match stage {
        BatchStage::Planned => 0,
        BatchStage::Unknown => 1,
        BatchStage::Refused => 2,
        BatchStage::Accepted => 3,
        BatchStage::Skipped => 4,
    }
}

fn damaged() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "the ledger file is damaged")
}
