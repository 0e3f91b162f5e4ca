//! What the machine receives, and what it asks for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_ledger::{CampaignStatus, Claimed, Window};
use sinch_batch_models::BatchId;

use crate::moment::Moment;
use crate::outcome::{SendOutcome, StopReason};
use crate::sender::{LookUpFailure, SendFailure};

use super::BatchNumber;

/// What the machine receives.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The run begins.
    Start,
    /// The answer to [`Command::Claim`], asked for at that moment.
    Claimed(Claimed, Moment),
    /// The recipients of the batch are at hand.
    Read(BatchNumber),
    /// The recipients of the batch cannot be read, or nobody knows who of them is suppressed; the reason.
    Unreadable(BatchNumber, StopReason, String),
    /// What [`Command::Record`] asked for is durable.
    Recorded(BatchNumber),
    /// The batch is known to be accepted: a receipt, or another worker, proved it.
    Adopted(BatchNumber),
    /// The lease is over: the batch is another's.
    Fenced(BatchNumber),
    /// All rows of the batch are suppressed: it is closed, and nothing of it leaves.
    Emptied(BatchNumber),
    /// The outcome cannot be taken for this batch's, because the service contradicts itself.
    Contradicted(BatchNumber, String),
    /// The response to [`Command::Send`].
    Sent(BatchNumber, Result<BatchId, SendFailure>),
    /// The response to [`Command::LookUp`].
    Found(BatchNumber, Result<Vec<BatchId>, LookUpFailure>),
    /// The answer to [`Command::Renew`], asked for at that moment.
    Renewed { asked: Moment, held: Vec<(BatchNumber, u64)>, lost: Vec<BatchNumber>, accepted: Vec<BatchNumber> },
    /// A lease that was used by nobody is free again, or could not be given back.
    GivenBack,
    /// The way to the ledger was lost, and what was written before may be gone with it.
    LedgerLost,
    /// How the campaign stands.
    Status(CampaignStatus),
    /// Time has passed.
    Tick,
    /// Start nothing new: finish what is under way, then end.
    Stop(StopReason, Option<String>),
    /// A fact about the batch could not be recorded: let go of it and stop.
    Lost(BatchNumber),
}

/// What the loop does for the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Ask the ledger for so many batches, but not for these, within that window of the app.
    Claim(u32, Arc<BTreeSet<BatchNumber>>, Option<Window>),
    /// Read the recipients of the batch, in the order of these commands.
    Read(BatchNumber),
    /// Make a fact durable.
    Record(BatchNumber, Fact),
    /// Give back the lease of a batch by its token: this run does not use it.
    GiveBack(BatchNumber, u64),
    /// Call the service; the last byte leaves before that moment or never.
    Send(BatchNumber, Moment),
    /// Ask the service for the batch by its key.
    LookUp(BatchNumber),
    /// Prolong the leases of these batches, by their tokens.
    Renew(Vec<(BatchNumber, u64)>),
    /// Let go of the batch's recipients.
    Forget(BatchNumber),
    /// Send [`Input::Tick`] at this time of the steady clock, or earlier.
    Wake(Duration),
    /// The run has ended.
    Finish(SendOutcome),
}

/// What is recorded about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// It is about to be sent.
    Intent { token: u64, attempt: u32 },
    /// The call is over, and its outcome not known.
    Returned { attempt: u32 },
    /// The service has it, under these ids: one, unless something went wrong.
    Accepted(Vec<BatchId>),
    /// The service does not have it.
    Refused { attempt: u32, why: String },
    /// It was never tried from this ledger, and the service has it.
    FoundElsewhere,
    /// It is let go of without a new outcome.
    Released { token: u64, why: Option<String> },
}
