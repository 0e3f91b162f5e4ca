//! `listen`, `sign`, `trigger` and `replay`, one against the other.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sinch_batch::journal::read;
use sinch_batch::ledger::{CampaignStatus, Entry, Ledger, NewCampaign, SqliteLedger};
use sinch_batch::models::{BatchId, Timestamp};
use tempfile::TempDir;

use crate::support::{Said, Server, binary, get, planned, run, try_http};

const SECRET: &str = "a-webhook-secret-for-tests";
const BATCH: &str = "01KZ2D9R6AYBT8DN9B4MPA14Y8";

/// A folder with a receiver in it.
struct Scene {
    folder: TempDir,
    receiver: Server,
}

impl Scene {
    fn new(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let receiver = listen(folder.path(), args);
        Self { folder, receiver }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self) -> &str {
        self.receiver.url("url")
    }

    fn trigger(&self, args: &[&str]) -> Said {
        trigger(self.path(), self.url(), args)
    }

    fn metrics(&self) -> String {
        let base = self.url().strip_prefix("http://").unwrap().split('/').next().unwrap();
        get(base, "/metrics")
    }

    /// Stops the receiver as an operator does, and checks that it ended well.
    fn stop(&mut self) {
        assert_eq!(self.receiver.stop(), Some(0));
    }
}

fn listen(folder: &Path, args: &[&str]) -> Server {
    let mut command = binary(folder);
    command.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "ledger.db"]).args(args);
    Server::start(command.env("SINCH_WEBHOOK_SECRET", SECRET).env("SINCH_WEBHOOK_FORWARD_SECRET", "another"))
}

fn trigger(folder: &Path, url: &str, args: &[&str]) -> Said {
    run(binary(folder).arg("trigger").args(args).args(["--url", url]).env("SINCH_WEBHOOK_SECRET", SECRET))
}

fn replay(folder: &Path, args: &[&str]) -> Said {
    run(binary(folder).arg("replay").args(args).env("SINCH_WEBHOOK_SECRET", SECRET))
}

/// A ledger with one accepted batch of ten rows.
fn ledger(folder: &Path, name: &str) {
    block_on(async {
        let ledger = SqliteLedger::open(folder.join(name)).unwrap();
        let now = Timestamp::now();
        let plan = Box::new(vec![planned(1..11)]);
        let campaign = ledger.create(NewCampaign::new("c1", "a-key", 10, now), plan).await.unwrap().campaign;
        let batch_id = BatchId::new(BATCH);
        ledger.record(campaign.id, Entry::Accepted { number: 1, batch_id }, now).await.unwrap();
    });
}

fn status(folder: &Path, name: &str) -> CampaignStatus {
    block_on(async {
        let ledger = SqliteLedger::open(folder.join(name)).unwrap();
        let campaign = ledger.campaign("c1").await.unwrap().unwrap();
        ledger.status(campaign.id).await.unwrap()
    })
}

/// What `status --json` says of the callbacks that were received.
fn received(folder: &Path, name: &str) -> Vec<(String, u64)> {
    let status =
        |more: &[&str]| run(binary(folder).args(["status", "--json", "--ledger", name]).args(more)).ends(0).json();
    let all = status(&[]);
    // Beside campaigns they are told with each of them.
    let status = if all["campaigns"] == json!([]) { all } else { status(&["c1"]) };
    let counts = status["callbacks"].as_array().unwrap().iter().map(|count| {
        let time = |key: &str| count[key].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert!(time("first") <= time("last"), "{count}");
        assert_eq!(count.as_object().unwrap().len(), 4, "{count}");
        (count["kind"].as_str().unwrap().to_owned(), count["count"].as_u64().unwrap())
    });
    counts.collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn every_kind_is_accepted_and_counted_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path(), "ledger.db");
    let receiver = listen(folder.path(), &[]);
    let scene = Scene { folder, receiver };
    let report = scene.trigger(&["--all", "--json", "--batch-id", BATCH, "--index", "3"]).ends(0).json();
    assert_eq!((&report["ok"], &report["failed"]), (&json!(22), &json!(0)), "{report}");
    let answers = report["answers"].as_array().unwrap();
    assert!(answers.iter().all(|answer| answer["status"] == 200), "{report}");
    let standing = status(scene.path(), "ledger.db");
    assert_eq!((standing.messages.delivered, standing.messages.pending), (1, 9));

    let mut sent: Vec<_> = answers.iter().map(|answer| (answer["kind"].as_str().unwrap().to_owned(), 1)).collect();
    sent.sort();
    assert_eq!(received(scene.path(), "ledger.db"), sent);
    let status = run(binary(scene.path()).args(["status", "c1", "--json", "--ledger", "ledger.db"])).ends(0).json();
    assert_eq!((&status["campaign"], &status["accepted"]), (&json!("c1"), &json!(10)));

    let said = scene.trigger(&["message-delivery", "--status", "failed", "--batch-id", BATCH, "--index", "4"]).ends(0);
    assert_eq!(said.stdout.split_whitespace().collect::<Vec<_>>(), ["MESSAGE_DELIVERY", "200"]);
    let failures = run(binary(scene.path()).args(["report", "c1", "--json", "--ledger", "ledger.db"])).ends(0).json();
    assert_eq!(failures["failures"][0]["row"], 5, "{failures}");
    assert_eq!(failures["failures"][0]["code"], "RECIPIENT_NOT_REACHABLE", "{failures}");

    let metrics = scene.metrics();
    for line in [
        "sinch_batch_responses_total{status=\"200\"} 23",
        "sinch_batch_received_total{kind=\"MESSAGE_DELIVERY\"} 2",
        "sinch_batch_received_total{kind=\"BATCH_STATUS_UPDATE\"} 1",
        "sinch_batch_applied_total{outcome=\"updated\"} 3",
        "sinch_batch_verified_total{secret=\"SINCH_WEBHOOK_SECRET\"} 23",
        "sinch_batch_in_flight 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn ledger_with_callbacks_only_has_a_status() {
    let mut scene = Scene::new(&[]);
    let status = |args: &[&str]| run(binary(scene.path()).arg("status").args(args).args(["--ledger", "ledger.db"]));
    assert_eq!(status(&["--json"]).ends(0).json(), json!({"campaigns": []}));

    scene.trigger(&["MESSAGE_INBOUND"]).ends(0);
    scene.trigger(&["MESSAGE_INBOUND"]).ends(0);
    // Kinds of tomorrow are one kind today.
    for (nonce, body) in [("n-1", r#"{"app_id":"","dream_notification":{}}"#), ("n-2", r#"{"+15550100042":{}}"#)] {
        let secret = sinch_batch::webhook::WebhookSecret::new(SECRET);
        let signature = secret.sign(body.as_bytes(), nonce, Timestamp::now().as_second());
        let headers = signature.headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        // The service sends it again, for it missed the answer; it is known by its nonce.
        for _ in 0..2 {
            assert_eq!(try_http("POST", scene.url(), &headers, body).unwrap().0, 200);
        }
    }
    let said = status(&["--json"]).ends(0).json();
    assert_eq!((said.as_object().unwrap().len(), &said["campaigns"]), (2, &json!([])), "{said}");
    let counts = [("MESSAGE_INBOUND".to_owned(), 2), ("UNKNOWN".to_owned(), 2)];
    assert_eq!(received(scene.path(), "ledger.db"), counts);
    let said = status(&[]).ends(0).stdout;
    assert!(
        said.starts_with("no campaigns\ncallbacks received: 4, the last at 2") && said.contains("MESSAGE_INBOUND"),
        "{said}"
    );
    assert!(!said.contains("1555"), "{said}");
    // A campaign that was asked for is another matter.
    assert!(status(&["c1"]).ends(6).stderr.contains("has no campaign c1"));

    // After a restart it goes on counting.
    scene.stop();
    scene.receiver = listen(scene.path(), &[]);
    scene.trigger(&["MESSAGE_INBOUND"]).ends(0);
    assert_eq!(received(scene.path(), "ledger.db")[0].1, 3);
}

#[test]
fn promise_7_what_is_forged_changes_nothing_and_what_is_genuine_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path(), "ledger.db");
    let receiver = listen(folder.path(), &["--journal", "journal"]);
    let scene = Scene { folder, receiver };
    let before = status(scene.path(), "ledger.db");
    for (fault, status) in [("future", 503), ("wrong-secret", 401), ("altered-byte", 401)] {
        let args = ["--all", "--json", "--batch-id", BATCH, "--fault", fault];
        let report = scene.trigger(&args).ends(0).json();
        assert_eq!((&report["ok"], &report["fault"]), (&json!(22), &json!(fault)), "{report}");
        let answers = report["answers"].as_array().unwrap();
        assert!(answers.iter().all(|answer| answer["status"] == status), "{report}");
    }
    assert_eq!(status(scene.path(), "ledger.db"), before);
    assert_eq!(received(scene.path(), "ledger.db"), []);
    assert_eq!(read(scene.path().join("journal")).unwrap().count(), 0, "what is not applied is not kept");
    assert_eq!(status(scene.path(), "ledger.db").messages.delivered, 0);

    // Only somebody with the secret can sign another one under a nonce, so both are applied.
    let report =
        scene.trigger(&["MESSAGE_DELIVERY", "--json", "--batch-id", BATCH, "--fault", "repeated-nonce"]).ends(0).json();
    assert_eq!(report["answers"][0], json!({"kind": "MESSAGE_DELIVERY", "first": 200, "status": 200, "ok": true}));
    assert_eq!(status(scene.path(), "ledger.db").messages.delivered, 1);
    assert_eq!(received(scene.path(), "ledger.db"), [("MESSAGE_DELIVERY".to_owned(), 2)]);
    // The service may send again with the time of the first delivery.
    let args = ["MESSAGE_DELIVERY", "--json", "--batch-id", BATCH, "--index", "1", "--fault", "old"];
    let report = scene.trigger(&args).ends(0).json();
    assert_eq!(report["answers"][0]["status"], 200, "{report}");
    assert_eq!(status(scene.path(), "ledger.db").messages.delivered, 2);
    assert_eq!(read(scene.path().join("journal")).unwrap().count(), 3);
    let metrics = scene.metrics();
    for line in [
        "sinch_batch_rejected_total{reason=\"future\"} 22",
        "sinch_batch_rejected_total{reason=\"mismatch\"} 44",
        "sinch_batch_responses_total{status=\"200\"} 3",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

/// Signs a body as the service does, and sends it.
fn post(url: &str, nonce: &str, body: &str) -> u16 {
    let secret = sinch_batch::webhook::WebhookSecret::new(SECRET);
    let signature = secret.sign(body.as_bytes(), nonce, Timestamp::now().as_second());
    let headers = signature.headers();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    try_http("POST", url, &headers, body).unwrap().0
}

#[test]
fn promise_7_genuine_callback_is_not_lost_for_its_form() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path(), "ledger.db");
    let receiver = listen(folder.path(), &["--journal", "journal"]);
    let mut scene = Scene { folder, receiver };
    // A receipt with half an emoji in the metadata of its message, and a field of another type.
    let metadata = format!(r#"{{\"batchId\":\"{BATCH}\",\"messageIndex\":4}}"#);
    let receipt = format!(
        r#"{{"correlation_id":"\ud83d","message_delivery_report":{{"status":"FAILED","reason":7}},"message_metadata":"{metadata}"}}"#
    );
    assert_eq!(post(scene.url(), "a", &receipt), 200);
    assert_eq!(status(scene.path(), "ledger.db").messages.failed, 1);
    for (nonce, body) in [("b", "not JSON"), ("c", "[{}]"), ("d", ""), ("e", r#"{"event":7}"#)] {
        assert_eq!(post(scene.url(), nonce, body), 200, "{body}");
    }
    let counts = [("MESSAGE_DELIVERY".to_owned(), 1), ("UNKNOWN".to_owned(), 4)];
    assert_eq!(received(scene.path(), "ledger.db"), counts);
    scene.stop();
    let bodies: Vec<_> = read(scene.path().join("journal")).unwrap().map(|record| record.unwrap().body).collect();
    assert_eq!(bodies.len(), 5);
    assert_eq!(bodies[1], b"not JSON");
    replay(scene.path(), &["journal", "--ledger", "other.db"]).ends(0);
    assert_eq!(received(scene.path(), "other.db"), counts);
}

#[test]
fn listen_reports_refusals_once_and_names_its_ledger() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path(), "ledger.db");
    let mut command = binary(folder.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "ledger.db"]);
    command.env("SINCH_WEBHOOK_SECRET", SECRET).env("SINCH_BATCH_LOG", "off");
    let mut receiver = Server::start_with_log(command.stderr(Stdio::piped()));
    let ledger = folder.path().join("ledger.db");
    // The folder may have a second name by a link.
    let named = Path::new(receiver.url("ledger"));
    assert!(named.is_absolute());
    assert_eq!(named.canonicalize().unwrap(), ledger.canonicalize().unwrap());
    let named = named.display().to_string();
    for args in [&["--all", "--fault", "wrong-secret"][..], &["OPT_IN", "--fault", "future", "--skew", "450"]] {
        trigger(folder.path(), receiver.url("url"), args).ends(0);
    }
    // The batch has ten messages.
    for index in ["10", "11"] {
        let args = ["MESSAGE_DELIVERY", "--batch-id", BATCH, "--index", index];
        trigger(folder.path(), receiver.url("url"), &args).ends(0);
    }
    assert_eq!(receiver.stop(), Some(0));
    let log = receiver.log();
    let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with("stopping: ")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(
        lines[0].starts_with("1 callback refused: the signature does not match (check SINCH_WEBHOOK_SECRET"),
        "{log}"
    );
    assert!(lines[1].contains("the clock here is 7 min behind the service's (set it right)"), "{log}");
    assert!(lines[2].contains("messages that this ledger did not send") && lines[2].contains(&named), "{log}");
}

#[test]
fn trigger_reports_accepted_faults_and_rejected_samples() {
    // A window wider than the fault is in the future: the receiver takes it.
    let mut scene = Scene::new(&["--window", "172800"]);
    let said = scene.trigger(&["MESSAGE_DELIVERY", "--fault", "future"]).ends(7);
    assert!(said.stdout.contains("APPLIED") && said.stderr.contains("with the fault future"), "{said:?}");
    let said = scene.trigger(&["MESSAGE_DELIVERY", "--fault", "future", "--skew", "172860"]).ends(0);
    assert!(said.stdout.contains("asked for again, as it should be"), "{said:?}");

    let other = run(binary(scene.path())
        .args(["trigger", "--all", "--json", "--url", scene.url()])
        .env("SINCH_WEBHOOK_SECRET", "not the receiver's"))
    .ends(7);
    assert_eq!(other.json()["failed"], 22);
    assert!(other.stderr.contains("same secret"), "{other:?}");
    let nowhere = format!("{}nowhere", scene.url());
    assert!(trigger(scene.path(), &nowhere, &["OPT_IN"]).ends(7).stderr.contains("404"));

    scene.stop();
    let said = scene.trigger(&["OPT_IN", "--json"]).ends(7);
    assert_eq!(said.json()["answers"][0]["status"], Value::Null);
    assert!(said.stderr.contains("did not answer"), "{said:?}");
    scene.trigger(&["OPT_IN", "--fault", "old"]).ends(7);
}

#[test]
fn invalid_arguments_are_reported_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(binary(folder.path()).args(["trigger", "SOMETHING", "--url", "http://127.0.0.1:9/"]));
    assert_eq!(said.code(), 2);
    assert!(said.stderr.contains("BATCH_STATUS_UPDATE"), "{said:?}");
    for args in [
        &["trigger", "--url", "http://127.0.0.1:9/"][..],
        &["trigger", "--all", "OPT_IN", "--url", "http://127.0.0.1:9/"],
    ] {
        assert_eq!(run(binary(folder.path()).args(args)).code(), 2);
    }
    for url in ["127.0.0.1:9", "ftp://host/", "/path"] {
        trigger(folder.path(), url, &["OPT_IN"]).ends(2);
    }
    for args in [
        &["trigger", "OPT_IN", "--url", "http://127.0.0.1:9/"][..],
        &["sign", "-"],
        &["listen", "--addr", "127.0.0.1:0"],
    ] {
        run(binary(folder.path()).args(args)).ends(4);
    }
    let one_sided = ["listen", "--tls-cert", "c.pem"];
    assert_eq!(run(binary(folder.path()).args(one_sided).env("SINCH_WEBHOOK_SECRET", SECRET)).code(), 2);
    let no_files = ["listen", "--addr", "127.0.0.1:0", "--tls-cert", "c.pem", "--tls-key", "k.pem"];
    run(binary(folder.path()).args(no_files).env("SINCH_WEBHOOK_SECRET", SECRET)).ends(2);
    let no_forward_secret = ["listen", "--addr", "127.0.0.1:0", "--forward", "http://127.0.0.1:9/"];
    let said = run(binary(folder.path()).args(no_forward_secret).env("SINCH_WEBHOOK_SECRET", SECRET)).ends(4);
    assert!(said.stderr.contains("SINCH_WEBHOOK_FORWARD_SECRET"), "{said:?}");
}

#[test]
fn headers_of_sign_are_accepted() {
    let scene = Scene::new(&[]);
    let body = "{\"message_delivery_report\":\n  {\"status\": \"DELIVERED\"}}\r\n";
    fs::write(scene.path().join("body.json"), body).unwrap();
    let sign =
        |args: &[&str]| run(binary(scene.path()).arg("sign").args(args).env("SINCH_WEBHOOK_SECRET", SECRET)).ends(0);
    let fixed = sign(&["body.json", "--nonce", "n-1", "--timestamp", "1947146400"]).stdout;
    let names: Vec<&str> = fixed.lines().map(|line| line.split(": ").next().unwrap()).collect();
    let prefix = "x-sinch-webhook-signature";
    assert_eq!(
        names,
        [prefix, &format!("{prefix}-timestamp"), &format!("{prefix}-nonce"), &format!("{prefix}-algorithm")]
    );
    let expected = sinch_batch::webhook::sign(
        &sinch_batch::webhook::WebhookSecret::new(SECRET),
        body.as_bytes(),
        "n-1",
        1_947_146_400,
    );
    for (name, value) in expected.headers() {
        assert!(fixed.lines().any(|line| line == format!("{name}: {value}")), "{fixed}");
    }
    let object = sign(&["body.json", "--json", "--nonce", "n-1", "--timestamp", "1947146400"]).json();
    assert_eq!(object[prefix], expected.as_str());
    assert_eq!(object.as_object().unwrap().len(), 4);

    let fresh = sign(&["body.json"]).stdout;
    let headers: Vec<(&str, &str)> = fresh.lines().map(|line| line.split_once(": ").unwrap()).collect();
    assert_eq!(try_http("POST", scene.url(), &headers, body).unwrap().0, 200);
    assert_ne!(fresh, sign(&["body.json"]).stdout, "a nonce is used once");
    run(binary(scene.path()).args(["sign", "nothing.json"]).env("SINCH_WEBHOOK_SECRET", SECRET)).ends(3);
}

#[test]
fn several_secrets_are_valid_until_their_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = "# of last year\nlong-gone until 2020-01-01T00:00:00Z\n\nof-the-file\nlast until 2500-01-01T00:00:00Z\n";
    fs::write(folder.path().join("secrets"), file).unwrap();
    let mut command = binary(folder.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--secret-file", "secrets"]);
    let receiver =
        Server::start(command.env("SINCH_WEBHOOK_SECRET", SECRET).env("SINCH_WEBHOOK_SECRETS", "first\nsecond"));
    let scene = Scene { folder, receiver };
    let with = |secret: &str| {
        let mut command = binary(scene.path());
        run(command.args(["trigger", "OPT_IN", "--url", scene.url()]).env("SINCH_WEBHOOK_SECRET", secret))
    };
    for good in [SECRET, "first", "second", "of-the-file", "last"] {
        with(good).ends(0);
    }
    for bad in ["long-gone", "never", "first\nsecond", "last until 2500-01-01T00:00:00Z"] {
        with(bad).ends(7);
    }
    let metrics = scene.metrics();
    for line in [
        "sinch_batch_verified_total{secret=\"SINCH_WEBHOOK_SECRET\"} 1",
        "sinch_batch_verified_total{secret=\"SINCH_WEBHOOK_SECRETS:2\"} 1",
        "sinch_batch_verified_total{secret=\"secrets:4\"} 1",
        "sinch_batch_rejected_total{reason=\"ended\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("of-the-file"), "no secret is shown");

    fs::write(scene.path().join("secrets"), "good\nhunter2 until soon\n").unwrap();
    let said = run(binary(scene.path()).args(["sign", "-", "--secret-file", "secrets"])).ends(4);
    assert!(said.stderr.contains("line 2 of secrets") && !said.stderr.contains("hunter2"), "{said:?}");
}

/// With a limit on the tries, and no sleep: each is a process of its own.
#[cfg(unix)]
#[test]
fn listen_reads_secrets_again_when_they_change_and_at_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(folder.path().join("secrets"), text).unwrap();
    write("first\n");
    let mut command = binary(folder.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--secret-file", "secrets"]);
    let mut receiver = Server::start_with_log(command.stderr(Stdio::piped()));
    let url = receiver.url("url").to_owned();
    let code = |secret: &str| {
        let mut command = binary(folder.path());
        run(command.args(["trigger", "OPT_IN", "--url", &url]).env("SINCH_WEBHOOK_SECRET", secret)).code()
    };
    let soon = |secret: &str| {
        let until = Instant::now() + Duration::from_secs(30);
        while code(secret) != 0 {
            assert!(Instant::now() < until, "{secret} is not accepted");
        }
    };
    let hang_up = |id: &str| assert!(Command::new("kill").args(["-HUP", id]).status().unwrap().success());
    assert_eq!((code("first"), code("second")), (0, 7));

    write("second\nfirst\n");
    hang_up(&receiver.id());
    soon("second");
    assert_eq!(code("first"), 0);

    // Nobody asks: the file is looked at.
    write("third-of-them\n");
    soon("third-of-them");
    assert_eq!((code("first"), code("second")), (7, 7));

    // What cannot be used leaves what was in use.
    write("good\nhunter2 until soon\n");
    hang_up(&receiver.id());
    assert_eq!(code("third-of-them"), 0);
    assert_eq!(receiver.stop(), Some(0));
    let log = receiver.log();
    assert!(log.contains("secrets and certificates were read again"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn listen_prints_what_arrives_and_what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |flags: &[&str]| {
        let mut receiver = listen(folder.path(), &[&["--print"], flags].concat());
        let url = receiver.url("url").to_owned();
        trigger(folder.path(), &url, &["OPT_IN"]).ends(0);
        trigger(folder.path(), &url, &["OPT_OUT", "--fault", "wrong-secret"]).ends(0);
        assert_eq!(receiver.stop(), Some(0));
        receiver.printed()
    };
    let lines = shown(&["json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((&lines[0]["kind"], &lines[0]["response"]), (&json!("OPT_IN"), &json!(200)));
    assert_eq!((&lines[1]["refused"], &lines[1]["response"]), (&json!("mismatch"), &json!(401)));
    let lines = shown(&["text"]);
    assert!(lines.lines().nth(1).unwrap().ends_with("  refused  mismatch  401"), "{lines}");
    // The kind of what is refused is not known.
    assert_eq!(shown(&["json", "--events", "OPT_OUT"]), "");
}

#[cfg(unix)]
#[test]
fn listen_without_files_stops_at_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = listen(folder.path(), &[]);
    assert!(Command::new("kill").args(["-HUP", &receiver.id()]).status().unwrap().success());
    assert_eq!(receiver.wait(), Some(0));
}

#[cfg(unix)]
#[test]
fn listen_reads_a_certificate_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let renew = |authority: &str| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::write(folder.path().join(authority), made.cert.pem()).unwrap();
    };
    renew("old.pem");
    let receiver = listen(folder.path(), &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let url = receiver.url("url").replace("127.0.0.1", "localhost");
    let code = |authority: &str| trigger(folder.path(), &url, &["OPT_IN", "--tls-ca", authority]).code();
    assert_eq!(code("old.pem"), 0);
    renew("new.pem");
    assert!(Command::new("kill").args(["-HUP", &receiver.id()]).status().unwrap().success());
    let until = Instant::now() + Duration::from_secs(30);
    while code("new.pem") != 0 {
        assert!(Instant::now() < until, "the new certificate is not shown");
    }
    assert_eq!(code("old.pem"), 7);
}

#[test]
fn path_is_accepted_with_and_without_its_last_slash() {
    let scene = Scene::new(&["--path", "/hooks/sinch"]);
    assert!(scene.url().ends_with("/hooks/sinch"));
    scene.trigger(&["OPT_IN"]).ends(0);
    let url = format!("{}/", scene.url());
    trigger(scene.path(), &url, &["OPT_IN"]).ends(0);
    let root = scene.url().replace("/hooks/sinch", "/");
    trigger(scene.path(), &root, &["OPT_IN"]).ends(7);
    assert_eq!(get(root.trim_start_matches("http://"), "/healthz"), "ok\n");
    assert!(scene.metrics().contains("sinch_batch_responses_total{status=\"404\"} 1"));
}

#[test]
fn journal_is_played_into_a_ledger_and_to_a_receiver() {
    let mut scene = Scene::new(&["--journal", "journal"]);
    scene.trigger(&["--all", "--batch-id", BATCH, "--index", "2"]).ends(0);
    for (index, status) in [("5", "READ"), ("6", "FAILED")] {
        let args = ["MESSAGE_DELIVERY", "--batch-id", BATCH, "--index", index, "--status", status];
        scene.trigger(&args).ends(0);
    }
    // To its own writer too: it ends, and doubles the journal.
    let report = replay(scene.path(), &["journal", "--to", scene.url(), "--json"]).ends(0).json();
    assert_eq!((&report["records"], &report["accepted"], &report["refused"]), (&json!(24), &json!(24), &json!(0)));
    scene.stop();
    assert_eq!(read(scene.path().join("journal")).unwrap().count(), 48);

    ledger(scene.path(), "other.db");
    let report = replay(scene.path(), &["journal", "--ledger", "other.db", "--json"]).ends(0).json();
    let counts = ["records", "updated", "duplicate", "deferred", "unrelated", "other", "damaged", "torn"];
    let counts: Vec<u64> = counts.iter().map(|name| report[name].as_u64().unwrap()).collect();
    assert_eq!(counts, [48, 4, 4, 0, 0, 40, 0, 0], "{report}");
    let messages = status(scene.path(), "other.db").messages;
    assert_eq!((messages.delivered, messages.read, messages.failed, messages.pending), (1, 1, 1, 7));
    // Once more changes nothing.
    let report = replay(scene.path(), &["journal", "--ledger", "other.db", "--json"]).ends(0).json();
    assert_eq!((&report["updated"], &report["duplicate"]), (&json!(0), &json!(8)), "{report}");
    assert_eq!(status(scene.path(), "other.db").messages, messages);
    // The state is the same, the counts are of what was played.
    let counts = received(scene.path(), "other.db");
    assert_eq!((counts.len(), counts.iter().map(|(_, count)| count).sum()), (22, 96), "{counts:?}");

    let since = ["journal", "--ledger", "third.db", "--since", "2500-01-01T00:00:00Z"];
    assert_eq!(replay(scene.path(), &since).ends(0).stdout, "48 records, 48 left out\n");
}

#[test]
fn damaged_journal_is_played_as_far_as_it_goes_and_says_so() {
    let mut scene = Scene::new(&["--journal", "journal"]);
    scene.trigger(&["OPT_IN"]).ends(0);
    scene.trigger(&["OPT_OUT"]).ends(0);
    scene.stop();
    let path = scene.path().join("journal/callbacks-00000001.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&path, format!("{}\nnot a record +15550100042\n{}\n{}", lines[0], lines[1], &lines[1][..40])).unwrap();
    let said = replay(scene.path(), &["journal", "--ledger", "other.db", "--json"]).ends(3);
    let report = said.json();
    assert_eq!(
        (&report["records"], &report["damaged"], &report["torn"]),
        (&json!(2), &json!(1), &json!(1)),
        "{said:?}"
    );
    assert!(said.stderr.contains("line 2 of") && !said.stderr.contains("1555"), "{said:?}");
    replay(scene.path(), &["nowhere", "--ledger", "other.db"]).ends(3);
    replay(scene.path(), &["journal", "--to", "http://127.0.0.1:9/", "--attempts", "1"]).ends(7);
    assert_eq!(replay(scene.path(), &["journal"]).code(), 2);
}

#[test]
fn journal_has_one_writer_and_cannot_be_where_a_file_is() {
    let scene = Scene::new(&["--journal", "journal"]);
    let mut command = binary(scene.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--journal", "journal"]);
    let said = run(command.env("SINCH_WEBHOOK_SECRET", SECRET)).ends(2);
    assert!(said.stderr.contains("another process writes the journal"), "{said:?}");
    let mut command = binary(scene.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--journal", "ledger.db"]);
    run(command.env("SINCH_WEBHOOK_SECRET", SECRET)).ends(3);
}

#[test]
fn forwarded_callbacks_are_signed_again_and_acknowledged_by_their_result() {
    // The receiver behind has another secret.
    let behind_folder = tempfile::tempdir().unwrap();
    let mut command = binary(behind_folder.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--journal", "journal"]).env("SINCH_WEBHOOK_SECRET", "another");
    let mut behind = Server::start(&mut command);
    let scene = Scene::new(&["--forward", behind.url("url")]);
    scene.trigger(&["--all"]).ends(0);
    let records: Vec<_> = read(behind_folder.path().join("journal")).unwrap().map(Result::unwrap).collect();
    assert_eq!(records.len(), 22);

    // Nobody there: the service is asked to come again, and learns nothing else.
    behind.stop();
    let said = scene.trigger(&["OPT_IN", "--json"]).ends(7);
    assert_eq!(said.json()["answers"][0]["status"], 503);
    assert!(scene.metrics().contains("sinch_batch_rejected_total{reason=\"sink\"} 1"));
}

#[test]
fn receiver_with_a_certificate_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let receiver = listen(folder.path(), &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let mut scene = Scene { folder, receiver };
    assert!(scene.url().starts_with("https://127.0.0.1:"), "{}", scene.url());
    let url = scene.url().replace("127.0.0.1", "localhost");
    trigger(scene.path(), &url, &["--all", "--tls-ca", "cert.pem"]).ends(0);
    // Unknown to others, and deaf to plain HTTP.
    trigger(scene.path(), &url, &["OPT_IN"]).ends(7);
    trigger(scene.path(), &url.replace("https", "http"), &["OPT_IN"]).ends(7);
    scene.stop();

    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(scene.path().join("other.pem"), other.signing_key.serialize_pem()).unwrap();
    let mut command = binary(scene.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "other.pem"]);
    run(command.env("SINCH_WEBHOOK_SECRET", SECRET)).ends(2);
}

#[test]
fn nothing_of_a_callback_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command.args(["listen", "--addr", "127.0.0.1:0", "--forward", "http://user:hunter2@127.0.0.1:9/"]);
    command.env("SINCH_WEBHOOK_SECRET", SECRET).env("SINCH_WEBHOOK_FORWARD_SECRET", "another-secret");
    command.env("SINCH_BATCH_LOG", "trace,hyper=off,hyper_util=off,h2=off,mio=off");
    let mut receiver = Server::start_with_log(command.stderr(Stdio::piped()));
    trigger(folder.path(), receiver.url("url"), &["--all"]).ends(7);
    trigger(folder.path(), receiver.url("url"), &["OPT_IN", "--fault", "altered-byte"]).ends(0);
    assert_eq!(receiver.stop(), Some(0));
    let log = receiver.log();
    assert!(log.contains("could not be sent on"), "{log}");
    for private in [SECRET, "another-secret", "hunter2", "1555", "Ines", "Thanks"] {
        assert!(!log.contains(private), "{private}: {log}");
    }
}

/// No file may grow over a limit, which the system tells as it tells of a full disk: in the middle of a
/// record.
#[cfg(unix)]
#[test]
fn callback_that_the_journal_cannot_keep_gets_503_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    let program = command.get_program().to_owned();
    let mut limited = Command::new("sh");
    // 256 or 512 KiB, by the shell; without the trap the system would end the program.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\""]).arg(program);
    limited.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "ledger.db", "--journal", "journal"]);
    limited.current_dir(folder.path()).env("SINCH_WEBHOOK_SECRET", SECRET).stdin(Stdio::null());
    let mut receiver = Server::start(&mut limited);
    let secret = sinch_batch::webhook::WebhookSecret::new(SECRET);
    let post = |n: u64, length: usize| {
        let body = json!({"app_id": "", "event": {"id": "x".repeat(length)}}).to_string();
        let signature = secret.sign(body.as_bytes(), &format!("nonce-{n}"), Timestamp::now().as_second());
        let headers = signature.headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        try_http("POST", receiver.url("url"), &headers, &body).unwrap().0
    };
    let kept = (1..).find(|n| post(*n, 60_000) != 200).unwrap() - 1;
    assert!((1..20).contains(&kept), "{kept}");
    assert_eq!(post(kept + 1, 60_000), 503, "it may come again");
    // A smaller one has room.
    assert_eq!(post(kept + 2, 100), 200);
    assert_eq!(receiver.stop(), Some(0));
    let mut records = read(folder.path().join("journal")).unwrap();
    let lengths: Vec<usize> = records.by_ref().map(|record| record.unwrap().body.len()).collect();
    assert_eq!(lengths.len() as u64, kept + 1);
    assert!(lengths[..lengths.len() - 1].iter().all(|length| *length > 60_000) && lengths[lengths.len() - 1] < 200);
    assert_eq!(records.torn(), 0);
    command.args(["replay", "journal", "--ledger", "ledger.db"]);
    run(&mut command).ends(0);
}

/// A request is half there when the receiver is asked to stop: it is answered all the same.
#[cfg(unix)]
#[test]
fn receiver_finishes_what_is_under_way_when_it_is_asked_to_stop() {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        ledger(folder.path(), "ledger.db");
        let mut receiver = listen(folder.path(), &[]);
        let address = receiver.url("url").trim_start_matches("http://").trim_end_matches('/').to_owned();
        let body = json!({
            "message_delivery_report": {"message_id": "m", "status": "DELIVERED"},
            "message_metadata": json!({"batchId": BATCH, "messageIndex": 0}).to_string(),
        })
        .to_string();
        let signature = sinch_batch::webhook::WebhookSecret::new(SECRET).sign(
            body.as_bytes(),
            "a-nonce",
            Timestamp::now().as_second(),
        );
        let mut head = format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in signature.headers() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut idle = TcpStream::connect(&address).unwrap();
        let mut stream = TcpStream::connect(&address).unwrap();
        // The answer to `expect` tells that the receiver reads the body by now.
        write!(stream, "{head}expect: 100-continue\r\n\r\n").unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

        assert!(Command::new("kill").args([signal, &receiver.id()]).status().unwrap().success());
        // It has been asked to stop when it closes the idle connection.
        assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(receiver.wait(), Some(0));
        assert_eq!(status(folder.path(), "ledger.db").messages.delivered, 1);
    }
}
