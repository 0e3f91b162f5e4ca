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
    let batches = stage.status("autumn")["batches"].as_array().unwrap().clone();
    let sizes: Vec<u64> = batches.iter().map(|batch| batch["rows"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [100, 1000, 1000, 900]);
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
