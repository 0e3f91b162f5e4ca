//! The few entries of a callback's metadata that lead back to a message.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sinch_batch_models::BatchId;

use crate::key::{ROW_KEY, RowKey};

/// What one metadata text says about the place of a message.
///
/// The rest of the metadata is the caller's own and may be anything: an entry of an unexpected type
/// counts as absent and does not spoil its neighbours.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Marks {
    /// Our row key.
    pub(crate) row: Option<RowKey>,
    /// `_batch_id`, which the service adds, or `batchId` of the receipt for a failed validation.
    pub(crate) batch_id: Option<BatchId>,
    /// `messageIndex` of the receipt for a failed validation, counted from 0.
    pub(crate) index: Option<u32>,
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Marks;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of metadata")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Marks, A::Error> {
                let mut marks = Marks::default();
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        ROW_KEY => marks.row = map.next_value::<Scalar>()?.text().and_then(|text| text.parse().ok()),
                        "_batch_id" | "batchId" => {
                            if let Some(text) = map.next_value::<Scalar>()?.text().filter(|text| !text.is_empty()) {
                                marks.batch_id = Some(BatchId::new(text));
                            }
                        }
                        "messageIndex" => marks.index = map.next_value::<Scalar>()?.number(),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(marks)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A text, a whole number, or anything else.
enum Scalar {
    Text(Box<str>),
    Number(u64),
    Other,
}

impl Scalar {
    fn text(self) -> Option<Box<str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other => None,
        }
    }

    fn number(self) -> Option<u32> {
        match self {
            Self::Number(number) => number.try_into().ok(),
            Self::Text(text) => text.parse().ok(),
            Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                // Some encoders write whole numbers as 1.0.
                let whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
                Ok(if whole { Scalar::Number(number as u64) } else { Scalar::Other })
            }
            fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }
            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, row: Option<(&str, u64)>, batch_id: Option<&str>, index: Option<u32>) {
        let expected = Marks {
            row: row.map(|(campaign, row)| RowKey::new(campaign, row)),
            batch_id: batch_id.map(BatchId::new),
            index,
        };
        assert_eq!(serde_json::from_str::<Marks>(json).unwrap(), expected, "{json}");
    }

    #[test]
    fn marks_are_found_among_anything() {
        check("{}", None, None, None);
        check(r#"{"sinch_batch_row":"k.7","_batch_id":"B"}"#, Some(("k", 7)), Some("B"), None);
        check(r#"{"batchId":"B","messageIndex":0}"#, None, Some("B"), Some(0));
        check(r#"{"batchId":"B","messageIndex":"3"}"#, None, Some("B"), Some(3));
        check(r#"{"batchId":"B","messageIndex":2.0}"#, None, Some("B"), Some(2));
        check(r#"{"order":{"a":[1,{"b":null}]},"n":-1.5,"sinch_batch_row":"k.1"}"#, Some(("k", 1)), None, None);
    }

    #[test]
    fn entry_of_another_type_is_absent_and_spoils_nothing() {
        check(r#"{"sinch_batch_row":[1,[2]],"_batch_id":"B"}"#, None, Some("B"), None);
        check(r#"{"sinch_batch_row":"not ours","_batch_id":""}"#, None, None, None);
        check(r#"{"batchId":{"x":1},"messageIndex":-1,"sinch_batch_row":"k.2"}"#, Some(("k", 2)), None, None);
        check(r#"{"batchId":null,"messageIndex":true}"#, None, None, None);
        check(r#"{"messageIndex":1.5}"#, None, None, None);
        check(r#"{"messageIndex":4294967296}"#, None, None, None);
    }
}
