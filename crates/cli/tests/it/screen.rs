//! What a person or a script meets before anything is sent: help, errors, environment, pipes.

use std::io::Read;
use std::process::Stdio;

use serde_json::json;

use crate::support::{KEY_SECRET, Stage, binary, run, write_recipients};

/// Every command and subcommand.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["check"],
    &["preview"],
    &["send"],
    &["resume"],
    &["work"],
    &["retry"],
    &["pause"],
    &["cancel"],
    &["status"],
    &["report"],
    &["listen"],
    &["sign"],
    &["trigger"],
    &["replay"],
    &["simulate"],
    &["torture"],
    &["inspect"],
    &["batch", "send"],
    &["batch", "status"],
    &["batch", "find"],
    &["batch", "cancel"],
    &["contacts", "create"],
    &["contacts", "delete"],
    &["consents", "insert"],
    &["prune"],
    &["forget"],
    &["ledger", "migrate"],
    &["ledger", "copy"],
    &["doctor"],
    &["completions"],
    &["man"],
];

#[test]
fn help_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let said = run(binary(folder.path()).args(*command).arg("-h")).ends(0);
        let name = if command.is_empty() { "sinch-batch".to_owned() } else { command.join("-") };
        insta::assert_snapshot!(format!("help-{name}"), said.stdout);
    }
}

#[test]
fn errors_are_json_too() {
    let folder = tempfile::tempdir().unwrap();
    write_recipients(folder.path(), 2);
    for (args, kind, exit) in [
        (&["status", "--json", "--ledger", "none.db"][..], "ledger", 6),
        (&["send", "people.csv", "--text", "Hi ${name}", "--json"], "usage", 2),
        (&["send", "none.csv", "--text", "Hi", "--json"], "input", 3),
        (&["report", "--json", "--no-such-flag"], "usage", 2),
    ] {
        let said = run(binary(folder.path()).args(args)).ends(exit);
        let error = &said.json()["error"];
        assert_eq!((&error["kind"], &error["exit"]), (&json!(kind), &json!(exit)), "{said:?}");
        assert!(error["message"].is_string() && error["hint"].is_string(), "{said:?}");
    }
    // Mistakes are a value of their own, and stay the only one.
    std::fs::write(folder.path().join("bad.csv"), "SMS,name\nx,y\n").unwrap();
    let said = run(binary(folder.path()).args(["check", "bad.csv", "--text", "Hi ${name}", "--json"])).ends(3);
    assert_eq!(said.json()["ok"], false);
}

#[test]
fn blank_variables_are_not_set_and_white_space_is_trimmed() {
    let stage = Stage::new();
    write_recipients(stage.path(), 3);
    let mut send = stage.api(&["send", "people.csv", "--message", "message.json", "--no-wait"]);
    send.env("SINCH_BATCH_LEDGER", "").env("SINCH_REGION", " ").env("SINCH_KEY_SECRET", format!(" {KEY_SECRET}\r\n"));
    run(&mut send).ends(0);
    assert!(stage.path().join("state/sinch-batch/ledger.db").is_file());
    let mut nothing = binary(stage.path());
    nothing.args(["send", "people.csv", "--message", "message.json"]).env("SINCH_BATCH_BASE_URL", "");
    assert!(run(&mut nothing).ends(2).stderr.contains("no region is given"));
}

#[test]
fn environment_file_fills_in_what_is_not_set() {
    let stage = Stage::new();
    let api = stage.simulator.url("api");
    let auth = stage.simulator.url("auth");
    stage.write(
        "ours.env",
        &format!(
            "# ours\nexport SINCH_BATCH_BASE_URL='{api}'\nSINCH_AUTH_URL={auth}\nSINCH_PROJECT_ID=p\nSINCH_KEY_ID=k\nSINCH_KEY_SECRET=\"s\"\n"
        ),
    );
    let mut doctor = binary(stage.path());
    doctor.args(["doctor", "--env-file", "ours.env"]).env("SINCH_KEY_ID", "\"k\"");
    let said = run(&mut doctor).ends(0);
    assert!(said.stdout.contains("SINCH_KEY_ID from the environment"), "{said:?}");
    assert!(said.stdout.contains("from ours.env, line 6"), "{said:?}");
    assert!(said.stdout.contains("the value of SINCH_KEY_ID has quotes around it"), "{said:?}");
}

#[test]
fn reader_that_goes_away_ends_a_command_quietly() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["man"][..], &["completions", "bash"], &["--help"], &["trigger", "--all", "--print"]] {
        let mut child = binary(folder.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn one_message_goes_to_one_number_outside_of_any_campaign() {
    let stage = Stage::new();
    write_recipients(stage.path(), 3);
    let to = ["send", "people.csv", "--message", "message.json", "--to", "+15550109999"];
    run(stage.command(&to).args(["--row", "2"])).ends(0);
    let messages = stage.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!((&messages[0]["identity"], &messages[0]["text"]), (&json!("+15550109999"), &json!("Hello Person 2")));
    assert_eq!(run(&mut stage.command_without_service(&["status", "--json"])).ends(0).json()["campaigns"], json!([]));
    run(stage.command(&to).args(["--row", "9"])).ends(3);
    run(&mut stage.command(&["send", "people.csv", "--message", "message.json", "--to", "12 34"])).ends(2);
    assert_eq!(stage.messages().len(), 1);
}

#[test]
fn triggers_are_printed_listed_and_changed() {
    let folder = tempfile::tempdir().unwrap();
    let trigger = |args: &[&str]| run(binary(folder.path()).arg("trigger").args(args));
    let listed = trigger(&["--list"]).ends(0).stdout;
    assert!(listed.lines().any(|line| line == "MESSAGE_DELIVERY"), "{listed}");
    let set = "message_delivery_report.reason.code=BAD_REQUEST";
    let body = trigger(&["MESSAGE_DELIVERY", "--print", "--set", set, "--set", "x.y=3"]).ends(0).json();
    assert_eq!(body["message_delivery_report"]["reason"]["code"], "BAD_REQUEST");
    assert_eq!(body["x"]["y"], 3);
    std::fs::write(folder.path().join("body.json"), "{\"a\": 1}").unwrap();
    assert_eq!(trigger(&["--body", "body.json", "--print"]).ends(0).stdout, "{\"a\": 1}\n");
    assert_eq!(trigger(&["OPT_OUT", "--body", "body.json", "--print"]).ends(0).stdout, "{\"a\": 1}\n");
    trigger(&["MESSAGE_DELIVERY"]).ends(2);
}
