//! Callbacks that are held back, sent twice, shuffled; and the time they are signed with.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sinch_batch_simulator::{MessageOutcome, SimulatorConfig};

use crate::support::{Caller, Webhook, crowd, to};

fn quiet(webhook: &Webhook) -> SimulatorConfig {
    to(webhook).with_fail_percent(0.0).with_read_percent(0.0)
}

#[tokio::test]
async fn callbacks_are_held_back_until_released() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(quiet(&webhook).with_hold_callbacks(true)).await;
    caller.send(&crowd(0, 5)).await;
    // What is held does not keep anybody waiting.
    caller.simulator.idle().await;
    assert!(webhook.received().is_empty());
    caller.simulator.release_callbacks();
    caller.simulator.idle().await;
    assert_eq!(webhook.received().len(), 11);

    let said = caller.control("POST", "/callbacks", json!({"hold": true})).await;
    assert_eq!((said.status, said.body), (200, json!({"held": true})));
    caller.send(&crowd(5, 1)).await;
    caller.simulator.idle().await;
    assert_eq!(webhook.received().len(), 11);
    caller.control("POST", "/callbacks", json!({"release": true})).await;
    caller.simulator.idle().await;
    assert_eq!(webhook.received().len(), 14);
    assert_eq!(caller.control("POST", "/callbacks", json!({"release": true, "hold": true})).await.status, 400);
}

#[tokio::test]
async fn callbacks_are_sent_twice_by_seed() {
    async fn twice(seed: u64, percent: f64) -> Vec<String> {
        let webhook = Webhook::start(Timestamp::now).await;
        let config = quiet(&webhook).with_seed(seed).with_callback_twice_percent(percent);
        let caller = Caller::start(config).await;
        caller.send(&crowd(0, 50)).await;
        caller.simulator.idle().await;
        let repeated = |number: &usize| webhook.receipts(&format!("+1555{number:07}")).len() > 2;
        (0..50).filter(repeated).map(|number| number.to_string()).collect()
    }
    assert!(twice(1, 0.0).await.is_empty());
    assert_eq!(twice(1, 100.0).await.len(), 50);
    let some = twice(1, 30.0).await.len();
    assert!((10..45).contains(&some), "{some}");

    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(quiet(&webhook)).await;
    assert_eq!(caller.control("POST", "/callbacks", json!({"twice_percent": 100})).await.status, 200);
    caller.send(&crowd(0, 1)).await;
    caller.simulator.idle().await;
    assert_eq!(webhook.received().len(), 6);
    assert_eq!(caller.control("POST", "/callbacks", json!({"twice_percent": 101})).await.status, 400);
}

#[tokio::test]
async fn callbacks_are_shuffled() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(quiet(&webhook).with_callback_shuffle(20)).await;
    for number in 0..20 {
        caller.simulator.set_outcome(format!("+1555{number:07}"), MessageOutcome::DeliveredThenRead);
    }
    caller.send(&crowd(0, 20)).await;
    caller.simulator.idle().await;
    let receipts: Vec<_> = (0..20).map(|number| webhook.receipts(&format!("+1555{number:07}"))).collect();
    assert!(receipts.iter().all(|it| it.len() == 3), "none is lost: {receipts:?}");
    assert!(receipts.iter().any(|it| *it != ["QUEUED_ON_CHANNEL", "DELIVERED", "READ"]), "{receipts:?}");
    assert_eq!(caller.simulator.stats().messages.read, 20);
}

#[tokio::test]
async fn signatures_carry_real_time_however_far_the_clock_was_moved_on() {
    // The webhook refuses what is not signed within seconds of its own time.
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(quiet(&webhook)).await;
    caller.send(&crowd(0, 1)).await;
    caller.simulator.advance(Duration::from_secs(3000));
    caller.send(&crowd(1, 1)).await;
    caller.simulator.idle().await;
    let callbacks = caller.simulator.stats().callbacks;
    assert_eq!((callbacks.sent, callbacks.acknowledged), (6, 6));
}

#[tokio::test]
async fn everything_due_has_left_when_the_clock_was_moved_on() {
    fn then() -> Timestamp {
        "2031-09-14T10:00:00Z".parse().unwrap()
    }
    let webhook = Webhook::start(then).await;
    let caller = Caller::start(quiet(&webhook).with_clock(then)).await;
    let mut body = crowd(0, 3);
    body["send_after"] = json!("2031-09-14T10:05:00Z");
    let id = caller.send(&body).await.body["batch_id"].as_str().unwrap().to_owned();
    caller.simulator.advance(Duration::from_secs(300));
    assert_eq!(caller.status(&id).await.body["status"], "PROCESSED");
    caller.simulator.idle().await;
    assert_eq!(webhook.received().len(), 7);
    assert_eq!(caller.simulator.stats().messages.delivered, 3);
}

#[tokio::test]
async fn callbacks_are_refused_for_good_or_delayed() {
    fn then() -> Timestamp {
        "2031-09-14T10:00:00Z".parse().unwrap()
    }
    let webhook = Webhook::start(then).await;
    let caller = Caller::start(quiet(&webhook).with_clock(then)).await;
    for kind in ["refuse_400", "refuse_401", "refuse_403", "refuse_404", "refuse_408"] {
        let refused = caller.simulator.stats().callbacks.refused;
        caller.simulator.inject(format!("callback:{kind}:3").parse().unwrap());
        caller.send(&crowd(0, 1)).await;
        caller.simulator.idle().await;
        assert_eq!(caller.simulator.stats().callbacks.refused, refused + 3, "{kind}");
    }
    assert!(webhook.received().is_empty());

    caller.simulator.inject("callback:delay=60:3".parse().unwrap());
    caller.send(&crowd(0, 1)).await;
    // Two are delayed at once, and a third after the first of a message has left.
    while webhook.received().len() < 3 {
        caller.simulator.advance(Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
    caller.simulator.idle().await;
    assert_eq!(webhook.received().len(), 3);
}
