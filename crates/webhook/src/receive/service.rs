use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use jiff::{SignedDuration, Timestamp};
use sinch_batch_models::{Callback, CallbackKind};
use tower_service::Service;

use super::admit::{Admitted, admit};
use super::time::within;
use super::work::{Met, once};
use super::{CallbackOutcome, CallbackReceiver, Received, Rejection};
use crate::{NonceClaim, NonceStore, Nonces, SignatureError};

/// Receives callbacks on whatever path it is put: a tower service on `http`, made by
/// [`CallbackReceiver::service`]. Cheap to clone; clones share nonces and limits.
pub struct CallbackService<F, N = NonceStore> {
    receiver: Arc<CallbackReceiver<N>>,
    sink: Arc<F>,
    /// Whether the sink is for callbacks alone, and not for what cannot be read as one.
    readable_only: bool,
}

impl<F, N> CallbackService<F, N> {
    pub(super) fn new(receiver: CallbackReceiver<N>, sink: F, readable_only: bool) -> Self {
        Self { receiver: Arc::new(receiver), sink: Arc::new(sink), readable_only }
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
        let Self { receiver, sink, readable_only } = self.clone();
        Box::pin(async move {
            let outcome =
                receive(&receiver, sink, readable_only, request).await.unwrap_or_else(CallbackOutcome::Rejected);
            receiver.report(&outcome);
            Ok(match outcome {
                CallbackOutcome::Applied { .. } | CallbackOutcome::Duplicate { .. } => Response::default(),
                CallbackOutcome::Rejected(rejection) => rejection.response(receiver.limits.retry_after),
            })
        })
    }
}

async fn receive<B, F, Fut, E, N>(
    receiver: &Arc<CallbackReceiver<N>>,
    sink: Arc<F>,
    readable_only: bool,
    request: Request<B>,
) -> Result<CallbackOutcome, Rejection>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Fn(Received) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + 'static,
    N: Nonces,
{
    let admitted = receiver.admit(request).await?;
    let claim = receiver.claim(&admitted);
    let (secret, late) = (admitted.verified.secret, admitted.verified.late);
    let secret_name = admitted.verified.secret_name.clone();
    let work = move |admitted: Box<Admitted>| async move {
        let parsed = crate::parse(&admitted.body);
        let readable = parsed.is_ok();
        if readable || !readable_only {
            let callback = parsed.unwrap_or_else(|_| Callback::new(CallbackKind::Unknown));
            let Admitted { parts, body, verified, .. } = *admitted;
            let (uri, headers, extensions) = (parts.uri, parts.headers, parts.extensions);
            let received = Received { callback, readable, verified, uri, headers, extensions, body };
            sink(received).await.map_err(|error| Rejection::Sink(error.to_string().into()))?;
        }
        Ok(readable)
    };
    match once(receiver, claim, admitted, work).await {
        Met::Applied { done: readable, conflict } => {
            Ok(CallbackOutcome::Applied { secret, secret_name, readable, late, conflict })
        }
        Met::Duplicate => Ok(CallbackOutcome::Duplicate { secret, secret_name }),
        Met::Failed(rejection) | Met::Rejected(rejection) => Err(rejection),
    }
}

impl<N: Nonces> CallbackReceiver<N> {
    /// A request that is a callback of the service of a time that is accepted, with its token if one is
    /// demanded.
    pub(super) async fn admit<B>(&self, request: Request<B>) -> Result<Box<Admitted>, Rejection>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let admitted = admit(request, &*self.verifiers, &self.limits, || self.now()).await?;
        if let Some(check) = &self.token {
            let token = crate::verify::bearer_token(&admitted.parts.headers).ok_or(SignatureError::Bearer)?;
            match within(self.limits.answer, check(token.to_owned())).await {
                Some(true) => {}
                Some(false) => return Err(SignatureError::Bearer.into()),
                None => return Err(Rejection::TimedOut),
            }
        }
        admitted.in_time(self.late)
    }

    /// The identity of the callback, for as long as it may be repeated.
    pub(super) fn claim(&self, admitted: &Admitted) -> NonceClaim {
        let claim = NonceClaim::new(&admitted.verified, &admitted.body);
        let claim = self.namespace.as_ref().map_or(claim, |namespace| claim.with_namespace(namespace));
        if !admitted.verified.late {
            return claim;
        }
        // Its signature's time has passed: copies are known for as long as those of one signed now.
        let window = SignedDuration::try_from(admitted.window).unwrap_or(SignedDuration::MAX);
        claim.remembered_until(self.now().checked_add(window).unwrap_or(Timestamp::MAX))
    }
}

impl<F, N> Clone for CallbackService<F, N> {
    fn clone(&self) -> Self {
        Self { receiver: self.receiver.clone(), sink: self.sink.clone(), readable_only: self.readable_only }
    }
}

impl<F, N> fmt::Debug for CallbackService<F, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackService").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
