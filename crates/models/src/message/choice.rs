use std::convert::Infallible;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LocationMessage, TextMessage};
use crate::object::{object, one_of};
use crate::open_enum::open_enum;
use crate::unknown::{Part, Pointer};
use crate::wire::{AnyJson, Bounded, PrivateText, WireTime, list};

/// What can be chosen below a message: at most 10.
pub type Choices = Bounded<Choice, 0, 10>;

object! {
    /// `choice_message`: a text and what can be chosen below it.
    ///
    /// Source: the published Conversation API description.
    pub struct ChoiceMessage {
        /// The text above the choices.
        pub text_message: Option<TextMessage> => with_text(TextMessage),
        /// What can be chosen: at most 10.
        pub choices: Choices,
        /// What only some channels know.
        pub message_properties: Option<ChoiceProperties> => with_properties(ChoiceProperties),
    }
}

impl ChoiceMessage {
    /// A text and at most 10 choices below it.
    pub fn new(text: impl Into<PrivateText>, choices: impl Into<Choices>) -> Self {
        Self {
            text_message: Some(TextMessage::new(text)),
            choices: choices.into(),
            message_properties: None,
            unknown_fields: Default::default(),
        }
    }

    /// Sets the footer shown on WhatsApp.
    #[must_use]
    pub fn with_whatsapp_footer(mut self, footer: impl Into<PrivateText>) -> Self {
        self.message_properties.get_or_insert_default().whatsapp_footer = Some(footer.into());
        self
    }
}

object! {
    /// What only some channels know of a choice message.
    #[derive(Default)]
    pub struct ChoiceProperties {
        /// The footer shown on WhatsApp.
        pub whatsapp_footer: Option<PrivateText>,
    }
}

one_of! {
    /// Something to choose: exactly one of six kinds, and what comes back when it is chosen.
    ///
    /// ```
    /// use sinch_batch_models::message::Choice;
    ///
    /// let yes = Choice::text("Yes").with_postback_data("yes");
    /// let more = Choice::url("Read more", "https://example.com/${page}");
    /// # let _ = (yes, more);
    /// ```
    pub struct Choice;
    /// What happens when something is chosen.
    strict enum ChoiceBody {
        /// `text_message`: the text is the answer.
        Text(TextMessage) = "text_message",
        /// `url_message`: a page opens.
        Url(UrlMessage) = "url_message",
        /// `call_message`: a call is offered.
        Call(CallMessage) = "call_message",
        /// `location_message`: a place is shown.
        Location(LocationMessage) = "location_message",
        /// `calendar_message`: an event is offered to the calendar. Recent.
        Calendar(CalendarMessage) = "calendar_message",
        /// `share_location_message`: asks where the person is. Recent.
        ShareLocation(ShareLocationMessage) = "share_location_message",
    }
    beside {
        /// Comes back when this is chosen; if left out, `message_id_{text, title}` does. No type is
        /// published; Sinch's SDKs use a string.
        pub postback_data: Option<AnyJson> => with_postback_data(AnyJson),
        /// Whether it stays on the screen. Choice messages on RCS alone. Recent.
        pub display_mode: Option<DisplayMode> => with_display_mode(DisplayMode),
    }
}

impl Choice {
    /// Something to choose, of any kind.
    pub fn new(body: impl Into<ChoiceBody>) -> Self {
        Self { body: Some(body.into()), postback_data: None, display_mode: None, unknown_fields: Default::default() }
    }

    /// A text that is the answer.
    pub fn text(text: impl Into<PrivateText>) -> Self {
        Self::new(TextMessage::new(text))
    }

    /// A page that opens.
    pub fn url(title: impl Into<PrivateText>, url: impl Into<PrivateText>) -> Self {
        Self::new(UrlMessage { title: title.into(), url: url.into(), unknown_fields: Default::default() })
    }

    /// A call to a number in E.164 with a leading `+`.
    pub fn call(title: impl Into<PrivateText>, phone_number: impl Into<PrivateText>) -> Self {
        Self::new(CallMessage {
            title: title.into(),
            phone_number: phone_number.into(),
            unknown_fields: Default::default(),
        })
    }

    /// A place.
    pub fn location(location: LocationMessage) -> Self {
        Self::new(location)
    }

    /// An event for the calendar.
    pub fn calendar(event: CalendarMessage) -> Self {
        Self::new(event)
    }

    /// A question where the person is; the page opens where the channel cannot ask.
    pub fn share_location(title: impl Into<PrivateText>, fallback_url: impl Into<PrivateText>) -> Self {
        Self::new(ShareLocationMessage {
            title: title.into(),
            fallback_url: fallback_url.into(),
            unknown_fields: Default::default(),
        })
    }
}

open_enum! {
    /// Whether a choice stays on the screen.
    pub enum DisplayMode {
        /// As the channel likes.
        Unspecified = "DISPLAY_MODE_UNSPECIFIED",
        /// It stays.
        Persistent = "PERSISTENT",
    }
}

object! {
    /// A page that opens when it is chosen.
    pub struct UrlMessage {
        /// What is shown.
        pub title: PrivateText,
        /// The page.
        pub url: PrivateText,
    }
}

object! {
    /// A call that is offered when it is chosen.
    pub struct CallMessage {
        /// What is shown.
        pub title: PrivateText,
        /// The number, in E.164 with a leading `+`.
        pub phone_number: PrivateText,
    }
}

object! {
    /// An event that is offered to the calendar when it is chosen.
    pub struct CalendarMessage {
        /// What is shown.
        pub title: PrivateText,
        /// When it begins; a placeholder may stand here.
        pub event_start: WireTime,
        /// When it ends; a placeholder may stand here.
        pub event_end: WireTime,
        /// What the event is called in the calendar.
        pub event_title: PrivateText,
        /// What the calendar says about it.
        pub event_description: Option<PrivateText> => with_event_description(PrivateText),
        /// The page that opens where the channel knows no calendar.
        pub fallback_url: PrivateText,
    }
}

impl CalendarMessage {
    /// An event, from start to end, and the page that opens where the channel knows no calendar.
    pub fn new(
        title: impl Into<PrivateText>,
        event_title: impl Into<PrivateText>,
        (event_start, event_end): (impl Into<WireTime>, impl Into<WireTime>),
        fallback_url: impl Into<PrivateText>,
    ) -> Self {
        Self {
            title: title.into(),
            event_start: event_start.into(),
            event_end: event_end.into(),
            event_title: event_title.into(),
            event_description: None,
            fallback_url: fallback_url.into(),
            unknown_fields: Default::default(),
        }
    }
}

object! {
    /// A question where the person is.
    pub struct ShareLocationMessage {
        /// What is shown.
        pub title: PrivateText,
        /// The page that opens where the channel cannot ask.
        pub fallback_url: PrivateText,
    }
}

/// Choices below all cards of a carousel: at most 3, and none with a `display_mode`.
///
/// Those that were read from JSON are kept as they are, like a [`Bounded`] list. Source: the published
/// Conversation API description.
#[derive(Clone, Debug, PartialEq)]
pub struct OuterChoices(Vec<Choice>);

/// Choices that cannot stand below a carousel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OuterChoicesError {
    /// There are more than 3.
    #[error("expected at most 3 choices below a carousel, not {found}")]
    TooMany {
        /// How many there were.
        found: usize,
    },
    /// One has a `display_mode`.
    #[error("expected choices without `display_mode` below a carousel")]
    DisplayMode,
}

impl TryFrom<Vec<Choice>> for OuterChoices {
    type Error = OuterChoicesError;

    fn try_from(choices: Vec<Choice>) -> Result<Self, OuterChoicesError> {
        let choices = Self(choices);
        choices.check().map(|()| choices)
    }
}

impl OuterChoices {
    /// The most choices below a carousel.
    pub const MAX: usize = 3;

    fn check(&self) -> Result<(), OuterChoicesError> {
        match self.0.len() {
            0..=Self::MAX if self.0.iter().any(|choice| choice.display_mode.is_some()) => {
                Err(OuterChoicesError::DisplayMode)
            }
            0..=Self::MAX => Ok(()),
            found => Err(OuterChoicesError::TooMany { found }),
        }
    }
}

impl<const N: usize> TryFrom<[Choice; N]> for OuterChoices {
    type Error = OuterChoicesError;

    fn try_from(choices: [Choice; N]) -> Result<Self, OuterChoicesError> {
        Self::try_from(Vec::from(choices))
    }
}

impl Deref for OuterChoices {
    type Target = [Choice];
    fn deref(&self) -> &[Choice] {
        &self.0
    }
}

impl Serialize for OuterChoices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OuterChoices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        list(deserializer, |choices| Ok::<_, Infallible>(Self(choices)))
    }
}

impl Part for OuterChoices {
    fn walk(&self, at: &mut Pointer) {
        if let Err(error) = self.check() {
            at.breaks(error);
        }
        self.0.walk(at);
    }
}
