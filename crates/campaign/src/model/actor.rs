//! What a worker of the model is.

use crate::limits::SendLimits;
use crate::outcome::SendOutcome;
use crate::step::{BatchNumber, State};
use sinch_batch_ledger::{Presence, Worker};
use std::collections::BTreeSet;

#[derive(Debug)]
pub(super) struct Actor {
    pub(super) worker: Worker,
    /// Dropped with it, if its end can be proved.
    pub(super) presence: Option<Presence>,
    pub(super) limits: SendLimits,
    pub(super) state: State,
    /// By the steady clock of the machine.
    pub(super) began_at: u64,
    pub(super) frozen_until: u64,
    pub(super) alive: bool,
    pub(super) wakes: u64,
    pub(super) wake_at: Option<u64>,
    /// Batches that it let go of, refused or of unknown outcome.
    pub(super) let_go: BTreeSet<BatchNumber>,
    pub(super) outcome: Option<SendOutcome>,
    /// It works from an old copy of the ledger.
    pub(super) old_ledger: bool,
    pub(super) sent: u32,
}
