//! A tower service as the transport: what its errors say about what was sent.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use sinch_batch_auth::AccessToken;
use sinch_batch_client::transport::TowerTransport;
use sinch_batch_client::{Client, ErrorKind, Reached, Region, RetryPolicy, Transport, TransportError};
use sinch_batch_models::ProjectId;
use tower::{Service, service_fn};

use crate::batch;

fn client(transport: impl Transport) -> Client {
    let builder = Client::builder(ProjectId::new("p"), AccessToken::new("made-up")).with_region(Region::Us);
    builder.with_retry(RetryPolicy::none()).with_transport(transport).build().unwrap()
}

#[tokio::test]
async fn response_with_any_body_is_read() {
    let service = service_fn(|request: Request<Bytes>| async move {
        assert!(request.headers()["authorization"].is_sensitive());
        Ok::<_, Infallible>(http::Response::new(String::from(r#"{"batch_id":"b"}"#)))
    });
    let sent = client(TowerTransport::new(service)).send_batch(&batch()).await.unwrap();
    assert_eq!(sent.batch_id.as_str(), "b");
}

#[tokio::test]
async fn endless_response_is_not_read_to_its_end() {
    let service = service_fn(|_: Request<Bytes>| async {
        Ok::<_, Infallible>(http::Response::new(" ".repeat(8 * 1024 * 1024 + 1)))
    });
    let error = client(TowerTransport::new(service)).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport), "{error:?}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the response is longer than 8 MiB");
}

#[tokio::test]
async fn error_of_a_call_is_unknown_unless_it_says_more() {
    let fails = |error: fn() -> TransportError| {
        service_fn(move |_: Request<Bytes>| async move { Err::<http::Response<String>, _>(error()) })
    };
    let error = client(TowerTransport::new(fails(|| TransportError::connect("refused")))).send_batch(&batch()).await;
    assert_eq!(error.unwrap_err().reached_service(), Reached::No);
    let service = service_fn(|_: Request<Bytes>| async { Err::<http::Response<String>, _>("some layer gave up") });
    let error = client(TowerTransport::new(service)).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport), "{error:?}");
    assert_eq!(error.reached_service(), Reached::Unknown);
}

/// A service that is never ready, such as one whose worker has ended.
#[derive(Clone)]
struct Closed;

impl Service<Request<Bytes>> for Closed {
    type Response = http::Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<http::Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Err("closed"))
    }

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        ready(Err("called though it is closed"))
    }
}

#[tokio::test]
async fn service_that_is_not_ready_has_sent_nothing() {
    let error = client(TowerTransport::new(Closed)).send_batch(&batch()).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(error.reached_service(), Reached::No);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "closed");
}
