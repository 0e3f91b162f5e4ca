//! Contact cards.

use maud::{Markup, html};
use serde_json::Value;

use super::{Context, at, items, line};
use crate::text::{link, outside};

pub(super) fn message(contact: &Value, _: &Context<'_>) -> Markup {
    let organization = ["/organization/title", "/organization/department", "/organization/company"];
    let organization = words(contact, &organization);
    html! {
        span.what { "Contact" }
        (line("heading", at(contact, "/name/full_name")))
        (line("said", &organization))
        ul.entries {
            @for number in items(contact, "phone_numbers") { li { (outside(at(number, "/phone_number"))) } }
            @for mail in items(contact, "email_addresses") { li { (outside(at(mail, "/email_address"))) } }
            @for url in items(contact, "urls") { li { (link(at(url, "/url"))) } }
            @for place in items(contact, "addresses") {
                li { (outside(&words(place, &["/zip", "/city", "/state", "/country"]))) }
            }
            @let birthday = at(contact, "/birthday");
            @if !birthday.is_empty() { li { "born " (outside(birthday)) } }
        }
    }
}

/// Those texts that are there, one after the other.
fn words(value: &Value, paths: &[&str]) -> String {
    let texts: Vec<&str> = paths.iter().map(|path| at(value, path)).filter(|text| !text.is_empty()).collect();
    texts.join(", ")
}
