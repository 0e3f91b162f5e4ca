//! People who get nothing: `--suppress`, `listen --opt-outs`, `opt-outs`.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Running, Said, Stage, adds_up, binary, run, try_http};

const KEY: (&str, &str) =
    ("SINCH_BATCH_IDENTITY_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

fn number(row: usize) -> String {
    format!("+1555900{row:04}")
}

fn people(stage: &Stage, rows: usize) {
    let csv: String = (1..=rows).map(|row| format!("{},Person {row}\n", number(row))).collect();
    stage.write("people.csv", &format!("SMS,name\n{csv}"));
}

/// A stage whose receiver keeps a list of opt-outs.
fn keeping(rows: usize, simulate: &[&str]) -> Stage {
    let stage = Stage::listening(&["--opt-outs", "outs", "--stop-words"], &[KEY], simulate);
    people(&stage, rows);
    stage
}

const SEND: [&str; 7] = ["send", "people.csv", "--text", "Hi ${name}", "--campaign", "autumn", "--no-wait"];

fn command(stage: &Stage, args: &[&str]) -> Command {
    let mut command = stage.command(args);
    command.env(KEY.0, KEY.1);
    command
}

fn opt_outs(stage: &Stage, args: &[&str]) -> Command {
    let mut command = binary(stage.path());
    command.arg("opt-outs").args(args).args(["--opt-outs", "outs"]).env(KEY.0, KEY.1);
    command
}

fn n_events(stage: &Stage) -> u64 {
    run(&mut opt_outs(stage, &["list", "--json"])).ends(0).json()["events"].as_u64().unwrap()
}

/// The rows of the messages that the simulator has accepted.
fn sent(stage: &Stage) -> BTreeSet<usize> {
    let messages = stage.messages();
    let rows: BTreeSet<usize> = messages
        .iter()
        .map(|message| message["identity"].as_str().unwrap().strip_prefix("+1555900").unwrap().parse().unwrap())
        .collect();
    assert_eq!(rows.len(), messages.len(), "someone was sent to twice");
    rows
}

/// All files of a folder that begin with a name.
fn bytes(stage: &Stage, name: &str) -> String {
    let mut all = Vec::new();
    for file in std::fs::read_dir(stage.path()).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(name) {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    assert!(!all.is_empty(), "{name}");
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn opt_out_between_plan_and_claim_is_not_sent_to() {
    let queued = [1, 2].map(|row| format!("{}=queued", number(row)));
    let stage = keeping(30, &["--outcome", &queued[0], "--outcome", &queued[1]]);
    let canary = ["--batch-size", "10", "--canary", "2", "--canary-wait", "1h", "--suppress", "outs"];
    let mut sending = Running::start(&mut command(&stage, &[&SEND[..], &canary].concat()));
    sending.until_said("the canary is sent");

    // By the service's own keyword, by a reply, by a consent, and by mail for everybody of the last batch.
    stage.order("/inbox/opt-out", json!({"identity": number(7)}));
    stage.order("/inbox/message", json!({"identity": number(9), "text": " Stop "}));
    stage.order("/inbox/message", json!({"identity": number(10), "text": "stop it, I like it"}));
    stage.write("consents.csv", &format!("identification,consent_type\n{},OPT_OUT_ALL\n", number(12)));
    run(&mut stage.api(&["consents", "insert", "consents.csv"])).ends(0);
    let mail: String = (23..=30).map(|row| format!("{}\n", number(row))).collect();
    stage.write("mail.txt", &mail);
    let by_mail = File::open(stage.path().join("mail.txt")).unwrap();
    run(opt_outs(&stage, &["add", "-", "--channel", "sms"]).stdin(by_mail)).ends(0);
    sending.until("the opt-outs", || n_events(&stage) == 11);
    assert_eq!(sent(&stage), BTreeSet::from([1, 2]));

    for place in ["0.0", "0.1"] {
        let at = format!("at={place}&status=delivered");
        let url = format!("{}/inbox/receipt", stage.simulator.url("control").trim_end_matches('/'));
        let (status, page) = try_http("POST", &url, &[], &at).unwrap();
        assert_eq!(status, 303, "{page}");
    }
    let said = sending.end().ends(0);
    let expected: BTreeSet<usize> = (1..=22).filter(|row| ![7, 9, 12].contains(row)).collect();
    assert_eq!(sent(&stage), expected);
    assert!(said.stdout.contains("suppressed"), "{said:?}");

    let status = stage.status("autumn");
    adds_up(&status);
    assert_eq!((&status["suppressed"], &status["skipped"], &status["accepted"]), (&json!(11), &json!(11), &json!(19)));
    let rows: Vec<u64> =
        status["batches"].as_array().unwrap().iter().map(|batch| batch["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, [2, 7, 10, 0]);
    let shown = run(&mut stage.command_without_service(&["status", "autumn"])).ends(0);
    assert!(shown.stdout.contains("suppressed"), "{shown:?}");

    for kept in [bytes(&stage, "outs"), bytes(&stage, "ledger.db"), said.stdout, said.stderr] {
        for private in ["555900", "Person "] {
            assert!(!kept.contains(private), "{private} is in it");
        }
    }
}

#[test]
fn resume_and_retry_want_each_list_again_and_take_a_newer_one() {
    let failed = [3, 4].map(|row| format!("{}=failed:RECIPIENT_NOT_REACHABLE", number(row)));
    let queued = format!("{}=queued", number(2));
    let outcomes: Vec<&str> = [&failed[0], &failed[1], &queued].iter().flat_map(|one| ["--outcome", one]).collect();
    let stage = Stage::with(&[&["--fail-percent", "0"], &outcomes[..]].concat());
    people(&stage, 12);
    let list = |rows: &[usize]| rows.iter().map(|row| format!("{}\n", number(*row))).collect::<String>();
    stage.write("stop.txt", &list(&[1]));
    let canary = ["--batch-size", "4", "--canary", "2", "--canary-wait", "1h", "--suppress", "stop.txt"];
    let mut sending = Running::start(&mut stage.command(&[&SEND[..], &canary].concat()));
    sending.until_said("the canary is sent");
    sending.kill();

    let said = run(&mut stage.command(&["resume", "autumn", "--past-halt"])).ends(2);
    assert!(said.stderr.contains("was begun with suppression list stop.txt; nothing was sent"), "{said:?}");
    assert!(
        said.stderr.contains("sinch-batch resume autumn --ledger ")
            && said.stderr.contains("ledger.db --suppress stop.txt"),
        "{said:?}"
    );
    // Row 2 is in a batch that was tried, so it stays there.
    stage.write("stop.txt", &list(&[1, 2, 5]));
    let resume = ["resume", "autumn", "--past-halt", "--suppress", "stop.txt", "--receipt-timeout", "2s"];
    let said = run(&mut stage.command(&resume)).ends(0);
    assert!(said.stderr.contains("stop.txt has changed since the campaign began"), "{said:?}");
    assert_eq!(sent(&stage), (2..=12).filter(|row| *row != 5).collect());
    let status = stage.status("autumn");
    adds_up(&status);
    assert_eq!((&status["suppressed"], &status["skipped"]), (&json!(2), &json!(2)));

    let retry = ["retry", "autumn", "--campaign", "again", "--receipt-timeout", "2s", "--json"];
    let said = run(&mut stage.command(&retry)).ends(2);
    assert!(
        said.stderr.contains("sinch-batch retry autumn --ledger ")
            && said.stderr.contains("ledger.db --suppress stop.txt"),
        "{said:?}"
    );
    stage.write("stop.txt", &list(&[1, 2, 3, 5]));
    let report = run(&mut stage.command(&[&retry[..], &["--suppress", "stop.txt"]].concat())).ends(0).json();
    adds_up(&report);
    assert_eq!((&report["accepted"], &report["suppressed"], &report["skipped"]), (&json!(1), &json!(1), &json!(11)));
    let to_four = stage.messages().iter().filter(|message| message["identity"] == number(4).as_str()).count();
    assert_eq!(to_four, 2);
}

#[test]
fn check_counts_by_list_and_send_to_nobody_is_refused() {
    let stage = Stage::silent();
    people(&stage, 5);
    stage.write("stop.txt", &format!("# by mail\n{}\n+1 555 9999999\n", number(2)));
    stage.write("other.csv", &format!("channel,identity,why\nSMS,{},a\nRCS,{},b\n", number(2), number(3)));
    let check = ["check", "people.csv", "--text", "Hi ${name}", "--suppress", "stop.txt", "--suppress", "other.csv"];
    let said = run(binary(stage.path()).args(check)).ends(0);
    for line in [
        "suppressed: 1 row by stop.txt (2 entries)\n",
        "suppressed: 1 row by other.csv (2 entries)\n",
        "suppressed: 1 row in all\n",
    ] {
        assert!(said.stdout.contains(line), "{line}: {said:?}");
    }
    let report = run(binary(stage.path()).args(check).arg("--json")).ends(0).json();
    assert_eq!(report["suppressed_rows"], 1);
    assert_eq!(report["suppressed"][1], json!({"list": "other.csv", "entries": 2, "rows": 1}));

    let refused = |args: &[&str], code: i32, words: &str| {
        let said = run(&mut stage.command(&[&SEND[..], args].concat())).ends(code);
        assert!(said.stderr.contains(words) && said.stderr.contains("nothing was sent"), "{words}: {said:?}");
        assert!(!said.stderr.contains("1555900"), "{said:?}");
    };
    refused(&["--suppress", "people.csv"], 3, "nobody is left to send to: 5 valid rows are suppressed");
    stage.write("bad.txt", &format!("{}\n0770900123\n", number(2)));
    refused(&["--suppress", "bad.txt"], 3, "suppression list bad.txt: it has invalid lines (1): line 2: ");
    refused(&["--suppress", "none.txt"], 3, "suppression list none.txt: it cannot be read");
    refused(&["--suppress", "stop.txt", "--suppress", "./stop.txt"], 2, "two suppression lists are called stop.txt");
    assert_eq!(stage.messages(), Vec::<Value>::new());
}

#[test]
fn lists_of_opt_outs_need_their_key() {
    let stage = keeping(3, &[]);
    run(&mut opt_outs(&stage, &["add", &number(1)])).ends(0);
    let said = run(&mut stage.command(&[&SEND[..], &["--suppress", "outs"]].concat())).ends(4);
    assert!(said.stderr.contains("SINCH_BATCH_IDENTITY_KEY is not set"), "{said:?}");
    let mut other = stage.command(&[&SEND[..], &["--suppress", "outs"]].concat());
    let said = run(other.env(KEY.0, KEY.1.replace("00", "ff"))).ends(4);
    assert!(said.stderr.contains("written under another identity key"), "{said:?}");
    let said = run(stage.command(&[&SEND[..], &["--suppress", "outs"]].concat()).env(KEY.0, "secret")).ends(4);
    assert!(said.stderr.contains("32 bytes, as 64 hex digits or in base64"), "{said:?}");
    assert!(!said.stderr.contains("secret\n"), "{said:?}");
    assert_eq!(stage.messages(), Vec::<Value>::new());

    let listen = |args: &[&str]| {
        let mut listen = binary(stage.path());
        listen.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "other.db"]).args(args);
        listen.env("SINCH_WEBHOOK_SECRET", "s");
        listen
    };
    run(&mut listen(&["--opt-outs", "new"])).ends(4);
    run(listen(&["--stop-words"]).env(KEY.0, KEY.1)).ends(2);
    let said = run(listen(&["--opt-outs", "people.csv"]).env(KEY.0, KEY.1)).ends(3);
    assert!(said.stderr.contains("it is not a list of opt-outs"), "{said:?}");
    assert!(bytes(&stage, "people.csv").starts_with("SMS,name\n"));
}

#[test]
fn opt_outs_are_added_checked_and_counted_without_a_name() {
    let stage = Stage::silent();
    let tell = |args: &[&str]| -> Said {
        let said = run(&mut opt_outs(&stage, args));
        assert!(!format!("{said:?}").contains("5559000"), "{said:?}");
        said
    };
    let said = tell(&["list"]).ends(3);
    assert!(said.stderr.contains("there is no list outs"), "{said:?}");
    assert_eq!(tell(&["add", "+1 (555) 900-0001"]).ends(0).stdout, "1 opt-out added\n");
    assert_eq!(tell(&["add", &number(2), "--channel", "whatsapp", "--json"]).ends(0).json(), json!({"added": 1}));
    assert!(tell(&["add", "0770900123"]).ends(2).stderr.contains("country code is missing"));
    assert_eq!(tell(&["check", "15559000001", "--channel", "sms"]).ends(0).stdout, "opted out\n");
    assert_eq!(tell(&["check", &number(2), "--channel", "sms"]).ends(0).stdout, "not opted out\n");
    assert_eq!(tell(&["check", &number(2), "--json"]).ends(0).json(), json!({"opted_out": true}));
    tell(&["add", &number(1), "--in"]).ends(0);
    assert_eq!(tell(&["check", &number(1)]).ends(0).stdout, "not opted out\n");
    assert_eq!(
        tell(&["list", "--json"]).ends(0).json(),
        json!({"events": 3, "opted_out": [{"channel": "WHATSAPP", "identities": 1}]})
    );
    assert!(!bytes(&stage, "outs").contains("9000"));
    // What a crash tore is as if it had never been, and the next one mends it.
    let whole = std::fs::read(stage.path().join("outs")).unwrap();
    std::fs::write(stage.path().join("outs"), &whole[..whole.len() - 9]).unwrap();
    assert_eq!(tell(&["check", &number(1)]).ends(0).stdout, "opted out\n");
    tell(&["add", &number(3)]).ends(0);
    assert_eq!(n_events(&stage), 3);
}

#[test]
fn killed_receiver_keeps_every_acknowledged_opt_out() {
    let mut stage = keeping(1, &[]);
    for row in 1..=300 {
        stage.order("/inbox/opt-out", json!({"identity": number(row)}));
    }
    while std::fs::read_to_string(stage.path().join("outs")).unwrap().lines().count() < 20 {
        std::thread::yield_now();
    }
    stage._receiver.as_mut().unwrap().kill();
    let answered = stage.stats()["callbacks"]["acknowledged"].as_u64().unwrap();
    assert!(answered > 0);
    assert!(n_events(&stage) >= answered, "{} of {answered}", n_events(&stage));
}
