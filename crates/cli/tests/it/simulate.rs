//! `simulate`: faults and outcomes by flag, and the page that describes them.

use serde_json::{Value, json};

use crate::support::{SECRET, Server, Stage, binary, get, root, run, try_http};

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

#[test]
fn secret_that_is_missing_may_be_any_words() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(binary(folder.path()).args(["simulate", "--callback-url", "http://127.0.0.1:1/"])).ends(4);
    assert!(
        said.stderr.contains("any words will do") && said.stderr.contains("export SINCH_WEBHOOK_SECRET="),
        "{said:?}"
    );
}

/// The lines of the page that show a command, without the prompt.
fn shown() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/guide/simulator.md")).unwrap();
    page.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

#[test]
fn commands_of_the_simulator_page_start_one() {
    let commands: Vec<_> = shown().into_iter().filter(|line| line.starts_with("sinch-batch ")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    let folder = tempfile::tempdir().unwrap();
    for command in commands {
        let mut started = binary(folder.path());
        started.args(command.split_whitespace().skip(1));
        started.args(["--addr", "127.0.0.1:0", "--control", "127.0.0.1:0"]).env("SINCH_WEBHOOK_SECRET", SECRET);
        Server::start(&mut started).kill();
    }
}

#[test]
fn orders_of_the_simulator_page_are_obeyed() {
    let orders: Vec<_> = shown().into_iter().filter(|line| line.starts_with("curl ")).collect();
    assert!(orders.len() >= 15, "{orders:?}");
    let stage = Stage::new();
    for order in orders {
        let (head, body) = order.split_once(" -d ").unwrap_or((&order, "''"));
        let words: Vec<&str> = head.split(' ').collect();
        let (method, path) = (words[2], words[3].strip_prefix("http://127.0.0.1:8091").unwrap());
        let url = format!("{}{path}", stage.simulator.url("control"));
        let (status, said) = try_http(method, &url, &[], body.trim_matches('\'')).unwrap();
        assert_eq!(status, 200, "{order}: {said}");
    }
}

#[test]
fn simulator_page_names_every_fault_and_every_flag() {
    let page = std::fs::read_to_string(root().join("docs/guide/simulator.md")).unwrap();
    let stage = Stage::new();
    let index: Value = serde_json::from_str(&get(stage.simulator.url("control"), "/")).unwrap();
    for list in ["operation", "fault"] {
        for name in index["POST /faults"][list].as_str().unwrap().split(" | ") {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
    for path in index.as_object().unwrap().keys().filter_map(|order| order.split(' ').nth(1)) {
        assert!(page.contains(&format!("8091{path}")), "{path}");
    }
    let help = run(binary(stage.path()).args(["simulate", "--help"])).ends(0).stdout;
    let flags: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    for flag in flags.iter().filter(|flag| !["--addr", "--control", "--help", "--quiet"].contains(flag)) {
        assert!(page.contains(*flag), "{flag}");
    }
}
