use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{CallbackIdentity, DeliveryStatus, ProcessingMode, Reason};
use crate::object::object;
use crate::open_enum::open_enum;
use crate::unknown::{Part, Pointer};
use crate::wire::{AnyJson, JsonText};
use crate::{Channel, ContactId, ConversationId, Message, MessageId};

object! {
    /// `message_submit_notification`: a message was handed to a channel, as the recipient sees it.
    /// Source: the published Conversation API description.
    #[derive(Default)]
    pub struct SubmitNotification {
        /// The message.
        pub message_id: Option<MessageId>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// Where it goes.
        pub channel_identity: Option<CallbackIdentity>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// What is sent.
        pub submitted_message: Option<SubmittedMessage>,
        /// The merged message metadata with `_batch_id`.
        pub metadata: Option<JsonText>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
    }
}

/// A message in the service's own words.
///
/// The rules of a [`Message`] are rules for what is sent: a message that the service shows in another
/// form must not make a receiver refuse the callback.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SubmittedMessage {
    /// A message as it could be sent.
    Message(Box<Message>),
    /// What breaks a rule for messages that are sent, whole; it is written back unchanged.
    Other(AnyJson),
}

impl SubmittedMessage {
    /// The message, if it is one as it could be sent.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Other(_) => None,
        }
    }
}

impl From<Message> for SubmittedMessage {
    fn from(message: Message) -> Self {
        Self::Message(Box::new(message))
    }
}

impl Serialize for SubmittedMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Message(message) => message.serialize(serializer),
            Self::Other(json) => json.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SubmittedMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        Ok(Message::deserialize(&json).map_or_else(|_| Self::Other(json.into()), Self::from))
    }
}

impl Part for SubmittedMessage {
    fn walk(&self, at: &mut Pointer) {
        match self {
            Self::Message(message) => message.walk(at),
            Self::Other(_) => at.here(),
        }
    }
}

object! {
    /// `event_delivery_report`: how an event of the app fared.
    /// Source: the published Conversation API description.
    #[derive(Default)]
    pub struct EventDeliveryReport {
        /// The event.
        pub event_id: Option<Box<str>>,
        /// How far the event has got.
        pub status: Option<DeliveryStatus>,
        /// Where it went.
        pub channel_identity: Option<CallbackIdentity>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// Why, with `FAILED` and `SWITCHING_CHANNEL`.
        pub reason: Option<Reason>,
        /// What was given with the event.
        pub metadata: Option<JsonText>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
    }
}

object! {
    /// `channel_event_notification`: something happened to a channel of the app.
    ///
    /// The description puts it under `channel_event`; Sinch's Node SDK reads the same fields one
    /// level higher, so both are read.
    #[derive(Default)]
    pub struct ChannelEventNotification {
        /// What happened.
        pub channel_event: Option<ChannelEvent>,
        /// The channel, in the other shape.
        pub channel: Option<Channel>,
        /// What happened, in the other shape.
        pub event_type: Option<Box<str>>,
        /// More about it, in the other shape.
        pub additional_data: Option<AnyJson>,
    }
}

object! {
    /// Something that happened to a channel of the app.
    #[derive(Default)]
    pub struct ChannelEvent {
        /// The channel.
        pub channel: Option<Channel>,
        /// What happened, such as `WHATS_APP_QUALITY_RATING_CHANGED`.
        pub event_type: Option<Box<str>>,
        /// More about it; depends on the channel and on what happened.
        pub additional_data: Option<AnyJson>,
    }
}

object! {
    /// `record_notification`: something was stored.
    #[derive(Default)]
    pub struct RecordNotification {
        /// What was stored, such as a message.
        pub entity_id: Option<Box<str>>,
        /// Whether it was stored.
        pub record_status: Option<RecordStatus>,
        /// Whom it is about.
        pub channel_identity: Option<CallbackIdentity>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// Why it was not.
        pub reason: Option<Reason>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
    }
}

open_enum! {
    /// Whether something was stored.
    pub enum RecordStatus {
        /// Not said.
        Unspecified = "RECORD_STATUS_UNSPECIFIED",
        /// It was.
        Stored = "EVENT_RECORD_STORED",
    }
}

object! {
    /// `unsupported_callback`: something that the service knows no kind for.
    #[derive(Default)]
    pub struct UnsupportedCallback {
        /// The channel.
        pub channel: Option<Channel>,
        /// What the channel said, as JSON text.
        pub payload: Option<JsonText>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
        /// The callback.
        pub id: Option<Box<str>>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// Whom it is about.
        pub channel_identity: Option<CallbackIdentity>,
    }
}
