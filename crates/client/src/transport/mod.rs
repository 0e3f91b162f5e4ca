//! The one seam to the network.

#[cfg(feature = "reqwest")]
mod last_byte;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "tower")]
mod tower;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use sinch_batch_auth::BoxFuture;
use tokio::time::Instant;

use crate::Reached;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
#[cfg(feature = "tower")]
pub use self::tower::TowerTransport;

/// One HTTP exchange. Implemented for an [`Arc`] of a transport and for any
/// `Fn(http::Request<Bytes>) -> impl Future<Output = Result<http::Response<Bytes>, TransportError>>`.
///
/// A transport follows no redirects, repeats nothing by itself that may have been sent, and bounds
/// the size of the answers it reads. The client bounds the time: it drops the future when the
/// timeout is over.
///
/// A transport that does not keep to [`SendUntil`] is unfit for campaigns that several workers share.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`TransportError`] when there is no complete answer. Be honest about [`Reached`]: a send
    /// that is said not to have left will be sent again.
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;
}

impl<F, Fut> Transport for F
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<http::Response<Bytes>, TransportError>> + Send + 'static,
{
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(self(request))
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        (**self).call(request)
    }
}

/// How long a new connection for a request may take, as an extension of the request:
/// `request.extensions().get::<ConnectTimeout>()`. A transport that opens connections should keep to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectTimeout(pub Duration);

/// The last moment at which the last byte of a request may leave, as an extension of the request:
/// `request.extensions().get::<SendUntil>()`. See [`Client::with_send_until`](crate::Client::with_send_until).
///
/// It is over as soon as *either* clock says so: a suspended computer stops the one, and the other can be set.
///
/// # For a transport of your own
/// Look at [`is_over`](Self::is_over) immediately before the last byte of the body is handed to the socket.
/// If it is over, do not send that byte: break the connection, or reset the stream, so that the service has
/// an incomplete request, and return [`TransportError::too_late`]. A transport that ignores this is unfit for
/// campaigns that several workers share: a worker that was stopped and continues would send what another one
/// has sent in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendUntil {
    /// By the clock that is never set.
    pub steady: Instant,
    /// By the clock on the wall.
    pub wall: Timestamp,
}

impl SendUntil {
    /// Whether either clock says that it is over.
    pub fn is_over(&self) -> bool {
        self.is_over_at(Timestamp::now())
    }

    /// The same, with the time on the wall from elsewhere, such as a simulation.
    pub fn is_over_at(&self, wall: Timestamp) -> bool {
        Instant::now() >= self.steady || wall >= self.wall
    }
}

/// Why there is no complete response, and whether the request may have left.
pub struct TransportError {
    kind: Kind,
    reached: Reached,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Timeout,
    Broken,
    TooLate,
}

impl TransportError {
    /// No connection could be made: no byte of the request has left.
    pub fn connect(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Connect, reached: Reached::No, source: Some(without_url(source.into())) }
    }

    /// No response in time; the request may have arrived.
    pub fn timeout(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Timeout, reached: Reached::Unknown, source: Some(without_url(source.into())) }
    }

    /// Anything else went wrong after there was a connection; the request may have arrived.
    pub fn broken(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Broken, reached: Reached::Unknown, source: Some(without_url(source.into())) }
    }

    /// The time of [`SendUntil`] was over before the last byte of the request left, and that byte never will:
    /// the service has an incomplete request at most.
    pub fn too_late() -> Self {
        Self { kind: Kind::TooLate, reached: Reached::No, source: None }
    }

    /// Whether the request may have left.
    pub fn reached_service(&self) -> Reached {
        self.reached
    }

    pub(crate) fn into_parts(self) -> (Kind, Reached, Option<Box<dyn Error + Send + Sync>>) {
        (self.kind, self.reached, self.source)
    }
}

/// A URL can hold a key and a value of a look-up: a cause that shows one is replaced by its root without URLs.
fn without_url(source: Box<dyn Error + Send + Sync>) -> Box<dyn Error + Send + Sync> {
    let mut link: Option<&(dyn Error + 'static)> = Some(&*source);
    let mut root = String::new();
    let mut shows_url = format!("{source:?}").contains("://");
    while let Some(error) = link {
        root = error.to_string();
        shows_url |= root.contains("://");
        link = error.source();
    }
    if !shows_url {
        return source;
    }
    let words = root.split(' ').map(|word| if word.contains("://") { "[URL]" } else { word });
    words.collect::<Vec<_>>().join(" ").into()
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Connect => "no connection could be made",
            Kind::Timeout => "there was no response in time",
            Kind::Broken => "the connection broke",
            Kind::TooLate => "its time to leave was over",
        })
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.kind)
            .field("reached", &self.reached)
            .field("source", &self.source.as_ref().map(|source| source.to_string()))
            .finish()
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
