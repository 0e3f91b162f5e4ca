//! Contacts and opt-outs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::SimulatorConfig;
use sinch_batch_wire as wire;

use crate::support::{APP, Caller, Webhook, crowd, to};

#[tokio::test]
async fn contacts_are_created_and_deleted_with_a_callback_each() {
    let webhook = Webhook::start(Timestamp::now).await;
    let caller = Caller::start(to(&webhook)).await;
    let said = caller.call("POST", "/contacts", &wire::text("request/create_contacts.json")).await.unwrap();
    assert_eq!((said.status, said.body), (200, json!({})));
    caller.simulator.idle().await;
    let contacts: Vec<Value> = webhook
        .received()
        .iter()
        .map(|it| {
            assert_eq!(
                (&it["app_id"], &it["project_id"], &it["message_metadata"]),
                (&json!(""), &json!("p"), &json!(""))
            );
            it["contact_create_notification"]["contact"].clone()
        })
        .collect();
    assert_eq!(contacts.len(), 2);
    let of = |name: &str| contacts.iter().find(|it| it["display_name"] == name).unwrap();
    let (ines, unknown) = (of("Ines Prado"), of("Unknown"));
    assert_eq!(ines["channel_priority"], json!(["RCS", "SMS"]));
    assert_eq!(ines["channel_identities"][0], json!({"channel": "SMS", "identity": "+15550100041", "app_id": ""}));
    assert_eq!((&ines["external_id"], &ines["language"]), (&json!("crm-5531"), &json!("PT_BR")));
    assert_eq!(unknown["channel_priority"], json!(["MESSENGER"]));
    assert_eq!((&unknown["email"], &unknown["metadata"]), (&json!(""), &json!("")));

    // The shape of the published example, field by field.
    let shape: Value = wire::json("callback/contact_create.json");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&webhook.received()[0]), keys(&shape));
    assert_eq!(keys(ines), keys(&shape["contact_create_notification"]["contact"]));

    // Ids that are not there, or no longer there, are skipped.
    let delete = json!({"contact_ids": [ines["id"], "01KZ094YTCKKX8P8S20HQQG5BN", ines["id"]]}).to_string();
    for _ in 0..2 {
        let said = caller.call("DELETE", "/contacts", &delete).await.unwrap();
        assert_eq!((said.status, said.body), (200, json!({})));
    }
    caller.simulator.idle().await;
    let received = webhook.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[2]["contact_delete_notification"]["contact"], *ines, "the whole former contact");
    let left = caller.control("GET", "/contacts", Value::Null).await;
    assert_eq!(left.body, *unknown);
}

#[tokio::test]
async fn contacts_belong_to_their_project() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    caller.call("POST", "/contacts", &wire::text("request/create_contacts.minimal.json")).await.unwrap();
    let contact = caller.control("GET", "/contacts", Value::Null).await.body;
    let url = format!("{}/v1/projects/another/contacts", caller.simulator.api_url());
    let body = json!({"contact_ids": [contact["id"]]}).to_string();
    let said = caller.http.delete(url).bearer_auth(&caller.token).body(body).send().await.unwrap();
    assert_eq!(said.status(), 200);
    assert_eq!(caller.control("GET", "/contacts", Value::Null).await.body["id"], contact["id"]);
}

#[tokio::test]
async fn opt_outs_are_recorded_for_an_app() {
    let caller = Caller::start(SimulatorConfig::default().with_app_id(APP)).await;
    let body =
        json!({"app_id": APP, "consent_records": [{"identification": "+15550100051", "consent_type": "OPT_OUT_ALL"}]});
    let said = caller.call("POST", "/consents", &body.to_string()).await.unwrap();
    assert_eq!(said.status, 200);
    let batch_id = said.body["batch_id"].as_str().unwrap().to_owned();
    assert_eq!(
        caller.control("GET", "/consents", Value::Null).await.body,
        json!({"batch_id": batch_id, "app_id": APP, "identification": "+15550100051", "consent_type": "OPT_OUT_ALL"})
    );
    // Whether such a batch has a status is not published.
    let said = caller.status(&batch_id).await;
    assert_eq!(said.status, 501);
    assert!(said.body.to_string().contains("not simulated"), "{said:?}");

    let mut other = body;
    other["app_id"] = json!("01KZ000000000000000000000Z");
    assert_eq!(caller.call("POST", "/consents", &other.to_string()).await.unwrap().status, 404);
}

#[tokio::test]
async fn opted_out_people_get_nothing_if_blocked() {
    for (blocks, expected) in [(false, "delivered"), (true, "failed")] {
        let config = SimulatorConfig::default().with_fail_percent(0.0).with_read_percent(0.0);
        let caller = Caller::start(config.with_block_opted_out(blocks)).await;
        let body = json!({"app_id": APP, "consent_records": [{"identification": "15550100051"}]});
        assert_eq!(caller.call("POST", "/consents", &body.to_string()).await.unwrap().status, 200);
        // There is no webhook to tell.
        let order = json!({"identity": "+15550100052"});
        assert_eq!(caller.control("POST", "/inbox/opt-out", order).await.status, 409);
        let mut body = crowd(0, 4);
        for (index, (channel, number)) in [("SMS", 51), ("RCS", 51), ("SMS", 52), ("RCS", 52)].into_iter().enumerate() {
            let identity = json!({"channel": channel, "identity": format!("+155501000{number}")});
            body["recipient_and_params"][index]["recipient"] =
                json!({"identified_by": {"channel_identities": [identity]}});
        }
        let id = caller.send(&body).await.body["batch_id"].as_str().unwrap().to_owned();
        while caller.status(&id).await.body["status"] != "PROCESSED" {}
        let messages = caller.control("GET", "/messages", Value::Null).await.body;
        let lines = messages.as_str().unwrap().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found: Vec<_> = lines.map(|message| message["status"].as_str().unwrap().to_owned()).collect();
        assert_eq!(found, [expected, expected, expected, "delivered"]);
    }
}

#[tokio::test]
async fn bodies_that_are_wrong_are_refused_with_their_field() {
    let caller = Caller::start(SimulatorConfig::default()).await;
    let contact =
        || json!({"channel_identities": [{"channel": "SMS", "identity": "+15550100041"}], "language": "EN_US"});
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut contact = contact();
        change(&mut contact);
        json!({"contacts": [contact]})
    };
    for (method, path, body, field) in [
        ("POST", "/contacts", json!([]), ""),
        ("POST", "/contacts", json!({}), "contacts"),
        ("POST", "/contacts", json!({"contacts": []}), "contacts"),
        ("POST", "/contacts", json!({"contacts": vec![contact(); 1001]}), "contacts"),
        ("POST", "/contacts", changed(&|it| it["language"] = json!("UNSPECIFIED")), "contacts[0].language"),
        ("POST", "/contacts", changed(&|it| it["metadata"] = json!({"k": "v"})), "contacts[0].metadata"),
        (
            "POST",
            "/contacts",
            changed(&|it| it["channel_priority"] = json!(["sms"])),
            "contacts[0].channel_priority[0]",
        ),
        (
            "POST",
            "/contacts",
            changed(&|it| it["channel_identities"][0]["channel"] = json!("LINE")),
            "contacts[0].channel_identities[0].app_id",
        ),
        ("DELETE", "/contacts", json!({"contact_ids": ["a", ""]}), "contact_ids[1]"),
        ("DELETE", "/contacts", json!({"contact_ids": vec!["a"; 1001]}), "contact_ids"),
        ("POST", "/consents", json!({"consent_records": []}), "app_id"),
        ("POST", "/consents", json!({"app_id": APP, "consent_records": [{}]}), "consent_records[0].identification"),
        (
            "POST",
            "/consents",
            json!({"app_id": APP, "consent_records": [{"identification": "a", "consent_type": "OPT_IN"}]}),
            "consent_records[0].consent_type",
        ),
    ] {
        let said = caller.call(method, path, &body.to_string()).await.unwrap();
        assert_eq!(said.status, 400, "{field}: {said:?}");
        assert_eq!(said.body["error"]["details"][0]["fieldViolations"][0]["field"], field, "{said:?}");
    }
    assert_eq!(caller.call("POST", "/contacts", "{").await.unwrap().status, 400);
}

#[tokio::test]
async fn cancel_may_take_its_time_and_come_too_late() {
    let then = || "2031-09-14T10:00:00Z".parse::<Timestamp>().unwrap();
    let config = SimulatorConfig::default().with_clock(then).with_cancel_delay(Duration::from_secs(400));
    let mut caller = Caller::start(config).await;
    let mut ids = Vec::new();
    for minute in [5, 10] {
        let mut body = crowd(0, 1);
        body["send_after"] = json!(format!("2031-09-14T10:{minute:02}:00Z"));
        let id = caller.send(&body).await.body["batch_id"].as_str().unwrap().to_owned();
        let said = caller.call("DELETE", "/messages", &json!({"batch_id": id}).to_string()).await.unwrap();
        assert_eq!(said.status, 200);
        assert_eq!(caller.status(&id).await.body["status"], "SCHEDULED");
        ids.push(id);
    }
    // One is sent after 300 seconds, the other cancelled after 400.
    caller.simulator.advance(Duration::from_secs(900));
    caller.renew().await;
    while caller.status(&ids[0]).await.body["status"] != "PROCESSED" {}
    assert_eq!(caller.status(&ids[1]).await.body["status"], "CANCELLED");
}
