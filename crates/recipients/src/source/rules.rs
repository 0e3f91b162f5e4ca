//! What a row is checked against, in either format.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use sinch_batch_models::Template;

use super::text::{control, control_message, is_blank};
use super::wording::Wording;
use crate::finding::{FindingKind, quoted};
use crate::identity::{BLANK, is_error_word};
use crate::reading::ReadOptions;

/// Characters of `message_metadata` that are kept free for the row key of a campaign, which has 32 hex
/// digits, a row number and their own key.
const CAMPAIGN_ROOM: usize = 64;

/// The most characters of a row's `message_metadata`, if the request has none.
const MESSAGE_METADATA: usize = 1024 - CAMPAIGN_ROOM;

/// A value of more characters than this is worth a look.
const LONG_VALUE: usize = 1024;

/// What every row is checked against.
pub(crate) struct Rules {
    pub(crate) wording: Wording,
    pub(crate) reading: ReadOptions,
    /// The most characters of a row's `message_metadata` as JSON.
    pub(crate) message_metadata: usize,
    /// The most characters of a row's `conversation_metadata` as JSON.
    pub(crate) conversation_metadata: usize,
}

impl Rules {
    pub(crate) fn new(template: &Template, reading: &ReadOptions) -> Self {
        Self {
            wording: Wording::new(template),
            reading: reading.clone(),
            message_metadata: MESSAGE_METADATA,
            conversation_metadata: 2048,
        }
    }

    /// The request has so many characters of `message_metadata`, which go out with each row's own.
    pub(crate) fn shared_metadata(&mut self, characters: usize) {
        self.message_metadata = self.message_metadata.saturating_sub(characters);
    }

    /// Names of the placeholders, sorted, none blank.
    pub(crate) fn names(&self) -> &[Box<str>] {
        &self.wording.names
    }

    /// Whether the message has a placeholder of that name.
    pub(crate) fn uses(&self, name: &str) -> bool {
        self.wording.index(name).is_some()
    }

    /// Everything that is wrong with, or odd about, the value of a placeholder.
    #[inline]
    pub(crate) fn check_value(
        &self,
        (value, name): (&str, usize),
        may_have_control: bool,
        to_whatsapp: impl FnOnce() -> bool,
        mut found: impl FnMut(FindingKind, String),
    ) {
        let Some(first) = value.as_bytes().first() else {
            let name = self.names().get(name).map_or("", |name| name);
            return found(
                FindingKind::MissingValue,
                format!("it is empty, and the message needs a value for {}", quoted(name)),
            );
        };
        // The first byte decides nearly every value: a letter or digit can be seen.
        if !first.is_ascii_graphic() && is_blank(value) {
            return found(FindingKind::BlankValue, BLANK.to_owned());
        }
        if may_have_control && let Some(control) = control(value) {
            found(FindingKind::ControlCharacter, control_message(control));
        }
        if is_error_word(value) {
            let message = "a spreadsheet or a database writes this where a value is missing";
            found(FindingKind::SpreadsheetError, message.to_owned());
        }
        if !value.is_ascii() && value.contains(char::REPLACEMENT_CHARACTER) {
            let message = "it has U+FFFD, which a program writes in place of a letter that it could not read";
            found(FindingKind::LostLetter, message.to_owned());
        }
        if value.len() > LONG_VALUE && value.chars().count() > LONG_VALUE {
            found(FindingKind::LongText, "the value has more than 1,024 characters".to_owned());
        }
        if self.wording.has_uses {
            self.check_uses(value, name, to_whatsapp, found);
        }
    }

    fn check_uses(
        &self,
        value: &str,
        name: usize,
        to_whatsapp: impl FnOnce() -> bool,
        mut found: impl FnMut(FindingKind, String),
    ) {
        let use_of = self.wording.use_of(name);
        let breaks_string = |character: char| matches!(character, '"' | '\\') || character < ' ';
        if use_of.in_json_string && value.contains(breaks_string) {
            let message = "a quote, a backslash or a line break in it breaks the JSON of the explicit channel message";
            found(FindingKind::BreaksJson, message.to_owned());
        } else if use_of.in_json && serde_json::from_str::<IgnoredAny>(value).is_err() {
            let message = "it stands outside of quotes in the JSON of the explicit channel message, and is not JSON";
            found(FindingKind::BreaksJson, message.to_owned());
        }
        if use_of.in_template && !self.reading.flatten && flattened(value) != value && to_whatsapp() {
            let message = "WhatsApp refuses a template parameter with a line break, a tab or more than 4 spaces in a row; \
                           `--flatten` sends one space instead";
            found(FindingKind::TemplateWhitespace, message.to_owned());
        }
    }

    /// A value as it is sent.
    #[inline]
    pub(crate) fn as_sent<'a>(&self, value: &'a str, name: &str) -> Cow<'a, str> {
        let flatten = self.reading.flatten
            && self.wording.index(name).is_some_and(|index| self.wording.use_of(index).in_template);
        if flatten { flattened(value) } else { value.into() }
    }
}

/// A text in which each run of white space that WhatsApp refuses in a template parameter is one space.
fn flattened(text: &str) -> Cow<'_, str> {
    /// As many spaces in a row are let through.
    const SPACES: usize = 4;
    let is_break = |character: char| {
        matches!(character, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let is_space = |character: char| character == ' ' || is_break(character);
    if !text.contains(is_break) && !text.contains("     ") {
        return text.into();
    }
    let mut flat = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_space) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|character| !is_space(character)).unwrap_or(run.len());
        let (run, after) = run.split_at(end);
        flat.push_str(before);
        flat.push_str(if run.contains(is_break) || run.len() > SPACES { " " } else { run });
        rest = after;
    }
    flat.push_str(rest);
    flat.into()
}

pub(crate) const RESERVED: &str =
    "the key is reserved: the service writes `_batch_id`, and campaigns write keys that begin with `sinch_batch_`";

pub(crate) fn is_reserved(key: &str) -> bool {
    key == "_batch_id" || key.starts_with("sinch_batch_")
}

/// The length of an object of metadata, as the JSON that is sent.
#[derive(Default)]
pub(crate) struct Length {
    characters: usize,
    #[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "only columns are blamed"))]
    longest: (usize, usize),
}

impl Length {
    /// Adds an entry that stands in a column. An empty cell is not an entry.
    #[cfg(feature = "csv")]
    pub(crate) fn add(&mut self, column: usize, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        // Quotes, the colon, and a comma: the first entry has none, but there are two braces.
        let entry = json_length(key) + json_length(value) + 6;
        self.characters += if self.characters == 0 { entry + 1 } else { entry };
        self.longest = self.longest.max((entry, column));
    }

    /// The length of an object at hand.
    pub(crate) fn of(metadata: &sinch_batch_models::Metadata) -> Self {
        // Writing values into text cannot fail: their keys are strings.
        let text = serde_json::to_string(metadata).unwrap_or_default();
        Self { characters: text.chars().count(), longest: (0, 0) }
    }

    /// The column with the longest entry.
    #[cfg(feature = "csv")]
    pub(crate) fn column(&self) -> usize {
        self.longest.1
    }

    pub(crate) fn fault(&self, name: &str, limit: usize) -> Option<String> {
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

    #[test]
    fn runs_that_whatsapp_refuses_become_one_space() {
        for (text, flat) in [
            ("a b", "a b"),
            ("a    b", "a    b"),
            ("a     b", "a b"),
            ("a\nb", "a b"),
            ("a \r\n\t b", "a b"),
            ("a\tb\nc", "a b c"),
            ("\na", " a"),
        ] {
            assert_eq!(flattened(text), flat, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn length_is_that_of_the_json(entries in prop::collection::btree_map(".{0,9}", "[\0-\u{7f}é]{1,9}", 0..4)) {
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
