//! What a ledger does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::{Callback, Timestamp};
use sinch_batch_tracking::{MessageState, Observation};

use crate::callback::{Applied, CallbackCount, DeferredCounts, ReceivedCallback};
use crate::campaign::{CampaignId, CampaignRecord, Created, NewCampaign};
use crate::entry::{BatchRecord, Entry, MessageFailure, RetryRow};
use crate::error::LedgerError;
use crate::lease::{Claim, Claimed, Held, Renewed, Run};
use crate::plan::Plan;
use crate::status::CampaignStatus;
use crate::sums::{Pulse, ReasonCount};

/// A future in a box, as an object-safe trait needs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The record of campaigns: intents, outcomes and received callbacks.
///
/// What a call wrote is durable when the call returns without an error, and is seen by every later
/// call, of other processes too where the ledger can be shared. After an error nothing of the call
/// was written. Dropping a future does not take the call back.
///
/// Every method may fail with the kinds of [`LedgerErrorKind`](crate::LedgerErrorKind) that speak of
/// the storage; the others are named at the method. Methods that take a [`CampaignId`] fail with
/// `NoSuchCampaign` if the ledger has none of that number.
///
/// A ledger of your own takes its decisions from [`decide`](crate::decide), over records of its own that it
/// keeps as [`store`](crate::store) says; [`conformance`](crate::conformance) proves it.
pub trait Ledger: Send + Sync + 'static {
    /// Adds a campaign with its plan, in one transaction.
    ///
    /// # Errors
    /// `Duplicate` if an earlier campaign of the same project, app, service and message has sent the same
    /// input or a batch of it, or is about to; see [`NewCampaign::allow_duplicate`]. `NameTaken` if a
    /// campaign of that name exists: choose another, or resume that one. `PlanTooLarge` if it has more
    /// than [`MAX_BATCHES`](crate::MAX_BATCHES) batches. `Impossible` if the key is taken, or if the plan
    /// does not hold each row that is not skipped exactly once.
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> BoxFuture<'_, Result<Created, LedgerError>>;

    /// The campaign of a name.
    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<CampaignRecord>, LedgerError>>;

    /// All campaigns, oldest first.
    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<CampaignRecord>, LedgerError>>;

    /// Ends a campaign: nothing more of it leaves. Its batches that were never tried guard nothing any
    /// more; those of unknown outcome stay unknown.
    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Lets nothing more of a campaign leave until [`unpause`](Self::unpause); what is under way ends in order.
    ///
    /// # Errors
    /// `NotRunning` if it is cancelled, or being cancelled.
    fn pause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Lets nothing more of a campaign leave until [`unpause`](Self::unpause), because too much of it failed.
    ///
    /// By default a pause.
    ///
    /// # Errors
    /// `NotRunning` if it is cancelled, or being cancelled.
    fn halt(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.pause(campaign)
    }

    /// Lifts a pause or a halt, if there is one.
    ///
    /// # Errors
    /// `NotRunning` if it is cancelled, or being cancelled.
    fn unpause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Lets nothing more of a campaign leave, ever, while what left is recalled; [`cancel`](Self::cancel)
    /// follows.
    fn stop(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Counts a run of the campaign, and remembers how long it waits before it sends again.
    ///
    /// # Errors
    /// `NotRunning` if it is paused or cancelled. `Altered` if its sums do not agree with its batches.
    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> BoxFuture<'_, Result<Run, LedgerError>>;

    /// Leases batches to a worker, by number: only it may send them.
    ///
    /// What workers hold that are gone is free at once; what others hold, when their leases lapse. While the
    /// [window](Claim::window) is full only batches of unknown outcome are given, which have to be looked up.
    ///
    /// # Errors
    /// `NotRunning` if the campaign is paused or cancelled. `Impossible` if another process has the worker's
    /// name, holds batches, and is not known to be gone.
    fn claim(&self, campaign: CampaignId, claim: Claim) -> BoxFuture<'_, Result<Claimed, LedgerError>>;

    /// Prolongs leases, given by batch and token, to `lease` from now.
    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Renewed, LedgerError>>;

    /// A worker's goodbye, or the word of somebody who knows that it is gone: what it holds is free.
    fn release<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Who holds batches of a campaign at that time, by name: workers that are sending it.
    fn held(&self, campaign: CampaignId, now: Timestamp) -> BoxFuture<'_, Result<Vec<Held>, LedgerError>>;

    /// How often the way to where the ledger is kept was lost, since it was opened.
    ///
    /// What was written before may be gone: another server, which was behind, may have taken over. A run that sees
    /// another number than before looks again whether the ledger is older than the truth.
    ///
    /// By default it is never lost.
    fn losses(&self) -> u64 {
        0
    }

    /// Records one fact about one batch.
    ///
    /// # Errors
    /// Of an intent: `Accepted` if the service has the batch already, `Fenced` if the lease is over or
    /// another's, `NotRunning` if the campaign is paused or cancelled; then nothing may be sent. Of an
    /// acceptance: `IdTaken` if another batch has that id. Else `Impossible` if the fact contradicts what
    /// is known; see [`Entry`].
    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Applies what a callback, or an answer about a batch's status, said.
    ///
    /// A batch that is not accepted becomes so by what proves that the service has it: a receipt for one
    /// of its rows, or a batch update with its key. A receipt by position whose batch id is not known is
    /// kept as long as some batch has no id; one with our key for another campaign is kept too.
    ///
    /// # Errors
    /// `DeferredFull` if too many receipts wait: ask for another delivery.
    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>>;

    /// Applies several at once: all of them, or after an error none.
    ///
    /// By default one after the other, each on its own.
    fn apply_many(&self, observations: Vec<Observation>) -> BoxFuture<'_, Result<Vec<Applied>, LedgerError>> {
        Box::pin(async move {
            let mut applied = Vec::with_capacity(observations.len());
            for observation in observations {
                applied.push(self.apply(observation).await?);
            }
            Ok(applied)
        })
    }

    /// Counts a callback by its kind, and applies what it says about a batch or a message: both, or after
    /// an error neither. `None` if it says nothing about either.
    ///
    /// A callback that comes again is counted again. At most as many kinds are kept as releases have
    /// known, and `UNKNOWN`.
    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>>;

    /// Applies several callbacks at once: all of them, or after an error none.
    ///
    /// By default one after the other, each on its own.
    fn apply_callbacks(
        &self,
        callbacks: Vec<ReceivedCallback>,
    ) -> BoxFuture<'_, Result<Vec<Option<Applied>>, LedgerError>> {
        Box::pin(async move {
            let mut applied = Vec::with_capacity(callbacks.len());
            for callback in callbacks {
                applied.push(self.apply_callback(callback).await?);
            }
            Ok(applied)
        })
    }

    /// How many callbacks of each kind were received, by the name of the kind.
    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>>;

    /// How many receipts are kept that belong to nothing known.
    fn deferred(&self) -> BoxFuture<'_, Result<DeferredCounts, LedgerError>>;

    /// How the campaign stands. Costs the same however many rows it has.
    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>>;

    /// At most `limit` batches with numbers above `after`, by number.
    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>>;

    /// At most `limit` failed messages with rows above `after_row`, by row.
    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<MessageFailure>, LedgerError>>;

    /// At most `limit` messages of which something was received, with rows above `after_row`, by row.
    fn messages(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, MessageState)>, LedgerError>>;

    /// At most `limit` failed messages with rows above `after_row`, by row, as a retry sees them: with the
    /// newest cause over all attempts, and whether any attempt may have reached the recipient.
    fn retry_rows(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<RetryRow>, LedgerError>>;

    /// How many messages have failed for which reason, in the order of codes. Costs the same however many
    /// rows the campaign has.
    fn reasons(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<ReasonCount>, LedgerError>>;

    /// How many messages got to which state in the minutes that begin from one time on and before another,
    /// in order; minutes without any are left out.
    fn pulse(
        &self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Pulse>, LedgerError>>;

    /// What is known of one message; `None` if nothing was received of it since it was accepted.
    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>>;

    /// Removes what the service said about the failures of these rows, and keeps none of what it says later;
    /// how many rows are new to that. States, codes and all sums stay as they are.
    ///
    /// # Errors
    /// By default `Unsupported`.
    fn forget(&self, campaign: CampaignId, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, LedgerError>> {
        let _ = (campaign, rows);
        Box::pin(async { Err(LedgerError::unsupported("forget")) })
    }

    /// When the last thing happened to a campaign, or to any retry of its rows; `None` while something is
    /// left to be sent, looked up or recalled.
    ///
    /// # Errors
    /// By default `Unsupported`.
    fn ended(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Option<Timestamp>, LedgerError>> {
        let _ = campaign;
        Box::pin(async { Err(LedgerError::unsupported("tell when a campaign ended")) })
    }

    /// Removes what was received of single messages of a campaign that [ended](Self::ended) before a time:
    /// states, codes and descriptions, at most `limit` messages in one transaction. Call it until nothing is
    /// [left](Pruned::left).
    ///
    /// Batches and their digests stay, since they guard against duplicates; so do all sums, by reason and by
    /// minute too, and no later receipt changes them. Single rows are not known any more:
    /// [`retry_rows`](Self::retry_rows) and retries are refused with `Pruned`.
    ///
    /// # Errors
    /// `NotEnded` if it, or a retry of its rows, has not ended by then. By default `Unsupported`.
    fn prune(&self, campaign: CampaignId, before: Timestamp, limit: u32) -> BoxFuture<'_, Result<Pruned, LedgerError>> {
        let _ = (campaign, before, limit);
        Box::pin(async { Err(LedgerError::unsupported("prune")) })
    }

    /// Gives back to the system some of the room that what was removed has left. Call it until nothing is
    /// left.
    ///
    /// By default there is nothing to give back, as with a server, which does so by itself.
    fn reclaim(&self) -> BoxFuture<'_, Result<Reclaimed, LedgerError>> {
        Box::pin(async { Ok(Reclaimed::default()) })
    }
}

impl<L: Ledger + ?Sized> Ledger for Arc<L> {
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> BoxFuture<'_, Result<Created, LedgerError>> {
        (**self).create(campaign, plan)
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<CampaignRecord>, LedgerError>> {
        (**self).campaign(name)
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<CampaignRecord>, LedgerError>> {
        (**self).campaigns()
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        (**self).cancel(campaign)
    }

    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> BoxFuture<'_, Result<Run, LedgerError>> {
        (**self).begin_run(campaign, resend_after)
    }

    fn claim(&self, campaign: CampaignId, claim: Claim) -> BoxFuture<'_, Result<Claimed, LedgerError>> {
        (**self).claim(campaign, claim)
    }

    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Renewed, LedgerError>> {
        (**self).renew(campaign, worker, held, lease, now)
    }

    fn release<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        (**self).release(campaign, worker, now)
    }

    fn held(&self, campaign: CampaignId, now: Timestamp) -> BoxFuture<'_, Result<Vec<Held>, LedgerError>> {
        (**self).held(campaign, now)
    }

    fn losses(&self) -> u64 {
        (**self).losses()
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>> {
        (**self).record(campaign, entry, now)
    }

    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>> {
        (**self).apply(observation)
    }

    fn apply_many(&self, observations: Vec<Observation>) -> BoxFuture<'_, Result<Vec<Applied>, LedgerError>> {
        (**self).apply_many(observations)
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>> {
        (**self).apply_callback(callback)
    }

    fn apply_callbacks(
        &self,
        callbacks: Vec<ReceivedCallback>,
    ) -> BoxFuture<'_, Result<Vec<Option<Applied>>, LedgerError>> {
        (**self).apply_callbacks(callbacks)
    }

    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>> {
        (**self).callbacks()
    }

    fn deferred(&self) -> BoxFuture<'_, Result<DeferredCounts, LedgerError>> {
        (**self).deferred()
    }

    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>> {
        (**self).status(campaign)
    }

    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        (**self).batches(campaign, after, limit)
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<MessageFailure>, LedgerError>> {
        (**self).failures(campaign, after_row, limit)
    }

    fn pause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        (**self).pause(campaign)
    }

    fn halt(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        (**self).halt(campaign)
    }

    fn unpause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        (**self).unpause(campaign)
    }

    fn stop(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        (**self).stop(campaign)
    }

    fn messages(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, MessageState)>, LedgerError>> {
        (**self).messages(campaign, after_row, limit)
    }

    fn retry_rows(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<RetryRow>, LedgerError>> {
        (**self).retry_rows(campaign, after_row, limit)
    }

    fn reasons(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<ReasonCount>, LedgerError>> {
        (**self).reasons(campaign)
    }

    fn pulse(
        &self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Pulse>, LedgerError>> {
        (**self).pulse(campaign, from, to)
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        (**self).message(campaign, row)
    }

    fn forget(&self, campaign: CampaignId, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, LedgerError>> {
        (**self).forget(campaign, rows)
    }

    fn ended(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Option<Timestamp>, LedgerError>> {
        (**self).ended(campaign)
    }

    fn prune(&self, campaign: CampaignId, before: Timestamp, limit: u32) -> BoxFuture<'_, Result<Pruned, LedgerError>> {
        (**self).prune(campaign, before, limit)
    }

    fn reclaim(&self) -> BoxFuture<'_, Result<Reclaimed, LedgerError>> {
        (**self).reclaim()
    }
}

/// What one call of [`Ledger::prune`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// How many messages.
    pub messages: u64,
    /// Whether more may be left.
    pub left: bool,
}

impl Pruned {
    /// So many messages, and whether more may be left.
    pub fn new(messages: u64, left: bool) -> Self {
        Self { messages, left }
    }
}

/// What one call of [`Ledger::reclaim`] gave back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reclaimed {
    /// How many bytes.
    pub bytes: u64,
    /// Whether more is left to give back by a further call.
    pub left: bool,
    /// How many bytes the file keeps for itself, because it was made by a release before pruning: SQLite's
    /// `VACUUM` gives them back.
    pub kept: u64,
}

/// What every ledger can do besides.
pub trait LedgerExt: Ledger + Sized {
    /// A sink for callbacks that were verified: what `webhook::router` wants. It ends with `Ok` when the
    /// callback is durable.
    fn sink(
        self: &Arc<Self>,
    ) -> impl Fn(Callback) -> BoxFuture<'static, Result<(), LedgerError>> + Clone + Send + Sync + 'static {
        let ledger = Arc::clone(self);
        move |callback: Callback| {
            let ledger = Arc::clone(&ledger);
            Box::pin(
                async move { ledger.apply_callback(ReceivedCallback::of(&callback, Timestamp::now())).await.map(drop) },
            )
        }
    }
}

impl<L: Ledger> LedgerExt for L {}
