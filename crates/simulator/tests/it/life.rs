//! The life of batches and messages, as the webhook sees it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::{MessageOutcome, MessageStatus, SimulatorConfig};

use crate::support::{APP, Caller, Webhook, batch, crowd, to};

fn then() -> Timestamp {
    "2031-09-14T10:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn outcomes_in_a_list_come_one_a_message_and_an_empty_list_changes_nothing() {
    let caller = Caller::start(SimulatorConfig::default().with_fail_percent(0.0).with_read_percent(0.0)).await;
    let person = "+15550100001";
    let failed = MessageOutcome::Failed { code: "CHANNEL_FAILURE".into() };
    caller.simulator.set_outcomes(person, vec![failed, MessageOutcome::Read]);
    caller.simulator.set_outcomes(person, Vec::new());
    for _ in 0..3 {
        caller.send(&batch("hi", &[(person, json!({}))])).await;
        caller.simulator.idle().await;
    }
    let statuses: Vec<_> = caller.simulator.messages().iter().map(|message| message.status).collect();
    assert_eq!(statuses, [MessageStatus::Failed, MessageStatus::Read, MessageStatus::Read]);
}

#[tokio::test]
async fn receipts_follow_the_outcome() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook)).await;
    let outcomes = [
        ("+15550100001", MessageOutcome::Queued, &["QUEUED_ON_CHANNEL"][..]),
        ("+15550100002", MessageOutcome::Delivered, &["QUEUED_ON_CHANNEL", "DELIVERED"]),
        ("+15550100003", MessageOutcome::DeliveredThenRead, &["QUEUED_ON_CHANNEL", "DELIVERED", "READ"]),
        ("+15550100004", MessageOutcome::Read, &["QUEUED_ON_CHANNEL", "READ"]),
        ("+15550100005", MessageOutcome::Failed { code: "CHANNEL_REJECT".into() }, &["QUEUED_ON_CHANNEL", "FAILED"]),
    ];
    for (identity, outcome, _) in &outcomes {
        caller.simulator.set_outcome(*identity, outcome.clone());
    }
    let people: Vec<_> = outcomes.iter().map(|(identity, ..)| (*identity, json!({}))).collect();
    let mut body = batch("hi", &people);
    body["correlation_id"] = json!("corr-1");
    body["message_metadata"] = json!({"source": "board", "tier": "standard"});
    body["recipient_and_params"][4]["message_metadata"] = json!({"tier": "gold", "_batch_id": "mine"});
    body["batch_metadata"] = json!({"wave": "2"});
    let id = caller.send(&body).await.body["batch_id"].clone();
    caller.simulator.idle().await;

    for (identity, _, statuses) in &outcomes {
        assert_eq!(webhook.receipts(identity), *statuses);
    }
    let received = webhook.received();
    let failed = received.iter().find(|it| it["message_delivery_report"]["status"] == "FAILED").unwrap();
    let report = &failed["message_delivery_report"];
    assert_eq!(report["reason"]["code"], "CHANNEL_REJECT");
    assert_eq!(report["processing_mode"], "DISPATCH");
    assert_eq!(report["channel_identity"], json!({"channel": "SMS", "identity": "+15550100005", "app_id": ""}));
    let metadata: Value = serde_json::from_str(report["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata, json!({"source": "board", "tier": "gold", "_batch_id": id}));
    assert_eq!((&failed["correlation_id"], &failed["app_id"]), (&json!("corr-1"), &json!(APP)));
    assert_eq!((&failed["project_id"], &failed["message_metadata"]), (&json!("p"), &json!("")));

    let ids: BTreeSet<_> =
        received.iter().filter_map(|it| it["message_delivery_report"]["message_id"].as_str()).collect();
    assert_eq!(ids.len(), 5, "one id per message, the same in all its receipts");

    let ended: Vec<_> = received.iter().filter(|it| it.get("batch_status_update_notification").is_some()).collect();
    assert_eq!(ended.len(), 1);
    let update = &ended[0]["batch_status_update_notification"];
    assert_eq!((&update["batch_id"], &update["batch_status"]), (&id, &json!("BATCH_STATUS_PROCESSED")));
    assert_eq!(update["additional_data"]["message_batch_data"]["batch_metadata"], json!({"wave": "2"}));

    assert_eq!(
        caller.status(id.as_str().unwrap()).await.body,
        json!({"batch_id": id, "meta_data": {"wave": "2"}, "status": "PROCESSED"})
    );
    let stats = caller.simulator.stats();
    assert_eq!(
        (stats.messages.queued, stats.messages.delivered, stats.messages.read, stats.messages.failed),
        (1, 1, 2, 1)
    );
    assert_eq!((stats.callbacks.sent, stats.callbacks.acknowledged), (11, 11));
}

#[tokio::test]
async fn blank_parameter_fails_its_own_message_only() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook).with_fail_percent(0.0)).await;
    let people = [
        ("+15550100001", json!({"name": "A"})),
        ("+15550100002", json!({"name": ""})),
        ("+15550100003", json!({" ": "x"})),
    ];
    let mut body = batch("Hi ${name}", &people);
    body["recipient_and_params"][2]["recipient"] = json!({"contact_id": "01KZW024DYBNMTEMSNQ6MDSJYG"});
    body["correlation_id"] = json!("c");
    let id = caller.send(&body).await.body["batch_id"].as_str().unwrap().to_owned();
    caller.simulator.idle().await;

    let received = webhook.received();
    let failed: Vec<_> = received.iter().filter(|it| it["message_delivery_report"]["status"] == "FAILED").collect();
    assert_eq!(failed.len(), 2);
    for it in failed {
        let place: Value = serde_json::from_str(it["message_metadata"].as_str().unwrap()).unwrap();
        let index = place["messageIndex"].as_u64().unwrap();
        assert_eq!(place["batchId"], id);
        // The shape of the published example, field by field.
        let mut sample = sinch_batch_wire::json("callback/message_delivery.failed.batch_validation.json");
        if index == 1 {
            sample["message_delivery_report"].as_object_mut().unwrap().remove("contact_id");
        }
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(it), keys(&sample));
        assert_eq!(keys(&it["message_delivery_report"]), keys(&sample["message_delivery_report"]));
        let reason = &it["message_delivery_report"]["reason"];
        assert_eq!(reason["code"], "BAD_REQUEST");
        let said = format!("batch {id} and message at index {index}. Details: [");
        assert!(reason["description"].as_str().unwrap().contains(&said));
    }
    assert_eq!(caller.simulator.stats().messages.failed, 2);
    assert_ne!(webhook.receipts("+15550100001"), Vec::<String>::new());
}

#[tokio::test]
async fn same_seed_does_the_same_and_another_does_not() {
    async fn run(seed: u64) -> (Vec<Value>, Vec<Value>) {
        let webhook = Webhook::start(then).await;
        let config = to(&webhook).with_seed(seed).with_fail_percent(20.0).with_clock(then);
        let caller = Caller::start(config).await;
        caller.send(&crowd(0, 100)).await;
        caller.simulator.idle().await;
        let messages = caller.simulator.messages().iter().map(|it| serde_json::to_value(it).unwrap()).collect();
        let mut received = webhook.received();
        received.sort_by_key(Value::to_string);
        (messages, received)
    }
    let (first, second, other) = (run(1).await, run(1).await, run(2).await);
    assert!(first == second);
    let statuses = |messages: &[Value]| messages.iter().map(|it| it["status"].clone()).collect::<Vec<_>>();
    assert_ne!(statuses(&first.0), statuses(&other.0));
}

#[tokio::test]
async fn scheduled_batch_waits_for_its_time() {
    let webhook = Webhook::start(Timestamp::now).await;
    let mut caller = Caller::start(SimulatorConfig::default().with_clock(then)).await;
    let mut body = crowd(0, 2);
    body["batch_metadata"] = json!({"campaign id": "a/b", "wave": "1"});
    for (send_after, effective, status) in [
        ("2031-09-14T10:02:30Z", "2031-09-14T10:05:00Z", "SCHEDULED"),
        ("2031-09-14T10:05:00Z", "2031-09-14T10:05:00Z", "SCHEDULED"),
        ("2031-09-14T10:01:00Z", "2031-09-14T10:01:00Z", "PROCESSED"),
        ("2031-09-14T09:00:00Z", "2031-09-14T09:00:00Z", "PROCESSED"),
    ] {
        body["send_after"] = json!(send_after);
        let sent = caller.send(&body).await.body;
        caller.simulator.idle().await;
        assert_eq!(sent["send_after"], effective);
        let said = caller.status(sent["batch_id"].as_str().unwrap()).await.body;
        assert_eq!((&said["status"], &said["send_after"]), (&json!(status), &json!(effective)));
    }
    assert_eq!(caller.simulator.stats().messages.pending, 4);

    let found = caller.call("GET", "/messages?metadataKey=campaign+id&metadataValue=a%2Fb", "").await.unwrap();
    assert_eq!(found.body.as_array().unwrap().len(), 4);
    let none = caller.call("GET", "/messages?metadataKey=campaign+id&metadataValue=b", "").await.unwrap();
    assert_eq!((none.status, none.body), (200, json!([])));

    // The second is cancelled, the first goes when it is due.
    let (first, second) = (found.body[0]["batch_id"].as_str().unwrap(), found.body[1]["batch_id"].as_str().unwrap());
    let said = caller.call("DELETE", "/messages", &json!({"batch_id": second}).to_string()).await.unwrap();
    assert_eq!((said.status, said.body), (200, json!({})));
    caller.simulator.advance(Duration::from_secs(299));
    assert_eq!(caller.status(first).await.body["status"], "SCHEDULED");
    caller.control("POST", "/clock", json!({"advance_seconds": 1})).await;
    while caller.status(first).await.body["status"] != "PROCESSED" {}
    assert_eq!(caller.status(second).await.body["status"], "CANCELLED");
    assert_eq!(caller.simulator.stats().messages.pending, 2, "those of the cancelled batch");

    // What has gone cannot be cancelled, and the answer is the same.
    let said = caller.call("DELETE", "/messages", &json!({"batch_id": first}).to_string()).await.unwrap();
    assert_eq!(said.status, 200);
    assert_eq!(caller.status(first).await.body["status"], "PROCESSED");
    drop(webhook);
    caller.renew().await;
}

#[tokio::test]
async fn batches_are_cancelled_by_metadata_in_both_spellings() {
    let webhook = Webhook::start(then).await;
    let caller = Caller::start(to(&webhook).with_clock(then)).await;
    let mut body = crowd(0, 1);
    body["send_after"] = json!("2031-09-14T11:00:00Z");
    for wave in ["1", "1", "2"] {
        body["batch_metadata"] = json!({"wave": wave});
        caller.send(&body).await;
    }
    for (cancel, left) in
        [(json!({"metadata_key": "wave", "metadata_value": "1"}), 1), (json!({"batch_metadata": {"wave": "2"}}), 0)]
    {
        assert_eq!(caller.call("DELETE", "/messages", &cancel.to_string()).await.unwrap().status, 200);
        let mut scheduled = 0;
        for wave in ["1", "2"] {
            let path = format!("/messages?metadataKey=wave&metadataValue={wave}");
            let found = caller.call("GET", &path, "").await.unwrap().body;
            scheduled += found.as_array().unwrap().iter().filter(|it| it["status"] == "SCHEDULED").count();
        }
        assert_eq!(scheduled, left);
    }
    caller.simulator.idle().await;
    let received = webhook.received();
    assert_eq!(received.len(), 3);
    assert!(
        received.iter().all(|it| it["batch_status_update_notification"]["batch_status"] == "BATCH_STATUS_CANCELLED")
    );
}

#[tokio::test]
async fn realistic_queue_drains_slowly_and_gets_full() {
    let config = SimulatorConfig::default().with_realistic(true).with_queue_limit(100).with_clock(then);
    let caller = Caller::start(config).await;
    let sent = caller.send(&crowd(0, 60)).await;
    let id = sent.body["batch_id"].as_str().unwrap();
    let said = caller.send(&crowd(60, 60)).await;
    assert_eq!((said.status, &said.body["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    assert_eq!(caller.status(id).await.body["status"], "READY");

    // The first leaves at once, the others at 20 per second.
    caller.simulator.advance(Duration::from_secs(2));
    while caller.simulator.stats().messages.pending != 19 {
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.send(&crowd(60, 60)).await.status, 200);
    caller.simulator.advance(Duration::from_secs(10));
    caller.simulator.idle().await;
    assert_eq!(caller.simulator.stats().messages.pending, 0);
    assert_eq!(caller.status(id).await.body["status"], "PROCESSED");
}

#[tokio::test]
async fn receipts_go_to_the_callback_url_of_the_request_if_it_is_here() {
    let (webhook, other) = (Webhook::start(Timestamp::now).await, Webhook::start(Timestamp::now).await);
    let caller = Caller::start(to(&webhook).with_fail_percent(0.0).with_read_percent(0.0)).await;
    let mut body = crowd(0, 3);
    body["callback_url"] = json!(other.url);
    caller.send(&body).await;
    body["callback_url"] = json!("https://hooks.example.com/sinch");
    caller.send(&body).await;
    caller.simulator.idle().await;
    assert_eq!((webhook.received().len(), other.received().len()), (2, 6));
    assert_eq!(caller.simulator.stats().callbacks.not_sent, 3);
    assert_eq!(caller.simulator.stats().messages.delivered, 6);
}
