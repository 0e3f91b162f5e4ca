//! `listen --answer-after journal`: answered from the disk, applied when the ledger takes it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use sinch_batch::ledger::{Claim, Entry, Ledger, NewCampaign, SqliteLedger, Worker};
use sinch_batch::models::{BatchId, Timestamp};
use sinch_batch::webhook::WebhookSecret;

use crate::support::{SECRET, Server, binary, planned, run, try_http};

const BATCH: &str = "01KZ2D9R6AYBT8DN9B4MPA14Y8";

/// A receiver of that kind, and the service that calls it.
pub(crate) struct Callbacks {
    folder: PathBuf,
    args: Vec<String>,
    receiver: Server,
    nonce: u64,
}

/// A campaign with one accepted batch of ten rows.
pub(crate) async fn campaign(ledger: &dyn Ledger) {
    let now = Timestamp::now();
    let plan = Box::new(vec![planned(1..11)]);
    let campaign = ledger.create(NewCampaign::new("c1", "a-key", 10, now), plan).await.unwrap().campaign;
    let batch_id = BatchId::new(BATCH);
    ledger.record(campaign.id, Entry::Accepted { number: 1, batch_id }, now).await.unwrap();
}

fn start(folder: &Path, args: &[String]) -> Server {
    let mut command = binary(folder);
    command.args(["listen", "--addr", "127.0.0.1:0", "--journal", "journal", "--answer-after", "journal"]);
    Server::start(command.args(args).env("SINCH_WEBHOOK_SECRET", SECRET).env("SINCH_BATCH_LOG", "error"))
}

impl Callbacks {
    pub(crate) fn listen(folder: &Path, ledger: &str, args: &[&str]) -> Self {
        let args: Vec<String> = ["--ledger", ledger].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        Self { folder: folder.to_owned(), receiver: start(folder, &args), args, nonce: 0 }
    }

    fn post(&mut self, body: &str) -> u16 {
        self.nonce += 1;
        let nonce = format!("nonce-{}", self.nonce);
        let signature = WebhookSecret::new(SECRET).sign(body.as_bytes(), &nonce, Timestamp::now().as_second());
        let headers = signature.headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        try_http("POST", self.receiver.url("url"), &headers, body).unwrap().0
    }

    /// The receipt of a row; its answer.
    pub(crate) fn delivered(&mut self, index: u32) -> u16 {
        let metadata = json!({"batchId": BATCH, "messageIndex": index}).to_string();
        let report = json!({"message_id": format!("m{index}"), "status": "DELIVERED"});
        self.post(&json!({"message_delivery_report": report, "message_metadata": metadata}).to_string())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.receiver.url("url").trim_end_matches('/'));
        try_http("GET", &url, &[], "").unwrap()
    }

    fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("sinch_batch_{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
    }

    /// How many bytes wait.
    pub(crate) fn spooled(&self) -> u64 {
        self.metric("spool_bytes") as u64
    }

    #[track_caller]
    pub(crate) fn until_applied(&self) {
        self.until("all is applied", |callbacks| callbacks.spooled() == 0);
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "never: {what}; {} bytes wait", self.spooled());
            std::thread::yield_now();
        }
    }

    /// As an operator does.
    pub(crate) fn restart(&mut self) {
        assert_eq!(self.receiver.stop(), Some(0));
        self.receiver = start(&self.folder, &self.args);
    }

    fn files(&self) -> usize {
        let files = std::fs::read_dir(self.folder.join("journal")).unwrap();
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("callbacks-")).count()
    }
}

fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { campaign(&SqliteLedger::open(folder.path().join("ledger.db")).unwrap()).await });
    folder
}

/// As long as it lives, nobody else writes.
fn locked(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("ledger.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

/// Delivered messages, and receipts that were counted.
fn known(folder: &Path) -> (u64, u64) {
    let status = run(binary(folder).args(["status", "c1", "--json", "--ledger", "ledger.db"])).ends(0).json();
    let count = |n: &serde_json::Value| n.as_u64().unwrap_or(0);
    (count(&status["messages"]["delivered"]), count(&status["callbacks"][0]["count"]))
}

#[test]
fn callbacks_are_answered_while_the_ledger_is_locked_and_applied_after() {
    let folder = prepared();
    let mut callbacks = Callbacks::listen(folder.path(), "ledger.db", &[]);
    let lock = locked(folder.path());
    assert_eq!([0, 1, 2].map(|row| callbacks.delivered(row)), [200; 3]);
    assert!(callbacks.spooled() > 0 && callbacks.get("/readyz").0 == 200);
    assert_eq!(known(folder.path()), (0, 0));
    drop(lock);
    callbacks.until_applied();
    assert_eq!(known(folder.path()), (3, 3));
    assert_eq!(callbacks.metric("spool_age_seconds"), 0.0);
    // From where it was, and no record a second time.
    callbacks.restart();
    assert_eq!(callbacks.delivered(3), 200);
    callbacks.until_applied();
    assert_eq!(known(folder.path()), (4, 4));
}

#[test]
fn callbacks_that_a_killed_receiver_left_in_the_journal_are_applied_by_the_next() {
    let folder = prepared();
    let mut callbacks = Callbacks::listen(folder.path(), "ledger.db", &[]);
    assert_eq!(callbacks.delivered(9), 200);
    callbacks.until_applied();
    let lock = locked(folder.path());
    for row in 0..9 {
        assert_eq!(callbacks.delivered(row), 200);
    }
    callbacks.receiver.kill();
    drop(lock);
    assert_eq!(known(folder.path()).0, 1);
    callbacks.receiver = start(&callbacks.folder, &callbacks.args);
    callbacks.until_applied();
    assert_eq!(known(folder.path()).0, 10);
}

#[test]
fn callbacks_over_the_bound_of_the_spool_get_503_until_there_is_room() {
    let folder = prepared();
    let small = ["--spool-size", "2", "--journal-file-size", "1", "--journal-files", "1"];
    let mut callbacks = Callbacks::listen(folder.path(), "ledger.db", &small);
    let lock = locked(folder.path());
    assert_eq!(callbacks.delivered(0), 200);
    let large = json!({"app_id": "", "event": {"id": "x".repeat(200_000)}}).to_string();
    let taken = (0..20).take_while(|_| callbacks.post(&large) == 200).count();
    assert!((10..12).contains(&taken), "{taken}");
    assert_eq!((callbacks.delivered(1), callbacks.get("/readyz").0, callbacks.get("/healthz").0), (503, 503, 200));
    assert!(callbacks.files() > 1, "what waits is not removed by the bounds of the journal");
    drop(lock);
    callbacks.until_applied();
    assert_eq!((callbacks.delivered(1), callbacks.get("/readyz").0), (200, 200));
    callbacks.until_applied();
    assert_eq!(known(folder.path()).0, 2);
    // What is applied is removed by the bounds again, but for the file that the receiver is in.
    for _ in 0..12 {
        assert_eq!(callbacks.post(&large), 200);
        callbacks.until_applied();
    }
    assert!(callbacks.files() <= 2, "{}", callbacks.files());
}

#[test]
fn callbacks_that_the_ledger_has_no_room_for_wait_and_are_applied_once_there_is() {
    let folder = prepared();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
    let now = Timestamp::now();
    let unknown = runtime.block_on(async {
        let plan = Box::new(vec![planned(1..11)]);
        let mut new = NewCampaign::new("c2", "other", 10, now);
        new.allow_duplicate = true;
        let campaign = ledger.create(new, plan).await.unwrap().campaign.id;
        let claim = Claim::new(Worker::new("one", None), 1, now);
        let token = ledger.claim(campaign, claim).await.unwrap().leases[0].token;
        ledger.record(campaign, Entry::Intent { number: 1, token, attempt: 1 }, now).await.unwrap();
        campaign
    });
    // As many receipts as are kept wait for the batch of unknown outcome.
    let file = Connection::open(folder.path().join("ledger.db")).unwrap();
    file.execute_batch(
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 99999) \
         INSERT INTO deferred (batch_id, position, progress) SELECT 'nobody''s', n, 4 FROM n",
    )
    .unwrap();
    let mut callbacks = Callbacks::listen(folder.path(), "ledger.db", &[]);
    let stranger = json!({"batchId": "01KZ2D9R6AYBT8DN9B4MPA14Z0", "messageIndex": 0}).to_string();
    let report = json!({"message_id": "m", "status": "DELIVERED"});
    let early = json!({"message_delivery_report": report, "message_metadata": stranger}).to_string();
    assert_eq!((callbacks.post(&early), callbacks.delivered(1)), (200, 200));
    callbacks.until("what waits gets older", |callbacks| callbacks.metric("spool_age_seconds") > 0.5);
    // What comes behind it waits too, and the receiver goes on.
    assert!(callbacks.spooled() > 0 && known(folder.path()) == (0, 0));
    assert_eq!((callbacks.delivered(2), callbacks.get("/readyz").0), (200, 200));
    let batch_id = BatchId::new("01KZ2D9R6AYBT8DN9B4MPA14Z1");
    runtime.block_on(ledger.record(unknown, Entry::Accepted { number: 1, batch_id }, now)).unwrap();
    callbacks.until_applied();
    assert_eq!(known(folder.path()), (2, 3));
}

#[test]
fn answer_after_journal_needs_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut listen = binary(folder.path());
    listen.args(["listen", "--answer-after", "journal", "--ledger", "ledger.db"]).env("SINCH_WEBHOOK_SECRET", SECRET);
    let said = run(&mut listen).ends(2);
    assert!(said.stderr.contains("hint: name its folder: --journal DIR"), "{said:?}");
}
