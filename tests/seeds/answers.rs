//! Responses on the wire.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use sinch_batch::client::TransportError;

use crate::faults::Said;

pub(crate) type Answer = Result<Response<Bytes>, TransportError>;

pub(crate) fn json_answer(body: Value) -> Answer {
    Ok(response(200, body.to_string()))
}

fn response(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn error(status: u16) -> Response<Bytes> {
    response(
        status,
        json!({"error": {"code": status, "message": "a fault", "status": "FAULT", "details": []}}).to_string(),
    )
}

/// What a caller is told, where `right` is what it should be told. `None`: nothing, ever.
pub(crate) fn said(what: Said, right: Value) -> Option<Answer> {
    Some(Ok(match what {
        Said::Ok | Said::Late | Said::OtherId => response(200, right.to_string()),
        Said::Status(status) => error(status),
        Said::RateLimited(after) => {
            let mut limited = error(429);
            if let Some(after) = after {
                limited.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after));
            }
            limited
        }
        Said::Expired => {
            let mut expired = error(401);
            let challenge =
                HeaderValue::from_static(r#"Bearer error="invalid_token", error_description="Jwt expired""#);
            expired.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            expired
        }
        Said::Html => response(200, "<html><body>Please wait</body></html>"),
        Said::Empty => response(200, ""),
        Said::Cut => {
            let text = right.to_string();
            response(200, text[..text.len() / 2].to_owned())
        }
        Said::NoId => response(200, "{}"),
        Said::Dropped => return Some(Err(TransportError::broken("the connection was closed"))),
        Said::NoConnection => return Some(Err(TransportError::connect("connection refused"))),
        Said::Nothing => return None,
    }))
}
