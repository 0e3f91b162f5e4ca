//! When a fetch is worth repeating. An unused token does no harm, so it always may be.

use std::time::Duration;

use crate::backoff::{self, Backoff};
use crate::{AuthError, AuthErrorKind};

/// Up to 1, 4 and 16 s before the 2nd, 3rd and 4th try, as in Sinch's own SDKs.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), factor: 4, max: Duration::from_secs(16) };

/// The longest `Retry-After` that is waited for in here; a longer one is the caller's to plan.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait after the failed try number `attempt` (counted from 1), or `None` to give up.
/// `jitter` is a random number from 0 to 1.
pub(crate) fn wait(error: &AuthError, attempt: u32, jitter: f64) -> Option<Duration> {
    let repeats = match error.kind() {
        AuthErrorKind::RateLimited { .. } => 3,
        AuthErrorKind::Unreachable | AuthErrorKind::Server => 2,
        _ => 0,
    };
    if attempt > repeats {
        return None;
    }
    match error.retry_after() {
        Some(asked) if asked > PATIENCE => None,
        Some(asked) => Some(backoff::after_asked(asked, jitter)),
        None => Some(BACKOFF.wait(attempt, jitter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limited(retry_after: Option<Duration>) -> AuthError {
        AuthError::new(AuthErrorKind::RateLimited { retry_after })
    }

    #[test]
    fn retry_never_repeats_a_refusal_and_the_rest_a_few_times() {
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
    fn retry_waits_a_random_time_up_to_its_longest() {
        for kind in
            [AuthErrorKind::RateLimited { retry_after: None }, AuthErrorKind::Server, AuthErrorKind::Unreachable]
        {
            let error = AuthError::new(kind);
            for (attempt, longest) in (1..).zip([1, 4, 16].map(Duration::from_secs)) {
                let Some(most) = wait(&error, attempt, 1.0) else { continue };
                assert_eq!(most, longest);
                assert_eq!(wait(&error, attempt, 0.0), Some(Duration::ZERO));
                assert_eq!(wait(&error, attempt, 0.25), Some(longest / 4));
            }
        }
    }

    proptest! {
        #[test]
        fn retry_waits_no_less_than_asked_and_no_longer_than_its_patience(
            attempt in 1u32..100,
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
}
