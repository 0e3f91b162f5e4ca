//! The tests every ledger has to pass, ours and yours.
//!
//! ```
//! use sinch_batch_ledger::{MemoryLedger, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::run(MemoryLedger::new).await;
//! # }
//! ```

use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{
    BatchKey, BatchUpdate, MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey,
};

use crate::entry::{
    Applied, BatchRecord, BatchStage, CallbackCount, Campaign, CampaignId, CampaignStatus, Entry, Failure, Frontier,
    NewCampaign, ReceivedCallback,
};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::ledger::Ledger;
use crate::rows::RowSpans;

/// Runs every test, each on a ledger of its own that `make` gives, which has to be empty.
///
/// # Panics
/// If the ledger does not behave as [`Ledger`] says; the message and the place tell what was expected.
pub async fn run<L: Ledger>(mut make: impl FnMut() -> L) {
    campaigns_are_kept_as_they_were_given(&make()).await;
    impossible_campaigns_are_refused(&make()).await;
    an_unknown_campaign_is_said_to_be_unknown(&make()).await;
    a_batch_goes_from_intent_to_outcome(&make()).await;
    a_refused_batch_can_be_tried_again(&make()).await;
    impossible_facts_are_refused_and_change_nothing(&make()).await;
    rows_have_to_lie_after_the_frontier(&make()).await;
    batches_are_read_in_pages(&make()).await;
    receipts_are_counted_once(&make()).await;
    a_receipt_proves_its_batch(&make()).await;
    a_receipt_without_batch_id_proves_its_batch_too(&make()).await;
    receipts_by_position_find_their_row(&make()).await;
    early_receipts_count_once_the_batch_is_known(&make()).await;
    batch_updates_are_folded_and_prove_their_batch(&make()).await;
    strangers_are_kept_out(&make()).await;
    many_are_heard_at_once(&make()).await;
    failures_name_row_line_and_cause(&make()).await;
    campaigns_do_not_mix(&make()).await;
    callbacks_are_counted_by_kind(&make()).await;
    what_a_callback_says_is_taken_in(&make()).await;
    a_sender_cannot_add_kinds(&make()).await;
}

const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";

/// One campaign of a ledger, with short words for what the tests do to it.
struct Bench<'a, L> {
    ledger: &'a L,
    campaign: Campaign,
}

impl<'a, L: Ledger> Bench<'a, L> {
    async fn new(ledger: &'a L, rows: u64) -> Self {
        Self::named(ledger, "autumn", KEY, rows).await
    }

    async fn named(ledger: &'a L, name: &str, key: &str, rows: u64) -> Self {
        let campaign = ledger.create(NewCampaign::new(name, key, rows, now())).await.expect("a new campaign");
        Self { ledger, campaign }
    }

    fn id(&self) -> CampaignId {
        self.campaign.id
    }

    async fn record(&self, entry: Entry) -> Result<(), LedgerError> {
        self.ledger.record(self.id(), entry, now()).await
    }

    #[track_caller]
    fn recorded(&self, entry: Entry) -> impl Future<Output = ()> + '_ {
        let place = std::panic::Location::caller();
        async move {
            if let Err(error) = self.record(entry).await {
                panic!("{place}: {error}");
            }
        }
    }

    async fn heard(&self, observation: impl Into<Observation>) -> Applied {
        self.ledger.apply(observation.into()).await.expect("an observation is always taken")
    }

    async fn status(&self) -> CampaignStatus {
        let standing = self.ledger.status(self.id()).await.expect("the standing");
        assert_eq!(standing.rows, standing.skipped + standing.planned + standing.accepted + standing.unknown);
        assert_eq!(standing.messages.total(), standing.accepted);
        standing
    }

    async fn batch(&self, number: u32) -> BatchRecord {
        let mut batches = self.ledger.batches(self.id(), number - 1, 1).await.expect("batches");
        let batch = batches.pop().expect("the batch");
        assert_eq!(batch.number, number);
        batch
    }

    fn row(&self, row: u64, state: MessageState) -> MessageUpdate {
        MessageUpdate::new(MessageRef::Row(RowKey::new(self.campaign.key.as_str(), row)), state)
    }

    async fn message(&self, row: u64) -> Option<MessageState> {
        self.ledger.message(self.id(), row).await.expect("a message")
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// Rows that follow each other, each on the line after its number.
fn rows(range: std::ops::RangeInclusive<u64>) -> RowSpans {
    range.map(|row| (row, row + 1)).collect()
}

fn intent(number: u32, range: std::ops::RangeInclusive<u64>) -> Entry {
    Entry::Intent { number, rows: rows(range) }
}

fn accepted(number: u32, batch_id: &str) -> Entry {
    Entry::Accepted { number, batch_id: BatchId::new(batch_id) }
}

fn refused(number: u32, why: &str) -> Entry {
    Entry::Refused { number, why: why.to_owned() }
}

fn state(progress: Progress) -> MessageState {
    MessageState::new(progress)
}

fn at(batch_id: &str, index: u32, state: MessageState) -> MessageUpdate {
    MessageUpdate::new(MessageRef::Index { batch_id: BatchId::new(batch_id), index }, state)
}

#[track_caller]
fn assert_kind<T: std::fmt::Debug>(result: Result<T, LedgerError>, kind: LedgerErrorKind) {
    assert_eq!(result.expect_err("an error").kind(), kind);
}

async fn campaigns_are_kept_as_they_were_given<L: Ledger>(ledger: &L) {
    let mut new =
        NewCampaign::new("autumn \u{2603}", KEY, 10, "2031-09-14T10:05:00.123456789Z".parse().expect("a time"));
    new.input = "recipients.csv".to_owned();
    new.input_fingerprint = "sha256:1".to_owned();
    new.message = "message.json".to_owned();
    new.message_fingerprint = "sha256:2".to_owned();
    new.skipped = 3;
    new.batch_size = 7;
    new.settings = r#"{"settle":30}"#.to_owned();
    assert_eq!(ledger.campaign(&new.name).await.expect("an answer"), None);
    let campaign = ledger.create(new.clone()).await.expect("a new campaign");
    assert_eq!(campaign, new.clone().with_id(campaign.id));
    assert_eq!(ledger.campaign(&new.name).await.expect("an answer"), Some(campaign.clone()));
    let other = Bench::named(ledger, "winter", "other", 0).await;
    assert_eq!(ledger.campaigns().await.expect("all"), [campaign.clone(), other.campaign]);
    let standing = ledger.status(campaign.id).await.expect("the standing");
    assert_eq!(standing, CampaignStatus { rows: 10, skipped: 3, planned: 7, ..CampaignStatus::default() });
}

async fn impossible_campaigns_are_refused<L: Ledger>(ledger: &L) {
    Bench::new(ledger, 10).await;
    let new = |name: &str, key: &str, rows| NewCampaign::new(name, key, rows, now());
    assert_kind(ledger.create(new("autumn", "other", 1)).await, LedgerErrorKind::NameTaken);
    assert_kind(ledger.create(new("other", KEY, 1)).await, LedgerErrorKind::Impossible);
    assert_kind(ledger.create(new("", "other", 1)).await, LedgerErrorKind::Impossible);
    assert_kind(ledger.create(new("other", "", 1)).await, LedgerErrorKind::Impossible);
    assert_kind(ledger.create(new("other", "other", u64::MAX)).await, LedgerErrorKind::Impossible);
    let mut skipping = new("other", "other", 1);
    skipping.skipped = 2;
    assert_kind(ledger.create(skipping).await, LedgerErrorKind::Impossible);
    assert_eq!(ledger.campaigns().await.expect("all").len(), 1);
}

async fn an_unknown_campaign_is_said_to_be_unknown<L: Ledger>(ledger: &L) {
    let nobody = CampaignId::new(77);
    assert_kind(ledger.record(nobody, intent(1, 1..=1), now()).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.status(nobody).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.batches(nobody, 0, 1).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.open_batches(nobody).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.frontier(nobody).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.failures(nobody, 0, 1).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.message(nobody, 1).await, LedgerErrorKind::NoSuchCampaign);
}

async fn a_batch_goes_from_intent_to_outcome<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 10).await;
    assert_eq!(ledger.frontier(bench.id()).await.expect("one"), Frontier { next_number: 1, last_row: 0 });

    let first: Timestamp = "2031-09-14T10:05:00.5Z".parse().expect("a time");
    ledger.record(bench.id(), intent(1, 1..=4), first).await.expect("recorded");
    let standing = bench.status().await;
    assert_eq!((standing.planned, standing.unknown, standing.accepted), (6, 4, 0));
    assert_eq!(ledger.frontier(bench.id()).await.expect("one"), Frontier { next_number: 2, last_row: 4 });
    let mut record = BatchRecord {
        number: 1,
        rows: rows(1..=4),
        stage: BatchStage::Unknown,
        attempts: 1,
        batch_id: None,
        state: None,
        last_attempt: first,
        why: None,
    };
    assert_eq!(ledger.open_batches(bench.id()).await.expect("open"), [record.clone()]);

    // A further attempt, because the first one's outcome stayed unknown.
    bench.recorded(intent(1, 1..=4)).await;
    record.attempts = 2;
    record.last_attempt = now();
    assert_eq!(bench.batch(1).await, record);
    assert_eq!(bench.status().await, standing);

    bench.recorded(accepted(1, "A")).await;
    bench.recorded(accepted(1, "A")).await;
    record.stage = BatchStage::Accepted;
    record.batch_id = Some(BatchId::new("A"));
    assert_eq!(bench.batch(1).await, record);
    assert_eq!(ledger.open_batches(bench.id()).await.expect("open"), []);
    let standing = bench.status().await;
    assert_eq!((standing.planned, standing.unknown, standing.accepted), (6, 0, 4));
    assert_eq!((standing.batches.accepted, standing.batches.total(), standing.messages.pending), (1, 1, 4));
}

async fn a_refused_batch_can_be_tried_again<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 10).await;
    bench.recorded(intent(1, 1..=4)).await;
    bench.recorded(refused(1, "the service refused it, call +15550100011")).await;
    let standing = bench.status().await;
    assert_eq!((standing.planned, standing.unknown, standing.batches.refused), (10, 0, 1));
    let batch = bench.batch(1).await;
    assert_eq!(batch.stage, BatchStage::Refused);
    assert_eq!(batch.why.as_deref(), Some("the service refused it, call [number]"));
    assert_eq!(ledger.open_batches(bench.id()).await.expect("open"), [batch]);
    // Its rows are not given to another batch.
    assert_eq!(ledger.frontier(bench.id()).await.expect("one"), Frontier { next_number: 2, last_row: 4 });
    // A repeat tells the latest reason.
    bench.recorded(refused(1, "still no")).await;
    assert_eq!(bench.batch(1).await.why.as_deref(), Some("still no"));

    bench.recorded(intent(1, 1..=4)).await;
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.attempts, batch.why), (BatchStage::Unknown, 2, None));
    assert_eq!(bench.status().await.unknown, 4);

    // Refused, and then found at the service after all: proof outweighs.
    bench.recorded(refused(1, "no")).await;
    bench.recorded(accepted(1, "A")).await;
    let standing = bench.status().await;
    assert_eq!((standing.planned, standing.accepted, standing.batches.refused), (6, 4, 0));
    assert_eq!(bench.batch(1).await.why, None);
}

async fn impossible_facts_are_refused_and_change_nothing<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 10).await;
    bench.recorded(intent(1, 1..=3)).await;
    bench.recorded(accepted(1, "A")).await;
    bench.recorded(intent(2, 4..=6)).await;
    let standing = bench.status().await;
    for entry in [
        intent(1, 1..=3),
        refused(1, "no"),
        accepted(1, "B"),
        accepted(3, "C"),
        refused(3, "no"),
        intent(2, 4..=7),
        intent(2, 7..=7),
        accepted(2, "A"),
        intent(4, 7..=8),
        intent(0, 7..=8),
        intent(3, 6..=7),
        intent(3, 10..=11),
        Entry::Intent { number: 3, rows: RowSpans::new() },
        Entry::Intent { number: 3, rows: [(8, 9), (7, 8)].into_iter().collect() },
        Entry::Intent { number: 3, rows: [(7, 8), (7, 9)].into_iter().collect() },
    ] {
        let shown = format!("{entry:?}");
        match bench.record(entry).await {
            Ok(()) => panic!("recorded although impossible: {shown}"),
            Err(error) => assert_eq!(error.kind(), LedgerErrorKind::Impossible, "{shown}"),
        }
        assert_eq!(bench.status().await, standing, "{shown}");
    }
    assert_eq!(bench.batch(2).await.attempts, 1);
    bench.recorded(intent(3, 7..=10)).await;
}

async fn rows_have_to_lie_after_the_frontier<L: Ledger>(ledger: &L) {
    let mut new = NewCampaign::new("autumn", KEY, 10, now());
    new.skipped = 4;
    let campaign = ledger.create(new).await.expect("a new campaign");
    let bench = Bench { ledger, campaign };
    // Skipped rows are missing from batches.
    let with_gaps: RowSpans = [(2, 3), (3, 4), (6, 9)].into_iter().collect();
    bench.recorded(Entry::Intent { number: 1, rows: with_gaps.clone() }).await;
    assert_eq!(bench.batch(1).await.rows, with_gaps);
    assert_eq!(ledger.frontier(bench.id()).await.expect("one"), Frontier { next_number: 2, last_row: 6 });
    // A row that was jumped over was skipped, and three more are all there are.
    assert_kind(bench.record(intent(2, 4..=5)).await, LedgerErrorKind::Impossible);
    assert_kind(bench.record(intent(2, 7..=10)).await, LedgerErrorKind::Impossible);
    bench.recorded(intent(2, 8..=10)).await;
    assert_eq!(bench.status().await.planned, 0);
}

async fn batches_are_read_in_pages<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 10).await;
    for number in 1..=5 {
        let row = u64::from(number);
        bench.recorded(intent(number, row..=row)).await;
    }
    bench.recorded(accepted(2, "B")).await;
    bench.recorded(refused(4, "no")).await;
    let numbers = |batches: Vec<BatchRecord>| batches.iter().map(|batch| batch.number).collect::<Vec<_>>();
    assert_eq!(numbers(ledger.batches(bench.id(), 0, 2).await.expect("a page")), [1, 2]);
    assert_eq!(numbers(ledger.batches(bench.id(), 2, 9).await.expect("a page")), [3, 4, 5]);
    assert_eq!(numbers(ledger.batches(bench.id(), 5, 9).await.expect("a page")), [0; 0]);
    assert_eq!(numbers(ledger.batches(bench.id(), u32::MAX, u32::MAX).await.expect("a page")), [0; 0]);
    assert_eq!(numbers(ledger.open_batches(bench.id()).await.expect("open")), [1, 3, 4, 5]);
}

async fn receipts_are_counted_once<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 4).await;
    bench.recorded(intent(1, 1..=4)).await;
    bench.recorded(accepted(1, "A")).await;
    assert_eq!(bench.message(1).await, None);
    for (progress, heard) in [
        (Progress::Accepted, Applied::Duplicate),
        (Progress::Delivered, Applied::Updated),
        (Progress::Queued, Applied::Duplicate),
        (Progress::Delivered, Applied::Duplicate),
        (Progress::Failed, Applied::Duplicate),
        (Progress::Read, Applied::Updated),
    ] {
        assert_eq!(bench.heard(bench.row(1, state(progress))).await, heard, "{progress}");
    }
    assert_eq!(bench.message(1).await, Some(state(Progress::Read)));
    assert_eq!(bench.heard(bench.row(2, state(Progress::Queued))).await, Applied::Updated);
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.queued, tally.delivered, tally.read, tally.failed), (2, 1, 0, 1, 0));
}

async fn a_receipt_proves_its_batch<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 6).await;
    bench.recorded(intent(1, 1..=3)).await;
    bench.recorded(intent(2, 4..=6)).await;
    bench.recorded(refused(2, "no")).await;
    for (row, id) in [(2, "A"), (5, "B")] {
        let seen = bench.row(row, state(Progress::Queued)).with_batch_id(BatchId::new(id));
        assert_eq!(bench.heard(seen.clone()).await, Applied::Updated);
        assert_eq!(bench.heard(seen).await, Applied::Duplicate);
    }
    let standing = bench.status().await;
    assert_eq!((standing.accepted, standing.unknown, standing.planned), (6, 0, 0));
    assert_eq!((standing.messages.pending, standing.messages.queued), (4, 2));
    assert_eq!(bench.batch(1).await.batch_id, Some(BatchId::new("A")));
    // The answer that comes after says the same; an attempt after the proof would send twice.
    bench.recorded(accepted(1, "A")).await;
    assert_kind(bench.record(intent(2, 4..=6)).await, LedgerErrorKind::Impossible);
    assert_kind(bench.record(refused(1, "no")).await, LedgerErrorKind::Impossible);
}

async fn a_receipt_without_batch_id_proves_its_batch_too<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 3).await;
    bench.recorded(intent(1, 1..=3)).await;
    assert_eq!(bench.heard(at("A", 2, state(Progress::Failed))).await, Applied::Deferred);
    assert_eq!(bench.heard(bench.row(1, state(Progress::Accepted))).await, Applied::Updated);
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.batch_id), (BatchStage::Accepted, None));
    assert_kind(bench.record(intent(1, 1..=3)).await, LedgerErrorKind::Impossible);
    assert_eq!(bench.status().await.messages.pending, 3);
    // The id comes later, and with it what waited for it.
    let seen = bench.row(1, state(Progress::Accepted)).with_batch_id(BatchId::new("A"));
    assert_eq!(bench.heard(seen).await, Applied::Updated);
    assert_eq!(bench.batch(1).await.batch_id, Some(BatchId::new("A")));
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.failed), (2, 1));
}

async fn receipts_by_position_find_their_row<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 9).await;
    let with_gaps: RowSpans = [(2, 3), (3, 4), (6, 9)].into_iter().collect();
    bench.recorded(Entry::Intent { number: 1, rows: with_gaps }).await;
    bench.recorded(accepted(1, "A")).await;
    assert_eq!(bench.heard(at("A", 0, state(Progress::Read))).await, Applied::Updated);
    assert_eq!(bench.heard(at("A", 2, state(Progress::Failed))).await, Applied::Updated);
    assert_eq!(bench.heard(at("A", 2, state(Progress::Failed))).await, Applied::Duplicate);
    assert_eq!(bench.heard(at("A", 3, state(Progress::Failed))).await, Applied::Unrelated);
    assert_eq!(bench.message(2).await, Some(state(Progress::Read)));
    assert_eq!(bench.message(6).await, Some(state(Progress::Failed)));
}

async fn early_receipts_count_once_the_batch_is_known<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 6).await;
    bench.recorded(intent(1, 1..=3)).await;
    bench.recorded(intent(2, 4..=6)).await;
    for progress in [Progress::Queued, Progress::Failed, Progress::Queued] {
        assert_eq!(bench.heard(at("A", 1, state(progress))).await, Applied::Deferred);
    }
    assert_eq!(bench.heard(at("A", 99, state(Progress::Failed))).await, Applied::Deferred);
    assert_eq!(bench.heard(at("B", 0, state(Progress::Failed))).await, Applied::Deferred);
    assert_eq!(bench.heard(BatchUpdate::new(BatchId::new("A"), BatchState::Processed)).await, Applied::Deferred);
    assert_eq!(bench.heard(BatchUpdate::new(BatchId::new("A"), BatchState::Ready)).await, Applied::Deferred);
    assert_eq!(bench.status().await.messages.failed, 0);

    bench.recorded(accepted(1, "A")).await;
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.failed), (2, 1));
    assert_eq!(bench.message(2).await, Some(state(Progress::Failed)));
    assert_eq!(bench.batch(1).await.state, Some(BatchState::Processed));

    // A proof by receipt brings them in just as well.
    let seen = bench.row(6, state(Progress::Read)).with_batch_id(BatchId::new("B"));
    assert_eq!(bench.heard(seen).await, Applied::Updated);
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.failed, tally.read), (3, 2, 1));
}

async fn batch_updates_are_folded_and_prove_their_batch<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 6).await;
    bench.recorded(intent(1, 1..=3)).await;
    let seen = |id: &str, state| BatchUpdate::new(BatchId::new(id), state);
    let keyed = |id: &str, number, state| seen(id, state).with_key(BatchKey::new(KEY, number));
    assert_eq!(bench.heard(keyed("A", 1, BatchState::Ready)).await, Applied::Updated);
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.state), (BatchStage::Accepted, Some(BatchState::Ready)));
    assert_eq!(bench.heard(seen("A", BatchState::Processed)).await, Applied::Updated);
    assert_eq!(bench.heard(keyed("A", 1, BatchState::Scheduled)).await, Applied::Duplicate);
    assert_eq!(bench.batch(1).await.state, Some(BatchState::Processed));
    // The same batch under another id, a batch nobody intended, a campaign of somebody else.
    assert_eq!(bench.heard(keyed("B", 1, BatchState::Processed)).await, Applied::Unrelated);
    assert_eq!(bench.heard(keyed("C", 2, BatchState::Processed)).await, Applied::Unrelated);
    let other = seen("D", BatchState::Processed).with_key(BatchKey::new("other", 1));
    assert_eq!(bench.heard(other).await, Applied::Unrelated);
    assert_eq!(bench.status().await.accepted, 3);
}

async fn strangers_are_kept_out<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 6).await;
    bench.recorded(intent(1, 2..=3)).await;
    let standing = bench.status().await;
    for row in [0, 1, 4, u64::MAX] {
        let seen = bench.row(row, state(Progress::Read)).with_batch_id(BatchId::new("A"));
        assert_eq!(bench.heard(seen).await, Applied::Unrelated, "row {row}");
    }
    let other = MessageUpdate::new(MessageRef::Row(RowKey::new("other", 2)), state(Progress::Read));
    assert_eq!(bench.heard(other).await, Applied::Unrelated);
    assert_eq!(bench.status().await, standing);
    assert_eq!(bench.message(u64::MAX).await, None);
}

async fn many_are_heard_at_once<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 6).await;
    bench.recorded(intent(1, 1..=3)).await;
    bench.recorded(accepted(1, "A")).await;
    let many = vec![
        bench.row(1, state(Progress::Read)).into(),
        bench.row(1, state(Progress::Queued)).into(),
        at("A", 2, state(Progress::Failed)).into(),
        bench.row(5, state(Progress::Read)).into(),
        at("B", 2, state(Progress::Failed)).into(),
    ];
    let heard = ledger.apply_many(many).await.expect("all are taken");
    assert_eq!(heard, [Applied::Updated, Applied::Duplicate, Applied::Updated, Applied::Unrelated, Applied::Deferred]);
    assert_eq!(ledger.apply_many(Vec::new()).await.expect("none is taken"), []);
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.read, tally.failed), (1, 1, 1));
}

async fn failures_name_row_line_and_cause<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 9).await;
    let with_gaps: RowSpans = [(2, 3), (3, 4), (6, 9)].into_iter().collect();
    bench.recorded(Entry::Intent { number: 1, rows: with_gaps }).await;
    bench.recorded(accepted(1, "A")).await;
    bench.recorded(intent(2, 7..=9)).await;
    bench.recorded(accepted(2, "B")).await;
    let failed = MessageState::failed(Some("BAD_REQUEST"), Some("no route to +15550100011"));
    bench.heard(at("B", 1, MessageState::failed(None, None))).await;
    bench.heard(bench.row(6, failed.clone())).await;
    bench.heard(bench.row(2, failed.clone())).await;
    bench.heard(bench.row(3, failed)).await;
    bench.heard(bench.row(3, state(Progress::Delivered))).await;

    let failure = |row, line, code: Option<&str>, description: Option<&str>| Failure {
        row,
        line,
        code: code.map(str::to_owned),
        description: description.map(str::to_owned),
    };
    let all = [
        failure(2, 3, Some("BAD_REQUEST"), Some("no route to [number]")),
        failure(6, 9, Some("BAD_REQUEST"), Some("no route to [number]")),
        failure(8, 9, None, None),
    ];
    assert_eq!(ledger.failures(bench.id(), 0, 10).await.expect("failures"), all);
    assert_eq!(ledger.failures(bench.id(), 0, 2).await.expect("failures"), all[..2]);
    assert_eq!(ledger.failures(bench.id(), 6, 2).await.expect("failures"), all[2..]);
    assert_eq!(ledger.failures(bench.id(), u64::MAX, u32::MAX).await.expect("failures"), []);
    assert_eq!(bench.message(3).await, Some(state(Progress::Delivered)));
}

async fn campaigns_do_not_mix<L: Ledger>(ledger: &L) {
    let one = Bench::new(ledger, 3).await;
    let two = Bench::named(ledger, "winter", "other", 3).await;
    for (bench, id) in [(&one, "A"), (&two, "B")] {
        bench.recorded(intent(1, 1..=3)).await;
        bench.recorded(accepted(1, id)).await;
    }
    assert_eq!(one.heard(one.row(1, state(Progress::Failed))).await, Applied::Updated);
    assert_eq!(two.message(1).await, None);
    assert_eq!(ledger.failures(two.id(), 0, 9).await.expect("failures"), []);
    assert_eq!(ledger.failures(one.id(), 0, 9).await.expect("failures").len(), 1);
    assert_eq!(two.status().await.messages.pending, 3);
    // A batch id is one batch's alone, whatever the campaign.
    let three = Bench::named(ledger, "spring", "third", 1).await;
    three.recorded(intent(1, 1..=1)).await;
    assert_kind(three.record(accepted(1, "A")).await, LedgerErrorKind::Impossible);
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn count(kind: &str, count: u64, first: Timestamp, last: Timestamp) -> CallbackCount {
    CallbackCount { kind: kind.to_owned(), count, first, last }
}

async fn callbacks_are_counted_by_kind<L: Ledger>(ledger: &L) {
    let callbacks = async || ledger.callbacks().await.expect("the counts");
    assert_eq!(callbacks().await, []);
    let seen = |trigger: Trigger, time| ReceivedCallback::new(Some(&trigger), time);
    // Neither the first nor the last has to come first or last.
    for time in [5, 3, 9, 3] {
        let heard = ledger.apply_callback(seen(Trigger::MessageInbound, second(time))).await.expect("counted");
        assert_eq!(heard, None);
    }
    let many = vec![seen(Trigger::OptOut, second(1)), seen(Trigger::MessageInbound, second(12))];
    assert_eq!(ledger.apply_callbacks(many).await.expect("counted"), [None, None]);
    assert_eq!(ledger.apply_callbacks(Vec::new()).await.expect("none is counted"), []);
    let expected = [count("MESSAGE_INBOUND", 5, second(3), second(12)), count("OPT_OUT", 1, second(1), second(1))];
    assert_eq!(callbacks().await, expected);

    // An answer of the service is no callback.
    let bench = Bench::new(ledger, 3).await;
    bench.heard(BatchUpdate::new(BatchId::new("A"), BatchState::Processed)).await;
    ledger.apply_many(vec![at("A", 0, state(Progress::Read)).into()]).await.expect("heard");
    assert_eq!(callbacks().await, expected);

    // Times are kept to the microsecond, also those before 1970.
    for time in ["2031-09-14T10:05:00.123456789Z", "-000044-03-15T12:00:00.5Z"] {
        let time = time.parse().expect("a time");
        ledger.apply_callback(seen(Trigger::OptIn, time)).await.expect("counted");
    }
    let (first, last) = ("-000044-03-15T12:00:00.5Z", "2031-09-14T10:05:00.123456Z");
    let expected = count("OPT_IN", 2, first.parse().expect("a time"), last.parse().expect("a time"));
    assert_eq!(callbacks().await[1], expected);
}

async fn what_a_callback_says_is_taken_in<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, 6).await;
    bench.recorded(intent(1, 1..=3)).await;
    bench.recorded(accepted(1, "A")).await;
    let receipt =
        |seen: MessageUpdate| ReceivedCallback::new(Some(&Trigger::MessageDelivery), now()).with_observation(seen);
    let heard = ledger.apply_callback(receipt(at("A", 0, state(Progress::Read)))).await.expect("heard");
    assert_eq!(heard, Some(Applied::Updated));
    let many = vec![
        receipt(at("A", 0, state(Progress::Delivered))),
        ReceivedCallback::new(Some(&Trigger::ContactCreate), now()),
        receipt(bench.row(5, state(Progress::Read))),
        receipt(at("B", 1, state(Progress::Read))),
        receipt(at("A", 1, state(Progress::Failed))),
    ];
    let heard = ledger.apply_callbacks(many).await.expect("all are heard");
    assert_eq!(
        heard,
        [Some(Applied::Duplicate), None, Some(Applied::Unrelated), Some(Applied::Deferred), Some(Applied::Updated)]
    );
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.read, tally.failed), (1, 1, 1));
    assert_eq!(
        ledger.callbacks().await.expect("the counts"),
        [count("CONTACT_CREATE", 1, now(), now()), count("MESSAGE_DELIVERY", 5, now(), now())]
    );
}

async fn a_sender_cannot_add_kinds<L: Ledger>(ledger: &L) {
    for name in ["ONE_OF_TOMORROW", "ANOTHER", "+15550100011", "UNKNOWN"] {
        ledger.apply_callback(ReceivedCallback::new(Some(&Trigger::from(name)), now())).await.expect("counted");
    }
    ledger.apply_callback(ReceivedCallback::new(None, second(7))).await.expect("counted");
    let counts = ledger.callbacks().await.expect("the counts");
    assert_eq!(counts, [count(ReceivedCallback::UNKNOWN, 5, now(), second(7))]);
}
