use std::fmt;
use std::ops::Deref;

use compact_str::CompactString;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Words or numbers that belong to a person: a message text, a phone number, a parameter value.
///
/// It reads like a `str`, but `Debug` shows only its length, so that no log shows it by accident. Up to
/// 24 bytes, as most numbers and names have, stand in the value itself.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrivateText(CompactString);

impl PrivateText {
    /// Takes a text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The bytes of the text.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Appends the bytes of the text.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }

    /// Whether it has more characters than that.
    pub(crate) fn is_longer_than(&self, characters: usize) -> bool {
        self.len() > characters && self.chars().nth(characters).is_some()
    }

    /// The text itself, given away.
    pub fn into_string(self) -> String {
        self.0.into_string()
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} characters]", self.chars().count())
    }
}

impl Deref for PrivateText {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for PrivateText {
    #[inline]
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for PrivateText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for PrivateText {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for PrivateText {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Serialize for PrivateText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for PrivateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Letters;
        impl Visitor<'_> for Letters {
            type Value = PrivateText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<PrivateText, E> {
                Ok(text.into())
            }
            fn visit_string<E>(self, text: String) -> Result<PrivateText, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(Letters)
    }
}

crate::unknown::leaf!(PrivateText);
