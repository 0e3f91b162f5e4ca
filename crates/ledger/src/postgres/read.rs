//! What is only read: one statement each, and beside it whether the campaign exists.

use sinch_batch_models::Timestamp;
use sinch_batch_tracking::MessageState;
use tokio_postgres::Row;

use super::connection::{Connection, Params};
use super::fault::Fault;
use super::group::{CLOCK, Place, Tries, WhoseClock, in_time};
use super::records::{
    BATCH, CAMPAIGN, STATE, SUMS, damaged, get, number, read_batch, read_campaign, read_state, read_sums, small, time,
};
use super::told_by;
use crate::callback::{CallbackCount, DeferredCounts};
use crate::campaign::{CampaignId, CampaignRecord};
use crate::entry::{BatchRecord, MessageFailure};
use crate::error::LedgerError;
use crate::lease::Held;
use crate::rows::RowSpans;
use crate::status::CampaignStatus;
use crate::sums::{Pulse, ReasonCount};

async fn query(place: &Place, sql: &str, params: Params) -> Result<Vec<Row>, LedgerError> {
    let rows = query_all(place, &[(sql, &params)]).await?;
    Ok(rows.into_iter().flatten().collect())
}

async fn query_all(place: &Place, statements: &[(&str, &Params)]) -> Result<Vec<Vec<Row>>, LedgerError> {
    let mut tries = Tries::new(place);
    loop {
        let client = tries.client().await.map_err(Fault::into_error)?;
        let connection = Connection { client: &client, schema: &place.schema };
        match in_time(connection.query_all(statements)).await {
            Ok(rows) => return Ok(rows),
            Err(fault) => tries.after(client, fault).await.map_err(Fault::into_error)?,
        }
    }
}

/// The rows of a campaign that has to exist.
async fn of(place: &Place, id: CampaignId, sql: &str, params: Params) -> Result<Vec<Row>, LedgerError> {
    let exists = ("SELECT 1 FROM @.standing WHERE campaign = $1", &Params::new().integer(id.get()));
    let mut rows = query_all(place, &[exists, (sql, &params)]).await?.into_iter();
    match (rows.next(), rows.next()) {
        (Some(known), Some(rows)) if !known.is_empty() => Ok(rows),
        _ => Err(LedgerError::no_such_campaign()),
    }
}

pub(super) async fn held(place: &Place, id: CampaignId, now: Timestamp) -> Result<Vec<Held>, LedgerError> {
    let clock = match place.clock {
        WhoseClock::Server => CLOCK,
        WhoseClock::Caller => "SELECT $2::bigint",
    };
    let sql = format!(
        "SELECT b.worker, count(*), max(b.lease_until) - clock.now + $2 FROM @.batch b, ({clock}) AS clock (now) \
         WHERE b.campaign = $1 AND b.worker IS NOT NULL AND b.lease_until > clock.now AND b.stage < 3 \
         GROUP BY b.worker, clock.now ORDER BY b.worker COLLATE \"C\""
    );
    let rows = of(place, id, &sql, Params::new().integer(id.get()).integer(now.as_microsecond())).await?;
    rows.iter().map(|row| Ok(Held::new(get::<String>(row, 0)?, small(row, 1)?, time(row, 2)?))).collect()
}

pub(super) async fn campaign(place: &Place, name: &str) -> Result<Option<CampaignRecord>, LedgerError> {
    let sql = format!("SELECT {CAMPAIGN} FROM @.campaign WHERE name = $1");
    query(place, &sql, Params::new().text(name)).await?.first().map(read_campaign).transpose()
}

pub(super) async fn campaigns(place: &Place) -> Result<Vec<CampaignRecord>, LedgerError> {
    let sql = format!("SELECT {CAMPAIGN} FROM @.campaign ORDER BY id");
    query(place, &sql, Params::new()).await?.iter().map(read_campaign).collect()
}

pub(super) async fn callbacks(place: &Place) -> Result<Vec<CallbackCount>, LedgerError> {
    let sql = "SELECT kind, count, first, last FROM @.callback ORDER BY kind COLLATE \"C\"";
    let rows = query(place, sql, Params::new()).await?;
    let read =
        |row: &Row| Ok(CallbackCount::new(get::<String>(row, 0)?, number(row, 1)?, time(row, 2)?, time(row, 3)?));
    rows.iter().map(read).collect()
}

pub(super) async fn deferred(place: &Place) -> Result<DeferredCounts, LedgerError> {
    let sql = "SELECT (SELECT count(*) FROM @.deferred), (SELECT count(*) FROM @.orphan), \
               coalesce((SELECT count FROM @.dropped WHERE what = 'orphan'), 0)";
    let rows = query(place, sql, Params::new()).await?;
    let row = rows.first().ok_or_else(damaged)?;
    Ok(DeferredCounts::new(number(row, 0)?, number(row, 1)?, number(row, 2)?))
}

pub(super) async fn status(place: &Place, id: CampaignId) -> Result<CampaignStatus, LedgerError> {
    let sql = format!("SELECT {SUMS} FROM @.standing WHERE campaign = $1");
    let rows = query(place, &sql, Params::new().integer(id.get())).await?;
    let row = rows.first().ok_or_else(LedgerError::no_such_campaign)?;
    Ok(read_sums(row)?.status())
}

pub(super) async fn batches(
    place: &Place,
    id: CampaignId,
    after: u32,
    limit: u32,
) -> Result<Vec<BatchRecord>, LedgerError> {
    let sql = format!(
        "SELECT ({CLOCK}), {BATCH} FROM @.batch b WHERE campaign = $1 AND number > $2 ORDER BY number LIMIT $3"
    );
    let params = Params::new().integer(id.get()).integer(after.into()).integer(limit.into());
    let rows = of(place, id, &sql, params).await?;
    let caller = Timestamp::now();
    let read = |row: &Row| {
        let mut batch = read_batch(row, 1)?.into_record();
        if place.clock == WhoseClock::Server {
            let server = time(row, 0)?;
            batch.held_until = batch.held_until.map(|until| told_by(until, caller, server));
        }
        Ok(batch)
    };
    rows.iter().map(read).collect()
}

pub(super) async fn messages(
    place: &Place,
    id: CampaignId,
    after_row: u64,
    limit: u32,
) -> Result<Vec<(u64, MessageState)>, LedgerError> {
    let sql = format!("SELECT row, {STATE} FROM @.message WHERE campaign = $1 AND row > $2 ORDER BY row LIMIT $3");
    let after_row = i64::try_from(after_row).unwrap_or(i64::MAX);
    let params = Params::new().integer(id.get()).integer(after_row).integer(limit.into());
    let rows = of(place, id, &sql, params).await?;
    rows.iter().map(|row| Ok((number(row, 0)?, read_state(row, 1)?))).collect()
}

pub(super) async fn failures(
    place: &Place,
    id: CampaignId,
    after_row: u64,
    limit: u32,
) -> Result<Vec<MessageFailure>, LedgerError> {
    // The batch of a row is that which begins at or last before it.
    let sql = "SELECT m.row, m.code, m.description, (SELECT b.rows FROM @.batch b WHERE b.campaign = $1 \
               AND b.first_row <= m.row ORDER BY b.first_row DESC LIMIT 1) FROM @.message m \
               WHERE m.campaign = $1 AND m.progress = 3 AND m.row > $2 ORDER BY m.row LIMIT $3";
    let after_row = i64::try_from(after_row).unwrap_or(i64::MAX);
    let params = Params::new().integer(id.get()).integer(after_row).integer(limit.into());
    let rows = of(place, id, sql, params).await?;
    let mut failures = Vec::with_capacity(rows.len());
    for row in &rows {
        let at = number(row, 0)?;
        let of_batch: RowSpans = get::<Option<&str>>(row, 3)?.unwrap_or_default().parse().map_err(|_| damaged())?;
        failures.push(MessageFailure {
            row: at,
            line: of_batch.line_of(at).ok_or_else(damaged)?,
            code: get(row, 1)?,
            // An empty one was forgotten.
            description: get::<Option<String>>(row, 2)?.filter(|description| !description.is_empty()),
        });
    }
    Ok(failures)
}

pub(super) async fn reasons(place: &Place, id: CampaignId) -> Result<Vec<ReasonCount>, LedgerError> {
    let sql = "SELECT code, n FROM @.reason WHERE campaign = $1 AND n > 0 ORDER BY code COLLATE \"C\"";
    let rows = of(place, id, sql, Params::new().integer(id.get())).await?;
    rows.iter().map(|row| Ok(ReasonCount::new(get::<String>(row, 0)?, number(row, 1)?))).collect()
}

pub(super) async fn pulse(place: &Place, id: CampaignId, (from, to): (i64, i64)) -> Result<Vec<Pulse>, LedgerError> {
    let sql = "SELECT minute, accepted, queued, delivered, read, failed FROM @.pulse \
               WHERE campaign = $1 AND minute >= $2 AND minute < $3 ORDER BY minute";
    let rows = of(place, id, sql, Params::new().integer(id.get()).integer(from).integer(to)).await?;
    let read = |row: &Row| {
        let mut pulse = Pulse::new(get(row, 0)?);
        pulse.accepted = number(row, 1)?;
        pulse.queued = number(row, 2)?;
        pulse.delivered = number(row, 3)?;
        pulse.read = number(row, 4)?;
        pulse.failed = number(row, 5)?;
        Ok(pulse)
    };
    rows.iter().map(read).collect()
}

pub(super) async fn message(place: &Place, id: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
    let Ok(row) = i64::try_from(row) else { return status(place, id).await.map(|_| None) };
    let sql = format!("SELECT {STATE} FROM @.message WHERE campaign = $1 AND row = $2");
    let rows = of(place, id, &sql, Params::new().integer(id.get()).integer(row)).await?;
    rows.first().map(|row| read_state(row, 0)).transpose()
}
