//! The main job.

use serde_json::json;

use crate::support::{Stage, adds_up, binary, root, run, write_recipients};

#[test]
fn first_command_of_the_readme_sends_2500_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |name: &str| root().join("demo").join(name);
    let mut command = binary(folder.path());
    command.arg("send").arg(demo("recipients.csv")).arg("--message").arg(demo("message.json")).arg("--simulate");
    let said = run(&mut command).ends(0);
    assert!(said.stdout.starts_with("campaign "), "{said:?}");
    for word in ["rows", "2,500", "batches", "accepted", "delivered", "read", "failed", "time", "reason", "line"] {
        assert!(said.stdout.contains(word), "{word}: {said:?}");
    }

    let report = run(command.arg("--json")).ends(0).json();
    adds_up(&report);
    assert_eq!((&report["rows"], &report["accepted"]), (&json!(2500), &json!(2500)));
    assert_eq!(report["batches"].as_array().unwrap().len(), 3);
    assert_eq!(report["messages"]["failed"], json!(report["failures"].as_array().unwrap().len()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "practising leaves nothing behind");
}

#[test]
fn promise_2_nothing_is_dropped_silently() {
    let stage = Stage::new();
    write_recipients(stage.path(), 2345);
    let said = run(&mut stage.command(&[
        "send",
        "people.csv",
        "--message",
        "message.json",
        "--campaign",
        "autumn",
        "--batch-size",
        "500",
        "--json",
    ]))
    .ends(0);
    let report = said.json();
    adds_up(&report);
    assert_eq!(report["campaign"], "autumn");
    assert_eq!(report["accepted"], 2345);
    assert_eq!(report["messages"]["pending"], 0);
    assert_eq!(report["messages"]["queued"], 0);
    let rows: Vec<u64> =
        report["batches"].as_array().unwrap().iter().map(|batch| batch["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, [500, 500, 500, 500, 345]);
    stage.has_each_once(2345);

    // What the ledger says is what the service did.
    let messages = stage.messages();
    let there = |status: &str| messages.iter().filter(|message| message["status"] == status).count() as u64;
    let told = |status: &str| report["messages"][status].as_u64().unwrap();
    assert_eq!(told("failed"), there("failed"));
    // Some are read only after the report was printed.
    assert_eq!(told("delivered") + told("read"), there("delivered") + there("read"));
    assert!(told("read") <= there("read"));
    // Batches in flight arrive in any order; each person's text is their own.
    let first = messages.iter().find(|message| message["identity"] == "+15559000001").unwrap();
    assert_eq!(first["text"], "Hello Person 1");
    let status = run(&mut stage.command_without_service(&["status", "autumn", "--json"])).ends(0).json();
    assert_eq!(status["messages"]["failed"], report["messages"]["failed"]);
    let again = run(&mut stage.command_without_service(&["report", "--json"])).ends(0).json();
    assert_eq!(again["failures"], report["failures"]);
}

#[test]
fn promise_5_a_failure_is_a_row() {
    let stage = Stage::with(&["--fail-percent", "20"]);
    // Quoted line feeds and blank lines part rows and lines.
    let mut csv = String::from("SMS,name\n");
    for row in 1..=60 {
        let gap = if row % 7 == 0 { "\n" } else { "" };
        let name = if row % 5 == 0 { "\"Two\nlines\"".to_owned() } else { format!("Person {row}") };
        csv.push_str(&format!("{gap}+1555900{row:04},{name}\n"));
    }
    std::fs::write(stage.path().join("people.csv"), &csv).unwrap();
    let said =
        run(&mut stage.command(&["send", "people.csv", "--text", "Hello ${name}", "--batch-size", "7", "--json"]))
            .ends(0);
    let report = said.json();
    let failures = report["failures"].as_array().unwrap();
    let failed: Vec<String> = stage
        .messages()
        .iter()
        .filter(|message| message["status"] == "failed")
        .map(|message| message["identity"].as_str().unwrap().to_owned())
        .collect();
    assert!(!failed.is_empty());
    assert_eq!(failures.len(), failed.len());
    let lines: Vec<&str> = csv.lines().collect();
    for failure in failures {
        let line = failure["line"].as_u64().unwrap() as usize;
        let row = failure["row"].as_u64().unwrap();
        let number = format!("+1555900{row:04}");
        assert!(lines[line - 1].starts_with(&number), "{failure}");
        assert!(failed.contains(&number), "{failure}");
        assert!(!failure["code"].as_str().unwrap().is_empty());
    }
    let csv = run(&mut stage.command_without_service(&["report", "--format", "csv"])).ends(0).stdout;
    assert_eq!(csv.lines().count(), failures.len() + 1);
    assert_eq!(csv.lines().next(), Some("row,line,code,description"));
}

#[test]
fn batch_can_be_asked_for_by_id() {
    let stage = Stage::new();
    write_recipients(stage.path(), 3);
    let report = run(&mut stage.command(&["send", "people.csv", "--message", "message.json", "--json"])).ends(0).json();
    let id = report["batches"][0]["batch_id"].as_str().unwrap();
    let mut command = binary(stage.path());
    stage.service(&mut command);
    let status = run(command.args(["batch", "status", id, "--json"])).ends(0).json();
    assert_eq!((&status["batch_id"], &status["status"]), (&json!(id), &json!("PROCESSED")));

    let mut command = binary(stage.path());
    stage.service(&mut command);
    let said = run(command.args(["batch", "status", "01KZ0000000000000000000000"])).ends(7);
    assert!(said.stderr.contains("404"), "{said:?}");
}
