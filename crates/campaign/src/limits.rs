//! What bounds a run.

use std::time::Duration;

use sinch_batch_models::Timestamp;

use crate::halt::HaltRules;
use crate::request::CampaignRequest;

/// What bounds a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendLimits {
    /// How many batches are under way at once, those that wait for their outcome included.
    pub in_flight: u32,
    /// How long a batch of unknown outcome must stay absent before it is sent again. The longest that
    /// any run of the campaign had counts.
    pub resend_after: Duration,
    /// How long to wait longer if the worker that tried a batch fell silent and may still be there.
    pub takeover_grace: Duration,
    /// How long a lease on a batch lasts.
    pub lease: Duration,
    /// How long to wait between two look-ups of the same batch.
    pub look_up_every: Duration,
    /// After how many look-ups without a usable answer a batch is left *unknown*.
    pub look_ups: u32,
    /// After how many attempts in one run a batch is left *unknown*.
    pub attempts: u32,
    /// After how many failures in a row, by all batches together, the run stops.
    pub max_consecutive_failures: u32,
    /// The longest wait between two tries when the service names none.
    pub longest_wait: Duration,
    /// How many messages may be outstanding: accepted, and not known to have left the service's queue. 0 for any
    /// number; what is scheduled is not counted.
    pub window: u64,
    /// How many messages leave the queue in a second, until receipts teach better.
    pub drain: u32,
    /// How many requests may leave in any second.
    pub max_rate: u32,
    /// Whether it begins with a canary, and when it halts.
    pub halt: HaltRules,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            in_flight: 4,
            resend_after: Duration::from_secs(30),
            takeover_grace: Duration::from_secs(600),
            lease: sinch_batch_ledger::LEASE,
            look_up_every: Duration::from_secs(5),
            look_ups: 3,
            attempts: 3,
            max_consecutive_failures: 5,
            longest_wait: Duration::from_secs(60),
            window: 400_000,
            drain: 20,
            max_rate: 100,
            halt: HaltRules::default(),
        }
    }
}

impl SendLimits {
    /// Sets how many batches are under way at once; at least one.
    #[must_use]
    pub fn with_in_flight(mut self, in_flight: u32) -> Self {
        self.in_flight = in_flight.max(1);
        self
    }

    /// Sets how long a batch of unknown outcome must stay absent before it is sent again.
    #[must_use]
    pub fn with_resend_after(mut self, resend_after: Duration) -> Self {
        self.resend_after = resend_after;
        self
    }

    /// Sets how much longer to wait for a worker that fell silent.
    #[must_use]
    pub fn with_takeover_grace(mut self, grace: Duration) -> Self {
        self.takeover_grace = grace;
        self
    }

    /// Sets how long a lease lasts; at least a second.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// Sets how many messages may be outstanding; 0 for any number.
    #[must_use]
    pub fn with_window(mut self, window: u64) -> Self {
        self.window = window;
        self
    }

    /// Sets how many messages leave the service's queue in a second, until receipts teach better; at least one.
    #[must_use]
    pub fn with_drain(mut self, drain: u32) -> Self {
        self.drain = drain.max(1);
        self
    }

    /// Sets how many requests may leave in any second, from 1 to 800: more the service does not take.
    #[must_use]
    pub fn with_max_rate(mut self, max_rate: u32) -> Self {
        self.max_rate = max_rate.clamp(1, 800);
        self
    }

    /// Sets whether it begins with a canary, and when it halts.
    #[must_use]
    pub fn with_halt(mut self, halt: HaltRules) -> Self {
        self.halt = halt;
        self
    }

    /// The window for what is sent from now on; 0 if there is none. What is held back until later is in no queue.
    pub fn window_for(&self, request: &CampaignRequest, now: Timestamp) -> u64 {
        let is_held_back = request.send_after().is_some_and(|at| at > now) || request.spread().is_some();
        if is_held_back { 0 } else { self.window }
    }

    /// For how long after it was asked for something may leave under a lease.
    pub(crate) fn may_send_for(&self) -> Duration {
        self.lease.saturating_sub(Duration::from_secs(5).min(self.lease / 6))
    }
}
