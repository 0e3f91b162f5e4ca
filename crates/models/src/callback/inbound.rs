use super::{CallbackIdentity, ProcessingMode};
use crate::message::{Coordinates, MediaMessage, Product, TextMessage};
use crate::object::{object, one_of};
use crate::open_enum::open_enum;
use crate::wire::{AnyJson, JsonText, PrivateText, WireTime};
use crate::{ContactId, ConversationId, MessageId};

object! {
    /// `message`, and `message_redaction` with personal data taken out: what a contact wrote.
    ///
    /// The metadata of a batch's conversation stands in the callback's `message_metadata`.
    /// Source: the published Conversation API description.
    #[derive(Default)]
    pub struct InboundMessage {
        /// The message.
        pub id: Option<MessageId>,
        /// `TO_APP`.
        pub direction: Option<Direction>,
        /// What the contact wrote.
        pub contact_message: Option<ContactMessage>,
        /// Its origin.
        pub channel_identity: Option<CallbackIdentity>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// The metadata of the contact, or of the message that is answered; often empty.
        pub metadata: Option<JsonText>,
        /// When the service took the message in.
        pub accept_time: Option<WireTime>,
        /// The number or account of yours that it was sent to.
        pub sender_id: Option<PrivateText>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
        /// Whether it was put in by hand.
        pub injected: Option<bool>,
    }
}

open_enum! {
    /// Which way a message or an event goes.
    pub enum Direction {
        /// From a contact.
        ToApp = "TO_APP",
        /// To a contact.
        ToContact = "TO_CONTACT",
        /// Not said.
        Undefined = "UNDEFINED_DIRECTION",
    }
}

one_of! {
    /// What a contact wrote: one of several kinds, and perhaps which message it answers.
    #[derive(Default)]
    pub struct ContactMessage;
    /// What a contact wrote.
    open enum ContactMessageBody {
        /// `text_message`: words.
        Text(TextMessage) = "text_message",
        /// `media_message`: a picture, a film, a sound or a document.
        Media(MediaMessage) = "media_message",
        /// `location_message`: a place.
        Location(ContactLocation) = "location_message",
        /// `choice_response_message`: a choice was made.
        ChoiceResponse(ChoiceResponseMessage) = "choice_response_message",
        /// `media_card_message`: media with a caption.
        MediaCard(MediaCardMessage) = "media_card_message",
        /// `fallback_message`: what the service could not read.
        Fallback(FallbackMessage) = "fallback_message",
        /// `product_response_message`: products were put into a cart.
        ProductResponse(ProductResponseMessage) = "product_response_message",
        /// `channel_specific_message`: the answer to a message that only one channel knows.
        ChannelSpecific(ChannelSpecificReply) = "channel_specific_message",
    }
    beside {
        /// The message of yours that is answered; absent or null if none is.
        pub reply_to: Option<QuotedMessage>,
    }
}

object! {
    /// The message of yours that a contact answered.
    #[derive(Default)]
    pub struct QuotedMessage {
        /// Its id.
        pub message_id: Option<MessageId>,
    }
}

object! {
    /// `location_message`: a place, as a contact sends it. Channels leave out what they like.
    #[derive(Default)]
    pub struct ContactLocation {
        /// What is shown above the place.
        pub title: Option<PrivateText>,
        /// A name of the place itself.
        pub label: Option<PrivateText>,
        /// Where it is.
        pub coordinates: Option<Coordinates>,
    }
}

object! {
    /// `choice_response_message`: a choice was made.
    #[derive(Default)]
    pub struct ChoiceResponseMessage {
        /// The message of yours with the choice in it.
        pub message_id: Option<MessageId>,
        /// What the choice had as `postback_data`; by default `message_id_{text, title}`.
        pub postback_data: Option<PrivateText>,
    }
}

object! {
    /// `media_card_message`: media with a caption.
    #[derive(Default)]
    pub struct MediaCardMessage {
        /// Where the media are.
        pub url: Option<PrivateText>,
        /// The caption.
        pub caption: Option<PrivateText>,
    }
}

object! {
    /// `fallback_message`: what the service could not read.
    #[derive(Default)]
    pub struct FallbackMessage {
        /// What the channel said.
        pub raw_message: Option<PrivateText>,
        /// Why it could not be read.
        pub reason: Option<super::Reason>,
    }
}

object! {
    /// `product_response_message`: products were put into a cart.
    #[derive(Default)]
    pub struct ProductResponseMessage {
        /// The products.
        pub products: Option<Vec<Product>>,
        /// What the contact wrote with them.
        pub title: Option<PrivateText>,
        /// The catalog that they are in.
        pub catalog_id: Option<PrivateText>,
    }
}

object! {
    /// `channel_specific_message`: the answer to a message that only one channel knows.
    #[derive(Default)]
    pub struct ChannelSpecificReply {
        /// Its kind.
        pub message_type: Option<ReplyKind>,
        /// The answer.
        pub message: Option<ReplyMessage>,
    }
}

object! {
    /// The answer to a message that only one channel knows.
    #[derive(Default)]
    pub struct ReplyMessage {
        /// Its kind, once more.
        pub kind as "type": Option<ReplyKind>,
        /// The answer to a flow or to a question for an address, on WhatsApp.
        pub nfm_reply: Option<NfmReply>,
    }
}

open_enum! {
    /// The kind of an answer to a message that only one channel knows.
    pub enum ReplyKind {
        /// The answer to a flow or to a question for an address, on WhatsApp.
        NfmReply = "nfm_reply",
    }
}

object! {
    /// The answer to a flow or to a question for an address, on WhatsApp.
    #[derive(Default)]
    pub struct NfmReply {
        /// What was answered.
        pub name: Option<NfmReplyName>,
        /// What was filled in, as JSON text.
        pub response_json: Option<JsonText>,
        /// A word about it.
        pub body: Option<PrivateText>,
    }
}

open_enum! {
    /// What was answered on WhatsApp.
    pub enum NfmReplyName {
        /// A flow.
        Flow = "flow",
        /// A question for an address.
        AddressMessage = "address_message",
    }
}

object! {
    /// `event`: something that a contact did, other than write.
    ///
    /// Either `contact_event` or `contact_message_event` is there.
    /// Source: the published Conversation API description.
    #[derive(Default)]
    pub struct InboundEvent {
        /// The event.
        pub id: Option<Box<str>>,
        /// `TO_APP`.
        pub direction: Option<Direction>,
        /// Something that stands alone.
        pub contact_event: Option<ContactEvent>,
        /// Something that belongs to a message.
        pub contact_message_event: Option<ContactMessageEvent>,
        /// Its origin.
        pub channel_identity: Option<CallbackIdentity>,
        /// Empty or absent in dispatch mode.
        pub contact_id: Option<ContactId>,
        /// Empty or absent in dispatch mode.
        pub conversation_id: Option<ConversationId>,
        /// When the service took the event in.
        pub accept_time: Option<WireTime>,
        /// With or without contacts and conversations.
        pub processing_mode: Option<ProcessingMode>,
    }
}

one_of! {
    /// Something that a contact did.
    #[derive(Default)]
    pub struct ContactEvent;
    /// Something that a contact did.
    open enum ContactEventBody {
        /// `composing_event`: begins to write.
        Composing(Nothing) = "composing_event",
        /// `composing_end_event`: stops writing.
        ComposingEnd(Nothing) = "composing_end_event",
        /// `comment_event`: wrote a comment in public.
        Comment(CommentEvent) = "comment_event",
        /// `conversation_deleted_event`: deleted the conversation.
        ConversationDeleted(Nothing) = "conversation_deleted_event",
        /// `generic_event`: something else.
        Generic(GenericEvent) = "generic_event",
    }
    beside {}
}

object! {
    /// An object whose presence is the message.
    #[derive(Default)]
    pub struct Nothing {}
}

object! {
    /// `comment_event`: a comment in public, on Instagram.
    #[derive(Default)]
    pub struct CommentEvent {
        /// The comment.
        pub id: Option<PrivateText>,
        /// What it says.
        pub text: Option<PrivateText>,
        /// On what it was made.
        pub comment_type: Option<CommentKind>,
        /// Where that is.
        pub commented_on: Option<PrivateText>,
        /// The name of the account that made it.
        pub user: Option<PrivateText>,
    }
}

open_enum! {
    /// On what a comment was made.
    pub enum CommentKind {
        /// A post.
        Feed = "FEED",
        /// A live broadcast.
        Live = "LIVE",
    }
}

object! {
    /// `generic_event`: whatever the channel says.
    #[derive(Default)]
    pub struct GenericEvent {
        /// What the channel says; any JSON.
        pub payload: Option<AnyJson>,
    }
}

one_of! {
    /// Something that belongs to a message.
    #[derive(Default)]
    pub struct ContactMessageEvent;
    /// Something that belongs to a message.
    open enum ContactMessageEventBody {
        /// `payment_status_update_event`: a payment got further.
        PaymentStatusUpdate(PaymentStatusUpdateEvent) = "payment_status_update_event",
        /// `shortlink_activated_event`: a short link was followed.
        ShortlinkActivated(ShortlinkActivatedEvent) = "shortlink_activated_event",
        /// `reaction_event`: a message got a reaction, or lost it.
        Reaction(ReactionEvent) = "reaction_event",
    }
    beside {}
}

object! {
    /// `payment_status_update_event`: a payment got further.
    #[derive(Default)]
    pub struct PaymentStatusUpdateEvent {
        /// Your id of the order.
        pub reference_id: Option<PrivateText>,
        /// How far the order has got.
        pub payment_status: Option<PaymentStatus>,
        /// How far the payment has got.
        pub payment_transaction_status: Option<PaymentTransactionStatus>,
        /// The payment.
        pub payment_transaction_id: Option<PrivateText>,
    }
}

open_enum! {
    /// How far an order has got. Source: Sinch's Java SDK.
    pub enum PaymentStatus {
        /// Not known.
        NotKnown = "PAYMENT_STATUS_UNKNOWN",
        /// Not paid yet.
        New = "PAYMENT_STATUS_NEW",
        /// Being paid.
        Pending = "PAYMENT_STATUS_PENDING",
        /// Paid.
        Captured = "PAYMENT_STATUS_CAPTURED",
        /// Will not be paid.
        Canceled = "PAYMENT_STATUS_CANCELED",
        /// Could not be paid.
        Failed = "PAYMENT_STATUS_FAILED",
    }
}

open_enum! {
    /// How far a payment has got. Source: Sinch's Java SDK.
    pub enum PaymentTransactionStatus {
        /// Not known.
        NotKnown = "PAYMENT_STATUS_TRANSACTION_UNKNOWN",
        /// Being made.
        Pending = "PAYMENT_STATUS_TRANSACTION_PENDING",
        /// Made.
        Success = "PAYMENT_STATUS_TRANSACTION_SUCCESS",
        /// Taken back.
        Canceled = "PAYMENT_STATUS_TRANSACTION_CANCELED",
        /// Not made.
        Failed = "PAYMENT_STATUS_TRANSACTION_FAILED",
    }
}

object! {
    /// `shortlink_activated_event`: a short link was followed, on Messenger and Instagram.
    #[derive(Default)]
    pub struct ShortlinkActivatedEvent {
        /// What the link carries.
        pub payload: Option<PrivateText>,
        /// The title of what was chosen.
        pub title: Option<PrivateText>,
        /// The parameter of the link.
        #[doc(alias = "ref")]
        pub reference as "ref": Option<PrivateText>,
        /// Where the link stood.
        pub source: Option<PrivateText>,
        /// What the channel calls it.
        pub kind as "type": Option<PrivateText>,
        /// Whether there was a conversation before.
        pub existing_thread: Option<bool>,
    }
}

object! {
    /// `reaction_event`: a message got a reaction, or lost it.
    #[derive(Default)]
    pub struct ReactionEvent {
        /// The sign.
        pub emoji: Option<PrivateText>,
        /// Whether it was added or removed.
        pub action: Option<ReactionAction>,
        /// The message.
        pub message_id: Option<MessageId>,
        /// What the channel calls the sign, such as `like`.
        pub reaction_category: Option<PrivateText>,
    }
}

open_enum! {
    /// Whether a reaction was added or removed.
    pub enum ReactionAction {
        /// Not known.
        NotKnown = "REACTION_ACTION_UNKNOWN",
        /// It was added.
        React = "REACTION_ACTION_REACT",
        /// It was removed.
        Unreact = "REACTION_ACTION_UNREACT",
    }
}
