use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use sinch_batch_models::{Callback, CallbackKind, ParseError};

use crate::receive::{LateCallbacks, ReceiverLimits, Rejection, admit};
use crate::{Verified, Verifier};

/// A verified callback as an argument of a handler: typed, as bytes, or as a type of your own that is
/// [`FromSigned`].
///
/// [`router`](super::router()) is the shorter way, and has everything. Where a handler needs other
/// extractors too, put the [layer](crate::CallbackReceiver::layer) of a receiver on its route. It works
/// with any state, knows repeated callbacks, and sees how the handler ends: a success is remembered,
/// anything else lets the callback come again.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::Router;
/// use axum::extract::State;
/// use axum::routing::post;
/// use sinch_batch_models::Callback;
/// use sinch_batch_webhook::{CallbackReceiver, Signed, Verifier, WebhookSecret};
///
/// struct App;
///
/// async fn receive(State(app): State<Arc<App>>, Signed(callback): Signed<Callback>) {
///     println!("{callback:?}");
///     # drop(app);
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let receiver = CallbackReceiver::new(Verifier::new(WebhookSecret::new("the secret of the webhook"))?);
/// let app: Router = Router::new()
///     .route("/sinch", post(receive).layer(receiver.layer()))
///     .with_state(Arc::new(App));
/// # drop(app);
/// # Ok(())
/// # }
/// ```
///
/// Without the layer it verifies by itself, with the [`Verifier`] of an `Extension`, or else of the state
/// by `FromRef`. Then *repeated callbacks are not recognised*: make what you do harmless when done twice. The
/// limits are [`ReceiverLimits::default`], unless the request has an extension of that type; so with
/// [`LateCallbacks`], by default answered 503. A state of `Arc<App>` or `()` cannot give a verifier: with
/// neither layer nor `Extension` every request is then answered 503, and logged.
///
/// A [`Callback`] of an unknown kind with nothing in it stands for a genuine body that cannot be read.
#[derive(Clone)]
pub struct Signed<T>(pub T);

/// A type that is made of a verified callback.
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

/// For a state that gives a [`Verifier`], which is used where neither layer nor `Extension` is.
impl<S, T> FromRequest<S> for Signed<T>
where
    T: FromSigned,
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        extract(request, Some(Verifier::from_ref(state))).await
    }
}

/// For the usual state, which cannot implement `FromRef` for a foreign type.
impl<A, T> FromRequest<Arc<A>> for Signed<T>
where
    T: FromSigned,
    A: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, _: &Arc<A>) -> Result<Self, Rejection> {
        extract(request, None).await
    }
}

/// For no state.
impl<T: FromSigned> FromRequest<()> for Signed<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, (): &()) -> Result<Self, Rejection> {
        extract(request, None).await
    }
}

async fn extract<T: FromSigned>(request: Request, of_state: Option<Verifier>) -> Result<Signed<T>, Rejection> {
    let extensions = request.extensions();
    let (verified, body) = if let Some(verified) = extensions.get::<Verified>().cloned() {
        // A layer has checked it, and bounded its body.
        let body = request.into_body().collect().await;
        (verified, body.map_err(|error| Rejection::Body(Arc::new(error)))?.to_bytes())
    } else {
        let limits = extensions.get::<ReceiverLimits>().copied().unwrap_or_default();
        let late = extensions.get::<LateCallbacks>().copied().unwrap_or_default();
        let verifier = extensions.get::<Verifier>().cloned().or(of_state).ok_or(Rejection::Unconfigured)?;
        let admitted = admit(request, &verifier, &limits, Timestamp::now).await?.in_time(late)?;
        (admitted.verified, admitted.body)
    };
    let made = T::from_signed(verified, body);
    made.map(Signed).map_err(|error| Rejection::Unreadable(Arc::new(error)))
}

/// As the router answers; [`ReceiverLimits::default`] says when to try again.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.log();
        self.response(ReceiverLimits::default().retry_after)
    }
}
