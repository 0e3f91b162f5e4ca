use serde::{Deserialize, Serialize};

use crate::batch::BatchState;
use crate::object::object;
use crate::wire::{Metadata, WireTime};
use crate::{BatchId, UnknownName};

object! {
    /// `batch_status_update_notification`: how a batch fared. Order and number are not promised.
    ///
    /// Source: a script in Sinch's own repository; the trigger is missing from the published schema.
    #[derive(Default)]
    pub struct BatchStatusUpdate {
        /// The batch.
        pub batch_id: Option<BatchId>,
        /// How far it has got.
        pub batch_status: Option<BatchUpdateStatus>,
        /// What was in it; `BATCH_TYPE_MESSAGES` is the one known.
        pub batch_type: Option<Box<str>>,
        /// More about it.
        pub additional_data: Option<BatchAdditionalData>,
    }
}

object! {
    /// What a batch status update adds, by type of batch.
    #[derive(Default)]
    pub struct BatchAdditionalData {
        /// About a batch of messages.
        pub message_batch_data: Option<MessageBatchData>,
    }
}

object! {
    /// What a batch status update adds about a batch of messages.
    #[derive(Default)]
    pub struct MessageBatchData {
        /// When it was or will be sent.
        pub send_after: Option<WireTime>,
        /// The batch metadata of the request, as an object.
        pub batch_metadata: Option<Metadata>,
    }
}

/// The status in a batch status update: a [`BatchState`] written with the prefix `BATCH_STATUS_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchUpdateStatus(UnknownName);

impl BatchUpdateStatus {
    /// The status, compared after stripping the prefix, as the REST answers spell it.
    pub fn state(&self) -> BatchState {
        BatchState::from(self.0.as_str().strip_prefix("BATCH_STATUS_").unwrap_or(self.0.as_str()))
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<&str> for BatchUpdateStatus {
    fn from(text: &str) -> Self {
        Self(UnknownName::new(text))
    }
}

impl Serialize for BatchUpdateStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for BatchUpdateStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::wire::from_str(deserializer, "a batch status", |text| Self::from(text))
    }
}

crate::unknown::leaf!(BatchUpdateStatus);
