//! How fast requests leave: so many in a second, fewer when the service says that they are too many.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// For how long a request counts.
const SECOND: Duration = Duration::from_secs(1);

/// After how long without a 429 the rate grows.
const CALM: Duration = Duration::from_secs(60);

/// Counts the requests of the last second. Times are those of the steady clock.
#[derive(Clone, Debug)]
pub(crate) struct RequestPace {
    max: u32,
    rate: u32,
    recent: VecDeque<Duration>,
    /// When the rate was changed last, or a minute of calm was counted.
    changed: Duration,
    /// Requests that left before this were too many; what comes of them is known.
    halved: Option<Duration>,
}

impl RequestPace {
    /// At most so many requests in any second; at least one.
    pub(crate) fn new(max: u32) -> Self {
        let max = max.max(1);
        Self { max, rate: max, recent: VecDeque::new(), changed: Duration::ZERO, halved: None }
    }

    /// Lets time pass: old requests are forgotten, and each minute of calm adds a tenth.
    pub(crate) fn tick(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|left| now > *left + SECOND) {
            self.recent.pop_front();
        }
        while self.rate < self.max && now >= self.changed + CALM {
            self.changed += CALM;
            self.rate = (self.rate + self.max.div_ceil(10)).min(self.max);
        }
    }

    /// Whether one more request may leave, besides those that are about to.
    pub(crate) fn is_free(&self, about_to_leave: u32) -> bool {
        let left = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        left.saturating_add(about_to_leave) < self.rate
    }

    /// When to ask again if it is not free.
    pub(crate) fn free_at(&self, now: Duration) -> Duration {
        // One that is about to leave is known to have left soon.
        let soon = now + SECOND / 20;
        let full = self.recent.len() >= self.rate as usize;
        let oldest = self.recent.len().saturating_sub(self.rate as usize);
        match self.recent.get(oldest).filter(|_| full) {
            Some(left) => (*left + SECOND + Duration::from_millis(1)).max(now),
            None => soon,
        }
    }

    /// A request leaves.
    pub(crate) fn leave(&mut self, now: Duration) {
        self.recent.push_back(now);
    }

    /// A request was answered 429: half as many from now on. Others that left together with it say the same,
    /// and count once.
    pub(crate) fn too_many(&mut self, now: Duration) {
        if self.halved.is_some_and(|halved| now < halved + SECOND) {
            return;
        }
        self.halved = Some(now);
        self.changed = now;
        self.rate = (self.rate / 2).max(1);
    }
}

/// Calls one after the other, that are made no faster than a pace.
#[derive(Debug)]
pub(crate) struct PacedCalls {
    pace: RequestPace,
    began: Instant,
}

impl PacedCalls {
    pub(crate) fn new(max: u32) -> Self {
        Self { pace: RequestPace::new(max), began: Instant::now() }
    }

    /// Waits until one more may be made, which is made then.
    pub(crate) async fn turn(&mut self) {
        loop {
            let now = self.began.elapsed();
            self.pace.tick(now);
            if self.pace.is_free(0) {
                return self.pace.leave(now);
            }
            tokio::time::sleep_until(self.began + self.pace.free_at(now)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn rate_is_halved_once_for_a_burst_and_grows_by_a_tenth_a_minute() {
        let mut pace = RequestPace::new(100);
        pace.too_many(seconds(10));
        pace.too_many(seconds(10) + SECOND / 2);
        assert_eq!(pace.rate, 50);
        pace.too_many(seconds(11));
        assert_eq!(pace.rate, 25);
        pace.tick(seconds(70));
        assert_eq!(pace.rate, 25);
        pace.tick(seconds(71));
        assert_eq!(pace.rate, 35);
        pace.tick(seconds(71 + 600));
        assert_eq!(pace.rate, 100);
        for _ in 0..10 {
            pace.too_many(seconds(1000));
            pace.halved = None;
        }
        assert_eq!(pace.rate, 1, "never none");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_turn() {
        let mut calls = PacedCalls::new(10);
        let began = Instant::now();
        for _ in 0..31 {
            calls.turn().await;
        }
        let took = began.elapsed();
        assert!(seconds(3) < took && took < seconds(4), "{took:?}");
    }

    proptest! {
        #[test]
        fn no_second_has_more_requests_than_the_rate(
            max in 1u32..20, steps in prop::collection::vec((0u64..400, 0u8..20), 1..300),
        ) {
            let mut pace = RequestPace::new(max);
            let (mut now, mut left) = (0, Vec::<u64>::new());
            for (wait, what) in steps {
                now += wait;
                let at = Duration::from_millis(now);
                pace.tick(at);
                if what == 0 {
                    pace.too_many(at);
                }
                if pace.is_free(0) {
                    pace.leave(at);
                    left.push(now);
                } else {
                    let free = pace.free_at(at);
                    prop_assert!(free > at);
                    // Then it is free, unless the rate has changed.
                    let mut later = pace.clone();
                    later.tick(free);
                    prop_assert!(later.is_free(0));
                }
            }
            for (first, from) in left.iter().enumerate() {
                let within = left[first..].iter().take_while(|at| **at - from <= 1000).count();
                prop_assert!(within <= max as usize, "{within} within a second from {from}");
            }
        }
    }
}
