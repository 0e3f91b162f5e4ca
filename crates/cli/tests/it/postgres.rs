//! A ledger in Postgres, as several machines use it: a real server, real HTTP, real signals.

#[expect(dead_code, unexpected_cfgs, reason = "the ledger's own tests use more of it")]
#[path = "../../../ledger/tests/it/postgres/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

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
    /// The file, and what tells it from others.
    file: Arc<Mutex<(Vec<u8>, &'static str)>>,
}

impl Ranges {
    fn of(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/people.csv?signature=geheim", listener.local_addr().unwrap());
        let file = Arc::new(Mutex::new((bytes, "\"one\"")));
        let served = Arc::clone(&file);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = head(&stream);
                let header =
                    |name: &str| head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
                let range = header("range: bytes=").unwrap();
                let (bytes, etag) = served.lock().unwrap().clone();
                // Whoever reads on says of which file.
                if range != "0-0" && header("if-match: ").as_deref() != Some(etag) {
                    let _ = write!(stream, "HTTP/1.1 412 Precondition Failed\r\nconnection: close\r\n\r\n");
                    continue;
                }
                let (first, last) = range.split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                let part = &bytes[first..=last];
                let _ = write!(
                    stream,
                    "HTTP/1.1 206 Partial Content\r\nconnection: close\r\netag: {etag}\r\ncontent-range: bytes \
                     {first}-{last}/{}\r\ncontent-length: {}\r\n\r\n",
                    bytes.len(),
                    part.len()
                );
                let _ = stream.write_all(part);
            }
        });
        Self { url, file }
    }
}

/// The lines of a request before its body.
fn head(stream: &TcpStream) -> Vec<String> {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect()
}

/// A server that answers everything with this.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/people.csv?signature=geheim", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            head(&stream);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// A campaign of these people of which one or two batches left, and nobody works at any more.
fn begun(stage: &Stage, ledger: &str, batch_size: &str) {
    let slow = ["--batch-size", batch_size, "--in-flight", "1", "--max-rate", "1", "--no-wait", "--yes"];
    let send = [&["send", "people.csv", "--campaign", "c"][..], &TEXT, &slow].concat();
    let mut sender = Running::start(&mut on(stage, ledger, &send));
    sender.until("a batch", || stage.calls("send_batch") > 0);
    sender.signal("TERM");
    sender.end().ends(5);
}

#[test]
fn work_sends_nothing_of_a_url_whose_file_was_replaced() {
    let Some(server) = server() else { return };
    let stage = Stage::silent();
    // Longer than what is read at once.
    write_recipients(stage.path(), 40_000);
    let url = server.schema();
    begun(&stage, &url, "1000");
    let people = Ranges::of(std::fs::read(stage.path().join("people.csv")).unwrap());
    let before = stage.calls("send_batch");
    let work = ["work", "c", "--input", &people.url, "--no-wait", "--max-rate", "2", "--in-flight", "1"];
    let mut worker = Running::start(&mut on(&stage, &url, &work));
    worker.until("a batch from the URL", || stage.calls("send_batch") > before);
    people.file.lock().unwrap().1 = "\"two\"";
    let said = worker.end().ends(5);
    assert!(said.stderr.contains("is no longer what was checked"), "{said:?}");
    assert!(!format!("{said:?}").contains("geheim"), "{said:?}");
    let left = status(&stage, &url, "c");
    let (accepted, planned) = (left["accepted"].as_u64().unwrap(), left["planned"].as_u64().unwrap());
    assert_eq!((accepted + planned, &left["unknown"]), (40_000, &0.into()), "{left}");
    assert!(accepted >= (before + 1) * 1000 && planned > 0, "{left}");
    assert_eq!(accepted, stage.calls("send_batch") * 1000);
    // The file as it was is sent to its end.
    people.file.lock().unwrap().1 = "\"one\"";
    run(&mut on(&stage, &url, &["work", "c", "--input", &people.url, "--no-wait"])).ends(0);
    stage.has_each_once(40_000);
}

#[test]
fn work_refuses_a_url_without_ranges_or_etag() {
    let Some(server) = server() else { return };
    let stage = Stage::silent();
    write_recipients(stage.path(), 20);
    let url = server.schema();
    begun(&stage, &url, "5");
    let sent = stage.calls("send_batch");
    for (answer, why) in [
        ("HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"one\"\r\ncontent-length: 4\r\n\r\nSMS\n", "answered 200"),
        (
            "HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-range: bytes 0-0/400\r\ncontent-length: 1\r\n\r\nS",
            "no strong ETag",
        ),
        (
            "HTTP/1.1 206 Partial Content\r\nconnection: close\r\netag: W/\"one\"\r\ncontent-range: bytes 0-0/400\r\n\
             content-length: 1\r\n\r\nS",
            "no strong ETag",
        ),
        (
            "HTTP/1.1 206 Partial Content\r\nconnection: close\r\netag: \"one\"\r\ncontent-range: bytes 0-0/*\r\n\
             content-length: 1\r\n\r\nS",
            "length is not known",
        ),
        ("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "answered 403"),
    ] {
        let said = run(&mut on(&stage, &url, &["work", "c", "--input", &answering(answer), "--no-wait"])).ends(3);
        assert!(said.stderr.contains(why) && said.stderr.contains("hint: the server must answer a range"), "{said:?}");
        assert!(!format!("{said:?}").contains("geheim"), "{said:?}");
    }
    assert_eq!(stage.calls("send_batch"), sent);
}

#[test]
fn work_that_is_asked_to_end_leaves_its_batches_to_the_next_at_once() {
    let Some(server) = server() else { return };
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    let url = server.schema();
    begun(&stage, &url, "5");
    let before = stage.calls("send_batch");
    let work = ["work", "c", "--input", "people.csv", "--no-wait", "--worker"];
    let slow = ["first", "--max-rate", "1"];
    let mut first = Running::start(&mut on(&stage, &url, &[&work[..], &slow].concat()));
    first.until("a batch", || stage.calls("send_batch") > before);
    first.signal("TERM");
    let said = first.end().ends(5);
    assert!(said.stderr.trim_end().lines().last().unwrap().contains("resume"), "{said:?}");
    assert_eq!(status(&stage, &url, "c")["workers"], serde_json::json!([]), "it holds nothing any more");
    // A lease takes 30 seconds to lapse, the grace 10 minutes.
    let began = Instant::now();
    run(&mut on(&stage, &url, &[&work[..], &["second"]].concat())).ends(0);
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    stage.has_each_once(60);
}

#[test]
fn sender_whose_server_has_forgotten_a_batch_sends_nothing_more() {
    let Some(server) = own_server() else { return };
    let stage = Stage::silent();
    write_recipients(stage.path(), 60);
    let url = server.schema();
    let (_, schema) = url.split_once("schema=").unwrap();
    let slow = ["--batch-size", "5", "--in-flight", "1", "--max-rate", "1", "--no-wait", "--yes"];
    let mut sender =
        Running::start(&mut on(&stage, &url, &[&["send", "people.csv", "--campaign", "c"][..], &TEXT, &slow].concat()));
    // It waits for its pace then, with the next two at hand and nothing under way in the ledger.
    let at_rest = format!(
        "SELECT (SELECT n_accepted FROM {schema}.standing), count(*) FROM {schema}.batch WHERE lease_until IS NOT NULL"
    );
    let is_made = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}' AND tablename = 'standing'");
    sender.until("two batches", || {
        server.psql(&is_made) == "1\n" && ["10|2\n", "15|2\n"].contains(&&*server.psql(&at_rest))
    });
    sender.signal("STOP");
    // A standby takes over that was behind: it knows nothing of the first batch.
    server.psql(&format!(
        "BEGIN; UPDATE {schema}.batch SET stage = 0, attempts = 0, batch_id = NULL, state = NULL, last_attempt = NULL, \
         worker = NULL, token = 0, lease_until = NULL, may_leave_until = NULL, in_call = false WHERE number = 1; \
         UPDATE {schema}.standing SET batches_planned = batches_planned + 1, batches_accepted = batches_accepted - 1, \
         n_accepted = n_accepted - 5, pending = pending - 5; COMMIT"
    ));
    server.crash();
    sender.signal("CONT");
    let said = sender.end().ends(6);
    assert!(said.stderr.contains("older than the truth"), "{said:?}");
    let sent = usize::try_from(stage.calls("send_batch")).unwrap();
    stage.has_each_once(5 * sent);
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
