//! Batches whose receipts come in: they are read once, not once a receipt.

use std::collections::{BTreeMap, HashMap};

use crate::campaign::CampaignId;
use crate::store::Batch;

/// How many batches are kept.
const KEPT: usize = 4096;

/// Batches as they are in the file, as long as nobody has changed it.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// What SQLite counts when another connection has changed the file.
    version: Option<i64>,
    /// By their first rows.
    batches: HashMap<CampaignId, BTreeMap<u64, Batch>>,
    count: usize,
}

impl Recent {
    /// A transaction begins, and the file is of that version.
    pub(super) fn begin(&mut self, version: i64) {
        if self.version != Some(version) {
            self.clear();
            self.version = Some(version);
        }
    }

    /// The batch of a row, if it is kept. No two batches have a row in common.
    pub(super) fn batch_of_row(&self, campaign: CampaignId, row: u64) -> Option<&Batch> {
        let (_, batch) = self.batches.get(&campaign)?.range(..=row).next_back()?;
        batch.rows.contains(row).then_some(batch)
    }

    /// Keeps a batch as it is in the file.
    pub(super) fn keep(&mut self, batch: &Batch) {
        if self.count >= KEPT {
            self.clear();
        }
        if self.batches.entry(batch.campaign).or_default().insert(batch.first_row, batch.clone()).is_none() {
            self.count += 1;
        }
    }

    /// A batch is about to be changed.
    pub(super) fn forget(&mut self, batch: &Batch) {
        if self.batches.get_mut(&batch.campaign).is_some_and(|kept| kept.remove(&batch.first_row).is_some()) {
            self.count -= 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.batches.clear();
        self.count = 0;
    }
}
