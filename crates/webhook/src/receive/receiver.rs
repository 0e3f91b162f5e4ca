use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Uri};
use jiff::Timestamp;
use sinch_batch_models::Callback;
use tokio::sync::{Notify, Semaphore};

use super::warning::{Notice, Warnings};
use super::{CallbackService, ReceiverHandle, ReceiverLimits, Rejection, SignedLayer, Warning};
use crate::verifiers::AnyVerifiers;
use crate::{NonceStore, Nonces, Verified, Verifiers};

/// The whole path from a request to a sink: verifier, nonces, limits.
///
/// # What is answered
///
/// | Received | Answer | What the service does |
/// | --- | --- | --- |
/// | a genuine callback of any kind, and the sink applied it | 200 | forgets it |
/// | a genuine body that cannot be read as a callback | 200; only a raw sink is called | forgets it |
/// | a callback applied before | 200, and the sink is not called | forgets it |
/// | a genuine callback whose nonce was used with another body | applied like any other, and warned of | |
/// | a genuine callback signed before the window | 503, or applied: see [`LateCallbacks`] | sends it again |
/// | a genuine callback signed after the window | 503: the clock here is behind | sends it again |
/// | not a `POST` | 405 with `Allow` | |
/// | a content type that is not JSON | 415 | gives up |
/// | a body over [`ReceiverLimits::body`] | 413, not read any further | gives up |
/// | a body that breaks off | 400 | gives up |
/// | a signature or a token that does not hold, whatever its time | 401 | gives up |
/// | a request for which there is no [verifier](Verifiers), a callback of [another app](crate::WebhookSecret::with_app) | 401 | gives up |
/// | a body that is too slow, too many at once, a sink that fails, panics or is too slow | 503 with `Retry-After` | sends it again |
///
/// The service sends again after a 5xx, a 429 and when it gets no answer, but after no other 4xx: so
/// what may be our fault is a 503, and once the signature has held nothing is answered 4xx. No answer
/// has a body, and none says which check failed; the log does, [once a minute](Warning).
///
/// A callback may be applied again: after a restart, or when it is sent again so late that its nonce
/// has been forgotten. What it says only grows states, so a sink that is harmless when called twice is
/// all that is needed.
///
/// # When the sender goes away, or the sink is slow
///
/// A sink that was called runs to its end, in a task of its own if its caller has gone away, and the
/// callback is remembered or free again by how it ended. Until then other deliveries of it wait, no
/// longer than [`ReceiverLimits::answer`], and are answered by that. So a callback is neither lost half-way nor
/// handed over twice. A sink that never ends keeps its place of [`ReceiverLimits::in_flight`]: give it time
/// limits of its own. Before a program ends it waits for such sinks by [`handle`](Self::handle).
///
/// ```
/// use std::convert::Infallible;
///
/// use sinch_batch_webhook::{ReceiverLimits, CallbackReceiver, Verifier, WebhookSecret};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let new = WebhookSecret::new("the new secret").with_name("new");
/// let old = WebhookSecret::new("the old secret").with_name("old").with_end("2031-09-14T00:00:00Z".parse()?);
/// let service = CallbackReceiver::new(Verifier::any_of([new, old])?)
///     .with_limits(ReceiverLimits::default().with_body(64 << 10))
///     .raw_service(async |received| {
///         println!("{} bytes, signed with {:?}", received.body.len(), received.verified.secret_name);
///         Ok::<_, Infallible>(())
///     });
/// # drop(service);
/// # Ok(())
/// # }
/// ```
pub struct CallbackReceiver<N = NonceStore> {
    pub(super) verifiers: Box<dyn AnyVerifiers>,
    pub(super) nonces: N,
    pub(super) limits: ReceiverLimits,
    pub(super) token: Option<Box<TokenCheck>>,
    pub(super) observer: Option<Box<Observer>>,
    pub(super) late: LateCallbacks,
    pub(super) namespace: Option<Arc<str>>,
    pub(super) handle: ReceiverHandle,
    warn: Option<Box<Warn>>,
    warnings: Warnings,
    clock: Option<Box<Clock>>,
    /// One for each callback that may be in the sink.
    pub(super) places: Semaphore,
    /// Notified whenever a callback is no longer being applied.
    pub(super) settled: Notify,
}

type Clock = dyn Fn() -> Timestamp + Send + Sync;
type Observer = dyn Fn(&CallbackOutcome) + Send + Sync;
type Warn = dyn Fn(&Warning) + Send + Sync;
type TokenCheck = dyn Fn(String) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync;

/// Policy for genuine callbacks that were signed before the window.
///
/// They come when the service sends again, after an outage, with the time of the first delivery, and
/// when a clock is wrong. Only somebody who has the signed bytes can send one, and what it says only
/// grows states; but once its nonce has been forgotten it is applied again each time it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LateCallbacks {
    /// Answer 503, so that another delivery is asked for; nothing is applied.
    #[default]
    AskAgain,
    /// Apply them like others, marked [`late`](Verified::late).
    Apply,
}

/// A callback with its request: for sinks that keep the bytes, or forward them.
///
/// `Debug` shows neither headers nor body.
#[derive(Clone)]
#[non_exhaustive]
pub struct Received {
    /// What it says; of an unknown kind with nothing in it if the body is not [readable](Self::readable).
    pub callback: Callback,
    /// Whether the body could be read as a callback; else it is not a JSON object, and only its bytes
    /// are known.
    pub readable: bool,
    /// What is known by its signature.
    pub verified: Verified,
    /// The address of the request, as the framework left it: a nested axum router takes its prefix off
    /// (see `axum::extract::OriginalUri`).
    pub uri: Uri,
    /// The headers of the request, all of them: a bearer token among them, if there is one.
    pub headers: HeaderMap,
    /// The extensions of the request: what layers in front put there.
    pub extensions: Extensions,
    /// The body as it was signed. It holds personal data: numbers, texts.
    pub body: Bytes,
}

impl Received {
    /// Whether it was signed before the window: a sink may refuse such a one, by an error.
    pub fn is_late(&self) -> bool {
        self.verified.late
    }
}

/// The outcome of one request, for metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallbackOutcome {
    /// Applied by the sink, and answered 200.
    #[non_exhaustive]
    Applied {
        /// The place of the secret it was signed with, from 0.
        secret: usize,
        /// What that secret is called, if it has a name.
        secret_name: Option<Arc<str>>,
        /// Whether it could be read as a callback. Else only a raw sink was called.
        readable: bool,
        /// Whether it was signed before the window.
        late: bool,
        /// Whether its nonce was used before with another body.
        conflict: bool,
    },
    /// Applied before, and not handed over again.
    #[non_exhaustive]
    Duplicate {
        /// The place of the secret it was signed with, from 0.
        secret: usize,
        /// What that secret is called, if it has a name.
        secret_name: Option<Arc<str>>,
    },
    /// Not applied.
    Rejected(Rejection),
}

impl CallbackReceiver {
    /// Takes what the [verifier](Verifiers) of the request accepts, within [`ReceiverLimits::default`], and remembers nonces in a
    /// [`NonceStore`] of its own.
    pub fn new(verifiers: impl Verifiers) -> Self {
        let limits = ReceiverLimits::default();
        Self {
            verifiers: Box::new(verifiers),
            nonces: NonceStore::new(),
            limits,
            token: None,
            observer: None,
            late: LateCallbacks::default(),
            namespace: None,
            handle: ReceiverHandle::new(),
            warn: None,
            warnings: Warnings::new(),
            clock: None,
            places: Semaphore::new(limits.in_flight),
            settled: Notify::new(),
        }
    }
}

impl<N: Nonces> CallbackReceiver<N> {
    /// Sets the store of nonces.
    #[must_use]
    pub fn with_nonces<M: Nonces>(self, nonces: M) -> CallbackReceiver<M> {
        let Self { verifiers, nonces: _, limits, token, observer, late, namespace, handle, .. } = self;
        let Self { warn, warnings, clock, places, settled, .. } = self;
        CallbackReceiver {
            verifiers,
            nonces,
            limits,
            token,
            observer,
            late,
            namespace,
            handle,
            warn,
            warnings,
            clock,
            places,
            settled,
        }
    }

    /// Keeps the nonces of this receiver apart from those of others that share its store.
    ///
    /// Without it two receivers with one store take the same callback for a duplicate, which is right for
    /// two processes behind one address and wrong for two webhooks.
    #[must_use]
    pub fn with_nonce_namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Shows the callbacks being applied and waits for their end. Take it before the receiver becomes a
    /// router, a service or a layer.
    pub fn handle(&self) -> ReceiverHandle {
        self.handle.clone()
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ReceiverLimits) -> Self {
        self.limits = limits;
        self.places = Semaphore::new(limits.in_flight.min(Semaphore::MAX_PERMITS));
        self
    }

    /// Requires a bearer token, for webhooks with OAuth2 credentials, and asks this whether it is good.
    /// [`Verifier::with_bearer`](crate::Verifier::with_bearer) does so without waiting.
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

    /// Calls this with what became of each request: for metrics, quickly.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Fn(&CallbackOutcome) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Sets the policy for genuine callbacks that were signed before the window.
    #[must_use]
    pub fn with_late_callbacks(mut self, late: LateCallbacks) -> Self {
        self.late = late;
        self
    }

    /// Calls this with each [`Warning`], instead of the log.
    #[must_use]
    pub fn with_warnings(mut self, warn: impl Fn(&Warning) + Send + Sync + 'static) -> Self {
        self.warn = Some(Box::new(warn));
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// A service over a sink of callbacks. It gets those that can be read; a genuine body that is not
    /// a JSON object is answered 200, counted and warned of.
    ///
    /// The sink should return `Ok` only when the callback is safe, on disk for instance, and quickly:
    /// the service waits for the answer.
    pub fn service<F, Fut, E>(self, sink: F) -> CallbackService<impl Fn(Received) -> Fut + Send + Sync + 'static, N>
    where
        F: Fn(Callback) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        CallbackService::new(self, move |received: Received| sink(received.callback), true)
    }

    /// A service over a sink that gets the headers and the bytes too.
    pub fn raw_service<F, Fut, E>(self, sink: F) -> CallbackService<F, N>
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        CallbackService::new(self, sink, false)
    }

    /// A layer for a service of your own.
    pub fn layer(self) -> SignedLayer<N> {
        SignedLayer::new(self)
    }

    /// Reports to the log, or to the observer, once per reason and minute.
    pub(super) fn warn(&self, notice: Notice) {
        match (self.warnings.due(notice, self.now()), &self.warn) {
            (Some(warning), Some(warn)) => warn(&warning),
            (Some(warning), None) => warning.log(),
            (None, _) => {}
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(Timestamp::now, |clock| clock())
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("callback", &self.callback)
            .field("readable", &self.readable)
            .field("verified", &self.verified)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl<N> fmt::Debug for CallbackReceiver<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackReceiver")
            .field("limits", &self.limits)
            .field("late", &self.late)
            .finish_non_exhaustive()
    }
}
