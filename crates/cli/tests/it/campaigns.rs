//! `status`, `cancel`, signals, several workers, pipes: a campaign as an operator handles it.

use std::io::Write;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Running, Said, Stage, adds_up, binary, run, write_recipients};

const SEND: &[&str] = &[
    "send",
    "people.csv",
    "--message",
    "message.json",
    "--campaign",
    "c1",
    "--batch-size",
    "20",
    "--no-wait",
    "--json",
];
const RESUME: &[&str] = &["resume", "c1", "--no-wait", "--resend-after", "1", "--json"];

/// A stage, and a campaign of `rows` rows whose send waits before its batch `accepted + 1`.
fn held(rows: usize, accepted: u64) -> (Stage, Running) {
    let stage = Stage::silent();
    write_recipients(stage.path(), rows);
    let send = hold(&stage, accepted, SEND);
    (stage, send)
}

fn hold(stage: &Stage, accepted: u64, command: &[&str]) -> Running {
    stage.fault(json!({
        "operation": "send_batch", "fault": "rate_limit", "after": accepted, "times": 1000, "retry_after": 600,
    }));
    let mut send = Running::start(warn(&mut stage.command(command)).args(["--in-flight", "1"]));
    send.until("the wait", || stage.stats()["requests"]["send_batch"]["429"].as_u64() >= Some(1));
    send.until("that it is recorded", || stage.status("c1")["unknown"] == 0);
    send
}

fn warn(command: &mut Command) -> &mut Command {
    command.env("SINCH_BATCH_LOG", "warn")
}

#[test]
fn status_lists_campaigns_and_says_the_next_command() {
    let (stage, send) = held(100, 2);
    let status = |more: &[&str]| run(stage.command_without_service(&["status"]).args(more)).ends(0);
    let list = status(&["--json"]).json();
    let campaign = &list["campaigns"][0];
    let created: jiff::Timestamp = campaign["created"].as_str().unwrap().parse().unwrap();
    assert!(created <= jiff::Timestamp::now());
    let input = stage.path().join("people.csv").canonicalize().unwrap();
    assert_eq!(
        list,
        json!({"campaigns": [{
            "campaign": "c1", "created": campaign["created"], "input": input.to_str().unwrap(),
            "rows": 100, "accepted": 40, "planned": 60, "unknown": 0, "phase": "running",
        }]})
    );
    let ledger = stage.path().join("ledger.db");
    let resume = format!("sinch-batch resume c1 --ledger {}", ledger.display());
    let shown = status(&["c1"]).stdout;
    assert!(shown.starts_with("campaign c1\n") && shown.contains(&format!("next: {resume}\n")), "{shown}");
    let json = status(&["c1", "--json"]).json();
    adds_up(&json);
    assert_eq!((&json["next"], &json["phase"]), (&json!(resume), &json!("running")));
    assert_eq!((&json["awaiting"], &json["doubled"]), (&json!(40), &json!(0)));
    let shown = status(&[]).stdout;
    assert!(shown.contains("c1") && shown.contains("running") && shown.contains("people.csv"), "{shown}");

    send.kill();
    stage.no_faults();
    // What is shown is what works.
    let words: Vec<&str> = resume.split(' ').skip(1).collect();
    run(stage.api(&words).args(["--no-wait", "--resend-after", "1"])).ends(0);
    stage.has_each_once(100);
    let shown = status(&["c1"]).stdout;
    assert!(shown.starts_with("campaign c1, done\n"), "{shown}");
    let report = format!("next: sinch-batch report c1 --ledger {}\n", ledger.display());
    assert!(shown.ends_with(&report), "{shown}");
}

#[test]
fn cancelled_campaign_cannot_be_resumed_and_guards_what_was_accepted() {
    let (stage, send) = held(100, 2);
    send.kill();
    stage.no_faults();
    let cancel = |more: &[&str]| run(stage.command_without_service(&["cancel"]).args(more));
    cancel(&["other"]).ends(6);
    let said = cancel(&["c1", "--json", "--yes"]).ends(0).json();
    assert_eq!(
        said,
        json!({"campaign": "c1", "phase": "cancelled", "rows": 100, "skipped": 0, "planned": 60, "accepted": 40,
            "unknown": 0, "cancelled": 0})
    );
    let said = cancel(&["c1"]).ends(0);
    assert!(said.stdout.contains("c1 is cancelled: 60 rows were never sent, 40 were accepted"), "{said:?}");
    let said = run(&mut stage.command(RESUME)).ends(5);
    assert!(said.stderr.contains("cancelled") && said.stderr.contains("nothing was sent"), "{said:?}");
    assert_eq!(stage.status("c1")["phase"], "cancelled");
    // Those who have it do not get it again; the others may, in a file of their own.
    run(&mut stage.command(&["send", "people.csv", "--message", "message.json", "--no-wait"])).ends(5);
    stage.has_each_once(40);
    let people = std::fs::read_to_string(stage.path().join("people.csv")).unwrap();
    let rest: Vec<&str> = people.lines().take(1).chain(people.lines().skip(41)).collect();
    stage.write("rest.csv", &rest.join("\n"));
    run(&mut stage.command(&["send", "rest.csv", "--message", "message.json", "--batch-size", "20", "--no-wait"]))
        .ends(0);
    stage.has_each_once(100);
}

#[test]
fn same_send_is_allowed_after_a_cancel_of_which_nothing_was_accepted() {
    let (stage, send) = held(40, 0);
    send.kill();
    stage.no_faults();
    run(&mut stage.command(&["send", "people.csv", "--message", "message.json", "--no-wait"])).ends(5);
    run(&mut stage.command_without_service(&["cancel", "c1"])).ends(0);
    run(&mut stage.command(&["send", "people.csv", "--message", "message.json", "--no-wait"])).ends(0);
    stage.has_each_once(40);
}

#[test]
fn cancel_ends_a_sender_that_is_at_it() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 200);
    // Each call takes a while; the third is on the wire when the campaign is cancelled.
    stage.fault(json!({"operation": "send_batch", "fault": "delay", "seconds": 1, "times": 1000, "after": 2}));
    let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--in-flight", "1"]));
    send.until("the third call", || stage.calls("send_batch") == 3);
    let said = run(&mut stage.command_without_service(&["cancel", "c1"]));
    // What is on the wire is not known yet, and is said to be so.
    assert!([0, 5].contains(&said.code()), "{said:?}");
    send.still_runs();
    let said = send.end().ends(5);
    assert!(said.stderr.contains("the campaign was ended meanwhile"), "{said:?}");
    assert!(said.stderr.contains("sinch-batch status c1"), "{said:?}");
    assert_eq!(stage.calls("send_batch"), 3, "nothing more leaves: {said:?}");
    stage.has_each_once(60);
    let status = stage.status("c1");
    adds_up(&status);
    assert_eq!((&status["accepted"], &status["phase"]), (&json!(60), &json!("cancelled")), "{status}");
}

#[test]
fn campaign_that_is_done_cannot_be_cancelled() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 5);
    run(&mut stage.command(SEND)).ends(0);
    let said = run(&mut stage.command_without_service(&["cancel", "c1"])).ends(5);
    assert!(said.stderr.contains("everything was sent") && said.stderr.contains("report c1"), "{said:?}");
    assert_eq!(stage.status("c1")["phase"], "done");
}

#[test]
fn cancel_says_what_stays_unknown() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "accept_then_hang", "after": 1}));
    let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--in-flight", "1"]));
    send.until("the call", || stage.calls("send_batch") == 2);
    send.kill();
    let said = run(&mut stage.command_without_service(&["cancel", "c1"])).ends(5);
    assert!(said.stdout.contains("20 rows were never sent, 20 were accepted"), "{said:?}");
    assert!(said.stderr.contains("whether 20 rows more got the message is not known"), "{said:?}");
    // It cannot be resumed, so that is not advised.
    let said = run(&mut stage.command(&["retry", "c1", "--cancelled"])).ends(5);
    assert!(said.stderr.contains("cancelled, and whether 20 rows got") && !said.stderr.contains("resume"), "{said:?}");
    let said = run(&mut stage.command(&["retry", "c1", "--cancelled", "--only-settled", "--dry-run"])).ends(0);
    assert!(said.stdout.contains("20 rows would be sent again"), "{said:?}");
    // It may have arrived: it is guarded.
    run(&mut stage.command(&["send", "people.csv", "--message", "message.json", "--no-wait"])).ends(5);
    stage.has_each_once(40);
}

#[test]
fn two_resumes_at_once_share_a_campaign() {
    let (stage, send) = held(400, 2);
    send.kill();
    stage.no_faults();
    stage.fault(json!({"operation": "send_batch", "fault": "delay", "seconds": 0.2, "times": 1000}));
    let resume = || Running::start(warn(&mut stage.command(RESUME)));
    let both = [resume(), resume()].map(Running::end);
    for said in &both {
        assert_eq!((said.code(), &said.json()["accepted"]), (0, &json!(400)), "{both:?}");
    }
    stage.has_each_once(400);
    let ledger = Connection::open(stage.path().join("ledger.db")).unwrap();
    let workers = "SELECT count(DISTINCT worker) FROM batch WHERE number > 2";
    let workers: i64 = ledger.query_row(workers, [], |row| row.get(0)).unwrap();
    assert_eq!(workers, 2, "both have sent");
}

#[test]
fn resume_beside_a_sender_that_lives_waits_for_it_and_says_for_whom() {
    let (stage, mut send) = held(60, 2);
    let mut resume = Running::start(warn(&mut stage.command(RESUME)));
    resume.until_said("--dead");
    resume.signal("TERM");
    let said = resume.end().ends(5);
    assert!(said.stderr.contains("waiting for worker") && said.stderr.contains("holds 1 batch"), "{said:?}");
    send.still_runs();
    assert_eq!(stage.stats()["batches"], 2, "what another holds does not leave");
}

#[test]
fn signals_have_their_codes() {
    for (signal, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        // Before anything was created: the token does not come.
        let stage = Stage::silent();
        write_recipients(stage.path(), 20);
        stage.fault(json!({"operation": "token", "fault": "hang"}));
        let mut send = Running::start(warn(&mut stage.command(SEND)));
        send.until("the token call", || stage.calls("token") == 1);
        send.signal(signal);
        let said = send.end().ends(code);
        assert!(said.stderr.contains("nothing was sent"), "{said:?}");
        let list = run(&mut stage.command_without_service(&["status", "--json"])).ends(0).json();
        assert_eq!(list, json!({"campaigns": []}));

        // While something is planned.
        let mut send = hold(&stage, 0, SEND);
        send.signal(signal);
        let said = send.end().ends(5);
        assert!(said.stderr.contains("stopped (20 rows planned, 0 unknown)"), "{said:?}");
        assert!(said.stderr.contains("sinch-batch resume c1"), "{said:?}");

        // When everything was sent.
        stage.no_faults();
        let mut resume = Running::start(warn(&mut stage.command(&["resume", "c1", "--json"])));
        resume.until("the wait for receipts", || stage.status("c1")["phase"] == "done");
        resume.signal(signal);
        let said = resume.end().ends(code);
        assert!(said.stderr.contains("everything was sent, and 20 receipts are still awaited"), "{said:?}");
        assert_eq!(said.json()["awaiting"], 20);
        stage.has_each_once(20);
    }
}

#[test]
fn second_signal_ends_at_once_and_the_ledger_knows_what_was_under_way() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "accept_then_hang", "after": 1}));
    let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--in-flight", "1"]));
    send.until("the call", || stage.calls("send_batch") == 2);
    send.signal("INT");
    send.until_said("once more ends at once");
    send.signal("TERM");
    assert_eq!(send.end().code(), 5);
    let status = stage.status("c1");
    assert_eq!((&status["accepted"], &status["unknown"], &status["planned"]), (&json!(20), &json!(20), &json!(20)));
    run(&mut stage.command(RESUME)).ends(0);
    stage.has_each_once(60);
}

#[test]
fn resume_finds_a_file_that_has_moved() {
    let (stage, send) = held(60, 1);
    send.kill();
    stage.no_faults();
    std::fs::rename(stage.path().join("people.csv"), stage.path().join("moved.csv")).unwrap();
    let said = run(&mut stage.command(RESUME)).ends(3);
    assert!(said.stderr.contains("resume c1 --input FILE") && said.stderr.contains("nothing was sent"), "{said:?}");
    run(stage.command(RESUME).args(["--input", "moved.csv", "--yes"])).ends(0);
    stage.has_each_once(60);
}

#[test]
fn batches_of_a_worker_declared_dead_are_free_at_once() {
    let (stage, mut send) = held(60, 1);
    stage.no_faults();
    send.signal("STOP");
    let ledger = Connection::open(stage.path().join("ledger.db")).unwrap();
    // A worker of another machine, of which nothing can be known here.
    ledger.execute("UPDATE worker SET boot = 'elsewhere'", []).unwrap();
    let worker: String = ledger.query_row("SELECT name FROM worker", [], |row| row.get(0)).unwrap();
    let said = run(stage.command(RESUME).args(["--dead", &worker])).ends(0);
    assert_eq!(said.json()["accepted"], 60, "{said:?}");
    stage.has_each_once(60);
    // It was not dead: it wakes up, and nothing is left to it.
    let calls = stage.calls("send_batch");
    send.signal("CONT");
    send.signal("TERM");
    let said = send.end().ends(143);
    assert!(said.stderr.contains("everything was sent"), "{said:?}");
    assert_eq!(stage.calls("send_batch"), calls);
    stage.has_each_once(60);
}

fn with_input(command: &mut Command, input: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[cfg(unix)]
#[test]
fn recipients_may_come_from_a_pipe() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    let people = std::fs::read_to_string(stage.path().join("people.csv")).unwrap();
    stage.fault(json!({"operation": "send_batch", "fault": "refuse_400", "after": 1}));
    let send =
        ["send", "/dev/stdin", "--message", "message.json", "--campaign", "c1", "--batch-size", "20", "--no-wait"];
    let said = with_input(&mut stage.command(&send), &people).ends(5);
    assert!(said.stderr.contains("20 rows planned"), "{said:?}");
    let said = run(&mut stage.command(RESUME)).ends(2);
    assert!(said.stderr.contains("--input FILE"), "{said:?}");
    // The same again is the same, from wherever it comes.
    for file in ["/dev/stdin", "people.csv"] {
        let again = ["send", file, "--message", "message.json", "--batch-size", "20", "--no-wait"];
        with_input(&mut stage.command(&again), &people).ends(5);
    }
    run(stage.command(RESUME).args(["--input", "people.csv"])).ends(0);
    stage.has_each_once(60);
    let said = with_input(&mut stage.command(&["send", "/dev/stdin", "--text", "Hello ${name}"]), "SMS,name\n12,\n");
    assert!(said.ends(3).stderr.contains("nothing was sent"));
}

#[test]
fn practice_is_marked_and_cannot_be_resumed() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 40);
    let practice = ["send", "people.csv", "--message", "message.json", "--campaign", "p1", "--simulate"];
    run(&mut stage.command_without_service(&practice)).ends(0);
    let shown = run(&mut stage.command_without_service(&["status"])).ends(0).stdout;
    assert!(shown.contains("done, tried locally"), "{shown}");
    let said = run(&mut stage.command(&["resume", "p1"]));
    assert!(said.ends(2).stderr.contains("it cannot be resumed"));
    // It is compared with nothing, and nothing with it.
    run(stage.command_without_service(&practice[..4]).arg("--simulate")).ends(0);
    run(&mut stage.command(SEND)).ends(0);
    stage.has_each_once(40);
    run(stage.command_without_service(&practice[..4]).arg("--simulate")).ends(0);
    stage.has_each_once(40);
}

#[test]
fn one_id_for_two_batches_leaves_the_second_unknown() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    stage.fault(json!({"operation": "send_batch", "fault": "accept_then_same_id", "after": 1}));
    let said = run(warn(&mut stage.command(SEND)).args(["--in-flight", "1"])).ends(5);
    let report = said.json();
    adds_up(&report);
    assert_eq!((&report["accepted"], &report["unknown"]), (&json!(40), &json!(20)), "{said:?}");
    assert!(said.stderr.contains("20 unknown"), "{said:?}");
    assert_eq!(stage.calls("send_batch"), 3, "the rest goes on");
    stage.has_each_once(60);
    // The next run finds its real id.
    run(&mut stage.command(RESUME)).ends(0);
    assert_eq!(stage.calls("send_batch"), 3);
    stage.has_each_once(60);
}

#[test]
fn quiet_says_errors_and_what_was_asked_for() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 5);
    let send = |more: &[&str]| {
        let mut command = stage.command(&["send", "people.csv", "--text", "Hello ${name}", "--json"]);
        run(command.args(["--no-wait"]).args(more).env("SINCH_BATCH_LOG", "off"))
    };
    let said = send(&["-q", "--campaign", "c1"]).ends(0);
    assert_eq!((said.stderr.as_str(), &said.json()["accepted"]), ("", &json!(5)));
    let said = send(&["--quiet", "--campaign", "c2"]).ends(5);
    assert!(said.stderr.starts_with("error: "), "{said:?}");
    let said = send(&["--campaign", "c3", "--allow-duplicate"]).ends(0);
    assert!(said.stderr.contains("campaign c3"), "{said:?}");
}

#[test]
fn yes_is_understood_by_what_sends_and_cancels() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 5);
    run(stage.command(SEND).arg("--yes")).ends(0);
    run(stage.command(RESUME).arg("-y")).ends(0);
    run(&mut stage.command_without_service(&["cancel", "c1", "--yes"])).ends(5);
    stage.write(
        "body.json",
        r#"{"message": {"text_message": {"text": "Hello"}}, "recipient_and_params": [
            {"recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "+15559000001"}]}}}]}"#,
    );
    let sent: Value = run(&mut stage.api(&["batch", "send", "body.json", "--yes", "--json"])).ends(0).json();
    run(&mut stage.api(&["batch", "cancel", sent["batch_id"].as_str().unwrap(), "-y"])).ends(7);
}

#[test]
fn another_message_over_an_unfinished_file_is_warned_of() {
    let (stage, _send) = held(60, 1);
    stage.no_faults();
    let said = run(&mut stage.command(&["send", "people.csv", "--text", "Bye ${name}", "--no-wait"])).ends(0);
    assert!(said.stderr.contains("warning: campaign c1 is unfinished"), "{said:?}");
}

#[test]
fn default_ledger_and_its_folder_are_the_users_alone() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 5);
    run(&mut stage.api(&["send", "people.csv", "--text", "Hello ${name}", "--no-wait"])).ends(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| std::fs::metadata(stage.path().join(name)).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode("state/sinch-batch"), 0, "nobody else looks into it");
    }
    let list = run(binary(stage.path()).args(["status", "--json"])).ends(0).json();
    assert_eq!(list["campaigns"][0]["accepted"], 5);
}
