//! The tables as a store.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Progress, Tally, join_state};

use super::storage;
use crate::decide;
use crate::entry::{
    BatchCounts, BatchRecord, BatchStage, CallbackCount, Campaign, CampaignId, Failure, Frontier, NewCampaign,
    ReceivedCallback,
};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::rows::RowSpans;
use crate::store::{Batch, EARLY_LIMIT, Early, Store, Sums};

/// How many batches' rows are kept read.
const ROWS_KEPT: usize = 4096;

/// The place of what is said about a batch as a whole among its early observations.
const WHOLE_BATCH: i64 = -1;

/// A connection, and what was read over it and can never change.
#[derive(Debug)]
pub(super) struct Tables {
    connection: Connection,
    campaigns: HashMap<Box<str>, CampaignId>,
    rows: HashMap<(CampaignId, u32), Arc<RowSpans>>,
    counted: Counted,
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
        Self { connection, campaigns: HashMap::new(), rows: HashMap::new(), counted: Counted::default() }
    }

    pub(super) fn begin(&self) -> Result<(), LedgerError> {
        self.execute("BEGIN IMMEDIATE", [])
    }

    pub(super) fn commit(&mut self) -> Result<(), LedgerError> {
        self.write_counts()?;
        self.execute("COMMIT", [])
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn savepoint(&mut self) -> Result<(), LedgerError> {
        self.counted.safe = self.counted.callbacks.len();
        self.execute("SAVEPOINT job", [])
    }

    pub(super) fn release(&self) -> Result<(), LedgerError> {
        self.execute("RELEASE job", [])
    }

    pub(super) fn undo_savepoint(&mut self) -> Result<(), LedgerError> {
        self.forget();
        self.counted.callbacks.truncate(self.counted.safe);
        self.execute("ROLLBACK TO job", [])?;
        self.release()
    }

    /// Undoes the transaction, if SQLite has not done so by itself.
    pub(super) fn roll_back(&mut self) {
        self.forget();
        self.counted.callbacks.clear();
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
    /// Lets the file grow no further than that many pages, or than it has grown already.
    pub(super) fn limit_pages(&self, n_pages: u32) -> Result<(), LedgerError> {
        self.connection.query_row(&format!("PRAGMA max_page_count = {n_pages}"), [], |_| Ok(())).map_err(storage)
    }
}

/// What is asked for besides the decisions.
impl Tables {
    pub(super) fn create(&mut self, campaign: NewCampaign) -> Result<Campaign, LedgerError> {
        decide::check_new(&campaign)?;
        if self.exists("SELECT 1 FROM campaign WHERE name = ?1", [&campaign.name])? {
            return Err(LedgerError::name_taken(&campaign.name));
        }
        if self.exists("SELECT 1 FROM campaign WHERE key = ?1", [&campaign.key])? {
            return Err(LedgerError::key_taken());
        }
        self.execute(
            "INSERT INTO campaign (name, key, input, input_fingerprint, message, message_fingerprint, n_rows, \
             n_skipped, batch_size, settings, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                campaign.name,
                campaign.key,
                campaign.input,
                campaign.input_fingerprint,
                campaign.message,
                campaign.message_fingerprint,
                integer(campaign.rows)?,
                integer(campaign.skipped)?,
                campaign.batch_size,
                campaign.settings,
                campaign.created.to_string(),
            ],
        )?;
        let id = CampaignId::new(self.connection.last_insert_rowid());
        self.put_sums(id, &Sums::new(campaign.rows, campaign.skipped))?;
        Ok(campaign.with_id(id))
    }

    pub(super) fn campaign(&self, name: &str) -> Result<Option<Campaign>, LedgerError> {
        Ok(self.campaigns_where("WHERE name = ?1", [name])?.pop())
    }

    pub(super) fn campaigns(&self) -> Result<Vec<Campaign>, LedgerError> {
        self.campaigns_where("ORDER BY id", [])
    }

    fn campaigns_where(&self, clause: &str, params: impl Params) -> Result<Vec<Campaign>, LedgerError> {
        let sql = format!(
            "SELECT id, name, key, input, input_fingerprint, message, message_fingerprint, n_rows, n_skipped, \
             batch_size, settings, created FROM campaign {clause}"
        );
        self.all(&sql, params, |row| {
            let created = NewCampaign {
                name: get(row, 1)?,
                key: get(row, 2)?,
                input: get(row, 3)?,
                input_fingerprint: get(row, 4)?,
                message: get(row, 5)?,
                message_fingerprint: get(row, 6)?,
                rows: number(row, 7)?,
                skipped: number(row, 8)?,
                batch_size: get(row, 9)?,
                settings: get(row, 10)?,
                created: time(row, 11)?,
            };
            Ok(created.with_id(CampaignId::new(get(row, 0)?)))
        })
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

    pub(super) fn open_batches(&mut self, campaign: CampaignId) -> Result<Vec<BatchRecord>, LedgerError> {
        self.known_sums(campaign)?;
        self.records("stage <> 'accepted' ORDER BY number", params![campaign.get()])
    }

    fn records(&self, clause: &str, params: impl Params) -> Result<Vec<BatchRecord>, LedgerError> {
        self.all(&batch_sql(&format!("campaign = ?1 AND {clause}")), params, |row| {
            Ok(read_batch(row, Arc::new(read_rows(row)?))?.into_record())
        })
    }

    pub(super) fn failures(
        &mut self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<Failure>, LedgerError> {
        self.known_sums(campaign)?;
        let Ok(after_row) = i64::try_from(after_row) else { return Ok(Vec::new()) };
        let mut failures = self.all(
            "SELECT row, code, description FROM message \
             WHERE campaign = ?1 AND progress = 3 AND row > ?2 ORDER BY row LIMIT ?3",
            params![campaign.get(), after_row, limit],
            |row| Ok(Failure { row: number(row, 0)?, line: 0, code: get(row, 1)?, description: get(row, 2)? }),
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
    fn campaign_by_key(&mut self, key: &str) -> Result<Option<CampaignId>, LedgerError> {
        if let Some(id) = self.campaigns.get(key) {
            return Ok(Some(*id));
        }
        let found =
            self.one("SELECT id FROM campaign WHERE key = ?1", [key], |row| Ok(CampaignId::new(get(row, 0)?)))?;
        if let Some(id) = found {
            self.campaigns.insert(key.into(), id);
        }
        Ok(found)
    }

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError> {
        self.one(
            "SELECT n_rows, n_skipped, n_batched, n_accepted, n_unknown, batches_accepted, batches_unknown, \
             batches_refused, pending, queued, delivered, read, failed, next_number, last_row \
             FROM standing WHERE campaign = ?1",
            [campaign.get()],
            |row| {
                Ok(Sums {
                    rows: number(row, 0)?,
                    skipped: number(row, 1)?,
                    batched: number(row, 2)?,
                    accepted: number(row, 3)?,
                    unknown: number(row, 4)?,
                    batches: BatchCounts {
                        accepted: number(row, 5)?,
                        unknown: number(row, 6)?,
                        refused: number(row, 7)?,
                    },
                    messages: Tally {
                        pending: number(row, 8)?,
                        queued: number(row, 9)?,
                        delivered: number(row, 10)?,
                        read: number(row, 11)?,
                        failed: number(row, 12)?,
                    },
                    frontier: Frontier { next_number: get(row, 13)?, last_row: number(row, 14)? },
                })
            },
        )
    }

    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR REPLACE INTO standing (campaign, n_rows, n_skipped, n_batched, n_accepted, n_unknown, \
             batches_accepted, batches_unknown, batches_refused, pending, queued, delivered, read, failed, \
             next_number, last_row) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                campaign.get(),
                integer(sums.rows)?,
                integer(sums.skipped)?,
                integer(sums.batched)?,
                integer(sums.accepted)?,
                integer(sums.unknown)?,
                integer(sums.batches.accepted)?,
                integer(sums.batches.unknown)?,
                integer(sums.batches.refused)?,
                integer(sums.messages.pending)?,
                integer(sums.messages.queued)?,
                integer(sums.messages.delivered)?,
                integer(sums.messages.read)?,
                integer(sums.messages.failed)?,
                sums.frontier.next_number,
                integer(sums.frontier.last_row)?,
            ],
        )
    }

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError> {
        self.find_batch(&batch_sql("campaign = ?1 AND number = ?2"), params![campaign.get(), number])
    }

    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError> {
        let Ok(row) = i64::try_from(row) else { return Ok(None) };
        let sql = batch_sql("campaign = ?1 AND first_row <= ?2 ORDER BY first_row DESC LIMIT 1");
        self.find_batch(&sql, params![campaign.get(), row])
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError> {
        self.find_batch(&batch_sql("batch_id = ?1"), [batch_id.as_str()])
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let first_row = batch.rows.first_row().ok_or_else(damaged)?;
        self.execute(
            "INSERT INTO batch (campaign, number, first_row, n_rows, stage, attempts, batch_id, state, \
             last_attempt, why, rows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (campaign, number) DO UPDATE SET stage = excluded.stage, attempts = excluded.attempts, \
             batch_id = excluded.batch_id, state = excluded.state, last_attempt = excluded.last_attempt, \
             why = excluded.why",
            params![
                batch.campaign.get(),
                batch.number,
                integer(first_row)?,
                integer(batch.rows.len())?,
                stage_name(batch.stage),
                batch.attempts,
                batch.batch_id.as_ref().map(BatchId::as_str),
                batch.state.as_ref().map(BatchState::as_str),
                batch.last_attempt.to_string(),
                batch.why,
                batch.rows.to_string(),
            ],
        )
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
        let Ok(row) = i64::try_from(row) else { return Ok(None) };
        self.one(
            "SELECT progress, code, description FROM message WHERE campaign = ?1 AND row = ?2",
            params![campaign.get(), row],
            |row| read_state(row, 0),
        )
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR REPLACE INTO message (campaign, row, progress, code, description) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![campaign.get(), integer(row)?, progress_number(state.progress), state.code, state.description],
        )
    }

    fn put_early(&mut self, batch_id: &BatchId, early: Early) -> Result<(), LedgerError> {
        let position = match &early {
            Early::Message(index, _) => i64::from(*index),
            Early::Batch(_) => WHOLE_BATCH,
        };
        let kept = self.one(
            "SELECT age, position, progress, code, description, state FROM early WHERE batch_id = ?1 AND position = ?2",
            params![batch_id.as_str(), position],
            |row| Ok((get::<i64>(row, 0)?, read_early(row)?)),
        )?;
        let (age, early) = match (kept, early) {
            (Some((age, Early::Message(index, mut state))), Early::Message(_, seen)) => {
                if !state.observe(&seen) {
                    return Ok(());
                }
                (age, Early::Message(index, state))
            }
            (Some((age, Early::Batch(state))), Early::Batch(seen)) => {
                (age, Early::Batch(join_state(Some(state), seen)))
            }
            (_, early) => {
                let age = self.one("SELECT max(age) FROM early", [], |row| get::<Option<i64>>(row, 0))?.flatten();
                let age = age.map_or(0, |age| age + 1);
                self.execute("DELETE FROM early WHERE age <= ?1", [age - EARLY_LIMIT])?;
                (age, early)
            }
        };
        let (state, whole) = match early {
            Early::Message(_, state) => (state, None),
            Early::Batch(state) => (MessageState::default(), Some(state)),
        };
        self.execute(
            "INSERT OR REPLACE INTO early (age, batch_id, position, progress, code, description, state) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                age,
                batch_id.as_str(),
                position,
                progress_number(state.progress),
                state.code,
                state.description,
                whole.as_ref().map(BatchState::as_str),
            ],
        )
    }

    fn take_early(&mut self, batch_id: &BatchId) -> Result<Vec<Early>, LedgerError> {
        let early = self.all(
            "SELECT age, position, progress, code, description, state FROM early WHERE batch_id = ?1",
            [batch_id.as_str()],
            read_early,
        )?;
        if !early.is_empty() {
            self.execute("DELETE FROM early WHERE batch_id = ?1", [batch_id.as_str()])?;
        }
        Ok(early)
    }

    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError> {
        self.counted.callbacks.push((callback.kind(), callback.time().as_microsecond()));
        Ok(())
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

    /// One batch; its rows, which never change, are read once.
    fn find_batch(&mut self, sql: &str, params: impl Params) -> Result<Option<Batch>, LedgerError> {
        let mut sql = self.connection.prepare_cached(sql).map_err(storage)?;
        let mut found = sql.query(params).map_err(storage)?;
        let Some(row) = found.next().map_err(storage)? else { return Ok(None) };
        let place = (CampaignId::new(get(row, 0)?), get(row, 1)?);
        let rows = match self.rows.get(&place) {
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
        "SELECT campaign, number, stage, attempts, batch_id, state, last_attempt, why, rows FROM batch WHERE {clause}"
    )
}

fn read_batch(row: &Row<'_>, rows: Arc<RowSpans>) -> Result<Batch, LedgerError> {
    Ok(Batch {
        campaign: CampaignId::new(get(row, 0)?),
        number: get(row, 1)?,
        rows,
        stage: read_stage(&get::<String>(row, 2)?)?,
        attempts: get(row, 3)?,
        batch_id: get::<Option<String>>(row, 4)?.map(BatchId::new),
        state: get::<Option<String>>(row, 5)?.map(|state| BatchState::from(state.as_str())),
        last_attempt: time(row, 6)?,
        why: get(row, 7)?,
    })
}

fn read_rows(row: &Row<'_>) -> Result<RowSpans, LedgerError> {
    get::<String>(row, 8)?.parse().map_err(|_| damaged())
}

fn stage_name(stage: BatchStage) -> &'static str {
    match stage {
        BatchStage::Unknown => "unknown",
        BatchStage::Accepted => "accepted",
        BatchStage::Refused => "refused",
    }
}

fn read_stage(name: &str) -> Result<BatchStage, LedgerError> {
    match name {
        "unknown" => Ok(BatchStage::Unknown),
        "accepted" => Ok(BatchStage::Accepted),
        "refused" => Ok(BatchStage::Refused),
        _ => Err(damaged()),
    }
}

fn read_early(row: &Row<'_>) -> Result<Early, LedgerError> {
    match get::<i64>(row, 1)? {
        WHOLE_BATCH => Ok(Early::Batch(BatchState::from(get::<String>(row, 5)?.as_str()))),
        index => Ok(Early::Message(index.try_into().map_err(|_| damaged())?, read_state(row, 2)?)),
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
    })
}

/// The number of a progress in the file. It is part of the format.
fn progress_number(progress: Progress) -> i64 {
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

fn time(row: &Row<'_>, at: usize) -> Result<Timestamp, LedgerError> {
    get::<String>(row, at)?.parse().map_err(|_| damaged())
}

fn microsecond(row: &Row<'_>, at: usize) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(get(row, at)?).map_err(|_| damaged())
}

fn integer(number: u64) -> Result<i64, LedgerError> {
    number.try_into().map_err(|_| LedgerError::impossible("a number is too large for the ledger"))
}

fn damaged() -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "the ledger file is damaged")
}
