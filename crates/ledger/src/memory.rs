//! A ledger in memory: for tests, and for programs that need not survive themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::ready;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{CampaignKey, MessageState, Observation, Progress};

use crate::callback::{Applied, CallbackCount, DeferredCounts, ReceivedCallback};
use crate::campaign::{CampaignId, CampaignRecord, Created, NewCampaign};
use crate::decide;
use crate::entry::{BatchRecord, BatchStage, Entry, MessageFailure, RetryRow};
use crate::error::LedgerError;
use crate::lease::{Claim, Claimed, Held, Renewed, Run};
use crate::ledger::{BoxFuture, Ledger, Pruned};
use crate::plan::{Digest, Plan};
use crate::status::CampaignStatus;
use crate::store::{Batch, Deferred, LeftInMinute, Orphan, Outstanding, Recount, Store, StoreLimits, Sums};
use crate::sums::{Pulse, ReasonCount, between};
use crate::worker::Worker;

/// A ledger in memory. It takes the same decisions as the one on disk and forgets them when dropped.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    records: Mutex<Records>,
}

impl MemoryLedger {
    /// A ledger without campaigns.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // Decisions check before they write, so a panic elsewhere leaves nothing half done.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Records {
    campaigns: BTreeMap<CampaignId, (CampaignRecord, Sums)>,
    by_name: HashMap<String, CampaignId>,
    by_key: HashMap<CampaignKey, CampaignId>,
    batches: BTreeMap<(CampaignId, u32), Batch>,
    by_first_row: BTreeMap<(CampaignId, u64), u32>,
    by_batch_id: HashMap<BatchId, (CampaignId, u32)>,
    by_digest: HashMap<Digest, Vec<(CampaignId, u32)>>,
    without_id: BTreeSet<(CampaignId, u32)>,
    /// Batches that are neither accepted nor skipped.
    open: BTreeSet<(CampaignId, u32)>,
    doubles: BTreeSet<(CampaignId, u32, Box<str>)>,
    workers: BTreeMap<Box<str>, Worker>,
    messages: BTreeMap<(CampaignId, u64), MessageState>,
    reasons: BTreeMap<(CampaignId, Box<str>), i64>,
    pulse: BTreeMap<(CampaignId, i64), Pulse>,
    deferred: ByPosition,
    orphans: Orphans,
    callbacks: BTreeMap<&'static str, CallbackCount>,
    limits: StoreLimits,
}

/// What was received by position, for batches whose id is not known.
#[derive(Debug, Default)]
struct ByPosition {
    by_batch: HashMap<BatchId, BTreeMap<Option<u32>, Deferred>>,
    count: u64,
}

/// Receipts for campaigns that are not known, and by age what gives way first.
#[derive(Debug, Default)]
struct Orphans {
    by_key: BTreeMap<(CampaignKey, u64), (u64, Orphan)>,
    by_age: BTreeMap<u64, (CampaignKey, u64)>,
    next: u64,
    dropped: u64,
}

impl Records {
    fn campaign(&self, campaign: CampaignId) -> Result<&(CampaignRecord, Sums), LedgerError> {
        self.campaigns.get(&campaign).ok_or_else(LedgerError::no_such_campaign)
    }

    fn where_campaign(&self, wanted: impl Fn(&CampaignRecord) -> bool) -> Vec<CampaignRecord> {
        let all = self.campaigns.values().map(|(campaign, _)| campaign);
        all.filter(|campaign| !campaign.practice && wanted(campaign)).cloned().collect()
    }

    fn batches(&self, campaign: CampaignId, after: u32) -> Result<impl Iterator<Item = &Batch>, LedgerError> {
        self.campaign(campaign)?;
        let rest = self.batches.range((Excluded((campaign, after)), Unbounded));
        Ok(rest.take_while(move |((of, _), _)| *of == campaign).map(|(_, batch)| batch))
    }

    fn open(&self, campaign: CampaignId) -> impl Iterator<Item = &Batch> {
        let open = self.open.range((campaign, 0)..=(campaign, u32::MAX));
        open.filter_map(|place| self.batches.get(place))
    }

    fn failures(&self, campaign: CampaignId, after_row: u64, limit: u32) -> Result<Vec<MessageFailure>, LedgerError> {
        self.campaign(campaign)?;
        let rest = self.messages.range((Excluded((campaign, after_row)), Unbounded));
        let failed = rest
            .take_while(|((of, _), _)| *of == campaign)
            .filter(|(_, state)| state.progress == Progress::Failed)
            .take(limit as usize);
        Ok(failed.filter_map(|((_, row), state)| self.failure(campaign, *row, state)).collect())
    }

    fn failure(&self, campaign: CampaignId, row: u64, state: &MessageState) -> Option<MessageFailure> {
        let batch = self.batch_before(campaign, row)?;
        MessageFailure::of(row, batch.rows.line_of(row)?, state)
    }

    fn batch_before(&self, campaign: CampaignId, row: u64) -> Option<&Batch> {
        let (_, number) = self.by_first_row.range((campaign, 0)..=(campaign, row)).next_back()?;
        self.batches.get(&(campaign, *number))
    }
}

impl Store for Records {
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError> {
        Ok(self.where_campaign(|have| {
            (&have.project, &have.app, &have.service, &have.message_fingerprint)
                == (&new.project, &new.app, &new.service, &new.message_fingerprint)
        }))
    }

    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError> {
        let same = |have: &str, new: &str| !new.is_empty() && have == new;
        Ok(self.where_campaign(|have| {
            same(&have.input, &new.input)
                || (new.input_fingerprint.is_some() && have.input_fingerprint == new.input_fingerprint)
        }))
    }

    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>, LedgerError> {
        Ok(self.by_name.get(name).copied())
    }

    fn campaign_by_key(&mut self, key: &CampaignKey) -> Result<Option<CampaignId>, LedgerError> {
        Ok(self.by_key.get(key).copied())
    }

    fn campaign_by_id(&mut self, campaign: CampaignId) -> Result<Option<CampaignRecord>, LedgerError> {
        Ok(self.campaigns.get(&campaign).map(|(campaign, _)| campaign.clone()))
    }

    fn family(&mut self, root: CampaignId) -> Result<Vec<CampaignId>, LedgerError> {
        let all = self.campaigns.values().map(|(campaign, _)| campaign);
        Ok(all.filter(|campaign| campaign.family() == root).map(|campaign| campaign.id).collect())
    }

    fn put_campaign(&mut self, new: NewCampaign) -> Result<CampaignRecord, LedgerError> {
        let last = self.campaigns.last_key_value().map_or(0, |(id, _)| id.get());
        let id = CampaignId::new(last + 1);
        let campaign = new.with_id(id);
        self.by_name.insert(campaign.name.clone(), id);
        self.by_key.insert(campaign.key.clone(), id);
        self.campaigns.insert(id, (campaign.clone(), Sums::new(0, 0, 0)));
        Ok(campaign)
    }

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError> {
        Ok(self.campaigns.get(&campaign).map(|(_, sums)| *sums))
    }

    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError> {
        if let Some((_, have)) = self.campaigns.get_mut(&campaign) {
            *have = *sums;
        }
        Ok(())
    }

    fn recount(&mut self, campaign: CampaignId) -> Result<Recount, LedgerError> {
        let mut recount = Recount::default();
        for batch in self.batches(campaign, 0)? {
            recount.add_batch(batch);
        }
        Ok(recount)
    }

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError> {
        Ok(self.batches.get(&(campaign, number)).cloned())
    }

    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError> {
        Ok(Self::batch_before(self, campaign, row).cloned())
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError> {
        Ok(self.by_batch_id.get(batch_id).and_then(|place| self.batches.get(place)).cloned())
    }

    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.by_first_row.insert((batch.campaign, batch.first_row), batch.number);
        self.by_digest.entry(batch.digest).or_default().push((batch.campaign, batch.number));
        self.put_batch(batch)
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let place = (batch.campaign, batch.number);
        if let Some(batch_id) = &batch.batch_id {
            self.by_batch_id.insert(batch_id.clone(), place);
        }
        if batch.batch_id.is_none() && batch.may_have_arrived() {
            self.without_id.insert(place);
        } else {
            self.without_id.remove(&place);
        }
        if matches!(batch.stage, BatchStage::Accepted | BatchStage::Skipped) {
            self.open.remove(&place);
        } else {
            self.open.insert(place);
        }
        self.batches.insert(place, batch.clone());
        Ok(())
    }

    fn batches_like(&mut self, digest: &Digest) -> Result<Vec<(CampaignId, bool)>, LedgerError> {
        let places = self.by_digest.get(digest).map(Vec::as_slice).unwrap_or_default();
        Ok(places.iter().filter_map(|place| Some((place.0, self.batches.get(place)?.may_have_arrived()))).collect())
    }

    fn any_without_id(&mut self) -> Result<bool, LedgerError> {
        Ok(!self.without_id.is_empty())
    }

    fn put_double(&mut self, campaign: CampaignId, number: u32, batch_id: &BatchId) -> Result<bool, LedgerError> {
        Ok(self.doubles.insert((campaign, number, batch_id.as_str().into())))
    }

    fn worker(&mut self, name: &str) -> Result<Option<Worker>, LedgerError> {
        Ok(self.workers.get(name).cloned())
    }

    fn holds_any(&mut self, worker: &str) -> Result<bool, LedgerError> {
        Ok(self.batches.values().any(|batch| batch.hold.is_of(worker)))
    }

    fn put_worker(&mut self, worker: &Worker) -> Result<(), LedgerError> {
        self.workers.insert(worker.name().into(), worker.clone());
        Ok(())
    }

    fn holders(&mut self, campaign: CampaignId) -> Result<Vec<Worker>, LedgerError> {
        let mut names = BTreeSet::new();
        for batch in self.open(campaign) {
            names.extend(batch.hold.workers().cloned());
        }
        Ok(names.iter().filter_map(|name| self.workers.get(&**name).cloned()).collect())
    }

    fn batches_of_worker(&mut self, campaign: CampaignId, worker: &str) -> Result<Vec<Batch>, LedgerError> {
        Ok(self.open(campaign).filter(|batch| batch.hold.is_of(worker)).cloned().collect())
    }

    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        only_unknown: bool,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError> {
        let wanted = |batch: &Batch| !only_unknown || batch.stage == BatchStage::Unknown;
        let free = |batch: &&Batch| batch.hold.is_free(now) && wanted(batch) && !except.contains(&batch.number);
        Ok(self.open(campaign).filter(free).take(room as usize).cloned().collect())
    }

    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>, LedgerError> {
        let mut held: BTreeMap<&str, Held> = BTreeMap::new();
        for batch in self.open(campaign) {
            let (Some(holder), Some(until)) = (&batch.hold.worker, batch.hold.until) else { continue };
            if **holder != *worker && now < until {
                let its = held.entry(holder).or_insert_with(|| Held::new(&**holder, 0, until));
                its.batches += 1;
                its.until = its.until.max(until);
            }
        }
        Ok(held.into_values().collect())
    }

    fn outstanding(&mut self, of: &CampaignRecord) -> Result<Vec<Outstanding>, LedgerError> {
        let is_same = |one: &CampaignRecord| {
            (&one.project, &one.app, &one.service, one.practice) == (&of.project, &of.app, &of.service, of.practice)
        };
        let same = self.campaigns.values().filter(|(campaign, _)| is_same(campaign));
        let all = same.map(|(campaign, sums)| Outstanding {
            campaign: campaign.id,
            pending: sums.messages.pending,
            unknown: sums.unknown,
        });
        Ok(all.filter(|one| one.pending > 0 || one.unknown > 0).collect())
    }

    fn left_since(
        &mut self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<LeftInMinute>, LedgerError> {
        Ok(LeftInMinute::of(self.batches(campaign, 0)?, from, to))
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
        Ok(self.messages.get(&(campaign, row)).cloned())
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError> {
        self.messages.insert((campaign, row), state.clone());
        Ok(())
    }

    fn add_reason(&mut self, campaign: CampaignId, code: &str, by: i64) -> Result<(), LedgerError> {
        *self.reasons.entry((campaign, code.into())).or_default() += by;
        Ok(())
    }

    fn add_pulse(
        &mut self,
        campaign: CampaignId,
        minute: i64,
        progress: Progress,
        count: u64,
    ) -> Result<(), LedgerError> {
        self.pulse.entry((campaign, minute)).or_insert(Pulse::new(minute)).add(progress, count);
        Ok(())
    }

    fn last_event(&mut self, campaign: CampaignId) -> Result<Option<Timestamp>, LedgerError> {
        let batches = self.batches(campaign, 0)?;
        let of_batches = batches.flat_map(|batch| [batch.last_attempt, batch.send_after]).flatten().max();
        let minutes = self.pulse.range((campaign, i64::MIN)..=(campaign, i64::MAX));
        Ok(of_batches.max(minutes.map(|(_, pulse)| pulse.from()).next_back()))
    }

    fn remove_messages(&mut self, campaign: CampaignId, limit: u32) -> Result<u64, LedgerError> {
        let its = self.messages.range((campaign, 0)..=(campaign, u64::MAX)).take(limit as usize);
        let places: Vec<_> = its.map(|(place, _)| *place).collect();
        for place in &places {
            self.messages.remove(place);
        }
        Ok(places.len() as u64)
    }

    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<(), LedgerError> {
        self.deferred.put(batch_id, deferred, self.limits.deferred)
    }

    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>, LedgerError> {
        Ok(self.deferred.take(batch_id))
    }

    fn clear_deferred(&mut self) -> Result<(), LedgerError> {
        self.deferred = ByPosition::default();
        Ok(())
    }

    fn put_orphan(&mut self, orphan: Orphan) -> Result<(), LedgerError> {
        self.orphans.put(orphan, self.limits.orphans);
        Ok(())
    }

    fn take_orphans(&mut self, key: &CampaignKey) -> Result<Vec<Orphan>, LedgerError> {
        Ok(self.orphans.take(key))
    }

    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError> {
        let counted = self.callbacks.entry(callback.kind()).and_modify(|count| count.add(callback));
        counted.or_insert_with(|| CallbackCount::first(callback));
        Ok(())
    }
}

impl ByPosition {
    fn put(&mut self, batch_id: &BatchId, deferred: Deferred, limit: u64) -> Result<(), LedgerError> {
        let place = self.by_batch.get_mut(batch_id).and_then(|places| places.get_mut(&deferred.index()));
        if let Some(have) = place {
            *have = have.clone().join(deferred);
            return Ok(());
        }
        if self.count >= limit {
            return Err(LedgerError::deferred_full());
        }
        self.count += 1;
        self.by_batch.entry(batch_id.clone()).or_default().insert(deferred.index(), deferred);
        Ok(())
    }

    fn take(&mut self, batch_id: &BatchId) -> Vec<Deferred> {
        let places = self.by_batch.remove(batch_id).unwrap_or_default();
        self.count -= places.len() as u64;
        places.into_values().collect()
    }
}

impl Orphans {
    fn put(&mut self, orphan: Orphan, limit: u64) {
        let place = (orphan.key.campaign.clone(), orphan.key.row);
        if let Some((_, have)) = self.by_key.get_mut(&place) {
            have.join(orphan);
            return;
        }
        self.next += 1;
        self.by_key.insert(place.clone(), (self.next, orphan));
        self.by_age.insert(self.next, place);
        while self.by_age.len() as u64 > limit {
            let Some((_, oldest)) = self.by_age.pop_first() else { return };
            self.by_key.remove(&oldest);
            self.dropped += 1;
        }
    }

    fn take(&mut self, key: &CampaignKey) -> Vec<Orphan> {
        let from = (key.clone(), 0);
        let its: Vec<_> = self
            .by_key
            .range(from..)
            .take_while(|((campaign, _), _)| campaign == key)
            .map(|(at, _)| at.clone())
            .collect();
        let taken = its.iter().filter_map(|at| self.by_key.remove(at));
        let taken: Vec<_> = taken.collect();
        taken.iter().for_each(|(age, _)| {
            self.by_age.remove(age);
        });
        taken.into_iter().map(|(_, orphan)| orphan).collect()
    }
}

fn done<'a, T: Send + 'a>(result: Result<T, LedgerError>) -> BoxFuture<'a, Result<T, LedgerError>> {
    Box::pin(ready(result))
}

impl Ledger for MemoryLedger {
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> BoxFuture<'_, Result<Created, LedgerError>> {
        done(decide::create(&mut *self.records(), campaign, &*plan))
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<CampaignRecord>, LedgerError>> {
        let records = self.records();
        let found = records.by_name.get(name).and_then(|id| records.campaigns.get(id));
        done(Ok(found.map(|(campaign, _)| campaign.clone())))
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<CampaignRecord>, LedgerError>> {
        done(Ok(self.records().campaigns.values().map(|(campaign, _)| campaign.clone()).collect()))
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::cancel(&mut *self.records(), campaign))
    }

    fn pause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::pause(&mut *self.records(), campaign))
    }

    fn halt(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::halt(&mut *self.records(), campaign))
    }

    fn unpause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::unpause(&mut *self.records(), campaign))
    }

    fn stop(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::stop(&mut *self.records(), campaign))
    }

    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> BoxFuture<'_, Result<Run, LedgerError>> {
        done(decide::begin_run(&mut *self.records(), campaign, resend_after))
    }

    fn claim(&self, campaign: CampaignId, claim: Claim) -> BoxFuture<'_, Result<Claimed, LedgerError>> {
        done(decide::claim(&mut *self.records(), campaign, &claim, Worker::is_gone))
    }

    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Renewed, LedgerError>> {
        done(decide::renew(&mut *self.records(), campaign, worker, &held, lease, now))
    }

    fn release<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        done(decide::release(&mut *self.records(), campaign, worker, now))
    }

    fn held(&self, campaign: CampaignId, now: Timestamp) -> BoxFuture<'_, Result<Vec<Held>, LedgerError>> {
        let mut records = self.records();
        let known = records.campaign(campaign).map(|_| ());
        done(known.and_then(|()| records.held_by_others(campaign, "", now)))
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::record(&mut *self.records(), campaign, entry, now))
    }

    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>> {
        done(decide::apply(&mut *self.records(), &observation))
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>> {
        done(decide::apply_callback(&mut *self.records(), &callback))
    }

    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>> {
        done(Ok(self.records().callbacks.values().cloned().collect()))
    }

    fn deferred(&self) -> BoxFuture<'_, Result<DeferredCounts, LedgerError>> {
        let records = self.records();
        let by_key = records.orphans.by_key.len() as u64;
        done(Ok(DeferredCounts::new(records.deferred.count, by_key, records.orphans.dropped)))
    }

    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>> {
        done(self.records().campaign(campaign).map(|(_, sums)| sums.status()))
    }

    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        let records = self.records();
        let batches = records.batches(campaign, after);
        done(batches.map(|batches| batches.take(limit as usize).cloned().map(Batch::into_record).collect()))
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<MessageFailure>, LedgerError>> {
        done(self.records().failures(campaign, after_row, limit))
    }

    fn messages(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, MessageState)>, LedgerError>> {
        let records = self.records();
        let found = records.campaign(campaign).map(|_| {
            let rest = records.messages.range((Excluded((campaign, after_row)), Unbounded));
            let its = rest.take_while(|((of, _), _)| *of == campaign).take(limit as usize);
            its.map(|((_, row), state)| (*row, state.clone())).collect()
        });
        done(found)
    }

    fn retry_rows(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<RetryRow>, LedgerError>> {
        let mut records = self.records();
        let failures = records.failures(campaign, after_row, limit);
        done(failures.and_then(|failures| decide::retry_rows(&mut *records, campaign, failures)))
    }

    fn reasons(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<ReasonCount>, LedgerError>> {
        let records = self.records();
        let found = records.campaign(campaign).map(|_| {
            let rest = records.reasons.range((campaign, Box::from(""))..);
            let its = rest.take_while(|((of, _), _)| *of == campaign);
            its.filter_map(|((_, code), n)| {
                u64::try_from(*n).ok().filter(|n| *n > 0).map(|n| ReasonCount::new(&**code, n))
            })
            .collect()
        });
        done(found)
    }

    fn pulse(
        &self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Pulse>, LedgerError>> {
        let records = self.records();
        let (from, to) = between(from, to);
        let its = || records.pulse.range((campaign, from)..(campaign, to.max(from))).map(|(_, pulse)| *pulse).collect();
        done(records.campaign(campaign).map(|_| its()))
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        let records = self.records();
        let found = records.campaign(campaign).map(|_| records.messages.get(&(campaign, row)).cloned());
        done(found)
    }

    fn forget(&self, campaign: CampaignId, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, LedgerError>> {
        done(decide::forget(&mut *self.records(), campaign, &rows))
    }

    fn ended(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Option<Timestamp>, LedgerError>> {
        done(decide::ended(&mut *self.records(), campaign))
    }

    fn prune(&self, campaign: CampaignId, before: Timestamp, limit: u32) -> BoxFuture<'_, Result<Pruned, LedgerError>> {
        done(decide::prune(&mut *self.records(), campaign, before, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[tokio::test]
    async fn limits_of_memory_ledger_are_kept() {
        conformance::limits(async |limits| {
            let ledger = MemoryLedger::new();
            ledger.records().limits = limits;
            ledger
        })
        .await;
    }
}
