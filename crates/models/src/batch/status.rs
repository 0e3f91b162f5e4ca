use std::fmt;
use std::ops::Deref;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::BatchId;
use crate::object::{from_value, object, rest};
use crate::open_enum::open_enum;
use crate::unknown::{Part, Pointer};
use crate::wire::{Metadata, UnknownFields, WireTime, push};

object! {
    /// The status of one batch. No field is marked required in the reference.
    #[derive(Default)]
    pub struct BatchStatus {
        /// The batch.
        pub batch_id: Option<BatchId>,
        /// The `batch_metadata` of the request; note the other spelling, `meta_data`.
        pub meta_data: Option<Metadata>,
        /// How far the batch has got.
        pub status: Option<BatchState>,
        /// When it was or will be sent.
        pub send_after: Option<WireTime>,
    }
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
/// which it is. It is written in the shape it was read in; one that was made here is an array. It
/// reads like a slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchStatuses(pub Vec<BatchStatus>, Shape);

/// The shape of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
enum Shape {
    #[default]
    Array,
    One,
    Wrapped(Box<str>, UnknownFields),
    /// `{}`.
    Nothing,
    /// `null`.
    Null,
}

impl From<Vec<BatchStatus>> for BatchStatuses {
    fn from(batches: Vec<BatchStatus>) -> Self {
        Self(batches, Shape::Array)
    }
}

impl Deref for BatchStatuses {
    type Target = [BatchStatus];
    fn deref(&self) -> &[BatchStatus] {
        &self.0
    }
}

impl IntoIterator for BatchStatuses {
    type Item = BatchStatus;
    type IntoIter = std::vec::IntoIter<BatchStatus>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl BatchStatuses {
    /// JSON pointers, from here, of the fields that this release does not know.
    pub fn unknown_fields(&self) -> Vec<String> {
        crate::unknown::unknown_fields(self)
    }
}

impl Part for BatchStatuses {
    fn walk(&self, at: &mut Pointer) {
        match (&self.1, self.0.as_slice()) {
            (Shape::Wrapped(name, unknown_fields), batches) => {
                at.enter(name, batches);
                at.unknown_fields(unknown_fields);
            }
            (Shape::One, [one]) => one.walk(at),
            (_, batches) => batches.walk(at),
        }
    }
}

impl Serialize for BatchStatuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (&self.1, self.0.as_slice()) {
            (Shape::One, [one]) => one.serialize(serializer),
            (Shape::Wrapped(name, unknown_fields), batches) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry(name, batches)?;
                unknown_fields.write(&mut map)?;
                map.end()
            }
            (Shape::Null, []) => serializer.serialize_none(),
            (Shape::Nothing, []) => serializer.serialize_map(Some(0))?.end(),
            (_, batches) => batches.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for BatchStatuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = BatchStatuses;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of batch statuses, one of them, or an object around an array")
            }
            fn visit_unit<E>(self) -> Result<BatchStatuses, E> {
                Ok(BatchStatuses(Vec::new(), Shape::Null))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<BatchStatuses, A::Error> {
                let mut batches = Vec::new();
                while let Some(batch) = seq.next_element()? {
                    batches.push(batch);
                }
                Ok(batches.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BatchStatuses, A::Error> {
                let mut all = rest(map)?;
                if all.is_empty() {
                    return Ok(BatchStatuses(Vec::new(), Shape::Nothing));
                }
                let wrapped = all.iter().find(|(name, value)| *name != "meta_data" && value.is_array());
                let Some((name, _)) = wrapped.filter(|_| !all.contains_key("batch_id")) else {
                    return from_value("", &Value::Object(all)).map(|one| BatchStatuses(vec![one], Shape::One));
                };
                let name = name.clone();
                let mut path = String::new();
                push(&mut path, &name);
                let batches = from_value(&path, &all.remove(&name).unwrap_or_default())?;
                let mut unknown_fields = UnknownFields::default();
                for (name, value) in all {
                    unknown_fields.insert(name, value);
                }
                Ok(BatchStatuses(batches, Shape::Wrapped(name.into(), unknown_fields)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_by_metadata_is_read_and_written_in_every_published_shape() {
        let one = r#"{"batch_id":"b","meta_data":{"k":"v"},"status":"READY"}"#;
        for (json, expected) in [
            (format!("[{one},{one}]"), 2),
            (one.to_owned(), 1),
            (format!(r#"{{"batches":[{one}]}}"#), 1),
            (format!(r#"{{"batches":[{one}],"next_page_token":"p"}}"#), 1),
            (r#"{"batches":[]}"#.to_owned(), 0),
            ("[]".to_owned(), 0),
            ("{}".to_owned(), 0),
            ("null".to_owned(), 0),
        ] {
            let read: BatchStatuses = serde_json::from_str(&json).unwrap();
            assert_eq!(read.0.len(), expected, "{json}");
            assert!(read.0.iter().all(|status| status.status == Some(BatchState::Ready)));
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        let error = crate::wire::parse::<BatchStatuses>(br#"{"batches":[{"status":1}]}"#).unwrap_err();
        assert_eq!(error.path(), "/batches/0/status");
    }
}
