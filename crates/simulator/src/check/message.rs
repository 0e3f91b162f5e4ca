//! The message model, as far as the published description makes it hard.

use serde_json::Value;

use super::{Length, Object, Violations};

const GENERIC: [&str; 9] = [
    "text_message",
    "media_message",
    "card_message",
    "carousel_message",
    "choice_message",
    "list_message",
    "template_message",
    "location_message",
    "contact_info_message",
];

const PER_CHANNEL: [&str; 3] =
    ["explicit_channel_message", "explicit_channel_omni_message", "channel_specific_message"];

/// An `AppMessage`.
pub(super) fn check(message: &Object<'_>, wrong: &mut Violations) {
    let generic = GENERIC.iter().any(|name| message.has(name));
    if generic || !PER_CHANNEL.iter().any(|name| message.has(name)) {
        message.exactly_one(&GENERIC, wrong);
    }
    for name in GENERIC {
        message.inside(name, wrong, |object, wrong| generic_message(name, object, wrong));
    }

    message.entries("explicit_channel_message", wrong, |_, payload, at, wrong| {
        if !payload.is_string() {
            wrong.add(at, "must be a string");
        }
    });
    message.entries("explicit_channel_omni_message", wrong, |_, omni, at, wrong| {
        let mut names = GENERIC;
        names[6] = "template_reference";
        let Some(omni) = Object::of(omni, at, wrong) else { return };
        if let Some(name) = omni.exactly_one(&names, wrong) {
            omni.inside(name, wrong, |object, wrong| match name {
                "template_reference" => template_reference(object, true, wrong),
                _ => generic_message(name, object, wrong),
            });
        }
    });
    message.entries("channel_specific_message", wrong, |_, specific, at, wrong| {
        let Some(specific) = Object::of(specific, at, wrong) else { return };
        specific.strings(&["message_type"], wrong);
        specific.require("message", wrong);
        specific.inside("message", wrong, |_, _| {});
    });
    message.inside("agent", wrong, |agent, wrong| {
        agent.one_of("type", &["UNKNOWN_AGENT_TYPE", "HUMAN", "BOT"], wrong);
    });
    message.inside("reply_to", wrong, |reply_to, wrong| reply_to.strings(&["message_id"], wrong));
}

fn generic_message(name: &str, object: &Object<'_>, wrong: &mut Violations) {
    match name {
        "text_message" => object.strings(&["text"], wrong),
        "media_message" => object.strings(&["url"], wrong),
        "card_message" => card(object, wrong),
        "carousel_message" => {
            object.require("cards", wrong);
            object.each("cards", 0..=10, wrong, card);
            object.each("choices", 0..=3, wrong, choice);
        }
        "choice_message" => {
            object.inside("text_message", wrong, |text, wrong| text.strings(&["text"], wrong));
            object.require("choices", wrong);
            object.each("choices", 0..=10, wrong, choice);
        }
        "list_message" => {
            object.strings(&["title"], wrong);
            object.require("sections", wrong);
            object.each("sections", 0..=usize::MAX, wrong, |section, wrong| {
                section.require("items", wrong);
                section.each("items", 0..=usize::MAX, wrong, list_item);
            });
        }
        "template_message" => {
            if !object.has("omni_template") && !object.has("channel_template") {
                object.complain("omni_template", "or channel_template is required", wrong);
            }
            object.inside("omni_template", wrong, |template, wrong| template_reference(template, true, wrong));
            object.entries("channel_template", wrong, |_, template, at, wrong| {
                if let Some(template) = Object::of(template, at, wrong) {
                    template_reference(&template, false, wrong);
                }
            });
        }
        "location_message" => location(object, wrong),
        "contact_info_message" => {
            object.require("name", wrong);
            object.inside("name", wrong, |name, wrong| name.strings(&["full_name"], wrong));
            object.require("phone_numbers", wrong);
            object
                .each("phone_numbers", 0..=usize::MAX, wrong, |number, wrong| number.strings(&["phone_number"], wrong));
        }
        _ => {}
    }
}

fn card(card: &Object<'_>, wrong: &mut Violations) {
    card.one_of("height", &["UNSPECIFIED_HEIGHT", "SHORT", "MEDIUM", "TALL"], wrong);
    card.inside("media_message", wrong, |media, wrong| media.strings(&["url"], wrong));
    card.each("choices", 0..=10, wrong, choice);
}

fn choice(choice: &Object<'_>, wrong: &mut Violations) {
    const KINDS: [(&str, &[&str]); 6] = [
        ("text_message", &["text"]),
        ("url_message", &["title", "url"]),
        ("call_message", &["title", "phone_number"]),
        ("location_message", &[]),
        ("calendar_message", &["title", "event_start", "event_end", "event_title", "fallback_url"]),
        ("share_location_message", &["title", "fallback_url"]),
    ];
    let Some(kind) = choice.exactly_one(&KINDS.map(|(name, _)| name), wrong) else { return };
    for (name, required) in KINDS {
        if name == kind {
            choice.inside(name, wrong, |object, wrong| match name {
                "location_message" => location(object, wrong),
                _ => object.strings(required, wrong),
            });
        }
    }
}

fn list_item(item: &Object<'_>, wrong: &mut Violations) {
    match item.exactly_one(&["choice", "product"], wrong) {
        Some("choice") => item.inside("choice", wrong, |choice, wrong| choice.strings(&["title"], wrong)),
        Some(_) => item.inside("product", wrong, |product, wrong| product.strings(&["id", "marketplace"], wrong)),
        None => {}
    }
}

fn location(location: &Object<'_>, wrong: &mut Violations) {
    location.strings(&["title"], wrong);
    location.require("coordinates", wrong);
    location.inside("coordinates", wrong, |coordinates, wrong| {
        for name in ["latitude", "longitude"] {
            if coordinates.require(name, wrong).is_some_and(|value| !value.is_number()) {
                coordinates.complain(name, "must be a number", wrong);
            }
        }
    });
}

fn template_reference(template: &Object<'_>, with_version: bool, wrong: &mut Violations) {
    template.strings(&["template_id"], wrong);
    if with_version {
        template.strings(&["version"], wrong);
    }
    template.text("language_code", Length::Any, wrong);
    template.entries("parameters", wrong, |_, value, at, wrong| {
        if !matches!(value, Value::String(_)) {
            wrong.add(at, "must be a string");
        }
    });
}
