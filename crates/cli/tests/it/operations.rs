//! `batch send`, `find` and `cancel`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Said, Stage, run};

/// A request body that waits for its time, in the layout of a person.
fn body(stage: &Stage, minutes_ahead: Option<i64>) -> Value {
    let mut body = json!({
        "message": {"text_message": {"text": "Hello ${name}"}},
        "recipient_and_params": [{
            "recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "+15559000001"}]}},
            "parameters": {"name": "Ines"},
        }],
        "batch_metadata": {"wave": "one 1"},
    });
    if let Some(minutes) = minutes_ahead {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let at = jiff::Timestamp::from_second(now + 60 * minutes).unwrap();
        body["send_after"] = json!(at.to_string());
    }
    stage.write("body.json", &serde_json::to_string_pretty(&body).unwrap());
    body
}

fn sent(stage: &Stage) -> String {
    let sent = run(&mut stage.api(&["batch", "send", "body.json", "--json"])).ends(0).json();
    sent["batch_id"].as_str().unwrap().to_owned()
}

fn with_input(command: &mut Command, input: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn request_body_is_sent_as_it_stands() {
    let stage = Stage::new();
    let mut body = body(&stage, None);
    let id = sent(&stage);
    assert_eq!(stage.messages()[0]["text"], "Hello Ines");

    // The app in the body counts, and unknown fields go along.
    body["app_id"] = json!("01KZ000000000000000000000Z");
    body["queue"] = json!("HIGH_PRIORITY");
    let mut command = stage.api(&["batch", "send", "-"]);
    let said = with_input(command.env_remove("SINCH_APP_ID"), &body.to_string()).ends(0);
    assert!(said.stdout.starts_with("batch       01"), "{said:?}");
    assert!(said.stderr.contains("note: /queue is a field that this release does not know"), "{said:?}");

    let found = run(&mut stage.api(&["batch", "find", "wave", "one 1", "--json"])).ends(0).json();
    assert_eq!((found[0]["batch_id"].as_str(), found.as_array().unwrap().len()), (Some(&*id), 2));
    assert_eq!(found[0]["meta_data"], json!({"wave": "one 1"}));
    let said = run(&mut stage.api(&["batch", "find", "wave", "one 1"])).ends(0);
    assert!(said.stdout.contains(&id) && said.stdout.contains("PROCESSED"), "{said:?}");
    assert_eq!(run(&mut stage.api(&["batch", "find", "wave", "two", "--json"])).ends(0).json(), json!([]));
}

#[test]
fn invalid_body_is_refused_with_its_place_before_anything_is_sent() {
    let stage = Stage::new();
    for (text, place) in [
        ("", "bad.json, line 1: "),
        ("[]", "bad.json, line 1: "),
        ("{}", "bad.json, line 1: missing field `app_id`"),
        ("{\"message\":\n {}}", "bad.json, line 2, /message: "),
        (
            "{\n\"message\": {\"text_message\": {\"text\": \"a\"}},\n\"recipient_and_params\": []}",
            "bad.json, line 3, /recipient_and_params: a batch carries 1 to 1000 recipients, not 0",
        ),
    ] {
        stage.write("bad.json", text);
        let said = run(&mut stage.api(&["batch", "send", "bad.json"])).ends(3);
        assert!(said.stderr.contains(place), "{place}: {said:?}");
    }
    run(&mut stage.api(&["batch", "send", "none.json"])).ends(3);
    body(&stage, None);
    run(stage.api(&["batch", "send", "body.json"]).env_remove("SINCH_APP_ID")).ends(4);
    assert_eq!(stage.stats()["requests"]["send_batch"], json!({}));
    // What the service refuses is the service's word.
    let said = run(stage.api(&["batch", "send", "body.json"]).env("SINCH_APP_ID", "no-ulid")).ends(7);
    assert!(said.stderr.contains("400"), "{said:?}");
}

#[test]
fn send_of_unknown_outcome_says_how_to_look() {
    let stage = Stage::new();
    body(&stage, None);
    stage.fault(json!({"operation": "send_batch", "fault": "accept_then_drop"}));
    let said = run(&mut stage.api(&["batch", "send", "body.json"])).ends(5);
    assert!(said.stderr.contains("people may have got the batch, or not"), "{said:?}");
    assert!(said.stderr.contains("sinch-batch batch find wave 'one 1'"), "{said:?}");
    assert_eq!(stage.stats()["requests"]["send_batch"], json!({"dropped": 1}), "it was made once");
    let found = run(&mut stage.api(&["batch", "find", "wave", "one 1", "--json"])).ends(0).json();
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[test]
fn cancel_reports_its_result() {
    let stage = Stage::new();
    body(&stage, Some(60));
    let (first, second) = (sent(&stage), sent(&stage));
    let said = run(&mut stage.api(&["batch", "cancel", &first, "--json"])).ends(0).json();
    assert_eq!((&said["outcome"], &said["status"]), (&json!("cancelled"), &json!("CANCELLED")));
    assert_eq!(said["batches"][0]["batch_id"], json!(first));
    let status = run(&mut stage.api(&["batch", "status", &second, "--json"])).ends(0).json();
    assert_eq!(status["status"], "SCHEDULED");
    let said = run(&mut stage.api(&["batch", "cancel", "--metadata", "wave", "one 1"])).ends(0);
    assert_eq!(said.stdout.matches("cancelled, nobody gets it").count(), 2, "{said:?}");

    // One that has gone is there too.
    body(&stage, None);
    let gone = sent(&stage);
    let said = run(&mut stage.api(&["batch", "cancel", &gone, "--json"])).ends(7);
    assert_eq!(said.json()["outcome"], "too_late");
    let said = run(&mut stage.api(&["batch", "cancel", "--metadata", "wave", "one 1", "--json"])).ends(7);
    assert_eq!(said.json()["outcome"], "partly");
    assert!(said.stderr.contains("2 of 3 batches were cancelled"), "{said:?}");

    let said = run(&mut stage.api(&["batch", "cancel", "nothing", "--wait", "0", "--json"])).ends(7);
    assert_eq!(said.json(), json!({"outcome": "not_found", "batches": []}));
    run(&mut stage.api(&["batch", "cancel", "--metadata", "wave", "three", "--wait", "0"])).ends(7);
    run(&mut stage.api(&["batch", "cancel"])).ends(2);
}

#[test]
fn cancel_waits_for_its_outcome_but_not_for_ever() {
    let stage = Stage::with(&["--cancel-delay", "300ms"]);
    body(&stage, Some(60));
    let id = sent(&stage);
    let said = run(&mut stage.api(&["batch", "cancel", &id, "--wait", "0", "--json"])).ends(5);
    assert_eq!((&said.json()["outcome"], &said.json()["status"]), (&json!("pending"), &json!("SCHEDULED")));
    assert!(said.stderr.contains(&format!("sinch-batch batch status {id}")), "{said:?}");
    let said = run(&mut stage.api(&["batch", "cancel", &id])).ends(0);
    assert!(said.stdout.contains("cancelled, nobody gets it"), "{said:?}");

    // A look that fails does not claim anything.
    stage.fault(json!({"operation": "batch_status", "fault": "refuse_500", "times": 100}));
    let said = run(&mut stage.api(&["batch", "cancel", &id])).ends(7);
    assert!(said.stderr.contains("what came of it could not be read"), "{said:?}");
}

#[test]
fn plain_http_goes_to_the_host_that_is_named_and_to_no_other() {
    let stage = Stage::new();
    let find = |insecure: Option<&str>| {
        let mut command = stage.api(&["batch", "find", "wave", "one", "--timeout", "1s"]);
        command.env("SINCH_BATCH_BASE_URL", "http://Simulator.invalid:8080");
        if let Some(host) = insecure {
            command.args(["--insecure-plain-http-to", host]);
        }
        run(&mut command)
    };
    for said in [find(None), find(Some("invalid")), find(Some("other.invalid")), find(Some(""))] {
        assert!(said.ends(2).stderr.contains("error: the service's URL cannot be used: "));
    }
    // No such host: the name was looked up, so the URL was taken.
    let said = find(Some("simulator.invalid"));
    assert!(said.stderr.contains("could not be connected to"), "{said:?}");
}
