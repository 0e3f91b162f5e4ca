//! Everything that a ledger returns can be made outside of the crate, and written and read by serde where
//! a store keeps it.

use std::fmt::Debug;
use std::time::Duration;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sinch_batch_ledger::store::{Batch, Deferred, Orphan, Recount, Sums};
use sinch_batch_ledger::{
    BatchCounts, BatchRecord, BatchStage, CallbackCount, CampaignId, CampaignStatus, Claimed, Created, DeferredCounts,
    DuplicateOf, Held, Lease, LedgerError, LedgerErrorKind, MessageFailure, NewCampaign, Phase, PlannedRows, ProcessId,
    ReceivedCallback, Renewed, RowSpans, Run, Worker,
};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Progress, RowKey};

#[track_caller]
fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

fn planned(n_rows: u64) -> PlannedRows {
    PlannedRows {
        first_row: None,
        rows: (1..=n_rows).map(|row| (row, row + 1)).collect(),
        at_byte: 5,
        n_bytes: 26,
        digest: [9; 8],
    }
}

#[test]
fn results_of_a_ledger_can_be_made_outside() {
    let now = Timestamp::UNIX_EPOCH;
    let campaign = NewCampaign::new("autumn", "key", 9, now).with_id(CampaignId::new(7));
    let status = CampaignStatus::new(9, 2);
    assert_eq!((status.planned, status.is_unfinished()), (7, true));
    let mut counts = status;
    counts.batches = BatchCounts::new(1, 2, 3, 4);
    assert_eq!(counts.batches.total(), 10);
    let error = LedgerError::duplicate(DuplicateOf::new(campaign.clone(), status));
    assert_eq!((error.kind(), error.duplicate_of().unwrap().status), (LedgerErrorKind::Duplicate, status));
    assert_eq!(LedgerError::no_such_campaign().kind(), LedgerErrorKind::NoSuchCampaign);
    assert_eq!(LedgerError::deferred_full().kind(), LedgerErrorKind::DeferredFull);
    let created = Created::new(campaign, Some("summer".to_owned()));
    assert_eq!(created.campaign.id.get(), 7);

    // What is made by hand is what a record of a store gives.
    let batch = Batch::new(CampaignId::new(7), 3, planned(9));
    assert_eq!(batch.lease(), Lease::new(3, 0, planned(9)));
    let mut record = BatchRecord::new(3, planned(9).rows);
    (record.at_byte, record.n_bytes, record.digest) = (5, 26, [9; 8]);
    assert_eq!(batch.into_record(), record);
    assert_eq!(Sums::new(9, 2, 4).status().planned, 7);
    let failed = MessageState::failed(Some("BAD_REQUEST"), Some("no route"));
    let failure = MessageFailure::new(4, 5).with_code("BAD_REQUEST").with_description("no route");
    assert_eq!(MessageFailure::of(4, 5, &failed), Some(failure));
    assert_eq!(MessageFailure::of(4, 5, &MessageState::new(Progress::Read)), None);
    let mut count = CallbackCount::first(&ReceivedCallback::new(None, now));
    let later = now + Duration::from_secs(3);
    count.add(&ReceivedCallback::new(None, later));
    assert_eq!(count, CallbackCount::new("UNKNOWN", 2, now, later));

    let held = Held::new("two", 3, now);
    assert_eq!(Claimed::new(vec![], vec![held.clone()]).held, [held]);
    assert_eq!(Renewed::new(vec![1], vec![2]).accepted, [2]);
    assert_eq!(Run::new(1, Duration::ZERO).number, 1);
    assert_eq!(DeferredCounts::new(1, 2, 3).dropped, 3);
}

#[test]
fn recount_sums_rows_by_stage() {
    let mut recount = Recount::default();
    let mut batch = Batch::new(CampaignId::new(1), 1, planned(5));
    recount.add_batch(&batch);
    (batch.stage, batch.doubled) = (BatchStage::Accepted, 2);
    recount.add_batch(&batch);
    batch.stage = BatchStage::Unknown;
    recount.add_batch(&batch);
    assert_eq!((recount.rows, recount.accepted, recount.unknown, recount.doubled), (15, 5, 5, 10));
    assert_eq!(recount.batches, BatchCounts::new(1, 1, 1, 0));
}

#[test]
fn records_of_a_store_read_back() {
    let now: Timestamp = "2031-09-14T10:05:00.000007Z".parse().unwrap();
    reads_back(&NewCampaign::new("autumn \"1\"", "key", u64::MAX, now).with_id(CampaignId::new(i64::MAX)));
    let mut sums = Sums::new(9, 2, 4);
    sums.phase = Phase::Cancelled;
    sums.resend_after = Duration::from_micros(1_000_001);
    sums.messages.add(Progress::Accepted, 3);
    reads_back(&sums);
    let mut batch = Batch::new(CampaignId::new(7), 3, planned(9));
    reads_back(&batch);
    batch.batch_id = Some(BatchId::new("A"));
    batch.state = Some(BatchState::from("OF_TOMORROW"));
    batch.why = Some("no".to_owned());
    batch.last_attempt = Some(now);
    batch.hold.worker = Some("one".into());
    batch.hold.until = Some(now);
    batch.hold.lapsed = Some(("two".into(), now));
    reads_back(&batch);
    reads_back(&Deferred::Message(3, MessageState::failed(None, Some("no route"))));
    reads_back(&Deferred::Batch(BatchState::Ready));
    reads_back(&Orphan::new(RowKey::new("key", 3), None, MessageState::new(Progress::Read)));
    reads_back(&Worker::new("one", Some(ProcessId::new("boot", "pid:[1]", 7, u64::MAX))));
    reads_back(&CallbackCount::new("OPT_IN", 3, now, now));
}

#[test]
fn hold_names_the_owner_of_a_batch() {
    let second = |n| Timestamp::from_second(n).unwrap();
    let mut hold = Batch::new(CampaignId::new(7), 3, planned(9)).hold;
    assert!(hold.is_free(second(0)) && !hold.is_of("one") && hold.workers().next().is_none());
    (hold.worker, hold.until) = (Some("one".into()), Some(second(30)));
    assert!(!hold.is_free(second(29)) && hold.is_free(second(30)) && hold.is_of("one"));
    hold.lapsed = Some(("two".into(), second(5)));
    assert!(hold.is_of("two") && hold.workers().map(|worker| &**worker).eq(["one", "two"]));
    hold.until = None;
    assert!(!hold.is_of("one") && hold.is_of("two") && hold.workers().map(|worker| &**worker).eq(["two"]));
}

fn progress() -> impl Strategy<Value = Progress> {
    prop::sample::select(vec![Progress::Accepted, Progress::Queued, Progress::Delivered, Progress::Read])
}

proptest! {
    #[test]
    fn deferred_and_orphans_join_in_any_order(one in progress(), other in progress(), ids in any::<(bool, bool)>()) {
        let message = |progress| Deferred::Message(3, MessageState::new(progress));
        prop_assert_eq!(message(one).join(message(other)), message(one.max(other)));
        prop_assert_eq!(message(one).index(), Some(3));
        let orphan = |progress, has_id: bool| {
            Orphan::new(RowKey::new("key", 3), has_id.then(|| BatchId::new("A")), MessageState::new(progress))
        };
        let mut joined = orphan(one, ids.0);
        joined.join(orphan(other, ids.1));
        prop_assert_eq!(joined, orphan(one.max(other), ids.0 || ids.1));
    }

    #[test]
    fn rows_read_back_by_serde(rows in prop::collection::vec((any::<u64>(), any::<u64>()), 0..20)) {
        reads_back(&rows.into_iter().collect::<RowSpans>());
    }
}
