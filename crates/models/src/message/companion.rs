use super::{
    CardMessage, CarouselMessage, ChoiceMessage, ContactInfoMessage, ListMessage, LocationMessage, MediaMessage,
    OmniTemplate, TextMessage,
};
use crate::MessageId;
use crate::object::{object, one_of};
use crate::open_enum::open_enum;
use crate::wire::PrivateText;

object! {
    /// `agent`: who is shown as the one who writes. Source: the published Conversation API description.
    #[derive(Default)]
    pub struct Agent {
        /// The name that is shown.
        pub display_name: Option<PrivateText> => with_display_name(PrivateText),
        /// A person or a machine; the default is not known.
        pub kind as "type": Option<AgentKind> => with_kind(AgentKind),
        /// Where the picture that is shown is.
        pub picture_url: Option<PrivateText> => with_picture_url(PrivateText),
    }
}

impl Agent {
    /// An agent of that name.
    pub fn new(display_name: impl Into<PrivateText>) -> Self {
        Self { display_name: Some(display_name.into()), ..Self::default() }
    }
}

open_enum! {
    /// A person or a machine.
    pub enum AgentKind {
        /// Not said.
        NotKnown = "UNKNOWN_AGENT_TYPE",
        /// A person.
        Human = "HUMAN",
        /// A machine.
        Bot = "BOT",
    }
}

object! {
    /// `reply_to`: the message that this one answers.
    ///
    /// In what is sent: WhatsApp alone, and the service knows the other message for 96 hours; ignored
    /// elsewhere. Source: the published Conversation API description.
    pub struct ReplyTo {
        /// The other message.
        pub message_id: MessageId,
    }
}

impl ReplyTo {
    /// An answer to that message.
    pub fn new(message_id: MessageId) -> Self {
        Self { message_id, unknown_fields: Default::default() }
    }
}

one_of! {
    /// An entry of `explicit_channel_omni_message`: what one channel gets in place of the message.
    ///
    /// Templates of channels cannot stand here. Source: the published Conversation API description.
    pub struct OmniOverride;
    /// Replaces the message on one channel.
    strict enum OmniBody {
        /// `text_message`.
        Text(TextMessage) = "text_message",
        /// `media_message`.
        Media(MediaMessage) = "media_message",
        /// `template_reference`: a template of the service, bare, not `template_message`.
        Template(OmniTemplate) = "template_reference",
        /// `choice_message`.
        Choice(ChoiceMessage) = "choice_message",
        /// `card_message`.
        Card(CardMessage) = "card_message",
        /// `carousel_message`.
        Carousel(CarouselMessage) = "carousel_message",
        /// `location_message`.
        Location(LocationMessage) = "location_message",
        /// `contact_info_message`.
        ContactInfo(ContactInfoMessage) = "contact_info_message",
        /// `list_message`.
        List(ListMessage) = "list_message",
    }
    beside {}
}

impl OmniOverride {
    /// Replaces the message on one channel.
    pub fn new(body: impl Into<OmniBody>) -> Self {
        Self { body: Some(body.into()), unknown_fields: Default::default() }
    }
}
