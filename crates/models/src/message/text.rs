use serde::{Deserialize, Serialize};

use crate::wire::{Extra, Text};

/// `text_message`: words alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextMessage {
    /// The words.
    pub text: Text,
    /// Fields that this release does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

impl TextMessage {
    /// Words alone.
    pub fn new(text: impl Into<Text>) -> Self {
        Self { text: text.into(), extra: Extra::default() }
    }
}
