//! What one callback says, and about which message or batch.

use sinch_batch_models::{
    BatchId, BatchState, BatchStatus, BatchStatusUpdate, Callback, CallbackKind, DeliveryReport, JsonText, Metadata,
    WireTime,
};

use crate::key::{BATCH_KEY, BatchKey, RowKey};
use crate::message::MessageState;
use crate::metadata::Marks;

/// What one callback says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// How one message fared.
    Message(MessageUpdate),
    /// How one batch fared.
    Batch(BatchUpdate),
}

impl From<MessageUpdate> for Observation {
    fn from(seen: MessageUpdate) -> Self {
        Self::Message(seen)
    }
}

impl From<BatchUpdate> for Observation {
    fn from(seen: BatchUpdate) -> Self {
        Self::Batch(seen)
    }
}

/// How one message was seen to fare.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageUpdate {
    /// Which message.
    pub message: MessageRef,
    /// Its batch, if the callback names it.
    pub batch_id: Option<BatchId>,
    /// How far it had got.
    pub state: MessageState,
}

impl MessageUpdate {
    /// A message seen in a state; the batch is the message's, if the message names one.
    pub fn new(message: MessageRef, state: MessageState) -> Self {
        let batch_id = match &message {
            MessageRef::Row(_) => None,
            MessageRef::Index { batch_id, .. } => Some(batch_id.clone()),
        };
        Self { message, batch_id, state }
    }

    /// Names the batch.
    #[must_use]
    pub fn with_batch_id(self, batch_id: BatchId) -> Self {
        Self { batch_id: Some(batch_id), ..self }
    }
}

/// Which message a receipt is about. Exhaustive: a ledger finds a message by each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MessageRef {
    /// The message carries our row key.
    Row(RowKey),
    /// The message is known by its position in the request.
    Index {
        /// The batch.
        batch_id: BatchId,
        /// The position among the batch's recipients, counted from 0.
        index: u32,
    },
}

/// How one batch was seen to fare.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchUpdate {
    /// The batch.
    pub batch_id: BatchId,
    /// Our key in its metadata, if it carries one.
    pub key: Option<BatchKey>,
    /// How far it had got.
    pub state: BatchState,
}

impl BatchUpdate {
    /// A batch seen in a state.
    pub fn new(batch_id: BatchId, state: BatchState) -> Self {
        Self { batch_id, key: None, state }
    }

    /// Names our key in the batch's metadata.
    #[must_use]
    pub fn with_key(self, key: BatchKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The update in a response about a batch's status; `None` if it lacks the batch id or the status.
    pub fn from_status(status: &BatchStatus) -> Option<Self> {
        let batch_id = status.batch_id.clone().filter(|id| !id.is_empty())?;
        Some(Self { batch_id, key: batch_key(status.meta_data.as_ref()), state: status.status.clone()? })
    }

    fn from_update(update: &BatchStatusUpdate) -> Option<Self> {
        let batch_id = update.batch_id.clone().filter(|id| !id.is_empty())?;
        let data = update.additional_data.as_ref().and_then(|data| data.message_batch_data.as_ref());
        let key = batch_key(data.and_then(|data| data.batch_metadata.as_ref()));
        Some(Self { batch_id, key, state: update.batch_status.as_ref()?.state() })
    }
}

/// Reads what a callback says about a message or a batch.
///
/// `None` if it is of another kind, or is a receipt that names neither a row of ours nor a position
/// in a batch: someone else's message.
///
/// The row key and the batch id are looked for in the report's own `metadata` first, then in the
/// callback's `message_metadata`. Where a receipt carries a row key and a position, the row key
/// counts.
pub fn observe(callback: &Callback) -> Option<Observation> {
    match &callback.kind {
        CallbackKind::MessageDelivery(report) => {
            let at = callback.event_time.as_ref().or(callback.accepted_time.as_ref()).and_then(WireTime::timestamp);
            message_seen(report, callback.message_metadata.as_ref())
                .map(|seen| Observation::Message(MessageUpdate { state: seen.state.with_time(at), ..seen }))
        }
        CallbackKind::BatchStatusUpdate(update) => BatchUpdate::from_update(update).map(Observation::Batch),
        _ => None,
    }
}

fn message_seen(report: &DeliveryReport, top: Option<&JsonText>) -> Option<MessageUpdate> {
    let read = |text: Option<&JsonText>| text.and_then(JsonText::read::<Marks>).unwrap_or_default();
    let own = read(report.metadata.as_ref());
    let top = read(top);
    let message = match (own.row.or(top.row), &top.batch_id, top.index) {
        (Some(row), ..) => MessageRef::Row(row),
        (None, Some(batch_id), Some(index)) => MessageRef::Index { batch_id: batch_id.clone(), index },
        _ => return None,
    };
    // A position counts within its own batch; a row's batch is the one the service added.
    let batch_id = match &message {
        MessageRef::Row(_) => own.batch_id.or(top.batch_id),
        MessageRef::Index { batch_id, .. } => Some(batch_id.clone()),
    };
    Some(MessageUpdate { message, batch_id, state: MessageState::from_report(report) })
}

fn batch_key(metadata: Option<&Metadata>) -> Option<BatchKey> {
    metadata?.get(BATCH_KEY)?.as_str()?.parse().ok()
}
