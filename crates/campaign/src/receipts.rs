//! When to stop waiting for receipts: a pure function of what the ledger says, and the time.

use std::time::Duration;

use sinch_batch_ledger::CampaignStatus;
use sinch_batch_tracking::Tally;

/// How often the ledger is looked at, for progress and for receipts that another process receives.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How waiting for receipts stands, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Receipts {
    /// Some are awaited.
    Waiting,
    /// Every accepted message is delivered, read or failed.
    Settled,
    /// Nothing was received for the time given; some are still awaited.
    TimedOut,
    /// Somebody asked to stop.
    Interrupted,
}

/// Remembers when something was received last.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    timeout: Duration,
    last: Option<Tally>,
    received: Duration,
}

impl Watcher {
    /// Waits until nothing was received for `timeout`. Times are those of a steady clock.
    pub(crate) fn new(timeout: Duration, now: Duration) -> Self {
        Self { timeout, last: None, received: now }
    }

    /// Looks at the ledger's sums.
    pub(crate) fn look(&mut self, status: &CampaignStatus, now: Duration) -> Receipts {
        if status.awaiting() == 0 {
            return Receipts::Settled;
        }
        if self.last != Some(status.messages) {
            self.last = Some(status.messages);
            self.received = now;
        }
        if self.received.saturating_add(self.timeout) <= now { Receipts::TimedOut } else { Receipts::Waiting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_when_all_are_settled_or_nothing_comes_any_more() {
        let second = Duration::from_secs;
        let status = |pending, delivered| {
            let mut status = CampaignStatus::default();
            status.messages.pending = pending;
            status.messages.delivered = delivered;
            status
        };
        let mut watcher = Watcher::new(second(10), second(5));
        assert_eq!(watcher.look(&status(2, 0), second(5)), Receipts::Waiting);
        assert_eq!(watcher.look(&status(2, 0), second(14)), Receipts::Waiting);
        assert_eq!(watcher.look(&status(1, 1), second(14)), Receipts::Waiting);
        assert_eq!(watcher.look(&status(1, 1), second(23)), Receipts::Waiting);
        assert_eq!(watcher.look(&status(1, 1), second(24)), Receipts::TimedOut);
        assert_eq!(watcher.look(&status(0, 2), second(99)), Receipts::Settled);
    }
}
