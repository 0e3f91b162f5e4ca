//! Sums that are kept as receipts are applied, so that nothing is counted when it is asked for: failed
//! messages by reason, and what happened in which minute.

use sinch_batch_models::Timestamp;
use sinch_batch_models::callback::ReasonCode;
use sinch_batch_tracking::Progress;

/// The reason under which all others are summed: codes that this release does not know, and none.
pub const OTHER_REASON: &str = "OTHER";

/// How many messages of a campaign have failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReasonCount {
    /// The reason's code, such as `CHANNEL_REJECT`, or [`OTHER_REASON`].
    pub code: String,
    /// How many messages.
    pub count: u64,
}

impl ReasonCount {
    /// So many messages for a reason.
    pub fn new(code: impl Into<String>, count: u64) -> Self {
        Self { code: code.into(), count }
    }
}

/// How many messages of a campaign got to each state in one minute.
///
/// A receipt counts in the minute that it names, which is the service's; an acceptance in that of its
/// response. What comes more than three days after the batch was sent counts in the first minute of its
/// hour, and after thirty days in that of its day, so that a campaign has at most some thousand of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pulse {
    /// The minute, counted from 1970.
    pub minute: i64,
    /// Accepted with their batches.
    pub accepted: u64,
    /// Handed to a channel.
    pub queued: u64,
    /// Delivered.
    pub delivered: u64,
    /// Read.
    pub read: u64,
    /// Failed.
    pub failed: u64,
}

impl Pulse {
    /// Nothing in a minute.
    pub fn new(minute: i64) -> Self {
        Self { minute, ..Self::default() }
    }

    /// The beginning of the minute.
    pub fn from(&self) -> Timestamp {
        Timestamp::from_second(self.minute.saturating_mul(60)).unwrap_or_default()
    }

    /// Adds messages that got to a state.
    pub fn add(&mut self, progress: Progress, count: u64) {
        let sum = match progress {
            Progress::Accepted => &mut self.accepted,
            Progress::Queued => &mut self.queued,
            Progress::Failed => &mut self.failed,
            Progress::Delivered => &mut self.delivered,
            Progress::Read => &mut self.read,
            // A state newer than this crate.
            _ => return,
        };
        *sum = sum.saturating_add(count);
    }
}

/// The minute in which something counts that happened at a time, for a batch that was sent at another.
pub(crate) fn minute_of(at: Timestamp, sent: Option<Timestamp>) -> i64 {
    const DAY: i64 = 24 * 60;
    let minute = |time: Timestamp| time.as_second().div_euclid(60);
    let Some(sent) = sent else { return minute(at) };
    // Clocks differ: nothing happens to a message before it is sent.
    let at = minute(at).max(minute(sent));
    match at - minute(sent) {
        ..=4320 => at,
        4321..=43_200 => at.div_euclid(60) * 60,
        _ => at.div_euclid(DAY) * DAY,
    }
}

/// The minutes that begin from one time on and before another.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> (i64, i64) {
    let first_from = |time: Timestamp| {
        let (seconds, part) = (time.as_second(), time.subsec_nanosecond());
        seconds.div_euclid(60) + i64::from(seconds.rem_euclid(60) > 0 || part > 0)
    };
    (first_from(from), first_from(to))
}

/// The reason under which a failure counts.
pub(crate) fn reason_of(code: Option<&str>) -> &str {
    match code {
        Some(code) if !matches!(ReasonCode::from(code), ReasonCode::Unknown(_)) => code,
        _ => OTHER_REASON,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_fold_into_hours_and_days() {
        let at = |minute: i64| Timestamp::from_second(minute * 60 + 59).unwrap_or_default();
        let sent = 10 * 1440 + 7;
        for (later, expected) in [
            (-5, sent),
            (0, sent),
            (4320, sent + 4320),
            (4321, (sent + 4321) / 60 * 60),
            (43_200, (sent + 43_200) / 60 * 60),
            (43_201, (sent + 43_201) / 1440 * 1440),
        ] {
            assert_eq!(minute_of(at(sent + later), Some(at(sent))), expected, "{later}");
        }
        assert_eq!(minute_of(at(sent), None), sent);
    }

    #[test]
    fn reasons_are_few() {
        assert_eq!(reason_of(Some("RATE_LIMITED")), "RATE_LIMITED");
        for other in [None, Some(""), Some("A_NEW_ONE")] {
            assert_eq!(reason_of(other), OTHER_REASON);
        }
    }
}
