//! Reading a callback leniently: none is lost because of one odd field.

use serde_json::{Map, Value};

use crate::Callback;
use crate::wire::{self, ParseError};

/// How many fields of an unexpected type are put right one by one. A callback with more of them is kept
/// whole, as an unknown kind: each costs a reading of the whole body.
const FAULTS: usize = 32;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a callback from JSON, leniently where a field is not as expected.
///
/// The service does not send again what was answered 4xx, so a receiver must not refuse a callback for its form:
///
/// | What is in it | What is read |
/// | --- | --- |
/// | a kind that this release does not know | the whole, as [`CallbackKind::Unknown`](crate::CallbackKind::Unknown) |
/// | bytes that are not UTF-8, half of a surrogate pair | U+FFFD in their place |
/// | a byte order mark | the rest |
/// | another type where a string is expected | its JSON text |
/// | any other field of an unexpected type | the rest; that field is in `unknown_fields`, under the key of its kind |
///
/// Verify the signature of the bytes first, as the crate `sinch-batch-webhook` does.
///
/// ```
/// use sinch_batch_models::{CallbackKind, callback};
///
/// // `status` should be a string.
/// let callback = callback::parse(br#"{"message_delivery_report": {"message_id": "m1", "status": 7}}"#)?;
/// let CallbackKind::MessageDelivery(report) = &callback.kind else { panic!("another kind") };
/// assert_eq!(report.message_id.as_ref().map(|id| id.as_str()), Some("m1"));
/// # Ok::<(), sinch_batch_models::ParseError>(())
/// ```
///
/// # Errors
/// If the body is not a JSON object. The service would send the same bytes again, so answer 200 and
/// keep the bytes.
pub fn parse(body: &[u8]) -> Result<Callback, ParseError> {
    wire::parse(body).or_else(|error| repaired(body).ok_or(error))
}

/// What can be read of a body that is not as expected; `None` if it is not an object at all.
fn repaired(body: &[u8]) -> Option<Callback> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let text = wire::without_lone_surrogates(&text);
    // Most often that was all.
    if let Ok(callback) = wire::parse(text.as_bytes()) {
        return Some(callback);
    }
    let fields: Map<String, Value> = serde_json::from_str(&text).ok()?;
    typed(fields.clone()).or_else(|| {
        let mut whole = empty()?;
        fields.into_iter().for_each(|(name, value)| whole.unknown_fields.insert(name, value));
        Some(whole)
    })
}

/// Without those fields that the types do not read; they are in `unknown_fields`.
fn typed(fields: Map<String, Value>) -> Option<Callback> {
    let mut body = Value::Object(fields);
    let mut left = Map::new();
    // Values that were made a text, by their path, as they were.
    let mut made_text: Vec<(String, Value)> = Vec::new();
    // Two steps a fault: first a text is made of it, then it is taken out.
    for _ in 0..2 * FAULTS {
        let error = match wire::parse::<Callback>(&serde_json::to_vec(&body).ok()?) {
            Ok(mut callback) => {
                left.into_iter().for_each(|(name, value)| callback.unknown_fields.insert(name, value));
                return Some(callback);
            }
            Err(error) => error,
        };
        let path = existing(&body, error.path())?;
        let value = body.pointer_mut(path)?;
        let is_tried = made_text.iter().any(|(tried, _)| tried == path);
        if value.is_string() || is_tried {
            let raw = remove(&mut body, path)?;
            let before = made_text.iter().position(|(tried, _)| tried == path);
            let raw = before.map_or(raw, |at| made_text.swap_remove(at).1);
            keep(&mut left, path, raw);
        } else {
            let text = Value::String(value.to_string());
            made_text.push((path.to_owned(), std::mem::replace(value, text)));
        }
    }
    None
}

fn empty() -> Option<Callback> {
    wire::parse(b"{}").ok()
}

/// The longest part of a path at which there is a value; none if that is the whole document.
fn existing<'a>(body: &Value, mut path: &'a str) -> Option<&'a str> {
    while !path.is_empty() && body.pointer(path).is_none() {
        path = &path[..path.rfind('/')?];
    }
    (!path.is_empty()).then_some(path)
}

fn remove(body: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = path.rsplit_once('/')?;
    match body.pointer_mut(parent)? {
        Value::Object(fields) => fields.remove(&unescaped(name)),
        Value::Array(items) => {
            let at: usize = name.parse().ok()?;
            (at < items.len()).then(|| items.remove(at))
        }
        _ => None,
    }
}

/// Puts a value under the names of its path.
fn keep(left: &mut Map<String, Value>, path: &str, value: Value) {
    let mut names = path.split('/').skip(1).map(unescaped).peekable();
    let mut at = left;
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            at.insert(name, value);
            return;
        }
        let inner = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
        if !inner.is_object() {
            *inner = Value::Object(Map::new());
        }
        let Value::Object(fields) = inner else { return };
        at = fields;
    }
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{CallbackKind, DeliveryReport, DeliveryStatus};

    fn report(callback: &Callback) -> &DeliveryReport {
        let CallbackKind::MessageDelivery(report) = &callback.kind else { panic!("another kind: {callback:?}") };
        report
    }

    #[test]
    fn lenient_parse_replaces_what_is_not_unicode() {
        for body in [
            &b"{\"correlation_id\":\"a\xff\",\"message_delivery_report\":{\"status\":\"DELIVERED\"}}"[..],
            br#"{"correlation_id":"a\ud83d","message_delivery_report":{"status":"DELIVERED"}}"#,
            br#"{"correlation_id":"a\uDE00","message_delivery_report":{"status":"DELIVERED"}}"#,
            b"\xef\xbb\xbf{\"correlation_id\":\"a\xef\xbf\xbd\",\"message_delivery_report\":{\"status\":\"DELIVERED\"}}",
        ] {
            let callback = parse(body).unwrap();
            assert_eq!(report(&callback).status, Some(DeliveryStatus::Delivered));
            assert_eq!(callback.correlation_id.as_deref(), Some("a\u{fffd}"));
        }
    }

    #[test]
    fn lenient_parse_keeps_the_rest_of_a_report() {
        let body = json!({
            "correlation_id": 7,
            "message_delivery_report": {
                "message_id": "m", "status": "FAILED", "reason": "none", "metadata": {"_batch_id": "b"}
            }
        });
        let callback = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(callback.correlation_id.as_deref(), Some("7"));
        assert_eq!(report(&callback).status, Some(DeliveryStatus::Failed));
        assert_eq!(callback.unknown_fields.get("message_delivery_report"), Some(&json!({"reason": "none"})));
        assert_eq!(callback.origin().batch_id.unwrap().as_str(), "b", "metadata may be an object");
    }

    #[test]
    fn lenient_parse_keeps_an_object_of_another_type_raw() {
        // JSON text inside a string has escapes of its own.
        let body = json!({"message_delivery_report": {"metadata": r#"{"_batch_id":"b","name":"a\ud83d"}"#}});
        assert_eq!(parse(body.to_string().as_bytes()).unwrap().origin().batch_id.unwrap().as_str(), "b");
        for odd in [json!(7), json!([]), json!("text"), json!(true)] {
            let callback = parse(json!({"app_id": "a", "event": odd}).to_string().as_bytes()).unwrap();
            assert_eq!((&callback.kind, callback.unknown_fields.get("event")), (&CallbackKind::Unknown, Some(&odd)));
            assert_eq!(callback.app_id.unwrap().as_str(), "a");
        }
    }

    #[test]
    fn lenient_parse_refuses_a_body_that_is_not_an_object() {
        for body in ["", "[]", "null", "7", "{", "<html>", "{} {}", "\u{feff}", "{\"a\":\"\\ud83\"}"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn lenient_parse_keeps_a_callback_with_too_many_faults_whole() {
        let reasons: Map<String, Value> = (0..100).map(|n| (n.to_string(), Value::from(n))).collect();
        let body = json!({"conversation_start_notification": {"conversation": [reasons]}});
        let callback = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&callback).unwrap(), body);
    }

    proptest! {
        #[test]
        fn lenient_parse_never_panics(body: Vec<u8>) {
            let _ = parse(&body);
        }

        #[test]
        fn lenient_parse_reads_any_text_in_a_callback(text in r#"(\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\|\\n|[a-zé]){0,12}"#) {
            let body = format!(r#"{{"correlation_id":"{text}","event":{{"id":7}}}}"#);
            prop_assert!(parse(body.as_bytes()).is_ok());
        }
    }
}
