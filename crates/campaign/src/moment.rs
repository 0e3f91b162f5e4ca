//! A moment by two clocks: a paused machine stops one of them, and a person may set the other.

use std::time::Duration;

use sinch_batch_models::Timestamp;

/// A moment by the wall clock and by a steady one, which counts from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) steady: Duration,
}

impl Moment {
    /// The moment that much later.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { wall: self.wall.checked_add(wait).unwrap_or(Timestamp::MAX), steady: self.steady.saturating_add(wait) }
    }

    /// Whether it has come by both clocks.
    pub(crate) fn has_come(self, now: Self) -> bool {
        self.wall <= now.wall && self.steady <= now.steady
    }

    /// Whether it has come by either clock: what had time until then has none left.
    pub(crate) fn is_over(self, now: Self) -> bool {
        self.wall <= now.wall || self.steady <= now.steady
    }
}
