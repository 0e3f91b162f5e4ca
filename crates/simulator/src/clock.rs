use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

/// The simulator's time: a clock, and how far it was moved on by hand.
pub(crate) struct SimClock {
    base: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ahead_ms: AtomicI64,
    moved: Notify,
}

impl SimClock {
    pub(crate) fn new(base: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { base, ahead_ms: AtomicI64::new(0), moved: Notify::new() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        later((self.base)(), Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst).unsigned_abs()))
    }

    /// The time of the clock alone, as everybody sees it who shares the clock.
    pub(crate) fn unmoved(&self) -> Timestamp {
        (self.base)()
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let add = |ahead: i64| Some(ahead.saturating_add(by));
        let _ = self.ahead_ms.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        self.moved.notify_waiters();
    }

    /// Waits until it is that late, be it that time passes or that the clock is moved on.
    pub(crate) async fn sleep_until(&self, then: Timestamp) {
        loop {
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            let Ok(left) = Duration::try_from(then.duration_since(self.now())) else { return };
            if left.is_zero() {
                return;
            }
            // A clock that stands still must not make this spin.
            let left = left.clamp(Duration::from_millis(1), Duration::from_secs(3600));
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = moved => {}
            }
        }
    }
}

/// A time some way back, or the beginning of time.
pub(crate) fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// A time some way on, or the end of time.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
