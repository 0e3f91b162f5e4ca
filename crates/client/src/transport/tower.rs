//! Any tower service as a transport.

use std::error::Error;
use std::future::poll_fn;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sinch_batch_auth::BoxFuture;
use tower_service::Service;

use super::{Transport, TransportError};

/// The longest response that is read: 8 MiB.
const LONGEST: usize = 8 * 1024 * 1024;

/// A [`Transport`] made of a tower service, with all the layers you put around it.
///
/// ```
/// use std::convert::Infallible;
/// use bytes::Bytes;
/// use sinch_batch_auth::AccessToken;
/// use sinch_batch_client::{Client, Region, transport::TowerTransport};
/// use sinch_batch_models::ProjectId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = tower::service_fn(|_: http::Request<Bytes>| async {
///     Ok::<_, Infallible>(http::Response::new(String::from("[]")))
/// });
/// let service = tower::ServiceBuilder::new().concurrency_limit(4).service(service);
/// let client = Client::builder(ProjectId::new("my-project"), AccessToken::new("made-up"))
///     .with_region(Region::Us)
///     .with_transport(TowerTransport::new(service))
///     .build()?;
/// assert!(client.find_batches("order", "order-4711").await?.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// A clone of the service is asked whether it is ready, then called. A service that is never ready has
/// sent nothing. An error of a call says [`Reached::Unknown`](crate::Reached::Unknown), unless it is a
/// [`TransportError`] or an error of reqwest, which say so themselves. The service must be `Sync`: box it with
/// `BoxCloneSyncService`. Do not put a layer into it that repeats requests or follows
/// redirects: it would send twice. The extensions of a request reach the service: for campaigns that several
/// workers share it has to keep to [`SendUntil`](super::SendUntil).
#[derive(Clone, Debug)]
pub struct TowerTransport<S>(S);

impl<S> TowerTransport<S> {
    /// A transport that sends through clones of a service.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<S, B> Transport for TowerTransport<S>
where
    S: Service<Request<Bytes>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(|error| own(error.into(), TransportError::connect))?;
            let response = service.call(request).await.map_err(|error| own(error.into(), TransportError::broken))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    TransportError::broken("the response is longer than 8 MiB")
                } else {
                    TransportError::broken(error)
                }
            })?;
            Ok(http::Response::from_parts(head, body.to_bytes()))
        })
    }
}

/// The error itself, if it is one of ours; else one made of it.
fn own(error: BoxError, other: impl FnOnce(BoxError) -> TransportError) -> TransportError {
    match error.downcast() {
        Ok(own) => *own,
        #[cfg(feature = "reqwest")]
        Err(error) => match error.downcast::<reqwest::Error>() {
            Ok(error) => TransportError::from(*error),
            Err(error) => other(error),
        },
        #[cfg(not(feature = "reqwest"))]
        Err(error) => other(error),
    }
}
