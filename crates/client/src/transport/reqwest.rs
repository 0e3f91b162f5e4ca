//! The default transport.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use reqwest::redirect::Policy;
use sinch_batch_auth::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::last_byte::{Hold, hold};
use super::{ConnectTimeout, SendUntil, Transport, TransportError};

/// The longest response that is read: 8 MiB. A look-up that finds hundreds of batches stays far below.
const LONGEST: usize = 8 * 1024 * 1024;

/// How much is read of an answer that says no, or that cannot be JSON: 64 KiB. The rest of a long page
/// adds nothing, and its connection is not used again.
const LONGEST_PAGE: usize = 64 * 1024;

tokio::task_local! {
    /// How long the request that this task makes may wait for a new connection.
    static PATIENCE: Duration;
}

/// A [`Transport`] over a [`reqwest::Client`].
///
/// The client's default is such a transport. Bring a client of your own for a proxy, certificates or a TLS library
/// of yours; [`prepare`](Self::prepare) sets what a send that must not leave twice needs. With feature `tower` it is
/// a tower service as well, so that layers go on top:
///
/// ```
/// # #[cfg(feature = "tower")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sinch_batch_auth::AccessToken;
/// use sinch_batch_client::transport::{ReqwestTransport, TowerTransport};
/// use sinch_batch_client::{Client, Region};
/// use sinch_batch_models::ProjectId;
///
/// let http = ReqwestTransport::prepare(reqwest::Client::builder()).user_agent("my-app").build()?;
/// let service = tower::ServiceBuilder::new().concurrency_limit(4).service(ReqwestTransport::new(http));
/// let client = Client::builder(ProjectId::new("my-project"), AccessToken::new("made-up"))
///     .with_region(Region::Eu)
///     .with_transport(TowerTransport::new(service))
///     .build()?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestTransport(reqwest::Client);

impl ReqwestTransport {
    /// A transport that sends through this client.
    ///
    /// The client must not repeat requests or follow redirects: either could send a batch twice. A response that
    /// comes from elsewhere than the request went is an error, but by then a redirect has been followed.
    #[must_use]
    pub fn new(http: reqwest::Client) -> Self {
        Self(http)
    }

    /// Sets what this transport needs: no redirects, no repeats, connections that are kept for 20 s at most, and
    /// the connect timeout of each call.
    pub fn prepare(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        builder
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connector_layer(Patiently)
            // Longer than this a connection is likely to have been closed by the other side, and a
            // send on a dead connection may end without anybody knowing whether it arrived.
            .pool_idle_timeout(Duration::from_secs(20))
    }

    /// Speaks HTTP/2 where it is offered, else HTTP/1.1, takes gzip; goes to this machine without a proxy.
    pub(crate) fn by_default(loopback: bool, tcp_user_timeout: Duration) -> Result<Self, reqwest::Error> {
        Self::builder(loopback, tcp_user_timeout).build().map(Self)
    }

    /// Speaks HTTP/2 without asking, to test it without TLS.
    #[cfg(test)]
    pub(super) fn http2(tcp_user_timeout: Duration) -> Result<Self, reqwest::Error> {
        Self::builder(true, tcp_user_timeout).http2_prior_knowledge().build().map(Self)
    }

    fn builder(loopback: bool, tcp_user_timeout: Duration) -> reqwest::ClientBuilder {
        let builder = Self::prepare(reqwest::Client::builder());
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let builder = builder.tcp_user_timeout(tcp_user_timeout);
        let _ = tcp_user_timeout; // elsewhere there is no such thing
        if loopback { builder.no_proxy() } else { builder }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let until = request.extensions().get::<SendUntil>().copied();
        // What fails here has not left: reqwest cannot even read the request.
        let held = until.and_then(|until| hold(request.body().clone(), until));
        let mut request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::connect(error.without_url()))?;
        let url = request.url().clone();
        // Until the answer was read: what was not given out by then never leaves.
        let mut holding = None;
        if let Some((body, hold)) = held {
            *request.body_mut() = Some(reqwest::Body::wrap(body));
            holding = Some(hold);
        }
        let mut answer = self.execute(request, holding.as_ref()).await?;
        if *answer.url() != url {
            return Err(TransportError::broken("the HTTP client followed a redirect"));
        }
        let status = answer.status();
        let headers = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        let mut first = None;
        while let Some(chunk) = answer.chunk().await.map_err(judge_answer)? {
            // What stands before the first letter is read once.
            first = first.or_else(|| chunk.trim_ascii_start().first().copied());
            body.extend_from_slice(&chunk);
            let may_be_json = first.is_none_or(|first| matches!(first, b'{' | b'['));
            if body.len() > LONGEST_PAGE && !(status.is_success() && may_be_json) {
                body.truncate(LONGEST_PAGE);
                break;
            }
            if body.len() > LONGEST {
                return Err(TransportError::broken("the response is longer than 8 MiB"));
            }
        }
        let mut read = http::Response::new(body.freeze());
        *read.status_mut() = status;
        *read.headers_mut() = headers;
        Ok(read)
    }

    /// Sends a request and reads the head of its answer, but ends in time if the last byte is still here.
    async fn execute(
        &self,
        request: reqwest::Request,
        holding: Option<&Hold>,
    ) -> Result<reqwest::Response, TransportError> {
        let Some(hold) = holding else { return self.0.execute(request).await.map_err(judge) };
        let mut executing = pin!(self.0.execute(request));
        let answer = match tokio::time::timeout_at(hold.until().steady, executing.as_mut()).await {
            Ok(answer) => answer,
            Err(_) if hold.lapse() => return Err(TransportError::too_late()),
            Err(_) => executing.await,
        };
        // Only where the body failed for this reason; after any other failure the outcome is unknown.
        answer.map_err(|error| if hold.was_too_late() { TransportError::too_late() } else { judge(error) })
    }
}

/// Names, resolution and handshakes come before the first byte of a request; whatever else fails
/// may have failed after it. That holds for a connection from the pool too: if the other side
/// closed it, it is unknown whether it read the request first.
fn judge(error: reqwest::Error) -> TransportError {
    let error = Root(error.without_url());
    if error.0.is_connect() || error.0.is_dns() || error.0.is_builder() {
        TransportError::connect(error)
    } else if error.0.is_timeout() {
        TransportError::timeout(error)
    } else {
        TransportError::broken(error)
    }
}

impl From<reqwest::Error> for TransportError {
    /// Keeps whether the request may have left: names, resolution and handshakes come before its first byte.
    fn from(error: reqwest::Error) -> Self {
        judge(error)
    }
}

/// Once an answer has begun, the request has arrived, whatever the error says.
fn judge_answer(error: reqwest::Error) -> TransportError {
    let error = Root(error.without_url());
    if error.0.is_timeout() { TransportError::timeout(error) } else { TransportError::broken(error) }
}

/// An error of reqwest, described by its first cause: what stands above that, such as `error sending
/// request: client error (Connect)`, we say ourselves.
struct Root(reqwest::Error);

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut root: &dyn Error = &self.0;
        while let Some(cause) = root.source() {
            root = cause;
        }
        write!(f, "{root}")
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Root {}

/// Lets a connection take no longer than its request says.
#[derive(Clone)]
struct Patiently;

#[derive(Clone)]
struct Patient<S>(S);

impl<S> Layer<S> for Patiently {
    type Service = Patient<S>;

    fn layer(&self, connector: S) -> Patient<S> {
        Patient(connector)
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, R> Service<R> for Patient<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    /// It is called by the task of the request, even if another task waits for the connection later.
    fn call(&mut self, destination: R) -> Self::Future {
        let connecting = self.0.call(destination);
        let patience = PATIENCE.try_with(|patience| *patience).unwrap_or(Duration::from_secs(10));
        Box::pin(async move {
            match tokio::time::timeout(patience, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("no connection within {patience:?}").into()),
            }
        })
    }
}

impl Transport for ReqwestTransport {
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        match request.extensions().get() {
            Some(&ConnectTimeout(patience)) => Box::pin(PATIENCE.scope(patience, self.exchange(request))),
            None => Box::pin(self.exchange(request)),
        }
    }
}

#[cfg(feature = "tower")]
impl Service<Request<Bytes>> for ReqwestTransport {
    type Response = http::Response<http_body_util::Full<Bytes>>;
    type Error = TransportError;
    type Future = BoxFuture<'static, Result<Self::Response, TransportError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move { Ok(Transport::call(&transport, request).await?.map(http_body_util::Full::new)) })
    }
}
