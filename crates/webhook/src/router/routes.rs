use std::fmt;

use axum::Router;
use sinch_batch_models::Callback;

use crate::receive::{CallbackReceiver, Received};
use crate::{Nonces, Verifiers};

/// Receives callbacks by `POST` on `/`, or on the path it is nested under, in an application with any
/// state. [`CallbackReceiver`] describes the answers and the options.
///
/// The sink should return `Ok` only when the callback is safe, on disk for instance, and quickly: the
/// service waits for the answer.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::Router;
/// use axum::routing::get;
/// use sinch_batch_webhook::{Verifier, WebhookSecret, router};
///
/// #[derive(Clone)]
/// struct App;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::new(WebhookSecret::new("the secret of the webhook"))?;
/// let app: Router = Router::new()
///     .route("/", get("your own"))
///     .nest("/sinch", router(verifier, async |_| Ok::<_, Infallible>(())))
///     .with_state(App);
/// # drop(app);
/// # Ok(())
/// # }
/// ```
pub fn router<S, F, Fut, E>(verifiers: impl Verifiers, sink: F) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(Callback) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + 'static,
{
    CallbackReceiver::new(verifiers).router(sink)
}

impl<N: Nonces> CallbackReceiver<N> {
    /// A router over a sink of callbacks: `POST /`.
    pub fn router<S, F, Fut, E>(self, sink: F) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(Callback) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        Router::new().route_service("/", self.service(sink))
    }

    /// A router over a sink that gets the headers and the bytes too: `POST /`.
    pub fn raw_router<S, F, Fut, E>(self, sink: F) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        Router::new().route_service("/", self.raw_service(sink))
    }
}
