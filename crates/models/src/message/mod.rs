//! The message: one generic kind, and what goes with it.

mod text;

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use text::TextMessage;

use crate::wire::{Extra, Text};

/// What is sent to everyone in a batch. Placeholders `${name}` may stand in any of its strings.
///
/// A message has at most one generic kind; companions such as `channel_specific_message` and kinds
/// newer than this release stay whole in [`extra`](Self::extra) and go out as they came in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The generic kind; absent when only companions say what is sent.
    pub body: Option<MessageBody>,
    /// Companions and kinds that this release does not type.
    pub extra: Extra,
}

/// The generic kind of a message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MessageBody {
    /// `text_message`.
    Text(TextMessage),
    /// A kind that is kept as it came: its key, such as `card_message`, and its value.
    Other(OtherBody),
}

/// A generic kind that is kept as it came.
#[derive(Clone, PartialEq)]
pub struct OtherBody {
    key: Box<str>,
    value: Value,
}

impl OtherBody {
    /// The key on the wire, such as `card_message`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What stood under the key.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl fmt::Debug for OtherBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtherBody").field(&self.key).finish()
    }
}

/// Keys of the generic kinds that this release keeps whole.
const OTHER_BODIES: &[&str] = &[
    "media_message",
    "card_message",
    "carousel_message",
    "choice_message",
    "list_message",
    "template_message",
    "location_message",
    "contact_info_message",
];

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Text>) -> Self {
        Self { body: Some(MessageBody::Text(TextMessage::new(text))), extra: Extra::default() }
    }

    /// The key on the wire of the generic kind, such as `text_message`.
    pub fn kind(&self) -> Option<&str> {
        match self.body.as_ref()? {
            MessageBody::Text(_) => Some("text_message"),
            MessageBody::Other(other) => Some(other.key()),
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.body {
            Some(MessageBody::Text(text)) => map.serialize_entry("text_message", text)?,
            Some(MessageBody::Other(other)) => map.serialize_entry(&other.key, &other.value)?,
            None => {}
        }
        for (name, value) in self.extra.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Message;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message object, such as one with `text_message`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
                let mut body: Option<MessageBody> = None;
                let mut extra = Extra::default();
                while let Some(key) = map.next_key::<Box<str>>()? {
                    let seen = if &*key == "text_message" {
                        map.next_value::<Option<TextMessage>>()?.map(MessageBody::Text)
                    } else if OTHER_BODIES.contains(&&*key) {
                        map.next_value::<Option<Value>>()?.map(|value| MessageBody::Other(OtherBody { key, value }))
                    } else {
                        extra.insert(key, map.next_value()?);
                        continue;
                    };
                    if seen.is_some() && body.is_some() {
                        return Err(A::Error::custom("a message has one generic kind, not two"));
                    }
                    body = seen.or(body);
                }
                if body.is_none() && extra.is_empty() {
                    return Err(A::Error::custom("a message needs a kind, such as `text_message`"));
                }
                Ok(Message { body, extra })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
