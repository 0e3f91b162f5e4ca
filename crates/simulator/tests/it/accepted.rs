//! Sends that are accepted and not confirmed, sends that are refused, batches that stay hidden.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};

use crate::support::{Caller, crowd};

fn then() -> Timestamp {
    "2031-09-14T10:00:00Z".parse().unwrap()
}

/// A send request under a key.
fn keyed(key: &str, first: usize) -> Value {
    let mut body = crowd(first, 1);
    body["batch_metadata"] = json!({"key": key});
    body
}

async fn found(caller: &Caller, key: &str) -> usize {
    let said = caller.call("GET", &format!("/messages?metadataKey=key&metadataValue={key}"), "").await.unwrap();
    said.body.as_array().unwrap().len()
}

#[tokio::test]
async fn accepted_sends_may_get_any_status() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let kinds = [
        (FaultKind::AcceptThen400, 400),
        (FaultKind::AcceptThen401, 401),
        (FaultKind::AcceptThen404, 404),
        (FaultKind::AcceptThen408, 408),
        (FaultKind::AcceptThenRateLimit, 429),
        (FaultKind::AcceptThen500, 500),
        (FaultKind::AcceptThen503, 503),
    ];
    for (number, (kind, status)) in kinds.into_iter().enumerate() {
        caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, kind).with_retry_after("7"));
        let said = caller.send(&keyed(kind.name(), number)).await;
        assert_eq!((said.status, &said.body["error"]["code"]), (status, &json!(status)), "{kind:?}");
        assert!(!said.challenge.contains("expired"), "{kind:?}");
        assert_eq!(said.retry_after.as_deref(), (status == 429).then_some("7"));
        assert_eq!(found(&caller, kind.name()).await, 1, "{kind:?}");
    }
    assert_eq!(caller.simulator.messages().len(), kinds.len());
}

#[tokio::test]
async fn accepted_sends_may_get_200_without_a_batch_id() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    for (number, (kind, check)) in [
        (FaultKind::AcceptThenHtml, (|text| text.starts_with("<!doctype html>")) as fn(&str) -> bool),
        (FaultKind::AcceptThenEmpty, str::is_empty),
        (FaultKind::AcceptThenCut, |text| text.starts_with("{\"batch_id\":\"") && !text.contains('}')),
    ]
    .into_iter()
    .enumerate()
    {
        caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, kind));
        let said = caller.send(&keyed(kind.name(), number)).await;
        assert_eq!(said.status, 200, "{kind:?}");
        assert!(said.body.as_str().is_some_and(check), "{kind:?}: {said:?}");
        assert_eq!(found(&caller, kind.name()).await, 1, "{kind:?}");
    }
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenNoId));
    let said = caller.send(&keyed("no_id", 9)).await;
    assert_eq!((said.status, said.body), (200, json!({})));
    assert_eq!(found(&caller, "no_id").await, 1);
}

#[tokio::test]
async fn accepted_sends_may_get_the_id_of_an_earlier_batch() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenSameId));
    let first = caller.send(&keyed("a", 0)).await.body["batch_id"].clone();
    let second = caller.send(&keyed("b", 1)).await.body["batch_id"].clone();
    let third = caller.send(&keyed("c", 2)).await.body["batch_id"].clone();
    assert_eq!(first, second, "the fault waited until there was an earlier batch");
    assert_ne!(second, third);
    let said = caller.call("GET", "/messages?metadataKey=key&metadataValue=b", "").await.unwrap();
    assert_ne!(said.body[0]["batch_id"], first, "look-ups know the batch by its own id");
}

#[tokio::test]
async fn refused_sends_leave_nothing() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    for (kind, status) in [
        (FaultKind::Refuse400, 400),
        (FaultKind::Refuse401, 401),
        (FaultKind::Refuse403, 403),
        (FaultKind::Refuse404, 404),
        (FaultKind::Refuse408, 408),
    ] {
        caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, kind));
        let said = caller.send(&crowd(0, 1)).await;
        assert_eq!((said.status, &said.body["error"]["code"]), (status, &json!(status)), "{kind:?}");
    }
    assert_eq!(caller.simulator.stats().batches, 0);
}

#[tokio::test]
async fn batches_show_up_after_the_visibility_delay() {
    let config = SimulatorConfig::default().with_clock(then).with_visibility_delay(Duration::from_secs(5));
    let caller = Caller::start(config).await;
    let id = caller.send(&keyed("a", 0)).await.body["batch_id"].as_str().unwrap().to_owned();
    assert_eq!((found(&caller, "a").await, caller.status(&id).await.status), (0, 404));
    assert_eq!(caller.simulator.messages().len(), 1, "it was accepted all the same");
    caller.simulator.advance(Duration::from_millis(4999));
    assert_eq!((found(&caller, "a").await, caller.status(&id).await.status), (0, 404));
    caller.simulator.advance(Duration::from_millis(1));
    assert_eq!((found(&caller, "a").await, caller.status(&id).await.status), (1, 200));
}

#[tokio::test]
async fn one_batch_stays_hidden_for_as_long_as_its_fault_says() {
    let caller = Caller::start(SimulatorConfig::default().with_clock(then)).await;
    let hidden = json!({"operation": "send_batch", "fault": "visible_after", "seconds": 8});
    assert_eq!(caller.control("POST", "/faults", hidden).await.status, 200);
    assert_eq!(caller.send(&keyed("a", 0)).await.status, 200);
    let lost = Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop)
        .with_hidden_seconds(Duration::from_secs(20));
    caller.simulator.inject(lost);
    assert!(caller.call("POST", "/messages", &keyed("b", 1).to_string()).await.is_err());
    caller.send(&keyed("c", 2)).await;
    for (advance, visible) in [(0, [0, 0, 1]), (7, [0, 0, 1]), (1, [1, 0, 1]), (12, [1, 1, 1])] {
        caller.simulator.advance(Duration::from_secs(advance));
        let seen = [found(&caller, "a").await, found(&caller, "b").await, found(&caller, "c").await];
        assert_eq!(seen, visible);
    }
}

#[tokio::test]
async fn faults_that_cannot_happen_are_refused() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    for (fault, part) in [
        (json!({"operation": "token", "fault": "shape_null"}), "cannot happen to token"),
        (json!({"operation": "find_batches", "fault": "delay"}), "needs seconds"),
        (json!({"operation": "find_batches", "fault": "delay", "seconds": -1}), "number of seconds"),
        (json!({"operation": "find_batches", "fault": "drop", "hidden_seconds": 1}), "is for send_batch"),
        (json!({"operation": "find_batches", "fault": "explode"}), "accept_then_same_id"),
    ] {
        let said = caller.control("POST", "/faults", fault).await;
        assert!(said.status == 400 && said.body["error"].as_str().unwrap().contains(part), "{said:?}");
    }
}
