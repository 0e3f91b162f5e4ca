use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant on the wire, or the text that stood where one was expected.
///
/// The service writes RFC 3339 in UTC with 0 to 9 fraction digits; a missing zone is read as UTC,
/// as Sinch's Node SDK does. Anything else (an empty string, a `${placeholder}` inside a message)
/// is kept as written. What was read is written letter for letter, but two times are equal if they
/// are the same instant.
#[derive(Clone)]
pub struct WireTime(Inner);

#[derive(Clone)]
enum Inner {
    At(Timestamp),
    /// Spelled in another way than we would.
    Spelled(Timestamp, Box<str>),
    Text(Box<str>),
}

impl WireTime {
    /// The instant, if the text was one.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match &self.0 {
            Inner::At(at) | Inner::Spelled(at, _) => Some(*at),
            Inner::Text(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.0 {
            Inner::Text(text) => Some(text),
            Inner::At(_) | Inner::Spelled(..) => None,
        }
    }
}

impl PartialEq for WireTime {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp() == other.timestamp() && self.text() == other.text()
    }
}

impl Eq for WireTime {}

impl Hash for WireTime {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.timestamp().hash(state);
        self.text().hash(state);
    }
}

impl From<Timestamp> for WireTime {
    fn from(at: Timestamp) -> Self {
        Self(Inner::At(at))
    }
}

impl From<&str> for WireTime {
    fn from(text: &str) -> Self {
        let read = text
            .parse::<Timestamp>()
            .or_else(|error| if zone_may_lack(text) { format!("{text}Z").parse() } else { Err(error) });
        Self(match read {
            Ok(at) if is_ours(text) => Inner::At(at),
            Ok(at) => Inner::Spelled(at, text.into()),
            Err(_) => Inner::Text(text.into()),
        })
    }
}

/// Whether a text ends like a time of day without a zone.
fn zone_may_lack(text: &str) -> bool {
    text.len() >= 16 && text.ends_with(|last: char| last.is_ascii_digit())
}

/// Whether we would spell the instant of this text in the same way: `…T10:05:00Z`, `…T10:05:00.5Z`.
fn is_ours(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[5].is_ascii_digit()
        && bytes[10] == b'T'
        && (bytes[13], bytes[16]) == (b':', b':')
        && &bytes[17..19] < b"60".as_slice()
        && match &bytes[19..] {
            b"Z" => true,
            [b'.', digits @ .., b'Z'] => {
                digits.last().is_some_and(|last| *last != b'0') && digits.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        }
}

impl fmt::Display for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::At(at) => at.fmt(f),
            Inner::Spelled(_, text) | Inner::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for WireTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::At(at) | Inner::Spelled(at, _) => write!(f, "{at}"),
            Inner::Text(text) => write!(f, "[{} characters]", text.chars().count()),
        }
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Inner::At(at) => serializer.collect_str(at),
            Inner::Spelled(_, text) | Inner::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::from_str(deserializer, "a time such as 2031-09-14T10:05:00Z", |text| Self::from(text))
    }
}

crate::unknown::leaf!(WireTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_written_as_it_was_read() {
        for (text, instant) in [
            ("2031-09-14T10:05:00Z", true),
            ("2031-09-14T10:05:00.5Z", true),
            ("2031-09-14T10:05:00.000000000Z", true),
            ("2031-09-14T10:05:00.120Z", true),
            ("2031-09-14T12:05:00+02:00", true),
            ("2031-09-14T10:05:00", true),
            ("2031-09-14t10:05:00z", true),
            ("2031-09-14 10:05:00Z", true),
            ("2031-09-14T10:05:60Z", true),
            ("", false),
            ("${start}", false),
            ("2031", false),
        ] {
            let time = WireTime::from(text);
            assert_eq!(time.timestamp().is_some(), instant, "{text}");
            assert_eq!(time.to_string(), text);
        }
        assert_eq!(WireTime::from("2031-09-14T12:05:00+02:00"), WireTime::from("2031-09-14T10:05:00.000Z"));
        assert_ne!(WireTime::from("a"), WireTime::from("b"));
    }
}
