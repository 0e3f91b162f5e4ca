//! What a send request says besides its message: by flags, by a file, on the wire.

use serde_json::{Value, json};

use crate::support::{Running, Said, Stage, run, write_recipients};

const APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";
const SEND: &[&str] = &["send", "people.csv", "--campaign", "c1", "--no-wait"];
const MESSAGE: &[&str] = &["--message", "message.json"];
const FLAGS: &[&str] = &[
    "--sender",
    "Acme",
    "--channel-property",
    "MMS_SENDER=A=B",
    "--ttl",
    "2h",
    "--strategy",
    "dispatch-only",
    "--channel-order",
    "RCS,sms",
    "--callback-url",
    "https://example.com/sinch?a=b",
    "--correlation-id",
    "order 7",
    "--metadata",
    "team=blue",
    "--metadata",
    "wave=2",
];

fn stage(rows: usize) -> Stage {
    let stage = Stage::silent();
    write_recipients(stage.path(), rows);
    stage
}

/// What [`FLAGS`] say.
fn said_by_flags() -> Value {
    json!({
        "channel_properties": {"SMS_SENDER": "Acme", "MMS_SENDER": "A=B"},
        "ttl": "7200s",
        "processing_strategy": "DISPATCH_ONLY",
        "channel_priority_order": ["RCS", "SMS"],
        "callback_url": "https://example.com/sinch?a=b",
        "correlation_id": "order 7",
        "batch_metadata": {"team": "blue", "wave": "2"},
        "message_metadata": {"team": "blue", "wave": "2"},
    })
}

/// The bodies of all requests that send, without app, message, recipients and the campaign's own key.
fn settings(stage: &Stage) -> Vec<Value> {
    let bodies = stage.there("/requests").into_iter().filter(|request| request["operation"] == "send_batch");
    let settings = bodies.map(|mut request| {
        let mut body = request["body"].take();
        let fields = body.as_object_mut().unwrap();
        assert_eq!(fields.remove("app_id").unwrap(), APP);
        assert_eq!(fields.remove("message").unwrap(), json!({"text_message": {"text": "Hello ${name}"}}));
        assert!(fields.remove("recipient_and_params").is_some());
        let metadata = fields["batch_metadata"].as_object_mut().unwrap();
        assert!(metadata.remove("sinch_batch_key").is_some());
        if metadata.is_empty() {
            fields.remove("batch_metadata");
        }
        body
    });
    settings.collect()
}

fn send(stage: &Stage, more: &[&str]) -> Said {
    run(stage.command(SEND).args(more))
}

fn preview(stage: &Stage, more: &[&str]) -> Said {
    run(stage.api(&["preview", "people.csv"]).args(more)).ends(0)
}

/// Nothing leaves, no campaign begins, and a sentence and a hint say why.
#[track_caller]
fn refused(stage: &Stage, more: &[&str], code: i32, words: &[&str]) {
    let said = send(stage, more).ends(code);
    for word in words {
        assert!(said.stderr.contains(word), "{word}: {}", said.stderr);
    }
    let errors = said.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{}", said.stderr);
    assert_eq!(stage.calls("send_batch"), 0, "nothing was sent");
}

#[test]
fn flags_of_send_arrive_on_the_wire() {
    let stage = stage(3);
    send(&stage, &[MESSAGE, FLAGS].concat()).ends(0);
    assert_eq!(settings(&stage), [said_by_flags()]);
    stage.has_each_once(3);
}

#[test]
fn send_without_flags_says_nothing_else() {
    let stage = stage(3);
    send(&stage, MESSAGE).ends(0);
    assert_eq!(settings(&stage), [json!({})]);
}

#[test]
fn each_flag_is_shown_by_preview_alone_and_sends_nothing() {
    let stage = stage(3);
    let all = said_by_flags();
    for (flags, field) in [
        (["--ttl", "7200"], "ttl"),
        (["--strategy", "DISPATCH-ONLY"], "processing_strategy"),
        (["--channel-order", "rcs,SMS"], "channel_priority_order"),
        (["--callback-url", "https://example.com/sinch?a=b"], "callback_url"),
        (["--correlation-id", "order 7"], "correlation_id"),
    ] {
        let shown = preview(&stage, &[MESSAGE, &flags, &["--json"]].concat()).json();
        assert_eq!(shown["request"], json!({field: all[field]}));
    }
    let shown = preview(&stage, &[MESSAGE, FLAGS, &["--json"]].concat()).json();
    assert_eq!((&shown["request"], &shown["message"]["text_message"]["text"]), (&all, &json!("Hello Person 1")));
    let shown = preview(&stage, &[MESSAGE, FLAGS].concat()).stdout;
    assert!(shown.starts_with("Hello Person 1\n\n") && shown.contains("ttl: \"7200s\"\n"), "{shown}");
    assert!(preview(&stage, &[MESSAGE, &["--json"]].concat()).json().get("request").is_none());
    assert_eq!(stage.calls("send_batch"), 0);
}

#[test]
fn flags_override_a_request_file() {
    let stage = stage(3);
    let file = json!({
        "message": {"text_message": {"text": "Hello ${name}"}},
        "ttl": "60s",
        "correlation_id": "of the file",
        "channel_properties": {"SMS_SENDER": "File", "RCS_X": "y"},
        "batch_metadata": {"team": "red", "n": 7},
        "conversation_metadata": {"c": true},
        "of_tomorrow": [1],
    });
    stage.write("request.json", &file.to_string());
    let more = ["--request", "request.json", "--ttl", "10m", "--sender", "Acme", "--metadata", "team=blue"];
    let expected = json!({
        "ttl": "600s",
        "correlation_id": "of the file",
        "channel_properties": {"SMS_SENDER": "Acme", "RCS_X": "y"},
        "batch_metadata": {"team": "blue", "n": 7},
        "message_metadata": {"team": "blue"},
        "conversation_metadata": {"c": true},
        "of_tomorrow": [1],
    });
    assert_eq!(preview(&stage, &[&more[..], &["--json"]].concat()).json()["request"], expected);
    let said = send(&stage, &more).ends(0);
    assert!(said.stderr.contains("note: request.json, /of_tomorrow: "), "{}", said.stderr);
    assert_eq!(settings(&stage), [expected]);
}

#[test]
fn metadata_of_a_row_counts_before_that_of_the_request() {
    let stage = stage(0);
    stage.write("people.csv", "SMS,name,metadata.wave\n+15559000001,Ines,own\n+15559000002,Tomasz,\n");
    send(&stage, &[MESSAGE, &["--metadata", "wave=2", "--metadata", "team=blue"]].concat()).ends(0);
    let metadata: Vec<_> = stage.messages().iter().map(|message| message["metadata"].clone()).collect();
    let of = |name: &str| metadata.iter().map(|one| one[name].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>();
    assert_eq!((of("wave"), of("team")), (vec!["own".into(), "2".into()], vec!["blue".into(), "blue".into()]));
    assert!(of("sinch_batch_row").iter().all(|key| key.len() > 32));
}

#[test]
fn wrong_values_of_flags_are_refused_before_anything_leaves() {
    let stage = stage(3);
    let long = "x".repeat(1100);
    let property = format!("SMS_SENDER={long}");
    let metadata = format!("note={}", &long[..600]);
    for (flags, code, words) in [
        (["--sender", " "], 2, &["--sender"][..]),
        (["--channel-property", "SMS_SENDER"], 2, &["--channel-property", "NAME=VALUE"]),
        (["--channel-property", &property], 3, &["/channel_properties/SMS_SENDER", "1024"]),
        (["--ttl", "2 hours"], 2, &["--ttl"]),
        (["--ttl", "2s"], 2, &["--ttl", "3 to"]),
        (["--ttl", "3500ms"], 2, &["--ttl", "whole seconds"]),
        (["--strategy", "fast"], 2, &["--strategy", "dispatch-only"]),
        (["--channel-order", "RCS,SMOKE"], 2, &["--channel-order", "SMOKE"]),
        (["--callback-url", "example.com"], 2, &["--callback-url"]),
        (["--correlation-id", &long[..129]], 3, &["/correlation_id", "128"]),
        (["--metadata", "=x"], 2, &["--metadata", "NAME=VALUE"]),
        (["--metadata", "sinch_batch_key=x"], 3, &["`sinch_batch_key` is reserved"]),
        (["--metadata", "_batch_id=x"], 3, &["`_batch_id` is reserved"]),
        (["--metadata", &metadata], 3, &["message_metadata", "512"]),
    ] {
        refused(&stage, &[MESSAGE, &flags].concat(), code, words);
    }
    refused(&stage, &["--request", "r.json", "--text", "Hi"], 2, &["--request", "--text"]);
    let list = run(stage.command_without_service(&["status"]).arg("--json"));
    assert!(!list.stdout.contains("c1"), "no campaign began: {list:?}");
}

#[test]
fn mistakes_of_a_request_file_have_line_and_column() {
    let stage = stage(3);
    let message = r#""message": {"text_message": {"text": "Hello ${name}"}}"#;
    for (text, words) in [
        (format!("{{\n  {message},\n  \"ttl\": \"two hours\"\n}}"), &["line 3, column 20, /ttl: "][..]),
        (format!("{{\"ttl\": \"two hours\", {message}}}"), &["line 1, column 19, /ttl: "]),
        (format!("{{\n  {message}\n  \"ttl\": \"60s\"\n}}"), &["line 3, column 3"]),
        ("{\"ttl\": \"60s\"}".to_owned(), &["line 1, column 14", "missing field `message`"]),
        (format!("{{{message}, \"recipient_and_params\": []}}"), &["recipients come from the file"]),
        (format!("{{{message}, \"message_metadata\": {{\"_batch_id\": 1}}}}"), &["`_batch_id` is reserved"]),
        (String::new(), &["line 1, column "]),
        ("[]".to_owned(), &["line 1, column "]),
    ] {
        stage.write("request.json", &text);
        refused(&stage, &["--request", "request.json"], 3, &[&["request.json"], words].concat());
    }
    refused(&stage, &["--request", "nowhere.json"], 3, &["nowhere.json"]);
    stage.write("request.json", &format!("{{\"app_id\": \"another\", {message}}}"));
    refused(&stage, &["--request", "request.json"], 2, &["for app another", APP]);
}

#[test]
fn metadata_that_does_not_fit_is_a_mistake_of_its_row() {
    let stage = stage(0);
    let note = "n".repeat(700);
    stage.write("people.csv", &format!("SMS,name,metadata.note\n+15559000001,Ines,{note}\n+15559000002,Oona,short\n"));
    let metadata = format!("shared={}", "s".repeat(400));
    let flags = [MESSAGE, &["--metadata", &metadata]].concat();
    refused(&stage, &flags, 3, &["the request's own"]);
    let list = send(&stage, &[&flags[..], &["--json"]].concat()).ends(3).json();
    assert_eq!((&list["rows"], list["findings"].as_array().unwrap().len()), (&json!(2), 1), "{list}");
    send(&stage, &[&flags[..], &["--skip-invalid"]].concat()).ends(0);
    stage.has_each_once(1);
    let skipped = std::fs::read_to_string(stage.path().join("people.skipped.csv")).unwrap();
    assert!(skipped.contains("+15559000001") && skipped.contains("the request's own"), "{skipped}");
}

#[test]
fn resume_says_the_same_whatever_became_of_the_file() {
    let stage = stage(6);
    let text = r#"{"message": {"text_message": {"text": "Hello ${name}"}}, "of_tomorrow": 1}"#;
    stage.write("request.json", text);
    stage.fault(json!({
        "operation": "send_batch", "fault": "rate_limit", "after": 1, "times": 1000, "retry_after": 600,
    }));
    let more = [&["--request", "request.json", "--batch-size", "2", "--in-flight", "1"], FLAGS].concat();
    let mut send = Running::start(stage.command(SEND).args(more));
    send.until("the wait", || stage.stats()["requests"]["send_batch"]["429"].as_u64() >= Some(1));
    send.until("that it is recorded", || stage.status("c1")["unknown"] == 0);
    send.kill();
    stage.no_faults();
    stage.write("request.json", &text.replace("Hello", "Goodbye"));

    // What it says comes from the ledger: nothing else can be said.
    run(&mut stage.command(&["resume", "c1", "--no-wait", "--ttl", "1h"])).ends(2);
    run(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "1"])).ends(0);
    stage.has_each_once(6);
    let mut expected = said_by_flags();
    expected["of_tomorrow"] = json!(1);
    let settings = settings(&stage);
    assert!(settings.len() >= 4 && settings.iter().all(|one| *one == expected), "{settings:?}");
}
