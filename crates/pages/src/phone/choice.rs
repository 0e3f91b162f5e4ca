//! Buttons of a message, and what a press on one says.

use maud::{Markup, html};
use serde_json::Value;

use super::text::words;
use super::{Context, at, items, line, location};
use crate::text::{link, outside};

/// Which message a press belongs to, and where to go afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Press<'a> {
    /// The place of the message.
    pub at: &'a str,
    /// The path and query of the page that it is pressed on.
    pub back: &'a str,
}

pub(super) fn message(choice: &Value, context: &Context<'_>) -> Markup {
    let text = at(choice, "/text_message/text");
    html! {
        @if !text.is_empty() { p.said { (words(text, context.channel)) } }
        (choices(items(choice, "choices"), context))
        (line("footer", at(choice, "/message_properties/whatsapp_footer")))
    }
}

/// The buttons under a message. Only those that answer can be pressed.
pub(super) fn choices(choices: &[Value], context: &Context<'_>) -> Markup {
    html! {
        @if !choices.is_empty() {
            ul.choices { @for choice in choices { li { (one(choice, context)) } } }
        }
    }
}

fn one(choice: &Value, context: &Context<'_>) -> Markup {
    let get = |name: &str| choice.get(name).filter(|kind| kind.is_object());
    if let Some(kind) = get("text_message") {
        return reply(at(kind, "/text"), &postback(choice), context);
    }
    html! {
        @if let Some(kind) = get("url_message") {
            (other("Link", at(kind, "/title"), &link(at(kind, "/url"))))
        } @else if let Some(kind) = get("call_message") {
            (other("Call", at(kind, "/title"), &outside(at(kind, "/phone_number"))))
        } @else if let Some(kind) = get("location_message") {
            (other("Place", at(kind, "/title"), &location::coordinates(kind)))
        } @else if let Some(kind) = get("share_location_message") {
            (other("Share a place", at(kind, "/title"), &link(at(kind, "/fallback_url"))))
        } @else if let Some(kind) = get("calendar_message") {
            (other("Calendar", at(kind, "/title"), &html! {
                (outside(at(kind, "/event_title"))) br;
                (outside(at(kind, "/event_start"))) " to " (outside(at(kind, "/event_end")))
            }))
        } @else {
            (other("Other", &super::compact(choice), &html! {}))
        }
    }
}

/// What comes back with a press: the text, or the JSON, that the message gave to the button.
pub(super) fn postback(choice: &Value) -> String {
    match choice.get("postback_data") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A button that answers.
pub(super) fn reply(title: &str, postback: &str, context: &Context<'_>) -> Markup {
    html! {
        @if let Some(press) = context.press {
            form method="post" action="/inbox/reply" {
                input type="hidden" name="at" value=(press.at);
                input type="hidden" name="back" value=(press.back);
                input type="hidden" name="title" value=(title);
                input type="hidden" name="choice" value=(postback);
                button.choice type="submit" { (outside(title)) }
            }
        } @else {
            span.choice { (outside(title)) }
        }
    }
}

/// A button that leads elsewhere: shown, with where to.
fn other(kind: &str, title: &str, leads: &Markup) -> Markup {
    html! { div.choice.other { span.what { (kind) } " " b { (outside(title)) } div.leads { (leads) } } }
}
