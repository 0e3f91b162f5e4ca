//! Tables as the source and the target of a transfer into another ledger.

use std::collections::BTreeSet;

use deadpool_postgres::Object;
use sinch_batch_models::BatchId;
use sinch_batch_tracking::CampaignKey;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_postgres::Row;

use super::PostgresLedger;
use super::connection::{Connection, Params};
use super::fault::Fault;
use super::fetch::fetch;
use super::group::{CLOCK, Place, Tries, in_time};
use super::need::{Base, Need};
use super::overlay::Overlay;
use super::records::{damaged, get};
use super::write::Writes;
use crate::copy::{
    Copied, EARLY_BATCHES, EARLY_CAMPAIGNS, Kept, Kind, PAGE, Page, Part, TABLES, Table, Value, WholeLedger, both_have,
    cut_short, in_use, moved,
};
use crate::decide;
use crate::error::LedgerError;
use crate::ledger::BoxFuture;
use crate::store::StoreLimits;

/// All of it as of one moment. The other end may be slow.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL idle_in_transaction_session_timeout = '60s'";

const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; \
     SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '60s'";

impl WholeLedger for PostgresLedger {
    fn export(&self, pages: Sender<Page>) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            let client = client(&self.place).await?;
            let result = export(Connection { client: &client, schema: &self.place.schema }, &pages).await;
            finish(client, result).await
        })
    }

    fn import(&self, mut pages: Receiver<Page>) -> BoxFuture<'_, Result<Copied, LedgerError>> {
        Box::pin(async move {
            let client = client(&self.place).await?;
            let result =
                import(Connection { client: &client, schema: &self.place.schema }, self.place.limits, &mut pages).await;
            finish(client, result).await
        })
    }
}

async fn client(place: &Place) -> Result<Object, LedgerError> {
    Tries::new(place).client().await.map_err(Fault::into_error)
}

/// A transaction that is still open is undone, or its connection thrown away.
async fn finish<T>(client: Object, result: Result<T, Fault>) -> Result<T, LedgerError> {
    if let Err(fault) = &result
        && (fault.is_disconnected() || client.batch_execute("ROLLBACK").await.is_err())
    {
        drop(Object::take(client));
    }
    result.map_err(Fault::into_error)
}

async fn export(connection: Connection<'_>, pages: &Sender<Page>) -> Result<(), Fault> {
    connection.batch(BEGIN_READING).await?;
    let live = format!("SELECT 1 FROM @.batch WHERE lease_until > ({CLOCK}) AND stage < 3 LIMIT 1");
    if !connection.query(&live, &Params::new()).await?.is_empty() {
        return Err(in_use().into());
    }
    for table in &TABLES {
        let mut last: Option<Vec<Value>> = None;
        loop {
            let (sql, params) = page_after(table, last.as_deref());
            let rows = in_time(async { Ok(connection.query(&sql, &params).await?) }).await?;
            let rows: Vec<Vec<Value>> = rows.iter().map(|row| read(table, row)).collect::<Result<_, _>>()?;
            let is_last = rows.len() < PAGE;
            last = rows.last().cloned();
            if !rows.is_empty() && pages.send(Page(Part::Rows(table, rows))).await.is_err() {
                // The other end knows why.
                return Ok(connection.batch("ROLLBACK").await?);
            }
            if is_last {
                break;
            }
        }
    }
    // If the other end has gone away, it knows why.
    let _ = pages.send(Page(Part::End)).await;
    Ok(connection.batch("ROLLBACK").await?)
}

/// The rows of a table that come after one.
fn page_after(table: &Table, last: Option<&[Value]>) -> (String, Params) {
    let columns = table.list(|name, kind| match kind {
        Kind::Small | Kind::Stage => format!("{name}::bigint"),
        Kind::Flag => format!("{name}::int::bigint"),
        Kind::Campaign | Kind::Integer | Kind::Text | Kind::Bytes => name.to_owned(),
    });
    let mut params = Params::new();
    let mut after = String::new();
    if let Some(last) = last {
        let places: Vec<String> = (1..=table.order.split(", ").count()).map(|number| format!("${number}")).collect();
        after = format!("WHERE ({}) > ({})", table.order, places.join(", "));
        for key in table.order.split(", ") {
            match table.place(key).and_then(|at| last.get(at)) {
                Some(Value::Integer(number)) => params = params.integer(*number),
                Some(Value::Text(text)) => params = params.text(text),
                // No key is anything else.
                _ => {}
            }
        }
    }
    (format!("SELECT {columns} FROM @.{} {after} ORDER BY {} LIMIT {PAGE}", table.name, table.order), params)
}

fn read(table: &Table, row: &Row) -> Result<Vec<Value>, LedgerError> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (at, (_, kind)) in table.columns.iter().enumerate() {
        let value = match kind {
            Kind::Campaign | Kind::Integer | Kind::Small | Kind::Flag | Kind::Stage => {
                get::<Option<i64>>(row, at)?.map(Value::Integer)
            }
            Kind::Text => get::<Option<String>>(row, at)?.map(Value::Text),
            Kind::Bytes => get::<Option<Vec<u8>>>(row, at)?.map(Value::Bytes),
        };
        values.push(value.unwrap_or(Value::Null));
    }
    Ok(values)
}

async fn import(connection: Connection<'_>, limits: StoreLimits, pages: &mut Receiver<Page>) -> Result<Copied, Fault> {
    connection.batch(BEGIN_WRITING).await?;
    // Receipts may be for any campaign. The order is that of every writer.
    connection.query("SELECT 1 FROM @.standing ORDER BY campaign FOR UPDATE", &Params::new()).await?;
    // Nobody creates a campaign meanwhile.
    connection.query("SELECT version FROM @.meta FOR UPDATE", &Params::new()).await?;
    let highest = connection.query("SELECT coalesce(max(id), 0) FROM @.campaign", &Params::new()).await?;
    let by: i64 = get(highest.first().ok_or_else(damaged)?, 0)?;
    let mut copied = Copied::default();
    loop {
        match pages.recv().await.ok_or_else(cut_short)?.0 {
            Part::End => break,
            Part::Rows(table, mut rows) => {
                moved(table, &mut rows, by);
                if table.name == "campaign" {
                    refuse_known(connection, table, &rows).await?;
                }
                let kept: Option<Vec<_>> = rows.iter().map(|row| Kept::of(table, row)).collect();
                if let Some(kept) = kept {
                    let kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?;
                    in_time(merge(connection, limits, &kept, |overlay, kept| kept.put(overlay))).await?;
                } else {
                    let (sql, params) = write(table, &rows)?;
                    in_time(async { Ok(connection.execute(&sql, &params).await?) }).await?;
                }
                copied.count(table, rows.len());
            }
        }
    }
    settle(connection, limits).await?;
    connection.batch("COMMIT").await?;
    Ok(copied)
}

/// Applies what waited here for what has come.
async fn settle(connection: Connection<'_>, limits: StoreLimits) -> Result<(), Fault> {
    let early = async |sql| {
        let rows = connection.query(sql, &Params::new()).await?;
        Ok::<_, Fault>(rows.iter().map(|row| get::<String>(row, 0)).collect::<Result<Vec<_>, _>>()?)
    };
    for ids in early(EARLY_BATCHES).await?.chunks(PAGE) {
        let settle = |overlay: &mut Overlay, id: &String| decide::settle_batch(overlay, &BatchId::new(id.as_str()));
        in_time(merge(connection, limits, ids, settle)).await?;
    }
    for keys in early(EARLY_CAMPAIGNS).await?.chunks(PAGE) {
        let settle =
            |overlay: &mut Overlay, key: &String| decide::settle_campaign(overlay, &CampaignKey::from(key.as_str()));
        in_time(merge(connection, limits, keys, settle)).await?;
    }
    Ok(())
}

/// Decides about each of some things within the transaction that is open, and writes what that changes.
async fn merge<T>(
    connection: Connection<'_>,
    limits: StoreLimits,
    all: &[T],
    decide: impl Fn(&mut Overlay, &T) -> Result<(), LedgerError>,
) -> Result<(), Fault> {
    let mut base = Base { global: true, ..Base::default() };
    let mut fetched = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    loop {
        let new: Vec<Need> = wanted.difference(&fetched).cloned().collect();
        fetch(&connection, &mut base, &new).await?;
        fetched.extend(new);
        let mut overlay = Overlay::new(std::mem::take(&mut base), limits, false);
        let mut outcome = Ok(());
        for one in all {
            // What is missing for the others is noted too.
            outcome = outcome.and(decide(&mut overlay, one));
        }
        overlay.end_job(outcome.is_ok());
        let (renewed, changes, missed) = overlay.into_parts();
        base = renewed;
        if missed.is_subset(&fetched) {
            outcome?;
            for (sql, params) in Writes::of(changes, limits).0 {
                connection.execute(&sql, &params).await?;
            }
            return Ok(());
        }
        wanted.extend(missed);
    }
}

async fn refuse_known(connection: Connection<'_>, table: &Table, rows: &[Vec<Value>]) -> Result<(), Fault> {
    let all = |column| texts(rows, table.place(column).unwrap_or_default());
    let known = connection
        .query(
            "SELECT name FROM @.campaign WHERE name = ANY($1) OR key = ANY($2) ORDER BY id LIMIT 1",
            &Params::new().texts(all("name")).texts(all("key")),
        )
        .await?;
    match known.first() {
        Some(row) => Err(both_have(get(row, 0)?).into()),
        None => Ok(()),
    }
}

/// One statement for a page of rows.
fn write(table: &Table, rows: &[Vec<Value>]) -> Result<(String, Params), LedgerError> {
    let mut params = Params::new();
    for (at, (_, kind)) in table.columns.iter().enumerate() {
        params = match kind {
            Kind::Campaign | Kind::Integer | Kind::Small | Kind::Flag | Kind::Stage => {
                params.maybe_integers(rows.iter().map(|row| row.get(at).and_then(Value::integer)).collect())
            }
            Kind::Text => params
                .maybe_texts(rows.iter().map(|row| row.get(at).and_then(Value::text).map(str::to_owned)).collect()),
            Kind::Bytes => params.bytes(rows.iter().map(|row| bytes(row.get(at))).collect::<Result<_, _>>()?),
        };
    }
    let values = table.list(|name, kind| match kind {
        Kind::Small | Kind::Stage => format!("x.{name}::smallint"),
        Kind::Flag => format!("x.{name} <> 0"),
        Kind::Campaign | Kind::Integer | Kind::Text | Kind::Bytes => format!("x.{name}"),
    });
    let names = table.list(|name, _| name.to_owned());
    let arrays: Vec<String> = (1..=table.columns.len()).map(|number| format!("${number}")).collect();
    let sql = format!(
        "INSERT INTO @.{} AS t ({names}) SELECT {values} FROM unnest({}) AS x ({names}) {}",
        table.name,
        arrays.join(", "),
        table.conflict
    );
    Ok((sql, params))
}

fn texts(rows: &[Vec<Value>], at: usize) -> Vec<String> {
    rows.iter().filter_map(|row| row.get(at).and_then(Value::text).map(str::to_owned)).collect()
}

fn bytes(value: Option<&Value>) -> Result<Vec<u8>, LedgerError> {
    match value {
        Some(Value::Bytes(bytes)) => Ok(bytes.clone()),
        _ => Err(damaged()),
    }
}
