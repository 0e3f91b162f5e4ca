//! Templates: the text is with the channel, so name, language and values are shown.

use maud::{Markup, html};
use serde_json::Value;

use super::{Context, at};
use crate::text::outside;

pub(super) fn message(template: &Value, context: &Context<'_>) -> Markup {
    let of_channel = template.get("channel_template").and_then(|all| all.get(context.channel));
    let chosen = of_channel.or_else(|| template.get("omni_template"));
    html! {
        @match chosen {
            Some(chosen) => {
                span.what { @if of_channel.is_some() { "Template of the channel" } @else { "Template" } }
                p.heading { (outside(at(chosen, "/template_id"))) }
                p.quiet {
                    @for (path, words) in [("/version", "version "), ("/language_code", " language ")] {
                        @let text = at(chosen, path);
                        @if !text.is_empty() { (words) (outside(text)) }
                    }
                }
                @if let Some(Value::Object(parameters)) = chosen.get("parameters") {
                    dl.values {
                        @for (name, value) in parameters {
                            dt { (outside(name)) }
                            dd { (outside(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))) }
                        }
                    }
                }
                p.aside { "Its text is stored with the channel." }
            }
            None => { p.quiet { "no template for this channel" } }
        }
    }
}
