//! Error bodies, in both published layouts and in none.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an error answer says: `{"error": {…}}` or the same fields flat.
///
/// Branch on the HTTP status; `message` is for developers and not stable.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The HTTP status as the body repeats it; trust the status line over it.
    pub code: Option<i64>,
    /// For developers; may be empty.
    pub message: String,
    /// A gRPC-style name, such as `PERMISSION_DENIED`.
    pub status: String,
    /// Free JSON.
    pub details: Vec<Value>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Fields {
    code: Option<Value>,
    message: Option<Value>,
    status: Option<Value>,
    details: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Layout {
    Wrapped { error: Fields },
    Flat(Fields),
}

impl ErrorBody {
    /// Reads a body in either layout. Whatever cannot be read is left out: an error answer is never
    /// an error to read.
    pub fn read(body: &[u8]) -> Self {
        let fields = match serde_json::from_slice(body) {
            Ok(Layout::Wrapped { error } | Layout::Flat(error)) => error,
            Err(_) => return Self::default(),
        };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        Self {
            code: fields.code.as_ref().and_then(Value::as_i64),
            message: text(fields.message),
            status: text(fields.status),
            details: match fields.details {
                Some(Value::Array(details)) => details,
                _ => Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_and_none_are_read() {
        for (body, status) in [
            (r#"{"error":{"code":403,"message":"","status":"PERMISSION_DENIED","details":[{}]}}"#, "PERMISSION_DENIED"),
            (r#"{"code":404,"message":"No such batch.","status":"NOT_FOUND","details":null}"#, "NOT_FOUND"),
            (r#"{"error":"invalid_client"}"#, ""),
            ("", ""),
            ("<html>", ""),
            ("[]", ""),
        ] {
            assert_eq!(ErrorBody::read(body.as_bytes()).status, status, "{body}");
        }
    }
}
