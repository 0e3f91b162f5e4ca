use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use tower_service::Service;

use super::admit::{Admitted, admit};
use super::time::within;
use super::work::{Met, once};
use super::{Outcome, Received, Receiver, Refusal};
use crate::{Claim, NonceStore, Nonces, SignatureError};

/// Receives callbacks on whatever path it is put: a tower service on `http`, made by
/// [`Receiver::service`]. Cheap to clone; clones share nonces and limits.
pub struct CallbackService<F, N = NonceStore> {
    receiver: Arc<Receiver<N>>,
    sink: Arc<F>,
}

impl<F, N> CallbackService<F, N> {
    pub(super) fn new(receiver: Receiver<N>, sink: F) -> Self {
        Self { receiver: Arc::new(receiver), sink: Arc::new(sink) }
    }
}

impl<B, F, Fut, E, N> Service<Request<B>> for CallbackService<F, N>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Fn(Received) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + 'static,
    N: Nonces,
{
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { receiver, sink } = self.clone();
        Box::pin(async move {
            let outcome = hear(&receiver, sink, request).await.unwrap_or_else(Outcome::Refused);
            receiver.tell(&outcome);
            Ok(match outcome {
                Outcome::Taken { .. } | Outcome::Repeated { .. } => Response::default(),
                Outcome::Refused(refusal) => refusal.response(receiver.limits.retry_after),
            })
        })
    }
}

async fn hear<B, F, Fut, E, N>(
    receiver: &Arc<Receiver<N>>,
    sink: Arc<F>,
    request: Request<B>,
) -> Result<Outcome, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Fn(Received) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + 'static,
    N: Nonces,
{
    let admitted = receiver.admit(request).await?;
    let claim = Claim::new(&admitted.verified, &admitted.body);
    let secret = admitted.verified.secret;
    let work = |admitted: Box<Admitted>| async move {
        let callback = crate::parse(&admitted.body).map_err(|error| Refusal::Json(Arc::new(error)))?;
        let Admitted { parts, body, verified } = *admitted;
        let received = Received { callback, verified, headers: parts.headers, body };
        sink(received).await.map_err(|error| Refusal::Sink(error.to_string().into()))
    };
    match once(receiver, claim, admitted, work).await {
        Met::Taken(()) => Ok(Outcome::Taken { secret }),
        Met::Repeated => Ok(Outcome::Repeated { secret }),
        Met::Failed(refusal) | Met::Refused(refusal) => Err(refusal),
    }
}

impl<N: Nonces> Receiver<N> {
    /// A request that is a callback of the service, with its token if one is demanded.
    pub(super) async fn admit<B>(&self, request: Request<B>) -> Result<Box<Admitted>, Refusal>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let admitted = admit(request, &self.verifier, &self.limits, || self.now()).await?;
        if let Some(check) = &self.token {
            let token = crate::verify::bearer_token(&admitted.parts.headers).ok_or(SignatureError::Bearer)?;
            match within(self.limits.answer, check(token.to_owned())).await {
                Some(true) => {}
                Some(false) => return Err(SignatureError::Bearer.into()),
                None => return Err(Refusal::Late),
            }
        }
        Ok(admitted)
    }
}

impl<F, N> Clone for CallbackService<F, N> {
    fn clone(&self) -> Self {
        Self { receiver: self.receiver.clone(), sink: self.sink.clone() }
    }
}

impl<F, N> fmt::Debug for CallbackService<F, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackService").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
