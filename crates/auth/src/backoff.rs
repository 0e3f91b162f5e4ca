//! How long to wait before a repeat: a random time up to a limit that grows, or what the service asked for.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A growing random wait ("full jitter"): all that failed together come back apart.
///
/// ```
/// use std::time::Duration;
/// use sinch_batch_auth::backoff::Backoff;
///
/// let backoff = Backoff { first: Duration::from_secs(1), factor: 2, max: Duration::from_secs(30) };
/// assert_eq!(backoff.wait(1, 1.0), Duration::from_secs(1));
/// assert_eq!(backoff.wait(3, 1.0), Duration::from_secs(4));
/// assert_eq!(backoff.wait(3, 0.5), Duration::from_secs(2));
/// assert_eq!(backoff.wait(99, 1.0), Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// By how much the longest wait grows with each failure.
    pub factor: u32,
    /// The longest wait of all.
    pub max: Duration,
}

impl Backoff {
    /// The wait after failure number `attempt`, counted from 1. `jitter` is a random number from 0 to 1, such as
    /// that of [`jitter`].
    pub fn wait(&self, attempt: u32, jitter: f64) -> Duration {
        let growth = self.factor.saturating_pow(attempt.saturating_sub(1));
        self.first.saturating_mul(growth).min(self.max).mul_f64(unit(jitter))
    }
}

/// The wait that a service asked for and up to a quarter of a second more, so that all who were asked the same do
/// not come back together.
pub fn after_asked(asked: Duration, jitter: f64) -> Duration {
    asked.saturating_add(Duration::from_millis(250).mul_f64(unit(jitter)))
}

/// A random number from 0 to 1, good enough to keep callers out of step and for nothing else.
pub fn jitter() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

fn unit(jitter: f64) -> f64 {
    if jitter.is_nan() { 0.5 } else { jitter.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn backoff_grows_with_attempts_and_jitter_up_to_its_max(
            first in 0u64..100_000, factor in 0u32..10, max in 0u64..1_000_000, attempt in 1u32..200, jitter in any::<f64>(),
        ) {
            let backoff = Backoff { first: Duration::from_millis(first), factor, max: Duration::from_millis(max) };
            let wait = backoff.wait(attempt, jitter);
            prop_assert!(wait <= backoff.max);
            prop_assert!(wait <= backoff.wait(attempt, 1.0));
            prop_assert!(factor == 0 || backoff.wait(attempt, 1.0) <= backoff.wait(attempt + 1, 1.0));
            prop_assert_eq!(backoff.wait(attempt, 0.0), Duration::ZERO);
        }

        #[test]
        fn after_asked_is_never_shorter_than_asked(asked in any::<u64>(), jitter in any::<f64>()) {
            let asked = Duration::from_millis(asked);
            let wait = after_asked(asked, jitter);
            prop_assert!(asked <= wait && wait <= asked + Duration::from_millis(250));
        }
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_moves() {
        let drawn: Vec<f64> = (0..64).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..=1.0).contains(drawn)));
        assert!(drawn.iter().any(|other| *other != drawn[0]));
    }
}
