//! When a fetch is worth repeating. A token that nobody uses does no harm, so it always may be.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::{AuthError, AuthErrorKind};

/// The longest wait before the 2nd, 3rd and 4th try, as in Sinch's own SDKs.
const LONGEST: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// The longest `Retry-After` that is waited for in here; a longer one is the caller's to plan.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait after the failed try number `attempt` (counted from 1), or `None` to give up.
/// `jitter` is a random number from 0 to 1.
pub(crate) fn wait(error: &AuthError, attempt: usize, jitter: f64) -> Option<Duration> {
    let tries = match error.kind() {
        AuthErrorKind::RateLimited { .. } => LONGEST.len(),
        AuthErrorKind::Unreachable | AuthErrorKind::Server => 2,
        _ => 0,
    };
    let longest = LONGEST[..tries].get(attempt.checked_sub(1)?)?;
    match error.retry_after() {
        Some(asked) if asked > PATIENCE => None,
        Some(asked) => Some(asked + Duration::from_millis(250).mul_f64(jitter.clamp(0.0, 1.0))),
        None => Some(longest.mul_f64(jitter.clamp(0.0, 1.0))),
    }
}

/// A random number from 0 to 1, good enough to keep callers out of step.
pub(crate) fn jitter() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limited(retry_after: Option<Duration>) -> AuthError {
        AuthError::new(AuthErrorKind::RateLimited { retry_after })
    }

    #[test]
    fn a_refusal_is_final_and_the_rest_is_tried_a_few_times() {
        let tries = |kind: AuthErrorKind| {
            let error = AuthError::new(kind);
            (1..).take_while(|attempt| wait(&error, *attempt, 0.5).is_some()).count()
        };
        assert_eq!(tries(AuthErrorKind::Refused), 0);
        assert_eq!(tries(AuthErrorKind::InvalidResponse), 0);
        assert_eq!(tries(AuthErrorKind::InsecureUrl), 0);
        assert_eq!(tries(AuthErrorKind::Server), 2);
        assert_eq!(tries(AuthErrorKind::Unreachable), 2);
        assert_eq!(tries(AuthErrorKind::RateLimited { retry_after: None }), 3);
    }

    #[test]
    fn waits_are_random_from_nothing_to_their_longest() {
        for kind in
            [AuthErrorKind::RateLimited { retry_after: None }, AuthErrorKind::Server, AuthErrorKind::Unreachable]
        {
            let error = AuthError::new(kind);
            for (attempt, longest) in (1..).zip(LONGEST) {
                let Some(most) = wait(&error, attempt, 1.0) else { continue };
                assert_eq!(most, longest);
                assert_eq!(wait(&error, attempt, 0.0), Some(Duration::ZERO));
                assert_eq!(wait(&error, attempt, 0.25), Some(longest / 4));
            }
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_shorter_than_asked_or_longer_than_patience(
            attempt in 0usize..100,
            jitter in 0.0f64..=1.0,
            asked in proptest::option::of(0u64..10_000),
        ) {
            let asked = asked.map(Duration::from_secs);
            if let Some(wait) = wait(&limited(asked), attempt, jitter) {
                prop_assert!(wait <= PATIENCE + Duration::from_millis(250));
                prop_assert!(asked.is_none_or(|asked| wait >= asked));
            }
        }
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_moves() {
        let drawn: Vec<f64> = (0..64).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..=1.0).contains(drawn)));
        assert!(drawn.iter().any(|other| *other != drawn[0]));
    }
}
