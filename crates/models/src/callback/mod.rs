//! Callbacks: what the service reports later.
//!
//! Source of everything in here, unless another is named: the published Conversation API description,
//! which the Batch API shares. Every field is optional, as published examples lack many; an empty
//! string stands for nothing.

mod batch_status;
mod contact;
mod delivery;
mod inbound;
mod kind;
mod lenient;
mod origin;
mod other;
mod smart;

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use batch_status::{BatchAdditionalData, BatchStatusUpdate, BatchUpdateStatus, MessageBatchData};
pub use contact::{
    CapabilityNotification, CapabilityStatus, Contact, ContactMerge, ContactNotification, Conversation,
    ConversationNotification, DuplicatedIdentities, DuplicatedIdentity, ErrorDetails, OptInNotification, OptInStatus,
    OptOutNotification, OptOutStatus,
};
pub use delivery::{
    CallbackIdentity, DeliveryReport, DeliveryStatus, ProcessingMode, Reason, ReasonCode, ReasonSubCode,
};
pub use inbound::{
    ChannelSpecificReply, ChoiceResponseMessage, CommentEvent, CommentKind, ContactEvent, ContactEventBody,
    ContactLocation, ContactMessage, ContactMessageBody, ContactMessageEvent, ContactMessageEventBody, Direction,
    FallbackMessage, GenericEvent, InboundEvent, InboundMessage, MediaCardMessage, NfmReply, NfmReplyName, Nothing,
    PaymentStatus, PaymentStatusUpdateEvent, PaymentTransactionStatus, ProductResponseMessage, QuotedMessage,
    ReactionAction, ReactionEvent, ReplyKind, ReplyMessage, ShortlinkActivatedEvent,
};
pub use kind::{CallbackKind, Trigger};
pub use lenient::parse;
pub use origin::Origin;
pub use other::{
    ChannelEvent, ChannelEventNotification, EventDeliveryReport, RecordNotification, RecordStatus, SubmitNotification,
    SubmittedMessage, UnsupportedCallback,
};
pub use smart::{
    AnalysisResults, CharacterRecognition, DocumentClass, Evaluation, FieldClassification, ImageAnalysis,
    IntentAnalysis, IntentScore, OffenseAnalysis, PiiAnalysis, RecognizedText, Sentiment, SentimentAnalysis,
    SentimentScore, SmartConversation,
};

use crate::object::{Key, KindSlot};
use crate::unknown::{Part, Pointer};
use crate::wire::{AnyJson, JsonText, PrivateText, UnknownFields, WireTime};
use crate::{AppId, ProjectId};

/// One callback: the envelope, and the one object that names its kind.
///
/// The kind is chosen by the known top-level key, never by order. A callback of a kind this release
/// does not know is read whole into [`unknown_fields`](Self::unknown_fields); so is a second kind, and a known key that
/// comes twice.
///
/// ```
/// use sinch_batch_models::{Callback, CallbackKind, DeliveryStatus};
///
/// let callback: Callback = sinch_batch_models::wire::parse(br#"{
///     "app_id": "01KZ4EBHKN27EZJ4Q91V5C36G1",
///     "message_delivery_report": {"message_id": "01KZ4QJ38K8C1AVZA3F56M7JYD", "status": "DELIVERED"}
/// }"#)?;
/// let CallbackKind::MessageDelivery(report) = &callback.kind else { return Ok(()) };
/// assert_eq!(report.status, Some(DeliveryStatus::Delivered));
/// # Ok::<(), sinch_batch_models::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Callback {
    /// The app; empty on contact callbacks.
    pub app_id: Option<AppId>,
    /// The project; empty in some published examples.
    pub project_id: Option<ProjectId>,
    /// When the service took the event in.
    pub accepted_time: Option<WireTime>,
    /// When the channel says it happened.
    pub event_time: Option<WireTime>,
    /// JSON text whose meaning depends on the kind; [`origin`](Self::origin) reads it.
    pub message_metadata: Option<JsonText>,
    /// From the send request.
    pub correlation_id: Option<PrivateText>,
    /// Data from the channel, such as RCS; the shape is not published.
    pub channel_metadata: Option<AnyJson>,
    /// What the callback is about.
    pub kind: CallbackKind,
    /// Fields that this release does not know; with [`CallbackKind::Unknown`], the kind's own too.
    pub unknown_fields: UnknownFields,
}

impl Callback {
    /// A callback of a kind, with nothing in its envelope: for those who write callbacks.
    pub fn new(kind: CallbackKind) -> Self {
        Self {
            app_id: None,
            project_id: None,
            accepted_time: None,
            event_time: None,
            message_metadata: None,
            correlation_id: None,
            channel_metadata: None,
            kind,
            unknown_fields: UnknownFields::default(),
        }
    }

    /// The trigger that a webhook subscribes to for this kind; `None` for a kind that this release
    /// does not type, as no callback says it.
    pub fn trigger(&self) -> Option<Trigger> {
        self.kind.trigger()
    }

    /// JSON pointers of the fields that this release does not know.
    pub fn unknown_fields(&self) -> Vec<String> {
        crate::unknown::unknown_fields(self)
    }
}

impl Part for Callback {
    fn walk(&self, at: &mut Pointer) {
        self.kind.walk(at);
        at.unknown_fields(&self.unknown_fields);
    }
}

impl Serialize for Callback {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn entry<M: SerializeMap, T: Serialize>(map: &mut M, key: &str, value: &Option<T>) -> Result<(), M::Error> {
            value.as_ref().map_or(Ok(()), |value| map.serialize_entry(key, value))
        }
        let mut map = serializer.serialize_map(None)?;
        entry(&mut map, "app_id", &self.app_id)?;
        entry(&mut map, "project_id", &self.project_id)?;
        entry(&mut map, "accepted_time", &self.accepted_time)?;
        entry(&mut map, "event_time", &self.event_time)?;
        self.kind.write(&mut map)?;
        entry(&mut map, "message_metadata", &self.message_metadata)?;
        entry(&mut map, "correlation_id", &self.correlation_id)?;
        entry(&mut map, "channel_metadata", &self.channel_metadata)?;
        self.unknown_fields.write(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Callback;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a callback object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Callback, A::Error> {
                let mut callback = Callback::new(CallbackKind::Unknown);
                let mut kind = KindSlot::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    match key.as_str() {
                        "app_id" => callback.app_id = map.next_value()?,
                        "project_id" => callback.project_id = map.next_value()?,
                        "accepted_time" => callback.accepted_time = map.next_value()?,
                        "event_time" => callback.event_time = map.next_value()?,
                        "message_metadata" => callback.message_metadata = map.next_value()?,
                        "correlation_id" => callback.correlation_id = map.next_value()?,
                        "channel_metadata" => callback.channel_metadata = map.next_value()?,
                        _ if KindSlot::<CallbackKind>::is_kind(&key) => {
                            kind.first(key, &mut map, &mut callback.unknown_fields)?;
                        }
                        _ => callback.unknown_fields.read(key, &mut map)?,
                    }
                }
                callback.kind = kind.end()?.unwrap_or(CallbackKind::Unknown);
                Ok(callback)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
