//! From the claim to the answer: copies, restarts, slow sinks, senders that go away.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use jiff::Timestamp;
use sinch_batch_webhook::{
    CallbackOutcome, CallbackReceiver, NonceClaim, NonceState, NonceStore, Nonces, ReceiverLimits, Rejection, Verifier,
    WebhookSecret, sign,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tower_service::Service;

use crate::support::{BODY, Listening, NONCE, Request, THEN, secret, serve, verifier};

/// A sink that says when it begins and ends, and waits in between until it is let go.
struct Held {
    router: Router,
    begun: mpsc::UnboundedReceiver<()>,
    ended: mpsc::UnboundedReceiver<()>,
    gate: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
}

fn held(limits: ReceiverLimits) -> Held {
    let (begin, begun) = mpsc::unbounded_channel();
    let (end, ended) = mpsc::unbounded_channel();
    let (gate, calls) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (hold, count) = (gate.clone(), calls.clone());
    let router = CallbackReceiver::new(verifier()).with_limits(limits).router(move |_| {
        let (begin, end, hold) = (begin.clone(), end.clone(), hold.clone());
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            begin.send(()).unwrap();
            hold.acquire().await.unwrap().forget();
            end.send(()).unwrap();
            Ok::<_, Infallible>(())
        }
    });
    Held { router, begun, ended, gate, calls }
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

#[tokio::test]
async fn one_of_a_hundred_copies_at_once_is_applied() {
    let mut held = held(ReceiverLimits::default());
    let addr = serve(held.router).await;
    let request = Request::signed(BODY, NONCE, now());
    let copies: Vec<_> = (0..100)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move { request.post(addr).await.status })
        })
        .collect();
    held.begun.recv().await.unwrap();
    held.gate.add_permits(1);
    for copy in copies {
        assert_eq!(copy.await.unwrap(), 200);
    }
    assert_eq!(held.calls.load(Ordering::SeqCst), 1);
}

/// With a clock that stands still while anybody has something to do: a wait would show on it.
#[tokio::test(start_paused = true)]
async fn copy_is_notified_when_the_first_is_settled() {
    let start = tokio::time::Instant::now();
    let gate = Arc::new(Semaphore::new(0));
    let hold = gate.clone();
    let service = CallbackReceiver::new(verifier()).service(move |_| {
        let hold = hold.clone();
        async move {
            hold.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(())
        }
    });
    let post = || tokio::spawn(service.clone().call(signed_now()));
    let (first, second) = (post(), post());
    // Both have come as far as they can: the first into the sink, the second to wait for it.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished() && !second.is_finished());
    gate.add_permits(1);
    for copy in [first, second] {
        assert_eq!(copy.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn nonce_with_another_genuine_body_is_applied() {
    let listening = Listening::start().await;
    assert_eq!(Request::signed(BODY, NONCE, THEN).post(listening.addr).await.status, 200);
    let answer = Request::signed(b"{}", NONCE, THEN).post(listening.addr).await;
    assert_eq!((answer.status, answer.body.as_str(), listening.n_received()), (200, "", 2));
    // If it fails, the first one is known all the same.
    listening.failing.store(true, Ordering::SeqCst);
    assert_eq!(Request::signed(b"{\"a\":1}", NONCE, THEN).post(listening.addr).await.status, 503);
    listening.failing.store(false, Ordering::SeqCst);
    // The same callback, signed again when it was sent again.
    assert_eq!(Request::signed(BODY, NONCE, THEN + 60).post(listening.addr).await.status, 200);
    assert_eq!(listening.n_received(), 2);
}

#[tokio::test]
async fn copy_after_a_restart_is_known_to_a_store_that_outlives_it() {
    let store = Arc::new(NonceStore::new());
    let request = Request::signed(BODY, NONCE, THEN);
    let before = Listening::with(CallbackReceiver::new(verifier()).with_nonces(store.clone())).await;
    assert_eq!(request.post(before.addr).await.status, 200);
    let after = Listening::with(CallbackReceiver::new(verifier()).with_nonces(store.clone())).await;
    assert_eq!(request.post(after.addr).await.status, 200);
    assert_eq!((before.n_received(), after.n_received(), store.len()), (1, 0, 1));

    // To one in memory it is new, within the window.
    let forgetful = Listening::start().await;
    assert_eq!(request.post(forgetful.addr).await.status, 200);
    assert_eq!(forgetful.n_received(), 1);
    forgetful.now.store(THEN + 301, Ordering::SeqCst);
    assert_eq!(request.post(forgetful.addr).await.status, 503);
}

/// A store elsewhere, which says what it is told to.
struct Elsewhere(Mutex<Vec<Result<NonceState, &'static str>>>);

impl Nonces for Elsewhere {
    type Error = &'static str;

    async fn claim(&self, _: NonceClaim, _: Timestamp) -> Result<NonceState, &'static str> {
        tokio::task::yield_now().await;
        self.0.lock().unwrap().pop().unwrap_or(Err("asked too often"))
    }

    async fn keep(&self, _: NonceClaim) -> Result<(), &'static str> {
        Err("gone")
    }

    async fn release(&self, _: NonceClaim) -> Result<(), &'static str> {
        Err("gone")
    }
}

#[tokio::test]
async fn store_elsewhere_is_asked_until_it_knows() {
    // Last first: a fault, then another process at work, twice, and then ours.
    let said = vec![Ok(NonceState::New), Ok(NonceState::InProgress), Ok(NonceState::InProgress), Err("no connection")];
    let listening = Listening::with(CallbackReceiver::new(verifier()).with_nonces(Elsewhere(Mutex::new(said)))).await;
    let request = Request::signed(BODY, NONCE, THEN);
    let answer = request.post(listening.addr).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(listening.n_received(), 0);
    // What the sink took is answered 200, though the store would not note it.
    assert_eq!(request.post(listening.addr).await.status, 200);
    assert_eq!(listening.n_received(), 1);
}

/// With a clock that goes on only when nobody has anything to do: the time for the answer is up when the
/// sink is at its work, however slow the machine.
#[tokio::test(start_paused = true)]
async fn sink_that_is_slow_is_not_called_again() {
    let gate = Arc::new(Semaphore::new(0));
    let calls = Arc::new(AtomicUsize::new(0));
    let (end, mut ended) = mpsc::unbounded_channel();
    let (hold, count) = (gate.clone(), calls.clone());
    let service = CallbackReceiver::new(verifier()).service(move |_| {
        let (end, hold) = (end.clone(), hold.clone());
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            hold.acquire().await.unwrap().forget();
            end.send(()).unwrap();
            Ok::<_, Infallible>(())
        }
    });
    let start = tokio::time::Instant::now();
    let answer = service.clone().call(signed_now()).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &HeaderValue::from_static("5")));
    assert_eq!(start.elapsed(), ReceiverLimits::default().answer);
    // Still at work: the answer is as late as before.
    assert_eq!(service.clone().call(signed_now()).await.unwrap().status(), 503);
    gate.add_permits(1);
    ended.recv().await.unwrap();
    assert_eq!(service.clone().call(signed_now()).await.unwrap().status(), 200);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// As in a shutdown: the server has ended, and with it the request, but not the sink.
#[tokio::test(start_paused = true)]
async fn handle_waits_for_a_sink_whose_sender_has_gone() {
    let gate = Arc::new(Semaphore::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let (hold, count) = (gate.clone(), ended.clone());
    let receiver = CallbackReceiver::new(verifier());
    let handle = receiver.handle();
    let mut service = receiver.service(move |_| {
        let (hold, count) = (hold.clone(), count.clone());
        async move {
            hold.acquire().await.unwrap().forget();
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(())
        }
    });
    handle.drained().await;
    let request = tokio::time::timeout(Duration::from_secs(1), service.call(signed_now()));
    assert!(request.await.is_err(), "the sender has gone");
    assert_eq!(handle.in_work(), 1);
    assert!(tokio::time::timeout(Duration::from_secs(60), handle.drained()).await.is_err(), "the sink is at work");
    gate.add_permits(1);
    handle.drained().await;
    assert_eq!((handle.in_work(), ended.load(Ordering::SeqCst)), (0, 1));
    assert_eq!(service.call(signed_now()).await.unwrap().status(), 200, "remembered as applied");
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

/// The same callback, for a service that is called without a network.
fn signed_now() -> HttpRequest {
    let mut request = HttpRequest::post("/").body(Body::from(BODY)).unwrap();
    for (name, value) in sign(&secret(), BODY, NONCE, now()).headers() {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// Tells when the request's future is gone.
struct Gone(mpsc::UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn sink_runs_to_its_end_though_the_sender_goes_away() {
    let mut held = held(ReceiverLimits::default());
    let (gone, mut left) = mpsc::unbounded_channel();
    let watch = move |request: HttpRequest, next: Next| {
        let gone = Gone(gone.clone());
        async move {
            let response = next.run(request).await;
            drop(gone);
            response
        }
    };
    let addr = serve(held.router.layer(from_fn(watch))).await;
    let request = Request::signed(BODY, NONCE, now());
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.head(BODY.len()).as_bytes()).await.unwrap();
    stream.write_all(BODY).await.unwrap();
    held.begun.recv().await.unwrap();
    drop(stream);
    left.recv().await.unwrap();

    held.gate.add_permits(1);
    held.ended.recv().await.unwrap();
    assert_eq!(request.post(addr).await.status, 200);
    assert_eq!(held.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn more_than_may_be_in_work_are_asked_to_come_again() {
    let mut held = held(ReceiverLimits::default().with_in_flight(1));
    let addr = serve(held.router).await;
    let (first, second) = (Request::signed(BODY, "a", now()), Request::signed(BODY, "b", now()));
    let slow = tokio::spawn(async move { first.post(addr).await.status });
    held.begun.recv().await.unwrap();
    let answer = second.post(addr).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    held.gate.add_permits(2);
    assert_eq!(slow.await.unwrap(), 200);
    assert_eq!(second.post(addr).await.status, 200);
    assert_eq!(held.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn sink_that_panics_asks_for_a_retry() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let router = CallbackReceiver::new(verifier()).router(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            tokio::task::yield_now().await;
            assert!(!first, "a panic that belongs to the test");
            Ok::<_, Infallible>(())
        }
    });
    let addr = serve(router).await;
    let request = Request::signed(BODY, NONCE, now());
    assert_eq!(request.post(addr).await.status, 503);
    assert_eq!(request.post(addr).await.status, 200);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn raw_sink_gets_all_that_came() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let secrets = [WebhookSecret::new("new"), secret().with_name("old")];
    let router = CallbackReceiver::new(Verifier::any_of(secrets).unwrap()).raw_router(move |received| {
        sender.send(received).unwrap();
        async { Ok::<_, Infallible>(()) }
    });
    let addr = serve(router).await;
    let request = Request::signed(BODY, NONCE, now()).and("x-of-a-proxy", "1");
    assert_eq!(request.post(addr).await.status, 200);
    let received = receiver.recv().await.unwrap();
    assert_eq!(received.body, BODY);
    assert_eq!(received.headers["x-of-a-proxy"], "1");
    assert_eq!(received.callback, sinch_batch_webhook::parse(BODY).unwrap());
    assert_eq!(&*received.verified.nonce, NONCE);
    assert_eq!((received.verified.secret, received.verified.secret_name.as_deref()), (1, Some("old")));
}

#[tokio::test]
async fn observer_gets_the_reason_that_the_sender_does_not() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let receiver = CallbackReceiver::new(verifier()).with_observer(move |outcome| {
        tell.lock().unwrap().push(match outcome {
            CallbackOutcome::Applied { secret, readable, late, conflict, .. } => {
                format!("applied {secret} {readable} {late} {conflict}")
            }
            CallbackOutcome::Duplicate { secret, .. } => format!("duplicate {secret}"),
            CallbackOutcome::Rejected(rejection) => rejection.code().to_owned(),
            _ => "something new".to_owned(),
        });
    });
    let listening = Listening::with(receiver).await;
    let good = Request::signed(BODY, NONCE, THEN);
    let requests = [
        good.clone(),
        good.clone(),
        good.clone().with("", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.clone().without("-nonce"),
        Request::signed(BODY, NONCE, THEN - 301),
        Request::signed(b"{}", NONCE, THEN),
        Request::signed(b"[]", "another", THEN),
        good.to("GET /"),
    ];
    for request in requests {
        request.post(listening.addr).await;
    }
    let expected = [
        "applied 0 true false false",
        "duplicate 0",
        "mismatch",
        "missing",
        "old",
        "applied 0 true false true",
        "applied 0 false false false",
        "method",
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn no_refusal_says_its_cause_twice() {
    fn chain(error: &dyn std::error::Error) -> Vec<String> {
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect()
    }
    #[derive(Debug, thiserror::Error)]
    #[error("the cause")]
    struct Cause;
    let json = sinch_batch_webhook::parse(b"[]").unwrap_err();
    for rejection in [
        Rejection::Body(Arc::new(Cause)),
        Rejection::Unreadable(Arc::new(json)),
        Rejection::Signature(sinch_batch_webhook::SignatureError::Mismatch),
        Rejection::Sink("the cause".into()),
    ] {
        let said = chain(&rejection);
        for (at, sentence) in said.iter().enumerate() {
            assert!(said.iter().skip(at + 1).all(|later| !sentence.contains(later.as_str())), "{said:?}");
        }
    }
}

/// What is in work when the receiver is dropped with its runtime is not kept: it comes again.
#[test]
fn end_of_the_runtime_ends_what_is_in_work() {
    #[derive(Debug)]
    struct Kept(Arc<AtomicUsize>);
    impl Nonces for Kept {
        type Error = Infallible;
        async fn claim(&self, _: NonceClaim, _: Timestamp) -> Result<NonceState, Infallible> {
            Ok(NonceState::New)
        }
        async fn keep(&self, _: NonceClaim) -> Result<(), Infallible> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        async fn release(&self, _: NonceClaim) -> Result<(), Infallible> {
            Ok(())
        }
    }
    let kept = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let counted = kept.clone();
    runtime.block_on(async move {
        let (begin, mut begun) = mpsc::unbounded_channel();
        let router = CallbackReceiver::new(verifier()).with_nonces(Kept(counted)).router(move |_| {
            begin.send(()).unwrap();
            async {
                std::future::pending::<()>().await;
                Ok::<_, Infallible>(())
            }
        });
        let addr = serve(router).await;
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = Request::signed(BODY, NONCE, now());
        stream.write_all(request.head(BODY.len()).as_bytes()).await.unwrap();
        stream.write_all(BODY).await.unwrap();
        begun.recv().await.unwrap();
    });
    drop(runtime);
    assert_eq!(kept.load(Ordering::SeqCst), 0);
}

/// Errors of a sink need not be errors, only have words.
#[derive(Debug)]
struct Words;

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("+15550100011 is not in the table")
    }
}

#[tokio::test]
async fn sink_error_is_not_in_the_response() {
    let router = CallbackReceiver::new(verifier()).router(async |_| Err::<(), _>(Words));
    let addr = serve(router).await;
    let answer = Request::signed(BODY, NONCE, now()).post(addr).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    assert!(!answer.head.contains("15550100011"));
}
