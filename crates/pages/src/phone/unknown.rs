//! Kinds of messages that are not known: their JSON.

use maud::{Markup, html};
use serde_json::Value;

use super::{Context, json};

pub(super) fn message(message: &Value, _: &Context<'_>) -> Markup {
    html! { span.what { "JSON" } (json(message)) }
}
