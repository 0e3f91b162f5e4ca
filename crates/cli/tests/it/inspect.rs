//! What the typed models understood of a file.

use serde_json::{Value, json};

use crate::support::{binary, root, run};

fn samples(prefix: &str) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(root().join("tests/wire")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with(prefix));
    files.sort();
    assert!(files.len() > 10);
    files
}

#[test]
fn every_sample_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    for (what, prefix) in [("callback", "callback."), ("message", "message.")] {
        let files = samples(prefix);
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
fn kinds_unknown_fields_and_errors_are_named() {
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
}
