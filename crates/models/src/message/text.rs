use crate::object::object;
use crate::wire::PrivateText;

object! {
    /// `text_message`: words alone. Source: the published Conversation API description.
    pub struct TextMessage {
        /// The words.
        pub text: PrivateText,
    }
}

impl TextMessage {
    /// Words alone.
    pub fn new(text: impl Into<PrivateText>) -> Self {
        Self { text: text.into(), unknown_fields: Default::default() }
    }
}

impl<T: Into<PrivateText>> From<T> for TextMessage {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}
