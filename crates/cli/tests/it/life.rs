//! A campaign after its evening: rows with what became of them, retries, pauses.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sinch_batch::models::Timestamp;

use crate::support::{Running, Stage, adds_up, run};

/// Recipients whose messages fail for these reasons or arrive, in turn.
const OUTCOMES: [&str; 6] = [
    "delivered",
    "failed:RECIPIENT_NOT_REACHABLE",
    "failed:CHANNEL_REJECT",
    "failed:RECIPIENT_NOT_OPTED_IN",
    "failed:RATE_LIMITED",
    "queued",
];

fn number(row: u64) -> String {
    format!("+1555900{row:04}")
}

fn outcome(text: &str) -> Value {
    match text.split_once(':') {
        Some((outcome, code)) => json!({"outcome": outcome, "code": code}),
        None => json!({"outcome": text}),
    }
}

/// A stage with so many recipients, of whom each has the outcomes of its attempts.
fn stage_with(rows: u64, outcomes: impl Fn(u64) -> Vec<&'static str>) -> (Stage, String) {
    let stage = Stage::new();
    let mut csv = String::from("SMS,name,#note\r\n");
    for row in 1..=rows {
        csv.push_str(&format!("{},\"Person, {row}\",\"says \"\"hi\"\"\"\r\n", number(row)));
        let outcomes: Vec<Value> = outcomes(row).into_iter().map(outcome).collect();
        stage.outcome(json!({"identity": number(row), "outcomes": outcomes}));
    }
    stage.write("people.csv", &csv);
    (stage, csv)
}

fn send(stage: &Stage, name: &str) -> Value {
    let args = ["send", "people.csv", "--text", "Hello ${name}", "--campaign", name, "--batch-size", "7", "--json"];
    run(&mut stage.command(&[&args[..], &["--receipt-timeout", "2s"]].concat())).ends(0).json()
}

fn retry(stage: &Stage, parent: &str, name: &str, more: &[&str]) -> Value {
    let args = ["retry", parent, "--campaign", name, "--receipt-timeout", "2s", "--json"];
    run(&mut stage.command(&[&args[..], more].concat())).ends(0).json()
}

/// How many messages each recipient has got on the phone, by the simulator's own list.
fn arrived(stage: &Stage) -> BTreeMap<String, u64> {
    let mut arrived = BTreeMap::new();
    for message in stage.messages() {
        let status = message["status"].as_str().unwrap();
        let count = arrived.entry(message["identity"].as_str().unwrap().to_owned()).or_default();
        *count += u64::from(status == "delivered" || status == "read");
    }
    arrived
}

#[test]
fn report_copies_failed_rows_byte_for_byte_and_send_accepts_them() {
    let (stage, csv) = stage_with(30, |row| vec![OUTCOMES[row as usize % 6], "delivered"]);
    send(&stage, "autumn");
    let said = run(&mut stage.command_without_service(&[
        "report",
        "autumn",
        "--rows",
        "failed",
        "--with-file",
        "-o",
        "failed.csv",
    ]))
    .ends(0);
    assert!(said.stderr.contains("20 rows written to failed.csv"), "{said:?}");
    let failed = std::fs::read_to_string(stage.path().join("failed.csv")).unwrap();
    let mut lines = failed.split_terminator("\r\n");
    assert_eq!(lines.next(), Some("SMS,name,#note,#status,#code,#may_retry,#at"));
    let originals: Vec<&str> = csv.split_terminator("\r\n").skip(1).collect();
    let expected: Vec<(usize, &str)> =
        (1..=30_usize).filter_map(|row| Some((row, OUTCOMES[row % 6].strip_prefix("failed:")?))).collect();
    let found: Vec<&str> = lines.collect();
    assert_eq!(found.len(), expected.len());
    for (line, (row, code)) in found.iter().zip(expected) {
        let may_retry = if matches!(code, "RECIPIENT_NOT_REACHABLE" | "RATE_LIMITED") { "yes" } else { "no" };
        let start = format!("{},failed,{code},{may_retry},", originals[row - 1]);
        assert!(line.starts_with(&start), "{line} does not begin with {start}");
        assert!(line[start.len()..].ends_with('Z'), "the time the service gave: {line}");
    }

    let awaiting =
        run(&mut stage.command_without_service(&["report", "autumn", "--rows", "awaiting", "--with-file"])).ends(0);
    assert_eq!(awaiting.stdout.lines().count(), 1 + 5, "{awaiting:?}");
    let all = run(&mut stage.command_without_service(&["report", "autumn", "--rows", "all", "--with-file"])).ends(0);
    assert_eq!(all.stdout.lines().count(), 31, "{all:?}");

    // Another file is refused, a moved one is named, and what was written goes out as it is.
    std::fs::rename(stage.path().join("people.csv"), stage.path().join("moved.csv")).unwrap();
    stage.write("people.csv", &csv.replace("Person, 7", "Person, 8"));
    let args = ["report", "autumn", "--rows", "failed", "--with-file"];
    let said = run(&mut stage.command_without_service(&args)).ends(3);
    assert!(said.stderr.contains("is not the file that campaign autumn was checked with"), "{said:?}");
    assert_eq!(said.stdout, "");
    let again = run(&mut stage.command_without_service(&[&args[..], &["--input", "moved.csv"]].concat())).ends(0);
    assert_eq!(again.stdout, failed);
    let report = run(&mut stage.command(&[
        "send",
        "failed.csv",
        "--text",
        "Hello ${name}",
        "--campaign",
        "fixed",
        "--receipt-timeout",
        "2s",
        "--json",
    ]))
    .ends(0)
    .json();
    assert_eq!(report["accepted"], 20);
}

#[test]
fn report_and_status_sum_failures_by_reason() {
    let (stage, _) = stage_with(12, |row| vec![OUTCOMES[row as usize % 6]]);
    let report = send(&stage, "autumn");
    let reasons = report["reasons"].as_array().unwrap();
    assert_eq!(reasons.iter().map(|reason| reason["messages"].as_u64().unwrap()).sum::<u64>(), 8);
    let of = |code: &str| reasons.iter().find(|reason| reason["code"] == code).unwrap();
    assert_eq!((&of("RATE_LIMITED")["class"], &of("RATE_LIMITED")["messages"]), (&json!("again"), &json!(2)));
    assert_eq!(of("RECIPIENT_NOT_OPTED_IN")["class"], "never");
    for command in ["status", "report"] {
        let said = run(&mut stage.command_without_service(&[command, "autumn"])).ends(0);
        for words in ["what to do", "CHANNEL_REJECT", "ask", "again", "never"] {
            assert!(said.stdout.contains(words), "{command} does not say {words}: {said:?}");
        }
    }
}

#[test]
fn retries_reach_nobody_twice_and_choose_by_the_newest_attempt() {
    // Attempts fail for one reason after the other, and some arrive at the second or third.
    let codes = |row: u64| match row % 8 {
        0 => vec!["failed:RATE_LIMITED", "delivered", "delivered"],
        1 => vec!["failed:RECIPIENT_NOT_REACHABLE", "failed:INTERNAL_ERROR", "read"],
        2 => vec!["failed:CHANNEL_FAILURE", "failed:CHANNEL_REJECT", "delivered"],
        3 => vec!["failed:RECIPIENT_NOT_OPTED_IN", "delivered"],
        4 => vec!["failed:BAD_REQUEST", "delivered"],
        5 => vec!["queued", "delivered"],
        6 => vec!["failed:RATE_LIMITED", "queued", "delivered"],
        _ => vec!["read", "delivered"],
    };
    let (stage, _) = stage_with(1000, codes);
    let first = send(&stage, "autumn");
    adds_up(&first);
    let of_class = |residues: &[u64]| (1..=1000_u64).filter(|row| residues.contains(&(row % 8))).count() as u64;

    let dry = run(&mut stage.command_without_service(&["retry", "autumn", "--dry-run", "--json"])).ends(0).json();
    assert_eq!(dry["rows"], of_class(&[0, 1, 2, 6]));
    let second = retry(&stage, "autumn", "second", &[]);
    adds_up(&second);
    assert_eq!(second["parent"], "autumn");
    assert_eq!(second["accepted"], of_class(&[0, 1, 2, 6]));
    assert_eq!(second["skipped"], 1000 - of_class(&[0, 1, 2, 6]));

    // The first campaign once more: what the second one reached, or may have, is not chosen.
    let dry = run(&mut stage.command_without_service(&["retry", "autumn", "--dry-run", "--json"])).ends(0).json();
    assert_eq!((&dry["rows"], &dry["reached"]), (&json!(of_class(&[1])), &json!(of_class(&[0, 6]))));
    let third = retry(&stage, "second", "third", &[]);
    assert_eq!(third["accepted"], of_class(&[1]));
    let fourth = retry(&stage, "second", "fourth", &["--reason", "CHANNEL_REJECT"]);
    assert_eq!(fourth["accepted"], of_class(&[2]));

    for (identity, times) in arrived(&stage) {
        assert!(times <= 1, "{identity} has it {times} times");
    }
    let said = run(&mut stage.command(&["retry", "autumn", "--reason", "RECIPIENT_NOT_OPTED_IN"])).ends(2);
    assert!(said.stderr.contains("never sent again"), "{said:?}");
    let nothing = run(&mut stage.command(&["retry", "third"])).ends(0);
    assert!(nothing.stdout.contains("nothing was sent"), "{nothing:?}");
}

#[test]
fn retry_leaves_at_a_time_of_its_own() {
    let (stage, _) = stage_with(6, |_| vec!["failed:RATE_LIMITED", "delivered"]);
    send(&stage, "autumn");
    let at = (Timestamp::now() + Duration::from_secs(3600)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let second = retry(&stage, "autumn", "second", &["--at", &at, "--halt", "20%", "--no-wait"]);
    adds_up(&second);
    assert_eq!((&second["send_after"], &second["accepted"]), (&json!(at), &json!(6)));
    assert_eq!(arrived(&stage).values().sum::<u64>(), 0);
    stage.advance(2 * 3600);
    // The last of them may be on its way to the phone.
    let began = std::time::Instant::now();
    while arrived(&stage).values().sum::<u64>() < 6 {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", stage.messages());
        std::thread::yield_now();
    }
}

#[test]
fn retry_of_a_file_that_has_changed_sends_nothing() {
    let (stage, csv) = stage_with(20, |_| vec!["failed:RATE_LIMITED", "delivered"]);
    send(&stage, "autumn");
    stage.write("people.csv", &csv.replace("Person, 17", "Person, 71"));
    let said = run(&mut stage.command(&["retry", "autumn"])).ends(3);
    assert!(said.stderr.contains("has changed"), "{said:?}");
    assert_eq!(stage.messages().len(), 20);
    stage.write("people.csv", &csv);
    let said = run(&mut stage.command(&["retry", "autumn", "--text", "Hi ${nick}"])).ends(3);
    assert!(said.stderr.contains("nothing was sent"), "{said:?}");
    let again = retry(&stage, "autumn", "again", &["--text", "Hi again ${name}"]);
    assert_eq!(again["accepted"], 20);
    assert!(stage.messages().iter().any(|message| message["text"] == "Hi again Person, 20"));
}

#[test]
fn paused_campaign_sends_nothing_until_it_is_resumed() {
    let (stage, _) = stage_with(20, |_| vec!["delivered"]);
    stage.fault(json!({"operation": "send_batch", "fault": "delay", "seconds": 0.3, "times": 1000}));
    let args =
        ["send", "people.csv", "--text", "Hi ${name}", "--campaign", "autumn", "--batch-size", "1", "--in-flight", "1"];
    let mut send = Running::start(&mut stage.command(&args));
    send.until("a third batch", || stage.calls("send_batch") >= 3);
    let said = run(&mut stage.command_without_service(&["pause", "autumn", "--json"])).ends(0).json();
    assert_eq!(said["phase"], "paused");
    // A supervisor that repeats on failure must not lift the pause.
    let said = send.end().ends(0);
    assert!(said.stderr.contains("the campaign was paused"), "{said:?}");
    let paused = stage.status("autumn");
    adds_up(&paused);
    assert!(paused["planned"].as_u64().unwrap() > 0, "{paused}");
    assert_eq!((&paused["unknown"], &paused["phase"]), (&json!(0), &json!("paused")));
    let said = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    assert!(said.stdout.contains("autumn, paused") && said.stdout.contains("next: sinch-batch resume"), "{said:?}");
    stage.no_faults();
    run(&mut stage.command(&["resume", "autumn"])).ends(0);
    stage.has_each_once(20);
    let said = run(&mut stage.command_without_service(&["pause", "autumn"])).ends(5);
    assert!(said.stderr.contains("nothing is left to pause"), "{said:?}");
}

#[test]
fn scheduled_campaign_is_recalled_before_it_goes() {
    let (stage, _) = stage_with(20, |_| vec!["delivered"]);
    let at = (Timestamp::now() + Duration::from_secs(3600)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let args = [
        "send",
        "people.csv",
        "--text",
        "Hi ${name}",
        "--campaign",
        "autumn",
        "--batch-size",
        "7",
        "--no-wait",
        "--at",
    ];
    let said = run(&mut stage.command(&[&args[..], &[&at]].concat())).ends(0);
    assert!(said.stderr.contains(&format!("the messages leave at {at}")) || said.stderr.contains("+00:00"), "{said:?}");

    let dry = run(&mut stage.command(&["cancel", "autumn", "--dry-run"])).ends(0);
    assert!(dry.stdout.contains("20 asked back") && dry.stdout.contains("nothing was changed"), "{dry:?}");
    assert_eq!(stage.status("autumn")["phase"], "done");
    // Nothing can be recalled without credentials, and then nothing else is done either.
    run(&mut stage.command_without_service(&["cancel", "autumn"])).ends(2);
    assert_eq!(stage.status("autumn")["phase"], "stopping");

    let said = run(&mut stage.command(&["cancel", "autumn"])).ends(0);
    assert!(said.stderr.contains("20 recalled, 0 had gone, 0 never sent, 0 not known"), "{said:?}");
    let status = stage.status("autumn");
    adds_up(&status);
    assert_eq!((&status["phase"], &status["messages"]["cancelled"]), (&json!("cancelled"), &json!(20)));
    stage.advance(2 * 3600);
    assert_eq!(arrived(&stage).values().sum::<u64>(), 0);
    run(&mut stage.command(&["resume", "autumn"])).ends(5);
}

#[test]
fn times_out_of_reach_are_refused() {
    let (stage, _) = stage_with(2, |_| vec!["delivered"]);
    for (at, why) in [("2001-09-14T10:00Z", "has passed"), ("2101-09-14T10:00+02:00", "more than 7 days ahead")] {
        let said = run(&mut stage.command(&["send", "people.csv", "--text", "Hi ${name}", "--at", at])).ends(2);
        assert!(said.stderr.contains(why) && said.stderr.contains("nothing was sent"), "{said:?}");
    }
    let said = run(&mut stage.command(&[
        "send",
        "people.csv",
        "--text",
        "Hi ${name}",
        "--at",
        "2031-03-30T02:30[Europe/Berlin]",
    ]));
    let said = said.ends(2);
    assert!(said.stderr.contains("2031-03-30T03:30:00+02:00"), "{said:?}");
    assert_eq!(stage.messages().len(), 0);
}

#[test]
fn cancel_killed_at_any_step_goes_on_and_its_sums_are_those_of_the_service() {
    let (stage, _) = stage_with(24, |_| vec!["delivered"]);
    stage.fault(json!({"operation": "send_batch", "fault": "delay", "seconds": 0.1, "times": 1000}));
    stage.fault(json!({"operation": "cancel_batch", "fault": "delay", "seconds": 0.1, "times": 1000}));
    // After each send, and before the first and the last of its recalls.
    for (step, (sent, recalled)) in (1..=6).flat_map(|sent| [(sent, 0), (sent, sent - 1)]).enumerate() {
        let (name, text) = (format!("autumn{step}"), format!("Step {step} ${{name}}"));
        let args =
            ["send", "people.csv", "--text", &text, "--campaign", &name, "--batch-size", "4", "--in-flight", "1"];
        let more = ["--recallable", "--lease", "1s", "--no-wait"];
        let (sends, cancels) = (stage.calls("send_batch"), stage.calls("cancel_batch"));
        let mut send = Running::start(&mut stage.command(&[&args[..], &more[..]].concat()));
        send.until("enough batches", || stage.calls("send_batch") >= sends + sent);
        let mut cancel = Running::start(&mut stage.command(&["cancel", &name]));
        cancel.until("enough recalls", || stage.calls("cancel_batch") >= cancels + recalled);
        cancel.kill();
        run(&mut stage.command(&["cancel", &name])).ends(0);
        // It sends no more, whether it was done or not.
        send.end();

        let status = stage.status(&name);
        adds_up(&status);
        let begins = format!("Step {step} ");
        let there = stage.messages();
        let there = there.iter().filter(|message| message["text"].as_str().unwrap().starts_with(&begins)).count();
        assert_eq!(status["accepted"], there, "{status}");
        assert_eq!(status["messages"]["cancelled"], there, "{status}");
        assert_eq!((&status["phase"], &status["unknown"]), (&json!("cancelled"), &json!(0)), "{status}");
    }
    stage.advance(3600);
    assert_eq!(arrived(&stage).values().sum::<u64>(), 0);
}
