//! The log of requests.

use serde_json::{Value, json};
use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};

use crate::support::{Caller, crowd};

#[tokio::test]
async fn requests_are_kept_with_their_ends_and_without_their_secrets() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.send(&crowd(0, 1)).await;
    caller.simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop));
    assert!(caller.call("POST", "/messages", &crowd(1, 1).to_string()).await.is_err());
    caller.send(&crowd(0, 1000)).await;
    caller.call("GET", "/messages?metadataKey=a&metadataValue=b", "not JSON").await.unwrap();

    let url = format!("{}/requests", caller.simulator.control_url());
    let text = caller.http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(!text.contains(&caller.token), "the token is not kept");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let field = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("operation"), ["token", "send_batch", "send_batch", "send_batch", "find_batches"]);
    assert_eq!(field("ended"), ["200", "200", "dropped", "200", "200"]);
    assert_eq!(lines[2]["fault"], "accept_then_drop");
    assert_eq!(lines[1]["body"], crowd(0, 1));
    assert_eq!((&lines[1]["method"], &lines[1]["path"]), (&json!("POST"), &json!("/v1/projects/p/messages")));
    assert_eq!(lines[1]["head"]["authorization"], "Bearer (not kept)");
    assert_eq!((&lines[3]["cut"], lines[3]["body"].as_str().unwrap().len()), (&json!(true), 64 << 10));
    assert!(lines[1].get("cut").is_none());
    assert_eq!((&lines[4]["query"], &lines[4]["body"]), (&json!("metadataKey=a&metadataValue=b"), &json!("not JSON")));
    assert_eq!(caller.simulator.requests().len(), 5);
}

#[tokio::test]
async fn messages_show_what_they_came_with() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let mut body = crowd(0, 1);
    body["batch_metadata"] = json!({"sinch_batch_key": "k-1"});
    body["message_metadata"] = json!({"source": "board"});
    body["recipient_and_params"][0]["message_metadata"] = json!({"sinch_batch_row": "7"});
    let id = caller.send(&body).await.body["batch_id"].clone();
    caller.simulator.idle().await;
    let message = caller.simulator.messages().remove(0);
    assert_eq!(message.batch_key.as_deref(), Some("k-1"));
    let metadata = json!({"source": "board", "sinch_batch_row": "7", "_batch_id": id});
    assert_eq!(Value::Object(message.metadata), metadata);
}
