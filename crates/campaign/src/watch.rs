//! When to stop waiting for receipts: a pure function of what the ledger says, and the time.

use std::time::Duration;

use sinch_batch_ledger::CampaignStatus;
use sinch_batch_models::Timestamp;
use sinch_batch_tracking::Tally;

/// How waiting for receipts stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Some messages are pending or queued.
    Waiting,
    /// Every accepted message is delivered, read or failed.
    Settled,
    /// Nothing was heard for the time given.
    Quiet,
    /// Somebody asked to stop.
    Interrupted,
}

/// Remembers when something was heard last.
#[derive(Clone, Debug)]
pub struct Watcher {
    quiet: Duration,
    last: Option<Tally>,
    heard: Timestamp,
}

impl Watcher {
    /// Waits until nothing was heard for `quiet`.
    pub fn new(quiet: Duration, now: Timestamp) -> Self {
        Self { quiet, last: None, heard: now }
    }

    /// Looks at the ledger's sums.
    pub fn look(&mut self, standing: &CampaignStatus, now: Timestamp) -> Watch {
        if standing.messages.pending + standing.messages.queued == 0 {
            return Watch::Settled;
        }
        if self.last != Some(standing.messages) {
            self.last = Some(standing.messages);
            self.heard = now;
        }
        let quiet_at = self.heard.checked_add(self.quiet).unwrap_or(Timestamp::MAX);
        if quiet_at <= now { Watch::Quiet } else { Watch::Waiting }
    }
}
