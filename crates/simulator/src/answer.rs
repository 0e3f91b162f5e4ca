//! Answers: JSON, and errors in the two published layouts.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::check::Violation;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What is said to a caller.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// The bytes that go out in place of the body, and their content type.
    pub(crate) raw: Option<(&'static str, String)>,
    pub(crate) headers: Vec<(HeaderName, String)>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self::with(StatusCode::OK, body)
    }

    /// 200 with bytes that are not what a client expects.
    pub(crate) fn raw(content_type: &'static str, text: impl Into<String>) -> Self {
        Self { raw: Some((content_type, text.into())), ..Self::ok(Value::Null) }
    }

    fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body, raw: None, headers: Vec::new() }
    }

    fn error(status: StatusCode, name: &str, message: &str, details: Value) -> Self {
        let body = json!({"error": {"code": status.as_u16(), "message": message, "status": name, "details": details}});
        Self::with(status, body)
    }

    pub(crate) fn malformed(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message, json!([]))
    }

    pub(crate) fn invalid(violations: &[Violation]) -> Self {
        let violations: Vec<_> =
            violations.iter().map(|it| json!({"field": it.field, "description": it.description})).collect();
        let details = json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]);
        Self::error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "Invalid argument", details)
    }

    /// 401, with what the header says beside the scheme.
    pub(crate) fn unauthenticated(challenge: &str) -> Self {
        let mut answer = Self::error(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "No valid access token.", json!([]));
        answer.headers.push((WWW_AUTHENTICATE, challenge.to_owned()));
        answer
    }

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message, json!([]))
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "NOT_FOUND", message, json!([]))
    }

    pub(crate) fn too_large() -> Self {
        Self::error(StatusCode::PAYLOAD_TOO_LARGE, "INVALID_ARGUMENT", "The body is too large.", json!([]))
    }

    pub(crate) fn timed_out() -> Self {
        Self::error(StatusCode::REQUEST_TIMEOUT, "DEADLINE_EXCEEDED", "The request took too long.", json!([]))
    }

    pub(crate) fn not_simulated(what: &str) -> Self {
        let message = format!("not simulated: {what}");
        Self::error(StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED", &message, json!([]))
    }

    /// 429. `retry_after` goes into the header as it is, and into the details if it is a number.
    pub(crate) fn too_many(message: &str, retry_after: Option<&str>) -> Self {
        let details = match retry_after.and_then(|text| text.parse::<u64>().ok()) {
            Some(seconds) => {
                json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")}])
            }
            None => json!([]),
        };
        let mut answer = Self::error(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", message, details);
        answer.headers.extend(retry_after.map(|text| (RETRY_AFTER, text.to_owned())));
        answer
    }

    pub(crate) fn internal() -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "Something broke on our side.", json!([]))
    }

    pub(crate) fn unavailable() -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Try again later.", json!([]))
    }

    /// An error of the token endpoint, which has a layout of its own.
    pub(crate) fn token_error(status: StatusCode, error: &str, description: &str) -> Self {
        let body = json!({"error": error, "error_description": description});
        let mut answer = Self::with(status, body);
        if status == StatusCode::UNAUTHORIZED {
            answer.headers.push((WWW_AUTHENTICATE, "Basic".to_owned()));
        }
        answer
    }

    /// The same with the error's fields at the top, if it is an error of the API.
    pub(crate) fn flat(mut self) -> Self {
        if let Some(error @ Value::Object(_)) = self.body.get_mut("error") {
            self.body = error.take();
        }
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let (content_type, text) = self.raw.unwrap_or_else(|| ("application/json", self.body.to_string()));
        let mut response = Response::new(full(text));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed_unsync()
}
