//! Lists: sections of rows, or of products.

use maud::{Markup, html};
use serde_json::Value;

use super::choice::{postback, reply};
use super::{Context, at, items, line, media};
use crate::text::outside;

pub(super) fn message(list: &Value, context: &Context<'_>) -> Markup {
    html! {
        (line("header", at(list, "/message_properties/whatsapp_header")))
        @if let Some(media) = list.get("media").filter(|media| media.is_object()) { (media::frame(media)) }
        (line("heading", at(list, "/title")))
        (line("said", at(list, "/description")))
        (line("menu", at(list, "/message_properties/menu")))
        @for section in items(list, "sections") {
            (line("section", at(section, "/title")))
            ul.choices { @for item in items(section, "items") { li { (row(item, context)) } } }
        }
    }
}

fn row(item: &Value, context: &Context<'_>) -> Markup {
    html! {
        @if let Some(choice) = item.get("choice").filter(|choice| choice.is_object()) {
            (reply(at(choice, "/title"), &postback(choice), context))
            (line("description", at(choice, "/description")))
        } @else if let Some(product) = item.get("product").filter(|product| product.is_object()) {
            div.choice.other {
                span.what { "Product" } " " b { (outside(at(product, "/id"))) }
                div.leads {
                    (outside(at(product, "/marketplace")))
                    @for (name, words) in [("quantity", " × "), ("item_price", " · ")] {
                        @if let Some(number) = product.get(name).filter(|number| number.is_number()) {
                            (words) (number.to_string())
                        }
                    }
                    " " (outside(at(product, "/currency")))
                }
            }
        } @else {
            div.choice.other { (outside(&super::compact(item))) }
        }
    }
}
