//! A message as the person sees it on a phone.
//!
//! The message is JSON with its placeholders filled in, as the service would hand it to the channel. A kind
//! that is not known is shown as JSON; media are never fetched.

mod card;
mod choice;
mod contact;
mod list;
mod location;
mod media;
mod sms;
mod template;
mod text;
mod unknown;
mod variant;

use maud::{Markup, html};
use serde_json::Value;

use crate::text::outside;

pub use self::choice::Press;
pub use self::variant::{Variant, variant};

/// Renders the body of one kind.
type Show = fn(&Value, &Context<'_>) -> Markup;

/// How the kinds of messages are shown.
const KINDS: [(&str, Show); 9] = [
    ("text_message", text::message),
    ("card_message", card::message),
    ("carousel_message", card::carousel),
    ("choice_message", choice::message),
    ("list_message", list::message),
    ("media_message", media::message),
    ("location_message", location::message),
    ("contact_info_message", contact::message),
    ("template_message", template::message),
];

/// Kinds that SMS has nothing of.
const NOT_ON_SMS: [&str; 6] =
    ["card_message", "carousel_message", "choice_message", "list_message", "location_message", "contact_info_message"];

/// Where a message is shown.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The channel, such as `WHATSAPP`.
    pub channel: &'a str,
    /// What a press on one of its buttons belongs to; without it, buttons are shown and do nothing.
    pub press: Option<Press<'a>>,
}

/// The message in its bubble, with what the channel makes of it.
pub fn message(message: &Value, context: &Context<'_>) -> Markup {
    let chosen = variant(message, context.channel);
    let shown = chosen.message;
    let (kind, render) = kind(shown).unwrap_or(("", unknown::message));
    let content = shown.get(kind).unwrap_or(shown);
    let sms = (context.channel == "SMS").then(|| text_of(shown)).flatten();
    html! {
        @if let Some(badge) = chosen.badge { p.badge { (badge) } }
        div.bubble { (render(content, context)) }
        @if let Some(text) = sms { p.aside { (sms::describe(text)) } }
        @if context.channel == "SMS" && NOT_ON_SMS.contains(&kind) {
            p.aside { "SMS has no such messages: the service sends a text in its place (assumption)." }
        }
    }
}

/// The first line of a message, for a list.
pub fn summary(message: &Value, channel: &str) -> String {
    let shown = variant(message, channel).message;
    let Some((kind, _)) = kind(shown) else { return compact(shown) };
    let content = shown.get(kind).unwrap_or(shown);
    let texts = ["/text", "/title", "/text_message/text", "/description", "/name/full_name", "/url", "/cards/0/title"];
    let first = texts.into_iter().map(|path| at(content, path)).find(|text| !text.is_empty());
    let template = || {
        let id = |of: &Value| at(of, "/template_id").to_owned();
        let channel = content.get("channel_template").and_then(|all| all.get(channel)).map(id);
        channel.or_else(|| content.get("omni_template").map(id)).map(|id| format!("Template {id}"))
    };
    let line = first.map(str::to_owned).or_else(template).unwrap_or_else(|| compact(content));
    let line = line.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    cut(line)
}

/// A text of at most 140 characters, with a mark if it was longer.
fn cut(text: &str) -> String {
    match text.char_indices().nth(140) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A value on one line: a text as it is, anything else as JSON.
fn compact(value: &Value) -> String {
    cut(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The kind of a message, if it is known.
fn kind(message: &Value) -> Option<(&'static str, Show)> {
    KINDS.into_iter().find(|(name, _)| message.get(name).is_some_and(Value::is_object))
}

fn text_of(message: &Value) -> Option<&str> {
    message.pointer("/text_message/text")?.as_str()
}

/// A text within a value; empty if it is not there, or no text.
fn at<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list within a value.
fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A paragraph, unless there is nothing to say.
fn line(class: &str, text: &str) -> Markup {
    html! { @if !text.is_empty() { p class=(class) { (outside(text)) } } }
}

/// A value as indented JSON in a frame.
pub(crate) fn json(value: &Value) -> Markup {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    html! { pre { code { (outside(&text)) } } }
}
