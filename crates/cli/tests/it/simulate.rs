//! `simulate`: faults and outcomes by flag, and the page that describes them.

use serde_json::json;

use crate::support::{Stage, binary, run};

fn batch(stage: &Stage) {
    let recipient = |identity: &str| json!({"recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": identity}]}}});
    let body = json!({
        "app_id": "01KZ4EBHKN27EZJ4Q91V5C36G1",
        "message": {"text_message": {"text": "Hello"}},
        "recipient_and_params": [recipient("+15550000003"), recipient("+15550000004")],
    });
    std::fs::write(stage.path().join("batch.json"), body.to_string()).unwrap();
}

#[test]
fn faults_and_outcomes_are_set_by_flag() {
    let stage = Stage::with(&[
        "--fault",
        "send_batch:accept_then_503:1:1",
        "--fault=token:rate_limit=1",
        "--outcome",
        "+15550000003=failed:CHANNEL_REJECT",
        "--outcome",
        "+15550000004=queued",
        "--visibility-delay",
        "1h",
    ]);
    batch(&stage);
    let said = run(&mut stage.api(&["batch", "send", "batch.json", "--json"])).ends(0);
    let id = said.json()["batch_id"].as_str().unwrap().to_owned();
    // It is queued for a moment before it fails.
    while stage.messages()[0]["status"] != "failed" {}
    let statuses: Vec<_> = stage.messages().iter().map(|message| message["status"].clone()).collect();
    assert_eq!(statuses, ["failed", "queued"]);
    run(&mut stage.api(&["batch", "status", &id])).ends(7);
    run(&mut stage.api(&["batch", "send", "batch.json"])).ends(5);
    assert_eq!(stage.messages().len(), 4, "accepted, although the response was 503");
}

#[test]
fn faults_and_outcomes_that_do_not_exist_are_refused_with_the_names() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, value, part) in [
        ("--fault", "send_batch:explode", "accept_then_same_id"),
        ("--fault", "sends:drop", "find_batches"),
        ("--fault", "token:stale=3", "stale cannot happen to token"),
        ("--outcome", "+15550000003=vanished", "delivered_then_read"),
        ("--outcome", "+15550000003", "IDENTITY=OUTCOME"),
        ("--visibility-delay", "soon", "500ms"),
    ] {
        let said = run(binary(folder.path()).args(["simulate", flag, value]));
        assert_eq!(said.code(), 2, "{said:?}");
        assert!(said.stderr.contains(part), "{said:?}");
    }
}
