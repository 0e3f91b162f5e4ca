//! What a row is checked against, in either format.

use sinch_batch_models::{Channel, Template};

use crate::finding::{FindingKind, quoted};
use crate::phone;

/// Characters of `message_metadata` that are kept free for the row key of a campaign, which has 32 hex
/// digits, a row number and their own key.
const CAMPAIGN_ROOM: usize = 64;

/// The most characters of a row's `message_metadata`, if the request has none.
const MESSAGE_METADATA: usize = 1024 - CAMPAIGN_ROOM;

/// What every row is checked against.
pub(super) struct Rules {
    /// Names of the placeholders, sorted, none blank.
    pub(super) names: Box<[Box<str>]>,
    /// The most characters of a row's `message_metadata` as JSON.
    pub(super) message_metadata: usize,
    /// The most characters of a row's `conversation_metadata` as JSON.
    pub(super) conversation_metadata: usize,
}

impl Rules {
    pub(super) fn new(template: &Template) -> Self {
        Self {
            names: template.names().iter().filter(|name| !is_blank(name)).cloned().collect(),
            message_metadata: MESSAGE_METADATA,
            conversation_metadata: 2048,
        }
    }

    /// The request has so many characters of `message_metadata`, which go out with each row's own.
    pub(super) fn shared_metadata(&mut self, characters: usize) {
        self.message_metadata = self.message_metadata.saturating_sub(characters);
    }

    /// Whether the message has a placeholder of that name.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.names.binary_search_by(|have| (**have).cmp(name)).is_ok()
    }
}

pub(super) const BLANK: &str = "there is nothing but white space";

pub(super) const RESERVED: &str =
    "the key is reserved: the service writes `_batch_id`, and campaigns write keys that begin with `sinch_batch_`";

pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

pub(super) fn is_reserved(key: &str) -> bool {
    key == "_batch_id" || key.starts_with("sinch_batch_")
}

/// The channel of that name, in capitals or not.
pub(super) fn channel_named(name: &str) -> Option<Channel> {
    Channel::KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| Channel::from(*known))
}

/// An identity as it is compared: on phone channels with and without `+` it is the same.
pub(super) fn comparable<'a>(channel: &Channel, identity: &'a str) -> &'a str {
    if channel.has_phone_numbers() { identity.strip_prefix('+').unwrap_or(identity) } else { identity }
}

/// What is wrong with the value of a placeholder.
pub(super) fn value_fault(value: &str, name: &str) -> Option<(FindingKind, String)> {
    match value.as_bytes().first() {
        None => Some((
            FindingKind::MissingValue,
            format!("it is empty, and the message needs a value for {}", quoted(name)),
        )),
        // Nearly every value is told by its first byte: a letter or digit is not white space.
        Some(first) if first.is_ascii_graphic() => None,
        Some(_) => is_blank(value).then(|| (FindingKind::BlankValue, BLANK.to_owned())),
    }
}

/// What is wrong with an identity that is not empty.
pub(super) fn identity_fault(channel: &Channel, id: &str) -> Option<(FindingKind, String)> {
    if channel.has_phone_numbers() {
        let why = phone::fault(id)?;
        return Some((FindingKind::BadNumber, format!("this is no phone number: {why}")));
    }
    is_blank(id).then(|| (FindingKind::BlankValue, BLANK.to_owned()))
}

/// The length of an object of metadata, as the JSON that goes out.
#[derive(Default)]
pub(super) struct Length {
    characters: usize,
    #[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "only columns are blamed"))]
    longest: (usize, usize),
}

impl Length {
    /// Adds an entry that stands in a column. An empty cell is no entry.
    #[cfg(feature = "csv")]
    pub(super) fn add(&mut self, column: usize, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        // Quotes, the colon, and a comma: the first entry has none, but there are two braces.
        let entry = json_length(key) + json_length(value) + 6;
        self.characters += if self.characters == 0 { entry + 1 } else { entry };
        self.longest = self.longest.max((entry, column));
    }

    /// The length of an object at hand.
    pub(super) fn of(metadata: &sinch_batch_models::Metadata) -> Self {
        // Writing values into text cannot fail: their keys are strings.
        let text = serde_json::to_string(metadata).unwrap_or_default();
        Self { characters: text.chars().count(), longest: (0, 0) }
    }

    /// The column with the longest entry.
    #[cfg(feature = "csv")]
    pub(super) fn column(&self) -> usize {
        self.longest.1
    }

    pub(super) fn fault(&self, name: &str, limit: usize) -> Option<String> {
        (self.characters > limit).then(|| {
            let found = self.characters;
            let kept = match name {
                "message_metadata" if limit < MESSAGE_METADATA => " beside a campaign's row key and the request's own",
                "message_metadata" => " beside a campaign's row key",
                _ => "",
            };
            format!("the row's `{name}` has {found} characters as JSON; {limit} fit{kept}")
        })
    }
}

/// How many characters a text takes in JSON, without the quotes around it.
#[cfg(feature = "csv")]
fn json_length(text: &str) -> usize {
    text.chars()
        .map(|character| match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\x08' | '\x0C' => 2,
            '\0'..' ' => 6,
            _ => 1,
        })
        .sum()
}

#[cfg(all(test, feature = "csv"))]
mod tests {
    use proptest::prelude::*;
    use sinch_batch_models::Metadata;

    use super::*;

    proptest! {
        #[test]
        fn the_length_is_that_of_the_json(entries in prop::collection::btree_map(".{0,9}", "[\0-\u{7f}é]{1,9}", 0..4)) {
            let mut length = Length::default();
            let mut metadata = Metadata::new();
            for (key, value) in entries {
                length.add(0, &key, &value);
                metadata.insert(key, value.into());
            }
            if !metadata.is_empty() {
                prop_assert_eq!(length.characters, Length::of(&metadata).characters);
            }
        }
    }
}
