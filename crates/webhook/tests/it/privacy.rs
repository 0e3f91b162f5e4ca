//! What logs and `Debug` tell: the reason, and nothing about anybody.

use std::cell::RefCell;
use std::io;

use axum::body::Bytes;
use sinch_batch_webhook::{CallbackReceiver, Received, Signed, WebhookSecret};
use tokio::sync::mpsc;

use crate::support::{Listening, NONCE, Request, THEN, verifier};

const BODY: &[u8] = include_bytes!("../../../../tests/wire/callback/message_delivery.failed.channel.json");

/// What must not be told: a person's number, the secret, a token, the nonce, the signature.
fn told(text: &str) -> Vec<&'static str> {
    let all = ["15550100", "the secret", "hunter2", NONCE, "signature="];
    all.into_iter().filter(|word| text.contains(word)).collect()
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes where the thread's own log is: each test has a thread, and so has its receiver.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_show_the_reason_and_no_personal_data() {
    // For all threads: one that had none would turn the events off for the others.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(|| Log)
        .init();
    let listening = Listening::with(CallbackReceiver::new(verifier())).await;
    let good = Request::signed(BODY, NONCE, THEN).and("authorization", "Bearer hunter2");
    listening.failing.store(true, std::sync::atomic::Ordering::SeqCst);
    good.post(listening.addr).await;
    listening.failing.store(false, std::sync::atomic::Ordering::SeqCst);
    for request in [
        good.clone(),
        good.clone(),
        good.clone().without("-nonce"),
        Request::signed_with(&WebhookSecret::new("another"), BODY, NONCE, THEN),
        Request::signed(BODY, NONCE, THEN - 301),
        Request::signed(&BODY[..300], "another", THEN),
    ] {
        request.post(listening.addr).await;
    }
    let log = String::from_utf8(LOG.take()).unwrap();
    for line in ["sink", "missing", "mismatch", "old", "unreadable"].map(|word| format!("reason=\"{word}\"")) {
        assert!(log.contains(&line), "{line}\n{log}");
    }
    for line in ["a callback was applied", "a callback was repeated"] {
        assert!(log.contains(line), "{line}\n{log}");
    }
    assert_eq!(told(&log), Vec::<&str>::new(), "{log}");
    assert!(!log.contains("/home/someone"), "what a sink says is the program's own affair");
}

#[tokio::test]
async fn debug_shows_no_personal_data() {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Received>();
    let router = CallbackReceiver::new(verifier()).raw_router(move |received| {
        sender.send(received).unwrap();
        async { Ok::<_, std::convert::Infallible>(()) }
    });
    let addr = crate::support::serve(router).await;
    let now = jiff::Timestamp::now().as_second();
    let request = Request::signed(BODY, "a-nonce", now).and("authorization", "Bearer hunter2");
    assert_eq!(request.post(addr).await.status, 200);
    let received = receiver.recv().await.unwrap();
    let signed = Signed(Bytes::from_static(BODY));
    assert_eq!(told(std::str::from_utf8(BODY).unwrap()), ["15550100"], "there is somebody in it");
    let all = format!("{received:?} {received:#?} {signed:?}");
    assert_eq!(told(&all), Vec::<&str>::new(), "{all}");
}
