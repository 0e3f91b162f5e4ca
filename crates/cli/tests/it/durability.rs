//! Load, stops, kills and faults: what was answered 200 is in the ledger, and nothing is there twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use rusqlite::Connection;
use serde_json::json;
use sinch_batch::ledger::{CampaignRecord, Entry, Ledger, NewCampaign, PlannedRows, SqliteLedger};
use sinch_batch::models::{BatchId, Timestamp};
use sinch_batch::tracking::{Progress, RowKey};
use sinch_batch::webhook::WebhookSecret;

use crate::support::{SECRET, Server, binary, planned, try_http};

const BATCHES: u32 = 4;
const ROWS: u64 = 1200;
const CLIENTS: usize = 8;
const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";

/// Each row is told two things: queued, and how it ended.
const CALLBACKS: usize = ROWS as usize * 2;

/// How a row ends.
fn end(row: u64) -> (&'static str, Progress) {
    match row % 5 {
        0 => ("FAILED", Progress::Failed),
        1 => ("READ", Progress::Read),
        _ => ("DELIVERED", Progress::Delivered),
    }
}

/// The callbacks in an order in which ends may come before beginnings.
fn callback(n: usize) -> (u64, &'static str, Progress) {
    let n = (n * 1103) % CALLBACKS;
    let row = n as u64 / 2 + 1;
    let (status, progress) = if n.is_multiple_of(2) { ("QUEUED_ON_CHANNEL", Progress::Queued) } else { end(row) };
    (row, status, progress)
}

async fn prepared(path: &Path) -> CampaignRecord {
    let ledger = SqliteLedger::open(path).unwrap();
    let now = Timestamp::now();
    let size = ROWS / u64::from(BATCHES);
    let plan: Vec<PlannedRows> = (0..u64::from(BATCHES)).map(|n| planned(n * size + 1..(n + 1) * size + 1)).collect();
    let campaign = ledger.create(NewCampaign::new("load", KEY, ROWS, now), Box::new(plan)).await.unwrap().campaign;
    for number in 1..=BATCHES {
        let batch_id = BatchId::new(format!("batch-{number}"));
        ledger.record(campaign.id, Entry::Accepted { number, batch_id }, now).await.unwrap();
    }
    campaign
}

/// The service, as far as a receiver knows it: it sends each callback until it is answered 2xx.
#[derive(Debug)]
struct Service {
    /// Where the receiver is at this moment.
    url: RwLock<String>,
    next: AtomicUsize,
    /// Rows that were answered 200, and for what.
    acknowledged: Mutex<BTreeMap<u64, Progress>>,
    refusals: AtomicUsize,
    broken: AtomicUsize,
    /// Somebody has panicked: nobody waits for anything any more.
    over: AtomicBool,
}

/// Ends the test for all when one of its threads panics.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

impl Service {
    fn go_on(&self) {
        assert!(!self.over.load(Ordering::SeqCst), "another thread has failed");
    }

    fn work(&self) {
        let _alarm = Alarm(&self.over);
        let secret = WebhookSecret::new(SECRET);
        loop {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            if n >= CALLBACKS {
                return;
            }
            let (row, status, progress) = callback(n);
            let metadata = json!({"sinch_batch_row": RowKey::new(KEY, row).to_string()}).to_string();
            let body = json!({"message_delivery_report": {
                "message_id": format!("m{row}"), "status": status, "metadata": metadata,
                "reason": {"code": "RECIPIENT_NOT_REACHABLE", "description": "switched off"},
            }})
            .to_string();
            self.send(&secret, &format!("nonce-{n}"), &body, n.is_multiple_of(7));
            let mut acknowledged = self.acknowledged.lock().unwrap();
            let known = acknowledged.entry(row).or_insert(progress);
            *known = progress.max(*known);
        }
    }

    /// Until it is answered 200; some are sent once more after that, as by a service that missed the
    /// answer.
    fn send(&self, secret: &WebhookSecret, nonce: &str, body: &str, twice: bool) {
        let mut left = if twice { 2 } else { 1 };
        while left > 0 {
            self.go_on();
            let signature = secret.sign(body.as_bytes(), nonce, Timestamp::now().as_second());
            let headers = signature.headers();
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let url = self.url.read().unwrap().clone();
            match try_http("POST", &url, &headers, body) {
                Ok((200, _)) => left -= 1,
                Ok((503, _)) => {
                    self.refusals.fetch_add(1, Ordering::SeqCst);
                }
                Ok((status, _)) => panic!("answered {status}, which is final"),
                // Nobody there, or killed in the middle.
                Err(_) => {
                    self.broken.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                }
            }
        }
    }

    fn n_acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

/// The receiver, and what is done to it.
struct Operator<'a> {
    folder: &'a Path,
    service: &'a Service,
    receiver: Server,
}

fn listen(folder: &Path) -> Server {
    let mut command = binary(folder);
    command.args(["listen", "--addr", "127.0.0.1:0", "--ledger", "ledger.db", "--journal", "journal"]);
    Server::start(command.env("SINCH_WEBHOOK_SECRET", SECRET).env("SINCH_BATCH_LOG", "error"))
}

impl Operator<'_> {
    /// Waits until so many more rows are known to be safe, or all of them.
    fn until(&self, rows: usize) {
        let goal = (self.service.n_acknowledged() + rows).min(ROWS as usize);
        while self.service.n_acknowledged() < goal {
            self.service.go_on();
            std::thread::yield_now();
        }
    }

    fn start_again(&mut self) {
        self.receiver = listen(self.folder);
        *self.service.url.write().unwrap() = self.receiver.url("url").to_owned();
    }

    /// What was answered before this moment is in the ledger, whatever happened to the receiver.
    fn look(&self, campaign: &CampaignRecord) {
        let acknowledged = self.service.acknowledged.lock().unwrap().clone();
        block_on(async {
            let ledger = SqliteLedger::open(self.folder.join("ledger.db")).unwrap();
            for (row, progress) in acknowledged {
                let known = ledger.message(campaign.id, row).await.unwrap();
                let known = known.unwrap_or_else(|| panic!("row {row} was answered 200 and is not there"));
                assert!(known.progress >= progress, "row {row}: {known:?}, and {progress:?} was answered 200");
            }
        });
    }
}

/// Lets the ledger fail at random, as a failing disk would: one write in so many, alone or with all
/// that is committed with it.
fn break_ledger(path: &Path, one_in: u32, how: &str) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
        .execute_batch(&format!(
            "DROP TRIGGER IF EXISTS fault_new; DROP TRIGGER IF EXISTS fault_again;
             CREATE TRIGGER fault_new BEFORE INSERT ON message WHEN abs(random()) % {one_in} = 0
                 BEGIN SELECT RAISE({how}, 'a fault'); END;
             CREATE TRIGGER fault_again BEFORE UPDATE ON standing WHEN abs(random()) % {one_in} = 0
                 BEGIN SELECT RAISE({how}, 'a fault'); END;"
        ))
        .unwrap();
}

fn mend_ledger(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection.execute_batch("DROP TRIGGER fault_new; DROP TRIGGER fault_again;").unwrap();
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn promise_7_no_callback_is_lost_or_doubled_while_the_receiver_stops_dies_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("ledger.db");
    let campaign = block_on(prepared(&path));
    let receiver = listen(folder.path());
    let service = Service {
        url: RwLock::new(receiver.url("url").to_owned()),
        next: AtomicUsize::new(0),
        acknowledged: Mutex::default(),
        refusals: AtomicUsize::new(0),
        broken: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let mut operator = Operator { folder: folder.path(), service: &service, receiver };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| service.work())).collect();
        let _alarm = Alarm(&service.over);
        for round in 0..3 {
            operator.until(60);
            assert_eq!(operator.receiver.stop(), Some(0));
            operator.look(&campaign);
            operator.start_again();

            operator.until(60);
            operator.receiver.kill();
            operator.look(&campaign);
            operator.start_again();

            break_ledger(&path, 5, ["ABORT", "ROLLBACK", "FAIL"][round]);
            operator.until(60);
            // Killed in the midst of that.
            operator.receiver.kill();
            mend_ledger(&path);
            operator.look(&campaign);
            operator.start_again();
        }
        for client in clients {
            client.join().unwrap();
        }
    });
    assert_eq!(operator.receiver.stop(), Some(0));
    operator.look(&campaign);
    assert!(service.broken.load(Ordering::SeqCst) > 0, "the receiver was away");
    assert!(service.refusals.load(Ordering::SeqCst) > 0, "the ledger failed, and the service was asked to come again");

    // Each row once, each in the state it ended in.
    block_on(async {
        let ledger = SqliteLedger::open(&path).unwrap();
        let messages = ledger.status(campaign.id).await.unwrap().messages;
        let ended = |wanted: Progress| (1..=ROWS).filter(|row| end(*row).1 == wanted).count() as u64;
        assert_eq!(
            (messages.delivered, messages.read, messages.failed, messages.queued, messages.pending),
            (ended(Progress::Delivered), ended(Progress::Read), ended(Progress::Failed), 0, 0)
        );
        for row in 1..=ROWS {
            assert_eq!(ledger.message(campaign.id, row).await.unwrap().unwrap().progress, end(row).1, "row {row}");
        }
    });

    // What is in the journal leads to the same, alone.
    let other = folder.path().join("other.db");
    let again = block_on(prepared(&other));
    let replayed =
        crate::support::run(binary(folder.path()).args(["replay", "journal", "--ledger", "other.db"])).ends(0);
    block_on(async {
        let one = SqliteLedger::open(&path).unwrap().status(campaign.id).await.unwrap();
        let two = SqliteLedger::open(&other).unwrap().status(again.id).await.unwrap();
        assert_eq!(one, two, "{replayed:?}");
    });
}
