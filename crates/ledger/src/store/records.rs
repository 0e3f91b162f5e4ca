//! The records that a store keeps.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, RowKey, Tally, join_state};

use crate::campaign::CampaignId;
use crate::entry::{BatchRecord, BatchStage};
use crate::lease::Lease;
use crate::plan::{Digest, PlannedRows};
use crate::rows::RowSpans;
use crate::status::{BatchCounts, CampaignStatus, Phase};

/// How many receipts are kept that belong to nothing known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// By position, for batches whose id is not known.
    pub deferred: u64,
    /// With our key, for campaigns that the ledger does not know.
    pub orphans: u64,
}

impl StoreLimits {
    /// These limits.
    pub const fn new(deferred: u64, orphans: u64) -> Self {
        Self { deferred, orphans }
    }
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self::new(100_000, 1_000_000)
    }
}

/// The sums of one campaign, kept with every change so that nothing is ever recounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sums {
    /// Whether it is running; never `Done`, which [`Sums::status`] finds out.
    pub phase: Phase,
    /// Whether the service was seen to have a batch that was never tried from this ledger; it stays so.
    #[serde(default)]
    pub behind: bool,
    /// Rows in the input.
    pub rows: u64,
    /// Rows that are not sent.
    pub skipped: u64,
    /// Of these, rows whose recipients do not want it.
    #[serde(default)]
    pub suppressed: u64,
    /// Rows of accepted batches.
    pub accepted: u64,
    /// Rows of batches whose outcome is not known.
    pub unknown: u64,
    /// Rows of batches that the service holds more than once.
    pub doubled: u64,
    /// Messages that failed for a reason which is not their recipient's.
    #[serde(default)]
    pub systemic: u64,
    /// Whether messages of it were removed; it stays so, and no receipt for it changes anything any more.
    #[serde(default)]
    pub pruned: bool,
    /// How many batches stand where.
    pub batches: BatchCounts,
    /// How many messages of accepted batches stand where.
    pub messages: Tally,
    /// How many runs there were.
    pub runs: u64,
    /// The longest that any run was set to wait before it sends again, in whole microseconds.
    pub resend_after: Duration,
}

impl Sums {
    /// The sums of a new campaign. A store that keeps them in columns sets the other fields as they were.
    pub fn new(rows: u64, skipped: u64, batches: u64) -> Self {
        Self {
            phase: Phase::Running,
            behind: false,
            rows,
            skipped,
            suppressed: 0,
            accepted: 0,
            unknown: 0,
            doubled: 0,
            systemic: 0,
            pruned: false,
            batches: BatchCounts { planned: batches, ..BatchCounts::default() },
            messages: Tally::default(),
            runs: 0,
            resend_after: Duration::ZERO,
        }
    }

    /// How the campaign stands: what [`Ledger::status`](crate::Ledger::status) answers.
    pub fn status(&self) -> CampaignStatus {
        let planned = self.rows.saturating_sub(self.skipped.saturating_add(self.accepted).saturating_add(self.unknown));
        let finished = self.phase == Phase::Running && planned == 0 && self.unknown == 0;
        CampaignStatus {
            rows: self.rows,
            skipped: self.skipped,
            suppressed: self.suppressed,
            planned,
            accepted: self.accepted,
            unknown: self.unknown,
            doubled: self.doubled,
            systemic: self.systemic,
            pruned: self.pruned,
            batches: self.batches,
            messages: self.messages,
            phase: if finished { Phase::Done } else { self.phase },
        }
    }

    /// Moves a batch from one stage to another.
    pub(crate) fn move_batch(&mut self, from: BatchStage, to: BatchStage, n_rows: u64) {
        if from == to {
            return;
        }
        let count = |sums: &mut Self, stage, by: i64| {
            let batches = match stage {
                BatchStage::Planned => &mut sums.batches.planned,
                BatchStage::Unknown => &mut sums.batches.unknown,
                BatchStage::Accepted => &mut sums.batches.accepted,
                BatchStage::Refused => &mut sums.batches.refused,
                BatchStage::Skipped => &mut sums.batches.skipped,
            };
            *batches = batches.saturating_add_signed(by);
            let rows = match stage {
                BatchStage::Unknown => &mut sums.unknown,
                BatchStage::Accepted => &mut sums.accepted,
                BatchStage::Planned | BatchStage::Refused | BatchStage::Skipped => return,
            };
            *rows = if by < 0 { rows.saturating_sub(n_rows) } else { rows.saturating_add(n_rows) };
        };
        count(self, from, -1);
        count(self, to, 1);
    }
}

/// What the sums of a campaign are by a recount of its batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recount {
    /// How many batches stand where.
    pub batches: BatchCounts,
    /// Rows of accepted batches.
    pub accepted: u64,
    /// Rows of batches whose outcome is not known.
    pub unknown: u64,
    /// Rows of batches that the service holds more than once.
    pub doubled: u64,
    /// Rows of all batches.
    pub rows: u64,
}

impl Recount {
    /// Counts one batch.
    pub fn add_batch(&mut self, batch: &Batch) {
        let n_rows = batch.rows.len();
        self.add(batch.stage, 1, n_rows, if batch.doubled > 0 { n_rows } else { 0 });
    }

    /// Counts batches of a stage, all of their rows, and those of batches that are there more than once:
    /// for a storage that can sum by itself.
    pub fn add(&mut self, stage: BatchStage, n_batches: u64, n_rows: u64, n_doubled: u64) {
        self.rows = self.rows.saturating_add(n_rows);
        self.doubled = self.doubled.saturating_add(n_doubled);
        match stage {
            BatchStage::Planned => self.batches.planned += n_batches,
            BatchStage::Refused => self.batches.refused += n_batches,
            BatchStage::Skipped => self.batches.skipped += n_batches,
            BatchStage::Unknown => {
                self.batches.unknown += n_batches;
                self.unknown = self.unknown.saturating_add(n_rows);
            }
            BatchStage::Accepted => {
                self.batches.accepted += n_batches;
                self.accepted = self.accepted.saturating_add(n_rows);
            }
        }
    }
}

/// A batch with the campaign it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// The campaign.
    pub campaign: CampaignId,
    /// The batch in its campaign, counted from 1.
    pub number: u32,
    /// The rows in it, in ascending order. Rows may be excluded before the first intent.
    pub rows: Arc<RowSpans>,
    /// The row that begins at [`at_byte`](Self::at_byte); it never changes.
    #[serde(default)]
    pub first_row: u64,
    /// Where its bytes begin in the input.
    pub at_byte: u64,
    /// How many bytes of the input it takes.
    pub n_bytes: u64,
    /// The digest of these bytes.
    pub digest: Digest,
    /// What is known of the outcome.
    pub stage: BatchStage,
    /// How many times it was tried.
    pub attempts: u32,
    /// Whether some attempt before the last ended without a known outcome.
    pub uncertain: bool,
    /// What the service calls it.
    pub batch_id: Option<BatchId>,
    /// How far it has got, in the service's words.
    pub state: Option<BatchState>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// Why it was refused, or why its outcome is not known.
    pub why: Option<String>,
    /// How many further ids the service has shown under its key.
    pub doubled: u32,
    /// Whether somebody tried to recall it.
    #[serde(default)]
    pub recalled: bool,
    /// When it leaves, as the service said when it accepted a scheduled batch.
    #[serde(default)]
    pub send_after: Option<Timestamp>,
    /// Who may send it.
    pub hold: Hold,
}

/// Who may send a batch, and what may still leave of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hold {
    /// The worker that claimed it last.
    pub worker: Option<Arc<str>>,
    /// Grows with each claim.
    pub token: u64,
    /// Until when it may be sent by that worker; none if it is free.
    pub until: Option<Timestamp>,
    /// Until when something of the last attempt may still leave.
    pub may_leave_until: Option<Timestamp>,
    /// Whether a call is under way, as far as is known.
    pub in_call: bool,
    /// A worker that tried it and fell silent, and when that was seen first.
    pub lapsed: Option<(Arc<str>, Timestamp)>,
}

impl Hold {
    /// Whether the batch is free at that time: not leased, or its lease has lapsed.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Whether that worker holds it, though the lease may have lapsed, or it waits by that worker's silence.
    pub fn is_of(&self, worker: &str) -> bool {
        (self.until.is_some() && self.worker.as_deref() == Some(worker))
            || self.lapsed.as_ref().is_some_and(|(silent, _)| **silent == *worker)
    }

    /// The workers by whom [`Hold::is_of`] is so.
    pub fn workers(&self) -> impl Iterator<Item = &Arc<str>> {
        let holder = self.until.and(self.worker.as_ref());
        holder.into_iter().chain(self.lapsed.as_ref().map(|(worker, _)| worker))
    }

    /// Nothing of the attempt leaves after this moment.
    pub(crate) fn end_call(&mut self, now: Timestamp) {
        self.in_call = false;
        self.may_leave_until = self.may_leave_until.map(|until| until.min(now));
    }
}

impl Batch {
    /// A planned batch, neither tried nor claimed. A store that keeps it in columns sets the other
    /// fields as they were.
    pub fn new(campaign: CampaignId, number: u32, planned: PlannedRows) -> Self {
        Self {
            campaign,
            number,
            first_row: planned.first_row.or(planned.rows.first_row()).unwrap_or_default(),
            rows: Arc::new(planned.rows),
            at_byte: planned.at_byte,
            n_bytes: planned.n_bytes,
            digest: planned.digest,
            stage: BatchStage::Planned,
            attempts: 0,
            uncertain: false,
            batch_id: None,
            state: None,
            last_attempt: None,
            why: None,
            doubled: 0,
            recalled: false,
            send_after: None,
            hold: Hold::default(),
        }
    }

    /// Whether the service may have it, whatever the last attempt's outcome.
    pub fn may_have_arrived(&self) -> bool {
        self.uncertain || matches!(self.stage, BatchStage::Accepted | BatchStage::Unknown)
    }

    /// Whether it was recalled before it left.
    pub fn is_cancelled(&self) -> bool {
        self.stage == BatchStage::Accepted && self.state == Some(BatchState::Cancelled)
    }

    /// The record that [`Ledger::batches`](crate::Ledger::batches) returns.
    pub fn into_record(self) -> BatchRecord {
        BatchRecord {
            number: self.number,
            rows: Arc::unwrap_or_clone(self.rows),
            stage: self.stage,
            attempts: self.attempts,
            batch_id: self.batch_id,
            state: self.state,
            last_attempt: self.last_attempt,
            why: self.why,
            doubled: self.doubled,
            first_row: self.first_row,
            at_byte: self.at_byte,
            n_bytes: self.n_bytes,
            digest: self.digest,
            recalled: self.recalled,
            send_after: self.send_after,
            held_until: self.hold.until,
        }
    }

    /// The lease that [`Ledger::claim`](crate::Ledger::claim) returns.
    pub fn lease(&self) -> Lease {
        Lease {
            number: self.number,
            token: self.hold.token,
            rows: (*self.rows).clone(),
            first_row: self.first_row,
            at_byte: self.at_byte,
            n_bytes: self.n_bytes,
            digest: self.digest,
            stage: self.stage,
            attempts: self.attempts,
            uncertain: self.uncertain,
            may_leave_until: self.hold.may_leave_until,
            lapsed_at: self.hold.lapsed.as_ref().map(|(_, at)| *at),
        }
    }
}

/// What was received of a batch whose id is not known yet. A new kind breaks stores, so that none is
/// silently lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deferred {
    /// A message, by its position in the batch from 0.
    Message(u32, MessageState),
    /// The batch itself.
    Batch(BatchState),
}

impl Deferred {
    /// The position it is about; `None` for the batch itself. One is kept for each.
    pub fn index(&self) -> Option<u32> {
        match self {
            Self::Message(index, _) => Some(*index),
            Self::Batch(_) => None,
        }
    }

    /// Joins what was received later about the same place; the order does not matter.
    #[must_use]
    pub fn join(self, later: Self) -> Self {
        match (self, later) {
            (Self::Message(index, mut state), Self::Message(other, seen)) if index == other => {
                state.observe(&seen);
                Self::Message(index, state)
            }
            (Self::Batch(state), Self::Batch(seen)) => Self::Batch(join_state(Some(state), seen)),
            (_, later) => later,
        }
    }
}

/// A receipt with our key for a campaign that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Orphan {
    /// The campaign's key, and the row.
    pub key: RowKey,
    /// The batch, if the receipt names it.
    pub batch_id: Option<BatchId>,
    /// How far the message has got.
    pub state: MessageState,
}

impl Orphan {
    /// A receipt for that row.
    pub fn new(key: RowKey, batch_id: Option<BatchId>, state: MessageState) -> Self {
        Self { key, batch_id, state }
    }

    /// Joins what was received later for the same row: the state grows, the first id stays.
    pub fn join(&mut self, later: Self) {
        self.state.observe(&later.state);
        self.batch_id = self.batch_id.take().or(later.batch_id);
    }
}
