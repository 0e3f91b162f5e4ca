//! A ledger in Postgres, as several machines use it: a real server, real HTTP, real signals.

#[allow(dead_code, unexpected_cfgs)] // the ledger's own tests use more of it
#[path = "../../../ledger/tests/it/postgres/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use sinch_batch::ledger::PostgresLedger;

use self::server::{own_server, server};
use crate::spool::{Callbacks, campaign};
use crate::support::{Running, Stage, binary, run, write_recipients};

const TEXT: [&str; 2] = ["--text", "Hello ${name}"];

/// A command on that ledger.
fn on(stage: &Stage, ledger: &str, args: &[&str]) -> std::process::Command {
    let mut command = stage.api(args);
    command.env("SINCH_BATCH_LEDGER", ledger);
    command
}

fn status(stage: &Stage, ledger: &str, campaign: &str) -> serde_json::Value {
    run(&mut on(stage, ledger, &["status", campaign, "--json"])).ends(0).json()
}

#[test]
fn postgres_ledger_is_shown_without_its_password() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.schema().replace("tester@", "tester:geheim@");
    let command = |args: &[&str]| run(binary(folder.path()).args(args).args(["--ledger", &url]));
    let nothing = command(&["status"]).ends(6);
    assert!(nothing.stderr.contains("the schema holds no ledger"), "{nothing:?}");
    let sql = command(&["ledger", "migrate", "--print"]).ends(0);
    assert!(sql.stdout.starts_with("BEGIN;\nCREATE SCHEMA"), "{sql:?}");
    let made = command(&["ledger", "migrate", "--json"]).ends(0);
    assert_eq!(made.json()["changed"], true);
    assert_eq!(command(&["ledger", "migrate", "--json"]).ends(0).json()["changed"], false);
    let empty = command(&["status"]).ends(0);
    assert_eq!(empty.stdout.trim(), "no campaigns");
    let elsewhere = url.replace("/postgres?", "/missing?");
    let missing = run(binary(folder.path()).args(["status", "--ledger", &elsewhere])).ends(6);
    assert!(missing.stderr.contains("no such database") && missing.stderr.contains("createdb"), "{missing:?}");
    for said in [nothing, sql, made, empty, missing] {
        assert!(!format!("{said:?}").contains("geheim"), "{said:?}");
    }
}

#[test]
fn postgres_tables_that_are_too_old_are_migrated_by_hand() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.schema();
    let command = |args: &[&str]| run(binary(folder.path()).args(args).args(["--ledger", &url]));
    command(&["ledger", "migrate"]).ends(0);
    let (_, schema) = url.split_once("schema=").unwrap();
    server.psql(&format!("UPDATE {schema}.meta SET version = 0, oldest_reader = 0"));
    let old = command(&["status"]).ends(6);
    assert!(old.stderr.contains("hint: bring the tables up to date: sinch-batch ledger migrate --ledger"), "{old:?}");
}

#[test]
fn copy_of_a_ledger_forgets_no_guard() {
    let Some(server) = server() else { return };
    let stage = Stage::silent();
    write_recipients(stage.path(), 25);
    let send = ["send", "people.csv", "--batch-size", "10", "--no-wait", "--yes", "--campaign"];
    run(&mut stage.command(&[&send[..], &["first"], &TEXT].concat())).ends(0);
    let url = server.schema();
    let copied = run(&mut stage.api(&["ledger", "copy", "ledger.db", &url, "--json"])).ends(0);
    assert_eq!((&copied.json()["campaigns"], &copied.json()["batches"]), (&1.into(), &3.into()), "{copied:?}");
    assert!(copied.stderr.contains("use one of the two"), "{copied:?}");
    // Back into another file, and each of them knows what was sent.
    run(&mut stage.api(&["ledger", "copy", &url, "back.db"])).ends(0);
    let report = |ledger: &str| run(&mut on(&stage, ledger, &["report", "first", "--json"])).ends(0).stdout;
    for ledger in [url.as_str(), "back.db"] {
        let again = run(&mut on(&stage, ledger, &[&send[..], &["second"], &TEXT].concat())).ends(5);
        assert!(again.stderr.contains("campaign first sent this message"), "{again:?}");
        assert_eq!(report(ledger), report("ledger.db"));
    }
    let twice = run(&mut stage.api(&["ledger", "copy", "ledger.db", &url])).ends(6);
    assert!(twice.stderr.contains("both ledgers have campaign \"first\""), "{twice:?}");
    stage.has_each_once(25);
}

#[test]
fn copy_of_an_old_ledger_sends_nothing_that_the_original_sent_meanwhile() {
    let Some(server) = server() else { return };
    let stage = Stage::silent();
    write_recipients(stage.path(), 30);
    let slow = ["--batch-size", "5", "--in-flight", "1", "--max-rate", "1", "--no-wait", "--yes"];
    let mut sender =
        Running::start(&mut stage.command(&[&["send", "people.csv", "--campaign", "c"][..], &TEXT, &slow].concat()));
    sender.until("a batch", || stage.calls("send_batch") > 0);
    run(&mut stage.command(&["pause", "c"])).ends(0);
    sender.end().ends(0);
    let url = server.schema();
    run(&mut stage.api(&["ledger", "copy", "ledger.db", &url])).ends(0);
    run(&mut stage.command(&["resume", "c", "--no-wait", "--yes"])).ends(0);
    let behind = run(&mut on(&stage, &url, &["resume", "c", "--no-wait", "--yes"]));
    assert_ne!(behind.code(), 0, "{behind:?}");
    assert!(behind.stderr.contains("older than the truth"), "{behind:?}");
    stage.has_each_once(30);
}

/// A server of one file that answers ranges, as object stores do.
struct Ranges {
    url: String,
}

impl Ranges {
    fn of(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/people.csv?signature=geheim", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let header =
                    |name: &str| head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
                let range = header("range: bytes=").unwrap();
                // Whoever reads on says of which file.
                assert!(range == "0-0" || header("if-match: ").as_deref() == Some("\"one\""), "{head:?}");
                let (first, last) = range.split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                let part = &bytes[first..=last];
                let _ = write!(
                    stream,
                    "HTTP/1.1 206 Partial Content\r\nconnection: close\r\netag: \"one\"\r\ncontent-range: bytes \
                     {first}-{last}/{}\r\ncontent-length: {}\r\n\r\n",
                    bytes.len(),
                    part.len()
                );
                let _ = stream.write_all(part);
            }
        });
        Self { url }
    }
}

#[test]
fn work_sends_what_is_left_from_a_url_once_the_pause_is_lifted() {
    let Some(server) = server() else { return };
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    let url = server.schema();
    let slow = ["--batch-size", "5", "--in-flight", "1", "--max-rate", "2", "--no-wait", "--yes"];
    let mut sender =
        Running::start(&mut on(&stage, &url, &[&["send", "people.csv", "--campaign", "c"][..], &TEXT, &slow].concat()));
    sender.until("a batch", || stage.calls("send_batch") > 0);
    run(&mut on(&stage, &url, &["pause", "c"])).ends(0);
    sender.end().ends(0);
    let sent = stage.calls("send_batch");

    let people = Ranges::of(std::fs::read(stage.path().join("people.csv")).unwrap());
    std::fs::remove_file(stage.path().join("people.csv")).unwrap();
    let work = ["work", "c", "--input", &people.url, "--worker", "second", "--no-wait"];
    let mut worker = Running::start(&mut on(&stage, &url, &work));
    worker.until_said("the campaign is paused");
    assert_eq!(stage.calls("send_batch"), sent, "nothing leaves during a pause");
    run(&mut on(&stage, &url, &["resume", "c", "--input", "missing.csv", "--yes"]));
    assert_eq!(status(&stage, &url, "c")["phase"], "paused", "a resume that cannot begin lifts nothing");
    server.psql(&format!("UPDATE {}.standing SET phase = 1", url.split_once("schema=").unwrap().1));
    let said = worker.end().ends(0);
    assert!(!format!("{said:?}").contains("geheim"), "{said:?}");
    let status = status(&stage, &url, "c");
    assert_eq!((&status["accepted"], &status["workers"]), (&60.into(), &serde_json::json!([])), "{status}");
    stage.has_each_once(60);
}

#[test]
fn torture_of_several_workers_doubles_nothing() {
    let Some(server) = server() else { return };
    let url = server.schema();
    let (database, _) = url.split_once("&schema=").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut torture = binary(folder.path());
    torture.args(["torture", "--seeds", "2", "--workers", "3", "--json", "--ledger", database]);
    let totals = run(torture.env("TMPDIR", folder.path())).ends(0).json();
    for harm in ["doubled", "lost", "unknown", "receipts_lost", "contradictions"] {
        assert_eq!(totals[harm], 0, "{totals}");
    }
}

#[test]
fn receiver_that_answers_from_its_journal_counts_once_what_came_while_the_server_was_away() {
    let Some(server) = own_server() else { return };
    let url = server.schema();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { campaign(&PostgresLedger::open(&url).await.unwrap()).await });
    let mut callbacks = Callbacks::listen(folder.path(), &url, &[]);
    assert_eq!(callbacks.delivered(0), 200);
    callbacks.until_applied();
    server.lose_power();
    assert_eq!([1, 2, 3].map(|row| callbacks.delivered(row)), [200; 3]);
    assert!(callbacks.spooled() > 0);
    server.power_on();
    callbacks.until_applied();
    server.crash();
    assert_eq!(callbacks.delivered(4), 200);
    callbacks.until_applied();
    // Where it was, it goes on: nothing is applied again.
    callbacks.restart();
    callbacks.until_applied();
    assert_eq!(callbacks.delivered(5), 200);
    callbacks.until_applied();
    let status = run(binary(folder.path()).args(["status", "c1", "--json", "--ledger", &url])).ends(0).json();
    assert_eq!(
        (&status["messages"]["delivered"], &status["callbacks"][0]["count"]),
        (&6.into(), &6.into()),
        "{status}"
    );
}
