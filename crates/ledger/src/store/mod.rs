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
//! **What may be cached.** What never changes: a campaign, its key and name, and of a batch its place and
//! digest. Everything else may be cached within a transaction, or beyond it only by the one process
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
//! Prove it with [`conformance::run`](crate::conformance::run) and, for [`StoreLimits`],
//! [`conformance::limits`](crate::conformance::limits).

mod outstanding;
mod records;

pub use outstanding::{LeftInMinute, Outstanding};
pub use records::{Batch, Deferred, Hold, Orphan, Recount, StoreLimits, Sums};

use std::collections::BTreeSet;

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{CampaignKey, MessageState, Progress};

use crate::callback::ReceivedCallback;
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::error::LedgerError;
use crate::lease::Held;
use crate::plan::Digest;
use crate::worker::Worker;

/// The records behind the decisions; see the [contract](self).
///
/// Campaigns are asked for by the number that [`put_campaign`](Self::put_campaign) gave; of a number that
/// is not there, and of a batch, row, worker or id that is not there, there is nothing: `None`, or an
/// empty list. Lists of campaigns are oldest first, lists of batches by number.
pub trait Store {
    /// Campaigns with the same `project`, `app`, `service` and `message_fingerprint`, practice left out,
    /// oldest first.
    fn campaigns_like(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError>;
    /// Campaigns over the same input, practice left out, oldest first: with the same `input` or the same
    /// `input_fingerprint`, of which an empty one is the same as none.
    fn campaigns_over(&mut self, new: &NewCampaign) -> Result<Vec<CampaignRecord>, LedgerError>;
    /// The campaign of that name.
    fn campaign_by_name(&mut self, name: &str) -> Result<Option<CampaignId>, LedgerError>;
    /// The campaign of that key.
    fn campaign_by_key(&mut self, key: &CampaignKey) -> Result<Option<CampaignId>, LedgerError>;
    /// The campaign of that number.
    fn campaign_by_id(&mut self, campaign: CampaignId) -> Result<Option<CampaignRecord>, LedgerError>;
    /// The campaign of that number and those whose [`root`](CampaignRecord::root) it is, oldest first.
    fn family(&mut self, root: CampaignId) -> Result<Vec<CampaignId>, LedgerError>;
    /// Adds a campaign under a new number, greater than all before it, by
    /// [`NewCampaign::with_id`]. Neither name nor key is taken, which the storage may enforce too. Its sums
    /// and batches follow at once.
    fn put_campaign(&mut self, new: NewCampaign) -> Result<CampaignRecord, LedgerError>;

    /// The sums of a campaign; `None` if the ledger has none of that number.
    fn sums(&mut self, campaign: CampaignId) -> Result<Option<Sums>, LedgerError>;
    /// Writes the sums of a campaign.
    fn put_sums(&mut self, campaign: CampaignId, sums: &Sums) -> Result<(), LedgerError>;
    /// Recounts the batches of a campaign, from what is kept of them and not from the sums. Asked once
    /// a run.
    fn recount(&mut self, campaign: CampaignId) -> Result<Recount, LedgerError>;

    /// The batch of that number.
    fn batch(&mut self, campaign: CampaignId, number: u32) -> Result<Option<Batch>, LedgerError>;
    /// The batch whose [`first_row`](Batch::first_row) is the row or last before it; it need not hold the row.
    fn batch_before(&mut self, campaign: CampaignId, row: u64) -> Result<Option<Batch>, LedgerError>;
    /// The batch, of any campaign, whose own id that is; ids noted by [`put_double`](Self::put_double) are
    /// nobody's own.
    fn batch_of(&mut self, batch_id: &BatchId) -> Result<Option<Batch>, LedgerError>;
    /// Adds a batch of a new campaign, which is not claimed. They come by number, each with greater
    /// rows than the one before.
    fn add_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;
    /// Writes a batch that was added; its place and digest never change, its rows only by
    /// [`put_rows`](Self::put_rows), and an id that it has stays.
    fn put_batch(&mut self, batch: &Batch) -> Result<(), LedgerError>;
    /// Keeps the rows of a batch, which have become fewer, its stage and who holds it; nothing else of it has
    /// changed, [`first_row`](Batch::first_row) least of all.
    fn put_rows(&mut self, batch: &Batch) -> Result<(), LedgerError> {
        self.put_batch(batch)
    }
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
    /// The first `room` batches, by number, that are neither accepted nor skipped, [free](Hold::is_free) at that time and
    /// not excepted; of these only batches [of unknown outcome](crate::BatchStage::Unknown) if so asked. The heart of a
    /// claim: keep an index of such batches.
    fn free_batches(
        &mut self,
        campaign: CampaignId,
        room: u32,
        except: &BTreeSet<u32>,
        only_unknown: bool,
        now: Timestamp,
    ) -> Result<Vec<Batch>, LedgerError>;
    /// What workers other than this one hold at that time: not free, by worker in the order of names, with
    /// the latest end of their leases.
    fn held_by_others(&mut self, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<Vec<Held>, LedgerError>;

    /// What is outstanding of each campaign with the same `project`, `app`, `service` and `practice` that has anything
    /// outstanding, in any order: [`Sums::unknown`] and what is pending of [`Sums::messages`]. It may be as of the
    /// beginning of the transaction.
    fn outstanding(&mut self, of: &CampaignRecord) -> Result<Vec<Outstanding>, LedgerError>;
    /// How many rows the batches of a campaign have that are accepted or of unknown outcome and left between two times,
    /// both included, by minute and in order: by their last attempt or, if that is later, when they
    /// [are to leave](Batch::send_after). It may be as of the beginning of the transaction.
    fn left_since(
        &mut self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<LeftInMinute>, LedgerError>;

    /// What was received of a message, as it was put last.
    fn message(&mut self, campaign: CampaignId, row: u64) -> Result<Option<MessageState>, LedgerError>;
    /// Writes what is known of a message.
    fn put_message(&mut self, campaign: CampaignId, row: u64, state: &MessageState) -> Result<(), LedgerError>;

    /// Adds to the number of messages that [have failed for a reason](crate::Ledger::reasons): 1, or -1 for
    /// one that is delivered after all. At most as many reasons come as releases have known, and
    /// [`OTHER_REASON`](crate::OTHER_REASON).
    fn add_reason(&mut self, campaign: CampaignId, code: &str, by: i64) -> Result<(), LedgerError>;
    /// Adds to the number of messages that [got to a state in a minute](crate::Ledger::pulse). Asked for with
    /// every receipt, and read by [`last_event`](Self::last_event) alone, so it may be written once with the
    /// transaction's end.
    fn add_pulse(
        &mut self,
        campaign: CampaignId,
        minute: i64,
        progress: Progress,
        count: u64,
    ) -> Result<(), LedgerError>;

    /// When something happened last to batches of a campaign: the latest of their attempts, of the times at
    /// which they are to leave, and of the minutes added by [`add_pulse`](Self::add_pulse), in this transaction
    /// too. `None` if nothing has.
    ///
    /// # Errors
    /// By default `Unsupported`: then no campaign can be [pruned](crate::Ledger::prune).
    fn last_event(&mut self, campaign: CampaignId) -> Result<Option<Timestamp>, LedgerError> {
        let _ = campaign;
        Err(LedgerError::unsupported("tell when something happened last"))
    }
    /// Removes messages of a campaign, at most so many and no matter which, and answers how many there were to
    /// remove. Its sums, by reason and by minute too, stay.
    ///
    /// # Errors
    /// By default `Unsupported`.
    fn remove_messages(&mut self, campaign: CampaignId, limit: u32) -> Result<u64, LedgerError> {
        let _ = (campaign, limit);
        Err(LedgerError::unsupported("remove messages"))
    }

    /// Keeps what was received by position, [joined](Deferred::join) with what is kept for the same batch
    /// and [position](Deferred::index).
    ///
    /// # Errors
    /// [`LedgerError::deferred_full`] if the place is new and [`StoreLimits::deferred`] others are kept.
    fn put_deferred(&mut self, batch_id: &BatchId, deferred: Deferred) -> Result<(), LedgerError>;
    /// Takes out all that was kept for a batch.
    fn take_deferred(&mut self, batch_id: &BatchId) -> Result<Vec<Deferred>, LedgerError>;
    /// Forgets all that was kept by position.
    fn clear_deferred(&mut self) -> Result<(), LedgerError>;

    /// Keeps a receipt for a campaign that is not known, [joined](Orphan::join) with what is kept for the
    /// same key. At most [`StoreLimits::orphans`] are kept; those kept first give way, and are counted.
    fn put_orphan(&mut self, orphan: Orphan) -> Result<(), LedgerError>;
    /// Takes out all that was kept for a campaign.
    fn take_orphans(&mut self, key: &CampaignKey) -> Result<Vec<Orphan>, LedgerError>;

    /// Adds a callback to those of its kind: see [`CallbackCount::add`](crate::CallbackCount::add).
    fn count_callback(&mut self, callback: &ReceivedCallback) -> Result<(), LedgerError>;
}
