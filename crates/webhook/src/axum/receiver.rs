use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum_core::extract::rejection::BytesRejection;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use sinch_batch_models::Callback;
use tokio::sync::Notify;

use super::CallbackRejection;
use crate::{Claimed, NonceStore, Verifier};

/// The largest body that is read, in bytes: 1 MiB. The sizes of callbacks are not published; the
/// examples have less than 2 KiB.
pub const MAX_BODY: usize = 1 << 20;

/// Receives callbacks by `POST` on `/`, or on the path it is nested under.
///
/// | What came | Answer |
/// | --- | --- |
/// | a genuine callback of any kind, and the sink took it | 200 |
/// | a callback taken in before | 200, and the sink is not called |
/// | a genuine callback, and the sink failed | 503: the service sends it again |
/// | a signature that does not hold | 401, final |
/// | a genuine body that is no JSON object | 400, final |
/// | a body over [`MAX_BODY`] | 413, final |
///
/// The sink should return `Ok` only when the callback is safe, on disk for instance, and quickly:
/// the service waits for the answer. See [`Receiver`] for the clock and the nonces.
pub fn router<F, Fut, E>(verifier: Verifier, sink: F) -> Router
where
    F: Fn(Callback) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + 'static,
{
    Receiver::new(verifier, sink).into_router()
}

/// A [`router`] with its parts in your hands.
pub struct Receiver<F> {
    verifier: Verifier,
    sink: F,
    nonces: NonceStore,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Told whenever a callback is no longer in work.
    done: Notify,
}

/// Why a request was not taken in. It is in the extensions of the answer, for a layer that logs or
/// counts; the answer itself has one word.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// No callback of the service.
    Request(Arc<CallbackRejection>),
    /// The sink failed, and said this.
    Sink(Arc<str>),
}

impl<F> Receiver<F> {
    /// Takes what the verifier lets pass to the sink.
    pub fn new(verifier: Verifier, sink: F) -> Self {
        Self { verifier, sink, nonces: NonceStore::new(), clock: Box::new(Timestamp::now), done: Notify::new() }
    }

    /// Remembers nonces in this store.
    pub fn with_nonces(mut self, nonces: NonceStore) -> Self {
        self.nonces = nonces;
        self
    }

    /// Takes the time from here.
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The routes: `POST /`.
    pub fn into_router<Fut, E>(self) -> Router
    where
        F: Fn(Callback) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        let handler = |State(receiver): State<Arc<Self>>, headers: HeaderMap, body| async move {
            receiver.hear(headers, body).await.unwrap_or_else(Refusal::into_response)
        };
        Router::new().route("/", post(handler)).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(Arc::new(self))
    }

    async fn hear<Fut, E>(&self, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Response, Refusal>
    where
        F: Fn(Callback) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: fmt::Display,
    {
        let body = body.map_err(CallbackRejection::Body)?;
        let verified = self.verifier.check(&headers, &body, (self.clock)()).map_err(CallbackRejection::Signature)?;
        let callback = crate::parse(&body).map_err(CallbackRejection::Json)?;
        drop(body);
        let claim = loop {
            let mut done = pin!(self.done.notified());
            done.as_mut().enable();
            match self.nonces.claim(&verified, (self.clock)()) {
                Claimed::New(claim) => break claim,
                Claimed::Known => return Ok(StatusCode::OK.into_response()),
                // The answer depends on how the other one ends.
                Claimed::InWork => done.await,
            }
        };
        // Told after the claim is gone, however that happens: locals are dropped in reverse.
        let _tell = Tell(&self.done);
        let claim = claim;
        match (self.sink)(callback).await {
            Ok(()) => {
                claim.keep();
                Ok(StatusCode::OK.into_response())
            }
            Err(error) => Err(Refusal::Sink(error.to_string().into())),
        }
    }
}

/// Tells those who wait when dropped.
struct Tell<'a>(&'a Notify);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl From<CallbackRejection> for Refusal {
    fn from(rejection: CallbackRejection) -> Self {
        Self::Request(Arc::new(rejection))
    }
}

impl Refusal {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::Request(rejection) => rejection.answer(),
            Self::Sink(_) => (StatusCode::SERVICE_UNAVAILABLE, "later").into_response(),
        };
        response.extensions_mut().insert(self);
        response
    }
}

impl<F> fmt::Debug for Receiver<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("verifier", &self.verifier)
            .field("nonces", &self.nonces)
            .finish_non_exhaustive()
    }
}
