//! What a ledger does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sinch_batch_models::Timestamp;
use sinch_batch_tracking::{MessageState, Observation};

use crate::entry::{
    Applied, BatchRecord, CallbackCount, Campaign, CampaignId, CampaignStatus, Entry, Failure, Frontier, NewCampaign,
    ReceivedCallback,
};
use crate::error::LedgerError;

/// A future in a box, as an object-safe trait needs it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The record of campaigns: what was intended, what came of it, what was heard since.
///
/// What a call wrote is durable when the call returns without an error, and is seen by every later
/// call, of other processes too where the ledger can be shared. After an error nothing of the call
/// was written. Dropping a future does not take the call back.
///
/// Every method may fail with the kinds of [`LedgerErrorKind`](crate::LedgerErrorKind) that speak of
/// the storage; the others are named at the method. Methods that take a [`CampaignId`] fail with
/// `NoSuchCampaign` if the ledger has none of that number.
pub trait Ledger: Send + Sync + 'static {
    /// Adds a campaign.
    ///
    /// # Errors
    /// `NameTaken` if a campaign of that name exists: choose another, or resume that one.
    /// `Impossible` if the key is taken, or if more rows are skipped than there are.
    fn create(&self, campaign: NewCampaign) -> BoxFuture<'_, Result<Campaign, LedgerError>>;

    /// The campaign of a name.
    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Campaign>, LedgerError>>;

    /// All campaigns, oldest first.
    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<Campaign>, LedgerError>>;

    /// Records one fact about one batch.
    ///
    /// # Errors
    /// `Impossible` if the fact contradicts what is known; see [`Entry`]. A batch can become accepted
    /// between two calls because a receipt proved it, here or in another process; an intent or a
    /// refusal is impossible then. Read the batch again.
    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Takes in what a callback, or an answer about a batch's status, said.
    ///
    /// A batch that is unknown or refused becomes accepted by what proves that the service has it: a
    /// receipt for one of its rows, or a batch update with its key. A receipt by position whose batch
    /// id is not known yet is kept, and counts when [`Entry::Accepted`] or a proof names that id. At
    /// most 100,000 such early ones are kept; the oldest give way.
    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>>;

    /// Takes in several at once: all of them, or after an error none.
    ///
    /// By default one after the other, each on its own.
    fn apply_many(&self, observations: Vec<Observation>) -> BoxFuture<'_, Result<Vec<Applied>, LedgerError>> {
        Box::pin(async move {
            let mut heard = Vec::with_capacity(observations.len());
            for observation in observations {
                heard.push(self.apply(observation).await?);
            }
            Ok(heard)
        })
    }

    /// Counts a callback by its kind, and takes in what it says about a batch or a message: both, or after
    /// an error neither. `None` if it says nothing about either.
    ///
    /// A callback that comes again is counted again. At most as many kinds are kept as releases have
    /// known, and `UNKNOWN`.
    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>>;

    /// Takes in several callbacks at once: all of them, or after an error none.
    ///
    /// By default one after the other, each on its own.
    fn apply_callbacks(
        &self,
        callbacks: Vec<ReceivedCallback>,
    ) -> BoxFuture<'_, Result<Vec<Option<Applied>>, LedgerError>> {
        Box::pin(async move {
            let mut heard = Vec::with_capacity(callbacks.len());
            for callback in callbacks {
                heard.push(self.apply_callback(callback).await?);
            }
            Ok(heard)
        })
    }

    /// How many callbacks of each kind were heard, by the name of the kind.
    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>>;

    /// Where the campaign stands. Costs the same however many rows it has.
    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>>;

    /// At most `limit` batches with numbers above `after`, by number.
    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>>;

    /// All batches that are unknown or refused, by number.
    fn open_batches(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>>;

    /// Where the next new batch begins.
    fn frontier(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Frontier, LedgerError>>;

    /// At most `limit` failed messages with rows above `after_row`, by row.
    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Failure>, LedgerError>>;

    /// What is known of one message; `None` if nothing was heard of it since it was accepted.
    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>>;
}

impl<L: Ledger + ?Sized> Ledger for Arc<L> {
    fn create(&self, campaign: NewCampaign) -> BoxFuture<'_, Result<Campaign, LedgerError>> {
        (**self).create(campaign)
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Campaign>, LedgerError>> {
        (**self).campaign(name)
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<Campaign>, LedgerError>> {
        (**self).campaigns()
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

    fn open_batches(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        (**self).open_batches(campaign)
    }

    fn frontier(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Frontier, LedgerError>> {
        (**self).frontier(campaign)
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Failure>, LedgerError>> {
        (**self).failures(campaign, after_row, limit)
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        (**self).message(campaign, row)
    }
}
