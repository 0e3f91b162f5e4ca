//! Bad data is found before anything is sent, all of it, by line and column.

use serde_json::Value;

use crate::support::{Stage, adds_up, binary, root, run};

/// Line and column of each mistake in the demo, and its kind.
const MISTAKES: &[(u64, Option<&str>, &str)] = &[
    (1, Some("region"), "unknown_column"),
    (4, Some("name"), "missing_value"),
    (7, Some("code"), "blank_value"),
    (10, Some("SMS"), "bad_number"),
    (13, Some("SMS"), "repeated_identity"),
    (16, None, "ragged_line"),
    (19, Some("name"), "not_utf8"),
];

fn found(report: &Value) -> Vec<(u64, Option<&str>, &str)> {
    let findings = report["findings"].as_array().unwrap();
    let mut found: Vec<_> = findings
        .iter()
        .map(|finding| {
            assert!(!finding["message"].as_str().unwrap().is_empty());
            (finding["line"].as_u64().unwrap(), finding["column"].as_str(), finding["kind"].as_str().unwrap())
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn promise_3_bad_data_is_found_before_anything_is_sent() {
    let stage = Stage::new();
    let file = root().join("demo/recipients-with-mistakes.csv");
    let message = root().join("demo/message.json");
    let with = |verb: &str| {
        let mut command = if verb == "send" { stage.command(&["send"]) } else { binary(stage.path()) };
        if verb == "check" {
            command.arg("check");
        }
        command.arg(&file).arg("--message").arg(&message).arg("--json");
        command
    };
    let check = run(&mut with("check")).ends(3).json();
    assert_eq!(found(&check), MISTAKES);
    assert_eq!((check["rows"].as_u64(), check["ok"].as_bool()), (Some(20), Some(false)));

    let said = run(&mut with("send")).ends(3);
    assert_eq!(found(&said.json()), MISTAKES);
    for (line, ..) in MISTAKES {
        assert!(said.stderr.contains(&format!("line {line}")), "{said:?}");
    }
    assert!(stage.messages().is_empty(), "nothing was sent");
}

#[test]
fn message_that_the_service_would_refuse_is_found_and_an_unknown_field_is_named() {
    let stage = Stage::new();
    std::fs::write(stage.path().join("people.csv"), "SMS\n+15550100001\n").unwrap();
    let check = |message: &str| {
        std::fs::write(stage.path().join("message.json"), message).unwrap();
        run(binary(stage.path()).args(["check", "people.csv", "--message", "message.json"]))
    };
    let choices = [r#"{"text_message":{"text":"a"}}"#; 11].join(",");
    let said = check(&format!(r#"{{"card_message":{{"title":"t","choices":[{choices}]}}}}"#));
    assert_eq!(said.code(), 3, "{said:?}");
    assert!(said.stderr.contains("/card_message/choices: expected 0 to 10 entries, not 11"), "{said:?}");
    let said = check(r#"{"message":{"text_message":{"text":"a"}},"recipient_and_params":[]}"#);
    assert_eq!(said.code(), 3, "{said:?}");
    assert!(said.stderr.contains("holds a whole request"), "{said:?}");
    let said = check(r#"{"txt_message":{"text":"a"}}"#).ends(3);
    assert!(said.stderr.contains("`txt_message` is not a known kind of message"), "{said:?}");
    let said = check(r#"{"text_message":{"text":"a","tone":"warm"}}"#).ends(0);
    assert!(said.stderr.contains("/text_message/tone: a field that this release does not know"), "{said:?}");
}

#[test]
fn skipped_rows_can_be_fixed_and_sent() {
    let stage = Stage::new();
    let demo = std::fs::read(root().join("demo/recipients-with-mistakes.csv")).unwrap();
    std::fs::write(stage.path().join("people.csv"), demo).unwrap();
    let text = "Hello ${name}, your code is ${code}.";
    let send = ["send", "people.csv", "--text", text, "--ignore-columns", "region", "--json"];
    let said = run(stage.command(&send).arg("--skip-invalid")).ends(0);
    assert!(said.stderr.contains("1 of them repeats a recipient"), "{said:?}");
    let report = said.json();
    adds_up(&report);
    assert_eq!((report["skipped"].as_u64(), report["accepted"].as_u64()), (Some(6), Some(14)));
    stage.has_each_once(14);

    let skipped = stage.path().join("people.skipped.csv");
    let bytes = std::fs::read(&skipped).unwrap();
    let mut lines: Vec<String> = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[0].starts_with("#line,#reason,"));
    assert!(lines[1].starts_with("4,"), "{lines:?}");

    // Fix each row, as a person would, and send that file.
    for (n, line) in lines.iter_mut().enumerate().skip(1) {
        let reason = line.rfind("\",").unwrap() + 2;
        *line = format!("{}+1555777000{n},Somebody,{n}{n}{n}{n},here", &line[..reason]);
    }
    let mended = lines.join("\n");
    std::fs::write(&skipped, &mended).unwrap();
    // Typed again by mistake, the first send is refused, and the work of a person stays.
    run(stage.command(&send).args(["--skip-invalid", "--no-wait"])).ends(5);
    assert_eq!(std::fs::read_to_string(&skipped).unwrap(), mended);
    let report = run(&mut stage.command(&["send", "people.skipped.csv", "--text", text, "--json"])).ends(0).json();
    assert_eq!(report["accepted"], 6);
    stage.has_each_once(20);
}

#[test]
fn row_is_seen_as_its_recipient_will_see_it() {
    let stage = Stage::new();
    std::fs::write(stage.path().join("people.csv"), "SMS,name\n+15550100001,Ines\n\n+15550100002,Tomasz\n").unwrap();
    let preview = ["preview", "people.csv", "--text", "Hi ${name}", "--row", "2"];
    assert_eq!(run(binary(stage.path()).args(preview)).ends(0).stdout, "Hi Tomasz\n");
    let json = run(binary(stage.path()).args(preview).arg("--json")).ends(0).json();
    assert_eq!((json["line"].as_u64(), json["message"]["text_message"]["text"].as_str()), (Some(4), Some("Hi Tomasz")));
    run(binary(stage.path()).args(&preview[..5]).arg("3")).ends(3);
}

#[test]
fn unusable_files_are_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    std::fs::write(folder.path().join("header.csv"), "SMS,name\n").unwrap();
    std::fs::write(folder.path().join("good.csv"), "SMS,name\n+15550100001,Ines\n").unwrap();
    std::fs::write(folder.path().join("bad.json"), "{\"text_message\": {\"text\": 7}}").unwrap();
    for file in ["empty.csv", "header.csv", "none.csv", "."] {
        for verb in ["check", "send"] {
            let mut command = binary(folder.path());
            command.args([verb, file, "--text", "Hello ${name}"]);
            if verb == "send" {
                command.arg("--simulate");
            }
            run(&mut command).ends(3);
        }
    }
    for message in ["bad.json", "none.json"] {
        let said = run(binary(folder.path()).args(["check", "good.csv", "--message", message])).ends(3);
        assert!(said.stderr.contains(message), "{said:?}");
    }
}
