use crate::object::object;

use crate::open_enum::open_enum;
use crate::wire::{JsonText, PrivateText};
use crate::{AppId, Channel, ContactId, ConversationId, MessageId};

object! {
    /// `message_delivery_report`: how one message fared. Expect several per message, in any order.
    ///
    /// Every field is optional: the report of a batch message that failed validation after acceptance
    /// lacks most of them. Source: the published Conversation API description; of that one report, the
    /// overview of the Batch API.
    #[derive(Default)]
    pub struct DeliveryReport {
        /// The message; ids are first seen here.
        pub message_id: Option<MessageId>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// How far the message has got.
        pub status: Option<DeliveryStatus>,
        /// Where it went.
        pub channel_identity: Option<CallbackIdentity>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// Why, with `FAILED` and `SWITCHING_CHANNEL`.
        pub reason: Option<Reason>,
        /// The merged message metadata with `_batch_id`.
        pub metadata: Option<JsonText>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
    }
}

object! {
    /// A channel and the identity on it, as callbacks carry them.
    #[derive(Default)]
    pub struct CallbackIdentity {
        /// The channel.
        pub channel: Option<Channel>,
        /// The identity on it.
        pub identity: Option<PrivateText>,
        /// Empty unless identities of that channel belong to one app.
        pub app_id: Option<AppId>,
    }
}

object! {
    /// Why a message failed or went to another channel.
    #[derive(Default)]
    pub struct Reason {
        /// The kind of cause.
        pub code: Option<ReasonCode>,
        /// A sentence for people; it may quote numbers and texts.
        pub description: Option<PrivateText>,
        /// A finer kind of cause.
        pub sub_code: Option<ReasonSubCode>,
        /// The channel's own code; WhatsApp so far.
        pub channel_code: Option<Box<str>>,
    }
}

open_enum! {
    /// How far a message has got. `READ` and `FAILED` are final; `READ` may replace `DELIVERED`.
    pub enum DeliveryStatus {
        /// Handed to the channel.
        QueuedOnChannel = "QUEUED_ON_CHANNEL",
        /// On the device.
        Delivered = "DELIVERED",
        /// Seen by the person.
        Read = "READ",
        /// Will not arrive.
        Failed = "FAILED",
        /// Failed on one channel, tried on the next.
        SwitchingChannel = "SWITCHING_CHANNEL",
    }
}

open_enum! {
    /// With or without contacts and conversations.
    pub enum ProcessingMode {
        /// With contacts and conversations.
        Conversation = "CONVERSATION",
        /// Without.
        Dispatch = "DISPATCH",
    }
}

open_enum! {
    /// The kind of cause of a failure. Source: the published Conversation API description.
    pub enum ReasonCode {
        /// Not known to the service either.
        UnknownReason = "UNKNOWN",
        /// A fault inside the service.
        InternalError = "INTERNAL_ERROR",
        /// Too many messages.
        RateLimited = "RATE_LIMITED",
        /// The identity is not one of that channel.
        RecipientInvalidChannelIdentity = "RECIPIENT_INVALID_CHANNEL_IDENTITY",
        /// The recipient cannot be reached.
        RecipientNotReachable = "RECIPIENT_NOT_REACHABLE",
        /// The recipient has not opted in.
        RecipientNotOptedIn = "RECIPIENT_NOT_OPTED_IN",
        /// The channel allows this message only for some time after the recipient wrote.
        OutsideAllowedSendingWindow = "OUTSIDE_ALLOWED_SENDING_WINDOW",
        /// The channel failed.
        ChannelFailure = "CHANNEL_FAILURE",
        /// The channel is set up wrongly.
        ChannelBadConfiguration = "CHANNEL_BAD_CONFIGURATION",
        /// The channel is not set up.
        ChannelConfigurationMissing = "CHANNEL_CONFIGURATION_MISSING",
        /// The channel does not take this type of media.
        MediaTypeUnsupported = "MEDIA_TYPE_UNSUPPORTED",
        /// The media are too large.
        MediaTooLarge = "MEDIA_TOO_LARGE",
        /// The media could not be fetched.
        MediaNotReachable = "MEDIA_NOT_REACHABLE",
        /// Every channel was tried.
        NoChannelsLeft = "NO_CHANNELS_LEFT",
        /// No such template.
        TemplateNotFound = "TEMPLATE_NOT_FOUND",
        /// The template wants more parameters.
        TemplateInsufficientParameters = "TEMPLATE_INSUFFICIENT_PARAMETERS",
        /// The template has no such language or version.
        TemplateNonExistingLanguageOrVersion = "TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION",
        /// Not delivered in time.
        DeliveryTimedOut = "DELIVERY_TIMED_OUT",
        /// Refused by the channel's policy.
        DeliveryRejectedDueToPolicy = "DELIVERY_REJECTED_DUE_TO_POLICY",
        /// No such contact.
        ContactNotFound = "CONTACT_NOT_FOUND",
        /// The message is wrong; also what fails after substitution of parameters.
        BadRequest = "BAD_REQUEST",
        /// No such app.
        UnknownApp = "UNKNOWN_APP",
        /// The contact has no identity on the channel.
        NoChannelIdentityForContact = "NO_CHANNEL_IDENTITY_FOR_CONTACT",
        /// The channel refused the message.
        ChannelReject = "CHANNEL_REJECT",
        /// Not permitted.
        NoPermission = "NO_PERMISSION",
        /// No profile of the recipient.
        NoProfileAvailable = "NO_PROFILE_AVAILABLE",
        /// The channel cannot do it.
        UnsupportedOperation = "UNSUPPORTED_OPERATION",
    }
}

open_enum! {
    /// A finer kind of cause of a failure.
    pub enum ReasonSubCode {
        /// None.
        Unspecified = "UNSPECIFIED_SUB_CODE",
        /// The attachment was refused.
        AttachmentRejected = "ATTACHMENT_REJECTED",
        /// The type of the media is unknown.
        MediaTypeUndetermined = "MEDIA_TYPE_UNDETERMINED",
        /// The sender is not active.
        InactiveSender = "INACTIVE_SENDER",
    }
}
