//! Reading the bytes of a callback that was verified.

use serde_json::{Map, Value};
use sinch_batch_models::{Callback, ParseError};

/// Reads a verified callback.
///
/// Kinds that this release does not know are kept whole as
/// [`CallbackKind::Unknown`](sinch_batch_models::CallbackKind::Unknown). So is a callback of a known
/// kind with a field of an unexpected shape: answering an error would lose it, since the service
/// repeats nothing after a 4xx.
///
/// # Errors
/// If the body is not JSON, or no object. Answer 400.
pub fn parse(body: &[u8]) -> Result<Callback, ParseError> {
    sinch_batch_models::wire::parse(body).or_else(|error| {
        let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|_| error)?;
        let mut whole: Callback = sinch_batch_models::wire::parse(b"{}")?;
        for (name, value) in fields {
            whole.extra.insert(name, value);
        }
        Ok(whole)
    })
}

#[cfg(test)]
mod tests {
    use sinch_batch_models::CallbackKind;

    use super::*;

    #[test]
    fn what_cannot_be_typed_is_kept_whole() {
        let callback = parse(br#"{"app_id":"a","message_delivery_report":{"status":7}}"#).unwrap();
        assert_eq!(callback.kind, CallbackKind::Unknown);
        assert_eq!(callback.extra.get("message_delivery_report").unwrap()["status"], 7);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "null", "7", "{", "<html>", "{} {}"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
