use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Any JSON, where the service publishes no type or leaves it to the caller.
///
/// It reads like a [`Value`], but `Debug` shows only its type.
#[derive(Clone, Default, PartialEq)]
pub struct AnyJson(Value);

impl AnyJson {
    /// The JSON, given away.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl Deref for AnyJson {
    type Target = Value;
    fn deref(&self) -> &Value {
        &self.0
    }
}

impl<T: Into<Value>> From<T> for AnyJson {
    fn from(value: T) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for AnyJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Value::Null => "[null]",
            Value::Bool(_) => "[boolean]",
            Value::Number(_) => "[number]",
            Value::String(_) => "[string]",
            Value::Array(_) => "[array]",
            Value::Object(_) => "[object]",
        })
    }
}

impl Serialize for AnyJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

crate::unknown::leaf!(AnyJson);
