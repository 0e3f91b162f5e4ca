use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use sinch_batch_models::Callback;
use tokio::sync::{Notify, Semaphore};

use super::{CallbackService, Limits, Refusal, SignedLayer};
use crate::{NonceStore, Nonces, Verified, Verifier};

/// What stands between requests and a sink: the verifier, the nonces, the limits.
///
/// # What is answered
///
/// | What came | Answer | What the service does |
/// | --- | --- | --- |
/// | a genuine callback of any kind, and the sink took it | 200 | forgets it |
/// | a callback taken in before | 200, and the sink is not called | forgets it |
/// | no `POST` | 405 with `Allow` | |
/// | a content type that is not JSON | 415 | gives up |
/// | a body over [`Limits::body`] | 413, not read any further | gives up |
/// | a body that breaks off | 400 | gives up |
/// | a signature or a token that does not hold, a nonce with another body | 401 | gives up |
/// | a genuine body that is no JSON object | 400 | gives up |
/// | a body that is too slow, too many in work, a sink that fails, panics or is too slow | 503 with `Retry-After` | sends it again |
///
/// The service sends again after a 5xx, a 429 and when it hears nothing, but after no other 4xx: so
/// what may be our fault is a 503. No answer has a body, and none tells which check failed.
///
/// # When the sender goes away, or the sink is slow
///
/// A sink that was called runs to its end, in a task of its own if nobody waits any more, and the
/// callback is remembered or free again by how it ended. Until then other deliveries of it wait, no
/// longer than [`Limits::answer`], and are answered by that. So a callback is neither lost half-way nor
/// handed over twice. A sink that never ends keeps its place of [`Limits::in_flight`]: give it time
/// limits of its own.
///
/// ```
/// use std::convert::Infallible;
///
/// use sinch_batch_webhook::{Limits, Receiver, Verifier, WebhookSecret};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let new = WebhookSecret::new("the new secret").with_name("new");
/// let old = WebhookSecret::new("the old secret").with_name("old").with_end("2031-09-14T00:00:00Z".parse()?);
/// let service = Receiver::new(Verifier::any_of([new, old])?)
///     .with_limits(Limits::default().with_body(64 << 10))
///     .raw_service(async |received| {
///         println!("{} bytes, signed with {:?}", received.body.len(), received.verified.secret_name);
///         Ok::<_, Infallible>(())
///     });
/// # drop(service);
/// # Ok(())
/// # }
/// ```
pub struct Receiver<N = NonceStore> {
    pub(super) verifier: Verifier,
    pub(super) nonces: N,
    pub(super) limits: Limits,
    pub(super) token: Option<Box<TokenCheck>>,
    pub(super) observer: Option<Box<Observer>>,
    clock: Option<Box<Clock>>,
    /// One for each callback that may be in the sink.
    pub(super) places: Semaphore,
    /// Told whenever a callback is no longer in work.
    pub(super) settled: Notify,
}

type Clock = dyn Fn() -> Timestamp + Send + Sync;
type Observer = dyn Fn(&Outcome) + Send + Sync;
type TokenCheck = dyn Fn(String) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync;

/// A callback with all that came: for sinks that keep the bytes, or pass them on.
///
/// `Debug` shows neither headers nor body.
#[derive(Clone)]
#[non_exhaustive]
pub struct Received {
    /// What it says.
    pub callback: Callback,
    /// What is known by its signature.
    pub verified: Verified,
    /// The headers of the request, all of them: a bearer token among them, if there is one.
    pub headers: HeaderMap,
    /// The body as it was signed. It holds personal data: numbers, texts.
    pub body: Bytes,
}

/// How a request was met, for metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Taken in by the sink.
    Taken {
        /// The place of the secret it was signed with, from 0.
        secret: usize,
    },
    /// Taken in before, and not handed over again.
    Repeated {
        /// The place of the secret it was signed with, from 0.
        secret: usize,
    },
    /// Not taken in.
    Refused(Refusal),
}

impl Receiver {
    /// Lets through what the verifier does, within [`Limits::default`], and remembers nonces in a
    /// [`NonceStore`] of its own.
    pub fn new(verifier: Verifier) -> Self {
        let limits = Limits::default();
        Self {
            verifier,
            nonces: NonceStore::new(),
            limits,
            token: None,
            observer: None,
            clock: None,
            places: Semaphore::new(limits.in_flight),
            settled: Notify::new(),
        }
    }
}

impl<N: Nonces> Receiver<N> {
    /// Remembers nonces in this store.
    #[must_use]
    pub fn with_nonces<M: Nonces>(self, nonces: M) -> Receiver<M> {
        let Self { verifier, nonces: _, limits, token, observer, clock, places, settled } = self;
        Receiver { verifier, nonces, limits, token, observer, clock, places, settled }
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.places = Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS));
        self
    }

    /// Demands a bearer token, for webhooks with OAuth2 credentials, and asks this whether it is good.
    /// [`Verifier::with_bearer`] does so without waiting.
    ///
    /// It is asked only when the signature has held, within the time for the answer.
    #[must_use]
    pub fn with_bearer<Fut>(mut self, check: impl Fn(String) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.token = Some(Box::new(move |token| Box::pin(check(token))));
        self
    }

    /// Tells this how each request was met: for metrics, quickly.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Fn(&Outcome) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Takes the time from here.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// A service over a sink of callbacks.
    ///
    /// The sink should return `Ok` only when the callback is safe, on disk for instance, and quickly:
    /// the service waits for the answer.
    pub fn service<F, Fut, E>(self, sink: F) -> CallbackService<impl Fn(Received) -> Fut + Send + Sync + 'static, N>
    where
        F: Fn(Callback) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        CallbackService::new(self, move |received: Received| sink(received.callback))
    }

    /// A service over a sink that gets the headers and the bytes too.
    pub fn raw_service<F, Fut, E>(self, sink: F) -> CallbackService<F, N>
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        CallbackService::new(self, sink)
    }

    /// A layer for a service of your own.
    pub fn layer(self) -> SignedLayer<N> {
        SignedLayer::new(self)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(Timestamp::now, |clock| clock())
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("callback", &self.callback)
            .field("verified", &self.verified)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl<N> fmt::Debug for Receiver<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("verifier", &self.verifier)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
