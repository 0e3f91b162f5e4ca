//! Promise 8.

use crate::support::{KEY_SECRET, SECRET, Stage, run, write_recipients};

#[test]
fn promise_8_secrets_numbers_and_texts_do_not_leak() {
    let stage = Stage::with(&["--fail-percent", "30"]);
    write_recipients(stage.path(), 120);
    // One row with mistakes, so that findings are in the output too.
    let mut people = std::fs::read_to_string(stage.path().join("people.csv")).unwrap();
    people.push_str("+1555x55,\n+15559000001,Person 1\n");
    std::fs::write(stage.path().join("people.csv"), people).unwrap();
    let send = ["send", "people.csv", "--message", "message.json", "--campaign", "c1", "--skip-invalid"];
    let mut said = String::new();
    for mut command in [
        stage.command(&send),
        stage.command(&["resume", "c1", "--json"]),
        stage.command_without_service(&["report"]),
        stage.command_without_service(&["status", "--json"]),
    ] {
        // As much as any library of ours will say.
        let output = run(command.env("SINCH_BATCH_LOG", "trace,h2=off,hyper=off,hyper_util=off")).ends(0);
        said.push_str(&output.stdout);
        said.push_str(&output.stderr);
    }
    assert!(said.contains("RECIPIENT_") || said.contains("CHANNEL_"), "failures are in it");
    let mut kept = Vec::new();
    for file in std::fs::read_dir(stage.path()).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("ledger.db") {
            kept.extend(std::fs::read(path).unwrap());
        }
    }
    let kept = String::from_utf8_lossy(&kept);
    // The message is kept as its author wrote it, with placeholders and without anybody's values.
    assert!(kept.contains("Hello ${name}"), "the ledger has the message");
    for private in [SECRET, KEY_SECRET, "+15559", "15559000", "1555x55", "Person ", "Hello Person"] {
        assert!(!said.contains(private), "{private} leaked");
        assert!(!kept.contains(private), "{private} is in the ledger");
    }
    assert!(!said.contains("Hello "), "the text leaked");
}

#[test]
fn promise_8_secrets_numbers_and_texts_do_not_leak_from_the_operations() {
    let stage = Stage::new();
    stage.write("out.csv", "identification,consent_type\n+15559000001,OPT_OUT_ALL\n");
    stage.write("bad.csv", "identification,consent_type\n+15559000001,OPT_IN\n+15559000002,\n");
    stage.write("new.csv", "SMS,language,display_name\n+15559000001,EN,Person 1\n");
    stage.write("worse.csv", "SMS,language,display_name\n+1555x55,English,Person 1\n+15559000001,EN\n");
    stage.write(
        "body.json",
        r#"{"message": {"text_message": {"text": "Hello ${name}"}}, "recipient_and_params": [{"parameters": {"name": "Person 1"},
            "recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "+15559000001"}]}}}]}"#,
    );
    stage.fault(serde_json::json!({"operation": "insert_consents", "fault": "accept_then_500", "times": 2}));
    stage.fault(serde_json::json!({"operation": "send_batch", "fault": "accept_then_drop"}));
    let mut said = String::new();
    for (args, code) in [
        (&["consents", "insert", "out.csv"][..], 0),
        (&["consents", "insert", "bad.csv"], 3),
        (&["consents", "insert", "bad.csv", "--json"], 3),
        (&["contacts", "create", "new.csv", "--json"], 0),
        (&["contacts", "create", "worse.csv"], 3),
        (&["batch", "send", "body.json"], 5),
        (&["batch", "send", "body.json"], 0),
        (&["doctor"], 0),
    ] {
        let output =
            run(stage.api(args).env("SINCH_BATCH_LOG", "trace,h2=off,hyper=off,hyper_util=off,reqwest=off")).ends(code);
        said.push_str(&output.stdout);
        said.push_str(&output.stderr);
    }
    for private in [SECRET, KEY_SECRET, "+15559", "15559000", "1555x55", "Person ", "Hello ", "English"] {
        assert!(!said.contains(private), "{private} leaked");
    }
}
