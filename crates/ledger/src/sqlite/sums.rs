//! Sums by reason and by minute: kept within a transaction, written once with its end.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use sinch_batch_tracking::Progress;

use super::columns::{integer, progress_number};
use super::storage;
use crate::campaign::CampaignId;
use crate::error::LedgerError;
use crate::sums::{Pulse, ReasonCount, minute_of, reason_of};

/// Messages that failed for a reason, or no longer do.
#[derive(Debug)]
struct Failed {
    campaign: CampaignId,
    code: Box<str>,
    by: i64,
}

/// Messages that got to a state.
#[derive(Debug)]
struct Entered {
    campaign: CampaignId,
    minute: i64,
    progress: Progress,
    count: u64,
}

/// What this transaction adds to the sums.
#[derive(Debug, Default)]
pub(super) struct Added {
    failed: Vec<Failed>,
    entered: Vec<Entered>,
    /// How many of each there were at the savepoint.
    safe: (usize, usize),
}

impl Added {
    pub(super) fn add_reason(&mut self, campaign: CampaignId, code: &str, by: i64) {
        self.failed.push(Failed { campaign, code: code.into(), by });
    }

    pub(super) fn add_pulse(&mut self, campaign: CampaignId, minute: i64, progress: Progress, count: u64) {
        // A batch of receipts is of one minute, most likely.
        match self.entered.get_mut(self.safe.1..).and_then(<[_]>::last_mut) {
            Some(last) if (last.campaign, last.minute, last.progress) == (campaign, minute, progress) => {
                last.count = last.count.saturating_add(count);
            }
            _ => self.entered.push(Entered { campaign, minute, progress, count }),
        }
    }

    /// The latest minute of a campaign that is to be written.
    pub(super) fn last_minute(&self, campaign: CampaignId) -> Option<i64> {
        self.entered.iter().filter(|entered| entered.campaign == campaign).map(|entered| entered.minute).max()
    }

    pub(super) fn savepoint(&mut self) {
        self.safe = (self.failed.len(), self.entered.len());
    }

    pub(super) fn undo_savepoint(&mut self) {
        self.failed.truncate(self.safe.0);
        self.entered.truncate(self.safe.1);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes what was added: one write a reason and one a minute.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let mut reasons: BTreeMap<(i64, &str), i64> = BTreeMap::new();
        for failed in &self.failed {
            *reasons.entry((failed.campaign.get(), &failed.code)).or_default() += failed.by;
        }
        let mut statement = connection
            .prepare_cached(
                "INSERT INTO reason (campaign, code, n) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (campaign, code) DO UPDATE SET n = n + excluded.n",
            )
            .map_err(storage)?;
        for ((campaign, code), by) in reasons.into_iter().filter(|(_, by)| *by != 0) {
            statement.execute(params![campaign, code, by]).map_err(storage)?;
        }
        let mut minutes: BTreeMap<(i64, i64), Pulse> = BTreeMap::new();
        for entered in &self.entered {
            let minute = minutes.entry((entered.campaign.get(), entered.minute));
            minute.or_insert(Pulse::new(entered.minute)).add(entered.progress, entered.count);
        }
        for ((campaign, _), pulse) in minutes {
            write_pulse(connection, campaign, &pulse)?;
        }
        self.clear();
        Ok(())
    }
}

fn write_pulse(connection: &Connection, campaign: i64, pulse: &Pulse) -> Result<(), LedgerError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO pulse (campaign, minute, accepted, queued, delivered, read, failed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (campaign, minute) DO UPDATE SET \
             accepted = accepted + excluded.accepted, queued = queued + excluded.queued, \
             delivered = delivered + excluded.delivered, read = read + excluded.read, failed = failed + excluded.failed",
        )
        .map_err(storage)?;
    let counts = [pulse.accepted, pulse.queued, pulse.delivered, pulse.read, pulse.failed];
    let [accepted, queued, delivered, read, failed] = counts.map(integer);
    statement
        .execute(params![campaign, pulse.minute, accepted?, queued?, delivered?, read?, failed?])
        .map_err(storage)?;
    Ok(())
}

/// Failed messages by reason, in the order of codes.
pub(super) fn reasons(connection: &Connection, campaign: CampaignId) -> Result<Vec<ReasonCount>, LedgerError> {
    let sql = "SELECT code, n FROM reason WHERE campaign = ?1 AND n > 0 ORDER BY code";
    let mut statement = connection.prepare_cached(sql).map_err(storage)?;
    let rows = statement
        .query_map([campaign.get()], |row| Ok(ReasonCount::new(row.get::<_, String>(0)?, unsigned(row.get(1)?))))
        .map_err(storage)?;
    rows.collect::<Result<_, _>>().map_err(storage)
}

/// What happened from a minute on and before another, in order.
pub(super) fn pulse(
    connection: &Connection,
    campaign: CampaignId,
    (from, to): (i64, i64),
) -> Result<Vec<Pulse>, LedgerError> {
    let sql = "SELECT minute, accepted, queued, delivered, read, failed FROM pulse \
               WHERE campaign = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute";
    let mut statement = connection.prepare_cached(sql).map_err(storage)?;
    let rows = statement
        .query_map(params![campaign.get(), from, to], |row| {
            let mut pulse = Pulse::new(row.get(0)?);
            pulse.accepted = unsigned(row.get(1)?);
            pulse.queued = unsigned(row.get(2)?);
            pulse.delivered = unsigned(row.get(3)?);
            pulse.read = unsigned(row.get(4)?);
            pulse.failed = unsigned(row.get(5)?);
            Ok(pulse)
        })
        .map_err(storage)?;
    rows.collect::<Result<_, _>>().map_err(storage)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Counts once what a ledger of version 4 holds: each message in the last state that it got to.
pub(super) fn fill(connection: &Connection) -> Result<(), LedgerError> {
    let mut added = Added::default();
    let time =
        |micros: Option<i64>| micros.and_then(|micros| sinch_batch_models::Timestamp::from_microsecond(micros).ok());
    let mut batches = connection
        .prepare(
            "SELECT campaign, n_rows, last_attempt FROM batch WHERE stage = 'accepted' AND last_attempt IS NOT NULL",
        )
        .map_err(storage)?;
    let mut rows = batches.query([]).map_err(storage)?;
    while let Some(row) = rows.next().map_err(storage)? {
        let (campaign, n_rows): (i64, i64) = (row.get(0).map_err(storage)?, row.get(1).map_err(storage)?);
        if let Some(sent) = time(row.get(2).map_err(storage)?) {
            let minute = minute_of(sent, Some(sent));
            added.add_pulse(CampaignId::new(campaign), minute, Progress::Accepted, unsigned(n_rows));
        }
    }
    // The batch of a row is that which begins at or last before it.
    let mut messages = connection
        .prepare(
            "SELECT campaign, progress, code, at, (SELECT last_attempt FROM batch WHERE batch.campaign = message.campaign \
             AND first_row <= message.row ORDER BY first_row DESC LIMIT 1) FROM message",
        )
        .map_err(storage)?;
    let mut rows = messages.query([]).map_err(storage)?;
    while let Some(row) = rows.next().map_err(storage)? {
        let campaign = CampaignId::new(row.get(0).map_err(storage)?);
        let number: i64 = row.get(1).map_err(storage)?;
        let code: Option<String> = row.get(2).map_err(storage)?;
        let states = [Progress::Queued, Progress::Failed, Progress::Delivered, Progress::Read];
        let Some(progress) = states.into_iter().find(|state| progress_number(*state) == number) else { continue };
        if progress == Progress::Failed {
            added.add_reason(campaign, reason_of(code.as_deref()), 1);
        }
        if let Some(at) = time(row.get(3).map_err(storage)?) {
            let sent = time(row.get(4).map_err(storage)?);
            added.add_pulse(campaign, minute_of(at, sent), progress, 1);
        }
        // Not a list as long as the campaign.
        if added.entered.len() + added.failed.len() > 100_000 {
            added.write(connection)?;
        }
    }
    added.write(connection)
}
