//! The golden samples: what must be taken, and what must be refused.

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::SimulatorConfig;
use sinch_batch_wire as wire;

use crate::support::{APP, Caller, batch, crowd};

fn then() -> Timestamp {
    "2031-09-14T10:00:00Z".parse().unwrap()
}

fn at_that_time() -> SimulatorConfig {
    SimulatorConfig::default().with_clock(then)
}

#[tokio::test]
async fn every_sample_of_a_send_is_accepted() {
    let caller = Caller::start(at_that_time()).await;
    for (kind, scheduled) in
        [("minimal", None), ("full", Some("2031-09-14T10:05:00Z")), ("dispatch_only", None), ("card", None)]
    {
        let body = wire::text(&format!("request/send_batch.{kind}.json"));
        let said = caller.call("POST", "/messages", &body).await.unwrap();
        assert_eq!(said.status, 200, "{kind}: {said:?}");
        assert_eq!(said.body["batch_id"].as_str().unwrap().len(), 26);
        assert_eq!(said.body["send_after"].as_str(), scheduled, "{kind}");
    }
    let texts: Vec<_> = caller.simulator.messages().into_iter().map(|message| message.text).collect();
    assert_eq!(texts[1], "Hi Ines, your parcel PK-4471 arrives between 09:00 and 11:00.");
    assert_eq!(texts[3], "Code 481 220");
    let card: Value = serde_json::from_str(&texts[5]).unwrap();
    assert_eq!(card["card_message"]["choices"][0]["url_message"]["url"], "https://example.com/pass/p-88120");
}

#[tokio::test]
async fn samples_with_every_variation_are_accepted() {
    let caller = Caller::start(at_that_time()).await;
    let names = wire::names("request/send_batch.");
    assert!(names.len() >= 4);
    for name in names {
        let said = caller.call("POST", "/messages", &wire::text(&name)).await.unwrap();
        assert_eq!(said.status, 200, "{name}: {said:?}");
    }
    for (prefix, method, path) in [
        ("request/cancel_batch.", "DELETE", "/messages"),
        ("request/create_contacts.", "POST", "/contacts"),
        ("request/delete_contacts.", "DELETE", "/contacts"),
        ("request/insert_consents.", "POST", "/consents"),
    ] {
        for name in wire::names(prefix) {
            let said = caller.call(method, path, &wire::text(&name)).await.unwrap();
            assert_eq!(said.status, 200, "{name}: {said:?}");
        }
    }
}

#[tokio::test]
async fn every_sample_of_a_message_is_accepted() {
    let caller = Caller::start(at_that_time()).await;
    let mut seen = 0;
    for name in wire::names("message/") {
        // What the published description does not know, or limits, is refused rather than guessed at.
        if name.contains("unknown") || name.contains("over_limit") {
            continue;
        }
        let mut body = crowd(0, 1);
        body["message"] = serde_json::from_str(&wire::text(&name)).unwrap();
        // Some samples are companions of a message.
        let whole = body["message"].as_object().unwrap().keys().any(|key| key.contains("_message"));
        if !whole {
            body["message"]["text_message"] = json!({"text": "hi"});
        }
        let said = caller.send(&body).await;
        assert_eq!(said.status, 200, "{name}: {said:?}");
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[tokio::test]
async fn every_sample_that_must_be_refused_is_refused_with_its_field() {
    let caller = Caller::start(at_that_time()).await;
    let samples: Vec<Value> = serde_json::from_str(&wire::text("invalid_requests.json")).unwrap();
    let fields = [
        ("no app_id", "app_id"),
        ("no recipients", "recipient_and_params"),
        ("messages array", "message"),
        ("two message types", "message"),
        ("empty message", "message"),
        ("recipient named twice", "recipient_and_params[0].recipient"),
        ("ttl as a number", "ttl"),
        ("ttl in minutes", "ttl"),
        ("numeric parameter", "recipient_and_params[0].parameters.n"),
        ("unknown channel", "channel_priority_order[0]"),
        ("correlation id too long", "correlation_id"),
        ("channel property too long", "channel_properties.SMS_SENDER"),
        ("eleven choices", "message.choice_message.choices"),
        ("omni template without version", "message.template_message.omni_template.version"),
        ("cancel with nothing", "batch_id"),
        ("cancel with both", "batch_id"),
        ("contact without language", "contacts[0].language"),
        ("contact without identity", "contacts[0].channel_identities"),
        ("contact metadata too long", "contacts[0].metadata"),
        ("no contact ids", "contact_ids"),
        ("consent without identification", "consent_records[0].identification"),
        ("unknown consent type", "consent_records[0].consent_type"),
    ];
    let mut refused = 0;
    for it in &samples {
        let (method, path) = match it["schema"].as_str().unwrap().rsplit('/').next().unwrap() {
            "SendBatchRequest" => ("POST", "/messages"),
            "CancelBatchRequest" => ("DELETE", "/messages"),
            "CreateContactsRequest" => ("POST", "/contacts"),
            "DeleteContactsRequest" => ("DELETE", "/contacts"),
            "InsertConsentsRequest" => ("POST", "/consents"),
            other => panic!("no path for {other}"),
        };
        let said = caller.call(method, path, &it["body"].to_string()).await.unwrap();
        assert_eq!(said.status, 400, "{}: {said:?}", it["name"]);
        assert_eq!(said.body["error"]["status"], "INVALID_ARGUMENT");
        let violation = &said.body["error"]["details"][0]["fieldViolations"][0];
        let (_, field) = fields.iter().find(|(name, _)| it["name"] == *name).unwrap();
        assert_eq!(violation["field"], *field, "{}: {said:?}", it["name"]);
        refused += 1;
    }
    assert_eq!(refused, fields.len());
    assert_eq!(caller.simulator.stats().batches, 0);
}

#[tokio::test]
async fn more_that_must_be_refused() {
    let caller = Caller::start(at_that_time()).await;
    let refused = async |field: &str, change: &dyn Fn(&mut Value)| {
        let mut body = crowd(0, 1);
        change(&mut body);
        let said = caller.send(&body).await;
        assert_eq!(said.status, 400, "{field}: {said:?}");
        assert_eq!(said.body["error"]["details"][0]["fieldViolations"][0]["field"], field, "{said:?}");
    };
    refused("app_id", &|it| it["app_id"] = json!("not a ulid")).await;
    refused("recipient_and_params", &|it| *it = crowd(0, 1001)).await;
    refused("send_after", &|it| it["send_after"] = json!("tomorrow")).await;
    refused("send_after", &|it| it["send_after"] = json!("2031-09-21T10:00:01Z")).await;
    refused("ttl", &|it| it["ttl"] = json!("2s")).await;
    refused("callback_url", &|it| it["callback_url"] = json!("ftp://x")).await;
    refused("processing_strategy", &|it| it["processing_strategy"] = json!("dispatch_only")).await;
    refused("batch_metadata", &|it| it["batch_metadata"] = json!("text")).await;
    refused("recipient_and_params[0].message_metadata", &|it| {
        it["recipient_and_params"][0]["message_metadata"] = json!("text");
    })
    .await;
    refused("recipient_and_params[0].recipient.identified_by.channel_identities[0].channel", &|it| {
        it["recipient_and_params"][0]["recipient"]["identified_by"]["channel_identities"][0]["channel"] = json!("sms");
    })
    .await;
    refused("recipient_and_params[0].recipient.contact_id", &|it| {
        it["processing_strategy"] = json!("DISPATCH_ONLY");
        it["recipient_and_params"][0]["recipient"] = json!({"contact_id": APP});
    })
    .await;
    for body in ["", "{", "hello"] {
        assert_eq!(caller.call("POST", "/messages", body).await.unwrap().status, 400);
    }
    assert_eq!(caller.call("POST", "/messages", "[]").await.unwrap().status, 400);
}

#[tokio::test]
async fn paths_that_are_unknown_say_so() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    for (method, path, status) in [
        ("GET", "/contacts", 404),
        ("PUT", "/messages", 404),
        ("GET", "/nothing", 404),
        ("GET", "/messages/01KZ2D9R6AYBT8DN9B4MPA14Y8", 404),
        ("GET", "/messages", 400),
        ("GET", "/messages?metadataKey=k", 400),
    ] {
        let said = caller.call(method, path, "{}").await.unwrap();
        assert_eq!(said.status, status, "{method} {path}: {said:?}");
        assert_eq!(said.body["error"]["code"], status);
    }
}

#[tokio::test]
async fn errors_may_be_flat_and_projects_and_apps_strict() {
    let config = SimulatorConfig::default().with_flat_errors(true).with_app_id("01KZ000000000000000000000Z");
    let caller = Caller::start(config).await;
    let said = caller.send(&crowd(0, 1)).await;
    assert_eq!((said.status, &said.body["status"]), (404, &json!("NOT_FOUND")), "{said:?}");

    let caller = Caller::start(SimulatorConfig::default().with_project_id("mine")).await;
    let said = caller.send(&crowd(0, 1)).await;
    assert_eq!((said.status, &said.body["error"]["status"]), (403, &json!("PERMISSION_DENIED")), "{said:?}");
}

#[tokio::test]
async fn placeholders_are_filled_per_recipient() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let people = [("+15550100001", json!({"name": "Zoë", "n": "${name}"})), ("+15550100002", json!({"name": "A"}))];
    let sent = caller.send(&batch("Hi ${name}, ${n} ${other}", &people)).await;
    let messages = caller.simulator.messages();
    assert_eq!(messages[0].text, "Hi Zoë, ${name} ${other}");
    assert_eq!(messages[1].text, "Hi A, ${n} ${other}");
    assert_eq!(messages[1].batch_id, sent.body["batch_id"]);
    assert_eq!((messages[1].index, &*messages[1].identity), (1, "+15550100002"));
}
