//! Campaigns that go slowly, or look before they go on: spreads, canaries, halts.

use std::collections::BTreeSet;

use serde_json::json;
use sinch_batch::models::Timestamp;

use crate::support::{Running, Stage, adds_up, run};

fn number(row: usize) -> String {
    format!("+1555900{row:04}")
}

/// A stage with so many recipients.
fn stage(rows: usize, simulate: &[&str]) -> Stage {
    let stage = Stage::with(&[&["--fail-percent", "0"], simulate].concat());
    let csv: String = (1..=rows).map(|row| format!("{},Person {row}\n", number(row))).collect();
    stage.write("people.csv", &format!("SMS,name\n{csv}"));
    stage
}

const SEND: [&str; 6] = ["send", "people.csv", "--text", "Hi ${name}", "--campaign", "autumn"];

fn send<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SEND[..], more].concat()
}

#[test]
fn spread_sends_each_batch_at_its_time() {
    let stage = stage(40, &[]);
    let before = Timestamp::now();
    let said = run(&mut stage.command(&send(&["--batch-size", "5", "--spread", "4h", "--no-wait"]))).ends(0);
    assert!(said.stderr.contains("leave evenly from"), "{said:?}");
    let status = stage.status("autumn");
    assert_eq!(status["spread_seconds"], 4 * 3600);
    let batches = status["batches"].as_array().unwrap();
    assert_eq!(batches.len(), 8);
    let times: Vec<Option<Timestamp>> =
        batches.iter().map(|batch| batch["send_after"].as_str().map(|time| time.parse().unwrap())).collect();
    for (index, time) in times.iter().enumerate().skip(1) {
        let late = time.unwrap().as_second() - before.as_second() - 1800 * index as i64;
        assert!((-300..=330).contains(&late), "batch {} is late by {late} s", index + 1);
        assert_eq!(time.unwrap().as_second() % 300, 0, "on the grid");
    }
    assert_eq!(times.iter().flatten().collect::<BTreeSet<_>>().len(), times.iter().flatten().count());
    let said = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    assert!(said.stdout.contains("leaves from ") && said.stdout.contains("as the service says"), "{said:?}");
    stage.advance(5 * 3600);
    stage.has_each_once(40);

    let said = run(&mut stage.command(&send(&["--allow-duplicate", "--spread", "8d"]))).ends(2);
    assert!(said.stderr.contains("more than 7 days ahead") && said.stderr.contains("nothing was sent"), "{said:?}");
}

#[test]
fn recalled_rows_are_sent_by_a_retry_of_the_cancelled_campaign() {
    let stage = stage(20, &[]);
    let at = (Timestamp::now() + std::time::Duration::from_secs(3600)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    run(&mut stage.command(&send(&["--batch-size", "7", "--no-wait", "--at", &at]))).ends(0);
    let said = run(&mut stage.command(&["retry", "autumn", "--cancelled"])).ends(5);
    assert!(said.stderr.contains("is not cancelled"), "{said:?}");
    run(&mut stage.command(&["cancel", "autumn"])).ends(0);
    let dry =
        run(&mut stage.command_without_service(&["retry", "autumn", "--cancelled", "--dry-run", "--json"])).ends(0);
    let dry = dry.json();
    assert_eq!((&dry["rows"], &dry["reasons"][0]["code"]), (&json!(20), &json!("CANCELLED")), "{dry}");
    let args = ["retry", "autumn", "--cancelled", "--campaign", "again", "--receipt-timeout", "2s", "--json"];
    let report = run(&mut stage.command(&args)).ends(0).json();
    adds_up(&report);
    assert_eq!((&report["accepted"], &report["parent"]), (&json!(20), &json!("autumn")));
    let arrived = stage
        .messages()
        .iter()
        .filter(|message| message["status"] == "delivered" || message["status"] == "read")
        .count();
    assert_eq!(arrived, 20);
    // Nobody a second time.
    let dry =
        run(&mut stage.command_without_service(&["retry", "autumn", "--cancelled", "--dry-run", "--json"])).ends(0);
    assert_eq!((&dry.json()["rows"], &dry.json()["reached"]), (&json!(0), &json!(20)));
}

#[test]
fn canary_that_fails_halts_the_campaign_until_somebody_has_looked() {
    let outcomes: Vec<String> = (1..=100).map(|row| format!("{}=failed:TEMPLATE_NOT_FOUND", number(row))).collect();
    let flags: Vec<&str> = outcomes.iter().flat_map(|outcome| ["--outcome", outcome.as_str()]).collect();
    let stage = stage(6000, &flags);
    let said = run(&mut stage.command(&send(&["--canary", "100", "--no-wait"]))).ends(5);
    for words in ["campaign autumn halted", "of them TEMPLATE_NOT_FOUND", "resume autumn", "--past-halt"] {
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    }
    assert_eq!(stage.messages().len(), 100);
    let status = stage.status("autumn");
    adds_up(&status);
    assert_eq!((&status["phase"], &status["planned"]), (&json!("halted"), &json!(5900)));
    let said = run(&mut stage.command(&["resume", "autumn"])).ends(5);
    assert!(said.stderr.contains("halted") && said.stderr.contains("--past-halt"), "{said:?}");
    let said = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    assert!(said.stdout.contains("autumn, halted") && said.stdout.contains("--past-halt"), "{said:?}");
    assert_eq!(stage.messages().len(), 100);
    run(&mut stage.command(&["resume", "autumn", "--past-halt", "--no-wait"])).ends(0);
    stage.has_each_once(6000);
}

#[test]
fn canary_that_does_well_lets_the_others_leave() {
    let stage = stage(3000, &[]);
    run(&mut stage.command(&send(&["--canary", "100", "--halt", "20%", "--no-wait"]))).ends(0);
    stage.has_each_once(3000);
    assert_eq!(sizes(&stage.status("autumn")), [100, 1000, 1000, 900]);
}

/// How many rows each batch has that was tried.
fn sizes(report: &serde_json::Value) -> Vec<u64> {
    report["batches"].as_array().unwrap().iter().map(|batch| batch["rows"].as_u64().unwrap()).collect()
}

/// A campaign whose messages fail for this reason; what comes of the second attempt is the same for all.
fn failed(rows: usize, code: &str, second: &str) -> Stage {
    let stage = stage(rows, &[]);
    for row in 1..=rows {
        let outcome = |outcome: &str| match outcome.split_once(':') {
            Some((outcome, code)) => json!({"outcome": outcome, "code": code}),
            None => json!({"outcome": outcome}),
        };
        let outcomes = [&format!("failed:{code}"), second, "delivered"].map(outcome);
        stage.outcome(json!({"identity": number(row), "outcomes": outcomes}));
    }
    run(&mut stage.command(&send(&["--batch-size", "70"]))).ends(0);
    stage
}

#[test]
fn canary_of_a_retry_that_fails_halts_it_until_somebody_has_looked() {
    let stage = failed(1000, "TEMPLATE_NOT_FOUND", "failed:TEMPLATE_NOT_FOUND");
    let retry = ["retry", "autumn", "--reason", "TEMPLATE_NOT_FOUND", "--canary", "100"];
    let dry = run(&mut stage.command_without_service(&[&retry[..], &["--dry-run"]].concat())).ends(0);
    assert!(dry.stdout.contains("canary: 100 rows first; the others wait for their receipts"), "{dry:?}");
    let dry = run(&mut stage.command_without_service(&[&retry[..], &["--dry-run", "--json"]].concat())).ends(0);
    assert_eq!((&dry.json()["canary"], &dry.json()["rows"]), (&json!(100), &json!(1000)));

    let said = run(&mut stage.command(&[&retry[..], &["--campaign", "second"]].concat())).ends(5);
    for words in ["campaign second halted", "of them TEMPLATE_NOT_FOUND", "sinch-batch resume second", "--past-halt"] {
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    }
    assert_eq!(stage.messages().len(), 1000 + 100);
    let status = stage.status("second");
    adds_up(&status);
    assert_eq!((&status["phase"], &status["planned"]), (&json!("halted"), &json!(900)));
    let said = run(&mut stage.command(&["resume", "second"])).ends(5);
    assert!(said.stderr.contains("--past-halt"), "{said:?}");
    assert_eq!(stage.messages().len(), 1000 + 100);
    run(&mut stage.command(&["resume", "second", "--past-halt", "--no-wait"])).ends(0);
    assert_eq!(stage.messages().len(), 2000);
    assert_eq!(sizes(&stage.status("second"))[..3], [100, 40, 70]);
    let twice: BTreeSet<String> =
        stage.messages().iter().map(|message| format!("{} {}", message["identity"], message["batch_key"])).collect();
    assert_eq!(twice.len(), 2000, "nobody twice in one campaign");
}

#[test]
fn gate_of_a_retry_is_shut_again_after_a_kill() {
    let stage = failed(30, "RATE_LIMITED", "queued");
    let mut first = Running::start(&mut stage.command(&["retry", "autumn", "--campaign", "second", "--canary", "10"]));
    first.until_said("the canary is sent");
    first.kill();
    let mut second = Running::start(&mut stage.command(&["resume", "second"]));
    second.until_said("the canary is sent");
    second.still_runs();
    assert_eq!(stage.messages().len(), 30 + 10);
    second.kill();
    // Without more to wait for the others leave.
    run(&mut stage.command(&["resume", "second", "--past-halt", "--no-wait"])).ends(0);
    assert_eq!(stage.messages().len(), 30 + 30);
}

#[test]
fn retry_of_a_cancelled_campaign_may_begin_with_a_canary() {
    let stage = stage(20, &[]);
    let at = (Timestamp::now() + std::time::Duration::from_secs(3600)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    run(&mut stage.command(&send(&["--batch-size", "7", "--no-wait", "--at", &at]))).ends(0);
    run(&mut stage.command(&["cancel", "autumn"])).ends(0);
    let args = ["retry", "autumn", "--cancelled", "--campaign", "again", "--canary", "9", "--json"];
    let report = run(&mut stage.command(&args)).ends(0).json();
    adds_up(&report);
    assert_eq!((sizes(&report), &report["accepted"]), (vec![9, 5, 6], &json!(20)));
    let got_it = |message: &&serde_json::Value| message["status"] == "delivered" || message["status"] == "read";
    assert_eq!(stage.messages().iter().filter(got_it).count(), 20);
}

#[test]
fn gate_is_shut_again_after_a_kill() {
    let stage = stage(3000, &["--hold-callbacks"]);
    let mut first = Running::start(&mut stage.command(&send(&["--canary", "100"])));
    first.until_said("the canary is sent");
    first.kill();
    let mut second = Running::start(&mut stage.command(&["resume", "autumn"]));
    second.until_said("the canary is sent");
    second.still_runs();
    assert_eq!(stage.messages().len(), 100);
    second.kill();
}

#[test]
fn status_says_what_bounds_the_pace_and_whether_anybody_is_at_it() {
    let stage = stage(100, &["--hold-callbacks"]);
    stage.fault(json!({"operation": "send_batch", "fault": "delay", "seconds": 0.3, "times": 1000}));
    let flags = ["--batch-size", "5", "--in-flight", "1", "--max-rate", "50", "--window", "5000"];
    let mut sending = Running::start(&mut stage.command(&send(&flags)));
    sending.until("a third batch", || stage.calls("send_batch") >= 3);
    let said = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    assert!(said.stdout.contains("worker ") && !said.stdout.contains("stopped"), "{said:?}");
    sending.signal("INT");
    sending.end();
    let said = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    let status = stage.status("autumn");
    let outstanding = status["messages"]["pending"].as_u64().unwrap();
    assert!(outstanding >= 10, "{status}");
    assert_eq!(
        status["pace"],
        json!({"max_rate": 50, "window": 5000, "outstanding": outstanding, "window_full": false})
    );
    for words in [
        "pace: begun with 50 requests/s at most, window 5,000 messages".to_owned(),
        format!("{outstanding} outstanding"),
        "stopped: no worker holds a batch".to_owned(),
    ] {
        assert!(said.stdout.contains(&words), "{words}: {said:?}");
    }
    stage.no_faults();
    run(&mut stage.command(&["resume", "autumn", "--no-wait"])).ends(0);
    let said = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    assert!(!said.stdout.contains("pace:") && !said.stdout.contains("stopped"), "{said:?}");
}

#[test]
fn full_window_holds_the_rest_back_until_receipts_come_and_says_so() {
    let stage = stage(30, &["--hold-callbacks"]);
    let mut sending = Running::start(&mut stage.command(&send(&["--batch-size", "5", "--window", "10"])));
    sending.until_said("as many messages are outstanding as may be; the other rows wait for receipts (--window)");
    // The callbacks are held: nothing has left the queue of the app.
    assert_eq!(stage.calls("send_batch"), 2);
    stage.order("/callbacks", json!({"release": true}));
    let said = sending.end();
    assert_eq!(said.code(), 0, "{said:?}");
    stage.has_each_once(30);
}
