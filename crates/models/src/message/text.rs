use crate::object::object;
use crate::wire::Text;

object! {
    /// `text_message`: words alone. Source: the published Conversation API description.
    pub struct TextMessage {
        /// The words.
        pub text: Text,
    }
}

impl TextMessage {
    /// Words alone.
    pub fn new(text: impl Into<Text>) -> Self {
        Self { text: text.into(), extra: Default::default() }
    }
}

impl<T: Into<Text>> From<T> for TextMessage {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}
