//! What the decisions need of a storage, and nothing more.
//!
//! Both ledgers take their decisions from `decide` and only differ in how these few records are
//! kept, so the two cannot disagree about what a fact means.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, RowKey, Tally};

use crate::callback::ReceivedCallback;
use crate::campaign::{Campaign, CampaignId, NewCampaign};
use crate::entry::{BatchRecord, BatchStage};
use crate::error::LedgerError;
use crate::lease::{Held, Lease};
use crate::plan::Digest;
use crate::rows::RowSpans;
use crate::status::{BatchCounts, CampaignStatus, Phase};
use crate::worker::Worker;

/// How many receipts are kept that belong to nothing known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// By position, for batches whose id is not known.
    pub(crate) deferred: u64,
    /// With our key, for campaigns that the ledger does not know.
    pub(crate) orphans: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deferred: 100_000, orphans: 1_000_000 }
    }
}

/// The sums of one campaign, kept with every change so that nothing is ever recounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) phase: Phase,
    /// Whether the service was seen to have a batch that was never tried from this ledger.
    pub(crate) behind: bool,
    pub(crate) rows: u64,
    pub(crate) skipped: u64,
    pub(crate) accepted: u64,
    pub(crate) unknown: u64,
    pub(crate) doubled: u64,
    pub(crate) batches: BatchCounts,
    pub(crate) messages: Tally,
    /// How many runs there were.
    pub(crate) runs: u64,
    /// The longest that any run was told to wait before it sends again.
    pub(crate) resend_after: Duration,
}

impl Sums {
    pub(crate) fn new(rows: u64, skipped: u64, batches: u64) -> Self {
        Self {
            phase: Phase::Running,
            behind: false,
            rows,
            skipped,
            accepted: 0,
            unknown: 0,
            doubled: 0,
            batches: BatchCounts { planned: batches, ..BatchCounts::default() },
            messages: Tally::default(),
            runs: 0,
            resend_after: Duration::ZERO,
        }
    }

    pub(crate) fn status(&self) -> CampaignStatus {
        let planned = self.rows.saturating_sub(self.skipped.saturating_add(self.accepted).saturating_add(self.unknown));
        let finished = self.phase == Phase::Running && planned == 0 && self.unknown == 0;
        CampaignStatus {
            rows: self.rows,
            skipped: self.skipped,
            planned,
            accepted: self.accepted,
            unknown: self.unknown,
            doubled: self.doubled,
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
            };
            *batches = batches.saturating_add_signed(by);
            let rows = match stage {
                BatchStage::Unknown => &mut sums.unknown,
                BatchStage::Accepted => &mut sums.accepted,
                BatchStage::Planned | BatchStage::Refused => return,
            };
            *rows = if by < 0 { rows.saturating_sub(n_rows) } else { rows.saturating_add(n_rows) };
        };
        count(self, from, -1);
        count(self, to, 1);
    }
}

/// What the sums of a campaign are by a recount of its batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recount {
    pub(crate) batches: BatchCounts,
    pub(crate) accepted: u64,
    pub(crate) unknown: u64,
    /// Rows of batches that the service holds more than once.
    pub(crate) doubled: u64,
    /// Rows of all batches.
    pub(crate) rows: u64,
}

impl Recount {
    pub(crate) fn add(&mut self, stage: BatchStage, n_batches: u64, n_rows: u64, n_doubled: u64) {
        self.rows = self.rows.saturating_add(n_rows);
        self.doubled = self.doubled.saturating_add(n_doubled);
        match stage {
            BatchStage::Planned => self.batches.planned += n_batches,
            BatchStage::Refused => self.batches.refused += n_batches,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) campaign: CampaignId,
    pub(crate) number: u32,
    pub(crate) rows: Arc<RowSpans>,
    pub(crate) at_byte: u64,
    pub(crate) n_bytes: u64,
    pub(crate) digest: Digest,
    pub(crate) stage: BatchStage,
    pub(crate) attempts: u32,
    /// Whether some attempt before the last ended without a known outcome.
    pub(crate) uncertain: bool,
    pub(crate) batch_id: Option<BatchId>,
    pub(crate) state: Option<BatchState>,
    pub(crate) last_attempt: Option<Timestamp>,
    pub(crate) why: Option<String>,
    pub(crate) doubled: u32,
    pub(crate) hold: Hold,
}

/// Who may send a batch, and what may still leave of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The worker that claimed it last.
    pub(crate) worker: Option<Arc<str>>,
    /// Grows with each claim.
    pub(crate) token: u64,
    /// Until when it may be sent by that worker; none if it is free.
    pub(crate) until: Option<Timestamp>,
    /// Until when something of the last attempt may still leave.
    pub(crate) may_leave_until: Option<Timestamp>,
    /// Whether a call is under way, as far as is known.
    pub(crate) in_call: bool,
    /// A worker that tried it and fell silent, and when that was seen first.
    pub(crate) lapsed: Option<(Arc<str>, Timestamp)>,
}

impl Hold {
    /// Whether that worker holds it, or it waits by that worker's silence.
    pub(crate) fn is_of(&self, worker: &str) -> bool {
        (self.until.is_some() && self.worker.as_deref() == Some(worker))
            || self.lapsed.as_ref().is_some_and(|(silent, _)| **silent == *worker)
    }

    /// Nothing of the attempt leaves after this moment.
    pub(crate) fn end_call(&mut self, now: Timestamp) {
        self.in_call = false;
        self.may_leave_until = self.may_leave_until.map(|until| until.min(now));
    }
}

impl Batch {
    /// Whether the service may have it, whatever the last attempt came to.
    pub(crate) fn may_have_arrived(&self) -> bool {
        self.uncertain || matches!(self.stage, BatchStage::Accepted | BatchStage::Unknown)
    }

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
            doubled: self.doubled,
        }
    }

    pub(crate) fn lease(&self) -> Lease {
        Lease {
            number: self.number,
            token: self.hold.token,
            rows: (*self.rows).clone(),
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

/// What was received of a batch whose id is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deferred {
    Message(u32, MessageState),
    Batch(BatchState),
}

/// A receipt with our key for a campaign that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) key: RowKey,
    pub(crate) batch_id: Option<BatchId>,
    pub(crate) state: MessageState,
}

/// The records behind the decisions. Within one decision it reads its own writes.
pub(crate) trait Store {
    /// Campaigns with the same project, app, service and message, practice left out.
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<Campaign>, LedgerError>;
    /// Campaigns over the same input, by its path or its fingerprint, practice left out.
    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<Campaign>, LedgerError>;
    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>, LedgerError>;
    fn campaign_by_key(&mut self, key: &str) -> Result<Option<CampaignId>, LedgerError>;
    fn put_campaign(&mut self, new: NewCampaign) -> Result<Campaign, LedgerError>;

    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError>;
    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError>;
    fn recount(&mut self, campaign: CampaignId) -> Result<Recount, LedgerError>;

    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError>;
    /// The batch whose rows begin at or last before the row; it need not hold the row.
    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError>;
    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError>;
    /// Adds a batch of a new campaign, which nobody has claimed.
    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;
    /// Writes a batch that was added; what is planned of it never changes.
    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;
    /// Keeps who holds a batch; nothing else of it has changed.
    fn put_hold(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.put_batch(batch)
    }
    /// Keeps who holds a batch and its attempts; neither id nor state nor doubles have changed.
    fn put_attempt(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.put_batch(batch)
    }
    /// Campaigns with a batch of that digest, and whether the service may have that batch.
    fn batches_like(&mut self, digest: &Digest) -> Result<Vec<(CampaignId, bool)>, LedgerError>;
    /// Whether the service may have any batch whose id is not known.
    fn any_without_id(&mut self) -> Result<bool, LedgerError>;
    /// Notes a further id of a batch; whether it is new.
    fn put_double(&mut self, campaign: CampaignId, number: u32, batch_id: &BatchId) -> Result<bool, LedgerError>;

    /// The worker that was remembered last by that name.
    fn worker(&mut self, name: &str) -> Result<Option<Worker>, LedgerError>;
    /// Whether a worker holds any batch of any campaign, or any waits by its silence.
    fn holds_any(&mut self, worker: &str) -> Result<bool, LedgerError>;
    /// Remembers a worker.
    fn put_worker(&mut self, worker: &Worker) -> Result<(), LedgerError>;
    /// The workers whose batches of a campaign have not been freed.
    fn holders(&mut self, campaign: CampaignId) -> Result<Vec<Worker>, LedgerError>;
    /// The batches that a worker holds, or by whose silence they wait.
    fn batches_of_worker(&mut self, campaign: CampaignId, worker: &str) -> Result<Vec<Batch>, LedgerError>;
    /// The first batches that are not accepted and that nobody holds at that time.
    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError>;
    /// What workers other than this one hold at that time.
    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>, LedgerError>;

    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError>;
    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError>;

    /// Keeps what was received by position, joined with what is kept for the same place. An error of
    /// kind `DeferredFull` if [`Limits::deferred`] other places are kept.
    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<(), LedgerError>;
    /// Takes out all that was kept for a batch.
    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>, LedgerError>;
    /// Forgets all that was kept by position.
    fn clear_deferred(&mut self) -> Result<(), LedgerError>;

    /// Keeps a receipt for a campaign that is not known, joined with what is kept for the same row. At
    /// most [`Limits::orphans`] are kept; the oldest give way, and are counted.
    fn put_orphan(&mut self, orphan: Orphan) -> Result<(), LedgerError>;
    /// Takes out all that was kept for a campaign.
    fn take_orphans(&mut self, key: &str) -> Result<Vec<Orphan>, LedgerError>;

    /// Adds a callback to those of its kind.
    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError>;
}

/// The limits are 3 and 3, and one batch of the campaign is tried.
#[cfg(test)]
pub(crate) async fn limits_are_kept<L: crate::Ledger>(ledger: &L, campaign: CampaignId) {
    use sinch_batch_tracking::{BatchUpdate, MessageRef, MessageUpdate, Observation, Progress};

    use crate::callback::{Applied, DeferredCounts};
    use crate::entry::Entry;
    use crate::error::LedgerErrorKind;

    let read = || MessageState::new(Progress::Read);
    let by_position = |id: &str, index| -> Observation {
        MessageUpdate::new(MessageRef::Index { batch_id: BatchId::new(id), index }, read()).into()
    };
    let apply = async |seen: Observation| ledger.apply(seen).await.map_err(|error| error.kind());
    let full = Err(LedgerErrorKind::DeferredFull);
    for index in 0..3 {
        assert_eq!(apply(by_position("A", index)).await, Ok(Applied::Deferred));
    }
    assert_eq!(apply(by_position("B", 0)).await, full);
    assert_eq!(apply(BatchUpdate::new(BatchId::new("A"), BatchState::Ready).into()).await, full);
    let many = vec![by_position("A", 2), by_position("B", 1)];
    assert_eq!(ledger.apply_many(many).await.unwrap_err().kind(), LedgerErrorKind::DeferredFull);
    // Repeats take no room.
    assert_eq!(apply(by_position("A", 2)).await, Ok(Applied::Deferred));
    assert_eq!(ledger.deferred().await.unwrap(), DeferredCounts::new(3, 0, 0));
    // Each batch that becomes known makes room; when all are, what is left is forgotten.
    ledger
        .record(campaign, Entry::Accepted { number: 1, batch_id: BatchId::new("A") }, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    assert_eq!(ledger.status(campaign).await.unwrap().messages.read, 3);
    assert_eq!(apply(by_position("B", 1)).await, Ok(Applied::Unrelated));
    assert_eq!(ledger.deferred().await.unwrap(), DeferredCounts::default());

    let by_key = |row| -> Observation { MessageUpdate::new(MessageRef::Row(RowKey::new("later", row)), read()).into() };
    for row in [1, 2, 3, 1, 4, 2, 5] {
        assert_eq!(apply(by_key(row)).await, Ok(Applied::Deferred));
    }
    // Row 4 took the place of row 1, and row 5 that of row 2, whose second receipt was a repeat.
    assert_eq!(ledger.deferred().await.unwrap(), DeferredCounts::new(0, 3, 2));
    let rows: RowSpans = (1..=9).map(|row| (row, row)).collect();
    let plan = vec![crate::PlannedRows { rows, at_byte: 0, n_bytes: 9, digest: [9; 8] }];
    let later = NewCampaign::new("later", "later", 9, Timestamp::UNIX_EPOCH);
    let later = ledger.create(later, Box::new(plan)).await.unwrap().campaign.id;
    for row in 1..=9 {
        assert_eq!(ledger.message(later, row).await.unwrap().is_some(), (3..=5).contains(&row), "row {row}");
    }
    assert_eq!(ledger.deferred().await.unwrap(), DeferredCounts::new(0, 0, 2));
}
