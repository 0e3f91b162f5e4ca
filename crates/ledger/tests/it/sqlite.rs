//! The ledger on disk: what only a file can do.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sinch_batch_ledger::{
    Applied, BatchStage, CampaignRecord, Claim, Entry, Ledger, LedgerError, LedgerErrorKind, NewCampaign, PlannedRows,
    ReasonCount, ReceivedCallback, RowSpans, SqliteLedger, Worker, conformance,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, Callback, Timestamp, wire};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Progress, RowKey, observe};

const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";

/// Batches of that many rows each; the last may be smaller.
fn plan(n_rows: u64, size: u64) -> Vec<PlannedRows> {
    let batch = |first: u64| {
        let rows: RowSpans = (first..(first + size).min(n_rows + 1)).map(|row| (row, row + 1)).collect();
        PlannedRows { first_row: None, rows, at_byte: first * 20, n_bytes: size * 20, digest: first.to_be_bytes() }
    };
    (1..=n_rows).step_by(size as usize).map(batch).collect()
}

async fn create(ledger: &SqliteLedger, n_rows: u64, size: u64) -> CampaignRecord {
    let new = NewCampaign::new("autumn", KEY, n_rows, now());
    ledger.create(new, Box::new(plan(n_rows, size))).await.unwrap().campaign
}

/// Claims so many batches.
async fn claim(ledger: &SqliteLedger, campaign: &CampaignRecord, worker: &str, room: u32) -> Vec<(u32, u64)> {
    let claim = Claim::new(Worker::new(worker, None), room, now());
    let claimed = ledger.claim(campaign.id, claim).await.unwrap();
    claimed.leases.iter().map(|lease| (lease.number, lease.token)).collect()
}

/// Claims a batch and records the first attempt.
async fn try_next(ledger: &SqliteLedger, campaign: &CampaignRecord) -> Entry {
    let (number, token) = claim(ledger, campaign, "one", 1).await[0];
    let intent = Entry::Intent { number, token, attempt: 1 };
    ledger.record(campaign.id, intent.clone(), now()).await.unwrap();
    intent
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn read(row: u64) -> MessageUpdate {
    MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), MessageState::new(Progress::Read))
}

#[tokio::test]
async fn sqlite_ledger_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    conformance::run(async || {
        made.set(made.get() + 1);
        SqliteLedger::open(folder.path().join(made.get().to_string())).unwrap()
    })
    .await;
}

/// What was answered is in the files at that moment, not only after a clean end.
#[tokio::test]
async fn sqlite_ledger_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 10, 4).await;
    try_next(&ledger, &campaign).await;
    ledger.record(campaign.id, Entry::Accepted { number: 1, batch_id: BatchId::new("A") }, now()).await.unwrap();
    try_next(&ledger, &campaign).await;
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
    let status = after.status(campaign.id).await.unwrap();
    assert_eq!(status, ledger.status(campaign.id).await.unwrap());
    assert_eq!((status.accepted, status.unknown, status.planned, status.messages.read), (4, 4, 2, 1));
    let counts: Vec<_> = after.callbacks().await.unwrap().into_iter().map(|count| (count.kind, count.count)).collect();
    assert_eq!(counts, [("MESSAGE_DELIVERY".to_owned(), 1), ("OPT_IN".to_owned(), 1)]);
    assert_eq!(claim(&after, &campaign, "two", 9).await, [(3, 1)]);
}

#[tokio::test]
async fn sqlite_ledger_does_what_it_was_given_before_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 4, 4).await;
    let (number, token) = claim(&ledger, &campaign, "one", 1).await[0];
    // Nobody waits for this one; it is done all the same.
    drop(ledger.record(campaign.id, Entry::Intent { number, token, attempt: 1 }, now()));
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.batches(campaign.id, 0, 9).await.unwrap()[0].stage, BatchStage::Unknown);
}

#[tokio::test]
async fn two_sqlite_ledgers_on_one_file_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let (sender, listener) = (SqliteLedger::open(&path).unwrap(), SqliteLedger::open(&path).unwrap());
    let campaign = create(&sender, 10, 4).await;
    let intent = try_next(&sender, &campaign).await;
    assert_eq!(listener.campaign("autumn").await.unwrap().unwrap(), campaign);
    // The listener receives the proof before the sender receives the response.
    assert_eq!(listener.apply(read(1).with_batch_id(BatchId::new("A")).into()).await.unwrap(), Applied::Updated);
    let again = sender.record(campaign.id, intent, now()).await;
    assert_eq!(again.unwrap_err().kind(), LedgerErrorKind::Accepted);
    sender.record(campaign.id, Entry::Accepted { number: 1, batch_id: BatchId::new("A") }, now()).await.unwrap();
    assert_eq!(sender.status(campaign.id).await.unwrap().messages.read, 1);
    assert_eq!(claim(&listener, &campaign, "two", 9).await, [(2, 1), (3, 1)]);
    assert_eq!(claim(&sender, &campaign, "one", 9).await, []);
    listener.cancel(campaign.id).await.unwrap();
    let refused = sender.begin_run(campaign.id, std::time::Duration::ZERO).await;
    assert_eq!(refused.unwrap_err().kind(), LedgerErrorKind::NotRunning);
}

/// What one has read of a batch is no longer so when another has changed it.
#[tokio::test]
async fn sqlite_ledger_sees_that_another_has_changed_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteLedger::open(folder.path().join("ledger")).unwrap();
    let (one, other) = (open(), open());
    let campaign = create(&one, 9, 9).await;
    try_next(&one, &campaign).await;
    for row in [1, 2, 3] {
        assert_eq!(one.apply(read(row).into()).await.unwrap(), Applied::Updated);
    }
    let batch_id = BatchId::new("its id");
    other.record(campaign.id, Entry::Accepted { number: 1, batch_id: batch_id.clone() }, now()).await.unwrap();

    let mut receipt = read(4);
    receipt.batch_id = Some(BatchId::new("another id"));
    one.apply(receipt.into()).await.unwrap();
    assert_eq!(one.batches(campaign.id, 0, 1).await.unwrap()[0].batch_id, Some(batch_id));
    assert_eq!(one.status(campaign.id).await.unwrap().doubled, 9);
}

/// SQLite follows a symbolic link before it names the files beside the ledger.
#[cfg(unix)]
#[test]
fn workers_on_one_file_by_its_name_and_a_symbolic_link_claim_each_batch_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let first = SqliteLedger::open(path("ledger")).unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let campaign = runtime().block_on(create(&first, 300, 1));
    std::os::unix::fs::symlink(path("ledger"), path("symbolic")).unwrap();
    let mut claimed: Vec<(u32, u64)> = std::thread::scope(|scope| {
        let work = |name: &'static str| {
            let (path, campaign) = (path(name), &campaign);
            scope.spawn(move || {
                let ledger = SqliteLedger::open(path).unwrap();
                runtime().block_on(async {
                    let mut all = Vec::new();
                    loop {
                        let some = claim(&ledger, campaign, name, 3).await;
                        if some.is_empty() {
                            return all;
                        }
                        all.extend(some);
                    }
                })
            })
        };
        let workers = ["ledger", "symbolic", "ledger"].map(work);
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=300).map(|number| (number, 1)).collect::<Vec<_>>());
}

/// By each name of a file SQLite would keep other files beside it, and two writers would not see each other.
#[cfg(unix)]
#[tokio::test]
async fn ledger_with_hard_links_is_refused_by_each_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ledger = SqliteLedger::open(path("ledger")).unwrap();
    let campaign = create(&ledger, 4, 2).await;
    fs::hard_link(path("ledger"), path("hard")).unwrap();
    let sentence = "the ledger file has 2 names (hard links); remove all but the one it was created by";
    for name in ["ledger", "hard"] {
        let error = SqliteLedger::open(path(name)).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (LedgerErrorKind::Open, sentence));
    }
    fs::remove_file(path("hard")).unwrap();
    let again = SqliteLedger::open(path("ledger")).unwrap();
    assert_eq!(claim(&again, &campaign, "one", 1).await, [(1, 1)]);
    assert_eq!(claim(&ledger, &campaign, "two", 2).await, [(2, 1)]);
}

#[tokio::test]
async fn campaign_of_10_000_batches_is_created_and_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger")).unwrap();
    let campaign = create(&ledger, 10_000_000, 1000).await;
    let status = ledger.status(campaign.id).await.unwrap();
    assert_eq!((status.planned, status.batches.planned), (10_000_000, 10_000));
    ledger.begin_run(campaign.id, std::time::Duration::ZERO).await.unwrap();
    assert_eq!(claim(&ledger, &campaign, "one", 2).await, [(1, 1), (2, 1)]);
    let last = ledger.batches(campaign.id, 9_999, 9).await.unwrap().remove(0);
    assert_eq!((last.rows.first_row(), last.rows.last_row()), (Some(9_999_001), Some(10_000_000)));
    // The same once more is found by its first batch.
    let again = NewCampaign::new("again", "again", 10_000_000, now());
    let error = ledger.create(again, Box::new(plan(10_000_000, 1000))).await.unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Duplicate);
}

#[tokio::test]
async fn altered_sums_are_noticed_when_a_run_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 10, 4).await;
    try_next(&ledger, &campaign).await;
    let run = async || ledger.begin_run(campaign.id, std::time::Duration::ZERO).await.map(|run| run.number);
    assert_eq!(run().await.unwrap(), 1);
    let other = rusqlite::Connection::open(&path).unwrap();
    for (alter, undo) in [
        ("UPDATE standing SET n_unknown = 0", "UPDATE standing SET n_unknown = 4"),
        ("UPDATE standing SET n_accepted = 4", "UPDATE standing SET n_accepted = 0"),
        ("UPDATE standing SET n_rows = 9", "UPDATE standing SET n_rows = 10"),
        ("UPDATE standing SET batches_planned = 3", "UPDATE standing SET batches_planned = 2"),
        ("UPDATE standing SET batches_refused = 1", "UPDATE standing SET batches_refused = 0"),
        ("UPDATE batch SET stage = 'planned' WHERE number = 1", "UPDATE batch SET stage = 'unknown' WHERE number = 1"),
        ("UPDATE batch SET stage = 'refused' WHERE number = 2", "UPDATE batch SET stage = 'planned' WHERE number = 2"),
        (
            "UPDATE batch SET number = 7, campaign = 9 WHERE number = 3",
            "UPDATE batch SET number = 3, campaign = 1 WHERE number = 7",
        ),
    ] {
        other.execute_batch(alter).unwrap();
        assert_eq!(run().await.unwrap_err().kind(), LedgerErrorKind::Altered, "{alter}");
        other.execute_batch(undo).unwrap();
    }
    assert_eq!(run().await.unwrap(), 2);
}

/// Whatever is in a damaged file: an error, or an answer, and no panic.
#[tokio::test]
async fn damaged_numbers_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let most = i64::MAX;
    for damage in [
        format!("UPDATE standing SET n_skipped = {most}, n_accepted = {most}, n_unknown = {most}, n_doubled = {most}"),
        format!("UPDATE standing SET pending = {most}, queued = {most}, read = {most}, failed = {most}, runs = {most}"),
        format!("UPDATE standing SET batches_planned = {most}, batches_unknown = {most}, batches_accepted = {most}"),
        "UPDATE standing SET batches_planned = -1".to_owned(),
        "UPDATE standing SET phase = 9".to_owned(),
        format!("UPDATE batch SET token = {most}, attempts = 4294967295"),
        format!("UPDATE batch SET n_rows = {most}"),
        "UPDATE batch SET rows = ''".to_owned(),
        "UPDATE batch SET rows = '1+18446744073709551615@1'".to_owned(),
        "UPDATE batch SET rows = 'x'".to_owned(),
        "UPDATE batch SET digest = x'00', stage = 'lost'".to_owned(),
        format!("UPDATE batch SET lease_until = {most}"),
        format!("UPDATE batch SET may_leave_until = -{most}, last_attempt = {most}, number = number + 5000000000"),
    ] {
        fs::remove_file(&path).ok();
        let ledger = SqliteLedger::open(&path).unwrap();
        let campaign = create(&ledger, 10, 4).await;
        try_next(&ledger, &campaign).await;
        rusqlite::Connection::open(&path).unwrap().execute_batch(&damage).unwrap();
        let id = campaign.id;
        if let Ok(status) = ledger.status(id).await {
            let _ = (status.awaiting(), status.is_unfinished(), status.batches.total());
        }
        let _ = ledger.begin_run(id, std::time::Duration::MAX).await;
        let _ = ledger.claim(id, Claim::new(Worker::new("two", None), 9, Timestamp::MAX)).await;
        let batch_ids = vec![BatchId::new("B"), BatchId::new("C")];
        for entry in [
            Entry::Intent { number: 1, token: i64::MAX as u64, attempt: u32::MAX },
            Entry::Accepted { number: 1, batch_id: BatchId::new("A") },
            Entry::Doubled { number: 2, batch_ids },
            Entry::Refused { number: 3, attempt: u32::MAX, why: String::new() },
        ] {
            let _ = ledger.record(id, entry, Timestamp::MIN).await;
        }
        for row in 1..=10 {
            let _ = ledger.apply(read(row).into()).await;
        }
        let _ = ledger.release(id, "one", now()).await;
        let _ = (ledger.batches(id, 0, 9).await, ledger.failures(id, 0, 9).await);
        // The thread that writes is still there.
        let callback = ReceivedCallback::new(Some(&Trigger::OptIn), now());
        ledger.apply_callback(callback).await.unwrap();
        assert_eq!(ledger.callbacks().await.unwrap()[0].count, 1, "{damage}");
        drop(ledger);
        for beside in ["ledger-wal", "ledger-shm"] {
            fs::remove_file(folder.path().join(beside)).ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_in_two_sqlite_ledgers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledgers = [0, 1].map(|_| Arc::new(SqliteLedger::open(&path).unwrap()));
    let campaign = create(&ledgers[0], 400, 400).await;
    try_next(&ledgers[0], &campaign).await;
    let id = campaign.id;
    let tasks: Vec<_> = (1..=400)
        .map(|row| {
            let ledger = Arc::clone(&ledgers[row as usize % 2]);
            tokio::spawn(async move {
                // A neighbour in the same transaction that fails takes nothing with it.
                let wrong = Entry::Accepted { number: 9, batch_id: BatchId::new("Z") };
                let receipt = ReceivedCallback::new(Some(&Trigger::MessageDelivery), now()).with_observation(read(row));
                let (applied, wrong) = (ledger.apply_callback(receipt), ledger.record(id, wrong, now()));
                assert_eq!(applied.await.unwrap(), Some(Applied::Updated));
                assert_eq!(wrong.await.unwrap_err().kind(), LedgerErrorKind::Impossible);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for ledger in &ledgers {
        let status = ledger.status(campaign.id).await.unwrap();
        assert_eq!((status.accepted, status.messages.read), (400, 400));
        assert_eq!(ledger.callbacks().await.unwrap()[0].count, 400);
    }
}

#[tokio::test]
async fn callbacks_that_could_not_be_applied_are_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 9, 9).await;
    try_next(&ledger, &campaign).await;
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

#[tokio::test]
async fn job_that_fails_leaves_nothing_of_its_receipts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 9, 3).await;
    try_next(&ledger, &campaign).await;
    let accepted = Entry::Accepted { number: 1, batch_id: BatchId::new("A") };
    ledger.record(campaign.id, accepted, now()).await.unwrap();
    let fault = "CREATE TRIGGER fault BEFORE UPDATE ON batch BEGIN SELECT RAISE(ABORT, 'no'); END;";
    rusqlite::Connection::open(&path).unwrap().execute_batch(fault).unwrap();
    // The first is of a batch that is accepted; of the batch of the second that has to be written.
    let receipts = [1, 4].map(|row| ReceivedCallback::new(None, now()).with_observation(read(row)));
    assert_eq!(ledger.apply_callbacks(receipts.into()).await.unwrap_err().kind(), LedgerErrorKind::Other);
    assert_eq!(ledger.message(campaign.id, 1).await.unwrap(), None);
    assert_eq!(ledger.status(campaign.id).await.unwrap().messages.read, 0);
}

#[tokio::test]
async fn prune_removes_what_was_received_in_its_own_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 3, 3).await;
    try_next(&ledger, &campaign).await;
    let accepted = Entry::Accepted { number: 1, batch_id: BatchId::new("A") };
    ledger.record(campaign.id, accepted, now()).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first waits for the other connection, and the others gather behind it.
    let first = ledger.apply(read(1).into());
    let receipt = ledger.apply(read(2).into());
    let later = now().checked_add(std::time::Duration::from_secs(86_400)).unwrap();
    let prune = ledger.prune(campaign.id, later, 9);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!((first.await.unwrap(), receipt.await.unwrap()), (Applied::Updated, Applied::Updated));
    assert_eq!(prune.await.unwrap().messages, 2);
    for row in 1..=3 {
        assert_eq!(ledger.message(campaign.id, row).await.unwrap(), None, "row {row}");
    }
}

#[test]
fn several_sqlite_ledgers_can_create_the_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(|| SqliteLedger::open(&path).map(drop))).collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
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
fn files_that_are_not_a_ledger_of_this_release_are_refused_and_left_alone() {
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
    newer.pragma_update(None, "user_version", 7).unwrap();
    drop(newer);
    check_refused(
        &path("newer"),
        LedgerErrorKind::TooNew,
        "the ledger file is of version 7, and this release reads up to version 6",
    );

    // Of releases that were never released.
    for version in [1, 2, 3] {
        let older = rusqlite::Connection::open(path("newer")).unwrap();
        older.pragma_update(None, "user_version", version).unwrap();
        drop(older);
        let sentence = format!("the ledger file is of version {version}; finish with the release that began it");
        check_refused(&path("newer"), LedgerErrorKind::TooOld, &sentence);
    }

    // Marked as a ledger, but of no version there ever was.
    for version in [0, -1] {
        let strange = rusqlite::Connection::open(path("newer")).unwrap();
        strange.pragma_update(None, "user_version", version).unwrap();
        drop(strange);
        check_refused(&path("newer"), LedgerErrorKind::NotALedger, not_a_ledger);
    }

    check_refused(&path("no/such/folder"), LedgerErrorKind::Open, "the ledger file cannot be opened");
    check_refused(folder.path(), LedgerErrorKind::Open, "it is a folder, and a ledger is a file");
}

#[tokio::test]
async fn file_of_version_4_gets_its_sums_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let sent = Timestamp::from_second(600).unwrap();
    let id = {
        let ledger = SqliteLedger::open(&path).unwrap();
        let campaign = create(&ledger, 9, 3).await;
        for number in 1..=2 {
            try_next(&ledger, &campaign).await;
            let batch_id = BatchId::new(format!("B{number}"));
            ledger.record(campaign.id, Entry::Accepted { number, batch_id }, sent).await.unwrap();
        }
        let at = |minute: i64| Some(Timestamp::from_second(minute * 60).unwrap());
        let failed = |code: &str| MessageState::failed(Some(code), None);
        for (row, state, at) in [
            (1, MessageState::new(Progress::Queued), at(1)),
            (2, failed("CHANNEL_REJECT"), at(2)),
            (4, failed("CHANNEL_REJECT"), at(2)),
            (5, failed("A_CODE_OF_TOMORROW"), None),
            (6, MessageState::new(Progress::Read), at(2)),
        ] {
            let seen = MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), MessageState { at, ..state });
            ledger.apply(seen.into()).await.unwrap();
        }
        campaign.id
    };
    // Version 4 had all tables but these two, and no column for version 6.
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "DROP TABLE reason; DROP TABLE pulse; ALTER TABLE standing DROP COLUMN pruned; PRAGMA user_version = 4",
    )
    .unwrap();
    drop(file);

    for _ in 0..2 {
        let ledger = SqliteLedger::open(&path).unwrap();
        let reasons = ledger.reasons(id).await.unwrap();
        assert_eq!(reasons, [ReasonCount::new("CHANNEL_REJECT", 2), ReasonCount::new("OTHER", 1)]);
        let pulse = ledger.pulse(id, Timestamp::MIN, Timestamp::MAX).await.unwrap();
        let counts: Vec<_> = pulse.iter().map(|it| (it.minute, it.accepted, it.queued, it.read, it.failed)).collect();
        // Both batches were tried in minute 0.
        assert_eq!(counts, [(0, 6, 0, 0, 0), (1, 0, 1, 0, 0), (2, 0, 0, 1, 2)]);
    }
    let file = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 6);
}

#[tokio::test]
async fn pruned_room_goes_back_to_the_system_unless_the_file_is_older() {
    for is_older in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        if is_older {
            // As releases before version 6 made it.
            drop(SqliteLedger::open(&path).unwrap());
            let file = rusqlite::Connection::open(&path).unwrap();
            file.execute_batch(
                "ALTER TABLE standing DROP COLUMN pruned; PRAGMA user_version = 5; PRAGMA journal_mode = DELETE; \
                 PRAGMA auto_vacuum = NONE; VACUUM",
            )
            .unwrap();
        }
        let n_rows = 3000;
        let ledger = SqliteLedger::open(&path).unwrap();
        let campaign = create(&ledger, n_rows, 1000).await;
        for number in 1..=3 {
            try_next(&ledger, &campaign).await;
            let batch_id = BatchId::new(format!("B{number}"));
            ledger.record(campaign.id, Entry::Accepted { number, batch_id }, now()).await.unwrap();
        }
        let failed = MessageState::failed(Some("BAD_REQUEST"), Some(&"no route ".repeat(30)));
        let receipt = |row| MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), failed.clone()).into();
        ledger.apply_many((1..=n_rows).map(receipt).collect()).await.unwrap();
        let length = |ledger: SqliteLedger| {
            // What closes the file last brings it up to date.
            drop(ledger);
            fs::metadata(&path).unwrap().len()
        };
        let full = length(ledger);

        let ledger = SqliteLedger::open(&path).unwrap();
        let pruned = ledger.prune(campaign.id, Timestamp::MAX, 10_000).await.unwrap();
        assert_eq!((pruned.messages, pruned.left), (n_rows, false));
        let reclaimed = ledger.reclaim().await.unwrap();
        assert!(!reclaimed.left);
        let pruned = length(ledger);
        if is_older {
            assert_eq!((reclaimed.bytes, pruned), (0, full));
            assert!(reclaimed.kept > full / 2);
        } else {
            assert_eq!((reclaimed.kept, pruned), (0, full - reclaimed.bytes));
            assert!(pruned < full / 2, "{pruned} of {full}");
        }
    }
}

#[tokio::test]
async fn promise_8_secrets_numbers_and_texts_do_not_leak() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = SqliteLedger::open(&path).unwrap();
    let campaign = create(&ledger, 4, 2).await;
    try_next(&ledger, &campaign).await;
    let why = "recipient +1 555-010-0012 is not valid".to_owned();
    ledger.record(campaign.id, Entry::Refused { number: 1, attempt: 1, why }, now()).await.unwrap();
    let Entry::Intent { token, .. } = try_next(&ledger, &campaign).await else { unreachable!() };
    let why = Some("no answer about +15550100013".to_owned());
    ledger.record(campaign.id, Entry::Released { number: 2, token, why }, now()).await.unwrap();
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
    for secret in ["5550100011", "010-0012", "5550100013", "Ines", "Secret", "01KZ4QJ38K8C1AVZA3F56M7JYD"] {
        assert!(!kept.contains(secret), "{secret} is in the file");
    }
}
