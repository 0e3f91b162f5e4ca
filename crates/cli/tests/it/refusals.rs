//! Credentials, regions, networks and ledgers that are not as they should be.

use std::process::Command;

use crate::support::{Stage, binary, run, write_recipients};

const SEND: &[&str] = &["send", "people.csv", "--message", "message.json"];

fn stage() -> Stage {
    let stage = Stage::new();
    write_recipients(stage.path(), 5);
    stage
}

#[track_caller]
fn refused(stage: &Stage, command: &mut Command, code: i32, word: &str) {
    let said = run(command).ends(code);
    assert!(said.stderr.contains(word), "{word}: {said:?}");
    assert!(stage.messages().is_empty(), "nothing was sent");
}

#[test]
fn missing_credentials_are_named() {
    let stage = stage();
    for name in ["SINCH_PROJECT_ID", "SINCH_APP_ID", "SINCH_KEY_ID", "SINCH_KEY_SECRET"] {
        refused(&stage, stage.command(SEND).env_remove(name), 4, name);
        refused(&stage, stage.command(SEND).env(name, " "), 4, name);
    }
    refused(&stage, stage.command(SEND).env_remove("SINCH_BATCH_BASE_URL"), 2, "SINCH_REGION");
    let mut command = stage.command(SEND);
    refused(&stage, command.env_remove("SINCH_BATCH_BASE_URL").env("SINCH_REGION", "mars"), 2, "SINCH_REGION");
    let mut listen = binary(stage.path());
    refused(&stage, listen.args(["listen", "--addr", "127.0.0.1:0"]), 4, "SINCH_WEBHOOK_SECRET");
}

#[test]
fn network_that_is_not_there_is_said_and_nothing_begins() {
    let stage = stage();
    // Port 1 of loopback has no listener.
    refused(&stage, stage.command(SEND).env("SINCH_AUTH_URL", "http://127.0.0.1:1/token"), 7, "token");
    let said = run(stage.command(SEND).env("SINCH_BATCH_BASE_URL", "http://127.0.0.1:1").arg("--json")).ends(7);
    assert!(said.stderr.contains("sinch-batch resume"), "{said:?}");
    assert_eq!((&said.json()["planned"], &said.json()["unknown"]), (&5.into(), &0.into()));
    // Secrets do not go over plain HTTP to other machines.
    refused(&stage, stage.command(SEND).env("SINCH_AUTH_URL", "http://example.com/token"), 2, "URL");
}

#[test]
fn other_files_are_not_a_ledger() {
    let stage = stage();
    std::fs::write(stage.path().join("other.db"), "these are my notes, not a ledger, and they stay as they are\n")
        .unwrap();
    let mut command = binary(stage.path());
    stage.service(&mut command);
    refused(&stage, command.args(SEND).args(["--ledger", "other.db"]), 6, "other.db");
    assert!(std::fs::read_to_string(stage.path().join("other.db")).unwrap().starts_with("these are my notes"));

    run(stage.command(SEND).args(["--campaign", "mine"])).ends(0);
    let said = run(&mut stage.command(&["resume", "yours"])).ends(6);
    assert!(said.stderr.contains("yours") && said.stderr.contains("mine"), "{said:?}");
    let said = run(binary(stage.path()).args(["status", "mine", "--ledger", "gone.db"])).ends(6);
    assert!(said.stderr.contains("gone.db"), "{said:?}");
    assert!(!stage.path().join("gone.db").exists(), "asking makes no file");
    let said = run(stage.command(SEND).args(["--campaign", "mine", "--allow-duplicate"])).ends(6);
    assert!(said.stderr.contains("mine"), "{said:?}");
    stage.has_each_once(5);
}

#[test]
fn resuming_elsewhere_is_refused() {
    let stage = stage();
    run(stage.command(SEND).args(["--campaign", "c1"])).ends(0);
    let mut command = stage.command(&["resume", "c1"]);
    let said = run(command.env("SINCH_BATCH_BASE_URL", "http://127.0.0.1:1")).ends(2);
    assert!(said.stderr.contains("base-url"), "{said:?}");
    let mut command = stage.command(&["resume", "c1"]);
    run(command.env("SINCH_APP_ID", "another")).ends(2);
}

#[test]
fn invalid_arguments_are_reported_with_what_to_read() {
    let stage = Stage::new();
    for (arguments, word, hint) in [
        (&["send", "people.csv"][..], "--message <FILE>", "hint: see sinch-batch send --help"),
        (&["batch", "status"], "<ID>", "hint: see sinch-batch batch status --help"),
        (&["report", "--format", "xml"], "possible values: table, json, csv", "hint: see sinch-batch report --help"),
        (&["sned"], "send", "hint: see sinch-batch --help"),
    ] {
        let said = run(binary(stage.path()).args(arguments)).ends(2);
        assert!(said.stderr.contains(word) && said.stderr.ends_with(&format!("{hint}\n")), "{said:?}");
        assert!(!said.stderr.contains("--project <ID>"), "{said:?}");
    }
    let said = run(binary(stage.path()).args(["send", "--help"])).ends(0);
    assert!(said.stdout.contains("--resend-after"), "{said:?}");
}

#[test]
fn simulator_that_cannot_start_names_the_argument_to_fix() {
    let stage = Stage::new();
    let simulate = |more: &[&str]| {
        let mut command = binary(stage.path());
        command.args(["simulate", "--addr", "127.0.0.1:0", "--control", "127.0.0.1:0"]).args(more);
        run(command.env("SINCH_WEBHOOK_SECRET", "a-secret")).ends(2)
    };
    let said = simulate(&["--callback-url", "nonsense"]);
    assert!(said.stderr.contains("hint: give --callback-url"), "{said:?}");
}

#[test]
fn preview_of_an_invalid_row_names_the_command_and_not_the_text() {
    let stage = Stage::new();
    stage.write("people.csv", "SMS,name\n+15559000001,\n");
    let said = run(binary(stage.path()).args(["preview", "people.csv", "--text", "Dear ${name}"])).ends(3);
    assert!(said.stderr.contains("the row at line 2 has mistakes"), "{said:?}");
    assert!(said.stderr.contains("sinch-batch check people.csv --text") && !said.stderr.contains("Dear"), "{said:?}");
    assert!(!said.stderr.contains("may have changed"), "nothing was checked before: {said:?}");
}
