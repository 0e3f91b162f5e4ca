//! The records that were fetched, and over them what a group of jobs has changed: a store in memory.
//!
//! ```text
//!   changes of this job      undone alone if the job fails
//!   changes of the group     written with one statement a table
//!   what was fetched         a record that is not there is noted, and the group is decided again with it
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{CampaignKey, MessageState, Progress};

use super::need::{Base, FreeOf, Need, Place, READ_AHEAD, key};
use super::records::damaged;
use crate::callback::{CallbackCount, ReceivedCallback};
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::entry::BatchStage;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::lease::Held;
use crate::plan::Digest;
use crate::store::{Batch, Deferred, LeftInMinute, Orphan, Outstanding, Recount, Store, StoreLimits, Sums};
use crate::sums::Pulse;
use crate::worker::Worker;

/// Where something by position is kept.
pub(super) type DeferredAt = (Box<str>, Option<u32>);

/// What was changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) created: Option<CampaignRecord>,
    /// The first rows of its batches, in order.
    first_rows: Vec<u64>,
    pub(super) sums: BTreeMap<CampaignId, Sums>,
    pub(super) batches: BTreeMap<Place, Batch>,
    ids: HashMap<Box<str>, Place>,
    pub(super) doubles: BTreeSet<(CampaignId, u32, Box<str>)>,
    pub(super) workers: BTreeMap<Box<str>, Worker>,
    pub(super) messages: BTreeMap<(CampaignId, u64), MessageState>,
    pub(super) reasons: BTreeMap<(CampaignId, Box<str>), i64>,
    pub(super) pulse: BTreeMap<(CampaignId, i64), Pulse>,
    /// Messages that are removed, at most so many.
    pub(super) removed: Option<(CampaignId, u32)>,
    pub(super) deferred_cleared: bool,
    pub(super) deferred: BTreeMap<DeferredAt, Option<Deferred>>,
    deferred_count: Option<u64>,
    /// In the order in which they were put first.
    pub(super) orphans: Vec<Orphan>,
    orphan_at: HashMap<(Box<str>, u64), usize>,
    pub(super) orphans_taken: BTreeSet<Box<str>>,
    pub(super) callbacks: BTreeMap<&'static str, CallbackCount>,
    pub(super) cursors: BTreeMap<Box<str>, (u64, u64)>,
}

impl Changes {
    /// Adds what was changed later.
    fn add(&mut self, later: Self) {
        if later.created.is_some() {
            self.created = later.created;
            self.first_rows = later.first_rows;
        }
        self.sums.extend(later.sums);
        self.batches.extend(later.batches);
        self.ids.extend(later.ids);
        self.doubles.extend(later.doubles);
        self.workers.extend(later.workers);
        self.cursors.extend(later.cursors);
        self.messages.extend(later.messages);
        for (of, by) in later.reasons {
            *self.reasons.entry(of).or_default() += by;
        }
        for ((campaign, minute), more) in later.pulse {
            add_pulse(self.pulse.entry((campaign, minute)).or_insert(Pulse::new(minute)), &more);
        }
        self.removed = later.removed.or(self.removed);
        if later.deferred_cleared {
            self.deferred_cleared = true;
            self.deferred.clear();
        }
        self.deferred.extend(later.deferred);
        self.deferred_count = later.deferred_count.or(self.deferred_count);
        for orphan in later.orphans {
            self.put_orphan(orphan);
        }
        self.orphans_taken.extend(later.orphans_taken);
        for (kind, more) in later.callbacks {
            match self.callbacks.get_mut(kind) {
                Some(count) => {
                    count.count = count.count.saturating_add(more.count);
                    count.first = count.first.min(more.first);
                    count.last = count.last.max(more.last);
                }
                None => {
                    self.callbacks.insert(kind, more);
                }
            }
        }
    }

    fn orphan(&self, at: &(Box<str>, u64)) -> Option<&Orphan> {
        self.orphan_at.get(at).and_then(|index| self.orphans.get(*index))
    }

    fn put_orphan(&mut self, orphan: Orphan) {
        let at = (key(&orphan.key.campaign), orphan.key.row);
        match self.orphan_at.get(&at).and_then(|index| self.orphans.get_mut(*index)) {
            Some(have) => *have = orphan,
            None => {
                self.orphan_at.insert(at, self.orphans.len());
                self.orphans.push(orphan);
            }
        }
    }

    fn is_created(&self, campaign: CampaignId) -> bool {
        self.created.as_ref().is_some_and(|created| created.id == campaign)
    }
}

fn add_pulse(sum: &mut Pulse, more: &Pulse) {
    sum.add(Progress::Accepted, more.accepted);
    sum.add(Progress::Queued, more.queued);
    sum.add(Progress::Delivered, more.delivered);
    sum.add(Progress::Read, more.read);
    sum.add(Progress::Failed, more.failed);
}

/// A store in memory over what was fetched.
#[derive(Debug)]
pub(super) struct Overlay {
    pub(super) base: Base,
    group: Changes,
    job: Changes,
    /// What was asked for and not fetched.
    pub(super) missed: BTreeSet<Need>,
    limits: StoreLimits,
    /// Whether an earlier try of the same group may have been committed.
    pub(super) repeated: bool,
}

impl Overlay {
    /// Moves a receiver's cursor with all else of the transaction.
    pub(super) fn put_cursor(&mut self, receiver: &str, file: u64, at_byte: u64) {
        self.job.cursors.insert(receiver.into(), (file, at_byte));
    }

    pub(super) fn new(base: Base, limits: StoreLimits, repeated: bool) -> Self {
        Self { base, group: Changes::default(), job: Changes::default(), missed: BTreeSet::new(), limits, repeated }
    }

    /// What time it is: by the server's clock, if leases go by that, else what the caller says.
    pub(super) fn time(&self, says: Timestamp) -> Timestamp {
        self.base.now.unwrap_or(says)
    }

    /// Ends a job: what it changed counts, or is undone.
    pub(super) fn end_job(&mut self, keep: bool) {
        let job = std::mem::take(&mut self.job);
        if keep {
            self.group.add(job);
        }
    }

    pub(super) fn into_parts(self) -> (Base, Changes, BTreeSet<Need>) {
        (self.base, self.group, self.missed)
    }

    /// The campaign with that key, if its name is this one: what an earlier try of a group has created.
    pub(super) fn created_before(&mut self, new: &NewCampaign) -> Result<Option<CampaignRecord>, LedgerError> {
        let Some(id) = self.campaign_by_key(&new.key)? else { return Ok(None) };
        Ok(self.campaign_by_id(id)?.filter(|record| record.name == new.name && record.created == new.created))
    }

    fn miss<T>(&mut self, need: Need) -> Result<T, LedgerError> {
        self.missed.insert(need);
        // It never gets out: the group is decided again.
        Err(LedgerError::new(LedgerErrorKind::Other, "a record was not fetched"))
    }

    /// What belongs to no campaign is read and written under its own lock.
    fn global(&mut self) -> Result<(), LedgerError> {
        if self.base.global { Ok(()) } else { self.miss(Need::Global) }
    }

    fn is_created(&self, campaign: CampaignId) -> bool {
        self.job.is_created(campaign) || self.group.is_created(campaign)
    }

    fn changed(&self, place: Place) -> Option<&Batch> {
        self.job.batches.get(&place).or_else(|| self.group.batches.get(&place))
    }

    fn find(&mut self, place: Place) -> Result<Option<Batch>, LedgerError> {
        if let Some(batch) = self.changed(place) {
            return Ok(Some(batch.clone()));
        }
        if self.is_created(place.0) {
            return Ok(None);
        }
        match self.base.batches.get(&place) {
            Some(batch) => Ok(batch.clone()),
            None => self.miss(Need::Batch(place.0, place.1)),
        }
    }

    /// The batches of a campaign that were changed.
    fn changed_of(&self, campaign: CampaignId) -> BTreeSet<u32> {
        let range = (campaign, 0)..=(campaign, u32::MAX);
        let changed = self.job.batches.range(range.clone()).chain(self.group.batches.range(range));
        changed.map(|((_, number), _)| *number).collect()
    }

    /// Batches of a campaign by their numbers, in order.
    fn all(&mut self, campaign: CampaignId, numbers: BTreeSet<u32>) -> Result<Vec<Batch>, LedgerError> {
        let mut all = Vec::with_capacity(numbers.len());
        for number in numbers {
            all.extend(self.find((campaign, number))?);
        }
        Ok(all)
    }

    /// Batches that somebody holds or is waited for, and some that were.
    fn held(&mut self, campaign: CampaignId) -> Result<Vec<Batch>, LedgerError> {
        let mut numbers = self.changed_of(campaign);
        match self.base.held.get(&campaign) {
            Some(held) => numbers.extend(held),
            None if self.is_created(campaign) => {}
            None => return self.miss(Need::Held(campaign)),
        }
        self.all(campaign, numbers)
    }

    fn deferred_at(&self, at: &DeferredAt) -> Option<Option<&Deferred>> {
        for changes in [&self.job, &self.group] {
            match changes.deferred.get(at) {
                Some(deferred) => return Some(deferred.as_ref()),
                None if changes.deferred_cleared => return Some(None),
                None => {}
            }
        }
        let fetched = self.base.deferred.get(&at.0)?;
        Some(fetched.iter().find(|deferred| deferred.index() == at.1))
    }

    fn deferred_count(&mut self) -> Result<u64, LedgerError> {
        match self.job.deferred_count.or(self.group.deferred_count).or(self.base.deferred_count) {
            Some(count) => Ok(count),
            None => self.miss(Need::DeferredCount),
        }
    }
}

fn is_open(batch: &Batch) -> bool {
    !matches!(batch.stage, BatchStage::Accepted | BatchStage::Skipped)
}

/// Rows, bytes and tokens fit a signed column.
fn fits(number: u64) -> Result<(), LedgerError> {
    match i64::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => Err(LedgerError::impossible("a number is too large for the ledger")),
    }
}

impl Store for Overlay {
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError> {
        self.global()?;
        let need = Need::like(new);
        match self.base.like.get(&need) {
            Some(like) => Ok(like.clone()),
            None => self.miss(need),
        }
    }

    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError> {
        self.global()?;
        let need = Need::over(new);
        match self.base.like.get(&need) {
            Some(over) => Ok(over.clone()),
            None => self.miss(need),
        }
    }

    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>, LedgerError> {
        let name = key(name);
        match self.base.names.get(&name) {
            Some(found) => Ok(*found),
            None => self.miss(Need::Name(name)),
        }
    }

    fn campaign_by_key(&mut self, of: &CampaignKey) -> Result<Option<CampaignId>, LedgerError> {
        let created = self.job.created.as_ref().or(self.group.created.as_ref());
        if let Some(created) = created.filter(|created| created.key == *of) {
            return Ok(Some(created.id));
        }
        let of = key(of);
        match self.base.campaign_of(&of) {
            Some(found) => Ok(found),
            None => self.miss(Need::Key(of)),
        }
    }

    fn campaign_by_id(&mut self, campaign: CampaignId) -> Result<Option<CampaignRecord>, LedgerError> {
        let created = self.job.created.as_ref().or(self.group.created.as_ref());
        if let Some(created) = created.filter(|created| created.id == campaign) {
            return Ok(Some(created.clone()));
        }
        match self.base.records.get(&campaign) {
            Some(record) => Ok(record.clone()),
            None => self.miss(Need::Record(campaign)),
        }
    }

    fn family(&mut self, root: CampaignId) -> Result<Vec<CampaignId>, LedgerError> {
        match self.base.families.get(&root) {
            Some(family) => Ok(family.clone()),
            None => self.miss(Need::Family(root)),
        }
    }

    fn put_campaign(&mut self, new: NewCampaign) -> Result<CampaignRecord, LedgerError> {
        self.global()?;
        let Some(id) = self.base.next_campaign else { return self.miss(Need::NextCampaign) };
        fits(new.rows)?;
        let record = new.with_id(id);
        self.job.created = Some(record.clone());
        Ok(record)
    }

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError> {
        if let Some(sums) = self.job.sums.get(&campaign).or_else(|| self.group.sums.get(&campaign)) {
            return Ok(Some(*sums));
        }
        match self.base.sums.get(&campaign) {
            Some(sums) => Ok(*sums),
            None => self.miss(Need::Campaign(campaign)),
        }
    }

    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError> {
        self.job.sums.insert(campaign, *sums);
        Ok(())
    }

    fn recount(&mut self, campaign: CampaignId) -> Result<Recount, LedgerError> {
        // A job that asks for this is a group of its own, so there are no changes.
        match self.base.recounts.get(&campaign) {
            Some(recount) => Ok(*recount),
            None => self.miss(Need::Recount(campaign)),
        }
    }

    fn last_event(&mut self, campaign: CampaignId) -> Result<Option<Timestamp>, LedgerError> {
        // A job that asks for this is a group of its own, so there are no changes.
        match self.base.last_events.get(&campaign) {
            Some(at) => at.map(|at| Timestamp::from_microsecond(at).map_err(|_| damaged())).transpose(),
            None => self.miss(Need::LastEvent(campaign)),
        }
    }

    fn remove_messages(&mut self, campaign: CampaignId, limit: u32) -> Result<u64, LedgerError> {
        // Likewise.
        match self.base.removable.get(&(campaign, limit)) {
            Some(count) => {
                self.job.removed = Some((campaign, limit));
                Ok(*count)
            }
            None => self.miss(Need::Removable(campaign, limit)),
        }
    }

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError> {
        self.find((campaign, number))
    }

    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError> {
        if self.is_created(campaign) {
            let changes = if self.job.is_created(campaign) { &self.job } else { &self.group };
            let number = changes.first_rows.partition_point(|first| *first <= row);
            return match u32::try_from(number) {
                Ok(number) if number > 0 => self.find((campaign, number)),
                _ => Ok(None),
            };
        }
        if fits(row).is_err() {
            return Ok(None);
        }
        match self.base.cache.spans.find(campaign, row) {
            Some(Some(number)) => self.find((campaign, number)),
            Some(None) => Ok(None),
            None => self.miss(Need::Before(campaign, row)),
        }
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError> {
        let id = key(batch_id.as_str());
        if let Some(place) = self.job.ids.get(&id).or_else(|| self.group.ids.get(&id)) {
            return self.find(*place);
        }
        match self.base.ids.get(&id) {
            Some(Some(place)) => self.find(*place),
            Some(None) => Ok(None),
            None => self.miss(Need::Of(id)),
        }
    }

    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        for number in [batch.first_row, batch.at_byte, batch.n_bytes] {
            fits(number)?;
        }
        self.job.first_rows.push(batch.first_row);
        self.put_batch(batch)
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let place = (batch.campaign, batch.number);
        if let Some(id) = &batch.batch_id {
            self.job.ids.insert(key(id.as_str()), place);
        }
        self.job.batches.insert(place, batch.clone());
        Ok(())
    }

    fn batches_like(&mut self, digest: &Digest) -> Result<Vec<(CampaignId, bool)>, LedgerError> {
        match &self.base.digests {
            Some(digests) => Ok(digests.get(digest).cloned().unwrap_or_default()),
            None => self.miss(Need::Digests(vec![*digest].into())),
        }
    }

    fn any_without_id(&mut self) -> Result<bool, LedgerError> {
        self.global()?;
        let without = |batch: &Batch| batch.batch_id.is_none() && batch.may_have_arrived();
        let mut places: BTreeSet<Place> = self.job.batches.keys().chain(self.group.batches.keys()).copied().collect();
        if places.iter().any(|place| self.changed(*place).is_some_and(without)) {
            return Ok(true);
        }
        let Some(fetched) = &self.base.without_id else { return self.miss(Need::AnyWithoutId) };
        // As many as are fetched may all have got an id just now: then there may be more, and a receipt that
        // is kept for nothing does no harm.
        places.retain(|place| fetched.contains(place));
        Ok(fetched.len() > places.len() || fetched.len() >= super::fetch::WITHOUT_ID)
    }

    fn put_double(&mut self, campaign: CampaignId, number: u32, batch_id: &BatchId) -> Result<bool, LedgerError> {
        let double = (campaign, number, key(batch_id.as_str()));
        if self.job.doubles.contains(&double) || self.group.doubles.contains(&double) {
            return Ok(false);
        }
        match self.base.doubles.get(&double) {
            Some(true) => Ok(false),
            Some(false) => Ok(self.job.doubles.insert(double)),
            None => self.miss(Need::Double(double.0, double.1, double.2)),
        }
    }

    fn worker(&mut self, name: &str) -> Result<Option<Worker>, LedgerError> {
        let name = key(name);
        if let Some(worker) = self.job.workers.get(&name).or_else(|| self.group.workers.get(&name)) {
            return Ok(Some(worker.clone()));
        }
        match self.base.workers.get(&name) {
            Some(worker) => Ok(worker.clone()),
            None => self.miss(Need::Worker(name)),
        }
    }

    fn holds_any(&mut self, worker: &str) -> Result<bool, LedgerError> {
        let places: BTreeSet<Place> = self.job.batches.keys().chain(self.group.batches.keys()).copied().collect();
        if places.iter().any(|place| self.changed(*place).is_some_and(|batch| batch.hold.is_of(worker))) {
            return Ok(true);
        }
        let name = key(worker);
        match self.base.holds.get(&name) {
            Some(held) => Ok(held.iter().any(|place| !places.contains(place))),
            None => self.miss(Need::HoldsAny(name)),
        }
    }

    fn put_worker(&mut self, worker: &Worker) -> Result<(), LedgerError> {
        self.job.workers.insert(key(worker.name()), worker.clone());
        Ok(())
    }

    fn holders(&mut self, campaign: CampaignId) -> Result<Vec<Worker>, LedgerError> {
        let mut names = BTreeSet::new();
        for batch in self.held(campaign)? {
            names.extend(batch.hold.workers().cloned());
        }
        // All that are missing are noted at once.
        let found: Vec<_> = names.iter().map(|name| self.worker(name)).collect();
        found.into_iter().filter_map(Result::transpose).collect()
    }

    fn batches_of_worker(&mut self, campaign: CampaignId, worker: &str) -> Result<Vec<Batch>, LedgerError> {
        let mut held = self.held(campaign)?;
        held.retain(|batch| batch.hold.is_of(worker));
        Ok(held)
    }

    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        only_unknown: bool,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError> {
        let free = FreeOf { campaign, now: now.as_microsecond(), only_unknown, except: except.clone() };
        let changed = self.changed_of(campaign);
        let fetched = self.base.free.range((free.clone(), 0)..=(free.clone(), u32::MAX)).next_back();
        let Some(((_, limit), numbers)) = fetched else {
            let more = u32::try_from(changed.len()).unwrap_or(u32::MAX);
            return self.miss(Need::Free(Box::new(free), room.saturating_add(more)));
        };
        let limit = *limit;
        let is_all = numbers.len() < limit as usize;
        // Beyond the last one that was fetched there may be others before a changed one.
        let last = if is_all { u32::MAX } else { numbers.last().copied().unwrap_or(0) };
        let mut candidates: BTreeSet<u32> = numbers.iter().copied().collect();
        candidates.extend(changed.range(..=last));
        let mut found = self.all(campaign, candidates)?;
        let is_wanted = |batch: &Batch| is_open(batch) && (!only_unknown || batch.stage == BatchStage::Unknown);
        found.retain(|batch| is_wanted(batch) && batch.hold.is_free(now) && !except.contains(&batch.number));
        if !is_all && found.len() < room as usize {
            return self.miss(Need::Free(Box::new(free), limit.saturating_mul(2).max(16)));
        }
        found.truncate(room as usize);
        Ok(found)
    }

    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>, LedgerError> {
        let mut held: BTreeMap<std::sync::Arc<str>, Held> = BTreeMap::new();
        for batch in self.held(campaign)?.into_iter().filter(is_open) {
            let (Some(holder), Some(until)) = (batch.hold.worker, batch.hold.until) else { continue };
            if *holder != *worker && now < until {
                let its = held.entry(holder.clone()).or_insert_with(|| Held::new(&*holder, 0, until));
                its.batches += 1;
                its.until = its.until.max(until);
            }
        }
        Ok(held.into_values().collect())
    }

    fn outstanding(&mut self, of: &CampaignRecord) -> Result<Vec<Outstanding>, LedgerError> {
        let need = Need::outstanding(of);
        match self.base.outstanding.get(&need) {
            Some(outstanding) => Ok(outstanding.clone()),
            None => self.miss(need),
        }
    }

    fn left_since(
        &mut self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<LeftInMinute>, LedgerError> {
        let need = Need::LeftSince(campaign, from.as_microsecond(), to.as_microsecond());
        match self.base.left.get(&need) {
            Some(left) => Ok(left.clone()),
            None => self.miss(need),
        }
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
        let at = (campaign, row);
        if let Some(state) = self.job.messages.get(&at).or_else(|| self.group.messages.get(&at)) {
            return Ok(Some(state.clone()));
        }
        if let Some(state) = self.base.messages.get(&at) {
            return Ok(state.clone());
        }
        if self.is_created(campaign) || fits(row).is_err() {
            return Ok(None);
        }
        match self.base.ranges.range((campaign, 0)..=at).next_back() {
            Some((_, from)) if row - from < READ_AHEAD => Ok(None),
            _ => self.miss(Need::Messages(campaign, row)),
        }
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError> {
        fits(row)?;
        self.job.messages.insert((campaign, row), state.clone());
        Ok(())
    }

    fn add_reason(&mut self, campaign: CampaignId, code: &str, by: i64) -> Result<(), LedgerError> {
        *self.job.reasons.entry((campaign, code.into())).or_default() += by;
        Ok(())
    }

    fn add_pulse(
        &mut self,
        campaign: CampaignId,
        minute: i64,
        progress: Progress,
        count: u64,
    ) -> Result<(), LedgerError> {
        self.job.pulse.entry((campaign, minute)).or_insert(Pulse::new(minute)).add(progress, count);
        Ok(())
    }

    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<(), LedgerError> {
        self.global()?;
        let at = (key(batch_id.as_str()), deferred.index());
        let joined = match self.deferred_at(&at) {
            None => return self.miss(Need::Deferred(at.0)),
            Some(Some(have)) => have.clone().join(deferred),
            Some(None) => {
                let count = self.deferred_count()?;
                if count >= self.limits.deferred {
                    return Err(LedgerError::deferred_full());
                }
                self.job.deferred_count = Some(count + 1);
                deferred
            }
        };
        self.job.deferred.insert(at, Some(joined));
        Ok(())
    }

    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>, LedgerError> {
        self.global()?;
        let id = key(batch_id.as_str());
        let Some(fetched) = self.base.deferred.get(&id) else { return self.miss(Need::Deferred(id)) };
        let mut places: BTreeSet<DeferredAt> = fetched.iter().map(|deferred| (id.clone(), deferred.index())).collect();
        let first = (id.clone(), None);
        let last = (id, Some(u32::MAX));
        for changes in [&self.group, &self.job] {
            places.extend(changes.deferred.range(first.clone()..=last.clone()).map(|(at, _)| at.clone()));
        }
        let mut taken = Vec::new();
        for at in places {
            if let Some(Some(deferred)) = self.deferred_at(&at) {
                taken.push(deferred.clone());
                self.job.deferred.insert(at, None);
            }
        }
        if !taken.is_empty() {
            let count = self.deferred_count()?;
            self.job.deferred_count = Some(count.saturating_sub(taken.len() as u64));
        }
        Ok(taken)
    }

    fn clear_deferred(&mut self) -> Result<(), LedgerError> {
        if self.deferred_count()? > 0 {
            self.job.deferred_cleared = true;
            self.job.deferred.clear();
            self.job.deferred_count = Some(0);
        }
        Ok(())
    }

    fn put_orphan(&mut self, orphan: Orphan) -> Result<(), LedgerError> {
        self.global()?;
        if fits(orphan.key.row).is_err() {
            return Ok(());
        }
        let at = (key(&orphan.key.campaign), orphan.key.row);
        let changed = self.job.orphan(&at).or_else(|| self.group.orphan(&at)).cloned();
        let have = match changed {
            Some(changed) => Some(changed),
            None => match self.base.orphan.get(&at) {
                Some(have) => have.clone(),
                None => return self.miss(Need::Orphan(at.0, at.1)),
            },
        };
        let joined = match have {
            Some(mut have) => {
                have.join(orphan);
                have
            }
            None => orphan,
        };
        self.job.put_orphan(joined);
        Ok(())
    }

    fn take_orphans(&mut self, of: &CampaignKey) -> Result<Vec<Orphan>, LedgerError> {
        self.global()?;
        let of = key(of);
        // A job that asks for this is a group of its own, so there are no changes.
        let Some(orphans) = self.base.orphans.get(&of).cloned() else { return self.miss(Need::Orphans(of)) };
        if !orphans.is_empty() {
            self.job.orphans_taken.insert(of);
        }
        Ok(orphans)
    }

    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError> {
        let counted = self.job.callbacks.entry(callback.kind()).and_modify(|count| count.add(callback));
        counted.or_insert_with(|| CallbackCount::first(callback));
        Ok(())
    }
}
