use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::BatchId;
use crate::object::Key;
use crate::unknown::{Part, Pointer};
use crate::wire::{PrivateText, UnknownFields};

/// `DELETE /messages`: cancels scheduled batches.
///
/// It works only before `send_after`. The answer is 200 even when nothing gets cancelled: poll the
/// status, or wait for the batch status callback.
///
/// ```
/// use sinch_batch_models::{BatchId, CancelBatchRequest};
///
/// let one = CancelBatchRequest::batch(BatchId::new("01KZ2D9R6AYBT8DN9B4MPA14Y8"));
/// let many = CancelBatchRequest::metadata("campaign_id", "autumn-2031");
/// assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"batch_id":"01KZ2D9R6AYBT8DN9B4MPA14Y8"}"#);
/// # let _ = many;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CancelBatchRequest {
    /// Which batches.
    pub which: CancelWhich,
    /// Fields that this release does not know; they are written back unchanged.
    pub unknown_fields: UnknownFields,
}

/// Which batches a request cancels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CancelWhich {
    /// One batch.
    Batch(BatchId),
    /// Every batch whose batch metadata has this value under this key. That the form exists is
    /// documented; its field names, `metadata_key` and `metadata_value`, are inferred.
    Metadata {
        /// The key.
        key: Box<str>,
        /// The value.
        value: PrivateText,
    },
}

impl CancelBatchRequest {
    /// Cancels one batch.
    pub fn batch(id: BatchId) -> Self {
        Self { which: CancelWhich::Batch(id), unknown_fields: UnknownFields::default() }
    }

    /// Cancels every batch whose batch metadata has this value under this key.
    pub fn metadata(key: impl Into<Box<str>>, value: impl Into<PrivateText>) -> Self {
        let which = CancelWhich::Metadata { key: key.into(), value: value.into() };
        Self { which, unknown_fields: UnknownFields::default() }
    }

    /// JSON pointers, from here, of the fields that this release does not know.
    pub fn unknown_fields(&self) -> Vec<String> {
        crate::unknown::unknown_fields(self)
    }
}

impl Part for CancelBatchRequest {
    fn walk(&self, at: &mut Pointer) {
        at.unknown_fields(&self.unknown_fields);
    }
}

impl Serialize for CancelBatchRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.which {
            CancelWhich::Batch(id) => map.serialize_entry("batch_id", id)?,
            CancelWhich::Metadata { key, value } => {
                map.serialize_entry("metadata_key", key)?;
                map.serialize_entry("metadata_value", value)?;
            }
        }
        self.unknown_fields.write(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for CancelBatchRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = CancelBatchRequest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `batch_id`, or with `metadata_key` and `metadata_value`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CancelBatchRequest, A::Error> {
                let (mut id, mut key, mut value) = (None, None, None);
                let mut unknown_fields = UnknownFields::default();
                while let Some(name) = map.next_key::<Key<'de>>()? {
                    match name.as_str() {
                        "batch_id" => id = map.next_value::<Option<BatchId>>()?,
                        "metadata_key" => key = map.next_value::<Option<Box<str>>>()?,
                        "metadata_value" => value = map.next_value::<Option<PrivateText>>()?,
                        _ => unknown_fields.read(name, &mut map)?,
                    }
                }
                let which = match (id, key, value) {
                    (Some(id), None, None) => CancelWhich::Batch(id),
                    (None, Some(key), Some(value)) => CancelWhich::Metadata { key, value },
                    (None, None, None) => {
                        return Err(A::Error::custom(
                            "missing field `batch_id`, or the fields `metadata_key` and `metadata_value`",
                        ));
                    }
                    (None, Some(_), None) => return Err(A::Error::missing_field("metadata_value")),
                    (None, None, Some(_)) => return Err(A::Error::missing_field("metadata_key")),
                    (Some(_), ..) => {
                        return Err(A::Error::custom(
                            "expected `batch_id`, or `metadata_key` and `metadata_value`, not both",
                        ));
                    }
                };
                Ok(CancelBatchRequest { which, unknown_fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
