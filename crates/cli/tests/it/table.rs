//! What people do and what services do, line by line of the table in the design *never twice*: each of
//! these sent something twice once, or not at all. The simulator's own list is the judge.
//!
//! Line 14 (another client, app or message for a known campaign) is a test of the library.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Running, Stage, adds_up, binary, run, write_recipients};

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

fn warn(command: &mut Command) -> &mut Command {
    command.env("SINCH_BATCH_LOG", "warn")
}

/// A send that waits before its batch `accepted + 1`, for as long as the test likes.
fn held_after(stage: &Stage, accepted: u64, more: &[&str]) -> Running {
    stage.fault(json!({
        "operation": "send_batch", "fault": "rate_limit", "after": accepted, "times": 1000, "retry_after": 600,
    }));
    let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--in-flight", "1"]).args(more));
    send.until("the wait", || stage.stats()["requests"]["send_batch"]["429"].as_u64() >= Some(1));
    send.until("that it is recorded", || stage.status("c1")["unknown"] == 0);
    assert_eq!(stage.stats()["batches"], json!(accepted));
    send
}

/// The same for several stages at once: they wait most of the time.
fn all_at_once<T: Sync>(cases: &[T], test: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        let test = &test;
        let threads: Vec<_> = cases.iter().map(|case| scope.spawn(move || test(case))).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn table_1_the_same_send_typed_again_is_refused() {
    // It ended with 0, although receipts are awaited; or by Ctrl-C while it waited for them.
    all_at_once(&[false, true], |interrupted| {
        let stage = Stage::with(&["--hold-callbacks"]);
        write_recipients(stage.path(), 60);
        let send = ["send", "people.csv", "--message", "message.json", "--campaign", "c1", "--json"];
        if *interrupted {
            let mut first = Running::start(warn(&mut stage.command(&send)));
            first.until("the batch", || stage.stats()["batches"] == 1);
            first.until("the wait for receipts", || stage.status("c1")["phase"] == "done");
            first.signal("INT");
            let said = first.end().ends(130);
            assert!(said.stderr.contains("everything was sent"), "{said:?}");
        } else {
            let said = run(stage.command(&send).args(["--receipt-timeout", "1s"])).ends(0);
            assert_eq!((&said.json()["accepted"], &said.json()["awaiting"]), (&json!(60), &json!(60)));
            assert!(said.stderr.contains("sinch-batch status c1"), "{said:?}");
        }
        stage.has_each_once(60);

        fs::copy(stage.path().join("people.csv"), stage.path().join("copy.csv")).unwrap();
        for again in [
            &send[..],
            &["send", "people.csv", "--message", "message.json", "--campaign", "c2"],
            &["send", "people.csv", "--text", "Hello ${name}"],
            &["send", "people.csv", "--text", "Hello ${name}", "--batch-size", "7"],
            &["send", "copy.csv", "--message", "message.json"],
        ] {
            let said = run(stage.command(again).args(["--receipt-timeout", "1s"])).ends(5);
            assert!(said.stderr.contains("campaign c1 sent this message to these recipients"), "{said:?}");
            assert!(said.stderr.contains("(60 accepted); nothing was sent"), "{said:?}");
            assert!(said.stderr.contains("sinch-batch status c1"), "{said:?}");
            assert!(said.stderr.contains("--allow-duplicate"), "{said:?}");
        }
        stage.has_each_once(60);
        // Who means it can; and so this test could see it.
        run(stage.command(&["send", "people.csv", "--message", "message.json", "--no-wait"]).arg("--allow-duplicate"))
            .ends(0);
        assert_eq!(stage.messages().len(), 120);
    });
}

#[test]
fn table_2_two_sends_of_one_file_started_together_send_once() {
    for _ in 0..3 {
        let stage = Stage::silent();
        write_recipients(stage.path(), 2000);
        let send = ["send", "people.csv", "--message", "message.json", "--batch-size", "100", "--no-wait"];
        let start = || Running::start(warn(&mut stage.command(&send)));
        let both = [start(), start()].map(Running::end);
        let mut codes = both.each_ref().map(|said| said.code());
        codes.sort_unstable();
        assert_eq!(codes, [0, 5], "{both:?}");
        let loser = both.iter().find(|said| said.code() == 5).unwrap();
        assert!(loser.stderr.contains("sent this message to these recipients"), "{loser:?}");
        assert!(loser.stderr.contains("nothing was sent"), "{loser:?}");
        stage.has_each_once(2000);
    }
}

#[cfg(unix)]
#[test]
fn table_3_two_resumes_by_two_names_of_one_ledger_send_once() {
    all_at_once(&["symlink", "hard link"], |kind| {
        let stage = Stage::silent();
        write_recipients(stage.path(), 400);
        held_after(&stage, 2, &[]).kill();
        stage.no_faults();
        let (ledger, other) = (stage.path().join("ledger.db"), stage.path().join("other.db"));
        match *kind {
            "symlink" => std::os::unix::fs::symlink(&ledger, &other).unwrap(),
            _ => fs::hard_link(&ledger, &other).unwrap(),
        }
        // Slow enough that both are at work.
        stage.fault(json!({"operation": "send_batch", "fault": "delay", "seconds": 0.3, "times": 1000}));
        let resume = |ledger: &str| {
            let mut command = stage.api(&["resume", "c1", "--no-wait", "--resend-after", "1", "--ledger", ledger]);
            Running::start(warn(&mut command))
        };
        let both = [resume("ledger.db"), resume("other.db")].map(Running::end);
        let codes = both.each_ref().map(|said| said.code());
        match *kind {
            "symlink" => assert_eq!(codes, [0, 0], "{both:?}"),
            _ => {
                // With another name SQLite would not see what the other one has locked.
                for said in &both {
                    assert_eq!(said.code(), 6, "{both:?}");
                    assert!(said.stderr.contains("hard link"), "{both:?}");
                }
                assert_eq!(stage.stats()["batches"], 2, "nothing was sent");
                fs::remove_file(&other).unwrap();
                assert_eq!(resume("ledger.db").end().code(), 0);
            }
        }
        stage.has_each_once(400);
    });
}

#[test]
fn table_4_a_row_appended_after_an_interruption_is_not_a_new_campaign() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 120);
    let people = fs::read_to_string(stage.path().join("people.csv")).unwrap();
    held_after(&stage, 3, &[]).kill();
    stage.no_faults();
    stage.write("people.csv", &format!("{people}+15558000001,Another\n"));
    stage.write("other.csv", &format!("{people}+15558000001,Another\n"));
    for file in ["people.csv", "other.csv"] {
        let said =
            run(&mut stage.command(&["send", file, "--message", "message.json", "--batch-size", "20", "--no-wait"]))
                .ends(5);
        assert!(said.stderr.contains("campaign c1 sent this message"), "{said:?}");
        assert!(said.stderr.contains("sinch-batch resume c1") && said.stderr.contains("cancel c1"), "{said:?}");
    }
    assert_eq!(stage.stats()["batches"], 3, "nothing was sent");

    stage.write("people.csv", &people);
    run(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "1"])).ends(0);
    stage.has_each_once(120);
    // All of it is accepted now; it is still no new campaign, in whatever batches.
    for batches in [&["--batch-size", "20"][..], &["--batch-size", "7"], &[], &["--canary", "30"]] {
        let send = ["send", "other.csv", "--message", "message.json", "--no-wait"];
        let said = run(&mut stage.command(&[&send[..], batches].concat())).ends(5);
        assert!(said.stderr.contains("campaign c1 sent this message"), "{batches:?}: {said:?}");
    }
    stage.has_each_once(120);
}

#[test]
fn table_5_an_older_copy_of_the_ledger_is_noticed() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 400);
    held_after(&stage, 3, &[]).kill();
    let ledger = stage.path().join("ledger.db");
    let connection = Connection::open(&ledger).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    connection.execute("VACUUM INTO ?1", [stage.path().join("backup.db").to_str().unwrap()]).unwrap();
    stage.no_faults();
    stage.fault(json!({"operation": "send_batch", "fault": "rate_limit", "after": 9, "times": 9, "retry_after": 600}));
    let resume = ["resume", "c1", "--no-wait", "--resend-after", "1", "--json"];
    let mut second = Running::start(warn(&mut stage.command(&resume)));
    second.until("the wait", || stage.stats()["requests"]["send_batch"]["429"].as_u64() >= Some(2));
    second.kill();
    stage.no_faults();
    // What a careless copy has: the file without what lies beside it.
    fs::copy(&ledger, stage.path().join("copy.db")).unwrap();
    drop(connection);
    let (sent, calls) = (stage.stats()["batches"].clone(), stage.calls("send_batch"));
    assert!(sent.as_u64() >= Some(12), "{sent}");

    for older in ["copy.db", "backup.db"] {
        let status = run(binary(stage.path()).args(["status", "c1", "--json", "--ledger", older])).ends(0).json();
        assert!(status["accepted"].as_u64() < Some(sent.as_u64().unwrap() * 20), "{older} is older: {status}");
        for _ in 0..2 {
            let said = run(stage.api(&resume).args(["--ledger", older])).ends(6);
            assert!(said.stderr.contains("older than the truth"), "{older}: {said:?}");
            assert!(said.stderr.contains("nothing was sent"), "{older}: {said:?}");
            assert_eq!((&stage.stats()["batches"], stage.calls("send_batch")), (&sent, calls), "{older}");
        }
    }
    run(&mut stage.command(&resume)).ends(0);
    stage.has_each_once(400);
    // A copy of a ledger whose campaign is all sent.
    let said = run(stage.api(&resume).args(["--ledger", "backup.db"])).ends(6);
    assert!(said.stderr.contains("older than the truth"), "{said:?}");
    stage.has_each_once(400);
}

#[test]
fn table_5_nothing_is_sent_while_the_age_of_the_ledger_is_unknown() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 100);
    held_after(&stage, 2, &[]).kill();
    stage.no_faults();
    let calls = stage.calls("send_batch");
    stage.fault(json!({"operation": "find_batches", "fault": "shape_error", "times": 1000}));
    let resume = ["resume", "c1", "--no-wait", "--resend-after", "1"];
    let said = run(warn(&mut stage.command(&resume))).ends(7);
    assert!(said.stderr.contains("nothing was sent") && said.stderr.contains("look-ups"), "{said:?}");
    assert_eq!(stage.calls("send_batch"), calls);
    stage.no_faults();
    run(&mut stage.command(&resume)).ends(0);
    stage.has_each_once(100);
}

#[test]
fn table_6_a_late_look_up_response_proves_no_absence() {
    all_at_once(&["late", "early", "stopped"], |how| {
        let stage = Stage::silent();
        write_recipients(stage.path(), 20);
        // The service has it, shows it after 2 s, and says nothing.
        stage.fault(json!({"operation": "send_batch", "fault": "accept_then_drop", "hidden_seconds": 2}));
        // It answers later than the time to send again, with what was true when it was asked.
        let seconds = if *how == "early" { 0.1 } else { 5.0 };
        stage.fault(json!({"operation": "find_batches", "fault": "delay", "seconds": seconds, "times": 1}));
        let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--resend-after", "4"]));
        if *how == "stopped" {
            send.until("the question", || stage.calls("find_batches") == 1);
            // Ctrl-Z, or a paused machine: its answer lies there when it goes on.
            send.signal("STOP");
            let stopped = Instant::now();
            while stopped.elapsed() < Duration::from_secs(6) {
                assert_eq!(stage.calls("send_batch"), 1);
                std::thread::park_timeout(Duration::from_millis(50));
            }
            send.signal("CONT");
        }
        let said = send.end().ends(0);
        assert_eq!(said.json()["accepted"], 20, "{how}: {said:?}");
        assert_eq!(stage.calls("send_batch"), 1, "{how}: {said:?}");
        assert!(stage.calls("find_batches") >= 2, "{how}: the first answer said that it is absent");
        stage.has_each_once(20);
    });
}

/// Odd answers of a look-up: whether the batch is there or not, nothing is sent because of them.
#[test]
fn table_7_an_odd_look_up_response_proves_nothing() {
    let shapes = [
        "shape_empty_object",
        "shape_null",
        "shape_error",
        "shape_text",
        "shape_empty",
        "shape_no_id",
        "shape_no_metadata",
        "shape_empty_metadata",
        "shape_other_metadata",
    ];
    let cases: Vec<_> = shapes.iter().flat_map(|shape| [(*shape, true), (*shape, false)]).collect();
    all_at_once(&cases, |(shape, is_there)| {
        let stage = Stage::silent();
        write_recipients(stage.path(), 40);
        let fault = if *is_there { "accept_then_500" } else { "refuse_500" };
        stage.fault(json!({"operation": "send_batch", "fault": fault, "after": 1}));
        stage.fault(json!({"operation": "find_batches", "fault": shape, "times": 1000}));
        let case = format!("{shape}, {fault}");
        let said = run(warn(&mut stage.command(SEND)).args(["--resend-after", "0", "--in-flight", "1"]));
        let met = stage.there("/requests").iter().any(|request| request["fault"] == *shape);
        assert!(met, "{case}: it was never looked up in this shape: {said:?}");
        assert_eq!(stage.calls("send_batch"), 2, "{case}: {said:?}");
        if *is_there && ["shape_no_metadata", "shape_empty_metadata"].contains(shape) {
            // It has an id, and the batch of that id shows our key.
            assert!(stage.calls("batch_status") > 0, "{case}: {said:?}");
            assert_eq!(said.ends(0).json()["accepted"], 40, "{case}");
        } else {
            let said = said.ends(5);
            assert_eq!(
                (&said.json()["accepted"], &said.json()["unknown"]),
                (&json!(20), &json!(20)),
                "{case}: {said:?}"
            );
            assert!(said.stderr.contains("sinch-batch resume c1"), "{case}: {said:?}");
        }
        stage.no_faults();
        let said = run(warn(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "0", "--json"])));
        assert_eq!((said.code(), &said.json()["accepted"]), (0, &json!(40)), "{case}: {said:?}");
        stage.has_each_once(40);
    });
}

#[test]
fn table_7_equivalent_shapes_are_understood_and_two_ids_are_reported() {
    all_at_once(&["shape_wrapped", "shape_one", "shape_twice"], |shape| {
        let stage = Stage::silent();
        write_recipients(stage.path(), 40);
        stage.fault(json!({"operation": "send_batch", "fault": "accept_then_500", "after": 1}));
        stage.fault(json!({"operation": "find_batches", "fault": shape, "times": 1000}));
        let said = run(warn(&mut stage.command(SEND)).args(["--resend-after", "0", "--in-flight", "1"]));
        let report = said.json();
        adds_up(&report);
        assert_eq!(stage.calls("send_batch"), 2, "{shape}: {said:?}");
        if *shape == "shape_twice" {
            let said = said.ends(5);
            assert_eq!((&report["accepted"], &report["doubled"]), (&json!(40), &json!(20)), "{said:?}");
            assert!(said.stderr.contains("20 rows were sent more than once"), "{said:?}");
            assert_eq!(stage.status("c1")["doubled"], 20);
            let shown = run(&mut stage.command_without_service(&["report", "c1"])).ends(0);
            assert!(shown.stdout.contains("doubled"), "{shown:?}");
        } else if said.code() != 0 {
            // Not understood is fine too, if it is said.
            let said = said.ends(5);
            assert_eq!(report["unknown"], 20, "{shape}: {said:?}");
            stage.no_faults();
            run(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "0"])).ends(0);
        }
        stage.has_each_once(40);
    });
}

#[test]
fn table_8_a_batch_that_shows_up_after_it_was_absent_is_adopted_by_the_next_run() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 20);
    // Of three attempts the last is accepted; look-ups do not show it for a long time.
    stage.fault(json!({"operation": "send_batch", "fault": "refuse_500", "times": 2}));
    stage.fault(json!({"operation": "send_batch", "fault": "accept_then_500", "hidden_seconds": 600}));
    let said = run(warn(&mut stage.command(SEND)).args(["--resend-after", "1"])).ends(5);
    assert_eq!((&said.json()["unknown"], &said.json()["planned"]), (&json!(20), &json!(0)), "{said:?}");
    assert_eq!(stage.calls("send_batch"), 3);
    stage.has_each_once(20);

    stage.advance(600);
    let said = run(warn(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "0", "--json"]))).ends(0);
    assert_eq!((&said.json()["accepted"], stage.calls("send_batch")), (&json!(20), 3), "{said:?}");
    stage.has_each_once(20);
}

#[test]
fn table_9_a_resume_waits_as_long_as_the_run_before_it() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 20);
    stage.fault(json!({"operation": "send_batch", "fault": "accept_then_hang", "hidden_seconds": 4}));
    let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--resend-after", "8s"]));
    send.until("the call", || stage.calls("send_batch") == 1);
    send.kill();
    let said = run(warn(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "0", "--json"]))).ends(0);
    assert_eq!((&said.json()["accepted"], stage.calls("send_batch")), (&json!(20), 1), "{said:?}");
    assert!(stage.calls("find_batches") > 1, "it was absent at first");
    stage.has_each_once(20);
}

#[test]
fn table_10_a_file_that_changes_while_it_is_sent_reaches_nobody_who_was_not_checked() {
    type Edit = fn(&Path, &str);
    // With whether what was checked can still be read.
    let cases: &[(&str, Edit, bool)] = &[
        ("edited in place", |path, people| fs::write(path, people.replace("+15559", "+15558")).unwrap(), false),
        ("truncated", |path, people| fs::write(path, &people[..people.find("+15559000081").unwrap()]).unwrap(), false),
        (
            "cut in a row",
            |path, people| fs::write(path, &people[..people.find("+15559000091").unwrap() + 4]).unwrap(),
            false,
        ),
        (
            "a row inserted",
            |path, people| fs::write(path, people.replacen('\n', "\n+15558000001,New\n", 1)).unwrap(),
            false,
        ),
        ("appended", |path, people| fs::write(path, format!("{people}+15558000001,New\n")).unwrap(), true),
        (
            "replaced",
            |path, people| {
                let other = path.with_extension("new");
                fs::write(&other, people.replace("+15559", "+15558")).unwrap();
                fs::rename(other, path).unwrap();
            },
            true,
        ),
        ("deleted", |path, _| fs::remove_file(path).unwrap(), true),
    ];
    all_at_once(cases, |(what, edit, still_there)| {
        let stage = Stage::silent();
        write_recipients(stage.path(), 100);
        let file = stage.path().join("people.csv");
        let people = fs::read_to_string(&file).unwrap();
        // The third batch waits, the fourth may have been read ahead; the fifth is not read yet.
        stage.fault(json!({"operation": "send_batch", "fault": "rate_limit", "after": 2, "retry_after": 3}));
        let mut send = Running::start(warn(&mut stage.command(SEND)).args(["--in-flight", "1"]));
        send.until("the wait", || stage.stats()["requests"]["send_batch"]["429"].as_u64() == Some(1));
        edit(&file, &people);
        send.still_runs();
        assert_eq!(stage.stats()["batches"], 2, "{what}: it still waits");
        let said = send.end();
        let sent = stage.stats()["batches"].as_u64().unwrap();
        for message in stage.messages() {
            assert!(message["identity"].as_str().unwrap().starts_with("+15559"), "{what}: {message}");
        }
        if *still_there {
            assert_eq!((said.code(), sent), (0, 5), "{what}: {said:?}");
        } else {
            let said = said.ends(5);
            assert!(said.stderr.contains("changed"), "{what}: {said:?}");
            assert!(said.stderr.contains(&format!("{sent} of 5 batches were sent")), "{what}: {said:?}");
            assert!(matches!(sent, 3 | 4), "{what}: {said:?}");
            let rows = 100 - 20 * sent;
            assert_eq!(
                (&said.json()["planned"], &said.json()["unknown"]),
                (&json!(rows), &json!(0)),
                "{what}: {said:?}"
            );
            stage.has_each_once(20 * usize::try_from(sent).unwrap());
            // Put back as it was, it goes on.
            fs::write(&file, &people).unwrap();
            run(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "1"])).ends(0);
        }
        stage.has_each_once(100);
    });
}

#[test]
fn table_11_an_unrelated_batch_is_not_adopted() {
    all_at_once(&["shape_no_metadata", "shape_empty_metadata", "shape_other_metadata"], |shape| {
        let stage = Stage::silent();
        write_recipients(stage.path(), 40);
        // The second batch is not done; the look-up shows the first, without our key.
        stage.fault(json!({"operation": "send_batch", "fault": "refuse_500", "after": 1}));
        stage.fault(json!({"operation": "find_batches", "fault": shape, "times": 1000}));
        let said = run(warn(&mut stage.command(SEND)).args(["--resend-after", "0", "--in-flight", "1"])).ends(5);
        assert_eq!((&said.json()["accepted"], &said.json()["unknown"]), (&json!(20), &json!(20)), "{shape}: {said:?}");
        stage.no_faults();
        run(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "0"])).ends(0);
        // Nobody is lost.
        stage.has_each_once(40);
    });
}

#[test]
fn table_12_a_ledger_whose_sums_were_altered_is_refused() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 120);
    held_after(&stage, 3, &[]).kill();
    stage.no_faults();
    let calls = stage.calls("send_batch");
    let whole = stage.path().join("whole.db");
    let ledger = Connection::open(stage.path().join("ledger.db")).unwrap();
    ledger.execute("VACUUM INTO ?1", [whole.to_str().unwrap()]).unwrap();
    for alter in [
        "UPDATE standing SET n_accepted = n_accepted + 20",
        "UPDATE standing SET n_accepted = 120, batches_accepted = 6, batches_planned = 0, pending = 120",
        "UPDATE standing SET n_unknown = n_unknown + 20",
        "UPDATE standing SET batches_planned = batches_planned + 1",
        "UPDATE standing SET n_rows = n_rows + 1",
        "UPDATE standing SET n_doubled = n_doubled + 1",
        "UPDATE batch SET stage = 'planned', batch_id = NULL WHERE number = 1",
        "UPDATE batch SET stage = 'accepted', batch_id = 'x' WHERE number = 5",
        "UPDATE batch SET n_rows = n_rows + 1 WHERE number = 5",
        "DELETE FROM batch WHERE number = 6",
    ] {
        let altered = stage.path().join("altered.db");
        fs::copy(&whole, &altered).unwrap();
        let changed = Connection::open(&altered).unwrap().execute(alter, []).unwrap();
        assert_eq!(changed, 1, "{alter}");
        let said = run(&mut stage.api(&["resume", "c1", "--no-wait", "--ledger", "altered.db"]));
        assert_eq!(said.code(), 6, "{alter}: {said:?}");
        let said = said.ends(6);
        assert!(said.stderr.contains("nothing more was sent"), "{alter}: {said:?}");
        assert_eq!(stage.calls("send_batch"), calls, "{alter}: nothing was sent");
        for name in ["altered.db", "altered.db-wal", "altered.db-shm"] {
            let _ = fs::remove_file(stage.path().join(name));
        }
    }
    // As it was, it goes on.
    run(&mut stage.command(&["resume", "c1", "--no-wait", "--resend-after", "1"])).ends(0);
    stage.has_each_once(120);
}

#[test]
fn table_13_the_default_ledger_is_the_same_from_every_folder() {
    let stage = Stage::silent();
    write_recipients(stage.path(), 40);
    let (one, two) = (stage.path().join("one"), stage.path().join("two"));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&two).unwrap();
    let send = |folder: &Path| {
        let mut command = stage.api(&["send", "../people.csv", "--text", "Hello ${name}", "--no-wait"]);
        command.current_dir(folder).env("SINCH_BATCH_LOG", "off");
        run(&mut command)
    };
    let ledger = stage.path().join("state/sinch-batch/ledger.db");
    let said = send(&one).ends(0);
    assert_eq!(said.stderr.lines().next(), Some(format!("ledger {}", ledger.display()).as_str()), "{said:?}");
    assert!(ledger.exists());
    for folder in [&one, &two] {
        let said = send(folder).ends(5);
        assert!(said.stderr.contains("sent this message to these recipients"), "{said:?}");
        // What is typed next needs no name of the default one.
        assert!(said.stderr.contains("sinch-batch status") && !said.stderr.contains("--ledger"), "{said:?}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "nothing is left in the folder");
    }
    stage.has_each_once(40);
    let list: Value = run(binary(stage.path()).current_dir(&two).args(["status", "--json"])).ends(0).json();
    assert_eq!(list["campaigns"].as_array().unwrap().len(), 1, "{list}");
}
