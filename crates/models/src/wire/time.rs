use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant on the wire, or the text that stood where one was expected.
///
/// The service writes RFC 3339 in UTC with 0 to 9 fraction digits; a missing zone is read as UTC,
/// as Sinch's Node SDK does. Anything else (an empty string, a `${placeholder}` inside a message)
/// is kept as it came.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Time(Inner);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Inner {
    At(Timestamp),
    Text(Box<str>),
}

impl Time {
    /// The instant, if the text was one.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match &self.0 {
            Inner::At(at) => Some(*at),
            Inner::Text(_) => None,
        }
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(Inner::At(at))
    }
}

impl From<&str> for Time {
    fn from(text: &str) -> Self {
        let read = text
            .parse::<Timestamp>()
            .or_else(|error| if text.is_empty() { Err(error) } else { format!("{text}Z").parse() });
        match read {
            Ok(at) => Self(Inner::At(at)),
            Err(_) => Self(Inner::Text(text.into())),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::At(at) => at.fmt(f),
            Inner::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::At(at) => write!(f, "{at}"),
            Inner::Text(text) => write!(f, "[{} characters]", text.chars().count()),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::from_str(deserializer, "a time such as 2031-09-14T10:05:00Z", |text| Self::from(text))
    }
}
