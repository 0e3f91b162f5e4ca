use axum_core::extract::rejection::BytesRejection;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use sinch_batch_models::ParseError;

use crate::SignatureError;

/// Why a request is no callback of the service.
///
/// As an answer: the body's own status (413 for one too large, 400 for one cut short), 401 for a
/// signature, 400 for what is no JSON object. The text of the answer is one word.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackRejection {
    /// The body could not be read.
    #[error("the body of the callback could not be read")]
    Body(#[source] BytesRejection),
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Signed, but no JSON object.
    #[error("the callback is no JSON object")]
    Json(#[source] ParseError),
}

impl CallbackRejection {
    pub(super) fn answer(&self) -> Response {
        match self {
            Self::Body(rejection) => (rejection.status(), "body").into_response(),
            Self::Signature(error) => (StatusCode::UNAUTHORIZED, error.word()).into_response(),
            Self::Json(_) => (StatusCode::BAD_REQUEST, "json").into_response(),
        }
    }
}

impl IntoResponse for CallbackRejection {
    fn into_response(self) -> Response {
        self.answer()
    }
}
