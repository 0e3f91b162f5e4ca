//! What becomes of a message.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::hash;

/// What becomes of a message, once it has left the queue and was handed to the channel.
///
/// By default it follows from the seed, the percentages and the recipient:
///
/// ```
/// use sinch_batch_simulator::MessageOutcome;
///
/// let one = MessageOutcome::of(7, "+15550100001", 1.0, 30.0);
/// assert_eq!(one, MessageOutcome::of(7, "+15550100001", 1.0, 30.0));
/// assert!(matches!(MessageOutcome::of(7, "+15550100001", 100.0, 30.0), MessageOutcome::Failed { .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum MessageOutcome {
    /// `QUEUED_ON_CHANNEL`, and no further receipt.
    Queued,
    /// Then `DELIVERED`.
    Delivered,
    /// Then `DELIVERED`, then `READ`.
    DeliveredThenRead,
    /// Then `READ` at once.
    Read,
    /// Then `FAILED`.
    Failed {
        /// The reason's code, such as `CHANNEL_REJECT`.
        code: String,
    },
}

/// What becomes of one message after the other to a recipient; the last outcome stays.
#[derive(Clone, Debug)]
pub(crate) struct Outcomes {
    list: Vec<MessageOutcome>,
    next: usize,
}

impl Outcomes {
    /// These, in order; `None` if there are none.
    pub(crate) fn new(list: Vec<MessageOutcome>) -> Option<Self> {
        (!list.is_empty()).then_some(Self { list, next: 0 })
    }

    /// What will become of the next message.
    pub(crate) fn peek(&self) -> Option<&MessageOutcome> {
        self.list.get(self.next).or(self.list.last())
    }

    /// What becomes of the next message.
    pub(crate) fn next(&mut self) -> Option<MessageOutcome> {
        let outcome = self.peek().cloned();
        self.next = self.next.saturating_add(1);
        outcome
    }
}

impl From<MessageOutcome> for Outcomes {
    fn from(outcome: MessageOutcome) -> Self {
        Self { list: vec![outcome], next: 0 }
    }
}

/// Why messages fail on the channel, and what the channel says.
const FAILURES: [(&str, &str); 6] = [
    ("RECIPIENT_NOT_REACHABLE", "The underlying channel reported: the recipient cannot be reached"),
    ("CHANNEL_REJECT", "The underlying channel reported: the message was refused"),
    ("DELIVERY_TIMED_OUT", "The underlying channel reported: not delivered in time"),
    ("RECIPIENT_NOT_OPTED_IN", "The underlying channel reported: the recipient has not opted in"),
    ("OUTSIDE_ALLOWED_SENDING_WINDOW", "The underlying channel reported: the customer care window is closed"),
    ("CHANNEL_FAILURE", "The underlying channel reported: a fault of its own"),
];

impl MessageOutcome {
    /// The outcome of the message to this recipient: always the same for the same arguments.
    pub fn of(seed: u64, identity: &str, fail_percent: f64, read_percent: f64) -> Self {
        let draw = hash(seed, identity);
        // Two draws of one in 2^20 and a few bits more, from one number.
        let share = |bits: u64| (bits & 0xF_FFFF) as f64 * 100.0 / f64::from(1 << 20);
        if share(draw) < fail_percent {
            let (code, _) = FAILURES[(draw >> 50) as usize % FAILURES.len()];
            return Self::Failed { code: code.to_owned() };
        }
        if share(draw >> 20) >= read_percent {
            Self::Delivered
        } else if draw >> 63 == 0 {
            Self::Read
        } else {
            Self::DeliveredThenRead
        }
    }
}

/// Why a text is not an outcome, and what would be one.
#[derive(Debug, thiserror::Error)]
#[error("expected queued, delivered, delivered_then_read, read, or failed:CODE such as failed:CHANNEL_REJECT")]
pub struct MessageOutcomeError;

/// Reads `queued`, `delivered`, `delivered_then_read`, `read` or `failed:CODE`.
impl FromStr for MessageOutcome {
    type Err = MessageOutcomeError;

    fn from_str(text: &str) -> Result<Self, MessageOutcomeError> {
        Ok(match text {
            "queued" => Self::Queued,
            "delivered" => Self::Delivered,
            "delivered_then_read" => Self::DeliveredThenRead,
            "read" => Self::Read,
            _ => match text.strip_prefix("failed:").filter(|code| !code.is_empty()) {
                Some(code) => Self::Failed { code: code.to_owned() },
                None => return Err(MessageOutcomeError),
            },
        })
    }
}

/// What the channel says with a reason's code.
pub(crate) fn description(code: &str) -> &'static str {
    let known = FAILURES.iter().find(|(have, _)| *have == code);
    known.map_or("The underlying channel reported: failed", |(_, description)| description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_of_a_recipient_come_one_a_message_and_the_last_stays() {
        let mut outcomes = Outcomes::new(vec![MessageOutcome::Queued, MessageOutcome::Read]).unwrap();
        let drawn: Vec<_> = (0..3).filter_map(|_| outcomes.next()).collect();
        assert_eq!(drawn, [MessageOutcome::Queued, MessageOutcome::Read, MessageOutcome::Read]);
        assert!(Outcomes::new(Vec::new()).is_none());
    }

    #[test]
    fn percentages_come_out() {
        let (mut failed, mut read) = (0, 0);
        for number in 0..100_000 {
            match MessageOutcome::of(3, &format!("+1555{number:07}"), 1.0, 30.0) {
                MessageOutcome::Failed { .. } => failed += 1,
                MessageOutcome::Read | MessageOutcome::DeliveredThenRead => read += 1,
                _ => {}
            }
        }
        assert!((900..1100).contains(&failed), "{failed}");
        assert!((29_000..30_400).contains(&read), "{read}");
    }

    #[test]
    fn outcomes_are_read_from_a_word() {
        let read = |text: &str| text.parse::<MessageOutcome>().ok();
        assert_eq!(read("delivered_then_read"), Some(MessageOutcome::DeliveredThenRead));
        assert_eq!(read("failed:CHANNEL_REJECT"), Some(MessageOutcome::Failed { code: "CHANNEL_REJECT".to_owned() }));
        for bad in ["", "failed", "failed:", "Read", "read:now"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn another_seed_fails_others() {
        let failing = |seed| -> Vec<u32> {
            let fails =
                |n: &u32| matches!(MessageOutcome::of(seed, &n.to_string(), 10.0, 0.0), MessageOutcome::Failed { .. });
            (0..1000).filter(fails).collect()
        };
        assert_eq!(failing(1), failing(1));
        assert_ne!(failing(1), failing(2));
    }
}
