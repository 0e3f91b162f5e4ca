//! What goes wrong on the way, and that nobody gets the message twice.

use std::process::Stdio;

use serde_json::json;

use crate::support::{Stage, adds_up, run, write_recipients};

const SEND: &[&str] =
    &["send", "people.csv", "--message", "message.json", "--campaign", "c1", "--batch-size", "20", "--json"];

#[test]
fn promise_1_nothing_is_sent_twice_because_of_us_when_answers_are_lost() {
    let stage = Stage::new();
    write_recipients(stage.path(), 300);
    for (n, fault) in
        ["accept_then_500", "accept_then_drop", "refuse_500", "drop", "rate_limit", "expire_token"].iter().enumerate()
    {
        stage.fault(json!({"operation": "send_batch", "fault": fault, "after": 2 * n, "times": 1}));
    }
    let said = run(stage.command(SEND).args(["--resend-after", "1"])).ends(0);
    let report = said.json();
    adds_up(&report);
    assert_eq!(report["accepted"], 300);
    stage.has_each_once(300);
}

#[test]
fn tokens_that_keep_expiring_slow_a_campaign_and_do_not_end_it() {
    let stage = Stage::new();
    write_recipients(stage.path(), 100);
    // Even the new token that a call takes after the first answer is said to have expired.
    stage.fault(json!({"operation": "send_batch", "fault": "expire_token", "after": 1, "times": 4}));
    let report = run(&mut stage.command(SEND)).ends(0).json();
    adds_up(&report);
    assert_eq!(report["accepted"], 100);
    stage.has_each_once(100);
}

#[test]
fn tokens_that_are_always_expired_are_reported_as_bad_credentials() {
    let stage = Stage::new();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "expire_token", "times": 1000}));
    let said = run(&mut stage.command(SEND)).ends(4);
    adds_up(&said.json());
    assert_eq!(said.json()["planned"], 60);
    assert!(said.stderr.contains("SINCH_KEY_ID") && said.stderr.contains("sinch-batch resume c1"), "{said:?}");
    assert!(stage.messages().is_empty());
}

#[test]
fn token_endpoint_that_hangs_is_given_up_in_the_time_that_was_given() {
    let stage = Stage::new();
    write_recipients(stage.path(), 5);
    stage.fault(json!({"operation": "token", "fault": "hang", "times": 1000}));
    let said = run(stage.command(SEND).args(["--timeout", "1"])).ends(7);
    assert!(said.stderr.contains("no response in time"), "{said:?}");
    let said = run(&mut stage.api(&["doctor", "--timeout", "1"])).ends(7);
    assert!(said.stdout.contains("did not answer in 1 s"), "{said:?}");
}

/// Kills a send at the n-th call and resumes it, until it is through.
#[test]
fn promise_1_nothing_is_sent_twice_because_of_us_when_we_are_killed() {
    for n in [0, 1, 4, 9] {
        let stage = Stage::new();
        write_recipients(stage.path(), 240);
        // The service has the batch, and nobody here will ever hear of it.
        stage.fault(json!({"operation": "send_batch", "fault": "accept_then_hang", "after": n, "times": 2}));
        let mut command = stage.command(SEND);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let calls = |stage: &Stage| -> u64 {
            let stats = stage.stats();
            let answers = stats["requests"]["send_batch"].as_object().cloned().unwrap_or_default();
            answers.values().filter_map(|count| count.as_u64()).sum()
        };
        while calls(&stage) <= n {
            assert!(child.try_wait().unwrap().is_none(), "it hangs in a call");
        }
        // SIGKILL: nothing of ours runs any more.
        child.kill().unwrap();
        child.wait().unwrap();
        stage.no_faults();

        let status = run(&mut stage.command_without_service(&["status", "c1", "--json"])).ends(0).json();
        adds_up(&status);
        let report = run(&mut stage.command(&["resume", "c1", "--resend-after", "1", "--json"])).ends(0).json();
        adds_up(&report);
        assert_eq!(report["accepted"], 240);
        stage.has_each_once(240);
        // Once more finds nothing to do.
        run(&mut stage.command(&["resume", "c1", "--json"])).ends(0);
        stage.has_each_once(240);
    }
}

#[test]
fn batch_whose_look_up_fails_stays_unknown_and_says_so() {
    let stage = Stage::new();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "refuse_500", "after": 1, "times": 1}));
    stage.fault(json!({"operation": "find_batches", "fault": "refuse_503", "after": 0, "times": 1000}));
    let said = run(stage.command(SEND).args(["--resend-after", "0"])).ends(5);
    let report = said.json();
    adds_up(&report);
    assert_eq!((&report["accepted"], &report["unknown"]), (&json!(40), &json!(20)), "{said:?}");
    assert!(said.stderr.contains("20 unknown") && said.stderr.contains("sinch-batch resume c1"), "{said:?}");
    let statuses: Vec<&str> =
        report["batches"].as_array().unwrap().iter().map(|batch| batch["status"].as_str().unwrap()).collect();
    assert!(statuses.contains(&"UNKNOWN"));

    stage.no_faults();
    let report = run(&mut stage.command(&["resume", "c1", "--resend-after", "0", "--json"])).ends(0).json();
    assert_eq!((&report["accepted"], &report["unknown"]), (&json!(60), &json!(0)));
    stage.has_each_once(60);
}

#[test]
fn stopped_send_ends_in_order_and_can_be_resumed() {
    let stage = Stage::new();
    write_recipients(stage.path(), 200);
    stage.fault(
        json!({"operation": "send_batch", "fault": "rate_limit", "after": 3, "times": 1000, "retry_after": 600}),
    );
    let mut command = stage.command(SEND);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while stage.stats()["requests"]["send_batch"]["429"].as_u64().unwrap_or(0) == 0 {}
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    adds_up(&report);
    assert_eq!(report["unknown"], 0, "what was refused is surely not sent");

    stage.no_faults();
    run(&mut stage.command(&["resume", "c1", "--json"])).ends(0);
    stage.has_each_once(200);
}

#[test]
fn changed_file_is_refused_on_resume() {
    let stage = Stage::new();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "refuse_503", "after": 1, "times": 1000}));
    stage.fault(json!({"operation": "find_batches", "fault": "refuse_503", "times": 1000}));
    run(stage.command(SEND).args(["--resend-after", "0"])).ends(5);
    stage.no_faults();
    let calls = stage.stats()["requests"]["send_batch"].clone();
    let people = std::fs::read_to_string(stage.path().join("people.csv")).unwrap();
    let resume = ["resume", "c1", "--resend-after", "0", "--json"];

    // Another length is seen at once.
    stage.write("people.csv", &people.replace("Person 50", "Person fifty"));
    let said = run(&mut stage.command(&resume)).ends(3);
    assert!(said.stderr.contains("changed") && said.stderr.contains("nothing was sent"), "{said:?}");
    assert_eq!(stage.stats()["requests"]["send_batch"], calls, "nothing was sent");

    // The same length is seen at the batch, before it leaves.
    let first_unsent = people.replace("Person", "Parson");
    stage.write("people.csv", &first_unsent);
    let said = run(&mut stage.command(&resume)).ends(5);
    assert!(said.stderr.contains("changed") && said.stderr.contains("1 of 3 batches"), "{said:?}");
    assert_eq!(stage.stats()["requests"]["send_batch"], calls, "nothing was sent");

    // The message is in the ledger: what becomes of its file is nothing to the campaign.
    stage.write("people.csv", &people);
    stage.write("message.json", r#"{"text_message":{"text":"Bye ${name}"}}"#);
    run(&mut stage.command(&resume)).ends(0);
    stage.has_each_once(60);
    assert!(stage.messages().iter().all(|message| message["text"].as_str().unwrap().starts_with("Hello ")));
}

#[test]
fn sending_an_unfinished_file_again_is_refused() {
    let stage = Stage::new();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "refuse_500", "after": 0, "times": 1000}));
    stage.fault(json!({"operation": "find_batches", "fault": "refuse_503", "after": 0, "times": 1000}));
    run(stage.command(SEND).args(["--resend-after", "0"])).ends(5);
    stage.no_faults();
    let said = run(&mut stage.command(&["send", "people.csv", "--message", "message.json"])).ends(5);
    assert!(said.stderr.contains("sinch-batch resume c1"), "{said:?}");
    let said = run(&mut stage.command(SEND)).ends(5);
    assert!(said.stderr.contains("sinch-batch resume c1"), "{said:?}");
    let said = run(stage.command(SEND).arg("--allow-duplicate")).ends(6);
    assert!(said.stderr.contains("c1"), "the name is taken: {said:?}");
}
