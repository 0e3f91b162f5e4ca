//! Warnings for an operator: once per reason and minute, with a count.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Rejection;

/// How long a reason is not reported again.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Something that an operator should know of callbacks, in a sentence that holds nothing of them.
///
/// Each reason is reported when it first occurs, and then once a minute at most, with a count of what
/// arrived meanwhile: a forger who sends a million callbacks does not fill a log.
#[derive(Clone, Debug)]
pub struct Warning {
    notice: Notice,
    burst: Burst,
    now: Timestamp,
}

/// What is warned of.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    /// Not applied.
    Rejected(Rejection),
    /// Applied, though its nonce was used before with another body.
    Conflict,
    /// Answered 200, though nothing could be read of it.
    Unreadable,
}

/// How often something occurred since it was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burst {
    count: u64,
    since: Timestamp,
}

impl Warning {
    /// The reason in one word, as [`Rejection::code`] has it; or `conflict`, or `unreadable`.
    pub fn code(&self) -> &'static str {
        self.notice.code()
    }

    /// The number of callbacks.
    pub fn count(&self) -> u64 {
        self.burst.count
    }

    /// Advice on what to do about it, if there is any.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.notice {
            Notice::Rejected(rejection) => rejection.hint(),
            Notice::Conflict => Some("do two senders share a source of nonces, or has a secret leaked?"),
            Notice::Unreadable => Some("only its bytes are kept, by a sink that keeps them"),
        }
    }

    /// The sentence without the hint.
    pub fn sentence(&self) -> String {
        let Burst { count, .. } = self.burst;
        let noun = if count == 1 { "callback" } else { "callbacks" };
        let span = Span(self.burst, self.now);
        match &self.notice {
            Notice::Rejected(rejection) if rejection.status().is_server_error() => {
                format!("{count} {noun} to be sent again{span}: {}", rejection.reason())
            }
            Notice::Rejected(rejection) => format!("{count} {noun} refused{span}: {}", rejection.reason()),
            Notice::Conflict => {
                format!("{count} genuine {noun} applied{span} whose nonce was used before with another body")
            }
            Notice::Unreadable => format!("{count} genuine {noun} received{span} that cannot be read"),
        }
    }

    /// Writes it to the log.
    pub(crate) fn log(&self) {
        tracing::warn!(reason = self.code(), count = self.count(), "{self}");
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())?;
        self.hint().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl Notice {
    fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Conflict => "conflict",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Nothing for one; in the last minute, if that is so, else since when.
struct Span(Burst, Timestamp);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Burst { count, since }, now) = self;
        match count {
            1 => Ok(()),
            _ if now.duration_since(*since) < PAUSE * 2 => f.write_str(" in the last minute"),
            _ => write!(f, " since {}", Timestamp::from_second(since.as_second()).unwrap_or(*since)),
        }
    }
}

/// Which warnings are due.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<OncePerMinute>);

impl Warnings {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(OncePerMinute(BTreeMap::new())))
    }

    /// The warning, if it is time for one.
    pub(crate) fn due(&self, notice: Notice, now: Timestamp) -> Option<Warning> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let burst = reasons.note(notice.code(), now)?;
        Some(Warning { notice, burst, now })
    }
}

/// When each reason was reported, and how often it occurred since. The reasons are few and fixed.
#[derive(Debug, Default)]
struct OncePerMinute(BTreeMap<&'static str, Burst>);

impl OncePerMinute {
    /// Counts an occurrence; the warning, if it is time for one.
    fn note(&mut self, reason: &'static str, now: Timestamp) -> Option<Burst> {
        let Some(held) = self.0.get_mut(reason) else {
            self.0.insert(reason, Burst { count: 0, since: now });
            return Some(Burst { count: 1, since: now });
        };
        held.count = held.count.saturating_add(1);
        // A clock that was set back must not silence it.
        if held.since <= now && now.duration_since(held.since) < PAUSE {
            return None;
        }
        Some(std::mem::replace(held, Burst { count: 0, since: now }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SignatureError;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn warning_comes_once_per_reason_and_minute_with_a_count() {
        let mut reasons = OncePerMinute::default();
        assert_eq!(reasons.note("a", at(1000)), Some(Burst { count: 1, since: at(1000) }));
        assert_eq!(reasons.note("a", at(1000)), None);
        assert_eq!(reasons.note("b", at(1001)), Some(Burst { count: 1, since: at(1001) }), "another reason");
        assert_eq!(reasons.note("a", at(1059)), None);
        assert_eq!(reasons.note("a", at(1060)), Some(Burst { count: 3, since: at(1000) }));
        assert_eq!(reasons.note("a", at(1061)), None);
        assert_eq!(reasons.note("a", at(5000)), Some(Burst { count: 2, since: at(1060) }));
        assert_eq!(reasons.note("a", at(10)), Some(Burst { count: 1, since: at(5000) }), "the clock was set back");
    }

    #[test]
    fn warning_is_one_sentence_with_a_hint() {
        let say = |notice: Notice, count, since| {
            Warning { notice, burst: Burst { count, since: at(since) }, now: at(1000) }.to_string()
        };
        let rejected = |rejection: Rejection| Notice::Rejected(rejection);
        let mismatch = || rejected(SignatureError::Mismatch.into());
        for (said, expected) in [
            (
                say(mismatch(), 1, 1000),
                "1 callback refused: the signature does not match (check the webhook secret, and whether a \
                 proxy rewrites bodies)",
            ),
            (
                say(mismatch(), 3, 940),
                "3 callbacks refused in the last minute: the signature does not match (check the webhook secret, and whether a \
                 proxy rewrites bodies)",
            ),
            (
                say(rejected(Rejection::Future { by: std::time::Duration::from_secs(450) }), 2, 0),
                "2 callbacks to be sent again since 1970-01-01T00:00:00Z: the clock here is 7 min behind the \
                 service's (set it right)",
            ),
            (
                say(Notice::Unreadable, 1, 1000),
                "1 genuine callback received that cannot be read (only its bytes are kept, by a sink that keeps them)",
            ),
        ] {
            assert_eq!(said, expected);
        }
    }
}
