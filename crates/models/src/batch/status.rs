use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::BatchId;
use crate::open_enum::open_enum;
use crate::wire::{Extra, Metadata, Time};

/// The status of one batch. No field is marked required in the reference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchStatus {
    /// The batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The `batch_metadata` of the request; note the other spelling, `meta_data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<Metadata>,
    /// How far the batch has got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<BatchState>,
    /// When it was or will be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_after: Option<Time>,
    /// Fields that this release does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

open_enum! {
    /// How far a batch has got. Only the names are published; the meanings are inferred.
    pub enum BatchState {
        /// Accepted, waiting to be processed now.
        Ready = "READY",
        /// Waiting for `send_after`.
        Scheduled = "SCHEDULED",
        /// All messages were handed on; that does not mean delivered.
        Processed = "PROCESSED",
        /// Cancelled in time.
        Cancelled = "CANCELLED",
    }
}

/// The answer of "status by metadata": every batch with that key and value.
///
/// Reads a bare array, one object, or an object that wraps an array: the published pages leave open
/// which it is. An array is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct BatchStatuses(pub Vec<BatchStatus>);

impl<'de> Deserialize<'de> for BatchStatuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = BatchStatuses;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of batch statuses, one of them, or an object around an array")
            }
            fn visit_unit<E>(self) -> Result<BatchStatuses, E> {
                Ok(BatchStatuses::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<BatchStatuses, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(BatchStatuses)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BatchStatuses, A::Error> {
                let map = serde_json::Map::deserialize(MapAccessDeserializer::new(map))?;
                if map.is_empty() {
                    return Ok(BatchStatuses::default());
                }
                let wrapped = map.iter().find(|(name, value)| *name != "meta_data" && value.is_array());
                let read = match wrapped {
                    Some((_, array)) if !map.contains_key("batch_id") => Vec::deserialize(array).map(BatchStatuses),
                    _ => BatchStatus::deserialize(Value::Object(map)).map(|one| BatchStatuses(vec![one])),
                };
                read.map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_by_metadata_is_read_in_every_published_shape() {
        let one = r#"{"batch_id":"b","meta_data":{"k":"v"},"status":"READY"}"#;
        for (json, expected) in [
            (format!("[{one},{one}]"), 2),
            (one.to_owned(), 1),
            (format!(r#"{{"batches":[{one}]}}"#), 1),
            (r#"{"batches":[]}"#.to_owned(), 0),
            ("[]".to_owned(), 0),
            ("{}".to_owned(), 0),
            ("null".to_owned(), 0),
        ] {
            let read: BatchStatuses = serde_json::from_str(&json).unwrap();
            assert_eq!(read.0.len(), expected, "{json}");
            assert!(read.0.iter().all(|status| status.status == Some(BatchState::Ready)));
        }
    }
}
