//! Every kind of message is shown, whatever it holds.

use std::path::Path;

use maud::html;
use proptest::prelude::*;
use serde_json::{Value, json};
use sinch_batch_models::Timestamp;
use sinch_batch_pages::inbox::{BubbleView, Filter, InboundView, LineView, ListView, PersonView, RowView, Status};
use sinch_batch_pages::phone::{Context, Press, message, summary};

use crate::escaping::hostile;
use crate::support::tags;

const CHANNELS: [&str; 5] = ["SMS", "WHATSAPP", "RCS", "KAKAOTALK", ""];

fn on<'a>(channel: &'a str) -> Context<'a> {
    Context { channel, press: Some(Press { at: "0.0", back: "/inbox" }) }
}

/// The samples of the wire: each is a message.
fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire/message");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        samples.push((name, serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()));
    }
    assert!(samples.len() > 50, "{}", samples.len());
    samples
}

/// Every text that a person would read.
fn said(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if matches!(&**name, "text" | "title" | "description" | "template_id") => {
                        texts.push(text.clone());
                    }
                    other => said(other, texts),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| said(item, texts)),
        _ => {}
    }
}

#[test]
fn every_sample_is_shown_with_all_it_says() {
    for (name, sample) in samples() {
        for channel in CHANNELS {
            let shown = message(&sample, &on(channel)).into_string();
            assert!(shown.contains("class=\"bubble\""), "{name} on {channel}");
            assert!(summary(&sample, channel).chars().count() <= 141, "{name}");
            if ["channel_specific", "companions", "explicit", "omni", "overrides"]
                .iter()
                .any(|special| name.contains(special))
            {
                continue;
            }
            let mut texts = Vec::new();
            for kind in ["text_message", "card_message", "carousel_message", "choice_message", "list_message"] {
                said(&sample[kind], &mut texts);
            }
            // Links are shortened, bold is marked up, what cannot be seen is named.
            let hidden = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
            };
            let links = |text: &str| text.contains("https://") || text.contains('*') || text.contains(hidden);
            for text in texts.iter().filter(|text| !links(text)) {
                let escaped = html! { (text) }.into_string();
                assert!(shown.contains(&escaped), "{name} on {channel}: {text} in {shown}");
            }
        }
    }
}

#[test]
fn unknown_kind_is_shown_as_json() {
    let shown = message(&json!({"hologram_message": {"shape": "<cube>"}}), &on("SMS")).into_string();
    assert!(shown.contains("hologram_message") && shown.contains("&lt;cube&gt;"), "{shown}");
}

#[test]
fn press_names_its_message_and_what_the_button_holds() {
    let choice = json!({"choice_message": {"text_message": {"text": "Coming?"}, "choices": [
        {"text_message": {"text": "Yes"}, "postback_data": "yes \"1\""}, {"call_message": {"title": "Call", "phone_number": "+1555"}}]}});
    let shown = message(&choice, &on("WHATSAPP")).into_string();
    assert!(shown.contains(r#"name="choice" value="yes &quot;1&quot;""#), "{shown}");
    assert_eq!(shown.matches("<button").count(), 1, "{shown}");
    let shown = message(&choice, &Context { channel: "WHATSAPP", press: None }).into_string();
    assert!(!shown.contains("<button") && shown.contains("Yes"), "{shown}");
}

#[test]
fn sms_says_what_it_is_not_and_what_it_costs() {
    let card = message(&json!({"card_message": {"title": "t"}}), &on("SMS")).into_string();
    assert!(card.contains("the service sends a text in its place"), "{card}");
    let text = message(&json!({"text_message": {"text": "it’s"}}), &on("SMS")).into_string();
    assert!(text.contains("UCS-2, 1 part, 4 of 70; because of U+2019"), "{text}");
    assert!(!message(&json!({"text_message": {"text": "it’s"}}), &on("RCS")).into_string().contains("UCS-2"));
}

#[test]
fn media_are_named_and_never_fetched() {
    let media =
        json!({"media_message": {"url": "https://example.org/coat.jpg", "thumbnail_url": "https://example.org/s.jpg"}});
    let shown = message(&media, &on("RCS")).into_string();
    assert!(shown.contains("Image") && shown.contains("coat.jpg"), "{shown}");
    assert!(!shown.contains("src="), "{shown}");
}

/// A message of a kind with that text wherever one may stand.
fn message_of(kind: usize, text: &str) -> Value {
    let choices = json!([
        {"text_message": {"text": text}, "postback_data": text}, {"url_message": {"title": text, "url": text}},
        {"call_message": {"title": text, "phone_number": text}}, {"location_message": {"title": text, "label": text}},
        {"calendar_message": {"title": text, "event_title": text, "event_start": text, "event_end": text}}, {text: text}]);
    let media = json!({"url": text, "filename_override": text});
    let card = json!({"title": text, "description": text, "media_message": media, "choices": choices});
    match kind {
        0 => json!({"text_message": {"text": text}}),
        1 => json!({"card_message": card}),
        2 => json!({"carousel_message": {"cards": [card], "choices": choices}}),
        3 => json!({"choice_message": {"text_message": {"text": text}, "choices": choices}}),
        4 => {
            json!({"list_message": {"title": text, "description": text, "media": media, "sections": [{"title": text, "items": [
            {"choice": {"title": text, "description": text, "postback_data": text}}, {"product": {"id": text, "marketplace": text}}, text]}]}})
        }
        5 => json!({"media_message": media}),
        6 => json!({"location_message": {"title": text, "label": text}}),
        7 => json!({"contact_info_message": {"name": {"full_name": text}, "phone_numbers": [{"phone_number": text}],
            "urls": [{"url": text}], "email_addresses": [{"email_address": text}], "addresses": [{"city": text}]}}),
        8 => {
            json!({"template_message": {"omni_template": {"template_id": text, "language_code": text, "parameters": {text: text}}}})
        }
        9 => json!({"explicit_channel_message": {"WHATSAPP": text}}),
        _ => json!({text: text}),
    }
}

fn list_of(text: &str) -> String {
    ListView {
        filter: Filter { channel: text.to_owned(), status: text.to_owned(), q: text.to_owned() },
        rows: vec![RowView {
            at: "0.0".to_owned(),
            channel: "SMS",
            identity: text.to_owned(),
            line: text.to_owned(),
            status: Status::Read,
            accepted: Timestamp::UNIX_EPOCH,
        }],
        older: Some("0.0".to_owned()),
        stopped: false,
        is_older: true,
        newest: "0.0".to_owned(),
        counts: [1; 5],
        channels: vec!["SMS"],
        now: Timestamp::UNIX_EPOCH,
        calls_back: true,
    }
    .render()
}

fn person_of(text: &str, message: Value) -> String {
    let bubble = BubbleView { at: "0.0".to_owned(), message, status: Status::Failed };
    PersonView {
        identity: text.to_owned(),
        phones: vec![(
            "WHATSAPP",
            vec![
                (Timestamp::UNIX_EPOCH, LineView::Message(bubble)),
                (Timestamp::UNIX_EPOCH, LineView::Inbound(InboundView::Wrote(text.to_owned()))),
            ],
        )],
        older: None,
        opted_out: vec![text.to_owned()],
        outcome: ("failed".to_owned(), text.to_owned()),
        calls_back: true,
    }
    .render()
}

/// The names of all elements and of their attributes, and links.
fn shape(page: &str) -> Vec<(String, Vec<String>)> {
    tags(page)
        .into_iter()
        .map(|tag| (tag.name.clone(), tag.attributes.iter().map(|(name, _)| name.clone()).collect()))
        .collect()
}

proptest! {
    /// A text that looks like HTML makes the page no other than one without a sign in it. Links are looked
    /// at apart: only `https` makes one.
    #[test]
    fn text_never_becomes_an_element(text in hostile(), kind in 0_usize..11) {
        let known = ["a", "bdi", "span", "b", "i"];
        let allowed = |tag: &(String, Vec<String>), plain: &[(String, Vec<String>)]| {
            known.contains(&tag.0.trim_start_matches('/')) || plain.contains(tag)
        };
        let plain = [shape(&person_of("x", message_of(kind, "x"))), shape(&list_of("x"))].concat();
        for page in [person_of(&text, message_of(kind, &text)), list_of(&text)] {
            for tag in shape(&page) {
                let is_empty_line = ["p", "div", "pre", "code", "ul", "li"].contains(&tag.0.trim_start_matches('/'));
                prop_assert!(allowed(&tag, &plain) || is_empty_line, "{tag:?} in {page}");
                prop_assert!(tag.1.iter().all(|name| !name.starts_with("on") && name != "src" || tag.0 == "script"));
            }
            for tag in tags(&page) {
                for (name, value) in &tag.attributes {
                    if name == "href" || name == "action" {
                        let fine = value.starts_with('/') || value.starts_with('#') || value == "data:,"
                            || value.to_ascii_lowercase().starts_with("https://");
                        prop_assert!(fine, "{value}");
                    }
                }
            }
        }
    }
}
