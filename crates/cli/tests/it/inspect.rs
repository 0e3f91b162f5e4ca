//! What the typed models understood of a file.

use serde_json::{Value, json};

use crate::support::{binary, run};

fn samples(kind: &str) -> Vec<std::path::PathBuf> {
    sinch_batch_wire::names(kind).iter().map(|name| sinch_batch_wire::path(name)).collect()
}

#[test]
fn every_sample_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    for what in ["callback", "message"] {
        let files = samples(what);
        let said = run(binary(folder.path()).args(["inspect", what, "--json"]).args(&files)).ends(0);
        assert_eq!(said.stdout.lines().count(), files.len());
        for (line, file) in said.stdout.lines().zip(&files) {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["ok"], &line["error"]), (&json!(true), &json!(null)), "{line}");
            assert_eq!(line["file"].as_str(), file.to_str());
            assert!(line["value"].is_object() && line["unknown"].is_array());
        }
    }
}

#[test]
fn kinds_extra_and_errors_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("delivery.json", r#"{"message_delivery_report":{"status":"READ","new":{"a/b":1}},"also":2}"#);
    write("future.json", r#"{"app_id":"a","future_notification":{"id":"x"}}"#);
    write("wrong.json", r#"{"message_delivery_report":{"status":7}}"#);
    let inspect = |what: &str, file: &str| {
        let said = run(binary(folder.path()).args(["inspect", what, file, "--json"]));
        (said.code(), said.json())
    };
    let (code, line) = inspect("callback", "delivery.json");
    assert_eq!((code, &line["kind"]), (0, &json!("MESSAGE_DELIVERY")));
    assert_eq!(line["unknown"], json!(["/message_delivery_report/new", "/also"]));
    assert_eq!(line["value"]["message_delivery_report"]["new"], json!({"a/b": 1}));
    let (code, line) = inspect("callback", "future.json");
    assert_eq!((code, &line["kind"], &line["unknown"]), (0, &json!(null), &json!(["/future_notification"])));
    let (code, line) = inspect("callback", "wrong.json");
    assert_eq!((code, &line["ok"]), (3, &json!(false)));
    assert!(line["error"].as_str().unwrap().contains("/message_delivery_report/status"), "{line}");

    write("people.csv", "SMS,name\n+15550100001,Ines\n");
    write(
        "people.jsonl",
        "{\"recipient\":{\"contact_id\":\"c\"},\"new\":1}\n\n{\"recipient\":{\"contact_id\":\"d\"}}\n",
    );
    let (code, line) = inspect("recipients", "people.csv");
    assert_eq!((code, &line["value"][0]["parameters"]), (0, &json!({"name": "Ines"})), "{line}");
    let (code, line) = inspect("recipients", "people.jsonl");
    assert_eq!((code, &line["unknown"], line["value"].as_array().unwrap().len()), (0, &json!(["/0/new"]), 2));

    // For people, and from standard input.
    let delivery = std::fs::File::open(folder.path().join("delivery.json")).unwrap();
    let said = run(binary(folder.path()).args(["inspect", "callback", "-"]).stdin(delivery)).ends(0);
    assert!(said.stdout.contains("MESSAGE_DELIVERY") && said.stdout.contains("/also"), "{said:?}");
    assert!(said.stdout.contains("has the fields"), "{said:?}");
}

#[test]
fn each_file_has_its_line_and_one_document_keeps_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let one = json!({"recipient": {"contact_id": "c"}, "new": 1});
    write("one.json", serde_json::to_string_pretty(&one).unwrap().as_bytes());
    write("all.json", json!([one, one]).to_string().as_bytes());
    write("row.jsonl", one.to_string().as_bytes());
    write("wrong.json", b"{\n \"recipient\": {\n  \"contact_id\": 7\n }\n}");
    write("wrong.jsonl", format!("{one}\n{{\"recipient\":{{\"contact_id\":7}}}}\n").as_bytes());
    let request = json!({
        "app_id": "a", "message": {"text_message": {"text": "Hi ${name}", "new": 1}}, "recipient_and_params": [one],
    });
    write("request.json", request.to_string().as_bytes());
    write("bom.json", b"\xef\xbb\xbf{\"text_message\":{\"text\":\"Hi ${name}\"}}");
    write("bytes.json", b"{\"text_message\":{\"text\":\"\xff\"}}");
    write("deep.json", "[".repeat(100_000).as_bytes());
    write("empty.json", b"");
    let inspect = |what: &str, files: &[&str]| {
        let said = run(binary(folder.path()).args(["inspect", what, "--json"]).args(files));
        let lines: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), files.len(), "{said:?}");
        (said.code(), lines)
    };

    let files = ["one.json", "all.json", "row.jsonl", "request.json"];
    let (code, lines) = inspect("recipients", &files);
    assert_eq!(code, 0);
    let seen: Vec<_> = lines.iter().map(|line| (&line["value"], &line["unknown"])).collect();
    assert_eq!(seen[0], (&one, &json!(["/new"])));
    assert_eq!(seen[1], (&json!([one, one]), &json!(["/0/new", "/1/new"])));
    assert_eq!(seen[2], (&json!([one]), &json!(["/0/new"])));
    assert_eq!(seen[3], (&request, &json!(["/message/text_message/new", "/recipient_and_params/0/new"])));
    let (code, lines) = inspect("recipients", &["wrong.json", "wrong.jsonl", "one.json"]);
    assert_eq!(code, 3);
    for (line, place) in lines.iter().zip(["line 3, column 17", "line 2, column"]) {
        let error = line["error"].as_str().unwrap();
        assert!(error.starts_with("/recipient/contact_id: ") && error.contains(place), "{error}");
    }
    assert_eq!(lines[2]["ok"], json!(true));

    let (code, lines) = inspect("message", &["request.json", "bom.json"]);
    assert_eq!((code, &lines[0]["kind"], &lines[1]["kind"]), (0, &json!("text_message"), &json!("text_message")));
    assert_eq!(lines[0]["value"], request);
    let over = sinch_batch_wire::path("message/carousel.over_limit.json");
    let said = run(binary(folder.path()).args(["inspect", "message", "--json"]).arg(over)).ends(0);
    assert_eq!(said.json()["ok"], json!(true));
    assert!(said.stderr.contains("would be refused by the service: /carousel_message/choices: "), "{said:?}");
    let bad = ["bytes.json", "deep.json", "empty.json", "not-there.json", "."];
    let (code, lines) = inspect("message", &bad);
    assert_eq!(code, 3);
    for line in lines {
        assert_eq!((&line["ok"], &line["value"], &line["unknown"]), (&json!(false), &json!(null), &json!([])));
        assert!(line["error"].is_string(), "{line}");
    }

    // For people: what one would ask next.
    let said = run(binary(folder.path()).args(["inspect", "message", "bom.json"])).ends(0);
    assert!(said.stdout.contains("has the placeholders ${name}"), "{said:?}");
    let failed = sinch_batch_wire::path("callback/message_delivery.failed.batch_validation.json");
    let said = run(binary(folder.path()).args(["inspect", "callback"]).arg(failed)).ends(0);
    assert!(said.stdout.contains("belongs to the batch 01") && said.stdout.contains("recipient "), "{said:?}");
}
