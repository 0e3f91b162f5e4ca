//! Every sample obeys its schema, reads and writes back equal, and stays the same byte for byte.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sinch_batch_models::batch::ProcessingStrategy;
use sinch_batch_models::callback::{Direction, ProcessingMode, ReasonSubCode};
use sinch_batch_models::message::{AgentKind, CardHeight, DisplayMode};
use sinch_batch_models::wire::parse;
use sinch_batch_models::*;
use sinch_batch_wire::{self as wire, schema};

use crate::mutated::places;

/// The samples that a model reads, in order of kinds and names.
pub(crate) fn samples() -> Vec<(String, String)> {
    ["callback/", "message/", "request/", "response/"]
        .iter()
        .flat_map(|kind| wire::names(kind))
        .filter(|name| name.ends_with(".json") && !name.contains("token") && !name.contains(".query."))
        .map(|name| (name.clone(), wire::text(&name)))
        .collect()
}

/// Reads a sample with the model of its name and writes it back: the value, and the unknown fields.
pub(crate) fn round(name: &str, json: &[u8]) -> Result<(String, Vec<String>), ParseError> {
    fn of<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(
        json: &[u8],
        unknown: impl Fn(&T) -> Vec<String>,
    ) -> Result<(String, Vec<String>), ParseError> {
        let read: T = parse(json)?;
        let written = serde_json::to_string(&read).unwrap();
        let again: T = parse(written.as_bytes()).unwrap();
        assert_eq!(again, read);
        assert_eq!(serde_json::to_string(&again).unwrap(), written, "the second writing differs");
        // Through a buffer it is read as well.
        let value: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::from_value::<T>(value).unwrap(), read);
        let unknown = unknown(&read);
        Ok((written, unknown))
    }
    let (kind, _) = name.split_once('.').unwrap();
    match kind {
        _ if name.starts_with("message/") => of(json, Message::unknown_fields),
        _ if name.starts_with("callback/") => of(json, Callback::unknown_fields),
        "request/send_batch" => of(json, SendBatchRequest::unknown_fields),
        "request/cancel_batch" => of(json, CancelBatchRequest::unknown_fields),
        "request/create_contacts" => of(json, CreateContactsRequest::unknown_fields),
        "request/delete_contacts" => of(json, DeleteContactsRequest::unknown_fields),
        "request/insert_consents" => of(json, InsertConsentsRequest::unknown_fields),
        "request/recipient" => of(json, BatchRecipient::unknown_fields),
        "response/send_batch" => of(json, BatchSent::unknown_fields),
        "response/batch_status" => of(json, BatchStatus::unknown_fields),
        "response/batch_statuses" => of(json, BatchStatuses::unknown_fields),
        "response/insert_consents" => of(json, ConsentsInserted::unknown_fields),
        // No body is described.
        "response/cancel_batch" | "response/create_contacts" | "response/delete_contacts" => {
            of(json, |_: &AnyJson| Vec::new())
        }
        _ => panic!("no model for {name}"),
    }
}

/// The value without what is `null`: absent and `null` mean the same.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[test]
fn samples_obey_their_schema_and_round_trip() {
    let listed = wire::manifest();
    let mut seen = 0;
    for (name, json) in samples() {
        let value: Value = serde_json::from_str(&json).unwrap();
        let entry = listed.iter().find(|entry| entry["file"] == name.as_str());
        let entry = entry.unwrap_or_else(|| panic!("{name} is in no manifest"));
        if let Some(schema) = entry["schema"].as_str() {
            let faults = schema::check(schema, &value);
            assert!(faults.is_empty(), "{name} breaks its schema: {faults:#?}");
        }
        let (written, unknown) = round(&name, json.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let back: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(without_nulls(&back), without_nulls(&value), "{name}");
        let mut expected: Vec<_> = entry["unknown"].as_array().into_iter().flatten().cloned().collect();
        if name == "callback/unknown_trigger.json" {
            expected.push("/some_future_notification".into());
        }
        assert_eq!(Value::from(unknown), Value::from(expected), "{name}: unknown fields");
        seen += 1;
    }
    assert!(seen > 100, "only {seen} samples");
}

/// A sample changed in every place at once where schema and model let it be: fields that hold no other
/// fields if `leaves`, else objects and lists below the first level; dropped, or set to something.
fn changed(name: &str, schema: &str, sample: &Value, leaves: bool, to: Option<&Value>) -> Value {
    let (_, known) = round(name, sample.to_string().as_bytes()).unwrap();
    let mut all = Vec::new();
    places(sample, "", &mut all);
    let mut value = sample.clone();
    // Inner ones first: their places are gone with the outer ones.
    for place in all.iter().rev() {
        let Some((parent, key)) = place.rsplit_once('/') else { continue };
        let key = key.replace("~1", "/").replace("~0", "~");
        let (Some(old), Some(Value::Object(_))) = (value.pointer(place), value.pointer(parent)) else { continue };
        let is_leaf = !old.is_object() && !old.is_array();
        if is_leaf != leaves || (!leaves && parent.is_empty()) {
            continue;
        }
        let mut candidate = value.clone();
        let fields = candidate.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match to {
            Some(to) => fields.insert(key, to.clone()),
            None => fields.remove(&key),
        };
        let read = round(name, candidate.to_string().as_bytes());
        // A submitted message without its content is kept whole, as an unknown one.
        let is_known = read.is_ok_and(|(_, unknown)| unknown.iter().all(|path| known.contains(path)));
        if is_known && schema::check(schema, &candidate).is_empty() {
            value = candidate;
        }
    }
    value
}

#[test]
fn samples_with_every_option_absent_null_or_empty_come_back_equal() {
    let mut derived = 0;
    for entry in wire::manifest() {
        let (name, schema) = (entry["file"].as_str().unwrap(), entry["schema"].as_str());
        let (true, Some(schema)) = (name.contains(".every_field."), schema) else { continue };
        let sample = wire::json(name);
        for (rule, leaves, to) in [
            ("without options", true, None),
            ("null options", true, Some(Value::Null)),
            ("empty options", true, Some(Value::from(""))),
            ("null parts", false, Some(Value::Null)),
        ] {
            let value = changed(name, schema, &sample, leaves, to.as_ref());
            derived += usize::from(value != sample);
            let (written, _) = round(name, value.to_string().as_bytes()).unwrap();
            let back: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(without_nulls(&back), without_nulls(&value), "{name}, {rule}");
        }
    }
    assert!(derived > 120, "only {derived} samples were changed");
}

#[test]
fn every_kind_of_callback_and_message_has_a_sample() {
    let mut triggers: Vec<String> = Vec::new();
    let mut kinds: Vec<String> = Vec::new();
    for (name, json) in samples() {
        if name.starts_with("callback/") {
            let callback: Callback = parse(json.as_bytes()).unwrap();
            triggers.extend(callback.trigger().map(|trigger| trigger.to_string()));
        } else if name.starts_with("message/") {
            let message: Message = parse(json.as_bytes()).unwrap();
            kinds.extend(message.kind().map(str::to_owned));
        }
    }
    for trigger in Trigger::KNOWN.iter().filter(|trigger| **trigger != "UNSPECIFIED_TRIGGER") {
        assert!(triggers.iter().any(|seen| seen == trigger), "no sample of {trigger}");
    }
    for key in MessageBody::KEYS {
        assert!(kinds.iter().any(|seen| seen == key), "no sample of {key}");
    }
}

#[test]
fn error_samples_are_read() {
    for name in wire::names("error/") {
        if !name.contains("token") {
            let body = ErrorBody::read(wire::text(&name).as_bytes());
            assert!(body.code.is_some() && !body.status.is_empty(), "{name}");
            let expected = if name.contains("flat") { ErrorLayout::Flat } else { ErrorLayout::Wrapped };
            assert_eq!(body.layout, expected, "{name}");
        }
    }
}

#[test]
fn names_of_the_description_are_known() {
    let description = wire::json("openapi.json");
    let callback = |name: &str, body: &str| format!("{name}/allOf/1/properties/{body}/properties");
    let (delivery, inbound) =
        (callback("MessageDeliveryCallback", "message_delivery_report"), callback("MessageInboundCallback", "message"));
    for (place, known, count) in [
        ("ConversationChannel", Channel::KNOWN, 13),
        ("ContactLanguage", Language::KNOWN, 70),
        ("ConsentType", ConsentType::KNOWN, 3),
        ("ProcessingStrategy", ProcessingStrategy::KNOWN, 2),
        ("BatchStatus/properties/status", BatchState::KNOWN, 4),
        ("CardMessage/properties/height", CardHeight::KNOWN, 4),
        ("Choice/properties/display_mode", DisplayMode::KNOWN, 2),
        ("Agent/properties/type", AgentKind::KNOWN, 3),
        ("Reason/properties/code", ReasonCode::KNOWN, 27),
        ("Reason/properties/sub_code", ReasonSubCode::KNOWN, 4),
        (&format!("{delivery}/status"), DeliveryStatus::KNOWN, 5),
        (&format!("{delivery}/processing_mode"), ProcessingMode::KNOWN, 2),
        (&format!("{inbound}/direction"), Direction::KNOWN, 1),
    ] {
        let schema = description.pointer(&format!("/components/schemas/{place}")).unwrap();
        let names = schema.get("enum").or_else(|| schema.get("x-known-values")).unwrap().as_array().unwrap();
        assert_eq!(names.len(), count, "{place}");
        for name in names {
            assert!(known.contains(&name.as_str().unwrap()), "{place}: {name}");
        }
    }
}
