//! `POST /messages`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{CHANNELS, Length, Object, Path, Violation, Violations, is_ulid, message};
use crate::clock::later;

/// How far ahead a batch may be scheduled.
const HORIZON: Duration = Duration::from_secs(7 * 24 * 3600);

/// Checks a send request. What only shows after substitution is not looked at here.
pub(crate) fn check(body: &Value, now: Timestamp) -> Result<(), Vec<Violation>> {
    let mut wrong = Violations::default();
    if let Some(request) = Object::of(body, &Path::Root, &mut wrong) {
        request_fields(&request, now, &mut wrong);
    }
    wrong.into_result()
}

fn request_fields(request: &Object<'_>, now: Timestamp, wrong: &mut Violations) {
    if request.require("app_id", wrong).is_some()
        && let Some(app_id) = request.text("app_id", Length::Filled, wrong)
        && !is_ulid(app_id)
    {
        request.complain("app_id", "must be a ULID", wrong);
    }

    request.require("message", wrong);
    request.inside("message", wrong, message::check);

    let dispatch_only = request.get("processing_strategy").and_then(Value::as_str) == Some("DISPATCH_ONLY");
    request.require("recipient_and_params", wrong);
    request.each("recipient_and_params", 1..=1000, wrong, |entry, wrong| recipient(entry, dispatch_only, wrong));

    request.one_of("processing_strategy", &["DEFAULT", "DISPATCH_ONLY"], wrong);
    for name in ["batch_metadata", "message_metadata", "conversation_metadata"] {
        request.inside(name, wrong, |_, _| {});
    }

    if let Some(text) = request.text("send_after", Length::Filled, wrong) {
        match text.parse::<Timestamp>() {
            Err(_) => request.complain("send_after", "must be a date and time", wrong),
            Ok(time) if time > later(now, HORIZON) => {
                request.complain("send_after", "must be at most 7 days ahead", wrong);
            }
            Ok(_) => {}
        }
    }
    if let Some(text) = request.text("callback_url", Length::UpTo(742), wrong) {
        let is_web = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if !text.is_empty() && !url::Url::parse(text).is_ok_and(is_web) {
            request.complain("callback_url", "must be an http or https URL", wrong);
        }
    }
    if let Some(text) = request.text("ttl", Length::Any, wrong) {
        let seconds = text.strip_suffix('s').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let seconds = seconds.and_then(|digits| digits.parse::<u64>().ok());
        if !seconds.is_some_and(|seconds| (3..=315_576_000_000).contains(&seconds)) {
            request.complain("ttl", "must be 3s to 315576000000s, in seconds", wrong);
        }
    }
    channels(request, "channel_priority_order", wrong);
    request.entries("channel_properties", wrong, |_, value, at, wrong| match value {
        Value::String(text) if text.chars().count() <= 1024 => {}
        Value::String(_) => wrong.add(at, "must have at most 1024 characters"),
        _ => wrong.add(at, "must be a string"),
    });
    request.text("correlation_id", Length::UpTo(128), wrong);
}

/// A list of channel names.
pub(super) fn channels(request: &Object<'_>, name: &str, wrong: &mut Violations) {
    match request.get(name) {
        None => {}
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                if !item.as_str().is_some_and(|channel| CHANNELS.contains(&channel)) {
                    request.complain(&format!("{name}[{index}]"), "is not a channel", wrong);
                }
            }
        }
        Some(_) => request.complain(name, "must be a list", wrong),
    }
}

/// One entry of `recipient_and_params`. Blank keys and empty values are found later, by the service.
fn recipient(entry: &Object<'_>, dispatch_only: bool, wrong: &mut Violations) {
    entry.require("recipient", wrong);
    entry.inside("recipient", wrong, |recipient, wrong| {
        match recipient.exactly_one(&["contact_id", "identified_by"], wrong) {
            Some("contact_id") if dispatch_only => {
                recipient.complain("contact_id", "cannot be used with DISPATCH_ONLY", wrong);
            }
            Some("contact_id") => recipient.texts(&["contact_id"], wrong),
            _ => {}
        }
        recipient.inside("identified_by", wrong, |identified_by, wrong| {
            identified_by.require("channel_identities", wrong);
            identified_by.each("channel_identities", 1..=usize::MAX, wrong, |identity, wrong| {
                identity.texts(&["channel", "identity"], wrong);
                identity.one_of("channel", &CHANNELS, wrong);
            });
        });
    });
    entry.entries("parameters", wrong, |_, value, at, wrong| {
        if !value.is_string() {
            wrong.add(at, "must be a string");
        }
    });
    for name in ["message_metadata", "conversation_metadata"] {
        entry.inside(name, wrong, |_, _| {});
    }
}
