use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
#[cfg(feature = "axum")]
use jiff::Timestamp;
#[cfg(feature = "axum")]
use sinch_batch_models::ParseError;

#[cfg(feature = "axum")]
use super::warning::{Notice, Warnings};
use crate::SignatureError;

/// Why a callback was not applied, and how it was answered.
///
/// It is in the extensions of the answer, for a layer that logs or counts, and it goes to
/// [`CallbackReceiver::with_observer`](crate::CallbackReceiver::with_observer). The answer itself is a
/// status and no more: the same for every check that a forger might have failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Not a `POST`: 405.
    #[error("the method of the request is not POST")]
    Method,
    /// Not JSON, by its content type: 415. Without a content type it is read as JSON.
    #[error("the content type of the request is not application/json")]
    ContentType,
    /// The body is larger than [`ReceiverLimits::body`](crate::ReceiverLimits::body): 413.
    #[error("the body of the request is over the limit of {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The body took longer than [`ReceiverLimits::read`](crate::ReceiverLimits::read): 503.
    ///
    /// Not 408: the service would not send again what went slowly once.
    #[error("the body of the request took too long to arrive")]
    Slow,
    /// The body ended too early, or was not HTTP: 400.
    #[error("the body of the request could not be read")]
    Body(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// There is no [verifier](crate::Verifiers) for the request: 401, as for a forged one.
    #[error("the request is for no known webhook")]
    NoVerifier,
    /// The verifier could not be looked up, for this reason: 503.
    #[error("the verifier could not be looked up: {0}")]
    Verifiers(Arc<str>),
    /// The signature, or the bearer token, does not hold: 401.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Genuine, but signed before the window, and the receiver does not
    /// [take such](crate::CallbackReceiver::with_late_callbacks): 503.
    #[error("the callback was signed too long ago")]
    Old {
        /// How long ago.
        by: Duration,
    },
    /// Genuine, but signed after the window: 503. The clock here is behind the service's.
    #[error("the callback was signed in the future")]
    Future {
        /// How far.
        by: Duration,
    },
    /// The extractor [`Signed`](crate::Signed) has nothing to verify with: 503.
    #[cfg(feature = "axum")]
    #[error("neither a SignedLayer nor a Verifier is there for the extractor Signed")]
    Unconfigured,
    /// Genuine, but a type that is [`FromSigned`](crate::FromSigned) does not read it: 503.
    #[cfg(feature = "axum")]
    #[error("the callback is not what the handler reads")]
    Unreadable(#[source] Arc<ParseError>),
    /// As many as may be in the sink at once are there: 503.
    #[error("as many callbacks as allowed are being applied")]
    Busy,
    /// The sink, or another delivery of the same callback, took longer than
    /// [`ReceiverLimits::answer`](crate::ReceiverLimits::answer): 503. What began runs to its end.
    #[error("the callback took too long to be applied")]
    TimedOut,
    /// The sink failed, and said this: 503. What a sink says is the program's own affair, and may
    /// hold personal data: it is not logged here.
    #[error("the sink failed: {0}")]
    Sink(Arc<str>),
    /// The sink panicked: 503.
    #[error("the sink panicked")]
    Panicked,
    /// The service below a [`SignedLayer`](crate::SignedLayer) answered this, which is not a success.
    #[error("the callback was answered {0}")]
    Answered(StatusCode),
    /// The store of nonces failed, and said this: 503.
    #[error("the store of nonces failed: {0}")]
    Nonces(Arc<str>),
}

impl Rejection {
    /// The answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(_) => StatusCode::BAD_REQUEST,
            // A program that checks by hand may pass these on.
            Self::Signature(SignatureError::Old | SignatureError::Future) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Signature(_) | Self::NoVerifier => StatusCode::UNAUTHORIZED,
            #[cfg(feature = "axum")]
            Self::Unreadable(_) | Self::Unconfigured => StatusCode::SERVICE_UNAVAILABLE,
            Self::Old { .. }
            | Self::Future { .. }
            | Self::Slow
            | Self::Busy
            | Self::TimedOut
            | Self::Sink(_)
            | Self::Panicked
            | Self::Verifiers(_)
            | Self::Nonces(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Answered(status) => *status,
        }
    }

    /// The reason as a code, for logs and metrics; a response must not contain it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::ContentType => "content_type",
            Self::TooLarge { .. } => "too_large",
            Self::Slow => "slow",
            Self::Body(_) => "body",
            Self::NoVerifier => "no_verifier",
            Self::Verifiers(_) => "verifiers",
            Self::Signature(error) => error.code(),
            Self::Old { .. } => "old",
            Self::Future { .. } => "future",
            #[cfg(feature = "axum")]
            Self::Unreadable(_) => "unreadable",
            #[cfg(feature = "axum")]
            Self::Unconfigured => "unconfigured",
            Self::Busy => "busy",
            Self::TimedOut => "timed_out",
            Self::Sink(_) => "sink",
            Self::Panicked => "panicked",
            Self::Answered(_) => "answered",
            Self::Nonces(_) => "nonces",
        }
    }

    /// The reason for a warning: nothing that came from outside, and nothing that a program said.
    pub(super) fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::Old { by } => format!("signed {} ago", rounded(*by)).into(),
            Self::Future { by } => format!("the clock here is {} behind the service's", rounded(*by)).into(),
            Self::Signature(SignatureError::Mismatch) => "the signature does not match".into(),
            Self::Signature(SignatureError::Ended) => "signed with a secret that has ended".into(),
            Self::Sink(_) => "the sink failed".into(),
            Self::Nonces(_) => "the store of nonces failed".into(),
            Self::Verifiers(_) => "the verifier could not be looked up".into(),
            other => other.to_string().into(),
        }
    }

    /// What an operator can do.
    pub(super) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Method => "callbacks are POST requests: is the URL in use for something else?",
            Self::ContentType => "does a proxy change the content type?",
            Self::TooLarge { .. } => "if they are the service's, raise the limit: they are lost otherwise",
            Self::Signature(SignatureError::Missing(_)) => {
                "give the webhook a secret at the service; does a proxy drop headers?"
            }
            Self::Signature(SignatureError::Mismatch) => {
                "check the webhook secret, and whether a proxy rewrites bodies"
            }
            Self::Signature(SignatureError::Ended) => "the webhook still has the old secret at the service",
            Self::NoVerifier => "does a webhook's URL name a tenant that is not set up here?",
            Self::Signature(SignatureError::OtherApp) => "is the secret of one app used for another?",
            Self::Signature(SignatureError::Bearer) => "check the OAuth2 credentials of the webhook",
            Self::Old { .. } => "if the clock here is right, take late callbacks or widen the window",
            Self::Future { .. } => "set it right",
            Self::Busy => "is the sink too slow?",
            #[cfg(feature = "axum")]
            Self::Unconfigured => "put the layer of a CallbackReceiver, or an Extension with a Verifier, on the route",
            _ => return None,
        })
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

    /// Reports to the log, where no receiver does: once per reason and minute for the whole process.
    #[cfg(feature = "axum")]
    pub(crate) fn log(&self) {
        static WARNINGS: Warnings = Warnings::new();
        if let Some(warning) = WARNINGS.due(Notice::Rejected(self.clone()), Timestamp::now()) {
            warning.log();
        }
    }
}

/// A length of time as a person says it.
fn rounded(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
