use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// JSON text inside a string, as callbacks carry metadata; often empty, sometimes not JSON at all.
///
/// The raw text is kept, so it is written back unchanged. `Debug` shows only its length.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct JsonText(Box<str>);

impl JsonText {
    /// Takes a text as it is.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The raw text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the secret is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the text as JSON of the asked shape; `None` if it is not that.
    ///
    /// Half of a surrogate pair is read as U+FFFD: what else the text says is not lost for it.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        if self.0.is_empty() {
            return None;
        }
        serde_json::from_str(&self.0).or_else(|_| serde_json::from_str(&super::without_lone_surrogates(&self.0))).ok()
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} characters]", self.0.chars().count())
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::from_str(deserializer, "JSON text inside a string", |text| Self(text.into()))
    }
}

crate::unknown::leaf!(JsonText);
