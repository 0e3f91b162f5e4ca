//! Reading the bytes of a callback that was verified.

mod lenient;

use sinch_batch_models::{Callback, ParseError};

/// Reads a verified callback, leniently where it must.
///
/// The service does not send again what was answered 4xx, so a callback is not refused for its form:
///
/// | What is in it | What is read |
/// | --- | --- |
/// | a kind that this release does not know | the whole, as [`CallbackKind::Unknown`](sinch_batch_models::CallbackKind::Unknown) |
/// | bytes that are not UTF-8, half of a surrogate pair | U+FFFD in their place |
/// | a byte order mark | the rest |
/// | another type where a text is expected | its JSON text |
/// | any other field of an unexpected type | the rest; that field is in `unknown_fields`, under the key of its kind |
///
/// # Errors
/// If the body is not a JSON object. The service would send the same bytes again, so answer 200 and
/// keep the bytes.
pub fn parse(body: &[u8]) -> Result<Callback, ParseError> {
    sinch_batch_models::wire::parse(body).or_else(|error| lenient::parse(body).ok_or(error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sinch_batch_models::{CallbackKind, DeliveryReport, DeliveryStatus};

    use super::*;

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
    fn a_body_that_is_not_an_object_is_an_error() {
        for body in ["", "[]", "null", "7", "{", "<html>", "{} {}", "\u{feff}", "{\"a\":\"\\ud83\"}"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
