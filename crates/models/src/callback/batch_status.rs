use serde::{Deserialize, Serialize};

use crate::batch::BatchState;
use crate::wire::{Extra, Metadata, Time};
use crate::{BatchId, UnknownName};

/// `batch_status_update_notification`: how a batch fared. Order and number are not promised.
///
/// Source: a script in Sinch's own repository; the trigger is missing from the published schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchStatusUpdate {
    /// The batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// How far it has got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_status: Option<BatchUpdateStatus>,
    /// What was in it; `BATCH_TYPE_MESSAGES` is the one known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_type: Option<Box<str>>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_data: Option<BatchAdditionalData>,
    /// Fields that this release does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a batch status update adds, by type of batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchAdditionalData {
    /// About a batch of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_batch_data: Option<MessageBatchData>,
    /// Fields that this release does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a batch status update adds about a batch of messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MessageBatchData {
    /// When it was or will be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_after: Option<Time>,
    /// The batch metadata of the request, as an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_metadata: Option<Metadata>,
    /// Fields that this release does not know.
    #[serde(flatten)]
    pub extra: Extra,
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
