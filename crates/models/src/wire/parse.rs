use std::fmt;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::push;
use super::repeated::{NoRepeats, may_repeat};

/// Why JSON could not be read: where, and what was expected there. It never shows a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    path: String,
    line: usize,
    column: usize,
    message: String,
}

impl ParseError {
    /// JSON pointer of the value that could not be read; empty for the whole document.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Line in the text, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Byte in the line, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The expectation that was not met, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{path}: {} (line {}, column {})", self.message, self.line, self.column)
    }
}

impl std::error::Error for ParseError {}

/// Reads JSON into a model.
///
/// # Errors
/// [`ParseError`] names the JSON path and what was expected there. The path is searched for only
/// after a failure, so that success does not pay for it.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, ParseError> {
    serde_json::from_slice(json).map_err(|error| {
        let mut path = path_of::<T>(json);
        let mut message = without_values(&error.to_string());
        // Kinds that a field names are read from a buffer, which says where inside of it.
        if let Some((inner, rest)) = message.strip_prefix("at /").and_then(|rest| rest.split_once(": ")) {
            path = format!("{path}/{inner}");
            message = rest.to_owned();
        }
        ParseError { path, line: error.line(), column: error.column(), message }
    })
}

/// Reads JSON that people write, into a model: as [`parse`], and no object may have a key twice.
///
/// Of two values under one key only the last would be used, and nobody would hear of the other. What the
/// service sends is read with [`parse`]: it must not be lost for that.
///
/// ```
/// use sinch_batch_models::{Message, wire};
///
/// let error = wire::parse_strict::<Message>(br#"{"text_message": {"text": "Hi", "text": "Hello"}}"#).unwrap_err();
/// assert_eq!(error.path(), "/text_message/text");
/// assert_eq!(error.message(), "the key `text` stands here twice; only one of the two may stay");
/// ```
///
/// # Errors
/// As [`parse`]; of a repeated key the second is named, and neither value.
pub fn parse_strict<T: DeserializeOwned>(json: &[u8]) -> Result<T, ParseError> {
    if may_repeat(json) {
        parse::<NoRepeats>(json)?;
    }
    parse(json)
}

/// An error about something inside the value at hand; [`parse`] puts the two paths together.
pub(crate) fn inside<E: serde::de::Error>(path: &str, message: impl fmt::Display) -> E {
    if path.is_empty() { E::custom(message) } else { E::custom(format_args!("at {path}: {message}")) }
}

/// The JSON pointer of the value that cannot be read: found by reading once more.
fn path_of<T: DeserializeOwned>(json: &[u8]) -> String {
    let mut path = String::new();
    let read = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(json));
    // What can be read has something behind it: the fault is the document's.
    let Err(error) = read else { return path };
    for step in error.path() {
        match step {
            Segment::Seq { index } => push(&mut path, &index.to_string()),
            Segment::Map { key } => push(&mut path, key),
            Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    path
}

/// serde's words for an escape from `\ud800` to `\udfff` without its other half.
const HALF_PAIRS: [&str; 2] = ["unexpected end of hex escape", "lone leading surrogate in hex escape"];

/// Takes the place and every quoted value out of serde's sentence.
fn without_values(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(head, _)| head);
    if HALF_PAIRS.contains(&message) {
        return "half of a surrogate pair, such as `\\ud83d` alone: write both halves, or the character itself"
            .to_owned();
    }
    for (kind, said) in [("string \"", "a string"), ("integer `", "an integer"), ("floating point `", "a number")] {
        for lead in ["invalid type: ", "invalid value: "] {
            let opening = format!("{lead}{kind}");
            if message.starts_with(&opening) {
                // The value may hold anything, even ", expected": the last one is serde's own.
                let expected = message.rsplit_once(", expected ").map_or("", |(_, expected)| in_words(expected));
                return format!("{lead}{said}, expected {expected}");
            }
        }
    }
    match message.rsplit_once(", expected ") {
        Some((head, expected)) => format!("{head}, expected {}", in_words(expected)),
        None => message.to_owned(),
    }
}

/// What was expected, for those who do not write Rust.
fn in_words(expected: &str) -> &str {
    match expected {
        "i64" | "u64" | "u32" => "an integer",
        "unit" => "null",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SendBatchRequest;

    #[track_caller]
    fn check(json: &str, path: &str, message: &str) {
        let error = parse::<SendBatchRequest>(json.as_bytes()).unwrap_err();
        assert_eq!((error.path(), error.message()), (path, message), "{error}");
    }

    #[test]
    fn errors_name_the_path_and_never_the_value() {
        check(r#"{"app_id": 7}"#, "/app_id", "invalid type: an integer, expected a string (app id)");
        check(
            r#"{"app_id":"a","ttl":"a secret, expected by nobody"}"#,
            "/ttl",
            "expected whole seconds such as \"300s\"",
        );
        check(
            r#"{"app_id":"a","recipient_and_params":[{"recipient":{"contact_id":"c"}},{"recipient":{"contact_id":"c"},"parameters":{"n":"secret","m":5}}]}"#,
            "/recipient_and_params/1/parameters/m",
            "invalid type: an integer, expected a string",
        );
        check(
            r#"{"app_id":"a","message":{"text_message":{"text":"t"}},"recipient_and_params":[]}"#,
            "/recipient_and_params",
            "a batch carries 1 to 1000 recipients, not 0",
        );
        check(
            r#"{"app_id":"a","recipient_and_params":[{"recipient":{"contact_id":"c"},"message_metadata":{},"parameters":{"a/\u007e\"":[]}}]}"#,
            "/recipient_and_params/0/parameters/a~1~0\"",
            "invalid type: sequence, expected a string",
        );
        check(r#"{"app_id":"a"}"#, "", "missing field `message`");
        check("{", "", "EOF while parsing an object");
    }

    #[test]
    fn half_of_a_surrogate_pair_is_named() {
        for half in [r"\ud83d", r"\udE00", r"\ud83d\ud83d", r"\ud83d\n"] {
            let json = format!("{{\"app_id\":\"a\",\"ttl\":\"{half}\"}}");
            check(
                &json,
                "/ttl",
                r"half of a surrogate pair, such as `\ud83d` alone: write both halves, or the character itself",
            );
        }
        check(r#"{"app_id":"\u12"}"#, "/app_id", "invalid escape");
    }

    #[test]
    fn strict_reading_refuses_repeated_keys_by_name_and_place() {
        let json = b"{\"text_message\":{\"text\":\"first\"},\n \"explicit_channel_message\":{\"SMS\":\"{}\",\"SMS\":\"secret\"}}";
        let error = parse_strict::<crate::Message>(json).unwrap_err();
        let said = error.to_string();
        assert_eq!((error.path(), error.line()), ("/explicit_channel_message/SMS", 2), "{said}");
        assert_eq!(error.message(), "the key `SMS` stands here twice; only one of the two may stay");
        assert!(!said.contains("secret"));
        assert!(parse::<crate::Message>(json).is_ok(), "what the service sends is not lost for it");
        assert!(parse_strict::<crate::Message>(br#"{"text_message":{"te\u0078t":"first"}}"#).is_ok());
    }
}
