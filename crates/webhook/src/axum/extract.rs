use axum::body::Bytes;
use axum_core::extract::{FromRef, FromRequest, Request};
use jiff::Timestamp;
use sinch_batch_models::Callback;

use super::CallbackRejection;
use crate::{Verified, Verifier};

/// What came with a signature that holds: the callback, or its bytes.
///
/// For handlers of your own; the state must give a [`Verifier`] by `FromRef`. Repeated callbacks are
/// *not* recognised here, as [`router`](super::router) does it: take `Signed<(Verified, Bytes)>`, ask a
/// [`NonceStore`](crate::NonceStore) and then [`parse`](crate::parse), or
/// make what you do harmless when done twice.
///
/// The largest body is the one axum sets (2 MB), unless a `DefaultBodyLimit` says otherwise.
#[derive(Clone, Debug)]
pub struct Signed<T>(pub T);

impl<S> FromRequest<S> for Signed<Callback>
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = CallbackRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (body, _) = verified(request, state).await?;
        crate::parse(&body).map(Signed).map_err(CallbackRejection::Json)
    }
}

impl<S> FromRequest<S> for Signed<(Verified, Bytes)>
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = CallbackRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (body, verified) = verified(request, state).await?;
        Ok(Self((verified, body)))
    }
}

async fn verified<S>(request: Request, state: &S) -> Result<(Bytes, Verified), CallbackRejection>
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    let headers = request.headers().clone();
    let body = Bytes::from_request(request, state).await.map_err(CallbackRejection::Body)?;
    let verified = Verifier::from_ref(state).check(&headers, &body, Timestamp::now())?;
    Ok((body, verified))
}
