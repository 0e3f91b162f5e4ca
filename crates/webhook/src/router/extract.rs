use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use jiff::Timestamp;
use sinch_batch_models::{Callback, CallbackKind, ParseError};

use crate::receive::{LateCallbacks, ReceiverLimits, Rejection, admit};
use crate::{Verified, Verifier};

/// What came with a signature that holds: the callback, its bytes, or a type of your own that is
/// [`FromSigned`].
///
/// For handlers of your own; the state must give a [`Verifier`] by `FromRef`. The limits are
/// [`ReceiverLimits::default`], unless the request has an extension of that type; so with [`LateCallbacks`], by
/// default answered 503. A [`Callback`] of an unknown kind with nothing in it stands for a genuine body
/// that cannot be read. Repeated callbacks are *not*
/// recognised here, as [`router`](super::router()) and [`SignedLayer`](crate::SignedLayer) do it: only
/// they see how the handler ends. Take `Signed<(Verified, Bytes)>` and ask a
/// [`NonceStore`](crate::NonceStore), or make what you do harmless when done twice.
///
/// ```
/// use axum::Router;
/// use axum::routing::post;
/// use sinch_batch_models::Callback;
/// use sinch_batch_webhook::{Signed, Verifier, WebhookSecret};
///
/// async fn receive(Signed(callback): Signed<Callback>) {
///     println!("{callback:?}");
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::new(WebhookSecret::new("the secret of the webhook"))?;
/// let app: Router = Router::new().route("/sinch", post(receive)).with_state(verifier);
/// # drop(app);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Signed<T>(pub T);

/// What can be made of a callback that was verified.
pub trait FromSigned: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// If the body is not what the program reads: answered 503, so that it comes again, perhaps to a
    /// release that does.
    fn from_signed(verified: Verified, body: Bytes) -> Result<Self, ParseError>;
}

impl FromSigned for Callback {
    fn from_signed(_: Verified, body: Bytes) -> Result<Self, ParseError> {
        // What is genuine is never answered with an error for what is in it.
        Ok(crate::parse(&body).unwrap_or_else(|_| Self::new(CallbackKind::Unknown)))
    }
}

impl FromSigned for Bytes {
    fn from_signed(_: Verified, body: Bytes) -> Result<Self, ParseError> {
        Ok(body)
    }
}

/// Both the signature's side of it and whatever else can be made of it.
impl<T: FromSigned> FromSigned for (Verified, T) {
    fn from_signed(verified: Verified, body: Bytes) -> Result<Self, ParseError> {
        let rest = T::from_signed(verified.clone(), body)?;
        Ok((verified, rest))
    }
}

/// It does not show what is in it: bytes would show a person's number.
impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

impl<S, T> FromRequest<S> for Signed<T>
where
    T: FromSigned,
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let limits = request.extensions().get::<ReceiverLimits>().copied().unwrap_or_default();
        let late = request.extensions().get::<LateCallbacks>().copied().unwrap_or_default();
        let verifier = Verifier::from_ref(state);
        let admitted = admit(request, &verifier, &limits, Timestamp::now).await?.in_time(late)?;
        let made = T::from_signed(admitted.verified, admitted.body);
        made.map(Signed).map_err(|error| Rejection::Unreadable(Arc::new(error)))
    }
}

/// As the router answers; [`ReceiverLimits::default`] says when to try again.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.log();
        self.response(ReceiverLimits::default().retry_after)
    }
}
