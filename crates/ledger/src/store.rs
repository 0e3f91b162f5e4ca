//! What a ledger of your own has to keep: the records behind the decisions.
//!
//! What a fact means is decided in [`decide`](crate::decide), for every ledger alike. A ledger of your own
//! implements [`Store`] over its tables, files or keys; each method of [`Ledger`](crate::Ledger) that
//! writes is then one function of `decide` within one transaction. `MemoryLedger` and `SqliteLedger` are
//! made in this way, and so is the example `own_ledger`, over one plain file.
//!
//! ```text
//! Ledger::record ──▶ begin ──▶ decide::record(&mut store, …) ──▶ commit ──▶ answer
//!                                 │  reads, checks, writes          │
//!                                 └──────────── error ──▶ roll back ◀┘
//! ```
//!
//! # The contract
//!
//! **One decision is one transaction.** What it writes is written whole or not at all, and is on the disk
//! before the call is answered; after an error nothing of it may remain. Two decisions, of other processes
//! too, never run at the same time over the same records: take the lock *before the first read*
//! (`BEGIN IMMEDIATE`, `SELECT … FOR UPDATE` of the campaign, a mutex). Decisions read first and write
//! what they have derived; a lock taken at the first write lets two workers claim the same batch, and two
//! commands create the same campaign.
//!
//! **It reads its own writes.** [`Store::batch`] after [`Store::put_batch`] gives what was put, in the same
//! decision, and so do [`Store::batch_of`], [`Store::free_batches`] and all others.
//!
//! **What may be cached.** What never changes: a campaign, its key and name, and of a batch its rows, place
//! and digest. Everything else may be cached within a transaction, or beyond it only by the one process
//! that writes; an error throws the cache away.
//!
//! **Several decisions in one transaction** are fine, and make callbacks fast
//! ([`Ledger::apply_callbacks`](crate::Ledger::apply_callbacks)), as long as each is answered after the
//! commit, and one that fails takes back its own writes and no others.
//!
//! **Values read back as they were written.** Times are to the microsecond when they get here; texts are
//! any UTF-8; rows, bytes and tokens are below 2^63, but for [`Batch::at_byte`] and [`Batch::n_bytes`],
//! which are the caller's.
//!
//! **Errors** are those of the storage: `Full`, `Busy`, `ReadOnly`, `Open` or `Other`, with the cause as
//! their source. Only [`Store::put_deferred`] has one of its own.
//!
//! All records can be written by serde, for stores that keep them whole; a field that is added later will
//! have a default.
//!
//! Prove it with [`conformance::run`](crate::conformance::run).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, RowKey, Tally, join_state};

use crate::callback::ReceivedCallback;
use crate::campaign::{Campaign, CampaignId, NewCampaign};
use crate::entry::{BatchRecord, BatchStage};
use crate::error::LedgerError;
use crate::lease::{Held, Lease};
use crate::plan::{Digest, PlannedRows};
use crate::rows::RowSpans;
use crate::status::{BatchCounts, CampaignStatus, Phase};
use crate::worker::Worker;

/// How many receipts are kept that belong to nothing known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// By position, for batches whose id is not known.
    pub deferred: u64,
    /// With our key, for campaigns that the ledger does not know.
    pub orphans: u64,
}

impl Limits {
    /// These limits.
    pub const fn new(deferred: u64, orphans: u64) -> Self {
        Self { deferred, orphans }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(100_000, 1_000_000)
    }
}

/// The sums of one campaign, kept with every change so that nothing is ever recounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sums {
    /// Whether it goes on; never `Done`, which [`Sums::status`] finds out.
    pub phase: Phase,
    /// Rows in the input.
    pub rows: u64,
    /// Rows that are not sent.
    pub skipped: u64,
    /// Rows of accepted batches.
    pub accepted: u64,
    /// Rows of batches whose outcome is not known.
    pub unknown: u64,
    /// Rows of batches that the service holds more than once.
    pub doubled: u64,
    /// How many batches stand where.
    pub batches: BatchCounts,
    /// How many messages of accepted batches stand where.
    pub messages: Tally,
    /// How many runs there were.
    pub runs: u64,
    /// The longest that any run was told to wait before it sends again, in whole microseconds.
    pub resend_after: Duration,
}

impl Sums {
    /// The sums of a new campaign. A store that keeps them in columns sets the other fields as they were.
    pub fn new(rows: u64, skipped: u64, batches: u64) -> Self {
        Self {
            phase: Phase::Running,
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

    /// How the campaign stands: what [`Ledger::status`](crate::Ledger::status) answers.
    pub fn status(&self) -> CampaignStatus {
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
    /// The rows in it, in ascending order.
    pub rows: Arc<RowSpans>,
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
    /// Whether the batch is free at that time: nobody holds it, or the lease has lapsed.
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
    /// A planned batch, which nobody has tried or claimed. A store that keeps it in columns sets the other
    /// fields as they were.
    pub fn new(campaign: CampaignId, number: u32, planned: PlannedRows) -> Self {
        Self {
            campaign,
            number,
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
            hold: Hold::default(),
        }
    }

    /// Whether the service may have it, whatever the last attempt came to.
    pub fn may_have_arrived(&self) -> bool {
        self.uncertain || matches!(self.stage, BatchStage::Accepted | BatchStage::Unknown)
    }

    /// What [`Ledger::batches`](crate::Ledger::batches) says of it.
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
        }
    }

    /// What [`Ledger::claim`](crate::Ledger::claim) says of it.
    pub fn lease(&self) -> Lease {
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

/// The records behind the decisions; see the [contract](self).
///
/// Campaigns are asked for by the number that [`put_campaign`](Self::put_campaign) gave; of a number that
/// is not there, and of a batch, row, worker or id that is not there, there is nothing: `None`, or an
/// empty list. Lists of campaigns are oldest first, lists of batches by number.
pub trait Store {
    /// Campaigns with the same `project`, `app`, `service` and `message_fingerprint`, practice left out,
    /// oldest first.
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<Campaign>, LedgerError>;
    /// Campaigns over the same input, practice left out, oldest first: with the same `input` or the same
    /// `input_fingerprint`, of which an empty one is the same as none.
    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<Campaign>, LedgerError>;
    /// The campaign of that name.
    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>, LedgerError>;
    /// The campaign of that key.
    fn campaign_by_key(&mut self, key: &str) -> Result<Option<CampaignId>, LedgerError>;
    /// Adds a campaign under a new number, greater than all before it, by
    /// [`NewCampaign::with_id`]. Neither name nor key is taken, which the storage may enforce too. Its sums
    /// and batches follow at once.
    fn put_campaign(&mut self, new: NewCampaign) -> Result<Campaign, LedgerError>;

    /// The sums of a campaign; `None` if the ledger has none of that number.
    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError>;
    /// Writes the sums of a campaign.
    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError>;
    /// Counts the batches of a campaign anew, from what is kept of them and not from the sums. Asked once
    /// a run.
    fn recount(&mut self, campaign: CampaignId) -> Result<Recount, LedgerError>;

    /// The batch of that number.
    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError>;
    /// The batch whose rows begin at or last before the row; it need not hold the row.
    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError>;
    /// The batch, of any campaign, whose own id that is; ids noted by [`put_double`](Self::put_double) are
    /// nobody's own.
    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError>;
    /// Adds a batch of a new campaign, which nobody has claimed. They come by number, each with greater
    /// rows than the one before.
    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;
    /// Writes a batch that was added; what is planned of it never changes, and an id that it has stays.
    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;
    /// Keeps who holds a batch; nothing else of it has changed. For storages in which that is cheaper.
    fn put_hold(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.put_batch(batch)
    }
    /// Keeps who holds a batch, its stage and its attempts; neither id nor state nor doubles have changed.
    /// For storages in which that is cheaper.
    fn put_attempt(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.put_batch(batch)
    }
    /// Campaigns with a batch of that digest, and whether the service
    /// [may have](Batch::may_have_arrived) that batch; one entry a batch, in any order.
    fn batches_like(&mut self, digest: &Digest) -> Result<Vec<(CampaignId, bool)>, LedgerError>;
    /// Whether the service [may have](Batch::may_have_arrived) any batch of any campaign whose id is not
    /// known. Asked for every receipt by position of an unknown batch, so keep an index of these.
    fn any_without_id(&mut self) -> Result<bool, LedgerError>;
    /// Notes a further id of a batch; whether it is new to that batch.
    fn put_double(&mut self, campaign: CampaignId, number: u32, batch_id: &BatchId) -> Result<bool, LedgerError>;

    /// The worker that was remembered last by that name.
    fn worker(&mut self, name: &str) -> Result<Option<Worker>, LedgerError>;
    /// Whether any batch of any campaign [is of](Hold::is_of) a worker.
    fn holds_any(&mut self, worker: &str) -> Result<bool, LedgerError>;
    /// Remembers a worker by its name, in the place of an earlier one.
    fn put_worker(&mut self, worker: &Worker) -> Result<(), LedgerError>;
    /// The workers that batches of a campaign [are of](Hold::workers), as they are remembered, each once.
    fn holders(&mut self, campaign: CampaignId) -> Result<Vec<Worker>, LedgerError>;
    /// The batches of a campaign that [are of](Hold::is_of) a worker, by number.
    fn batches_of_worker(&mut self, campaign: CampaignId, worker: &str) -> Result<Vec<Batch>, LedgerError>;
    /// The first `room` batches, by number, that are not accepted, [free](Hold::is_free) at that time and
    /// not excepted. The heart of a claim: keep an index of batches that are not accepted.
    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError>;
    /// What workers other than this one hold at that time: not free, by worker in the order of names, with
    /// the latest end of their leases.
    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>, LedgerError>;

    /// What was received of a message, as it was put last.
    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError>;
    /// Writes what is known of a message.
    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError>;

    /// Keeps what was received by position, [joined](Deferred::join) with what is kept for the same batch
    /// and [position](Deferred::index).
    ///
    /// # Errors
    /// [`LedgerError::deferred_full`] if the place is new and [`Limits::deferred`] others are kept.
    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<(), LedgerError>;
    /// Takes out all that was kept for a batch.
    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>, LedgerError>;
    /// Forgets all that was kept by position.
    fn clear_deferred(&mut self) -> Result<(), LedgerError>;

    /// Keeps a receipt for a campaign that is not known, [joined](Orphan::join) with what is kept for the
    /// same key. At most [`Limits::orphans`] are kept; those kept first give way, and are counted.
    fn put_orphan(&mut self, orphan: Orphan) -> Result<(), LedgerError>;
    /// Takes out all that was kept for a campaign.
    fn take_orphans(&mut self, key: &str) -> Result<Vec<Orphan>, LedgerError>;

    /// Adds a callback to those of its kind: see [`CallbackCount::add`](crate::CallbackCount::add).
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
