//! What the decisions need of a storage, and nothing more.
//!
//! Both ledgers take their decisions from `decide` and only differ in how these few records are
//! kept, so the two cannot disagree about what a fact means.

use std::sync::Arc;

use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Tally};

use crate::entry::{BatchCounts, BatchRecord, BatchStage, CampaignId, CampaignStatus, Frontier, ReceivedCallback};
use crate::error::LedgerError;
use crate::rows::RowSpans;

/// How many early observations are kept.
pub(crate) const EARLY_LIMIT: i64 = 100_000;

/// The sums of one campaign, kept with every change so that nothing is ever recounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) rows: u64,
    pub(crate) skipped: u64,
    /// Rows of all batches, whatever became of them.
    pub(crate) batched: u64,
    pub(crate) accepted: u64,
    pub(crate) unknown: u64,
    pub(crate) batches: BatchCounts,
    pub(crate) messages: Tally,
    pub(crate) frontier: Frontier,
}

impl Sums {
    pub(crate) fn new(rows: u64, skipped: u64) -> Self {
        Self {
            rows,
            skipped,
            batched: 0,
            accepted: 0,
            unknown: 0,
            batches: BatchCounts::default(),
            messages: Tally::default(),
            frontier: Frontier { next_number: 1, last_row: 0 },
        }
    }

    pub(crate) fn status(&self) -> CampaignStatus {
        CampaignStatus {
            rows: self.rows,
            skipped: self.skipped,
            planned: self.rows - self.skipped - self.accepted - self.unknown,
            accepted: self.accepted,
            unknown: self.unknown,
            batches: self.batches,
            messages: self.messages,
        }
    }
}

/// A batch with the campaign it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) campaign: CampaignId,
    pub(crate) number: u32,
    pub(crate) rows: Arc<RowSpans>,
    pub(crate) stage: BatchStage,
    pub(crate) attempts: u32,
    pub(crate) batch_id: Option<BatchId>,
    pub(crate) state: Option<BatchState>,
    pub(crate) last_attempt: Timestamp,
    pub(crate) why: Option<String>,
}

impl Batch {
    pub(crate) fn into_record(self) -> BatchRecord {
        BatchRecord {
            number: self.number,
            rows: Arc::unwrap_or_clone(self.rows),
            stage: self.stage,
            attempts: self.attempts,
            batch_id: self.batch_id,
            state: self.state,
            last_attempt: self.last_attempt,
            why: self.why,
        }
    }
}

/// What was heard of a batch whose id is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    Message(u32, MessageState),
    Batch(BatchState),
}

/// The records behind the decisions. Within one decision it reads its own writes.
pub(crate) trait Store {
    fn campaign_by_key(&mut self, key: &str) -> Result<Option<CampaignId>, LedgerError>;

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError>;
    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError>;

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError>;
    /// The batch whose rows begin at or last before the row; it need not hold the row.
    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError>;
    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError>;
    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError>;
    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError>;

    /// Keeps an observation, joined with what is kept for the same place; at most [`EARLY_LIMIT`]
    /// places are kept, and the one kept first gives way.
    fn put_early(&mut self, batch_id: &BatchId, early: Early) -> Result<(), LedgerError>;
    /// Adds a callback to those of its kind.
    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError>;

    /// Takes out all that was kept for a batch.
    fn take_early(&mut self, batch_id: &BatchId) -> Result<Vec<Early>, LedgerError>;
}
