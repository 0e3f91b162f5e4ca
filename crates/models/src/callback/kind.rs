use serde::Serialize;
use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::{
    BatchStatusUpdate, CapabilityNotification, ChannelEventNotification, ContactMerge, ContactNotification,
    ConversationNotification, DeliveryReport, DuplicatedIdentities, EventDeliveryReport, InboundEvent, InboundMessage,
    OptInNotification, OptOutNotification, RecordNotification, SmartConversation, SubmitNotification,
    UnsupportedCallback,
};
use crate::object::Kinds;
use crate::open_enum::open_enum;
use crate::unknown::{Part, Pointer};

macro_rules! kinds {
    ($( $(#[$meta:meta])* $variant:ident($ty:ty) = $key:literal, $trigger:literal, )+) => {
        /// What a callback is about.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum CallbackKind {
            $( $(#[$meta])* $variant(Box<$ty>), )+
            /// A kind that this release does not type; the callback's `unknown_fields` holds it. Answer 2xx.
            Unknown,
        }

        open_enum! {
            /// What a webhook subscribes to. `BATCH_STATUS_UPDATE` is missing from the published list.
            pub enum Trigger {
                $( $(#[$meta])* $variant = $trigger, )+
                /// Not said; a webhook that subscribes to it gets nothing but errors.
                Unspecified = "UNSPECIFIED_TRIGGER",
            }
        }

        impl CallbackKind {
            /// The top-level keys on the wire that name the kinds.
            pub const KEYS: &'static [&'static str] = &[$($key),+];

            /// The top-level key on the wire; `None` for a kind that this release does not type.
            pub fn key(&self) -> Option<&'static str> {
                match self {
                    $( Self::$variant(_) => Some($key), )+
                    Self::Unknown => None,
                }
            }

            /// The trigger that a webhook subscribes to for this kind; `None` for a kind that this
            /// release does not type, as no callback says it.
            pub fn trigger(&self) -> Option<Trigger> {
                match self {
                    $( Self::$variant(_) => Some(Trigger::$variant), )+
                    Self::Unknown => None,
                }
            }

            pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match self {
                    $( Self::$variant(body) => map.serialize_entry($key, body), )+
                    Self::Unknown => Ok(()),
                }
            }
        }

        impl Kinds for CallbackKind {
            const NAMES: &'static [&'static str] = Self::KEYS;

            fn name(&self) -> Option<&'static str> {
                self.key()
            }

            fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Option<Self>, A::Error> {
                Ok(match name {
                    $( $key => map.next_value::<Option<Box<$ty>>>()?.map(Self::$variant), )+
                    _ => None,
                })
            }

            fn into_json(self) -> serde_json::Value {
                fn value(body: impl Serialize) -> serde_json::Value {
                    // Writing a model into a value cannot fail: its keys are strings and its numbers finite.
                    serde_json::to_value(body).unwrap_or_default()
                }
                match self {
                    $( Self::$variant(body) => value(body), )+
                    Self::Unknown => serde_json::Value::Null,
                }
            }
        }

        impl Part for CallbackKind {
            fn walk(&self, at: &mut Pointer) {
                match self {
                    $( Self::$variant(body) => at.enter($key, body), )+
                    Self::Unknown => {}
                }
            }
        }
    };
}

kinds! {
    /// `message_delivery_report`: how one message fared.
    MessageDelivery(DeliveryReport) = "message_delivery_report", "MESSAGE_DELIVERY",
    /// `batch_status_update_notification`: how a batch fared.
    BatchStatusUpdate(BatchStatusUpdate) = "batch_status_update_notification", "BATCH_STATUS_UPDATE",
    /// `message`: a contact wrote.
    MessageInbound(InboundMessage) = "message", "MESSAGE_INBOUND",
    /// `message_redaction`: a contact wrote, and personal data were taken out.
    MessageRedaction(InboundMessage) = "message_redaction", "MESSAGE_INBOUND_SMART_CONVERSATION_REDACTION",
    /// `message_submit_notification`: a message was handed to a channel.
    MessageSubmit(SubmitNotification) = "message_submit_notification", "MESSAGE_SUBMIT",
    /// `event`: a contact did something.
    EventInbound(InboundEvent) = "event", "EVENT_INBOUND",
    /// `event_delivery_report`: how an event of the app fared.
    EventDelivery(EventDeliveryReport) = "event_delivery_report", "EVENT_DELIVERY",
    /// `conversation_start_notification`: a conversation began.
    ConversationStart(ConversationNotification) = "conversation_start_notification", "CONVERSATION_START",
    /// `conversation_stop_notification`: a conversation ended.
    ConversationStop(ConversationNotification) = "conversation_stop_notification", "CONVERSATION_STOP",
    /// `conversation_delete_notification`: a conversation was deleted.
    ConversationDelete(ConversationNotification) = "conversation_delete_notification", "CONVERSATION_DELETE",
    /// `contact_create_notification`: a contact was made.
    ContactCreate(ContactNotification) = "contact_create_notification", "CONTACT_CREATE",
    /// `contact_update_notification`: a contact was changed.
    ContactUpdate(ContactNotification) = "contact_update_notification", "CONTACT_UPDATE",
    /// `contact_delete_notification`: a contact was deleted.
    ContactDelete(ContactNotification) = "contact_delete_notification", "CONTACT_DELETE",
    /// `contact_merge_notification`: two contacts became one.
    ContactMerge(ContactMerge) = "contact_merge_notification", "CONTACT_MERGE",
    /// `duplicated_contact_identities_notification`: contacts share an identity.
    ContactIdentitiesDuplication(DuplicatedIdentities)
        = "duplicated_contact_identities_notification", "CONTACT_IDENTITIES_DUPLICATION",
    /// `capability_notification`: what a contact can get.
    Capability(CapabilityNotification) = "capability_notification", "CAPABILITY",
    /// `opt_in_notification`: somebody agreed to get messages.
    OptIn(OptInNotification) = "opt_in_notification", "OPT_IN",
    /// `opt_out_notification`: somebody does not want messages.
    OptOut(OptOutNotification) = "opt_out_notification", "OPT_OUT",
    /// `channel_event_notification`: something happened to a channel of the app.
    ChannelEvent(ChannelEventNotification) = "channel_event_notification", "CHANNEL_EVENT",
    /// `smart_conversation_notification`: what was made out of a message.
    SmartConversation(SmartConversation) = "smart_conversation_notification", "SMART_CONVERSATION",
    /// `record_notification`: something was stored.
    Record(RecordNotification) = "record_notification", "RECORD_NOTIFICATION",
    /// `unsupported_callback`: something that the service knows no kind for.
    Unsupported(UnsupportedCallback) = "unsupported_callback", "UNSUPPORTED",
}
