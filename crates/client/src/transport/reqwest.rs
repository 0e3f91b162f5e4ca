//! The default transport.

use std::error::Error;
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect::Policy;
use sinch_batch_auth::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::{ConnectTimeout, Transport, TransportError};

/// The longest answer that is read: 8 MiB. A look-up that finds hundreds of batches stays far below.
const LONGEST: usize = 8 * 1024 * 1024;

/// How much is read of an answer that says no, or that cannot be JSON: 64 KiB. The rest of a long page
/// tells nobody more, and its connection is not used again.
const LONGEST_PAGE: usize = 64 * 1024;

tokio::task_local! {
    /// How long the request that this task makes may wait for a new connection.
    static PATIENCE: Duration;
}

/// Speaks HTTP/2 where it is offered, else HTTP/1.1, takes gzip, follows no redirect, repeats nothing.
pub(crate) struct ReqwestTransport(reqwest::Client);

impl ReqwestTransport {
    /// To this machine it goes without a proxy.
    pub(crate) fn new(loopback: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connector_layer(Patiently)
            // Longer than this a connection is likely to have been closed by the other side, and a
            // send on a dead connection may end without anybody knowing whether it arrived.
            .pool_idle_timeout(Duration::from_secs(20));
        if loopback {
            builder = builder.no_proxy();
        }
        builder.build().map(Self)
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        // What fails here has not left: reqwest cannot even read the request.
        let request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::connect(error.without_url()))?;
        let mut answer = self.0.execute(request).await.map_err(judge)?;
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
                return Err(TransportError::broken("the answer is longer than 8 MiB"));
            }
        }
        let mut read = Response::new(body.freeze());
        *read.status_mut() = status;
        *read.headers_mut() = headers;
        Ok(read)
    }
}

/// Names, resolution and handshakes come before the first byte of a request; whatever else fails
/// may have failed after it. That holds for a connection from the pool too: if the other side
/// closed it, nobody knows whether it read the request first.
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

/// Once an answer has begun, the request has arrived, whatever the error says.
fn judge_answer(error: reqwest::Error) -> TransportError {
    let error = Root(error.without_url());
    if error.0.is_timeout() { TransportError::timeout(error) } else { TransportError::broken(error) }
}

/// An error of reqwest, told by its first cause: what stands above that, such as `error sending
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
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        match request.extensions().get() {
            Some(&ConnectTimeout(patience)) => Box::pin(PATIENCE.scope(patience, self.exchange(request))),
            None => Box::pin(self.exchange(request)),
        }
    }
}
