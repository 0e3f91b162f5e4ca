//! What a call is held to: its time, its turn, and the budget for repeats; on a clock that does not wait.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use sinch_batch_auth::{AccessToken, AuthError};
use sinch_batch_client::transport::ConnectTimeout;
use sinch_batch_client::{Client, ClientBuilder, ErrorKind, Pace, Reached, Region, RetryPolicy, TransportError};
use sinch_batch_models::{BatchId, ProjectId};
use tokio::time::Instant;

use crate::batch;

/// When each request left, since the start.
type Departures = Arc<Mutex<Vec<Duration>>>;

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> http::Response<Bytes> {
    let answer = headers
        .iter()
        .fold(http::Response::builder().status(status), |answer, (name, value)| answer.header(*name, *value));
    answer.body(Bytes::from_static(body.as_bytes())).unwrap()
}

/// A client whose service answers by the number of the request, counted from 1.
fn over(
    respond: impl Fn(usize) -> Option<http::Response<Bytes>> + Send + Sync + 'static,
) -> (ClientBuilder, Departures) {
    let start = Instant::now();
    let departures = Departures::default();
    let seen = Arc::clone(&departures);
    let builder = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_region(Region::Us)
        .with_transport(move |_: Request<Bytes>| {
            let mut seen = seen.lock().unwrap();
            seen.push(start.elapsed());
            let answer = respond(seen.len());
            async move {
                match answer {
                    Some(answer) => Ok(answer),
                    None => pending().await,
                }
            }
        });
    (builder, departures)
}

fn accepted() -> http::Response<Bytes> {
    answer(200, &[], r#"{"batch_id":"b"}"#)
}

#[tokio::test(start_paused = true)]
async fn call_ends_in_time_whatever_it_waits_for() {
    let minute = Duration::from_secs(60);
    // For an answer: each attempt has its own time, the last one what is left.
    let (builder, departures) = over(|_| None);
    let client = builder.with_timeout(minute).with_attempt_timeout(Duration::from_secs(25)).build().unwrap();
    let start = Instant::now();
    let error = client.find_batches("k", "v").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout) && error.is_timeout(), "{error}");
    assert_eq!((start.elapsed(), departures.lock().unwrap().len()), (minute, 3));

    // For a wait that would end too late: it is not begun.
    let (builder, departures) = over(|_| Some(answer(429, &[("retry-after", "20")], "")));
    let client = builder.with_timeout(minute).build().unwrap();
    let start = Instant::now();
    let error = client.send_batch(&batch()).await.unwrap_err();
    assert_eq!((error.status(), error.retry_after()), (Some(429), Some(Duration::from_secs(20))));
    assert_eq!(departures.lock().unwrap().len(), 3);
    assert!(start.elapsed() < minute, "{:?}", start.elapsed());

    // For a token: nothing was sent.
    let client = Client::builder(ProjectId::new("p"), pending::<Result<AccessToken, AuthError>>)
        .with_region(Region::Us)
        .with_transport(|_: Request<Bytes>| async { Err(TransportError::broken("never called")) })
        .build()
        .unwrap();
    let start = Instant::now();
    let error = client.send_batch(&batch()).await.unwrap_err();
    assert_eq!((error.is_timeout(), error.reached_service()), (true, Reached::No));
    assert_eq!(start.elapsed(), Duration::from_secs(120));
    assert_eq!(error.to_string(), "sending a batch ran out of time before it could leave");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "there was no token in time");

    // For its turn: nothing was sent either.
    let (builder, _) = over(|_| Some(accepted()));
    let client = builder.with_pace(Pace::per_second(NonZeroU32::MIN)).build().unwrap();
    let start = Instant::now();
    client.send_batch(&batch()).await.unwrap();
    let error = client.with_timeout(Duration::from_millis(300)).send_batch(&batch()).await.unwrap_err();
    assert_eq!((error.is_timeout(), error.reached_service()), (true, Reached::No));
    assert_eq!(start.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn limit_can_be_set_for_one_call() {
    let (builder, departures) = over(|_| None);
    let client = builder.with_timeout(Duration::from_secs(50)).with_retry(RetryPolicy::none()).build().unwrap();
    for (client, ends) in [
        (client.clone(), 30),
        (client.with_timeout(Duration::from_secs(5)), 5),
        (client.with_attempt_timeout(Duration::from_secs(7)), 7),
        (
            client
                .with_attempt_timeout(Duration::MAX)
                .with_timeout(Duration::MAX)
                .with_timeout(Duration::from_secs(90)),
            90,
        ),
        (client.with_attempt_timeout(Duration::from_secs(90)), 50),
        (client.clone(), 30),
    ] {
        let start = Instant::now();
        client.batch_status(&BatchId::new("b")).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(ends));
    }
    let before = departures.lock().unwrap().len();
    let policy = RetryPolicy::default().with_max_attempts(3);
    client
        .with_retry(policy)
        .with_attempt_timeout(Duration::from_secs(1))
        .batch_status(&BatchId::new("b"))
        .await
        .unwrap_err();
    assert_eq!(departures.lock().unwrap().len() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn transport_gets_the_connect_timeout() {
    let client = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_region(Region::Us)
        .with_transport(|request: Request<Bytes>| async move {
            let told = request.extensions().get::<ConnectTimeout>().unwrap().0;
            Ok(http::Response::builder()
                .header("x-request-id", told.as_millis().to_string())
                .body(Bytes::from("[]"))
                .unwrap())
        })
        .build()
        .unwrap();
    for (client, told) in [
        (client.clone(), "10000"),
        (client.with_connect_timeout(Duration::from_secs(2)), "2000"),
        // Half of the attempt, so that "no connection" differs from "no answer".
        (client.with_attempt_timeout(Duration::from_secs(3)), "1500"),
        (client.with_timeout(Duration::from_secs(1)), "500"),
    ] {
        assert_eq!(client.find_batches("k", "v").await.unwrap().request_id.as_deref(), Some(told));
    }
}

#[tokio::test(start_paused = true)]
async fn storm_costs_a_fifth_more_than_it_must() {
    let (builder, departures) = over(|_| Some(answer(429, &[], "")));
    let client = builder.build().unwrap();
    let calls = 2000;
    let tasks: Vec<_> = (0..calls)
        .map(|_| {
            // Clones share the budget.
            let client = client.with_timeout(Duration::from_secs(600));
            tokio::spawn(async move { client.send_batch(&batch()).await.unwrap_err() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().is_rate_limited());
    }
    let requests = departures.lock().unwrap().len();
    assert!(requests > calls && requests <= calls + calls / 5 + 10, "{requests}");
}

#[tokio::test(start_paused = true)]
async fn no_second_sees_more_requests_than_the_pace_allows() {
    // Every fifth request meets a busy service, every seventh an expired token: they count too.
    let respond = |number| {
        Some(match number {
            number if number % 5 == 0 => answer(429, &[], ""),
            number if number % 7 == 0 => answer(401, &[("www-authenticate", "Bearer error=\"expired\"")], ""),
            _ => accepted(),
        })
    };
    let (builder, departures) = over(respond);
    let client = builder.with_timeout(Duration::from_secs(3600)).build().unwrap();
    let tasks: Vec<_> = (0..3000)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let _ = client.send_batch(&batch()).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let departures = departures.lock().unwrap();
    assert!(departures.len() > 3300, "{}", departures.len());
    for (at, first) in departures.iter().enumerate() {
        let within = departures[at..].iter().take_while(|later| **later < *first + Duration::from_secs(1)).count();
        assert!(within <= 800, "{within} from {first:?}");
    }
    // It is a limit, not a brake.
    assert!(departures[departures.len() - 1] < Duration::from_secs(8), "{:?}", departures.last());
}

#[tokio::test(start_paused = true)]
async fn one_pace_serves_several_clients_and_none_can_be_had() {
    let pace = Pace::per_second(NonZeroU32::new(2).unwrap());
    let start = Instant::now();
    for _ in 0..3 {
        let client = over(|_| Some(accepted())).0.with_pace(pace.clone()).build().unwrap();
        client.send_batch(&batch()).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_secs(1));

    let client = over(|_| Some(accepted())).0.without_pace().build().unwrap();
    let start = Instant::now();
    for _ in 0..2000 {
        client.send_batch(&batch()).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn reached_remembers_an_early_attempt() {
    let attempts = Mutex::new(0);
    let client = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_region(Region::Us)
        .with_transport(move |_: Request<Bytes>| {
            *attempts.lock().unwrap() += 1;
            let first = *attempts.lock().unwrap() == 1;
            async move { Err(if first { TransportError::broken("reset") } else { TransportError::connect("refused") }) }
        })
        .build()
        .unwrap();
    let error = client.find_batches("k", "v").await.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(error.reached_service(), Reached::Unknown);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_read_in_any_form() {
    // The date is held against the service's own clock.
    let clock = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
    for (said, waits) in [
        ("7", Ok(7)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Ok(7)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Ok(7)),
        ("0", Ok(0)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", Ok(0)),
        ("soon", Ok(0)),
        ("-7", Ok(0)),
        ("1e3", Ok(0)),
        ("600", Err(600)),
        ("3600", Err(3600)),
        // More than an hour is not believed.
        ("Sat, 06 Nov 2094 08:49:37 GMT", Ok(0)),
        ("99999999999999999999", Ok(0)),
    ] {
        let (builder, departures) = over(move |number| {
            Some(if number == 1 { answer(429, &[("retry-after", said), clock], "") } else { accepted() })
        });
        let client = builder.build().unwrap();
        let start = Instant::now();
        let sent = client.send_batch(&batch()).await;
        match waits {
            Ok(seconds) => {
                assert!(sent.is_ok(), "{said}");
                assert_eq!(start.elapsed().as_secs(), seconds, "{said}");
            }
            Err(seconds) => {
                assert_eq!(sent.unwrap_err().retry_after(), Some(Duration::from_secs(seconds)), "{said}");
                assert_eq!(departures.lock().unwrap().len(), 1);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_is_dropped_while_it_waits_holds_nothing_up() {
    let (builder, departures) = over(|number| if number == 1 { None } else { Some(accepted()) });
    let client = builder.with_pace(Pace::per_second(NonZeroU32::new(2).unwrap())).build().unwrap();
    let soon = Duration::from_millis(10);
    // While it is answered, while its turn comes, and while others wait behind it.
    assert!(tokio::time::timeout(soon, client.send_batch(&batch())).await.is_err());
    client.send_batch(&batch()).await.unwrap();
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send_batch(&batch()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    waiting[0].abort();
    waiting[1].abort();
    for task in waiting {
        let ended = task.await;
        assert!(ended.as_ref().is_err_and(|error| error.is_cancelled()) || ended.unwrap().is_ok());
    }
    assert_eq!(departures.lock().unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn error_names_its_request() {
    let (builder, _) = over(|_| Some(answer(400, &[("x-request-id", "r-1")], "{}")));
    let error = builder.build().unwrap().send_batch(&batch()).await.unwrap_err();
    assert_eq!((error.request_id(), error.is_bad_request()), (Some("r-1"), true));
    let (builder, _) = over(|_| Some(answer(200, &[("x-request-id", "r-2")], "<html>")));
    let error = builder.build().unwrap().send_batch(&batch()).await.unwrap_err();
    assert_eq!(error.request_id(), Some("r-2"));
}
