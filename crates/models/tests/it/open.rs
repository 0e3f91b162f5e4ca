//! Open places: names, times, callbacks of two kinds, numbers.

use serde_json::Value;
use sinch_batch_models::callback::{CallbackKind, Trigger};
use sinch_batch_models::wire::parse;
use sinch_batch_models::*;

#[track_caller]
fn same(json: &str) -> Callback {
    let callback: Callback = parse(json.as_bytes()).unwrap();
    let back: Value = serde_json::to_value(&callback).unwrap();
    // A reader that keeps the last of equal keys sees the same.
    assert_eq!(back, serde_json::from_str::<Value>(json).unwrap());
    callback
}

#[test]
fn second_kind_is_kept_and_the_order_of_keys_does_not_matter() {
    let event = r#""event":{"id":"e","new":1}"#;
    let report = r#""message_delivery_report":{"status":"READ"}"#;
    for json in [format!("{{{event},{report}}}"), format!("{{{report},{event}}}")] {
        let callback = same(&json);
        assert_eq!(callback.trigger(), Some(Trigger::MessageDelivery));
        assert_eq!(callback.unknown_fields(), ["/event"]);
    }
}

#[test]
fn known_key_that_comes_twice_is_kept() {
    let json = r#"{"message":{"id":"1"},"message":{"id":"2"}}"#;
    let callback: Callback = parse(json.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&callback).unwrap(), json);
}

#[test]
fn unknown_kinds_and_the_other_shape_of_batch_status_are_kept_whole() {
    let callback = same(r#"{"app_id":"","batch_status_update":{"status":"COMPLETED","total_messages":3}}"#);
    assert_eq!(callback.kind, CallbackKind::Unknown);
    assert_eq!(callback.unknown_fields(), ["/batch_status_update"]);
    assert_eq!(same("{}").trigger(), None);
    same(r#"{"message_delivery_report":{}}"#);
}

#[test]
fn number_loses_nothing() {
    for number in ["18446744073709551615", "-9223372036854775808", "0.1", "1e300", "5e-324", "18", "18.0", "-0.0"] {
        same(&format!(r#"{{"x":{number},"channel_metadata":{{"y":[{number}]}}}}"#));
        let message =
            format!(r#"{{"location_message":{{"title":"t","coordinates":{{"latitude":{number},"longitude":1}}}}}}"#);
        let read: Message = parse(message.as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::from_str::<Value>(&message).unwrap(), "{number}");
    }
}

#[test]
fn debug_output_shows_no_personal_data() {
    let mut shown = String::new();
    for (name, json) in crate::golden::samples() {
        if name.starts_with("callback.") {
            shown += &format!("{:?}", parse::<Callback>(json.as_bytes()).unwrap());
        } else if name.starts_with("message.") {
            shown += &format!("{:?}", parse::<Message>(json.as_bytes()).unwrap());
        } else if name.starts_with("request.send_batch") {
            shown += &format!("{:?}", parse::<SendBatchRequest>(json.as_bytes()).unwrap());
        } else if name.starts_with("request.create_contacts") {
            shown += &format!("{:?}", parse::<CreateContactsRequest>(json.as_bytes()).unwrap());
        } else if name.starts_with("request.insert_consents") {
            shown += &format!("{:?}", parse::<InsertConsentsRequest>(json.as_bytes()).unwrap());
        }
    }
    for word in ["555010", "555019", "Ines", "Ada", "Reyes", "example.com", "Thanks", "PK-4471", "gold", "vip"] {
        assert!(!shown.contains(word), "{word} is shown");
    }
}
