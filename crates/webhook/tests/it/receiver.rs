//! The router's promises, each by its name.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use jiff::Timestamp;
use sinch_batch_models::{Callback, CallbackKind};
use sinch_batch_webhook::{Signed, WebhookSecret, router, sign};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{BODY, Listening, NONCE, Request, THEN, serve, verifier};

#[tokio::test]
async fn promise_7_a_forged_callback_changes_nothing() {
    let listening = Listening::start().await;
    let good = Request::signed(BODY, NONCE, THEN);
    let forged = sign(&WebhookSecret::new("another"), BODY, NONCE, THEN);
    let unsigned = Request { headers: Vec::new(), ..good.clone() };
    let prefix = "x-sinch-webhook-signature";
    for request in [
        good.clone().with(prefix, forged.as_str()),
        unsigned,
        good.clone().without(prefix),
        good.clone().without(&format!("{prefix}-nonce")),
        good.clone().without(&format!("{prefix}-timestamp")),
        good.clone().with(&format!("{prefix}-algorithm"), "none"),
    ] {
        assert_eq!(request.post(listening.addr).await.status, 401);
    }
    let mut twice = good.clone();
    twice.headers.push((prefix.to_owned(), forged.as_str().to_owned()));
    assert_eq!(twice.post(listening.addr).await.status, 401);
    assert_eq!(listening.n_received(), 0);

    // And none of it keeps the genuine one out.
    assert_eq!(good.post(listening.addr).await.status, 200);
    assert_eq!(listening.n_received(), 1);
}

#[tokio::test]
async fn promise_7_an_altered_callback_changes_nothing() {
    let listening = Listening::start().await;
    let good = Request::signed(BODY, NONCE, THEN);
    for place in 0..BODY.len() {
        let mut altered = good.clone();
        altered.body[place] ^= 1;
        assert_eq!(altered.post(listening.addr).await.status, 401, "byte {place}");
    }
    for altered in [
        good.clone().with("x-sinch-webhook-signature-nonce", "01KZZ9BN79T5GK1ZW8JMKVFHQ3"),
        good.clone().with("x-sinch-webhook-signature-timestamp", "1947146401"),
        // The same JSON in other bytes.
        Request { body: [BODY, b"\n"].concat(), ..good.clone() },
    ] {
        assert_eq!(altered.post(listening.addr).await.status, 401);
    }
    assert_eq!(listening.n_received(), 0);
}

#[tokio::test]
async fn promise_7_a_callback_of_another_time_is_asked_for_again() {
    let listening = Listening::start().await;
    let request = Request::signed(BODY, NONCE, THEN);
    for second in [THEN + 301, THEN - 301] {
        listening.now.store(second, Ordering::SeqCst);
        assert_eq!(request.post(listening.addr).await.status, 503);
        // A forger learns nothing of the clock.
        assert_eq!(request.clone().over("{}").post(listening.addr).await.status, 401);
    }
    assert_eq!(listening.n_received(), 0);
    listening.now.store(THEN + 300, Ordering::SeqCst);
    assert_eq!(request.post(listening.addr).await.status, 200);
    assert_eq!(listening.n_received(), 1);
}

#[tokio::test]
async fn promise_7_a_repeated_callback_changes_nothing() {
    let listening = Listening::start().await;
    let request = Request::signed(BODY, NONCE, THEN);
    for _ in 0..3 {
        assert_eq!(request.post(listening.addr).await.status, 200);
    }
    assert_eq!(listening.n_received(), 1);
    // Neither at the last moment its signature is good, nor after it.
    for (second, status) in [(THEN + 300, 200), (THEN + 301, 503)] {
        listening.now.store(second, Ordering::SeqCst);
        assert_eq!(request.post(listening.addr).await.status, status);
    }
    assert_eq!(listening.n_received(), 1);
}

#[tokio::test]
async fn promise_7_a_callback_repeated_at_the_same_moment_changes_nothing() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let calls = Arc::new(AtomicUsize::new(0));
    let (hold, count) = (gate.clone(), calls.clone());
    let app = router(verifier(), move |_| {
        let (started, hold) = (started.clone(), hold.clone());
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            started.send(()).unwrap();
            hold.acquire().await.unwrap().forget();
            // The first attempt fails, so that somebody has to try again.
            if first { Err("not now") } else { Ok(()) }
        }
    });
    let addr = serve(app).await;
    let request = Request::signed(BODY, NONCE, Timestamp::now().as_second());
    let deliveries: Vec<_> = (0..8)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move { request.post(addr).await.status })
        })
        .collect();
    starts.recv().await.unwrap();
    assert!(starts.try_recv().is_err(), "one at a time");
    gate.add_permits(1);
    starts.recv().await.unwrap();
    gate.add_permits(8);
    let mut answers = Vec::new();
    for delivery in deliveries {
        answers.push(delivery.await.unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 200, 200, 200, 200, 200, 503]);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn promise_7_a_fault_of_ours_asks_for_a_retry() {
    let listening = Listening::start().await;
    let request = Request::signed(BODY, NONCE, THEN);
    listening.failing.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(request.post(listening.addr).await.status, 503);
    }
    listening.failing.store(false, Ordering::SeqCst);
    assert_eq!(request.post(listening.addr).await.status, 200);
    assert_eq!(listening.n_received(), 1);
}

#[tokio::test]
async fn promise_7_every_kind_is_applied_and_nothing_is_refused_for_its_form() {
    let listening = Listening::start().await;
    let text = |name| sinch_batch_wire::text(name).into_bytes();
    let kinds = [
        text("callback/unknown_trigger.json"),
        text("callback/contact_merge.json"),
        text("callback/batch_status_update.processed.json"),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"".to_vec(),
        b"hello".to_vec(),
    ];
    for (number, body) in kinds.into_iter().enumerate() {
        let request = Request::signed(&body, &format!("nonce-{number}"), THEN);
        assert_eq!(request.post(listening.addr).await.status, 200, "{}", String::from_utf8_lossy(&body));
    }
    let callbacks = listening.callbacks.lock().unwrap();
    assert_eq!(callbacks.len(), 4);
    assert_eq!(callbacks[0].kind, CallbackKind::Unknown);
    assert!(matches!(callbacks[2].kind, CallbackKind::BatchStatusUpdate(_)));
}

#[tokio::test]
async fn body_over_the_limit_is_not_read() {
    let listening = Listening::start().await;
    let request = Request::signed(&vec![b' '; (256 << 10) + 1], NONCE, THEN);
    assert_eq!(request.post(listening.addr).await.status, 413);
    assert_eq!(listening.n_received(), 0);
}

#[tokio::test]
async fn router_works_nested() {
    let now = Timestamp::now().as_second();
    let hear = || router(verifier(), async |_| Ok::<_, Infallible>(()));
    let app = Router::new().nest("/sinch/callbacks", hear()).merge(hear());
    let addr = serve(app).await;
    assert_eq!(Request::signed(BODY, "a", now).post(addr).await.status, 200);
    assert_eq!(Request::signed(BODY, "b", now).to("POST /sinch/callbacks").post(addr).await.status, 200);
    assert_eq!(Request::signed(BODY, "c", now).to("POST /elsewhere").post(addr).await.status, 404);
}

#[tokio::test]
async fn extractor_refuses_like_the_router() {
    async fn handler(Signed(callback): Signed<Callback>) -> &'static str {
        match callback.kind {
            CallbackKind::MessageDelivery(_) => "delivery",
            _ => "other",
        }
    }
    let app = Router::new().route("/", axum::routing::post(handler)).with_state(verifier());
    let addr = serve(app).await;
    let now = Timestamp::now().as_second();
    let answer = Request::signed(BODY, "a", now).post(addr).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "delivery"));
    assert_eq!(Request::signed(BODY, "a", now - 400).post(addr).await.status, 503);
    assert_eq!(Request::signed(BODY, "a", now - 400).without("-nonce").post(addr).await.status, 401);
    let answer = Request::signed(b"[]", "a", now).post(addr).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "other"), "genuine, though nothing can be read of it");
}
