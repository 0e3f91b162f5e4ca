//! The tables as a store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Params, params};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{CampaignKey, MessageState, Progress, RowKey, Tally, join_state};

use super::super::storage;
use crate::callback::ReceivedCallback;
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::error::LedgerError;
use crate::lease::Held;
use crate::plan::Digest;
use crate::status::BatchCounts;
use crate::store::{Batch, Deferred, LeftInMinute, Orphan, Outstanding, Recount, Store, Sums};
use crate::sums::Pulse;
use crate::worker::Worker;

use super::super::columns::{
    WHOLE_BATCH, batch_sql, damaged, get, integer, microsecond, number, phase_number, progress_number, read_batch,
    read_deferred, read_phase, read_rows, read_stage, read_state, read_worker, text_of,
};
use super::{
    ANY_WITHOUT_ID, BEFORE, FREE, FREE_UNKNOWN, HELD_BY, HELD_BY_OTHERS, HOLDERS, LEFT_SINCE, LIKE, OUTSTANDING,
    SILENT, Tables,
};

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
        self.write(
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
        if let Some(sums) = self.standing.get(campaign) {
            return Ok(Some(*sums));
        }
        let sums = self.read_sums(campaign)?;
        // Outside a transaction somebody else may change them.
        if let (Some(sums), true) = (&sums, self.in_transaction()) {
            self.standing.keep(campaign, *sums);
        }
        Ok(sums)
    }

    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError> {
        self.standing.change(campaign, *sums);
        Ok(())
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
        // Outside a transaction somebody else may change it.
        let in_transaction = self.in_transaction();
        if let (Some(batch), true) = (self.recent.batch_of_row(campaign, row), in_transaction) {
            return Ok(Some(batch.clone()));
        }
        let Ok(row) = i64::try_from(row) else { return Ok(None) };
        let found = self.find_batch(&batch_sql(BEFORE), params![campaign.get(), row])?;
        if let (Some(batch), true) = (&found, in_transaction) {
            self.recent.keep(batch);
        }
        Ok(found)
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError> {
        self.find_batch(&batch_sql("WHERE batch_id = ?1"), [batch_id.as_str()])
    }

    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.recent.forget(batch);
        self.write(
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
        self.recent.forget(batch);
        let hold = &batch.hold;
        self.write(
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
        self.recent.forget(batch);
        self.write(
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
        self.recent.forget(batch);
        let hold = &batch.hold;
        self.write(
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
        self.recent.forget(batch);
        let hold = &batch.hold;
        self.write(
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
        self.write("INSERT INTO double (campaign, number, batch_id) VALUES (?1, ?2, ?3)", place)?;
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
        self.write(
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
        only_unknown: bool,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError> {
        let free = if only_unknown { FREE_UNKNOWN } else { FREE };
        let mut sql = self.connection.prepare_cached(&batch_sql(free)).map_err(storage)?;
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

    fn outstanding(&mut self, of: &CampaignRecord) -> Result<Vec<Outstanding>, LedgerError> {
        self.all(OUTSTANDING, params![of.project, of.app, of.service, of.practice], |row| {
            let campaign = CampaignId::new(get(row, 0)?);
            Ok(Outstanding { campaign, pending: number(row, 1)?, unknown: number(row, 2)? })
        })
    }

    fn left_since(
        &mut self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<LeftInMinute>, LedgerError> {
        self.all(LEFT_SINCE, params![campaign.get(), from.as_microsecond(), to.as_microsecond()], |row| {
            Ok(LeftInMinute { minute: get(row, 0)?, rows: number(row, 1)? })
        })
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
        if let Some(state) = self.messages.get(campaign, row) {
            return Ok(Some(state.clone()));
        }
        let Ok(row) = i64::try_from(row) else { return Ok(None) };
        self.one(
            "SELECT progress, code, description, at FROM message WHERE campaign = ?1 AND row = ?2",
            params![campaign.get(), row],
            |row| read_state(row, 0),
        )
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError> {
        // What cannot be written fails here, not with the whole transaction.
        integer(row)?;
        self.messages.change(campaign, row, state.clone());
        Ok(())
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

    fn last_event(&mut self, campaign: CampaignId) -> Result<Option<Timestamp>, LedgerError> {
        let latest = |sql| Ok(self.one(sql, [campaign.get()], |row| get::<Option<i64>>(row, 0))?.flatten());
        let of_batches = latest(
            "SELECT max(max(ifnull(last_attempt, send_after), ifnull(send_after, last_attempt))) FROM batch WHERE campaign = ?1",
        )?;
        let minute = latest("SELECT max(minute) FROM pulse WHERE campaign = ?1")?;
        // What this transaction has added is not written yet.
        let minute = minute.max(self.added.last_minute(campaign));
        let of_batches = of_batches.map(|time| Timestamp::from_microsecond(time).map_err(|_| damaged())).transpose()?;
        Ok(of_batches.max(minute.map(|minute| Pulse::new(minute).from())))
    }

    fn remove_messages(&mut self, campaign: CampaignId, limit: u32) -> Result<u64, LedgerError> {
        self.settle()?;
        let sql = "DELETE FROM message WHERE campaign = ?1 AND row IN \
             (SELECT row FROM message WHERE campaign = ?1 ORDER BY row LIMIT ?2)";
        let mut statement = self.connection.prepare_cached(sql).map_err(storage)?;
        statement.execute(params![campaign.get(), limit]).map(|count| count as u64).map_err(storage)
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
        self.write(
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
            self.write("DELETE FROM deferred WHERE batch_id = ?1", [batch_id.as_str()])?;
        }
        Ok(deferred)
    }

    fn clear_deferred(&mut self) -> Result<(), LedgerError> {
        self.write("DELETE FROM deferred", [])
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
        self.write(
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
            self.write("DELETE FROM orphan WHERE key = ?1", [key.as_str()])?;
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
    fn read_sums(&self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError> {
        self.one(
            "SELECT phase, n_rows, n_skipped, n_accepted, n_unknown, n_doubled, batches_planned, batches_accepted, \
             batches_unknown, batches_refused, pending, queued, delivered, read, failed, runs, resend_after, behind, \
             n_suppressed, batches_skipped, cancelled, n_systemic, pruned FROM standing WHERE campaign = ?1",
            [campaign.get()],
            |row| {
                Ok(Sums {
                    phase: read_phase(get(row, 0)?)?,
                    behind: get(row, 17)?,
                    pruned: get(row, 22)?,
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

    /// Writes the messages that were changed.
    pub(super) fn write_messages(&mut self) -> Result<(), LedgerError> {
        let mut sql = self
            .connection
            .prepare_cached(
                "INSERT INTO message (campaign, row, progress, code, description, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT (campaign, row) DO UPDATE SET progress = excluded.progress, code = excluded.code, \
                 description = excluded.description, at = excluded.at",
            )
            .map_err(storage)?;
        for (campaign, row, state) in self.messages.changed() {
            sql.execute(params![
                campaign.get(),
                integer(row)?,
                progress_number(state.progress),
                state.code,
                state.description,
                state.at.map(Timestamp::as_microsecond),
            ])
            .map_err(storage)?;
        }
        drop(sql);
        self.messages.clear();
        Ok(())
    }

    pub(super) fn write_sums(&self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR REPLACE INTO standing (campaign, phase, n_rows, n_skipped, n_accepted, n_unknown, n_doubled, \
             batches_planned, batches_accepted, batches_unknown, batches_refused, pending, queued, delivered, read, \
             failed, runs, resend_after, behind, n_suppressed, batches_skipped, cancelled, n_systemic, pruned) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
             ?22, ?23, ?24)",
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
                sums.pruned,
            ],
        )
    }

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
        self.write(
            "INSERT INTO dropped (what, count) VALUES ('orphan', ?1) \
             ON CONFLICT (what) DO UPDATE SET count = count + excluded.count",
            [integer(dropped as u64)?],
        )
    }
}
