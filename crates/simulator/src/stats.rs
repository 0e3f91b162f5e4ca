//! What a simulator has seen and done, counted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};

/// What a simulator has seen and done so far; `GET /stats` on the control side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Requests by operation, and by answer: the HTTP status, or `dropped` or `hung`.
    pub requests: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Messages accepted, by where they stand.
    pub messages: MessageCounts,
    /// Callbacks.
    pub callbacks: CallbackCounts,
    /// Batches accepted.
    pub batches: u64,
}

/// Messages by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MessageCounts {
    /// Waiting in the queue or for their time; cancelled ones stay here.
    pub pending: u64,
    /// With the channel.
    pub queued: u64,
    /// On the device.
    pub delivered: u64,
    /// Seen by the person.
    pub read: u64,
    /// Will not arrive.
    pub failed: u64,
}

/// Callbacks by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallbackCounts {
    /// Sent over the wire, each attempt counted.
    pub sent: u64,
    /// Answered 2xx.
    pub acknowledged: u64,
    /// Answered so that they are not tried again: 3xx, and 4xx but 429.
    pub refused: u64,
    /// Attempts after which another was planned.
    pub retried: u64,
    /// Given up after the last attempt.
    pub given_up: u64,
    /// Not sent at all: lost by a fault; or one per message whose receipts are meant for an address
    /// outside of this machine.
    pub not_sent: u64,
}

/// Where a message stands, as the control side shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MessageStatus {
    /// Waiting in the queue or for its time.
    Pending,
    /// With the channel.
    Queued,
    /// On the device.
    Delivered,
    /// Seen by the person.
    Read,
    /// Will not arrive.
    Failed,
}

/// One message that was accepted; a line of `GET /messages` on the control side.
///
/// `Debug` shows neither whom it is for nor what it says.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SimulatedMessage {
    /// The batch it came in.
    pub batch_id: String,
    /// Its position in the request, from zero.
    pub index: u32,
    /// Whom it is for: the first identity, or the contact's id.
    pub identity: String,
    /// What the person sees: the text, or the message as compact JSON.
    pub text: String,
    /// Where it stands.
    pub status: MessageStatus,
    /// The channel of the first identity; empty for a contact.
    pub channel: &'static str,
    /// The app that sent it.
    pub app_id: String,
    /// The values of the placeholders.
    pub parameters: BTreeMap<String, String>,
    /// The message metadata as its receipts carry it.
    pub metadata: Map<String, Value>,
    /// `sinch_batch_key` of the batch metadata, which campaigns of this toolkit set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_key: Option<String>,
}

impl fmt::Debug for SimulatedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedMessage")
            .field("batch_id", &self.batch_id)
            .field("index", &self.index)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Messages by where they stand, kept as they move.
#[derive(Default)]
pub(crate) struct Tally([AtomicU64; 5]);

impl Tally {
    pub(crate) fn add(&self, status: MessageStatus, n: u64) {
        self.of(status).fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn moved(&self, from: MessageStatus, to: MessageStatus) {
        self.of(to).fetch_add(1, Ordering::Relaxed);
        self.of(from).fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> MessageCounts {
        let [pending, queued, delivered, read, failed] =
            MessageStatus::ALL.map(|status| self.of(status).load(Ordering::Relaxed));
        MessageCounts { pending, queued, delivered, read, failed }
    }

    fn of(&self, status: MessageStatus) -> &AtomicU64 {
        &self.0[status as usize]
    }
}

impl MessageStatus {
    pub(crate) const ALL: [Self; 5] = [Self::Pending, Self::Queued, Self::Delivered, Self::Read, Self::Failed];

    pub(crate) fn of(byte: u8) -> Self {
        Self::ALL.get(usize::from(byte)).copied().unwrap_or(Self::Pending)
    }
}

/// Counts that are kept as things happen.
#[derive(Default)]
pub(crate) struct Counters {
    requests: Mutex<BTreeMap<&'static str, BTreeMap<String, u64>>>,
    pub(crate) sent: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) given_up: AtomicU64,
    pub(crate) not_sent: AtomicU64,
}

impl Counters {
    pub(crate) fn request(&self, operation: &'static str, answer: impl Into<String>) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(operation).or_default().entry(answer.into()).or_default() += 1;
    }

    pub(crate) fn requests(&self) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for operation in ["token", "send_batch", "batch_status", "find_batches", "cancel_batch"] {
            requests.entry(operation).or_default();
        }
        requests
    }

    pub(crate) fn callbacks(&self) -> CallbackCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallbackCounts {
            sent: read(&self.sent),
            acknowledged: read(&self.acknowledged),
            refused: read(&self.refused),
            retried: read(&self.retried),
            given_up: read(&self.given_up),
            not_sent: read(&self.not_sent),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
