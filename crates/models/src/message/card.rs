use super::{Choices, MediaMessage, OuterChoices};
use crate::object::object;
use crate::open_enum::open_enum;
use crate::wire::{Bounded, PrivateText};

object! {
    /// `card_message`: a title, a text, media and choices, in one card.
    ///
    /// Nothing is required, but a channel may want one of the parts.
    /// Source: the published Conversation API description.
    #[derive(Default)]
    pub struct CardMessage {
        /// The title.
        pub title: Option<PrivateText> => with_title(PrivateText),
        /// The text below the title.
        pub description: Option<PrivateText> => with_description(PrivateText),
        /// The media of the card.
        pub media_message: Option<MediaMessage> => with_media(MediaMessage),
        /// How high the media are shown.
        pub height: Option<CardHeight> => with_height(CardHeight),
        /// What can be chosen: at most 10.
        pub choices: Option<Choices> => with_choices(Choices),
        /// What only some channels know.
        pub message_properties: Option<CardProperties> => with_properties(CardProperties),
    }
}

impl CardMessage {
    /// A card with a title.
    pub fn new(title: impl Into<PrivateText>) -> Self {
        Self { title: Some(title.into()), ..Self::default() }
    }

    /// Sets the header shown on WhatsApp in place of the title.
    #[must_use]
    pub fn with_whatsapp_header(mut self, header: impl Into<PrivateText>) -> Self {
        self.message_properties.get_or_insert_default().whatsapp_header = Some(header.into());
        self
    }
}

object! {
    /// What only some channels know of a card.
    #[derive(Default)]
    pub struct CardProperties {
        /// The header shown on WhatsApp.
        pub whatsapp_header: Option<PrivateText>,
    }
}

open_enum! {
    /// How high the media of a card are shown.
    pub enum CardHeight {
        /// As the channel likes.
        Unspecified = "UNSPECIFIED_HEIGHT",
        /// Low.
        Short = "SHORT",
        /// In between.
        Medium = "MEDIUM",
        /// High.
        Tall = "TALL",
    }
}

/// The cards of a carousel: at most 10.
pub type Cards = Bounded<CardMessage, 0, 10>;

object! {
    /// `carousel_message`: several cards side by side.
    ///
    /// Source: the published Conversation API description.
    pub struct CarouselMessage {
        /// The cards: at most 10.
        pub cards: Cards,
        /// Choices below all cards: at most 3, without a `display_mode`.
        pub choices: Option<OuterChoices> => with_choices(OuterChoices),
    }
}

impl CarouselMessage {
    /// Cards side by side: at most 10.
    pub fn new(cards: impl Into<Cards>) -> Self {
        Self { cards: cards.into(), choices: None, unknown_fields: Default::default() }
    }
}
