use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use sinch_batch_models::ParseError;

use crate::SignatureError;

/// Why a request was not taken in.
///
/// It is in the extensions of the answer, for a layer that logs or counts, and it goes to
/// [`Receiver::with_observer`](crate::Receiver::with_observer). The answer itself is a status and no
/// more: the same for every check that a forger might have failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No `POST`: 405.
    #[error("the method of the request is not POST")]
    Method,
    /// No JSON, says the content type: 415. Nothing said is taken for JSON.
    #[error("the content type of the request is not application/json")]
    ContentType,
    /// The body is larger than [`Limits::body`](crate::Limits::body): 413.
    #[error("the body of the request is over the limit of {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The body took longer than [`Limits::read`](crate::Limits::read): 503.
    ///
    /// Not 408: the service would not send again what went slowly once.
    #[error("the body of the request took too long to arrive")]
    Slow,
    /// The body ended too early, or was no HTTP: 400.
    #[error("the body of the request could not be read")]
    Body(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The signature, or the bearer token, does not hold: 401.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The nonce came before with another body: 401.
    #[error("the callback's nonce came before with another body")]
    Altered,
    /// Signed, but no JSON object: 400.
    #[error("the callback is no JSON object")]
    Json(#[source] Arc<ParseError>),
    /// As many as may be in the sink at once are there: 503.
    #[error("as many callbacks as allowed are in work")]
    Busy,
    /// The sink, or another delivery of the same callback, took longer than
    /// [`Limits::answer`](crate::Limits::answer): 503. What began goes on to its end.
    #[error("the callback took too long to be taken in")]
    Late,
    /// The sink failed, and said this: 503. What a sink says is the program's own affair, and may
    /// hold personal data: it is not logged here.
    #[error("the sink failed: {0}")]
    Sink(Arc<str>),
    /// The sink panicked: 503.
    #[error("the sink panicked")]
    Panicked,
    /// The service below a [`SignedLayer`](crate::SignedLayer) answered this, which is no success.
    #[error("the callback was answered {0}")]
    Answered(StatusCode),
    /// The store of nonces failed, and said this: 503.
    #[error("the store of nonces failed: {0}")]
    Nonces(Arc<str>),
}

impl Refusal {
    /// The answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(_) | Self::Json(_) => StatusCode::BAD_REQUEST,
            Self::Signature(_) | Self::Altered => StatusCode::UNAUTHORIZED,
            Self::Slow | Self::Busy | Self::Late | Self::Sink(_) | Self::Panicked | Self::Nonces(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Answered(status) => *status,
        }
    }

    /// The reason in one word, for a log or a metric; an answer must not tell it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::ContentType => "content_type",
            Self::TooLarge { .. } => "too_large",
            Self::Slow => "slow",
            Self::Body(_) => "body",
            Self::Signature(error) => error.word(),
            Self::Altered => "altered",
            Self::Json(_) => "json",
            Self::Busy => "busy",
            Self::Late => "late",
            Self::Sink(_) => "sink",
            Self::Panicked => "panicked",
            Self::Answered(_) => "answered",
            Self::Nonces(_) => "nonces",
        }
    }

    /// The answer with all that belongs to it. It has no body.
    pub(crate) fn response<B: Default>(self, retry_after: Duration) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, retry_after.as_secs().into());
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }

    /// Tells the log: the word and the status, nothing that came from outside.
    pub(crate) fn log(&self) {
        let (reason, status) = (self.word(), self.status().as_u16());
        if self.status().is_server_error() {
            tracing::warn!(reason, status, "a callback was not taken in, the service will send it again");
        } else {
            tracing::info!(reason, status, "a request was refused");
        }
    }
}
