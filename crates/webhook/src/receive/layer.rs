use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_layer::Layer;
use tower_service::Service;

use super::admit::Admitted;
use super::work::{Met, once};
use super::{CallbackOutcome, CallbackReceiver, Rejection};
use crate::{NonceStore, Nonces};

/// A layer that passes only verified callbacks to the service below, each once.
///
/// The service below gets the whole body as it was signed, and a [`Verified`](crate::Verified) in the
/// request's extensions. Its answer goes back as it is: a success is remembered, so that the next
/// delivery is answered 200 without it; anything else leaves the callback free to come again. All else
/// is as [`CallbackReceiver`] describes.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::Router;
/// use axum::extract::Extension;
/// use axum::routing::post;
/// use sinch_batch_webhook::{CallbackReceiver, Verified, Verifier, WebhookSecret};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn receive(Extension(verified): Extension<Verified>, body: String) -> &'static str {
///     println!("{} bytes signed at {}", body.len(), verified.signed_at);
///     "thank you"
/// }
/// let receiver = CallbackReceiver::new(Verifier::new(WebhookSecret::new("the secret of the webhook"))?);
/// let app: Router = Router::new().route("/sinch", post(receive).layer(receiver.layer()));
/// # drop(app);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SignedLayer<N = NonceStore>(Arc<CallbackReceiver<N>>);

impl<N> SignedLayer<N> {
    pub(super) fn new(receiver: CallbackReceiver<N>) -> Self {
        Self(Arc::new(receiver))
    }
}

impl<N> Clone for SignedLayer<N> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, N> Layer<S> for SignedLayer<N> {
    type Service = SignedService<S, N>;

    fn layer(&self, inner: S) -> Self::Service {
        SignedService { receiver: self.0.clone(), inner }
    }
}

/// The service of a [`SignedLayer`].
#[derive(Debug)]
pub struct SignedService<S, N = NonceStore> {
    receiver: Arc<CallbackReceiver<N>>,
    inner: S,
}

impl<S: Clone, N> Clone for SignedService<S, N> {
    fn clone(&self) -> Self {
        Self { receiver: self.receiver.clone(), inner: self.inner.clone() }
    }
}

impl<B, S, R, N> Service<Request<B>> for SignedService<S, N>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
    N: Nonces,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready goes into the future, a clone stays.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let receiver = self.receiver.clone();
        Box::pin(async move {
            let refused = |rejection: Rejection| {
                receiver.report(&CallbackOutcome::Rejected(rejection.clone()));
                rejection.response(receiver.limits.retry_after)
            };
            let admitted = match receiver.admit(request).await {
                Ok(admitted) => admitted,
                Err(rejection) => return Ok(refused(rejection)),
            };
            let claim = receiver.claim(&admitted);
            let (secret, late) = (admitted.verified.secret, admitted.verified.late);
            let secret_name = admitted.verified.secret_name.clone();
            match once(&receiver, claim, admitted, |admitted| hand_over(inner, admitted)).await {
                Met::Applied { done: response, conflict } => {
                    // The service below reads the body, or not.
                    let readable = true;
                    receiver.report(&CallbackOutcome::Applied { secret, secret_name, readable, late, conflict });
                    Ok(response)
                }
                Met::Duplicate => {
                    receiver.report(&CallbackOutcome::Duplicate { secret, secret_name });
                    Ok(Response::default())
                }
                Met::Failed(Ok(response)) => {
                    receiver.report(&CallbackOutcome::Rejected(Rejection::Answered(response.status())));
                    Ok(response)
                }
                Met::Failed(Err(error)) => Err(error),
                Met::Rejected(rejection) => Ok(refused(rejection)),
            }
        })
    }
}

/// The answer of the service below: as success, or as failure.
async fn hand_over<S, R>(mut inner: S, admitted: Box<Admitted>) -> Result<Response<R>, Result<Response<R>, S::Error>>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
{
    let Admitted { mut parts, body, verified, .. } = *admitted;
    parts.extensions.insert(verified);
    let response = inner.call(Request::from_parts(parts, Full::new(body))).await.map_err(Err)?;
    if response.status().is_success() { Ok(response) } else { Err(Ok(response)) }
}
