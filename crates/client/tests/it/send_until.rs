//! The time to leave, over a transport that answers by itself and on a clock that does not wait.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use sinch_batch_auth::{AccessToken, AuthError};
use sinch_batch_client::transport::SendUntil;
use sinch_batch_client::{Client, ClientBuilder, Error, ErrorKind, Pace, Reached, Region, TransportError};
use sinch_batch_models::{BatchId, ProjectId};
use tokio::time::Instant;

use crate::batch;

/// What the transport got with each request.
type Told = Arc<Mutex<Vec<Option<SendUntil>>>>;

/// A client whose service answers by the number of the request, counted from 1.
fn over(answer: impl Fn(usize) -> Result<u16, TransportError> + Send + Sync + 'static) -> (ClientBuilder, Told) {
    let told = Told::default();
    let seen = Arc::clone(&told);
    let builder = Client::builder(ProjectId::new("p"), AccessToken::new("made-up")).with_region(Region::Us);
    let builder = builder.with_transport(move |request: Request<Bytes>| {
        let mut seen = seen.lock().unwrap();
        seen.push(request.extensions().get().copied());
        let answer = answer(seen.len());
        async move {
            let body = Bytes::from(r#"{"batch_id":"b"}"#);
            answer.map(|status| http::Response::builder().status(status).body(body).unwrap())
        }
    });
    (builder, told)
}

fn within(seconds: u64) -> SendUntil {
    SendUntil {
        steady: Instant::now() + Duration::from_secs(seconds),
        wall: Timestamp::now() + SignedDuration::from_hours(1),
    }
}

#[track_caller]
fn check(error: &Error, reached: Reached) {
    assert!(matches!(error.kind(), ErrorKind::TooLate), "{error:?}");
    assert_eq!((error.reached_service(), error.is_transient(), error.is_timeout()), (reached, true, false));
}

#[tokio::test(start_paused = true)]
async fn every_request_of_the_clone_carries_it() {
    let (builder, told) = over(|_| Ok(200));
    let client = builder.build().unwrap();
    let until = within(10);
    let clone = client.with_send_until(until);
    clone.send_batch(&batch()).await.unwrap();
    clone.batch_status(&BatchId::new("b")).await.unwrap();
    client.send_batch(&batch()).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [Some(until), Some(until), None]);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_when_either_clock_says_that_it_is_over() {
    let (builder, told) = over(|_| Ok(200));
    let client = builder.build().unwrap();
    for until in [within(0), SendUntil { wall: Timestamp::UNIX_EPOCH, ..within(10) }] {
        assert!(until.is_over());
        let error = client.with_send_until(until).send_batch(&batch()).await.unwrap_err();
        check(&error, Reached::No);
        assert_eq!(error.to_string(), "sending a batch failed because its time to leave was over; nothing was sent");
    }
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn neither_a_token_nor_a_turn_is_waited_for_beyond_it() {
    let client = Client::builder(ProjectId::new("p"), pending::<Result<AccessToken, AuthError>>)
        .with_region(Region::Us)
        .with_transport(|_: Request<Bytes>| async { Err(TransportError::broken("never called")) })
        .build()
        .unwrap();
    let start = Instant::now();
    check(&client.with_send_until(within(10)).send_batch(&batch()).await.unwrap_err(), Reached::No);
    assert_eq!(start.elapsed().as_secs(), 10);

    let (builder, told) = over(|_| Ok(200));
    let client = builder.with_pace(Pace::per_second(NonZeroU32::MIN)).build().unwrap();
    let client = client.with_send_until(SendUntil { steady: Instant::now() + Duration::from_millis(300), ..within(1) });
    client.send_batch(&batch()).await.unwrap();
    check(&client.send_batch(&batch()).await.unwrap_err(), Reached::No);
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn deadline_ends_all_repeats() {
    // A transport that kept the last byte back has an answer that is final.
    let (builder, told) = over(|_| Err(TransportError::too_late()));
    check(&builder.build().unwrap().batch_status(&BatchId::new("b")).await.unwrap_err(), Reached::No);
    assert_eq!(told.lock().unwrap().len(), 1);
    // What came before stays what it was.
    let (builder, _) = over(|number| if number == 1 { Ok(503) } else { Err(TransportError::too_late()) });
    let error = builder.build().unwrap().batch_status(&BatchId::new("b")).await.unwrap_err();
    check(&error, Reached::Unknown);
    // A wait that would end after it is not begun.
    let (builder, told) = over(|_| Ok(429));
    let client = builder.build().unwrap().with_send_until(within(1));
    let start = Instant::now();
    assert!(client.send_batch(&batch()).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(!told.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn response_may_arrive_after_the_deadline() {
    let client = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_region(Region::Us)
        .with_transport(|_: Request<Bytes>| async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(http::Response::new(Bytes::from(r#"{"batch_id":"b"}"#)))
        })
        .build()
        .unwrap();
    assert!(client.with_send_until(within(10)).send_batch(&batch()).await.is_ok());
}

#[test]
fn client_shows_its_project_and_base_url() {
    let (builder, _) = over(|_| Ok(200));
    let client = builder.with_base_url("https://EU.example:443/base/").build().unwrap();
    assert_eq!((client.base_url(), client.project_id().as_str()), ("https://eu.example/base", "p"));
}
