//! People who write and opt out.

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::SimulatorConfig;
use sinch_batch_wire as wire;

use crate::support::{APP, Caller, Webhook, crowd, to};

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn reply_names_the_batch_it_answers() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook)).await;
    let id = caller.send(&crowd(0, 2)).await.body["batch_id"].clone();
    caller.simulator.idle().await;
    let reply = json!({"identity": "+15550000001", "text": "Thanks", "channel": "WHATSAPP"});
    let said = caller.control("POST", "/inbox/message", reply).await;
    assert_eq!(said.status, 200, "{said:?}");
    caller.simulator.idle().await;
    let received = webhook.received().into_iter().find(|it| it.get("message").is_some()).unwrap();
    let mut expected: Value = wire::json("callback/message_inbound.json");
    expected.as_object_mut().unwrap().remove("correlation_id");
    assert_eq!((keys(&received), keys(&received["message"])), (keys(&expected), keys(&expected["message"])));
    assert_eq!((&received["app_id"], &received["project_id"]), (&json!(APP), &json!("p")));
    assert_eq!(received["message"]["contact_message"], json!({"text_message": {"text": "Thanks"}}));
    let identity = &received["message"]["channel_identity"];
    assert_eq!((&identity["channel"], &identity["identity"]), (&json!("WHATSAPP"), &json!("+15550000001")));
    let metadata: Value = serde_json::from_str(received["message_metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata, json!({"_batch_id": id}));
    assert_eq!(received["message"]["id"], said.body["id"]);
}

#[tokio::test]
async fn opt_out_is_sent() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook)).await;
    assert_eq!(caller.control("POST", "/inbox/opt-out", json!({"identity": "+15550000001"})).await.status, 200);
    caller.simulator.idle().await;
    let received = &webhook.received()[0];
    let mut expected: Value = wire::json("callback/opt_out.json");
    expected["opt_out_notification"].as_object_mut().unwrap().remove("error_details");
    assert_eq!(keys(received), keys(&expected));
    assert_eq!(keys(&received["opt_out_notification"]), keys(&expected["opt_out_notification"]));
    assert_eq!(received["opt_out_notification"]["channel"], "SMS");
}

#[tokio::test]
async fn inbound_without_a_webhook_is_refused() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let said = caller.control("POST", "/inbox/message", json!({"identity": "+1555", "text": "x"})).await;
    assert!(said.status == 409 && said.body["error"].as_str().unwrap().contains("callback URL"), "{said:?}");
    assert_eq!(caller.control("POST", "/inbox/message", json!({"identity": "+1555"})).await.status, 400);
}
