use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A JSON number, kept as written: `18` stays `18` and `18.0` stays `18.0`.
///
/// It is never infinite and always a number, as JSON wants it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(serde_json::Number);

/// JSON has no infinite numbers, and no "not a number".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a finite number")]
pub struct NotFinite;

impl Number {
    /// The number; a very large integer is rounded.
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or_default()
    }

    /// The number, if it is an integer of that size.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.as_i64()
    }
}

impl TryFrom<f64> for Number {
    type Error = NotFinite;

    fn try_from(number: f64) -> Result<Self, NotFinite> {
        serde_json::Number::from_f64(number).map(Self).ok_or(NotFinite)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<i32> for Number {
    fn from(number: i32) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number.into()))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Number, E> {
                Number::try_from(number).map_err(E::custom)
            }
        }
        // Asked for a number, the reader refuses anything else before it goes into it: the place is right.
        deserializer.deserialize_f64(Any)
    }
}

crate::unknown::leaf!(Number);
