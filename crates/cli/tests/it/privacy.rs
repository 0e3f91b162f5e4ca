//! Promise 8.

use crate::support::{KEY_SECRET, SECRET, Stage, run, write_recipients};

#[test]
fn promise_8_secrets_numbers_and_texts_do_not_leak() {
    let stage = Stage::with(&["--fail", "30"]);
    write_recipients(stage.path(), 120);
    // One row with mistakes, so that findings are in the output too.
    let mut people = std::fs::read_to_string(stage.path().join("people.csv")).unwrap();
    people.push_str("+1555x55,\n+15559000001,Person 1\n");
    std::fs::write(stage.path().join("people.csv"), people).unwrap();
    let send = ["send", "people.csv", "--message", "message.json", "--campaign", "c1", "--skip-bad"];
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
    for file in std::fs::read_dir(stage.path()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("ledger.db") {
            said.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    for private in [SECRET, KEY_SECRET, "+15559", "15559000", "1555x55", "Person ", "Hello "] {
        assert!(!said.contains(private), "{private} leaked");
    }
}
