//! The message of the command line, and what is held against it before anybody gets it.

use std::path::Path;

use sinch_batch::models::wire::{ParseError, parse_strict};
use sinch_batch::models::{Message, MessageBody};
use sinch_batch::recipients::is_blank;

use crate::args::MessageArgs;
use crate::fail::Failure;
use crate::{bytes, exit, say};

/// Objects on the wire with the text that they cannot be without.
const NEEDED_TEXTS: &[(&str, &str)] = &[
    ("text_message", "text"),
    ("card_message", "title"),
    ("list_message", "title"),
    ("media_message", "url"),
    ("url_message", "title"),
    ("url_message", "url"),
    ("call_message", "title"),
    ("call_message", "phone_number"),
    ("location_message", "title"),
];

/// The message of the command line.
pub(crate) fn read(args: &MessageArgs) -> Result<Message, Failure> {
    if let Some(path) = &args.message {
        return of_file(path, args.allow_unknown_kind);
    }
    let text = args.text.as_deref().unwrap_or_default();
    if is_blank(text) {
        return Err(Failure::new(exit::BAD_INPUT, "the text of the message is blank; nothing was sent")
            .hint("give the words, in single quotes, as in \"…\" the shell replaces ${name}: --text 'Hello ${name}'"));
    }
    Ok(Message::text(text))
}

/// The message of a file.
fn of_file(path: &Path, allow_unknown_kind: bool) -> Result<Message, Failure> {
    let shown = bytes::shown(path);
    let hint = "name a JSON file with the wire's `message` object, or give the words: --text 'Hello ${name}'";
    let text = bytes::read_text("message", path, hint)?;
    if is_blank(&text) {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown} is empty")).hint(hint));
    }
    let message = parse_strict::<Message>(text.as_bytes()).map_err(|error| unreadable(path, &error))?;
    if message.unknown_fields.get("recipient_and_params").is_some() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown} holds a whole request, not its message"))
            .hint("put the request's `message` object into a file of its own; its recipients are the other file"));
    }
    let broken: Vec<_> = message.violations().iter().map(ToString::to_string).collect();
    if !broken.is_empty() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown}, {}", broken.join("; ")))
            .hint("the service refuses such a message: fix the places named"));
    }
    judge(&message, &shown, allow_unknown_kind)?;
    for field in message.unknown_fields() {
        say!("note: {shown}, {field}: a field that this release does not know; it goes out as it is");
    }
    Ok(message)
}

/// Refuses a message that the service would refuse, or that nobody could read.
pub(crate) fn judge(message: &Message, shown: &str, allow_unknown_kind: bool) -> Result<(), Failure> {
    if let Some(kind) = unknown_kind(message).filter(|_| !allow_unknown_kind) {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown}: `{kind}` is not a known kind of message"))
            .hint(likely_meant(kind)));
    }
    let value = serde_json::to_value(message).unwrap_or_default();
    match blank_text(&value, "") {
        Some(at) => Err(Failure::new(exit::BAD_INPUT, format!("{shown}, {at}: nothing in it can be seen"))
            .hint("give it some text, or a placeholder such as ${name}")),
        None => Ok(()),
    }
}

/// The kind of a message that this release does not know.
fn unknown_kind(message: &Message) -> Option<&str> {
    let kind = message.kind().filter(|_| message.body.is_none())?;
    message.unknown_fields.get(kind).map(|_| kind)
}

/// What to type instead of an unknown kind.
fn likely_meant(kind: &str) -> String {
    let allow = "a kind newer than this release goes out with --allow-unknown-kind";
    match kind {
        "message" => "the file holds the value of `message` alone, without that name around it".to_owned(),
        "text" => format!("words alone are {{\"text_message\": {{\"text\": \"…\"}}}}, or --text; {allow}"),
        _ => match MessageBody::KEYS.iter().find(|known| is_near(kind, known)) {
            Some(known) => format!("did you mean `{known}`? {allow}"),
            None => format!("known kinds: {}; {allow}", MessageBody::KEYS.join(", ")),
        },
    }
}

/// Whether two names are the same but for case, separators, a missing `_message`, and up to two letters.
fn is_near(name: &str, known: &str) -> bool {
    let plain = |name: &str| -> Vec<char> { name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect() };
    let (name, known) = (plain(name), plain(known));
    let short = known.strip_suffix(&plain("message")[..]).unwrap_or_default().to_vec();
    name == short || distance(&name, &known) <= 2
}

/// How many letters must be added, removed or replaced to make one word of the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The path of the first needed text in which nothing can be seen.
fn blank_text(value: &serde_json::Value, path: &str) -> Option<String> {
    let parts: Box<dyn Iterator<Item = (String, &serde_json::Value)>> = match value {
        serde_json::Value::Object(fields) => Box::new(fields.iter().map(|(name, part)| (name.clone(), part))),
        serde_json::Value::Array(items) => Box::new(items.iter().enumerate().map(|(at, part)| (at.to_string(), part))),
        _ => return None,
    };
    for (name, part) in parts {
        let path = format!("{path}/{name}");
        for (_, field) in NEEDED_TEXTS.iter().filter(|(object, _)| *object == name) {
            if part.get(field).and_then(|text| text.as_str()).is_some_and(is_blank) {
                return Some(format!("{path}/{field}"));
            }
        }
        if let Some(found) = blank_text(part, &path) {
            return Some(found);
        }
    }
    None
}

fn unreadable(path: &Path, error: &ParseError) -> Failure {
    let at = if error.path().is_empty() { String::new() } else { format!(", {}", error.path()) };
    Failure::new(
        exit::BAD_INPUT,
        format!(
            "{}, line {}, column {}{at}: {}",
            bytes::shown(path),
            error.line(),
            error.column().max(1),
            error.message()
        ),
    )
    .hint("the file holds one message object, such as {\"text_message\": {\"text\": \"Hello ${name}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(json: &str) -> Result<(), String> {
        let message: Message = parse_strict(json.as_bytes()).unwrap();
        judge(&message, "m.json", false).map_err(|failure| failure.to_string())
    }

    #[test]
    fn unknown_kinds_are_refused_with_the_kind_that_was_meant() {
        for (json, words) in [
            (r#"{"text_mesage":{"text":"hi"}}"#, "did you mean `text_message`?"),
            (r#"{"textMessage":{"text":"hi"}}"#, "did you mean `text_message`?"),
            (r#"{"carousel":{"cards":[]}}"#, "did you mean `carousel_message`?"),
            (r#"{"text":"hi"}"#, "--text"),
            (r#"{"message":{"text_message":{"text":"hi"}}}"#, "without that name around it"),
            (r#"{"sticker_message":{"id":7}}"#, "--allow-unknown-kind"),
            (r#"{"sticker_message":{},"explicit_channel_message":{"SMS":"{}"}}"#, "`sticker_message` is not a known"),
        ] {
            assert!(judged(json).unwrap_err().contains(words), "{json}: {:?}", judged(json));
        }
        for json in [
            r#"{"text_message":{"text":"hi"},"note":1}"#,
            r#"{"explicit_channel_message":{"SMS":"{}"},"note":1}"#,
            r#"{"text_message":{"text":"hi"},"sticker_message":{}}"#,
        ] {
            assert_eq!(judged(json), Ok(()), "{json}");
        }
        let sticker: Message = parse_strict(br#"{"sticker_message":{"id":7}}"#).unwrap();
        assert!(judge(&sticker, "m.json", true).is_ok());
    }

    #[test]
    fn needed_texts_are_not_blank_wherever_they_stand() {
        for (json, at) in [
            (r#"{"text_message":{"text":""}}"#, "/text_message/text"),
            (r#"{"text_message":{"text":" \u200b\n"}}"#, "/text_message/text"),
            (r#"{"card_message":{"title":" "}}"#, "/card_message/title"),
            (
                r#"{"choice_message":{"text_message":{"text":"a"},"choices":[{"text_message":{"text":"\ufeff"}}]}}"#,
                "/choice_message/choices/0/text_message/text",
            ),
            (
                r#"{"text_message":{"text":"a"},"explicit_channel_omni_message":{"SMS":{"text_message":{"text":""}}}}"#,
                "/explicit_channel_omni_message/SMS/text_message/text",
            ),
        ] {
            let said = judged(json).unwrap_err();
            assert!(said.contains(&format!("m.json, {at}: ")), "{said}");
        }
        assert_eq!(judged(r#"{"text_message":{"text":"${name}"}}"#), Ok(()));
    }
}
