//! The tables as a store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use sinch_batch_models::{BatchId, BatchState, Fingerprint, Timestamp};
use sinch_batch_tracking::{CampaignKey, MessageState, Progress, RowKey, Tally, join_state};

use super::storage;
use super::sums::{self, Added};
use crate::callback::{CallbackCount, DeferredCounts, ReceivedCallback};
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::entry::{BatchRecord, BatchStage, MessageFailure};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::lease::Held;
use crate::plan::Digest;
use crate::rows::RowSpans;
use crate::status::{BatchCounts, Phase};
use crate::store::{Batch, Deferred, Hold, Orphan, Recount, Store, StoreLimits, Sums};
use crate::sums::{Pulse, ReasonCount};
use crate::worker::{ProcessId, Worker};

/// How many batches' rows are kept read.
const ROWS_KEPT: usize = 4096;

/// The place of what is said about a batch as a whole among what is deferred.
const WHOLE_BATCH: i64 = -1;

// The indexes are named where SQLite would go through all batches of a campaign instead.

/// Batches that may be claimed.
const FREE: &str = "INDEXED BY batch_open WHERE campaign = ?1 AND stage NOT IN ('accepted', 'skipped') \
     AND (lease_until IS NULL OR lease_until <= ?2) ORDER BY number";

/// The batch whose rows begin at or last before a row.
const BEFORE: &str = "WHERE campaign = ?1 AND first_row <= ?2 ORDER BY first_row DESC LIMIT 1";

/// Batches that a worker holds.
const HELD_BY: &str = "INDEXED BY batch_by_worker WHERE campaign = ?1 AND worker = ?2 AND lease_until IS NOT NULL";

/// Batches that wait by a worker's silence.
const SILENT: &str = "INDEXED BY batch_lapsed WHERE campaign = ?1 AND lapsed_worker = ?2";

const HOLDERS: &str = "SELECT name, boot, namespace, pid, started FROM worker WHERE name IN \
     (SELECT worker FROM batch WHERE campaign = ?1 AND lease_until IS NOT NULL \
      UNION SELECT lapsed_worker FROM batch WHERE campaign = ?1 AND lapsed_worker IS NOT NULL)";

const HELD_BY_OTHERS: &str = "SELECT worker, count(*), max(lease_until) FROM batch WHERE campaign = ?1 \
     AND worker <> ?2 AND lease_until IS NOT NULL AND lease_until > ?3 AND stage NOT IN ('accepted', 'skipped') GROUP BY worker";

const ANY_WITHOUT_ID: &str = "SELECT 1 FROM batch INDEXED BY batch_without_id \
     WHERE batch_id IS NULL AND (uncertain OR stage IN ('unknown', 'accepted')) LIMIT 1";

const LIKE: &str = "SELECT campaign, uncertain OR stage IN ('unknown', 'accepted') FROM batch WHERE digest = ?1";

/// A connection, and what was read over it and can never change.
#[derive(Debug)]
pub(super) struct Tables {
    connection: Connection,
    campaigns: HashMap<CampaignKey, CampaignId>,
    rows: HashMap<(CampaignId, u32), Arc<RowSpans>>,
    counted: Counted,
    added: Added,
    limits: StoreLimits,
}

/// Callbacks that were counted in this transaction. They are written with its end, which is one write
/// a kind and not one a callback.
#[derive(Debug, Default)]
struct Counted {
    callbacks: Vec<(&'static str, i64)>,
    /// How many there were at the savepoint.
    safe: usize,
}

/// Transactions.
impl Tables {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            campaigns: HashMap::new(),
            rows: HashMap::new(),
            counted: Counted::default(),
            added: Added::default(),
            limits: StoreLimits::default(),
        }
    }

    pub(super) fn begin(&self) -> Result<(), LedgerError> {
        self.execute("BEGIN IMMEDIATE", [])
    }

    pub(super) fn commit(&mut self) -> Result<(), LedgerError> {
        self.write_counts()?;
        self.added.write(&self.connection)?;
        self.execute("COMMIT", [])
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn savepoint(&mut self) -> Result<(), LedgerError> {
        self.counted.safe = self.counted.callbacks.len();
        self.added.savepoint();
        self.execute("SAVEPOINT job", [])
    }

    pub(super) fn release(&self) -> Result<(), LedgerError> {
        self.execute("RELEASE job", [])
    }

    pub(super) fn undo_savepoint(&mut self) -> Result<(), LedgerError> {
        self.forget();
        self.counted.callbacks.truncate(self.counted.safe);
        self.added.undo_savepoint();
        self.execute("ROLLBACK TO job", [])?;
        self.release()
    }

    /// Undoes the transaction, if SQLite has not done so by itself.
    pub(super) fn roll_back(&mut self) {
        self.forget();
        self.counted.callbacks.clear();
        self.added.clear();
        if self.in_transaction() {
            // Nothing better can be done; the next transaction will tell.
            let _ = self.execute("ROLLBACK", []);
        }
    }

    fn write_counts(&mut self) -> Result<(), LedgerError> {
        let mut callbacks = std::mem::take(&mut self.counted.callbacks);
        callbacks.sort_unstable();
        for of_kind in callbacks.chunk_by(|one, next| one.0 == next.0) {
            // By kind, then by time.
            let [(kind, first), ..] = of_kind else { continue };
            let last = of_kind.last().map_or(first, |(_, last)| last);
            self.execute(
                "INSERT INTO callback (kind, count, first, last) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count, \
                 first = min(first, excluded.first), last = max(last, excluded.last)",
                params![kind, integer(of_kind.len() as u64)?, first, last],
            )?;
        }
        callbacks.clear();
        self.counted.callbacks = callbacks;
        Ok(())
    }

    /// What was read in a transaction that is undone may never have been.
    fn forget(&mut self) {
        self.campaigns.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
impl Tables {
    /// The plans of statements that are run for every claim, renewal or callback.
    pub(super) fn query_plans(&self) -> Result<Vec<(String, String)>, LedgerError> {
        let statements = [
            batch_sql(FREE),
            batch_sql("WHERE campaign = ?1 AND number = ?2"),
            batch_sql(BEFORE),
            batch_sql("WHERE batch_id = ?1"),
            batch_sql(HELD_BY),
            batch_sql(SILENT),
            HOLDERS.to_owned(),
            HELD_BY_OTHERS.to_owned(),
            ANY_WITHOUT_ID.to_owned(),
            LIKE.to_owned(),
        ];
        let explain = |sql: String| {
            let n_params = (1..=3).filter(|number| sql.contains(&format!("?{number}"))).count();
            let params = rusqlite::params_from_iter(vec![0; n_params]);
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = self.all(&explain, params, |row| get::<String>(row, 3))?;
            Ok((sql, plan.join("\n")))
        };
        statements.into_iter().map(explain).collect()
    }

    pub(super) fn set_limits(&mut self, limits: StoreLimits) -> Result<(), LedgerError> {
        self.limits = limits;
        Ok(())
    }

    /// Lets the file grow no further than that many pages, or than it has grown already.
    pub(super) fn limit_pages(&self, n_pages: u32) -> Result<(), LedgerError> {
        self.connection.query_row(&format!("PRAGMA max_page_count = {n_pages}"), [], |_| Ok(())).map_err(storage)
    }
}

/// What is asked for besides the decisions.
impl Tables {
    pub(super) fn campaign(&self, name: &str) -> Result<Option<CampaignRecord>, LedgerError> {
        Ok(self.campaigns_where("WHERE name = ?1", [name])?.pop())
    }

    pub(super) fn campaigns(&self) -> Result<Vec<CampaignRecord>, LedgerError> {
        self.campaigns_where("ORDER BY id", [])
    }

    fn campaigns_where(&self, clause: &str, params: impl Params) -> Result<Vec<CampaignRecord>, LedgerError> {
        let sql = format!(
            "SELECT id, name, key, project, app, service, input, input_fingerprint, message, message_fingerprint, \
             request, request_fingerprint, n_rows, n_skipped, batch_size, practice, settings, created, parent, root \
             FROM campaign {clause}"
        );
        self.all(&sql, params, |row| {
            let mut new =
                NewCampaign::new(get::<String>(row, 1)?, get::<String>(row, 2)?, number(row, 12)?, time(row, 17)?);
            new.project = get(row, 3)?;
            new.app = get(row, 4)?;
            new.service = get(row, 5)?;
            new.input = get(row, 6)?;
            new.input_fingerprint = fingerprint(row, 7)?;
            new.message = get(row, 8)?;
            new.message_fingerprint = fingerprint(row, 9)?;
            new.request = get(row, 10)?;
            new.request_fingerprint = fingerprint(row, 11)?;
            new.skipped = number(row, 13)?;
            new.batch_size = get(row, 14)?;
            new.practice = get(row, 15)?;
            new.settings = get(row, 16)?;
            new.parent = get::<Option<i64>>(row, 18)?.map(CampaignId::new);
            new.root = get::<Option<i64>>(row, 19)?.map(CampaignId::new);
            Ok(new.with_id(CampaignId::new(get(row, 0)?)))
        })
    }

    pub(super) fn deferred(&self) -> Result<DeferredCounts, LedgerError> {
        let count = |sql| Ok(self.one(sql, [], |row| number(row, 0))?.unwrap_or(0));
        Ok(DeferredCounts::new(
            count("SELECT count(*) FROM deferred")?,
            count("SELECT count(*) FROM orphan")?,
            count("SELECT count FROM dropped WHERE what = 'orphan'")?,
        ))
    }

    pub(super) fn reasons(&mut self, campaign: CampaignId) -> Result<Vec<ReasonCount>, LedgerError> {
        self.known_sums(campaign)?;
        sums::reasons(&self.connection, campaign)
    }

    pub(super) fn pulse(&mut self, campaign: CampaignId, minutes: (i64, i64)) -> Result<Vec<Pulse>, LedgerError> {
        self.known_sums(campaign)?;
        sums::pulse(&self.connection, campaign, minutes)
    }

    pub(super) fn callbacks(&self) -> Result<Vec<CallbackCount>, LedgerError> {
        self.all("SELECT kind, count, first, last FROM callback ORDER BY kind", [], |row| {
            Ok(CallbackCount {
                kind: get(row, 0)?,
                count: number(row, 1)?,
                first: microsecond(row, 2)?,
                last: microsecond(row, 3)?,
            })
        })
    }

    /// The sums of a campaign that has to exist.
    pub(super) fn known_sums(&mut self, campaign: CampaignId) -> Result<Sums, LedgerError> {
        self.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)
    }

    pub(super) fn batches(
        &mut self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> Result<Vec<BatchRecord>, LedgerError> {
        self.known_sums(campaign)?;
        self.records("number > ?2 ORDER BY number LIMIT ?3", params![campaign.get(), after, limit])
    }

    fn records(&self, clause: &str, params: impl Params) -> Result<Vec<BatchRecord>, LedgerError> {
        self.all(&batch_sql(&format!("WHERE campaign = ?1 AND {clause}")), params, |row| {
            Ok(read_batch(row, Arc::new(read_rows(row)?))?.into_record())
        })
    }

    pub(super) fn messages(
        &mut self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<(u64, MessageState)>, LedgerError> {
        self.known_sums(campaign)?;
        let Ok(after_row) = i64::try_from(after_row) else { return Ok(Vec::new()) };
        self.all(
            "SELECT row, progress, code, description, at FROM message \
             WHERE campaign = ?1 AND row > ?2 ORDER BY row LIMIT ?3",
            params![campaign.get(), after_row, limit],
            |row| Ok((number(row, 0)?, read_state(row, 1)?)),
        )
    }

    pub(super) fn failures(
        &mut self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<MessageFailure>, LedgerError> {
        self.known_sums(campaign)?;
        let Ok(after_row) = i64::try_from(after_row) else { return Ok(Vec::new()) };
        let mut failures = self.all(
            "SELECT row, code, description FROM message \
             WHERE campaign = ?1 AND progress = 3 AND row > ?2 ORDER BY row LIMIT ?3",
            params![campaign.get(), after_row, limit],
            |row| Ok(MessageFailure { row: number(row, 0)?, line: 0, code: get(row, 1)?, description: get(row, 2)? }),
        )?;
        let mut batch = None;
        for failure in &mut failures {
            // They come by row, so one batch serves many.
            if batch.as_ref().is_none_or(|batch: &Batch| !batch.rows.contains(failure.row)) {
                batch = self.batch_before(campaign, failure.row)?;
            }
            failure.line = batch.as_ref().and_then(|batch| batch.rows.line_of(failure.row)).ok_or_else(damaged)?;
        }
        Ok(failures)
    }
}

impl Store for Tables {
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError> {
        self.campaigns_where(
            "WHERE message_fingerprint = ?1 AND project = ?2 AND app = ?3 AND service = ?4 AND practice = 0 ORDER BY id",
            params![text_of(new.message_fingerprint), new.project, new.app, new.service],
        )
    }

    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError> {
        self.campaigns_where(
            "WHERE practice = 0 AND ((?1 <> '' AND input = ?1) OR (?2 <> '' AND input_fingerprint = ?2)) ORDER BY id",
            params![new.input, text_of(new.input_fingerprint)],
        )
    }

    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>, LedgerError> {
        self.one("SELECT id FROM campaign WHERE name = ?1", [name], |row| Ok(CampaignId::new(get(row, 0)?)))
    }

    fn campaign_by_key(&mut self, key: &CampaignKey) -> Result<Option<CampaignId>, LedgerError> {
        if let Some(id) = self.campaigns.get(key) {
            return Ok(Some(*id));
        }
        let found = self
            .one("SELECT id FROM campaign WHERE key = ?1", [key.as_str()], |row| Ok(CampaignId::new(get(row, 0)?)))?;
        if let Some(id) = found {
            self.campaigns.insert(key.clone(), id);
        }
        Ok(found)
    }

    fn campaign_by_id(&mut self, campaign: CampaignId) -> Result<Option<CampaignRecord>, LedgerError> {
        Ok(self.campaigns_where("WHERE id = ?1", [campaign.get()])?.pop())
    }

    fn family(&mut self, root: CampaignId) -> Result<Vec<CampaignId>, LedgerError> {
        self.all("SELECT id FROM campaign WHERE id = ?1 OR root = ?1 ORDER BY id", [root.get()], |row| {
            Ok(CampaignId::new(get(row, 0)?))
        })
    }

    fn put_campaign(&mut self, new: NewCampaign) -> Result<CampaignRecord, LedgerError> {
        self.execute(
            "INSERT INTO campaign (name, key, project, app, service, input, input_fingerprint, message, \
             message_fingerprint, request, request_fingerprint, n_rows, n_skipped, batch_size, practice, settings, \
             created, parent, root) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
             ?17, ?18, ?19)",
            params![
                new.name,
                new.key.as_str(),
                new.project,
                new.app,
                new.service,
                new.input,
                text_of(new.input_fingerprint),
                new.message,
                text_of(new.message_fingerprint),
                new.request,
                text_of(new.request_fingerprint),
                integer(new.rows)?,
                integer(new.skipped)?,
                new.batch_size,
                new.practice,
                new.settings,
                new.created.to_string(),
                new.parent.map(CampaignId::get),
                new.root.map(CampaignId::get),
            ],
        )?;
        let id = CampaignId::new(self.connection.last_insert_rowid());
        Ok(new.with_id(id))
    }

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError> {
        self.one(
            "SELECT phase, n_rows, n_skipped, n_accepted, n_unknown, n_doubled, batches_planned, batches_accepted, \
             batches_unknown, batches_refused, pending, queued, delivered, read, failed, runs, resend_after, behind, \
             n_suppressed, batches_skipped, cancelled, n_systemic FROM standing WHERE campaign = ?1",
            [campaign.get()],
            |row| {
                Ok(Sums {
                    phase: read_phase(get(row, 0)?)?,
                    behind: get(row, 17)?,
                    rows: number(row, 1)?,
                    skipped: number(row, 2)?,
                    suppressed: number(row, 18)?,
                    systemic: number(row, 21)?,
                    accepted: number(row, 3)?,
                    unknown: number(row, 4)?,
                    doubled: number(row, 5)?,
                    batches: BatchCounts {
                        planned: number(row, 6)?,
                        accepted: number(row, 7)?,
                        unknown: number(row, 8)?,
                        refused: number(row, 9)?,
                        skipped: number(row, 19)?,
                    },
                    messages: Tally {
                        pending: number(row, 10)?,
                        queued: number(row, 11)?,
                        delivered: number(row, 12)?,
                        read: number(row, 13)?,
                        failed: number(row, 14)?,
                        cancelled: number(row, 20)?,
                    },
                    runs: number(row, 15)?,
                    resend_after: Duration::from_micros(number(row, 16)?),
                })
            },
        )
    }

    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR REPLACE INTO standing (campaign, phase, n_rows, n_skipped, n_accepted, n_unknown, n_doubled, \
             batches_planned, batches_accepted, batches_unknown, batches_refused, pending, queued, delivered, read, \
             failed, runs, resend_after, behind, n_suppressed, batches_skipped, cancelled, n_systemic) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
             ?22, ?23)",
            params![
                campaign.get(),
                phase_number(sums.phase),
                integer(sums.rows)?,
                integer(sums.skipped)?,
                integer(sums.accepted)?,
                integer(sums.unknown)?,
                integer(sums.doubled)?,
                integer(sums.batches.planned)?,
                integer(sums.batches.accepted)?,
                integer(sums.batches.unknown)?,
                integer(sums.batches.refused)?,
                integer(sums.messages.pending)?,
                integer(sums.messages.queued)?,
                integer(sums.messages.delivered)?,
                integer(sums.messages.read)?,
                integer(sums.messages.failed)?,
                integer(sums.runs)?,
                // Longer than any wait that makes sense.
                i64::try_from(sums.resend_after.as_micros()).unwrap_or(i64::MAX),
                sums.behind,
                integer(sums.suppressed)?,
                integer(sums.batches.skipped)?,
                integer(sums.messages.cancelled)?,
                integer(sums.systemic)?,
            ],
        )
    }

    fn recount(&mut self, campaign: CampaignId) -> Result<Recount, LedgerError> {
        let mut recount = Recount::default();
        let stages = self.all(
            "SELECT stage, count(*), sum(n_rows), sum(iif(doubled > 0, n_rows, 0)) FROM batch
             WHERE campaign = ?1 GROUP BY stage",
            [campaign.get()],
            |row| Ok((read_stage(&get::<String>(row, 0)?)?, [number(row, 1)?, number(row, 2)?, number(row, 3)?])),
        )?;
        for (stage, [n_batches, n_rows, n_doubled]) in stages {
            recount.add(stage, n_batches, n_rows, n_doubled);
        }
        Ok(recount)
    }

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError> {
        self.find_batch(&batch_sql("WHERE campaign = ?1 AND number = ?2"), params![campaign.get(), number])
    }

    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError> {
        let Ok(row) = i64::try_from(row) else { return Ok(None) };
        self.find_batch(&batch_sql(BEFORE), params![campaign.get(), row])
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError> {
        self.find_batch(&batch_sql("WHERE batch_id = ?1"), [batch_id.as_str()])
    }

    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.execute(
            "INSERT INTO batch (campaign, number, first_row, n_rows, rows, at_byte, n_bytes, digest, stage, attempts, \
             uncertain, doubled, recalled, token, in_call) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 0, 0, 0, 0)",
            params![
                batch.campaign.get(),
                batch.number,
                integer(batch.first_row)?,
                integer(batch.rows.len())?,
                batch.rows.to_string(),
                integer(batch.at_byte)?,
                integer(batch.n_bytes)?,
                &batch.digest[..],
                batch.stage.as_str(),
            ],
        )
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let hold = &batch.hold;
        self.execute(
            "UPDATE batch SET stage = ?3, attempts = ?4, uncertain = ?5, batch_id = ?6, state = ?7, last_attempt = ?8, \
             why = ?9, doubled = ?10, worker = ?11, token = ?12, lease_until = ?13, may_leave_until = ?14, \
             in_call = ?15, lapsed_worker = ?16, lapsed_at = ?17, recalled = ?18, \
             send_after = ?19 WHERE campaign = ?1 AND number = ?2",
            params![
                batch.campaign.get(),
                batch.number,
                batch.stage.as_str(),
                batch.attempts,
                batch.uncertain,
                batch.batch_id.as_ref().map(BatchId::as_str),
                batch.state.as_ref().map(BatchState::as_str),
                batch.last_attempt.map(Timestamp::as_microsecond),
                batch.why,
                batch.doubled,
                hold.worker.as_deref(),
                integer(hold.token)?,
                hold.until.map(Timestamp::as_microsecond),
                hold.may_leave_until.map(Timestamp::as_microsecond),
                hold.in_call,
                hold.lapsed.as_ref().map(|(worker, _)| &**worker),
                hold.lapsed.as_ref().map(|(_, at)| at.as_microsecond()),
                batch.recalled,
                batch.send_after.map(Timestamp::as_microsecond),
            ],
        )
    }

    fn put_rows(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE batch SET rows = ?3, n_rows = ?4, stage = ?5, lease_until = ?6 WHERE campaign = ?1 AND number = ?2",
            params![
                batch.campaign.get(),
                batch.number,
                batch.rows.to_string(),
                integer(batch.rows.len())?,
                batch.stage.as_str(),
                batch.hold.until.map(Timestamp::as_microsecond),
            ],
        )
    }

    fn put_hold(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let hold = &batch.hold;
        self.execute(
            "UPDATE batch SET worker = ?3, token = ?4, lease_until = ?5, may_leave_until = ?6, in_call = ?7, \
             lapsed_worker = ?8, lapsed_at = ?9 WHERE campaign = ?1 AND number = ?2",
            params![
                batch.campaign.get(),
                batch.number,
                hold.worker.as_deref(),
                integer(hold.token)?,
                hold.until.map(Timestamp::as_microsecond),
                hold.may_leave_until.map(Timestamp::as_microsecond),
                hold.in_call,
                hold.lapsed.as_ref().map(|(worker, _)| &**worker),
                hold.lapsed.as_ref().map(|(_, at)| at.as_microsecond()),
            ],
        )
    }

    fn put_attempt(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let hold = &batch.hold;
        self.execute(
            "UPDATE batch SET stage = ?3, attempts = ?4, uncertain = ?5, last_attempt = ?6, why = ?7, \
             lease_until = ?8, may_leave_until = ?9, in_call = ?10, lapsed_worker = ?11, lapsed_at = ?12 \
             WHERE campaign = ?1 AND number = ?2",
            params![
                batch.campaign.get(),
                batch.number,
                batch.stage.as_str(),
                batch.attempts,
                batch.uncertain,
                batch.last_attempt.map(Timestamp::as_microsecond),
                batch.why,
                hold.until.map(Timestamp::as_microsecond),
                hold.may_leave_until.map(Timestamp::as_microsecond),
                hold.in_call,
                hold.lapsed.as_ref().map(|(worker, _)| &**worker),
                hold.lapsed.as_ref().map(|(_, at)| at.as_microsecond()),
            ],
        )
    }

    fn batches_like(&mut self, digest: &Digest) -> Result<Vec<(CampaignId, bool)>, LedgerError> {
        self.all(LIKE, [&digest[..]], |row| Ok((CampaignId::new(get(row, 0)?), get(row, 1)?)))
    }

    fn any_without_id(&mut self) -> Result<bool, LedgerError> {
        self.exists(ANY_WITHOUT_ID, [])
    }

    fn put_double(&mut self, campaign: CampaignId, number: u32, batch_id: &BatchId) -> Result<bool, LedgerError> {
        let place = params![campaign.get(), number, batch_id.as_str()];
        if self.exists("SELECT 1 FROM double WHERE campaign = ?1 AND number = ?2 AND batch_id = ?3", place)? {
            return Ok(false);
        }
        self.execute("INSERT INTO double (campaign, number, batch_id) VALUES (?1, ?2, ?3)", place)?;
        Ok(true)
    }

    fn worker(&mut self, name: &str) -> Result<Option<Worker>, LedgerError> {
        self.one("SELECT name, boot, namespace, pid, started FROM worker WHERE name = ?1", [name], read_worker)
    }

    fn holds_any(&mut self, worker: &str) -> Result<bool, LedgerError> {
        self.exists(
            "SELECT 1 FROM batch WHERE (worker = ?1 AND lease_until IS NOT NULL) OR lapsed_worker = ?1 LIMIT 1",
            [worker],
        )
    }

    fn put_worker(&mut self, worker: &Worker) -> Result<(), LedgerError> {
        let process = worker.process();
        self.execute(
            "INSERT OR REPLACE INTO worker (name, boot, namespace, pid, started) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                worker.name(),
                process.map(|process| &*process.boot),
                process.map(|process| &*process.namespace),
                process.map(|process| process.pid),
                process.map(|process| integer(process.started)).transpose()?,
            ],
        )
    }

    fn holders(&mut self, campaign: CampaignId) -> Result<Vec<Worker>, LedgerError> {
        self.all(HOLDERS, [campaign.get()], read_worker)
    }

    fn batches_of_worker(&mut self, campaign: CampaignId, worker: &str) -> Result<Vec<Batch>, LedgerError> {
        let its = |clause: &str| self.batches_where(clause, params![campaign.get(), worker]);
        let mut batches = its(HELD_BY)?;
        for batch in its(SILENT)? {
            if batches.iter().all(|have| have.number != batch.number) {
                batches.push(batch);
            }
        }
        Ok(batches)
    }

    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError> {
        let mut sql = self.connection.prepare_cached(&batch_sql(FREE)).map_err(storage)?;
        let mut rows = sql.query(params![campaign.get(), now.as_microsecond()]).map_err(storage)?;
        let mut free = Vec::new();
        while free.len() < room as usize {
            let Some(row) = rows.next().map_err(storage)? else { break };
            if !except.contains(&get(row, 1)?) {
                free.push(read_batch(row, Arc::new(read_rows(row)?))?);
            }
        }
        Ok(free)
    }

    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>, LedgerError> {
        self.all(HELD_BY_OTHERS, params![campaign.get(), worker, now.as_microsecond()], |row| {
            Ok(Held::new(get::<String>(row, 0)?, get(row, 1)?, microsecond(row, 2)?))
        })
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
        let Ok(row) = i64::try_from(row) else { return Ok(None) };
        self.one(
            "SELECT progress, code, description, at FROM message WHERE campaign = ?1 AND row = ?2",
            params![campaign.get(), row],
            |row| read_state(row, 0),
        )
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR REPLACE INTO message (campaign, row, progress, code, description, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                campaign.get(),
                integer(row)?,
                progress_number(state.progress),
                state.code,
                state.description,
                state.at.map(Timestamp::as_microsecond),
            ],
        )
    }

    fn add_reason(&mut self, campaign: CampaignId, code: &str, by: i64) -> Result<(), LedgerError> {
        self.added.add_reason(campaign, code, by);
        Ok(())
    }

    fn add_pulse(
        &mut self,
        campaign: CampaignId,
        minute: i64,
        progress: Progress,
        count: u64,
    ) -> Result<(), LedgerError> {
        self.added.add_pulse(campaign, minute, progress, count);
        Ok(())
    }

    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<(), LedgerError> {
        let position = match &deferred {
            Deferred::Message(index, _) => i64::from(*index),
            Deferred::Batch(_) => WHOLE_BATCH,
        };
        let kept = self.one(
            "SELECT age, position, progress, code, description, at, state FROM deferred \
             WHERE batch_id = ?1 AND position = ?2",
            params![batch_id.as_str(), position],
            |row| Ok((get::<i64>(row, 0)?, read_deferred(row)?)),
        )?;
        let (age, deferred) = match (kept, deferred) {
            (Some((age, Deferred::Message(index, mut state))), Deferred::Message(_, seen)) => {
                if !state.observe(&seen) {
                    return Ok(());
                }
                (Some(age), Deferred::Message(index, state))
            }
            (Some((age, Deferred::Batch(state))), Deferred::Batch(seen)) => {
                (Some(age), Deferred::Batch(join_state(Some(state), seen)))
            }
            (_, deferred) => {
                if self.is_deferred_full()? {
                    return Err(LedgerError::deferred_full());
                }
                (None, deferred)
            }
        };
        let (state, whole) = match deferred {
            Deferred::Message(_, state) => (state, None),
            Deferred::Batch(state) => (MessageState::default(), Some(state)),
        };
        self.execute(
            "INSERT OR REPLACE INTO deferred (age, batch_id, position, progress, code, description, at, state) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                age,
                batch_id.as_str(),
                position,
                progress_number(state.progress),
                state.code,
                state.description,
                state.at.map(Timestamp::as_microsecond),
                whole.as_ref().map(BatchState::as_str),
            ],
        )
    }

    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>, LedgerError> {
        let deferred = self.all(
            "SELECT age, position, progress, code, description, at, state FROM deferred WHERE batch_id = ?1",
            [batch_id.as_str()],
            read_deferred,
        )?;
        if !deferred.is_empty() {
            self.execute("DELETE FROM deferred WHERE batch_id = ?1", [batch_id.as_str()])?;
        }
        Ok(deferred)
    }

    fn clear_deferred(&mut self) -> Result<(), LedgerError> {
        self.execute("DELETE FROM deferred", [])
    }

    fn put_orphan(&mut self, orphan: Orphan) -> Result<(), LedgerError> {
        let Ok(row) = i64::try_from(orphan.key.row) else { return Ok(()) };
        let place = params![orphan.key.campaign.as_str(), row];
        let kept = self.one(
            "SELECT age, batch_id, progress, code, description, at FROM orphan WHERE key = ?1 AND row = ?2",
            place,
            |row| Ok((get::<i64>(row, 0)?, get::<Option<String>>(row, 1)?, read_state(row, 2)?)),
        )?;
        let batch_id = orphan.batch_id.map(|id| id.as_str().to_owned());
        let (age, batch_id, state) = match kept {
            Some((age, known, mut state)) => {
                let news = state.observe(&orphan.state) || (known.is_none() && batch_id.is_some());
                if !news {
                    return Ok(());
                }
                (Some(age), known.or(batch_id), state)
            }
            None => (None, batch_id, orphan.state),
        };
        self.execute(
            "INSERT OR REPLACE INTO orphan (age, key, row, batch_id, progress, code, description, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                age,
                orphan.key.campaign.as_str(),
                row,
                batch_id,
                progress_number(state.progress),
                state.code,
                state.description,
                state.at.map(Timestamp::as_microsecond),
            ],
        )?;
        self.drop_oldest_orphans()
    }

    fn take_orphans(&mut self, key: &CampaignKey) -> Result<Vec<Orphan>, LedgerError> {
        let orphans = self.all(
            "SELECT row, batch_id, progress, code, description, at FROM orphan WHERE key = ?1 ORDER BY row",
            [key.as_str()],
            |row| {
                Ok(Orphan {
                    key: RowKey::new(key, number(row, 0)?),
                    batch_id: get::<Option<String>>(row, 1)?.map(BatchId::new),
                    state: read_state(row, 2)?,
                })
            },
        )?;
        if !orphans.is_empty() {
            self.execute("DELETE FROM orphan WHERE key = ?1", [key.as_str()])?;
        }
        Ok(orphans)
    }

    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError> {
        self.counted.callbacks.push((callback.kind(), callback.time().as_microsecond()));
        Ok(())
    }
}

/// Records.
impl Tables {
    fn batches_where(&self, clause: &str, params: impl Params) -> Result<Vec<Batch>, LedgerError> {
        self.all(&batch_sql(clause), params, |row| read_batch(row, Arc::new(read_rows(row)?)))
    }

    fn is_deferred_full(&self) -> Result<bool, LedgerError> {
        // Ages are given in order: as long as they are close together nothing has to be counted.
        let span = self.one("SELECT coalesce(max(age) - min(age), 0) FROM deferred", [], |row| number(row, 0))?;
        if span.is_none_or(|span| span < self.limits.deferred.saturating_sub(1)) {
            return Ok(false);
        }
        let count = self.one("SELECT count(*) FROM deferred", [], |row| number(row, 0))?;
        Ok(count.is_some_and(|count| count >= self.limits.deferred))
    }

    /// Ages are given in order, so the number kept is at most the span of ages.
    fn drop_oldest_orphans(&mut self) -> Result<(), LedgerError> {
        let span = self.one("SELECT min(age), max(age) FROM orphan", [], |row| {
            Ok((get::<Option<i64>>(row, 0)?.unwrap_or(0), get::<Option<i64>>(row, 1)?.unwrap_or(0)))
        })?;
        let (first, last) = span.unwrap_or_default();
        if u64::try_from(last.saturating_sub(first)).unwrap_or(0) < self.limits.orphans {
            return Ok(());
        }
        let dropped = self
            .connection
            .prepare_cached("DELETE FROM orphan WHERE age = ?1")
            .and_then(|mut sql| sql.execute([first]))
            .map_err(storage)?;
        self.execute(
            "INSERT INTO dropped (what, count) VALUES ('orphan', ?1) \
             ON CONFLICT (what) DO UPDATE SET count = count + excluded.count",
            [integer(dropped as u64)?],
        )
    }
}

/// Statements.
impl Tables {
    fn execute(&self, sql: &str, params: impl Params) -> Result<(), LedgerError> {
        self.connection.prepare_cached(sql).and_then(|mut sql| sql.execute(params)).map(|_| ()).map_err(storage)
    }

    fn exists(&self, sql: &str, params: impl Params) -> Result<bool, LedgerError> {
        self.connection.prepare_cached(sql).and_then(|mut sql| sql.exists(params)).map_err(storage)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, LedgerError>,
    ) -> Result<Option<T>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        sql.query_row(params, |row| Ok(read(row))).optional().map_err(storage)?.transpose()
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        let mut rows = sql.query(params).map_err(storage)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(storage)? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// One batch; its rows, which only become fewer, are read once for each number of them.
    fn find_batch(&mut self, sql: &str, params: impl Params) -> Result<Option<Batch>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        let mut found = sql.query(params).map_err(storage)?;
        let Some(row) = found.next().map_err(storage)? else { return Ok(None) };
        let place = (CampaignId::new(get(row, 0)?), get(row, 1)?);
        let n_rows = number(row, 22)?;
        let rows = match self.rows.get(&place).filter(|rows| rows.len() == n_rows) {
            Some(rows) => Arc::clone(rows),
            None => {
                if self.rows.len() >= ROWS_KEPT {
                    self.rows.clear();
                }
                let rows = Arc::new(read_rows(row)?);
                self.rows.insert(place, Arc::clone(&rows));
                rows
            }
        };
        read_batch(row, rows).map(Some)
    }
}

fn batch_sql(clause: &str) -> String {
    format!(
        "SELECT campaign, number, rows, at_byte, n_bytes, digest, stage, attempts, uncertain, batch_id, state, \
         last_attempt, why, doubled, worker, token, lease_until, may_leave_until, in_call, lapsed_worker, lapsed_at, \
         first_row, n_rows, recalled, send_after FROM batch {clause}"
    )
}

fn read_batch(row: &Row<'_>, rows: Arc<RowSpans>) -> Result<Batch, LedgerError> {
    let lapsed = match (get::<Option<String>>(row, 19)?, maybe_microsecond(row, 20)?) {
        (Some(worker), Some(at)) => Some((worker.into(), at)),
        _ => None,
    };
    Ok(Batch {
        campaign: CampaignId::new(get(row, 0)?),
        number: get(row, 1)?,
        rows,
        first_row: number(row, 21)?,
        at_byte: number(row, 3)?,
        n_bytes: number(row, 4)?,
        digest: get::<Vec<u8>>(row, 5)?.try_into().map_err(|_| damaged())?,
        stage: read_stage(&get::<String>(row, 6)?)?,
        attempts: get(row, 7)?,
        uncertain: get(row, 8)?,
        batch_id: get::<Option<String>>(row, 9)?.map(BatchId::new),
        state: get::<Option<String>>(row, 10)?.map(|state| BatchState::from(state.as_str())),
        last_attempt: maybe_microsecond(row, 11)?,
        why: get(row, 12)?,
        doubled: get(row, 13)?,
        recalled: get(row, 23)?,
        send_after: maybe_microsecond(row, 24)?,
        hold: Hold {
            worker: get::<Option<String>>(row, 14)?.map(Arc::from),
            token: number(row, 15)?,
            until: maybe_microsecond(row, 16)?,
            may_leave_until: maybe_microsecond(row, 17)?,
            in_call: get(row, 18)?,
            lapsed,
        },
    })
}

fn read_worker(row: &Row<'_>) -> Result<Worker, LedgerError> {
    let process = match (get::<Option<String>>(row, 1)?, get::<Option<String>>(row, 2)?) {
        (Some(boot), Some(namespace)) => Some(ProcessId::new(boot, namespace, get(row, 3)?, number(row, 4)?)),
        _ => None,
    };
    Ok(Worker::new(get::<String>(row, 0)?, process))
}

fn read_rows(row: &Row<'_>) -> Result<RowSpans, LedgerError> {
    get::<String>(row, 2)?.parse().map_err(|_| damaged())
}

fn read_stage(name: &str) -> Result<BatchStage, LedgerError> {
    let stages =
        [BatchStage::Planned, BatchStage::Unknown, BatchStage::Accepted, BatchStage::Refused, BatchStage::Skipped];
    stages.into_iter().find(|stage| stage.as_str() == name).ok_or_else(damaged)
}

/// The number of a phase in the file. It is part of the format.
fn phase_number(phase: Phase) -> i64 {
    match phase {
        Phase::Running | Phase::Done => 1,
        Phase::Paused => 2,
        Phase::Cancelled => 3,
        Phase::Stopping => 4,
        Phase::Halted => 5,
    }
}

fn read_phase(number: i64) -> Result<Phase, LedgerError> {
    match number {
        1 => Ok(Phase::Running),
        2 => Ok(Phase::Paused),
        3 => Ok(Phase::Cancelled),
        4 => Ok(Phase::Stopping),
        5 => Ok(Phase::Halted),
        _ => Err(damaged()),
    }
}

fn read_deferred(row: &Row<'_>) -> Result<Deferred, LedgerError> {
    match get::<i64>(row, 1)? {
        WHOLE_BATCH => Ok(Deferred::Batch(BatchState::from(get::<String>(row, 6)?.as_str()))),
        index => Ok(Deferred::Message(index.try_into().map_err(|_| damaged())?, read_state(row, 2)?)),
    }
}

fn read_state(row: &Row<'_>, at: usize) -> Result<MessageState, LedgerError> {
    Ok(MessageState {
        progress: match get::<i64>(row, at)? {
            0 => Progress::Planned,
            1 => Progress::Accepted,
            2 => Progress::Queued,
            3 => Progress::Failed,
            4 => Progress::Delivered,
            5 => Progress::Read,
            _ => return Err(damaged()),
        },
        code: get::<Option<String>>(row, at + 1)?.map(Into::into),
        description: get::<Option<String>>(row, at + 2)?.map(Into::into),
        at: maybe_microsecond(row, at + 3)?,
    })
}

/// The number of a progress in the file. It is part of the format.
pub(super) fn progress_number(progress: Progress) -> i64 {
    match progress {
        Progress::Planned => 0,
        Progress::Accepted => 1,
        Progress::Queued => 2,
        Progress::Failed => 3,
        Progress::Delivered => 4,
        Progress::Read => 5,
    }
}

fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, at: usize) -> Result<T, LedgerError> {
    row.get(at).map_err(storage)
}

fn number(row: &Row<'_>, at: usize) -> Result<u64, LedgerError> {
    get::<i64>(row, at)?.try_into().map_err(|_| damaged())
}

/// A column of a fingerprint; empty for none.
fn fingerprint(row: &Row<'_>, at: usize) -> Result<Option<Fingerprint>, LedgerError> {
    let text: String = get(row, at)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| damaged()) }
}

fn text_of(fingerprint: Option<Fingerprint>) -> String {
    fingerprint.map(|known| known.to_string()).unwrap_or_default()
}

fn time(row: &Row<'_>, at: usize) -> Result<Timestamp, LedgerError> {
    get::<String>(row, at)?.parse().map_err(|_| damaged())
}

fn maybe_microsecond(row: &Row<'_>, at: usize) -> Result<Option<Timestamp>, LedgerError> {
    get::<Option<i64>>(row, at)?.map(|time| Timestamp::from_microsecond(time).map_err(|_| damaged())).transpose()
}

fn microsecond(row: &Row<'_>, at: usize) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(get(row, at)?).map_err(|_| damaged())
}

pub(super) fn integer(number: u64) -> Result<i64, LedgerError> {
    number.try_into().map_err(|_| LedgerError::impossible("a number is too large for the ledger"))
}

fn damaged() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "the ledger file is damaged")
}
