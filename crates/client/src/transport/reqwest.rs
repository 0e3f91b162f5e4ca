//! The default transport.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect::Policy;
use sinch_batch_auth::BoxFuture;

use super::{Transport, TransportError};

/// The longest answer that is read: 8 MiB. A look-up that finds hundreds of batches stays far below.
const LONGEST: usize = 8 * 1024 * 1024;

/// Speaks HTTP/1.1 and HTTP/2, follows no redirect, repeats nothing.
pub(crate) struct ReqwestTransport(reqwest::Client);

impl ReqwestTransport {
    /// A transport that gives a connection at most 10 s and at most half of the `timeout`, so that
    /// "no connection" is told from "no answer". To this machine it goes without a proxy.
    pub(crate) fn new(timeout: Duration, loopback: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10).min(timeout / 2))
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
        while let Some(chunk) = answer.chunk().await.map_err(judge_answer)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(TransportError::broken("the answer is longer than 8 MiB"));
            }
            body.extend_from_slice(&chunk);
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
    let error = error.without_url();
    if error.is_connect() || error.is_dns() || error.is_builder() {
        TransportError::connect(error)
    } else if error.is_timeout() {
        TransportError::timeout(error)
    } else {
        TransportError::broken(error)
    }
}

/// Once an answer has begun, the request has arrived, whatever the error says.
fn judge_answer(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_timeout() { TransportError::timeout(error) } else { TransportError::broken(error) }
}

impl Transport for ReqwestTransport {
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}
