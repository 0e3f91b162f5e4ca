//! A sample with a field dropped, added or retyped parses, or is refused with a path and a reason.

use serde_json::{Value, json};

use crate::golden::{round, samples, without_nulls};

/// Every place in a value, as a JSON pointer.
pub(crate) fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                places(value, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[track_caller]
fn check(name: &str, value: &Value, place: &str) {
    match round(name, value.to_string().as_bytes()) {
        Ok((written, _)) => {
            let back: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(without_nulls(&back), without_nulls(value), "{name} at {place}");
        }
        Err(error) => {
            let path = error.path();
            assert!(
                path.starts_with(place) || place.starts_with(&format!("{path}/")),
                "{name}: {error}: the fault is at {place}"
            );
            assert!(value.pointer(path).is_some(), "{name}: {error}: no such place");
            let said = error.message();
            assert!(
                ["expected", "missing", "required", "more than one of", "carries"]
                    .iter()
                    .any(|word| said.contains(word)),
                "{name}: {error}: says nothing of what was expected"
            );
        }
    }
}

#[test]
fn field_dropped_added_or_retyped_parses_or_is_named() {
    for (name, json) in samples() {
        let sample: Value = serde_json::from_str(&json).unwrap();
        let mut all = Vec::new();
        places(&sample, "", &mut all);
        for place in &all {
            // Retyped.
            for other in [
                json!(7),
                json!("a text"),
                json!(""),
                json!(true),
                json!([]),
                json!([1]),
                json!({}),
                json!({"a": 1}),
                json!(null),
            ] {
                let mut value = sample.clone();
                *value.pointer_mut(place).unwrap() = other;
                check(&name, &value, place);
            }
            // Added.
            let mut value = sample.clone();
            if let Some(map) = value.pointer_mut(place).unwrap().as_object_mut() {
                map.insert("a_new/field~".to_owned(), json!({"deep": [1, 2.5, null, {"x": ""}]}));
                check(&name, &value, place);
            }
            // Dropped.
            if let Some((parent, key)) = place.rsplit_once('/') {
                let mut value = sample.clone();
                if let Some(map) = value.pointer_mut(parent).unwrap().as_object_mut() {
                    map.remove(&key.replace("~1", "/").replace("~0", "~"));
                    check(&name, &value, place);
                }
            }
        }
    }
}

#[test]
fn new_field_in_a_known_object_is_named_as_unknown() {
    for (name, json) in samples() {
        let sample: Value = serde_json::from_str(&json).unwrap();
        let Ok((_, before)) = round(&name, json.as_bytes()) else { continue };
        let mut all = Vec::new();
        places(&sample, "", &mut all);
        for place in all {
            let mut value = sample.clone();
            let Some(map) = value.pointer_mut(&place).unwrap().as_object_mut() else { continue };
            map.insert("a_new_field".to_owned(), json!(1));
            // Where any key may stand, a new one is no news; elsewhere it is.
            let Ok((_, unknown)) = round(&name, value.to_string().as_bytes()) else { continue };
            let new: Vec<_> = unknown.iter().filter(|path| !before.contains(path)).collect();
            let open = ["metadata", "meta_data", "parameters", "data", "channel_properties", "payload", "result/0"]
                .iter()
                .any(|end| place.ends_with(end))
                || before.iter().any(|path| place.starts_with(path.as_str()))
                || place.contains("channel_metadata")
                || place.contains("metadata_json")
                || place.contains("_metadata/")
                || place.contains("/data/")
                || place.contains("additional_data/") && !place.contains("message_batch_data")
                || place.contains("postback_data")
                || place.ends_with("channel_event/additional_data")
                || name.starts_with("response/cancel")
                || name.starts_with("response/create")
                || name.starts_with("response/delete");
            // A submitted message with a channel that has no message is kept whole.
            let channels = ["explicit_channel_message", "omni_message", "specific_message", "channel_template"];
            let whole = place.contains("submitted_message") && channels.iter().any(|map| place.ends_with(map));
            if !open && !whole {
                assert_eq!(new, [&format!("{place}/a_new_field")], "{name}");
            }
        }
    }
}
