//! Cards, alone and side by side.

use maud::{Markup, html};
use serde_json::Value;

use super::choice::choices;
use super::text::words;
use super::{Context, at, items, line, media};

pub(super) fn message(card: &Value, context: &Context<'_>) -> Markup {
    html! {
        @if let Some(media) = card.get("media_message").filter(|media| media.is_object()) { (media::frame(media)) }
        (line("header", at(card, "/message_properties/whatsapp_header")))
        (line("heading", at(card, "/title")))
        @let description = at(card, "/description");
        @if !description.is_empty() { p.said { (words(description, context.channel)) } }
        (choices(items(card, "choices"), context))
    }
}

pub(super) fn carousel(carousel: &Value, context: &Context<'_>) -> Markup {
    let cards = items(carousel, "cards");
    html! {
        @if cards.is_empty() { p.quiet { "a carousel without cards" } }
        @else {
            div.carousel role="region" aria-label="Cards" tabindex="0" {
                @for card in cards { div.slide { (message(card, context)) } }
            }
        }
        (choices(items(carousel, "choices"), context))
    }
}
