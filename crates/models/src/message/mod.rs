//! The message: one generic kind, and what goes with it.
//!
//! Every string in here may hold `${name}` placeholders. Maximum lengths of strings in the
//! documentation are those of the text a recipient will see, so they are not checked here; the
//! lengths of lists are, by [`Bounded`](crate::wire::Bounded) and [`Message::violations`].
//!
//! # Guide
#![doc = include_str!("../../docs/messages.md")]

mod card;
pub mod channel_specific;
mod choice;
mod companion;
mod contact_info;
mod list;
mod location;
mod media;
mod template;
mod text;

use serde::de::Error;

pub use card::{CardHeight, CardMessage, CardProperties, Cards, CarouselMessage};
pub use channel_specific::ChannelSpecificMessage;
pub use choice::{
    CalendarMessage, CallMessage, Choice, ChoiceBody, ChoiceMessage, ChoiceProperties, Choices, DisplayMode,
    OuterChoices, OuterChoicesError, ShareLocationMessage, UrlMessage,
};
pub use companion::{Agent, AgentKind, OmniBody, OmniOverride, ReplyTo};
pub use contact_info::{
    ContactInfoMessage, EmailAddress, Organization, PageUrl, PersonName, PhoneNumber, PostalAddress,
};
pub use list::{
    ListChoice, ListItem, ListItemBody, ListMessage, ListProperties, ListSection, ListSections, MixedItems, Product,
};
pub use location::{Coordinates, LocationMessage};
pub use media::MediaMessage;
pub use template::{ChannelTemplate, OmniTemplate, TemplateMessage};
pub use text::TextMessage;

use crate::object::one_of;
use crate::wire::{JsonText, PrivateText, WireMap};
use crate::{Channel, Violation};

one_of! {
    /// What is sent to everyone in a batch. Placeholders `${name}` may stand in any of its strings.
    ///
    /// A message has at most one generic kind. It may have none if companions say what each channel
    /// gets. A kind newer than this release stays whole in [`unknown_fields`](Self::unknown_fields) and goes out as it
    /// came in. Source of all kinds: the published Conversation API description.
    ///
    /// ```
    /// use sinch_batch_models::message::{CardMessage, Choice, Message};
    ///
    /// let message = Message::card(
    ///     CardMessage::new("Hello ${name}")
    ///         .with_description("Your seat is ${seat}.")
    ///         .with_choices([Choice::text("Change seat"), Choice::url("Open pass", "https://example.com/${pass}")]),
    /// );
    /// assert_eq!(message.kind(), Some("card_message"));
    /// ```
    pub struct Message;
    /// The generic kind of a message.
    some enum MessageBody {
        /// `text_message`: words alone.
        Text(TextMessage) = "text_message",
        /// `media_message`: a picture, a film, a sound or a document.
        Media(MediaMessage) = "media_message",
        /// `card_message`: a title, a text, media and choices.
        Card(CardMessage) = "card_message",
        /// `carousel_message`: several cards.
        Carousel(CarouselMessage) = "carousel_message",
        /// `choice_message`: a text and choices.
        Choice(ChoiceMessage) = "choice_message",
        /// `list_message`: sections of choices or products.
        List(ListMessage) = "list_message",
        /// `template_message`: a template by reference.
        Template(TemplateMessage) = "template_message",
        /// `location_message`: a place.
        Location(LocationMessage) = "location_message",
        /// `contact_info_message`: a business card.
        ContactInfo(ContactInfoMessage) = "contact_info_message",
    }
    beside {
        /// What a channel gets in its own format, by channel: JSON text inside a string.
        pub explicit_channel_message: Option<WireMap<JsonText>>,
        /// Another generic message, by channel.
        pub explicit_channel_omni_message: Option<WireMap<OmniOverride>>,
        /// A message that only one channel knows, by channel.
        pub channel_specific_message: Option<WireMap<ChannelSpecificMessage>>,
        /// Who is shown as the one who writes.
        pub agent: Option<Agent> => with_agent(Agent),
        /// The message that this one answers.
        pub reply_to: Option<ReplyTo> => with_reply_to(ReplyTo),
    }
    check has_content;
}

fn has_content<E: Error>(message: &Message) -> Result<(), E> {
    let something = message.body.is_some()
        || message.explicit_channel_message.is_some()
        || message.explicit_channel_omni_message.is_some()
        || message.channel_specific_message.is_some()
        || !message.unknown_fields.is_empty();
    if something { Ok(()) } else { Err(E::custom("one kind of message is required, such as `text_message`")) }
}

impl Message {
    /// A message of any generic kind.
    pub fn new(body: impl Into<MessageBody>) -> Self {
        Self { body: Some(body.into()), ..Self::empty() }
    }

    /// A message of a generic kind newer than this release, under its key on the wire.
    pub fn of_kind(key: impl Into<String>, value: serde_json::Value) -> Self {
        let mut message = Self::empty();
        message.unknown_fields.insert(key, value);
        message
    }

    fn empty() -> Self {
        Self {
            body: None,
            explicit_channel_message: None,
            explicit_channel_omni_message: None,
            channel_specific_message: None,
            agent: None,
            reply_to: None,
            unknown_fields: Default::default(),
        }
    }

    /// A text message.
    pub fn text(text: impl Into<PrivateText>) -> Self {
        Self::new(TextMessage::new(text))
    }

    /// The media at an address.
    pub fn media(media: impl Into<MediaMessage>) -> Self {
        Self::new(media.into())
    }

    /// A card.
    pub fn card(card: CardMessage) -> Self {
        Self::new(card)
    }

    /// Cards side by side.
    pub fn carousel(carousel: CarouselMessage) -> Self {
        Self::new(carousel)
    }

    /// A text and choices.
    pub fn choice(choice: ChoiceMessage) -> Self {
        Self::new(choice)
    }

    /// A list of choices or products.
    pub fn list(list: ListMessage) -> Self {
        Self::new(list)
    }

    /// A template.
    pub fn template(template: TemplateMessage) -> Self {
        Self::new(template)
    }

    /// A place.
    pub fn location(location: LocationMessage) -> Self {
        Self::new(location)
    }

    /// A business card.
    pub fn contact_info(contact: ContactInfoMessage) -> Self {
        Self::new(contact)
    }

    /// A message that only one channel knows, for that channel alone. Channels without one get
    /// nothing, unless a generic kind is set as well.
    pub fn only(channel: Channel, message: impl Into<ChannelSpecificMessage>) -> Self {
        Self::empty().with_channel_specific(channel, message)
    }

    /// Sets what a channel gets in its own format: JSON text.
    #[must_use]
    pub fn with_explicit(mut self, channel: Channel, json: impl Into<Box<str>>) -> Self {
        self.explicit_channel_message.get_or_insert_default().insert(channel.as_str(), JsonText::new(json));
        self
    }

    /// Sets another generic message for one channel.
    #[must_use]
    pub fn with_override(mut self, channel: Channel, message: impl Into<OmniOverride>) -> Self {
        self.explicit_channel_omni_message.get_or_insert_default().insert(channel.as_str(), message.into());
        self
    }

    /// Sets a message that only one channel knows.
    #[must_use]
    pub fn with_channel_specific(mut self, channel: Channel, message: impl Into<ChannelSpecificMessage>) -> Self {
        self.channel_specific_message.get_or_insert_default().insert(channel.as_str(), message.into());
        self
    }

    /// Which documented rules for lists do not hold: too few or too many entries, choices and products in
    /// one list, a `display_mode` below a carousel. A message that was made in Rust breaks none; one that
    /// was read is kept all the same, and the service would refuse it.
    pub fn violations(&self) -> Vec<Violation> {
        crate::unknown::violations(self)
    }

    /// The key on the wire of what is sent: of the generic kind, such as `text_message`; without one,
    /// of the first companion that says what channels get, or of a kind newer than this release.
    pub fn kind(&self) -> Option<&str> {
        let companions = [
            (self.channel_specific_message.is_some(), "channel_specific_message"),
            (self.explicit_channel_omni_message.is_some(), "explicit_channel_omni_message"),
            (self.explicit_channel_message.is_some(), "explicit_channel_message"),
        ];
        self.body
            .as_ref()
            .map(MessageBody::key)
            .or_else(|| self.unknown_fields.iter().map(|(name, _)| name).find(|name| name.ends_with("_message")))
            .or_else(|| companions.iter().find(|(there, _)| *there).map(|(_, name)| *name))
            .or_else(|| self.unknown_fields.iter().next().map(|(name, _)| name))
    }
}
