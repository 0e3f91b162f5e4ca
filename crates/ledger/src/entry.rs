//! What is recorded, and what is read back.

use serde::Serialize;
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, BatchState, Callback, Timestamp};
use sinch_batch_tracking::{Observation, Tally, observe};

use crate::rows::RowSpans;

/// Identifies a campaign within one ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CampaignId(i64);

impl CampaignId {
    /// Takes the number a ledger gave.
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A campaign to be created. Paths and settings are the caller's words; the ledger only keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewCampaign {
    /// What people call it; unique in the ledger.
    pub name: String,
    /// What the metadata on the wire calls it; unique everywhere, 32 hex digits.
    pub key: String,
    /// Path of the file of recipients.
    pub input: String,
    /// Tells whether that file is still the same.
    pub input_fingerprint: String,
    /// Path of the message.
    pub message: String,
    /// Tells whether the message is still the same.
    pub message_fingerprint: String,
    /// Rows in the input, skipped ones included.
    pub rows: u64,
    /// Rows that will not be sent because something is wrong with them.
    pub skipped: u64,
    /// The most rows a batch holds.
    pub batch_size: u32,
    /// The caller's settings, opaque to the ledger.
    pub settings: String,
    /// When it was created.
    pub created: Timestamp,
}

impl NewCampaign {
    /// A campaign of that many rows, none of them skipped, in batches of 1000.
    ///
    /// The other fields are empty; set those that are of use.
    pub fn new(name: impl Into<String>, key: impl Into<String>, rows: u64, created: Timestamp) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
            input: String::new(),
            input_fingerprint: String::new(),
            message: String::new(),
            message_fingerprint: String::new(),
            rows,
            skipped: 0,
            batch_size: 1000,
            settings: String::new(),
            created,
        }
    }

    pub(crate) fn with_id(self, id: CampaignId) -> Campaign {
        let Self {
            name,
            key,
            input,
            input_fingerprint,
            message,
            message_fingerprint,
            rows,
            skipped,
            batch_size,
            settings,
            created,
        } = self;
        Campaign {
            id,
            name,
            key,
            input,
            input_fingerprint,
            message,
            message_fingerprint,
            rows,
            skipped,
            batch_size,
            settings,
            created,
        }
    }
}

/// A campaign in the ledger. What it says never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Campaign {
    /// The ledger's number for it.
    pub id: CampaignId,
    /// What people call it; unique in the ledger.
    pub name: String,
    /// What the metadata on the wire calls it; unique everywhere, 32 hex digits.
    pub key: String,
    /// Path of the file of recipients.
    pub input: String,
    /// Tells whether that file is still the same.
    pub input_fingerprint: String,
    /// Path of the message.
    pub message: String,
    /// Tells whether the message is still the same.
    pub message_fingerprint: String,
    /// Rows in the input, skipped ones included.
    pub rows: u64,
    /// Rows that will not be sent because something is wrong with them.
    pub skipped: u64,
    /// The most rows a batch holds.
    pub batch_size: u32,
    /// The caller's settings, opaque to the ledger.
    pub settings: String,
    /// When it was created.
    pub created: Timestamp,
}

/// One fact about one batch of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The batch is about to be sent. Recorded before each call.
    ///
    /// New batches take the frontier's next number, and rows after its last row. The same number
    /// again is a further attempt at a batch that is unknown or refused, with the same rows;
    /// impossible once it is accepted.
    Intent {
        /// The batch, counted from 1.
        number: u32,
        /// The rows in it, in the order of the request.
        rows: RowSpans,
    },
    /// The service has the batch: its answer said so, or it was found there by its key.
    ///
    /// Also after a refusal: proof that people may have got the message outweighs it. The same again
    /// is fine; another batch id is impossible.
    Accepted {
        /// The batch.
        number: u32,
        /// What the service calls it.
        batch_id: BatchId,
    },
    /// The batch is surely not at the service: it was refused, or the call never left.
    ///
    /// Do not record it while an earlier attempt may still turn out to have been taken. Impossible
    /// once the batch is accepted.
    Refused {
        /// The batch.
        number: u32,
        /// Why; numbers are taken out of it before it is kept.
        why: String,
    },
}

impl Entry {
    /// The batch it is about.
    pub fn number(&self) -> u32 {
        match self {
            Self::Intent { number, .. } | Self::Accepted { number, .. } | Self::Refused { number, .. } => *number,
        }
    }
}

/// What is known of the outcome of sending a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchStage {
    /// The intent is written, the outcome is not. The service may have it.
    Unknown,
    /// The service has it.
    Accepted,
    /// The service does not have it; its rows count as planned.
    Refused,
}

/// What the ledger knows of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchRecord {
    /// The batch in its campaign, counted from 1.
    pub number: u32,
    /// The rows in it, in the order of the request.
    pub rows: RowSpans,
    /// What is known of the outcome.
    pub stage: BatchStage,
    /// How many times it was tried.
    pub attempts: u32,
    /// What the service calls it. An accepted batch has none if a receipt proved it without naming it.
    pub batch_id: Option<BatchId>,
    /// How far it has got, in the service's words.
    pub state: Option<BatchState>,
    /// When it was last tried.
    pub last_attempt: Timestamp,
    /// Why it was refused.
    pub why: Option<String>,
}

/// A callback, as far as the ledger is concerned: its kind, when it was heard, and what it says about a
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
    pub fn with_observation(self, observation: impl Into<Observation>) -> Self {
        Self { observation: Some(observation.into()), ..self }
    }

    /// The trigger's name such as `MESSAGE_INBOUND`, or [`UNKNOWN`](Self::UNKNOWN).
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// When it was heard, to the microsecond.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// What it says about a batch or a message.
    pub fn observation(&self) -> Option<&Observation> {
        self.observation.as_ref()
    }
}

/// How many callbacks of a kind were heard. It tells of nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallbackCount {
    /// The trigger's name such as `MESSAGE_INBOUND`, or `UNKNOWN`.
    pub kind: String,
    /// How many, those that came again among them.
    pub count: u64,
    /// When the earliest was heard, to the microsecond.
    pub first: Timestamp,
    /// When the latest was heard, to the microsecond.
    pub last: Timestamp,
}

/// What hearing of something changed.
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

/// Where a campaign stands. `rows = skipped + planned + accepted + unknown`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CampaignStatus {
    /// Rows in the input.
    pub rows: u64,
    /// Rows that will not be sent.
    pub skipped: u64,
    /// Rows still to be sent, rows of refused batches among them.
    pub planned: u64,
    /// Rows of accepted batches.
    pub accepted: u64,
    /// Rows of batches whose outcome is not known.
    pub unknown: u64,
    /// How many batches stand where.
    pub batches: BatchCounts,
    /// How many messages of accepted batches stand where; their total is `accepted`.
    pub messages: Tally,
}

/// How many batches of a campaign stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchCounts {
    /// Accepted.
    pub accepted: u64,
    /// Of unknown outcome.
    pub unknown: u64,
    /// Refused.
    pub refused: u64,
}

impl BatchCounts {
    /// All batches of which an intent was recorded.
    pub fn total(&self) -> u64 {
        self.accepted + self.unknown + self.refused
    }
}

/// Where the next new batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// The number of the next new batch; 1 at first.
    pub next_number: u32,
    /// The last row of all batches so far; 0 at first. New batches hold later rows.
    pub last_row: u64,
}

/// A message that will not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The row, counted from 1.
    pub row: u64,
    /// The line in the input at which the row begins, counted from 1.
    pub line: u64,
    /// The kind of cause; the service's word such as `BAD_REQUEST`.
    pub code: Option<String>,
    /// The service's sentence about the cause, with numbers taken out.
    pub description: Option<String>,
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
    fn the_kind_of_a_callback_and_what_it_says_are_taken_out() {
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
