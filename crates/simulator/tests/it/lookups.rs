//! Look-ups that are slow, stale, or of a shape that nobody expects.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};

use crate::support::{Caller, Said, crowd};

fn then() -> Timestamp {
    "2031-09-14T10:00:00Z".parse().unwrap()
}

async fn still() -> Caller {
    Caller::start(SimulatorConfig::default().with_clock(then)).await
}

/// Sends one batch under a key; its id.
async fn send(caller: &Caller, key: &str) -> Value {
    let mut body = crowd(0, 1);
    body["batch_metadata"] = json!({"key": key});
    caller.send(&body).await.body["batch_id"].clone()
}

async fn look_up(caller: &Caller, key: &str) -> Said {
    caller.call("GET", &format!("/messages?metadataKey=key&metadataValue={key}"), "").await.unwrap()
}

/// The response to a look-up that has this fault.
async fn distorted(caller: &Caller, key: &str, kind: FaultKind) -> Value {
    caller.simulator.inject(Fault::new(SimulatedOperation::FindBatches, kind));
    let said = look_up(caller, key).await;
    assert_eq!(said.status, 200, "{kind:?}");
    said.body
}

/// Waits until so many requests of a kind were done.
async fn requested(caller: &Caller, operation: &str, count: u64) {
    while caller.simulator.stats().requests[operation].values().sum::<u64>() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn slow_look_up_responds_with_the_state_when_it_was_asked() {
    let caller = still().await;
    let slow = Fault::new(SimulatedOperation::FindBatches, FaultKind::Delay).with_seconds(Duration::from_secs(60));
    caller.simulator.inject(slow);
    let url = format!("{}/v1/projects/p/messages?metadataKey=key&metadataValue=a", caller.simulator.api_url());
    let asked = tokio::spawn(crate::support::said(caller.http.get(url).bearer_auth(&caller.token)));
    requested(&caller, "find_batches", 1).await;
    send(&caller, "a").await;
    caller.simulator.advance(Duration::from_secs(59));
    assert_eq!(look_up(&caller, "a").await.body.as_array().unwrap().len(), 1);
    assert!(!asked.is_finished());
    caller.simulator.advance(Duration::from_secs(1));
    let said = asked.await.unwrap().unwrap();
    assert_eq!((said.status, said.body), (200, json!([])));
}

#[tokio::test]
async fn slow_send_accepts_at_once_and_responds_later() {
    let caller = still().await;
    let slow =
        Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThen503).with_seconds(Duration::from_secs(30));
    caller.simulator.inject(slow);
    let url = format!("{}/v1/projects/p/messages", caller.simulator.api_url());
    let request = caller.http.post(url).bearer_auth(&caller.token).body(crowd(0, 1).to_string());
    let asked = tokio::spawn(crate::support::said(request));
    requested(&caller, "send_batch", 1).await;
    assert_eq!(caller.simulator.messages().len(), 1);
    assert!(!asked.is_finished());
    caller.simulator.advance(Duration::from_secs(30));
    assert_eq!(asked.await.unwrap().unwrap().status, 503);
}

#[tokio::test]
async fn stale_look_up_responds_with_an_old_state() {
    let caller = still().await;
    let mut body = crowd(0, 1);
    body["batch_metadata"] = json!({"key": "a"});
    body["send_after"] = json!("2031-09-14T10:05:00Z");
    let id = caller.send(&body).await.body["batch_id"].as_str().unwrap().to_owned();
    caller.simulator.advance(Duration::from_secs(300));
    let stale = async |operation, seconds| {
        caller.simulator.inject(Fault::new(operation, FaultKind::Stale).with_seconds(Duration::from_secs(seconds)));
    };
    assert_eq!(caller.status(&id).await.body["status"], "PROCESSED");
    stale(SimulatedOperation::BatchStatus, 1).await;
    assert_eq!(caller.status(&id).await.body["status"], "SCHEDULED");
    stale(SimulatedOperation::FindBatches, 300).await;
    assert_eq!(look_up(&caller, "a").await.body[0]["status"], "SCHEDULED");
    stale(SimulatedOperation::FindBatches, 301).await;
    assert_eq!(look_up(&caller, "a").await.body, json!([]));
}

#[tokio::test]
async fn shapes_without_entries() {
    let caller = still().await;
    send(&caller, "a").await;
    for key in ["a", "nothing"] {
        assert_eq!(distorted(&caller, key, FaultKind::ShapeEmptyObject).await, json!({}));
        assert_eq!(distorted(&caller, key, FaultKind::ShapeNull).await, Value::Null);
        let error = distorted(&caller, key, FaultKind::ShapeError).await;
        assert!(error.as_object().unwrap().len() == 1 && error["error"]["message"].is_string(), "{error}");
        assert_eq!(distorted(&caller, key, FaultKind::ShapeText).await, "OK");
        assert_eq!(distorted(&caller, key, FaultKind::ShapeEmpty).await, "");
    }
}

#[tokio::test]
async fn shapes_of_a_batch_that_is_there() {
    let caller = still().await;
    let (other, id) = (send(&caller, "b").await, send(&caller, "a").await);
    let entry = look_up(&caller, "a").await.body[0].clone();
    let without = |field: &str| {
        let mut entry = entry.clone();
        entry.as_object_mut().unwrap().remove(field);
        json!([entry])
    };
    assert_eq!(distorted(&caller, "a", FaultKind::ShapeNoId).await, without("batch_id"));
    assert_eq!(distorted(&caller, "a", FaultKind::ShapeNoMetadata).await, without("meta_data"));
    let empty = distorted(&caller, "a", FaultKind::ShapeEmptyMetadata).await;
    assert_eq!((&empty[0]["batch_id"], &empty[0]["meta_data"]), (&id, &json!({})));
    let found = distorted(&caller, "a", FaultKind::ShapeOtherMetadata).await;
    assert_eq!((&found[0]["batch_id"], &found[0]["meta_data"]), (&other, &json!({"key": "b"})));
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(distorted(&caller, "a", FaultKind::ShapeWrapped).await, json!({"batches": [entry]}));
    assert_eq!(distorted(&caller, "a", FaultKind::ShapeOne).await, entry);
    let twice = distorted(&caller, "a", FaultKind::ShapeTwice).await;
    assert_eq!((twice.as_array().unwrap().len(), &twice[0], &twice[1]["meta_data"]), (2, &entry, &json!({"key": "a"})));
    assert_ne!(twice[1]["batch_id"], id);
}

#[tokio::test]
async fn shapes_without_a_match() {
    let caller = still().await;
    let no_id = distorted(&caller, "a", FaultKind::ShapeNoId).await;
    assert_eq!(no_id, json!([{"meta_data": {"key": "a"}, "status": "PROCESSED"}]));
    for kind in [FaultKind::ShapeNoMetadata, FaultKind::ShapeEmptyMetadata, FaultKind::ShapeOtherMetadata] {
        let found = distorted(&caller, "a", kind).await;
        assert_eq!(found[0]["batch_id"].as_str().unwrap().len(), 26, "{kind:?}");
        assert_ne!(found[0]["meta_data"], json!({"key": "a"}), "{kind:?}");
    }
    assert_eq!(distorted(&caller, "a", FaultKind::ShapeWrapped).await, json!({"batches": []}));

    // A shape that needs an entry waits for one.
    assert_eq!(distorted(&caller, "a", FaultKind::ShapeOne).await, json!([]));
    send(&caller, "a").await;
    assert!(look_up(&caller, "a").await.body.is_object());
    assert!(look_up(&caller, "a").await.body.is_array());
}
