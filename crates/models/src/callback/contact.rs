use super::{CallbackIdentity, ProcessingMode, Reason};
use crate::language::Language;
use crate::object::object;
use crate::open_enum::open_enum;
use crate::wire::{JsonText, Metadata, PrivateText, WireTime};
use crate::{AppId, Channel, ContactId, ConversationId};

object! {
    /// `contact_create_notification`, `contact_update_notification` and
    /// `contact_delete_notification`: a contact as it is, or was.
    #[derive(Default)]
    pub struct ContactNotification {
        /// The whole contact.
        pub contact: Option<Contact>,
    }
}

object! {
    /// A contact, as callbacks carry it. Empty strings stand for nothing.
    /// Source: the published Conversation API description.
    #[derive(Default)]
    pub struct Contact {
        /// The contact.
        pub id: Option<ContactId>,
        /// How the contact is reached.
        pub channel_identities: Option<Vec<CallbackIdentity>>,
        /// The channels, the one tried first in front.
        pub channel_priority: Option<Vec<Channel>>,
        /// `Unknown` if none was given.
        pub display_name: Option<PrivateText>,
        /// A mail address.
        pub email: Option<PrivateText>,
        /// Your own id.
        pub external_id: Option<PrivateText>,
        /// A text of yours.
        pub metadata: Option<JsonText>,
        /// The language; `UNSPECIFIED` too.
        pub language: Option<Language>,
    }
}

object! {
    /// `contact_merge_notification`: two contacts became one.
    #[derive(Default)]
    pub struct ContactMerge {
        /// The one that is left.
        pub preserved_contact: Option<Contact>,
        /// The one that is gone.
        pub deleted_contact: Option<Contact>,
    }
}

object! {
    /// `duplicated_contact_identities_notification`: contacts share an identity.
    #[derive(Default)]
    pub struct DuplicatedIdentities {
        /// Who shares what.
        pub duplicated_identities: Option<Vec<DuplicatedIdentity>>,
    }
}

object! {
    /// Contacts that share an identity on a channel.
    #[derive(Default)]
    pub struct DuplicatedIdentity {
        /// The channel.
        pub channel: Option<Channel>,
        /// The contacts.
        pub contact_ids: Option<Vec<ContactId>>,
    }
}

object! {
    /// `conversation_start_notification`, `conversation_stop_notification` and
    /// `conversation_delete_notification`: a conversation as it is, or was.
    #[derive(Default)]
    pub struct ConversationNotification {
        /// The conversation.
        pub conversation: Option<Conversation>,
    }
}

object! {
    /// A conversation. Source: the published Conversation API description.
    #[derive(Default)]
    pub struct Conversation {
        /// The conversation.
        pub id: Option<ConversationId>,
        /// The app that has it.
        pub app_id: Option<AppId>,
        /// The contact that it is with.
        pub contact_id: Option<ContactId>,
        /// The channel that it goes over now.
        pub active_channel: Option<Channel>,
        /// Whether it is running.
        pub active: Option<bool>,
        /// A text of yours. Deprecated by the service in favour of `metadata_json`.
        pub metadata: Option<JsonText>,
        /// The conversation metadata, with `_batch_id` if a batch last touched it; an object here.
        pub metadata_json: Option<Metadata>,
        /// When the contact last wrote.
        pub last_received: Option<WireTime>,
        /// From the send request.
        pub correlation_id: Option<PrivateText>,
    }
}

object! {
    /// `capability_notification`: what a contact can get over a channel.
    #[derive(Default)]
    pub struct CapabilityNotification {
        /// The question that this answers.
        pub request_id: Option<Box<str>>,
        /// The contact.
        pub contact_id: Option<ContactId>,
        /// The channel.
        pub channel: Option<Channel>,
        /// The identity on it.
        pub identity: Option<PrivateText>,
        /// How much the contact can get.
        pub capability_status: Option<CapabilityStatus>,
        /// What the contact can get, with `CAPABILITY_PARTIAL`, in the channel's words.
        pub channel_capabilities: Option<Vec<Box<str>>>,
        /// Why it could not be found out.
        pub reason: Option<Reason>,
    }
}

open_enum! {
    /// How much a contact can get over a channel.
    pub enum CapabilityStatus {
        /// Not known.
        NotKnown = "CAPABILITY_UNKNOWN",
        /// Everything.
        Full = "CAPABILITY_FULL",
        /// Some of it.
        Partial = "CAPABILITY_PARTIAL",
        /// Nothing.
        None = "NO_CAPABILITY",
    }
}

/// The parts that the two consent callbacks share.
macro_rules! opt {
    ($(#[$meta:meta])* pub struct $name:ident { $(#[$smeta:meta])* $status:ident }) => {
        object! {
            $(#[$meta])*
            #[derive(Default)]
            pub struct $name {
                /// The request that this answers.
                pub request_id: Option<Box<str>>,
                /// The contact.
                pub contact_id: Option<ContactId>,
                /// The channel.
                pub channel: Option<Channel>,
                /// The identity on it.
                pub identity: Option<PrivateText>,
                /// Whether it was recorded.
                pub status: Option<$status>,
                /// Why it was not.
                pub error_details: Option<ErrorDetails>,
                /// With or without contacts and conversations.
                pub processing_mode: Option<ProcessingMode>,
            }
        }
    };
}

opt! {
    /// `opt_in_notification`: somebody agreed to get messages.
    pub struct OptInNotification { OptInStatus }
}

opt! {
    /// `opt_out_notification`: somebody does not want messages.
    pub struct OptOutNotification { OptOutStatus }
}

open_enum! {
    /// Whether an agreement was recorded.
    pub enum OptInStatus {
        /// It was.
        Succeeded = "OPT_IN_SUCCEEDED",
        /// It was not.
        Failed = "OPT_IN_FAILED",
        /// Not said.
        Unspecified = "OPT_IN_STATUS_UNSPECIFIED",
    }
}

open_enum! {
    /// Whether a refusal was recorded.
    pub enum OptOutStatus {
        /// It was.
        Succeeded = "OPT_OUT_SUCCEEDED",
        /// It was not.
        Failed = "OPT_OUT_FAILED",
        /// Not said.
        Unspecified = "OPT_OUT_STATUS_UNSPECIFIED",
    }
}

object! {
    /// Why something was not recorded.
    #[derive(Default)]
    pub struct ErrorDetails {
        /// A sentence for people.
        pub description: Option<PrivateText>,
    }
}
