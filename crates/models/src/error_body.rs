//! Error bodies, in both published layouts and in none.

use std::fmt;

use serde_json::{Map, Value};

use crate::wire::PrivateText;

/// What an error answer says: `{"error": {…}}` or the same fields flat.
///
/// Branch on the HTTP status; `message` is for developers and not stable. `Debug` shows neither the
/// message nor the details, which may repeat what was sent.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The HTTP status as the body repeats it; trust the status line over it.
    pub code: Option<i64>,
    /// For developers; may be empty.
    pub message: String,
    /// A gRPC-style name, such as `PERMISSION_DENIED`.
    pub status: String,
    /// Free JSON; messages of google.rpc have been seen, in camel case and in snake case.
    pub details: Vec<Value>,
    /// How the body was laid out.
    pub layout: ErrorLayout,
    /// The body as received; invalid UTF-8 is replaced. `Debug` shows only its length.
    pub raw: PrivateText,
}

/// How an error body is laid out. Both layouts are published for the same operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorLayout {
    /// `{"error": {"code": …}}`.
    Wrapped,
    /// `{"code": …}`; any other object too, such as that of the token endpoint.
    Flat,
    /// JSON, but no object.
    OtherJson,
    /// No JSON, such as a page of a proxy.
    NotJson,
    /// Nothing: the published answer to a bad token.
    #[default]
    Empty,
}

impl ErrorBody {
    /// Reads a body in either layout. Whatever cannot be read is left out: an error answer is never
    /// an error to read.
    pub fn read(body: &[u8]) -> Self {
        let raw = PrivateText::new(String::from_utf8_lossy(body));
        let (layout, fields) = match serde_json::from_slice(body) {
            Ok(Value::Object(mut all)) => match all.remove("error") {
                Some(Value::Object(error)) => (ErrorLayout::Wrapped, error),
                _ => (ErrorLayout::Flat, all),
            },
            Ok(_) => (ErrorLayout::OtherJson, Map::new()),
            Err(_) if body.trim_ascii().is_empty() => (ErrorLayout::Empty, Map::new()),
            Err(_) => (ErrorLayout::NotJson, Map::new()),
        };
        Self::from_fields(fields, layout, raw)
    }

    fn from_fields(mut fields: Map<String, Value>, layout: ErrorLayout, raw: PrivateText) -> Self {
        let code = fields.get("code").and_then(Value::as_i64);
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        Self {
            code,
            message: text("message"),
            status: text("status"),
            details: match fields.remove("details") {
                Some(Value::Array(details)) => details,
                Some(Value::Null) | None => Vec::new(),
                Some(one) => vec![one],
            },
            layout,
            raw,
        }
    }
}

impl fmt::Debug for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorBody")
            .field("code", &self.code)
            .field("status", &self.status)
            .field("layout", &self.layout)
            .field("message", &format_args!("{} characters", self.message.chars().count()))
            .field("details", &self.details.len())
            .field("raw", &self.raw)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorLayout::{Empty, Flat, NotJson, OtherJson, Wrapped};

    #[test]
    fn both_layouts_and_none_are_read() {
        for (body, status, details, layout) in [
            (
                r#"{"error":{"code":403,"message":"","status":"PERMISSION_DENIED","details":[{}]}}"#,
                "PERMISSION_DENIED",
                1,
                Wrapped,
            ),
            (r#"{"error":{"status":"ABORTED","details":{"field":"x"}}}"#, "ABORTED", 1, Wrapped),
            (r#"{"code":404,"message":"No such batch.","status":"NOT_FOUND","details":null}"#, "NOT_FOUND", 0, Flat),
            (r#"{"code":"404","message":7,"status":null,"details":["a",1]}"#, "", 2, Flat),
            (r#"{"error":"invalid_client"}"#, "", 0, Flat),
            ("", "", 0, Empty),
            ("\r\n", "", 0, Empty),
            ("<html>", "", 0, NotJson),
            ("[]", "", 0, OtherJson),
        ] {
            let read = ErrorBody::read(body.as_bytes());
            assert_eq!((read.status.as_str(), read.details.len(), read.layout), (status, details, layout), "{body}");
            assert_eq!(read.raw, body);
        }
    }

    #[test]
    fn debug_hides_what_the_service_repeats() {
        let body =
            r#"{"code":400,"status":"INVALID_ARGUMENT","message":"bad number 46700000001","details":["+46700000001"]}"#;
        let shown = format!("{:?}", ErrorBody::read(body.as_bytes()));
        assert!(shown.contains("INVALID_ARGUMENT") && shown.contains("22 characters"), "{shown}");
        assert!(!shown.contains("4670"), "{shown}");
    }
}
