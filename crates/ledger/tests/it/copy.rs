//! A copy into a ledger that has campaigns and receipts of its own.

use sinch_batch_ledger::copy::{WholeLedger, copy};
use sinch_batch_ledger::{
    BatchRecord, CampaignStatus, Claim, DeferredCounts, Entry, Ledger, LedgerErrorKind, MemoryLedger, NewCampaign,
    PlannedRows, SqliteLedger, Worker,
};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{BatchUpdate, MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey};

/// Before every lease of today.
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// Three batches of three rows: the first is accepted, nobody knows what became of the second.
async fn campaign(ledger: &dyn Ledger, name: &str, id: &str) {
    let plan: Vec<_> = (0..3_u64)
        .map(|batch| PlannedRows {
            first_row: None,
            rows: (batch * 3 + 1..=batch * 3 + 3).map(|row| (row, row)).collect(),
            at_byte: batch * 10,
            n_bytes: 10,
            digest: [name.as_bytes()[0], batch as u8, 0, 0, 0, 0, 0, 0],
        })
        .collect();
    let campaign = ledger.create(NewCampaign::new(name, name, 9, NOW), Box::new(plan)).await.unwrap().campaign.id;
    let leases = ledger.claim(campaign, Claim::new(Worker::new("one", None), 2, NOW)).await.unwrap().leases;
    for lease in leases {
        let intent = Entry::Intent { number: lease.number, token: lease.token, attempt: 1 };
        ledger.record(campaign, intent, NOW).await.unwrap();
    }
    ledger.record(campaign, Entry::Accepted { number: 1, batch_id: BatchId::new(id) }, NOW).await.unwrap();
}

fn of_row(key: &str, row: u64, state: MessageState) -> Observation {
    MessageUpdate::new(MessageRef::Row(RowKey::new(key, row)), state).into()
}

fn by_position(batch_id: &str, index: u32, state: MessageState) -> Observation {
    MessageUpdate::new(MessageRef::Index { batch_id: BatchId::new(batch_id), index }, state).into()
}

fn whole(batch_id: &str, state: BatchState) -> Observation {
    BatchUpdate::new(BatchId::new(batch_id), state).into()
}

fn state(progress: Progress) -> MessageState {
    MessageState::new(progress)
}

fn failed(code: &str) -> MessageState {
    let mut state = state(Progress::Failed);
    state.code = Some(code.into());
    state
}

/// What the one and the other ledger received.
fn receipts() -> [Vec<Observation>; 2] {
    let from = vec![
        // For a campaign that only the target has: by its batch, by its row.
        by_position("B1", 1, state(Progress::Delivered)),
        of_row("winter", 3, state(Progress::Read)),
        // For what neither knows yet, both have something.
        by_position("A2", 0, state(Progress::Delivered)),
        by_position("A2", 1, failed("RECIPIENT_INVALID")),
        whole("A2", BatchState::Cancelled),
        of_row("nobody's", 1, state(Progress::Queued)),
    ];
    let to = vec![
        // They came early: their campaign is brought by the copy.
        by_position("A1", 0, state(Progress::Delivered)),
        whole("A1", BatchState::Processed),
        of_row("autumn", 2, failed("RECIPIENT_NOT_REACHABLE")),
        by_position("A2", 0, failed("RECIPIENT_INVALID")),
        by_position("A2", 1, state(Progress::Failed)),
        whole("A2", BatchState::Scheduled),
        of_row("nobody's", 1, state(Progress::Delivered)),
        of_row("nobody's", 2, state(Progress::Read)),
    ];
    [from, to]
}

type Known = (Vec<(CampaignStatus, Vec<BatchRecord>, Vec<(u64, MessageState)>)>, DeferredCounts);

/// All that the ledgers have to agree about. The second batch of the first campaign turns out to be accepted, and the
/// last campaign turns up.
async fn known(ledger: &dyn Ledger) -> Known {
    let autumn = ledger.campaign("autumn").await.unwrap().unwrap().id;
    ledger.record(autumn, Entry::Accepted { number: 2, batch_id: BatchId::new("A2") }, NOW).await.unwrap();
    let deferred = ledger.deferred().await.unwrap();
    campaign(ledger, "nobody's", "C1").await;
    let mut all = Vec::new();
    for name in ["winter", "autumn", "nobody's"] {
        let id = ledger.campaign(name).await.unwrap().unwrap().id;
        let status = ledger.status(id).await.unwrap();
        let batches = ledger.batches(id, 0, 99).await.unwrap();
        all.push((status, batches, ledger.messages(id, 0, 99).await.unwrap()));
    }
    (all, deferred)
}

/// The copy knows what a ledger knows that received everything, in whatever order.
async fn check(from: &dyn WholeLedger, to: &dyn WholeLedger) {
    let [of_source, of_target] = receipts();
    campaign(from, "autumn", "A1").await;
    campaign(to, "winter", "B1").await;
    let one = MemoryLedger::new();
    campaign(&one, "winter", "B1").await;
    campaign(&one, "autumn", "A1").await;
    for (ledger, receipts) in [(from as &dyn WholeLedger, &of_source), (to, &of_target)] {
        for observation in receipts {
            ledger.apply(observation.clone()).await.unwrap();
            one.apply(observation.clone()).await.unwrap();
        }
    }
    let copied = copy(from, to).await.unwrap();
    assert_eq!((copied.campaigns, copied.batches), (1, 3));
    let again = copy(from, to).await.unwrap_err();
    assert_eq!(again.kind(), LedgerErrorKind::NameTaken);
    assert_eq!(known(to).await, known(&one).await);
    // Sums are what the batches say.
    let autumn = to.campaign("autumn").await.unwrap().unwrap().id;
    to.begin_run(autumn, std::time::Duration::ZERO).await.unwrap();
}

fn file(folder: &tempfile::TempDir, name: &str) -> SqliteLedger {
    SqliteLedger::open(folder.path().join(name)).unwrap()
}

#[tokio::test]
async fn copy_of_a_file_joins_receipts_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    check(&file(&folder, "from"), &file(&folder, "to")).await;
}

#[cfg(all(unix, feature = "postgres"))]
#[tokio::test]
async fn copy_between_a_file_and_postgres_joins_receipts_as_they_come() {
    use sinch_batch_ledger::PostgresLedger;

    let folder = tempfile::tempdir().unwrap();
    for (name, into_server) in [("one", true), ("two", false)] {
        let Some(url) = crate::postgres::schema() else { return };
        let server = PostgresLedger::open(&url).await.unwrap().by_clock_of_callers();
        let file = file(&folder, name);
        if into_server {
            check(&file, &server).await;
        } else {
            check(&server, &file).await;
        }
    }
}
