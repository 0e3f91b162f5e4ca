//! What the ledger keeps of callbacks.

use serde::{Deserialize, Serialize};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{Callback, Timestamp};
use sinch_batch_tracking::{Observation, observe};

/// A callback, as far as the ledger is concerned: its kind, when it was received, and what it says about a
/// batch or a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedCallback {
    kind: &'static str,
    time: Timestamp,
    observation: Option<Observation>,
}

impl ReceivedCallback {
    /// The one name under which all kinds are counted that this release does not know.
    pub const UNKNOWN: &'static str = "UNKNOWN";

    /// Takes out of a callback what the ledger keeps.
    pub fn of(callback: &Callback, time: Timestamp) -> Self {
        Self { observation: observe(callback), ..Self::new(callback.trigger().as_ref(), time) }
    }

    /// A callback of that kind that says nothing about a batch or a message.
    ///
    /// A trigger that this release does not know counts as none: a sender must not be able to add
    /// kinds without end.
    pub fn new(trigger: Option<&Trigger>, time: Timestamp) -> Self {
        let known = trigger.and_then(|trigger| Trigger::KNOWN.iter().find(|known| **known == trigger.as_str()));
        // No time is so far away that it has no microsecond.
        let time = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
        Self { kind: known.copied().unwrap_or(Self::UNKNOWN), time, observation: None }
    }

    /// Adds what it says.
    #[must_use]
    pub fn with_observation(self, observation: impl Into<Observation>) -> Self {
        Self { observation: Some(observation.into()), ..self }
    }

    /// The trigger's name such as `MESSAGE_INBOUND`, or [`UNKNOWN`](Self::UNKNOWN).
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The time at which it was received, to the microsecond.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The update of a batch or a message that it carries, if any.
    pub fn observation(&self) -> Option<&Observation> {
        self.observation.as_ref()
    }
}

/// Number of callbacks of a kind. It names no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallbackCount {
    /// The trigger's name such as `MESSAGE_INBOUND`, or `UNKNOWN`.
    pub kind: String,
    /// How many, repeated ones among them.
    pub count: u64,
    /// When the earliest was received, to the microsecond.
    pub first: Timestamp,
    /// When the latest was received, to the microsecond.
    pub last: Timestamp,
}

impl CallbackCount {
    /// The first callback of a kind.
    pub fn first(callback: &ReceivedCallback) -> Self {
        Self { kind: callback.kind().to_owned(), count: 1, first: callback.time(), last: callback.time() }
    }

    /// Adds another callback of the kind: times may come in any order.
    pub fn add(&mut self, callback: &ReceivedCallback) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.min(callback.time());
        self.last = self.last.max(callback.time());
    }

    /// A count as it was kept.
    pub fn new(kind: impl Into<String>, count: u64, first: Timestamp, last: Timestamp) -> Self {
        Self { kind: kind.into(), count, first, last }
    }
}

/// What applying a callback, or what it says, changed. Exhaustive: a receiver counts each apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applied {
    /// Something new was learnt.
    Updated,
    /// Nothing new: a repeat, or less than was known.
    Duplicate,
    /// It is about a row, a batch or a campaign that is not in this ledger; nothing was kept.
    Unrelated,
    /// It names a batch that may become known; it is kept, and counts as soon as that batch is.
    Deferred,
}

/// How many receipts are kept for batches or campaigns that the ledger does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeferredCounts {
    /// By position, for a batch whose id may still become known.
    pub by_position: u64,
    /// With our key, for a campaign that this ledger does not know.
    pub by_key: u64,
    /// Of the latter, those that gave way to newer ones.
    pub dropped: u64,
}

impl DeferredCounts {
    /// These counts.
    pub fn new(by_position: u64, by_key: u64, dropped: u64) -> Self {
        Self { by_position, by_key, dropped }
    }
}

#[cfg(test)]
mod tests {
    use sinch_batch_models::wire;

    use super::*;

    #[track_caller]
    fn check(body: &str, kind: &str, says: bool) {
        let callback: Callback = wire::parse(body.as_bytes()).unwrap();
        let seen = ReceivedCallback::of(&callback, Timestamp::UNIX_EPOCH);
        assert_eq!((seen.kind(), seen.observation().is_some()), (kind, says), "{body}");
        assert!(!format!("{seen:?}").contains("1555"), "{seen:?}");
    }

    #[test]
    fn callback_gives_its_kind_and_its_updates() {
        let metadata = r#"{\"batchId\":\"A\",\"messageIndex\":3}"#;
        let receipt = format!(
            r#"{{"message_delivery_report":{{"status":"READ","channel_identity":{{"identity":"+15550100011"}}}},
                "message_metadata":"{metadata}"}}"#
        );
        check(&receipt, "MESSAGE_DELIVERY", true);
        check(r#"{"message_delivery_report":{"status":"READ"}}"#, "MESSAGE_DELIVERY", false);
        check(
            r#"{"batch_status_update_notification":{"batch_id":"A","batch_status":"BATCH_STATUS_PROCESSED"}}"#,
            "BATCH_STATUS_UPDATE",
            true,
        );
        check(r#"{"opt_out_notification":{"identity":"+15550100011"}}"#, "OPT_OUT", false);
        check(r#"{"sent_by_tomorrow":{"identity":"+15550100011"}}"#, "UNKNOWN", false);
        check("{}", "UNKNOWN", false);
    }
}
