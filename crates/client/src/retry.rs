//! When a call is repeated.

use std::time::Duration;

use sinch_batch_auth::backoff::{self, Backoff};

use crate::{Error, ErrorKind, Idempotency, Reached};

/// When a call is repeated, and after which wait.
///
/// * A *send* and a *creation of contacts* are repeated only after a failure that definitely did not reach
///   the service and may pass: no connection, or an answer 429.
/// * Any *other* call is repeated also after a timeout, a broken connection, an answer 408 or 5xx.
/// * Nothing is repeated after any other 4xx, an answer that cannot be read, a time to leave that was
///   over, or a token that could not be had: its source has tried by itself.
///
/// Apart from this policy, an answer 401 that says the token has *expired* is answered with a new
/// token, once; nothing was accepted then.
///
/// The wait is what `Retry-After` says and up to a quarter of a second more, else a random time from
/// nothing to a limit that doubles with each attempt. If the service asks for more than
/// [`max_wait`](Self::with_max_wait), or the call would be over before the wait, it fails at once and
/// [`Error::retry_after`] is how long to pause.
///
/// All clones of a client share a budget: five calls pay for one repeat, and ten repeats are there from
/// the start. So a storm of failures costs at most 1.2 times as many requests as there were calls, and
/// ten more; a call that finds the budget empty hands its error on at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    first_wait: Duration,
    max_wait: Duration,
}

/// What to do after a failure. Exhaustive: there is no third way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Return the error to the caller.
    GiveUp,
    /// Wait this long and repeat.
    Wait(Duration),
}

impl Default for RetryPolicy {
    /// At most 4 attempts; up to half a second before the second, never more than 30 s between two.
    fn default() -> Self {
        Self { max_attempts: 4, first_wait: Duration::from_millis(500), max_wait: Duration::from_secs(30) }
    }
}

impl RetryPolicy {
    /// Repeats nothing: for callers that keep the pace themselves.
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Sets how often a call is made in all; 0 is as good as 1.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the longest wait before the second attempt; it doubles from there.
    #[must_use]
    pub fn with_first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// Sets the longest wait between two attempts.
    #[must_use]
    pub fn with_max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Decides what to do after the failure of attempt number `attempt`, counted from 1. `jitter`
    /// is a random number from 0 to 1.
    pub fn decide(&self, class: Idempotency, error: &Error, attempt: u32, jitter: f64) -> Decision {
        let safe = class == Idempotency::Safe || error.reached_service() == Reached::No;
        let for_nothing = matches!(error.kind(), ErrorKind::Auth(_) | ErrorKind::TooLate);
        if !safe || for_nothing || attempt >= self.max_attempts || !error.is_transient() {
            return Decision::GiveUp;
        }
        match error.retry_after() {
            Some(asked) if asked > self.max_wait => Decision::GiveUp,
            Some(asked) => Decision::Wait(backoff::after_asked(asked, jitter).min(self.max_wait)),
            None => {
                let backoff = Backoff { first: self.first_wait, factor: 2, max: self.max_wait };
                Decision::Wait(backoff.wait(attempt, jitter))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;
    use crate::error::tests::any_error;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn send_that_may_have_arrived_is_never_repeated(
            error in any_error(Operation::SendBatch), attempt in any::<u32>(), jitter in any::<f64>(),
        ) {
            let policy = RetryPolicy::default().with_max_attempts(u32::MAX);
            if error.reached_service() == Reached::Unknown {
                prop_assert_eq!(policy.decide(Idempotency::SendsMessages, &error, attempt, jitter), Decision::GiveUp);
            }
        }

        #[test]
        fn attempts_and_waits_are_bounded(
            error in any_error(Operation::BatchStatus),
            max_attempts in 0u32..10,
            first_wait in 0u64..100_000,
            max_wait in 0u64..100_000,
            jitter in any::<f64>(),
        ) {
            let max_wait = Duration::from_millis(max_wait);
            let policy = RetryPolicy::default()
                .with_max_attempts(max_attempts)
                .with_first_wait(Duration::from_millis(first_wait))
                .with_max_wait(max_wait);
            for attempt in 1..20 {
                match policy.decide(Idempotency::Safe, &error, attempt, jitter) {
                    Decision::GiveUp => {}
                    Decision::Wait(wait) => {
                        prop_assert!(attempt < max_attempts);
                        prop_assert!(wait <= max_wait);
                        prop_assert!(error.is_transient());
                        prop_assert!(error.retry_after().is_none_or(|asked| wait >= asked));
                    }
                }
            }
        }
    }
}
