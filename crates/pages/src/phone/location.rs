//! Places: coordinates, no map.

use maud::{Markup, html};
use serde_json::Value;

use super::{Context, at, line};

pub(super) fn message(place: &Value, _: &Context<'_>) -> Markup {
    html! {
        div.media { span.what { "Place" } span.leads { (coordinates(place)) } }
        (line("heading", at(place, "/title")))
        (line("said", at(place, "/label")))
    }
}

/// `59.3293, 18.0686`
pub(super) fn coordinates(place: &Value) -> Markup {
    let number = |path: &str| place.pointer(path).filter(|it| it.is_number()).map(ToString::to_string);
    html! {
        @match (number("/coordinates/latitude"), number("/coordinates/longitude")) {
            (Some(latitude), Some(longitude)) => { (latitude) ", " (longitude) },
            _ => "no coordinates",
        }
    }
}
