//! A ledger in memory: for tests, and for programs that need not survive themselves.

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Observation, Progress, join_state};

use crate::decide;
use crate::entry::{
    Applied, BatchRecord, BatchStage, CallbackCount, Campaign, CampaignId, CampaignStatus, Entry, Failure, Frontier,
    NewCampaign, ReceivedCallback,
};
use crate::error::LedgerError;
use crate::ledger::{BoxFuture, Ledger};
use crate::store::{Batch, EARLY_LIMIT, Early, Store, Sums};

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
    campaigns: BTreeMap<CampaignId, (Campaign, Sums)>,
    by_name: HashMap<String, CampaignId>,
    by_key: HashMap<String, CampaignId>,
    batches: BTreeMap<(CampaignId, u32), Batch>,
    by_first_row: BTreeMap<(CampaignId, u64), u32>,
    by_batch_id: HashMap<BatchId, (CampaignId, u32)>,
    messages: BTreeMap<(CampaignId, u64), MessageState>,
    early: Shelf,
    callbacks: BTreeMap<&'static str, CallbackCount>,
}

/// Early observations: by the order in which their places were first heard of, and by place.
#[derive(Debug, Default)]
struct Shelf {
    by_age: BTreeMap<i64, (BatchId, Option<u32>)>,
    by_batch: HashMap<BatchId, BTreeMap<Option<u32>, (i64, Kept)>>,
}

#[derive(Debug)]
enum Kept {
    Message(MessageState),
    Batch(BatchState),
}

impl Records {
    fn campaign(&self, campaign: CampaignId) -> Result<&(Campaign, Sums), LedgerError> {
        self.campaigns.get(&campaign).ok_or_else(LedgerError::no_such_campaign)
    }

    fn create(&mut self, campaign: NewCampaign) -> Result<Campaign, LedgerError> {
        decide::check_new(&campaign)?;
        if self.by_name.contains_key(&campaign.name) {
            return Err(LedgerError::name_taken(&campaign.name));
        }
        if self.by_key.contains_key(&campaign.key) {
            return Err(LedgerError::key_taken());
        }
        let last = self.campaigns.last_key_value().map_or(0, |(id, _)| id.get());
        let id = CampaignId::new(last + 1);
        let campaign = campaign.with_id(id);
        self.by_name.insert(campaign.name.clone(), id);
        self.by_key.insert(campaign.key.clone(), id);
        self.campaigns.insert(id, (campaign.clone(), Sums::new(campaign.rows, campaign.skipped)));
        Ok(campaign)
    }

    fn batches(&self, campaign: CampaignId, after: u32) -> Result<impl Iterator<Item = &Batch>, LedgerError> {
        self.campaign(campaign)?;
        let rest = self.batches.range((Excluded((campaign, after)), Unbounded));
        Ok(rest.take_while(move |((of, _), _)| *of == campaign).map(|(_, batch)| batch))
    }

    fn failures(&self, campaign: CampaignId, after_row: u64, limit: u32) -> Result<Vec<Failure>, LedgerError> {
        self.campaign(campaign)?;
        let rest = self.messages.range((Excluded((campaign, after_row)), Unbounded));
        let failed = rest
            .take_while(|((of, _), _)| *of == campaign)
            .filter(|(_, state)| state.progress == Progress::Failed)
            .take(limit as usize);
        Ok(failed.filter_map(|((_, row), state)| self.failure(campaign, *row, state)).collect())
    }

    fn failure(&self, campaign: CampaignId, row: u64, state: &MessageState) -> Option<Failure> {
        let batch = self.batch_before(campaign, row)?;
        Some(Failure {
            row,
            line: batch.rows.line_of(row)?,
            code: state.code.as_deref().map(str::to_owned),
            description: state.description.as_deref().map(str::to_owned),
        })
    }

    fn batch_before(&self, campaign: CampaignId, row: u64) -> Option<&Batch> {
        let (_, number) = self.by_first_row.range((campaign, 0)..=(campaign, row)).next_back()?;
        self.batches.get(&(campaign, *number))
    }
}

impl Store for Records {
    fn campaign_by_key(&mut self, key: &str) -> Result<Option<CampaignId>, LedgerError> {
        Ok(self.by_key.get(key).copied())
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

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError> {
        Ok(self.batches.get(&(campaign, number)).cloned())
    }

    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError> {
        Ok(Self::batch_before(self, campaign, row).cloned())
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError> {
        Ok(self.by_batch_id.get(batch_id).and_then(|place| self.batches.get(place)).cloned())
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        let place = (batch.campaign, batch.number);
        if let Some(first_row) = batch.rows.first_row() {
            self.by_first_row.insert((batch.campaign, first_row), batch.number);
        }
        if let Some(batch_id) = &batch.batch_id {
            self.by_batch_id.insert(batch_id.clone(), place);
        }
        self.batches.insert(place, batch.clone());
        Ok(())
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError> {
        Ok(self.messages.get(&(campaign, row)).cloned())
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError> {
        self.messages.insert((campaign, row), state.clone());
        Ok(())
    }

    fn put_early(&mut self, batch_id: &BatchId, early: Early) -> Result<(), LedgerError> {
        self.early.put(batch_id, early);
        Ok(())
    }

    fn take_early(&mut self, batch_id: &BatchId) -> Result<Vec<Early>, LedgerError> {
        Ok(self.early.take(batch_id))
    }

    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError> {
        let (kind, time) = (callback.kind(), callback.time());
        let new = || CallbackCount { kind: kind.to_owned(), count: 0, first: time, last: time };
        let have = self.callbacks.entry(kind).or_insert_with(new);
        have.count += 1;
        have.first = have.first.min(time);
        have.last = have.last.max(time);
        Ok(())
    }
}

impl Shelf {
    fn put(&mut self, batch_id: &BatchId, early: Early) {
        let (index, kept) = match early {
            Early::Message(index, state) => (Some(index), Kept::Message(state)),
            Early::Batch(state) => (None, Kept::Batch(state)),
        };
        let places = self.by_batch.entry(batch_id.clone()).or_default();
        match (places.get_mut(&index), kept) {
            (Some((_, Kept::Message(have))), Kept::Message(state)) => {
                have.observe(&state);
            }
            (Some((_, Kept::Batch(have))), Kept::Batch(state)) => *have = join_state(Some(have.clone()), state),
            (_, kept) => {
                let age = self.by_age.last_key_value().map_or(0, |(age, _)| age + 1);
                places.insert(index, (age, kept));
                self.by_age.insert(age, (batch_id.clone(), index));
                self.drop_oldest(age - EARLY_LIMIT);
            }
        }
    }

    fn drop_oldest(&mut self, up_to: i64) {
        while let Some(oldest) = self.by_age.first_entry().filter(|oldest| *oldest.key() <= up_to) {
            let (batch_id, index) = oldest.remove();
            if let Some(places) = self.by_batch.get_mut(&batch_id) {
                places.remove(&index);
                if places.is_empty() {
                    self.by_batch.remove(&batch_id);
                }
            }
        }
    }

    fn take(&mut self, batch_id: &BatchId) -> Vec<Early> {
        let places = self.by_batch.remove(batch_id).unwrap_or_default();
        let taken = places.into_iter().filter_map(|(index, (age, kept))| {
            self.by_age.remove(&age);
            match (index, kept) {
                (Some(index), Kept::Message(state)) => Some(Early::Message(index, state)),
                (_, Kept::Batch(state)) => Some(Early::Batch(state)),
                (None, Kept::Message(_)) => None,
            }
        });
        taken.collect()
    }
}

fn done<'a, T: Send + 'a>(result: Result<T, LedgerError>) -> BoxFuture<'a, Result<T, LedgerError>> {
    Box::pin(ready(result))
}

impl Ledger for MemoryLedger {
    fn create(&self, campaign: NewCampaign) -> BoxFuture<'_, Result<Campaign, LedgerError>> {
        done(self.records().create(campaign))
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Campaign>, LedgerError>> {
        let records = self.records();
        let found = records.by_name.get(name).and_then(|id| records.campaigns.get(id));
        done(Ok(found.map(|(campaign, _)| campaign.clone())))
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<Campaign>, LedgerError>> {
        done(Ok(self.records().campaigns.values().map(|(campaign, _)| campaign.clone()).collect()))
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>> {
        done(decide::record(&mut *self.records(), campaign, entry, now))
    }

    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>> {
        done(decide::apply(&mut *self.records(), &observation))
    }

    fn apply_many(&self, observations: Vec<Observation>) -> BoxFuture<'_, Result<Vec<Applied>, LedgerError>> {
        let mut records = self.records();
        done(observations.iter().map(|observation| decide::apply(&mut *records, observation)).collect())
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>> {
        done(decide::apply_callback(&mut *self.records(), &callback))
    }

    fn apply_callbacks(
        &self,
        callbacks: Vec<ReceivedCallback>,
    ) -> BoxFuture<'_, Result<Vec<Option<Applied>>, LedgerError>> {
        let mut records = self.records();
        done(callbacks.iter().map(|callback| decide::apply_callback(&mut *records, callback)).collect())
    }

    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>> {
        done(Ok(self.records().callbacks.values().cloned().collect()))
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

    fn open_batches(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        let records = self.records();
        let open = |batch: &&Batch| batch.stage != BatchStage::Accepted;
        let batches = records.batches(campaign, 0);
        done(batches.map(|batches| batches.filter(open).cloned().map(Batch::into_record).collect()))
    }

    fn frontier(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Frontier, LedgerError>> {
        done(self.records().campaign(campaign).map(|(_, sums)| sums.frontier))
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Failure>, LedgerError>> {
        done(self.records().failures(campaign, after_row, limit))
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        let records = self.records();
        let found = records.campaign(campaign).map(|_| records.messages.get(&(campaign, row)).cloned());
        done(found)
    }
}
