//! The ledger on disk: what only a file can do.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sinch_batch_ledger::{
    Applied, BatchStage, Entry, Ledger, LedgerError, LedgerErrorKind, NewCampaign, ReceivedCallback, RowSpans,
    SqliteLedger, conformance,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, Callback, Timestamp, wire};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Progress, RowKey, observe};

const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";

fn rows(range: std::ops::RangeInclusive<u64>) -> RowSpans {
    range.map(|row| (row, row + 1)).collect()
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn read(row: u64) -> MessageUpdate {
    MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), MessageState::new(Progress::Read))
}

#[tokio::test]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    conformance::run(|| {
        made.set(made.get() + 1);
        SqliteLedger::open(folder.path().join(made.get().to_string())).unwrap()
    })
    .await;
}

/// What was answered is in the files at that moment, not only after a clean end.
#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = ledger.create(NewCampaign::new("autumn", KEY, 10, now())).await.unwrap();
    ledger.record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=4) }, now()).await.unwrap();
    ledger.record(campaign.id, Entry::Accepted { number: 1, batch_id: BatchId::new("A") }, now()).await.unwrap();
    ledger.record(campaign.id, Entry::Intent { number: 2, rows: rows(5..=6) }, now()).await.unwrap();
    let receipt = ReceivedCallback::new(Some(&Trigger::MessageDelivery), now()).with_observation(read(2));
    ledger.apply_callback(receipt).await.unwrap();
    ledger.apply_callback(ReceivedCallback::new(Some(&Trigger::OptIn), now())).await.unwrap();

    // The files as a kill at this moment leaves them: the ledger is still open.
    let killed = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), killed.path().join(file.file_name())).unwrap();
    }
    let after = SqliteLedger::open(killed.path().join("ledger")).unwrap();
    assert_eq!(after.campaign("autumn").await.unwrap(), Some(campaign.clone()));
    assert_eq!(after.status(campaign.id).await.unwrap(), ledger.status(campaign.id).await.unwrap());
    assert_eq!(after.open_batches(campaign.id).await.unwrap().len(), 1);
    assert_eq!(after.status(campaign.id).await.unwrap().messages.read, 1);
    let counts: Vec<_> = after.callbacks().await.unwrap().into_iter().map(|count| (count.kind, count.count)).collect();
    assert_eq!(counts, [("MESSAGE_DELIVERY".to_owned(), 1), ("OPT_IN".to_owned(), 1)]);
    assert_eq!(after.frontier(campaign.id).await.unwrap().next_number, 3);
}

#[tokio::test]
async fn a_dropped_ledger_can_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = ledger.create(NewCampaign::new("autumn", KEY, 10, now())).await.unwrap();
    // Nobody waits for this one; it is done all the same.
    drop(ledger.record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=4) }, now()));
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.batches(campaign.id, 0, 9).await.unwrap()[0].stage, BatchStage::Unknown);
}

#[tokio::test]
async fn two_ledgers_on_one_file_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let (sender, listener) = (SqliteLedger::open(&path).unwrap(), SqliteLedger::open(&path).unwrap());
    let campaign = sender.create(NewCampaign::new("autumn", KEY, 10, now())).await.unwrap();
    sender.record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=4) }, now()).await.unwrap();
    assert_eq!(listener.campaign("autumn").await.unwrap().unwrap(), campaign);
    // The listener hears the proof before the sender hears the answer.
    assert_eq!(listener.apply(read(1).with_batch_id(BatchId::new("A")).into()).await.unwrap(), Applied::Updated);
    assert_eq!(sender.open_batches(campaign.id).await.unwrap(), []);
    let again = sender.record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=4) }, now()).await;
    assert_eq!(again.unwrap_err().kind(), LedgerErrorKind::Impossible);
    sender.record(campaign.id, Entry::Accepted { number: 1, batch_id: BatchId::new("A") }, now()).await.unwrap();
    assert_eq!(sender.status(campaign.id).await.unwrap().messages.read, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_in_two_ledgers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledgers = [0, 1].map(|_| Arc::new(SqliteLedger::open(&path).unwrap()));
    let campaign = ledgers[0].create(NewCampaign::new("autumn", KEY, 400, now())).await.unwrap();
    ledgers[0].record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=400) }, now()).await.unwrap();
    let tasks: Vec<_> = (1..=400)
        .map(|row| {
            let ledger = Arc::clone(&ledgers[row as usize % 2]);
            tokio::spawn(async move {
                // A neighbour in the same transaction that fails takes nothing with it.
                let wrong = Entry::Accepted { number: 9, batch_id: BatchId::new("Z") };
                let receipt = ReceivedCallback::new(Some(&Trigger::MessageDelivery), now()).with_observation(read(row));
                let (heard, wrong) =
                    (ledger.apply_callback(receipt), ledger.record(campaign.id, wrong, Timestamp::UNIX_EPOCH));
                assert_eq!(heard.await.unwrap(), Some(Applied::Updated));
                assert_eq!(wrong.await.unwrap_err().kind(), LedgerErrorKind::Impossible);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for ledger in &ledgers {
        let standing = ledger.status(campaign.id).await.unwrap();
        assert_eq!((standing.accepted, standing.messages.read), (400, 400));
        assert_eq!(ledger.callbacks().await.unwrap()[0].count, 400);
    }
}

#[tokio::test]
async fn callbacks_that_could_not_be_taken_in_are_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = ledger.create(NewCampaign::new("autumn", KEY, 9, now())).await.unwrap();
    ledger.record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=9) }, now()).await.unwrap();
    let faulty = rusqlite::Connection::open(&path).unwrap();
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON message WHEN NEW.row = 5 BEGIN SELECT RAISE(ABORT, 'no'); END;";
    faulty.execute_batch(fault).unwrap();
    let receipts = |rows: &[u64]| {
        let receipt =
            |row: &u64| ReceivedCallback::new(Some(&Trigger::MessageDelivery), now()).with_observation(read(*row));
        ledger.apply_callbacks(rows.iter().map(receipt).collect())
    };
    // All of them are on their way before the first is answered.
    let (before, broken, after) = (receipts(&[1, 2]), receipts(&[3, 4, 5]), receipts(&[6]));
    assert_eq!(before.await.unwrap().len(), 2);
    assert_eq!(broken.await.unwrap_err().kind(), LedgerErrorKind::Other);
    assert_eq!(after.await.unwrap().len(), 1);
    assert_eq!(ledger.status(campaign.id).await.unwrap().messages.read, 3);
    assert_eq!(ledger.callbacks().await.unwrap()[0].count, 3);

    // Nor are those whose count itself cannot be written.
    let fault =
        "DROP TRIGGER fault; CREATE TRIGGER fault BEFORE INSERT ON callback BEGIN SELECT RAISE(ABORT, 'no'); END;";
    faulty.execute_batch(fault).unwrap();
    assert_eq!(receipts(&[7]).await.unwrap_err().kind(), LedgerErrorKind::Other);
    faulty.execute_batch("DROP TRIGGER fault;").unwrap();
    assert_eq!(receipts(&[8]).await.unwrap(), [Some(Applied::Updated)]);
    assert_eq!(ledger.status(campaign.id).await.unwrap().messages.read, 4);
    assert_eq!(ledger.callbacks().await.unwrap()[0].count, 4);
}

#[test]
fn several_can_create_the_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(|| SqliteLedger::open(&path).map(drop))).collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
}

fn tables(path: &Path) -> (i64, Vec<String>) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let sql = statement.query_map([], |row| row.get(0)).unwrap();
    (version, sql.map(Result::unwrap).collect())
}

#[tokio::test]
async fn a_ledger_of_the_first_version_is_brought_up_and_keeps_what_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let first = rusqlite::Connection::open(&path).unwrap();
    first.execute_batch(include_str!("version_1.sql")).unwrap();
    drop(first);
    assert_eq!(tables(&path).0, 1);

    let opening: Vec<_> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..4).map(|_| scope.spawn(|| SqliteLedger::open(&path).unwrap())).collect();
        opening.into_iter().map(|opened| opened.join().unwrap()).collect()
    });
    let ledger = &opening[0];
    let campaign = ledger.campaign("autumn").await.unwrap().unwrap();
    let standing = ledger.status(campaign.id).await.unwrap();
    assert_eq!((standing.rows, standing.accepted, standing.batches.accepted), (3, 3, 2));
    assert_eq!((standing.messages.delivered, standing.messages.failed), (2, 1));
    assert_eq!(ledger.failures(campaign.id, 0, 9).await.unwrap()[0].line, 3);
    assert_eq!(ledger.callbacks().await.unwrap(), []);
    for ledger in &opening {
        ledger.apply_callback(ReceivedCallback::new(None, now())).await.unwrap();
    }
    assert_eq!(ledger.callbacks().await.unwrap()[0].count, 4);

    // It has become what a new one is.
    SqliteLedger::open(folder.path().join("new")).unwrap();
    assert_eq!(tables(&path), tables(&folder.path().join("new")));
    assert_eq!(tables(&path).0, 2);
}

/// Opens something that is no ledger, and sees that it is left as it is.
#[track_caller]
fn check_refused(path: &Path, kind: LedgerErrorKind, sentence: &str) {
    let before = fs::read(path).ok();
    let error = SqliteLedger::open(path).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, sentence));
    assert_eq!(fs::read(path).ok(), before);
    cause_is_told_once(&error);
}

fn cause_is_told_once(error: &LedgerError) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or("no cause".to_owned());
    assert!(!error.to_string().contains(&cause), "{error}: {cause}");
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let not_a_ledger = "the file is not a ledger of campaigns";

    fs::write(path("csv"), "SMS,name\n+15550100011,Ines\n".repeat(100)).unwrap();
    check_refused(&path("csv"), LedgerErrorKind::NotALedger, not_a_ledger);

    fs::write(path("short"), "no").unwrap();
    check_refused(&path("short"), LedgerErrorKind::NotALedger, not_a_ledger);

    let other = rusqlite::Connection::open(path("other")).unwrap();
    other.execute_batch("CREATE TABLE contact (name TEXT)").unwrap();
    drop(other);
    check_refused(&path("other"), LedgerErrorKind::NotALedger, not_a_ledger);

    drop(SqliteLedger::open(path("newer")).unwrap());
    let newer = rusqlite::Connection::open(path("newer")).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    drop(newer);
    check_refused(
        &path("newer"),
        LedgerErrorKind::TooNew,
        "the ledger file is of version 3, and this release reads up to version 2",
    );

    // Marked as a ledger, but of no version there ever was.
    for version in [0, -1] {
        let strange = rusqlite::Connection::open(path("newer")).unwrap();
        strange.pragma_update(None, "user_version", version).unwrap();
        drop(strange);
        check_refused(&path("newer"), LedgerErrorKind::NotALedger, not_a_ledger);
    }

    check_refused(&path("no/such/folder"), LedgerErrorKind::Open, "the ledger file cannot be opened");
    check_refused(folder.path(), LedgerErrorKind::Open, "the ledger file cannot be opened");
}

#[tokio::test]
async fn promise_8_secrets_numbers_and_texts_do_not_leak() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = ledger.create(NewCampaign::new("autumn", KEY, 2, now())).await.unwrap();
    ledger.record(campaign.id, Entry::Intent { number: 1, rows: rows(1..=2) }, now()).await.unwrap();
    let why = "recipient +1 555-010-0012 is not valid".to_owned();
    ledger.record(campaign.id, Entry::Refused { number: 1, why }, now()).await.unwrap();
    let body = r#"{"message_delivery_report":{"status":"FAILED","message_id":"01KZ4QJ38K8C1AVZA3F56M7JYD",
        "channel_identity":{"channel":"SMS","identity":"+15550100011"},"contact_id":"01KZ094YTCKKX8P8S20HQQG5BN",
        "reason":{"code":"BAD_REQUEST","description":"no route to 15550100011 for ines_k"},
        "metadata":"{\"sinch_batch_row\":\"KEY.2\",\"_batch_id\":\"A\",\"name\":\"Ines Secret\"}"}}"#;
    let callback: Callback = wire::parse(body.replace("KEY", KEY).as_bytes()).unwrap();
    assert_eq!(ledger.apply(observe(&callback).unwrap()).await.unwrap(), Applied::Updated);
    drop(ledger);
    let kept: Vec<u8> =
        fs::read_dir(folder.path()).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    let kept = String::from_utf8_lossy(&kept);
    assert!(kept.contains("BAD_REQUEST"));
    for secret in ["5550100011", "010-0012", "Ines", "Secret", "01KZ4QJ38K8C1AVZA3F56M7JYD"] {
        assert!(!kept.contains(secret), "{secret} is in the file");
    }
}
