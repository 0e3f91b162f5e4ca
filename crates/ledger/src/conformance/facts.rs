//! What became of sending a batch.

use sinch_batch_models::{BatchId, BatchState};
use sinch_batch_tracking::{BatchKey, BatchUpdate, Progress};

use super::{Bench, KEY, accepted, assert_kind, at, intent, now, refused, rows, state};
use crate::callback::Applied;
use crate::entry::{BatchRecord, BatchStage, Entry};
use crate::error::LedgerErrorKind;
use crate::ledger::Ledger;
use crate::status::Phase;

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    a_batch_goes_from_intent_to_outcome(&make().await).await;
    a_refused_batch_can_be_tried_again(&make().await).await;
    impossible_facts_are_refused_and_change_nothing(&make().await).await;
    batches_are_read_in_pages(&make().await).await;
    doubles_are_counted_once_whoever_shows_them(&make().await).await;
    doubles_of_a_batch_without_id_name_it_first(&make().await).await;
    one_id_for_two_batches_leaves_the_second_unknown(&make().await).await;
    facts_about_untried_batches_are_taken_if_they_can_be_true(&make().await).await;
}

async fn a_batch_goes_from_intent_to_outcome<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4, 6]).await;
    let first = "2031-09-14T10:05:00.5Z".parse().expect("a time");
    let mut record = BatchRecord {
        number: 1,
        rows: rows(1..=4),
        stage: BatchStage::Planned,
        attempts: 0,
        batch_id: None,
        state: None,
        last_attempt: None,
        why: None,
        doubled: 0,
        first_row: 1,
        at_byte: 1_000_000,
        n_bytes: 80,
        digest: bench.batch(1).await.digest,
        recalled: false,
        send_after: None,
        held_until: None,
    };
    assert_eq!(bench.batch(1).await, record);

    let lease = bench.claim("one", 1, first).await.leases.remove(0);
    record.held_until = Some(first + super::LEASE);
    assert_eq!(bench.batch(1).await, record);
    bench.recorded_at(intent(1, lease.token, 1), first).await;
    record.stage = BatchStage::Unknown;
    record.attempts = 1;
    record.last_attempt = Some(first);
    assert_eq!(bench.batch(1).await, record);
    let status = bench.status().await;
    assert_eq!((status.planned, status.unknown, status.accepted), (6, 4, 0));
    assert_eq!((status.batches.planned, status.batches.unknown, status.batches.tried()), (1, 1, 1));
    assert!(status.is_unfinished());

    // A further attempt, because the first one's outcome stayed unknown.
    let second = first + std::time::Duration::from_secs(1);
    bench.recorded_at(Entry::Returned { number: 1, attempt: 1 }, second).await;
    bench.recorded_at(intent(1, lease.token, 2), second).await;
    record.attempts = 2;
    record.last_attempt = Some(second);
    assert_eq!(bench.batch(1).await, record);
    assert_eq!(bench.status().await, status);

    bench.recorded(accepted(1, "A")).await;
    bench.recorded(accepted(1, "A")).await;
    record.stage = BatchStage::Accepted;
    record.held_until = None;
    record.batch_id = Some(BatchId::new("A"));
    assert_eq!(bench.batch(1).await, record);
    let status = bench.status().await;
    assert_eq!((status.planned, status.unknown, status.accepted), (6, 0, 4));
    assert_eq!((status.batches.accepted, status.batches.total(), status.messages.pending), (1, 2, 4));
    assert_eq!((status.doubled, status.phase), (0, Phase::Running));

    bench.try_batch(2).await;
    bench.recorded(accepted(2, "B")).await;
    let status = bench.status().await;
    assert_eq!((status.accepted, status.phase, status.is_unfinished()), (10, Phase::Done, false));
}

async fn a_refused_batch_can_be_tried_again<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4, 6]).await;
    bench.try_batch(1).await;
    bench.recorded(refused(1, 1, "the service refused it, call +15550100011")).await;
    let status = bench.status().await;
    assert_eq!((status.planned, status.unknown, status.batches.refused, status.batches.planned), (10, 0, 1, 1));
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.attempts), (BatchStage::Refused, 1));
    assert_eq!(batch.why.as_deref(), Some("the service refused it, call [number]"));
    // A repeat tells the latest reason.
    bench.recorded(refused(1, 1, "still no")).await;
    assert_eq!(bench.batch(1).await.why.as_deref(), Some("still no"));

    bench.try_batch(1).await;
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.attempts, batch.why), (BatchStage::Unknown, 2, None));
    let status = bench.status().await;
    assert_eq!((status.unknown, status.batches.refused), (4, 0));

    // Refused, and then found at the service after all: proof outweighs.
    bench.recorded(refused(1, 2, "no")).await;
    bench.recorded(accepted(1, "A")).await;
    let status = bench.status().await;
    assert_eq!((status.planned, status.accepted, status.batches.refused), (6, 4, 0));
    assert_eq!(bench.batch(1).await.why, None);
}

async fn impossible_facts_are_refused_and_change_nothing<L: Ledger>(ledger: &L) {
    use LedgerErrorKind::{Accepted, Fenced, IdTaken, Impossible};

    let bench = Bench::new(ledger, &[3, 3, 4]).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    bench.try_batch(2).await;
    let before = (bench.status().await, bench.batches().await);
    for (entry, kind) in [
        (intent(1, 1, 2), Accepted),
        (refused(1, 1, "no"), Accepted),
        (accepted(2, "A"), IdTaken),
        (intent(3, 0, 1), Fenced),
        (intent(3, 1, 1), Fenced),
        (refused(3, 0, "no"), Impossible),
        (intent(4, 1, 1), Impossible),
        (intent(0, 1, 1), Impossible),
        (accepted(4, "C"), Impossible),
        (accepted(u32::MAX, "C"), Impossible),
        (refused(4, 1, "no"), Impossible),
        (Entry::Returned { number: 4, attempt: 1 }, Impossible),
        (Entry::Released { number: 4, token: 1, why: None }, Impossible),
        (Entry::Doubled { number: 4, batch_ids: Vec::new() }, Impossible),
    ] {
        let shown = format!("{entry:?}");
        match bench.record(entry, now()).await {
            Ok(()) => panic!("recorded although impossible: {shown}"),
            Err(error) => assert_eq!(error.kind(), kind, "{shown}"),
        }
        assert_eq!((bench.status().await, bench.batches().await), before, "{shown}");
    }
}

async fn batches_are_read_in_pages<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[1; 5]).await;
    bench.try_batch(2).await;
    bench.recorded(accepted(2, "B")).await;
    let page = async |after, limit| {
        let batches = ledger.batches(bench.id(), after, limit).await.expect("a page");
        batches.iter().map(|batch| batch.number).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 2).await, [1, 2]);
    assert_eq!(page(2, 9).await, [3, 4, 5]);
    assert_eq!(page(0, 0).await, [0; 0]);
    assert_eq!(page(5, 9).await, [0; 0]);
    assert_eq!(page(u32::MAX, u32::MAX).await, [0; 0]);
}

async fn doubles_are_counted_once_whoever_shows_them<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 2]).await;
    let ids = |ids: &[&str]| ids.iter().map(|id| BatchId::new(*id)).collect::<Vec<_>>();
    let doubled = async |number| (bench.batch(number).await.doubled, bench.status().await.doubled);
    let by_key = |id: &str| BatchUpdate::new(BatchId::new(id), BatchState::Processed).with_key(BatchKey::new(KEY, 1));
    let receipt = |id: &str, row| bench.row(row, state(Progress::Read)).with_batch_id(BatchId::new(id));
    for (number, id) in [(1, "A"), (2, "B")] {
        bench.try_batch(number).await;
        bench.recorded(accepted(number, id)).await;
    }
    let look_up = |found: &[&str]| Entry::Doubled { number: 1, batch_ids: ids(found) };
    // Its own id, and that of another batch of ours, are none.
    bench.recorded(look_up(&["A", "B"])).await;
    assert_eq!(doubled(1).await, (0, 0));
    // By a look-up, by a callback about the batch, by a receipt, by a late response.
    bench.recorded(look_up(&["A", "X"])).await;
    assert_eq!(doubled(1).await, (1, 3));
    assert_eq!(bench.applied(by_key("X")).await, Applied::Duplicate);
    assert_eq!(bench.applied(by_key("Y")).await, Applied::Updated);
    assert_eq!(bench.applied(by_key("Y")).await, Applied::Duplicate);
    assert_eq!(doubled(1).await, (2, 3));
    assert_eq!(bench.applied(receipt("Z", 2)).await, Applied::Updated);
    assert_eq!(bench.applied(receipt("Z", 2)).await, Applied::Duplicate);
    assert_eq!(bench.applied(receipt("Z", 3)).await, Applied::Updated);
    assert_eq!(doubled(1).await, (3, 3));
    bench.recorded(accepted(1, "W")).await;
    bench.recorded(accepted(1, "Y")).await;
    assert_eq!(doubled(1).await, (4, 3));
    bench.recorded(look_up(&["W", "X", "Y", "Z", "Z"])).await;
    assert_eq!(doubled(1).await, (4, 3));
    // The receipts counted nevertheless, and the batch kept its id.
    assert_eq!(bench.status().await.messages.read, 2);
    assert_eq!(bench.batch(1).await.batch_id, Some(BatchId::new("A")));
    bench.recorded(Entry::Doubled { number: 2, batch_ids: ids(&["V"]) }).await;
    assert_eq!(doubled(2).await, (1, 5));
}

async fn doubles_of_a_batch_without_id_name_it_first<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    bench.try_batch(1).await;
    let batch_ids = vec![BatchId::new("A"), BatchId::new("X")];
    bench.recorded(Entry::Doubled { number: 1, batch_ids }).await;
    bench.recorded(accepted(1, "A")).await;
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.batch_id, batch.doubled), (BatchStage::Accepted, Some(BatchId::new("A")), 1));
    let status = bench.status().await;
    assert_eq!((status.accepted, status.unknown, status.doubled), (3, 0, 3));
}

async fn one_id_for_two_batches_leaves_the_second_unknown<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 2, 1]).await;
    let other = Bench::named(ledger, "winter", "other", &[1]).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    bench.try_batch(2).await;
    assert_kind(bench.record(accepted(2, "A"), now()).await, LedgerErrorKind::IdTaken);
    assert_eq!(bench.batch(2).await.stage, BatchStage::Unknown);
    // A batch id is one batch's alone, whatever the campaign.
    other.try_batch(1).await;
    assert_kind(other.record(accepted(1, "A"), now()).await, LedgerErrorKind::IdTaken);
    // A receipt for a row proves its batch, and still not that id.
    let seen = bench.row(4, state(Progress::Read)).with_batch_id(BatchId::new("A"));
    assert_eq!(bench.applied(seen.clone()).await, Applied::Updated);
    assert_eq!(bench.applied(seen).await, Applied::Duplicate);
    let batch = bench.batch(2).await;
    assert_eq!((batch.stage, batch.batch_id), (BatchStage::Accepted, None));
    // The rest goes on.
    bench.try_batch(3).await;
    bench.recorded(accepted(3, "C")).await;
    let status = bench.status().await;
    assert_eq!((status.accepted, status.doubled), (6, 0));
}

async fn facts_about_untried_batches_are_taken_if_they_can_be_true<L: Ledger>(ledger: &L) {
    // As after an older copy of the ledger was put back: a look-up finds what was never tried here.
    let bench = Bench::new(ledger, &[3, 2, 1]).await;
    bench.recorded(accepted(1, "A")).await;
    bench.recorded(Entry::Doubled { number: 2, batch_ids: vec![BatchId::new("B"), BatchId::new("X")] }).await;
    // What says nothing changes nothing.
    bench.recorded(Entry::Released { number: 3, token: 0, why: None }).await;
    bench.recorded(Entry::Returned { number: 3, attempt: 0 }).await;
    bench.recorded(Entry::Doubled { number: 3, batch_ids: Vec::new() }).await;
    let batches = bench.batches().await;
    let stages: Vec<_> = batches.iter().map(|batch| (batch.stage, batch.attempts, batch.doubled)).collect();
    assert_eq!(stages, [(BatchStage::Accepted, 0, 0), (BatchStage::Accepted, 0, 1), (BatchStage::Planned, 0, 0)]);
    let status = bench.status().await;
    assert_eq!((status.accepted, status.planned, status.doubled), (5, 1, 2));
    assert_eq!(bench.claim_one("one", at(1)).await.number, 3);
}
