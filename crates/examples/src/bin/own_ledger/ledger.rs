//! The ledger: each method that writes is one decision in one transaction.

use std::future::ready;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sinch_batch::ledger::store::{Batch, Store, StoreLimits, Sums};
use sinch_batch::ledger::{
    Applied, BatchRecord, BoxFuture, CallbackCount, CampaignId, CampaignRecord, CampaignStatus, Claim, Claimed,
    Created, DeferredCounts, Entry, Held, Ledger, LedgerError, MessageFailure, NewCampaign, Plan, Pulse, ReasonCount,
    ReceivedCallback, Renewed, RetryRow, Run, Worker, decide,
};
use sinch_batch::models::Timestamp;
use sinch_batch::tracking::{MessageState, Observation};

use crate::log::Log;
use crate::store::of;

type Response<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// A ledger in one plain file, for one process. Its calls block for as long as the disk takes.
pub(crate) struct FileLedger {
    /// Decisions come one after the other.
    log: Mutex<Log>,
}

impl FileLedger {
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        Ok(Self { log: Mutex::new(Log::open(path.as_ref())?) })
    }

    pub(crate) fn with_limits(self, limits: StoreLimits) -> Self {
        self.log().limits = limits;
        self
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<'a, T: Send + 'a>(&self, decide: impl FnOnce(&mut Log) -> Result<T, LedgerError>) -> Response<'a, T> {
        Box::pin(ready(self.log().transaction(decide)))
    }
}

fn known(log: &mut Log, campaign: CampaignId) -> Result<Sums, LedgerError> {
    log.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)
}

fn failures(
    log: &mut Log,
    campaign: CampaignId,
    after_row: u64,
    limit: u32,
) -> Result<Vec<MessageFailure>, LedgerError> {
    known(log, campaign)?;
    let messages: Vec<(u64, MessageState)> = log.all(&of("message", campaign)).collect::<Result<_, LedgerError>>()?;
    let mut failures = Vec::new();
    for (row, state) in messages.into_iter().filter(|(row, _)| *row > after_row) {
        let batch = log.batch_before(campaign, row)?;
        let line = batch.and_then(|batch| batch.rows.line_of(row)).unwrap_or_default();
        failures.extend(MessageFailure::of(row, line, &state));
    }
    failures.truncate(limit as usize);
    Ok(failures)
}

impl Ledger for FileLedger {
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> Response<'_, Created> {
        self.call(|log| decide::create(log, campaign, &*plan))
    }

    fn campaign<'a>(&'a self, name: &'a str) -> Response<'a, Option<CampaignRecord>> {
        self.call(|log| log.campaign_by_name(name)?.map_or(Ok(None), |id| log.get(&of("campaign", id))))
    }

    fn campaigns(&self) -> Response<'_, Vec<CampaignRecord>> {
        self.call(|log| log.all("campaign/").collect())
    }

    fn cancel(&self, campaign: CampaignId) -> Response<'_, ()> {
        self.call(|log| decide::cancel(log, campaign))
    }

    fn pause(&self, campaign: CampaignId) -> Response<'_, ()> {
        self.call(|log| decide::pause(log, campaign))
    }

    fn halt(&self, campaign: CampaignId) -> Response<'_, ()> {
        self.call(|log| decide::halt(log, campaign))
    }

    fn unpause(&self, campaign: CampaignId) -> Response<'_, ()> {
        self.call(|log| decide::unpause(log, campaign))
    }

    fn stop(&self, campaign: CampaignId) -> Response<'_, ()> {
        self.call(|log| decide::stop(log, campaign))
    }

    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> Response<'_, Run> {
        self.call(|log| decide::begin_run(log, campaign, resend_after))
    }

    fn claim(&self, campaign: CampaignId, claim: Claim) -> Response<'_, Claimed> {
        self.call(|log| decide::claim(log, campaign, &claim, Worker::is_gone))
    }

    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> Response<'a, Renewed> {
        self.call(|log| decide::renew(log, campaign, worker, &held, lease, now))
    }

    fn release<'a>(&'a self, campaign: CampaignId, worker: &'a str, now: Timestamp) -> Response<'a, ()> {
        self.call(|log| decide::release(log, campaign, worker, now))
    }

    fn held(&self, campaign: CampaignId, now: Timestamp) -> Response<'_, Vec<Held>> {
        self.call(|log| {
            log.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
            // Of all but nobody.
            log.held_by_others(campaign, "", now)
        })
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> Response<'_, ()> {
        self.call(|log| decide::record(log, campaign, entry, now))
    }

    fn apply(&self, observation: Observation) -> Response<'_, Applied> {
        self.call(|log| decide::apply(log, &observation))
    }

    fn apply_many(&self, observations: Vec<Observation>) -> Response<'_, Vec<Applied>> {
        self.call(|log| observations.iter().map(|one| decide::apply(log, one)).collect())
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> Response<'_, Option<Applied>> {
        self.call(|log| decide::apply_callback(log, &callback))
    }

    fn apply_callbacks(&self, callbacks: Vec<ReceivedCallback>) -> Response<'_, Vec<Option<Applied>>> {
        self.call(|log| callbacks.iter().map(|one| decide::apply_callback(log, one)).collect())
    }

    fn callbacks(&self) -> Response<'_, Vec<CallbackCount>> {
        self.call(|log| log.all("callback/").collect())
    }

    fn deferred(&self) -> Response<'_, DeferredCounts> {
        self.call(|log| {
            let count = |prefix| log.keys(prefix).count() as u64;
            Ok(DeferredCounts::new(count("deferred/"), count("orphan/"), log.get("dropped")?.unwrap_or_default()))
        })
    }

    fn status(&self, campaign: CampaignId) -> Response<'_, CampaignStatus> {
        self.call(|log| known(log, campaign).map(|sums| sums.status()))
    }

    fn batches(&self, campaign: CampaignId, after: u32, limit: u32) -> Response<'_, Vec<BatchRecord>> {
        self.call(|log| {
            known(log, campaign)?;
            let all = log.all::<Batch>(&of("batch", campaign));
            let rest = all.filter(|one| one.as_ref().map_or(true, |one| one.number > after));
            rest.take(limit as usize).map(|one| one.map(Batch::into_record)).collect()
        })
    }

    fn failures(&self, campaign: CampaignId, after_row: u64, limit: u32) -> Response<'_, Vec<MessageFailure>> {
        self.call(|log| failures(log, campaign, after_row, limit))
    }

    fn messages(&self, campaign: CampaignId, after_row: u64, limit: u32) -> Response<'_, Vec<(u64, MessageState)>> {
        self.call(|log| {
            known(log, campaign)?;
            let all = log.all::<(u64, MessageState)>(&of("message", campaign));
            all.filter(|one| one.as_ref().map_or(true, |(row, _)| *row > after_row)).take(limit as usize).collect()
        })
    }

    fn retry_rows(&self, campaign: CampaignId, after_row: u64, limit: u32) -> Response<'_, Vec<RetryRow>> {
        self.call(|log| {
            let failures = failures(log, campaign, after_row, limit)?;
            decide::retry_rows(log, campaign, failures)
        })
    }

    fn reasons(&self, campaign: CampaignId) -> Response<'_, Vec<ReasonCount>> {
        self.call(|log| {
            known(log, campaign)?;
            let all: Result<Vec<(String, i64)>, _> = log.all(&of("reason", campaign)).collect();
            let all = all?.into_iter().filter_map(|(code, n)| Some((code, u64::try_from(n).ok()?)));
            Ok(all.filter(|(_, n)| *n > 0).map(|(code, n)| ReasonCount::new(code, n)).collect())
        })
    }

    fn pulse(&self, campaign: CampaignId, from: Timestamp, to: Timestamp) -> Response<'_, Vec<Pulse>> {
        self.call(|log| {
            known(log, campaign)?;
            let mut minutes = Vec::new();
            for one in log.all::<(i64, [u64; 6])>(&of("pulse", campaign)) {
                let (minute, [_, accepted, queued, failed, delivered, read]) = one?;
                let mut pulse = Pulse::new(minute);
                (pulse.accepted, pulse.queued, pulse.failed) = (accepted, queued, failed);
                (pulse.delivered, pulse.read) = (delivered, read);
                if from <= pulse.from() && pulse.from() < to {
                    minutes.push(pulse);
                }
            }
            Ok(minutes)
        })
    }

    fn message(&self, campaign: CampaignId, row: u64) -> Response<'_, Option<MessageState>> {
        self.call(|log| {
            known(log, campaign)?;
            Store::message(log, campaign, row)
        })
    }
}
