//! The records behind the decisions, as keys and values.

use std::collections::{BTreeMap, BTreeSet};

use sinch_batch::BatchId;
use sinch_batch::ledger::store::{Batch, Deferred, LeftInMinute, Orphan, Outstanding, Recount, Store, Sums};
use sinch_batch::ledger::{
    BatchStage, CallbackCount, CampaignId, CampaignRecord, Digest, Held, LedgerError, NewCampaign, ReceivedCallback,
    Worker,
};
use sinch_batch::models::Timestamp;
use sinch_batch::tracking::{CampaignKey, MessageState, Progress};

use crate::log::Log;

type Result<T> = std::result::Result<T, LedgerError>;

/// Numbers have as many digits as the largest, so that keys are in their order.
pub(crate) fn of(kind: &str, campaign: CampaignId) -> String {
    format!("{kind}/{:019}/", campaign.get())
}

pub(crate) fn at(kind: &str, campaign: CampaignId, number: impl Into<u64>) -> String {
    format!("{}{:020}", of(kind, campaign), number.into())
}

/// A text in quotes: it holds no quote itself, so no key begins with another one.
fn named(kind: &str, name: &str) -> String {
    format!("{kind}/{name:?}/")
}

impl Log {
    /// The batches of an index, by number.
    fn batches<'a>(&'a self, index: &str, campaign: CampaignId) -> impl Iterator<Item = Result<Batch>> + use<'a> {
        let places = self.all::<(CampaignId, u32)>(&of(index, campaign));
        places.filter_map(|place| place.and_then(|(id, number)| self.get(&at("batch", id, number))).transpose())
    }

    /// Puts a batch into an index or takes it out.
    fn index(&mut self, index: &str, batch: &Batch, is_in: bool) -> Result<()> {
        let key = at(index, batch.campaign, batch.number);
        match (is_in, self.has(&key)) {
            (true, false) => self.put(key, (batch.campaign, batch.number))?,
            (false, true) => self.remove(&key),
            _ => {}
        }
        Ok(())
    }

    fn campaigns(&self, wanted: impl Fn(&CampaignRecord) -> bool) -> Result<Vec<CampaignRecord>> {
        let all = self.all::<CampaignRecord>("campaign/");
        all.filter(|one| one.as_ref().map_or(true, |one| !one.practice && wanted(one))).collect()
    }

    fn take<T: serde::de::DeserializeOwned>(&mut self, prefix: &str) -> Result<Vec<T>> {
        let taken = self.all(prefix).collect::<Result<_>>()?;
        let keys: Vec<String> = self.keys(prefix).map(str::to_owned).collect();
        keys.iter().for_each(|key| self.remove(key));
        Ok(taken)
    }
}

impl Store for Log {
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>> {
        let same =
            |one: &CampaignRecord| (&one.project, &one.app, &one.service) == (&new.project, &new.app, &new.service);
        self.campaigns(|one| same(one) && one.message_fingerprint == new.message_fingerprint)
    }

    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>> {
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        let same_bytes =
            |one: &CampaignRecord| new.input_fingerprint.is_some() && one.input_fingerprint == new.input_fingerprint;
        self.campaigns(|one| same(&one.input, &new.input) || same_bytes(one))
    }

    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>> {
        self.get(&named("name", name))
    }

    fn campaign_by_key(&mut self, key: &CampaignKey) -> Result<Option<CampaignId>> {
        self.get(&named("key", key.as_str()))
    }

    fn campaign_by_id(&mut self, campaign: CampaignId) -> Result<Option<CampaignRecord>> {
        self.get(&of("campaign", campaign))
    }

    fn family(&mut self, root: CampaignId) -> Result<Vec<CampaignId>> {
        let mut family = Vec::new();
        for campaign in self.all::<CampaignRecord>("campaign/") {
            let campaign = campaign?;
            if campaign.family() == root {
                family.push(campaign.id);
            }
        }
        Ok(family)
    }

    fn put_campaign(&mut self, new: NewCampaign) -> Result<CampaignRecord> {
        let id = CampaignId::new(1 + self.keys("campaign/").count() as i64);
        let campaign = new.with_id(id);
        self.put(named("name", &campaign.name), id)?;
        self.put(named("key", campaign.key.as_str()), id)?;
        self.put(of("campaign", id), &campaign)?;
        Ok(campaign)
    }

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>> {
        self.get(&of("sums", campaign))
    }

    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<()> {
        self.put(of("sums", campaign), sums)
    }

    fn recount(&mut self, campaign: CampaignId) -> Result<Recount> {
        let mut recount = Recount::default();
        for batch in self.all(&of("batch", campaign)) {
            recount.add_batch(&batch?);
        }
        Ok(recount)
    }

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>> {
        self.get(&at("batch", campaign, number))
    }

    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>> {
        let wanted = at("row", campaign, row);
        let rows = of("row", campaign);
        let Some(key) = self.keys(&rows).rev().find(|key| *key <= &*wanted) else { return Ok(None) };
        let number: Option<u32> = self.get(key)?;
        number.map_or(Ok(None), |number| self.get(&at("batch", campaign, number)))
    }

    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>> {
        let place: Option<(CampaignId, u32)> = self.get(&named("id", batch_id.as_str()))?;
        place.map_or(Ok(None), |(campaign, number)| self.get(&at("batch", campaign, number)))
    }

    fn add_batch(&mut self, batch: &Batch) -> Result<()> {
        self.put(at("row", batch.campaign, batch.first_row), batch.number)?;
        let digest = named("digest", &format!("{:x?}", batch.digest));
        self.put(format!("{digest}{}", at("of", batch.campaign, batch.number)), (batch.campaign, batch.number))?;
        self.put_batch(batch)
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<()> {
        if let Some(batch_id) = &batch.batch_id {
            self.put(named("id", batch_id.as_str()), (batch.campaign, batch.number))?;
        }
        self.index("open", batch, !matches!(batch.stage, BatchStage::Accepted | BatchStage::Skipped))?;
        self.index("without-id", batch, batch.batch_id.is_none() && batch.may_have_arrived())?;
        self.put(at("batch", batch.campaign, batch.number), batch)
    }

    fn batches_like(&mut self, digest: &Digest) -> Result<Vec<(CampaignId, bool)>> {
        let mut found = Vec::new();
        for place in self.all::<(CampaignId, u32)>(&named("digest", &format!("{digest:x?}"))) {
            let (campaign, number) = place?;
            let batch: Option<Batch> = self.get(&at("batch", campaign, number))?;
            found.push((campaign, batch.is_some_and(|batch| batch.may_have_arrived())));
        }
        Ok(found)
    }

    fn any_without_id(&mut self) -> Result<bool> {
        Ok(self.keys("without-id/").next().is_some())
    }

    fn put_double(&mut self, campaign: CampaignId, number: u32, batch_id: &BatchId) -> Result<bool> {
        let key = format!("{}/{:?}", at("double", campaign, number), batch_id.as_str());
        let is_new = !self.has(&key);
        self.put(key, ())?;
        Ok(is_new)
    }

    fn worker(&mut self, name: &str) -> Result<Option<Worker>> {
        self.get(&named("worker", name))
    }

    fn holds_any(&mut self, worker: &str) -> Result<bool> {
        for batch in self.all::<Batch>("batch/") {
            if batch?.hold.is_of(worker) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn put_worker(&mut self, worker: &Worker) -> Result<()> {
        self.put(named("worker", worker.name()), worker)
    }

    fn holders(&mut self, campaign: CampaignId) -> Result<Vec<Worker>> {
        let mut names = BTreeSet::new();
        for batch in self.batches("open", campaign) {
            names.extend(batch?.hold.workers().cloned());
        }
        names.iter().filter_map(|name| self.get(&named("worker", name)).transpose()).collect()
    }

    fn batches_of_worker(&mut self, campaign: CampaignId, worker: &str) -> Result<Vec<Batch>> {
        let open = self.batches("open", campaign);
        open.filter(|batch| batch.as_ref().map_or(true, |batch| batch.hold.is_of(worker))).collect()
    }

    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        only_unknown: bool,
        now: Timestamp,
    ) -> Result<Vec<Batch>> {
        let is_wanted = |batch: &Batch| !only_unknown || batch.stage == BatchStage::Unknown;
        let is_free = |batch: &Batch| is_wanted(batch) && batch.hold.is_free(now) && !except.contains(&batch.number);
        let open = self.batches("open", campaign);
        open.filter(|batch| batch.as_ref().map_or(true, is_free)).take(room as usize).collect()
    }

    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>> {
        let mut held = BTreeMap::new();
        for batch in self.batches("open", campaign) {
            let hold = batch?.hold;
            if let (false, Some(holder), Some(until)) = (hold.is_free(now), hold.worker, hold.until)
                && *holder != *worker
            {
                let its = held.entry(holder.clone()).or_insert_with(|| Held::new(&*holder, 0, until));
                its.batches += 1;
                its.until = its.until.max(until);
            }
        }
        Ok(held.into_values().collect())
    }

    fn outstanding(&mut self, like: &CampaignRecord) -> Result<Vec<Outstanding>> {
        let app = |one: &CampaignRecord| (one.project.clone(), one.app.clone(), one.service.clone(), one.practice);
        let mut outstanding = Vec::new();
        let all = self.all::<CampaignRecord>("campaign/").collect::<Result<Vec<_>>>()?;
        for one in all {
            let Some(sums) = self.sums(one.id)?.filter(|_| app(&one) == app(like)) else { continue };
            let (pending, unknown) = (sums.messages.pending, sums.unknown);
            outstanding.push(Outstanding { campaign: one.id, pending, unknown });
        }
        Ok(outstanding)
    }

    fn left_since(&mut self, campaign: CampaignId, from: Timestamp, to: Timestamp) -> Result<Vec<LeftInMinute>> {
        let batches = self.all::<Batch>(&of("batch", campaign)).collect::<Result<Vec<_>>>()?;
        Ok(LeftInMinute::of(batches.iter(), from, to))
    }

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>> {
        Ok(self.get(&at("message", campaign, row))?.map(|(_, state): (u64, _)| state))
    }

    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<()> {
        self.put(at("message", campaign, row), (row, state))
    }

    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<()> {
        let key = format!("{}{:?}", named("deferred", batch_id.as_str()), deferred.index());
        match self.get::<Deferred>(&key)? {
            Some(have) => self.put(key, have.join(deferred)),
            None if self.keys("deferred/").count() as u64 >= self.limits.deferred => Err(LedgerError::deferred_full()),
            None => self.put(key, deferred),
        }
    }

    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>> {
        self.take(&named("deferred", batch_id.as_str()))
    }

    fn clear_deferred(&mut self) -> Result<()> {
        self.take::<Deferred>("deferred/").map(drop)
    }

    fn put_orphan(&mut self, orphan: Orphan) -> Result<()> {
        let key = format!("{}{:020}", named("orphan", orphan.key.campaign.as_str()), orphan.key.row);
        if let Some((age, mut have)) = self.get::<(u64, Orphan)>(&key)? {
            have.join(orphan);
            return self.put(key, (age, have));
        }
        let age = 1 + self.get::<u64>("last-age")?.unwrap_or_default();
        self.put("last-age".to_owned(), age)?;
        self.put(format!("age/{age:020}"), &key)?;
        self.put(key, (age, orphan))?;
        if self.keys("age/").count() as u64 > self.limits.orphans {
            let oldest = self.keys("age/").next().map(str::to_owned).unwrap_or_default();
            let dropped = self.get::<String>(&oldest)?.unwrap_or_default();
            self.remove(&oldest);
            self.remove(&dropped);
            let before: u64 = self.get("dropped")?.unwrap_or_default();
            self.put("dropped".to_owned(), before + 1)?;
        }
        Ok(())
    }

    fn take_orphans(&mut self, key: &CampaignKey) -> Result<Vec<Orphan>> {
        let taken: Vec<(u64, Orphan)> = self.take(&named("orphan", key.as_str()))?;
        taken.iter().for_each(|(age, _)| self.remove(&format!("age/{age:020}")));
        Ok(taken.into_iter().map(|(_, orphan)| orphan).collect())
    }

    fn add_reason(&mut self, campaign: CampaignId, code: &str, by: i64) -> Result<()> {
        let key = format!("{}{code}", of("reason", campaign));
        let (_, have): (String, i64) = self.get(&key)?.unwrap_or_default();
        self.put(key, (code, have + by))
    }

    fn add_pulse(&mut self, campaign: CampaignId, minute: i64, progress: Progress, count: u64) -> Result<()> {
        // No campaign is older than 1970.
        let key = at("pulse", campaign, u64::try_from(minute).unwrap_or(0));
        let (_, mut counts): (i64, [u64; 6]) = self.get(&key)?.unwrap_or_default();
        if let Some(sum) = counts.get_mut(progress as usize) {
            *sum += count;
        }
        self.put(key, (minute, counts))
    }

    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<()> {
        let key = format!("callback/{}", callback.kind());
        let mut count = self.get(&key)?;
        match &mut count {
            Some(count) => CallbackCount::add(count, callback),
            None => count = Some(CallbackCount::first(callback)),
        }
        self.put(key, count)
    }
}
