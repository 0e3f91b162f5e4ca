//! One token for all tasks, renewed before it ends.
//!
//! ```text
//!             fetch ok                    SLACK before its end
//!   empty ───────────────▶ fresh ────────────────────────────▶ due ──── its end ──▶ over (as empty)
//!     ▲  ▲                   ▲ ▲                                │ │
//!     │  └── fetch failed:   │ └───────── renewal ok ───────────┘ └─ renewal failed, or took 10 s:
//!     │      all waiters     │                                       the old token for 5 s more, then
//!     │      get the error   └──── (paused: the old token) ◀──────── the next try
//!     └──── `expired` for the token that is kept
//! ```
//!
//! In `empty` every task waits for the one fetch; in `due` the first task renews and the others use the old token.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::source::{BoxFuture, FetchToken, IssuedToken, TokenSource};
use crate::{AccessToken, AuthError, AuthErrorKind};

/// A token is renewed when it has this long to live, or half of its lifetime if that is less.
pub const SLACK: Duration = Duration::from_secs(60);

/// The lifetime of a token whose issuer does not give one. If that is too long, the
/// service's 401 `expired` ends it.
pub const ASSUMED_LIFETIME: Duration = Duration::from_secs(300);

/// The longest that a token is kept, whatever its issuer says: one day.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// After a renewal has failed, the old token is used this long before the next try.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// The longest that a task waits for a renewal while the old token lives. A renewal that takes longer
/// counts as failed: the old token stays in use.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a kept token is good for. Exhaustive: each is another thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Use it.
    Fresh,
    /// Renew it; use it if that fails.
    Due,
    /// Do not use it any more.
    Over,
}

/// The freshness of a token that was asked for at `from` and lives until `until`.
///
/// A clock that was set back behind `from` makes it [`Freshness::Due`]: its age is unknown.
pub fn freshness(now: Timestamp, from: Timestamp, until: Timestamp) -> Freshness {
    if now >= until || from >= until {
        return Freshness::Over;
    }
    let slack = (until.duration_since(from) / 2).min(SignedDuration::from_secs(SLACK.as_secs().cast_signed()));
    if now < from || until.duration_since(now) <= slack { Freshness::Due } else { Freshness::Fresh }
}

/// When a token asked for at `from` ends.
fn ends(from: Timestamp, lifetime: Option<Duration>) -> Timestamp {
    let lifetime = lifetime.unwrap_or(ASSUMED_LIFETIME).min(LONGEST_LIFETIME);
    from.checked_add(lifetime).unwrap_or(Timestamp::MAX)
}

/// Keeps the token of a [`FetchToken`] such as [`ClientCredentials`](crate::ClientCredentials).
///
/// * Any number of tasks that wait share one fetch, and its error if it fails. If the task that
///   fetches is dropped, the next one in the queue takes over.
/// * A token is renewed by the first task that asks within [`SLACK`] of its end; meanwhile the
///   others go on with the old one, and so do all for a while if the renewal fails or takes more than
///   10 s.
/// * As long as the token is fresh, asking for it costs a short lock and no copy.
/// * There is no background task: nothing is fetched unless a caller asks, and nothing is left to
///   shut down.
///
/// Share it as `Arc<TokenCache<_>>` between clients of the same key.
pub struct TokenCache<F> {
    fetch: F,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Held while a token is fetched. `state` is only ever locked for a moment.
    flight: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    /// Number of finished fetches, by which waiters know that the last outcome is theirs.
    landed: u64,
    outcome: Option<Result<AccessToken, AuthError>>,
    paused_until: Option<Timestamp>,
}

struct Kept {
    token: AccessToken,
    from: Timestamp,
    until: Timestamp,
}

impl State {
    fn usable(&self, now: Timestamp) -> Option<(AccessToken, Freshness)> {
        let kept = self.kept.as_ref()?;
        match freshness(now, kept.from, kept.until) {
            Freshness::Over => None,
            // Within the pause, unless the clock was set back to before it began.
            Freshness::Due
                if self.paused_until.is_some_and(|until| now < until && until.duration_since(now) <= PAUSE) =>
            {
                Some((kept.token.clone(), Freshness::Fresh))
            }
            freshness => Some((kept.token.clone(), freshness)),
        }
    }
}

impl<F: FetchToken> TokenCache<F> {
    /// An empty cache in front of a source of new tokens. Nothing is fetched yet.
    pub fn new(fetch: F) -> Self {
        Self {
            fetch,
            clock: Box::new(Timestamp::now),
            flight: tokio::sync::Mutex::new(()),
            state: Mutex::new(State::default()),
        }
    }

    /// Reads the time from a closure instead of the system, such as a test's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The kept token, if nothing has to be done for it. This is the way of nearly every call: one
    /// short lock, no copy of the token.
    fn warm(&self) -> Option<AccessToken> {
        let now = (self.clock)();
        match self.state().usable(now)? {
            (token, Freshness::Fresh) => Some(token),
            _ => None,
        }
    }

    /// The token of a cache that has to fetch, to renew, or to wait for either.
    async fn cold(&self) -> Result<AccessToken, AuthError> {
        let (usable, seen) = {
            let state = self.state();
            (state.usable((self.clock)()), state.landed)
        };
        let lives = usable.is_some();
        let _flight = match usable {
            Some((token, Freshness::Fresh)) => return Ok(token),
            Some((token, _)) => match self.flight.try_lock() {
                Ok(flight) => flight,
                // Another task renews it already.
                Err(_) => return Ok(token),
            },
            None => self.flight.lock().await,
        };
        {
            let state = self.state();
            if state.landed != seen {
                if let Some((token, Freshness::Fresh)) = state.usable((self.clock)()) {
                    return Ok(token);
                }
                if let Some(outcome) = &state.outcome {
                    return outcome.clone();
                }
            }
        }
        let from = (self.clock)();
        let fetched = match lives {
            false => self.fetch.fetch().await,
            true => match tokio::time::timeout(PATIENCE, self.fetch.fetch()).await {
                Ok(fetched) => fetched,
                Err(late) => Err(AuthError::with_source(AuthErrorKind::Unreachable, late)),
            },
        };
        self.land(from, fetched)
    }

    /// Records how a fetch ended; returns what its waiters get.
    fn land(&self, from: Timestamp, fetched: Result<IssuedToken, AuthError>) -> Result<AccessToken, AuthError> {
        let now = (self.clock)();
        let mut state = self.state();
        state.landed = state.landed.wrapping_add(1);
        let outcome = match fetched {
            Ok(issued) => {
                state.paused_until = None;
                state.kept = Some(Kept { token: issued.token.clone(), from, until: ends(from, issued.lifetime) });
                Ok(issued.token)
            }
            Err(error) => match state.usable(now) {
                Some((token, _)) => {
                    state.paused_until = Some(now.checked_add(PAUSE).unwrap_or(Timestamp::MAX));
                    Ok(token)
                }
                None => Err(error),
            },
        };
        state.outcome = Some(outcome.clone());
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock, so a poisoned one holds nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: FetchToken> TokenSource for TokenCache<F> {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, AuthError>> {
        // The long way has a box of its own: the future that nearly every call gets stays small.
        Box::pin(async {
            match self.warm() {
                Some(token) => Ok(token),
                None => Box::pin(self.cold()).await,
            }
        })
    }

    fn expired(&self, token: &AccessToken) {
        let mut state = self.state();
        if state.kept.as_ref().is_some_and(|kept| kept.token.is_same(token)) {
            state.kept = None;
        }
        if matches!(&state.outcome, Some(Ok(last)) if last.is_same(token)) {
            state.outcome = None;
        }
    }
}

impl<F> fmt::Debug for TokenCache<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[track_caller]
    fn check(now: i64, from: i64, until: i64, expected: Freshness) {
        assert_eq!(freshness(at(now), at(from), at(until)), expected);
    }

    #[test]
    fn hour_is_fresh_until_its_last_minute() {
        check(0, 0, 3600, Freshness::Fresh);
        check(3539, 0, 3600, Freshness::Fresh);
        check(3540, 0, 3600, Freshness::Due);
        check(3599, 0, 3600, Freshness::Due);
        check(3600, 0, 3600, Freshness::Over);
    }

    #[test]
    fn short_life_is_fresh_for_half_of_it() {
        check(4, 0, 10, Freshness::Fresh);
        check(5, 0, 10, Freshness::Due);
        check(0, 0, 0, Freshness::Over);
    }

    #[test]
    fn clock_set_back_asks_for_a_renewal() {
        check(-1, 0, 3600, Freshness::Due);
    }

    proptest! {
        #[test]
        fn time_only_makes_a_token_older(
            from in 0i64..1_000_000, lifetime in 0i64..200_000, a in 0i64..300_000, b in 0i64..300_000,
        ) {
            let age = |freshness| match freshness { Freshness::Fresh => 0, Freshness::Due => 1, Freshness::Over => 2 };
            let judge = |offset| freshness(at(from + offset), at(from), at(from + lifetime));
            prop_assert!(age(judge(a.min(b))) <= age(judge(a.max(b))));
            // Whatever lives at all is fresh when new, and no token is used at or after its end.
            prop_assert_eq!(judge(0) == Freshness::Fresh, lifetime > 0);
            prop_assert_eq!(judge(lifetime), Freshness::Over);
            // Half of its life is never cut off.
            prop_assert!(lifetime < 2 || judge((lifetime - 1) / 2) == Freshness::Fresh);
        }

        #[test]
        fn any_lifetime_has_an_end(from in 0i64..253_000_000_000, lifetime in proptest::option::of(any::<u64>())) {
            let from = at(from);
            let until = ends(from, lifetime.map(Duration::from_secs));
            prop_assert!(until >= from);
            prop_assert!(until.duration_since(from).unsigned_abs() <= LONGEST_LIFETIME);
        }
    }
}
