//! What callbacks say, and how many there were.

use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{BatchKey, BatchUpdate, MessageRef, MessageState, MessageUpdate, Progress, RowKey};

use super::{Bench, KEY, accepted, assert_kind, at, by_position, intent, now, plan_of, refused, rows, state};
use crate::callback::{Applied, CallbackCount, DeferredCounts, ReceivedCallback};
use crate::campaign::{CampaignId, NewCampaign};
use crate::entry::{BatchStage, Entry, MessageFailure};
use crate::error::LedgerErrorKind;
use crate::ledger::Ledger;
use crate::rows::RowSpans;
use crate::sums::{OTHER_REASON, Pulse, ReasonCount};

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    receipts_are_counted_once(&make().await).await;
    a_receipt_proves_its_batch(&make().await).await;
    a_receipt_proves_a_batch_that_was_never_tried(&make().await).await;
    a_receipt_without_batch_id_proves_its_batch_too(&make().await).await;
    receipts_by_position_find_their_row(&make().await).await;
    receipts_by_position_are_deferred_while_a_batch_has_no_id(&make().await).await;
    receipts_by_position_are_unrelated_when_every_batch_has_its_id(&make().await).await;
    receipts_for_unknown_campaigns_are_kept(&make().await).await;
    batch_updates_are_folded_and_prove_their_batch(&make().await).await;
    unrelated_receipts_change_nothing(&make().await).await;
    many_are_applied_at_once(&make().await).await;
    failures_name_row_line_and_cause(&make().await).await;
    receipts_of_two_campaigns_do_not_mix(&make().await).await;
    callbacks_are_counted_by_kind(&make().await).await;
    what_a_callback_says_is_applied(&make().await).await;
    a_sender_cannot_add_kinds(&make().await).await;
    reasons_and_minutes_are_summed(&make().await).await;
}

/// A campaign with one batch of rows 2, 3 and 6, which is accepted as A, and a planned one.
async fn with_gaps<L: Ledger>(ledger: &L) -> Bench<'_, L> {
    let mut new = NewCampaign::new("autumn", KEY, 9, now());
    new.skipped = 3;
    let first: RowSpans = [(2, 3), (3, 4), (6, 9)].into_iter().collect();
    let bench = Bench::of(ledger, new, plan_of(KEY, [first, rows(7..=9)])).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    bench
}

fn update(id: &str, state: BatchState) -> BatchUpdate {
    BatchUpdate::new(BatchId::new(id), state)
}

async fn receipts_are_counted_once<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    assert_eq!(bench.message(1).await, None);
    for (progress, applied) in [
        (Progress::Accepted, Applied::Duplicate),
        (Progress::Delivered, Applied::Updated),
        (Progress::Queued, Applied::Duplicate),
        (Progress::Delivered, Applied::Duplicate),
        (Progress::Failed, Applied::Duplicate),
        (Progress::Read, Applied::Updated),
    ] {
        assert_eq!(bench.applied(bench.row(1, state(progress))).await, applied, "{progress}");
    }
    assert_eq!(bench.message(1).await, Some(state(Progress::Read)));
    assert_eq!(bench.applied(bench.row(2, state(Progress::Queued))).await, Applied::Updated);
    let status = bench.status().await;
    let tally = status.messages;
    assert_eq!((tally.pending, tally.queued, tally.delivered, tally.read, tally.failed), (2, 1, 0, 1, 0));
    assert_eq!(status.awaiting(), 3);
}

async fn a_receipt_proves_its_batch<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3]).await;
    bench.try_batch(1).await;
    bench.try_batch(2).await;
    bench.recorded(refused(2, 1, "no")).await;
    for (row, id) in [(2, "A"), (5, "B")] {
        let seen = bench.row(row, state(Progress::Queued)).with_batch_id(BatchId::new(id));
        assert_eq!(bench.applied(seen.clone()).await, Applied::Updated);
        assert_eq!(bench.applied(seen).await, Applied::Duplicate);
    }
    let status = bench.status().await;
    assert_eq!((status.accepted, status.unknown, status.planned), (6, 0, 0));
    assert_eq!((status.messages.pending, status.messages.queued), (4, 2));
    assert_eq!(bench.batch(1).await.batch_id, Some(BatchId::new("A")));
    // The response that comes after says the same; an attempt after the proof would send twice.
    bench.recorded(accepted(1, "A")).await;
    let token = bench.tokens.borrow()[&2];
    assert_kind(bench.record(intent(2, token, 2), now()).await, LedgerErrorKind::Accepted);
    assert_kind(bench.record(refused(1, 1, "no"), now()).await, LedgerErrorKind::Accepted);
    assert_eq!(bench.status().await, status);
}

async fn a_receipt_proves_a_batch_that_was_never_tried<L: Ledger>(ledger: &L) {
    // As after an older copy of the ledger was put back.
    let bench = Bench::new(ledger, &[3, 3, 3]).await;
    let seen = bench.row(2, state(Progress::Read)).with_batch_id(BatchId::new("A"));
    assert_eq!(bench.applied(seen).await, Applied::Updated);
    assert_eq!(bench.applied(bench.row(5, state(Progress::Accepted))).await, Applied::Updated);
    let batches = bench.batches().await;
    let known: Vec<_> = batches.iter().map(|batch| (batch.stage, batch.attempts, batch.batch_id.clone())).collect();
    let id = Some(BatchId::new("A"));
    assert_eq!(known, [(BatchStage::Accepted, 0, id), (BatchStage::Accepted, 0, None), (BatchStage::Planned, 0, None)]);
    let status = bench.status().await;
    assert_eq!((status.accepted, status.planned, status.unknown, status.batches.planned), (6, 3, 0, 1));
    assert_eq!(bench.claim_one("one", now()).await.number, 3);
}

async fn a_receipt_without_batch_id_proves_its_batch_too<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3]).await;
    bench.try_batch(1).await;
    assert_eq!(bench.applied(by_position("A", 2, state(Progress::Failed))).await, Applied::Deferred);
    assert_eq!(bench.applied(bench.row(1, state(Progress::Accepted))).await, Applied::Updated);
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.batch_id), (BatchStage::Accepted, None));
    let token = bench.tokens.borrow()[&1];
    assert_kind(bench.record(intent(1, token, 2), now()).await, LedgerErrorKind::Accepted);
    assert_eq!(bench.status().await.messages.pending, 3);
    // The id comes later, and with it what waited for it.
    let seen = bench.row(1, state(Progress::Accepted)).with_batch_id(BatchId::new("A"));
    assert_eq!(bench.applied(seen).await, Applied::Updated);
    assert_eq!(bench.batch(1).await.batch_id, Some(BatchId::new("A")));
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.failed), (2, 1));
}

async fn receipts_by_position_find_their_row<L: Ledger>(ledger: &L) {
    let bench = with_gaps(ledger).await;
    assert_eq!(bench.applied(by_position("A", 0, state(Progress::Read))).await, Applied::Updated);
    assert_eq!(bench.applied(by_position("A", 2, state(Progress::Failed))).await, Applied::Updated);
    assert_eq!(bench.applied(by_position("A", 2, state(Progress::Failed))).await, Applied::Duplicate);
    assert_eq!(bench.applied(by_position("A", 3, state(Progress::Failed))).await, Applied::Unrelated);
    assert_eq!(bench.message(2).await, Some(state(Progress::Read)));
    assert_eq!(bench.message(6).await, Some(state(Progress::Failed)));
}

async fn receipts_by_position_are_deferred_while_a_batch_has_no_id<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3, 3]).await;
    bench.try_batch(1).await;
    bench.try_batch(2).await;
    for progress in [Progress::Queued, Progress::Failed, Progress::Queued] {
        assert_eq!(bench.applied(by_position("A", 1, state(progress))).await, Applied::Deferred);
    }
    assert_eq!(bench.applied(by_position("A", 99, state(Progress::Failed))).await, Applied::Deferred);
    assert_eq!(bench.applied(by_position("B", 0, state(Progress::Failed))).await, Applied::Deferred);
    assert_eq!(bench.applied(update("A", BatchState::Processed)).await, Applied::Deferred);
    assert_eq!(bench.applied(update("A", BatchState::Ready)).await, Applied::Deferred);
    assert_eq!(bench.status().await.messages.failed, 0);
    // Repeats take no room.
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(4, 0, 0));

    bench.recorded(accepted(1, "A")).await;
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.failed), (2, 1));
    assert_eq!(bench.message(2).await, Some(state(Progress::Failed)));
    assert_eq!(bench.batch(1).await.state, Some(BatchState::Processed));
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(1, 0, 0));

    // A proof by receipt applies them just as well.
    let seen = bench.row(6, state(Progress::Read)).with_batch_id(BatchId::new("B"));
    assert_eq!(bench.applied(seen).await, Applied::Updated);
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.failed, tally.read), (3, 2, 1));
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::default());
}

async fn receipts_by_position_are_unrelated_when_every_batch_has_its_id<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 3]).await;
    let receipt = async || bench.applied(by_position("X", 0, state(Progress::Read))).await;
    let kept = async || ledger.deferred().await.expect("counts").by_position;
    // Nothing has left yet.
    assert_eq!((receipt().await, kept().await), (Applied::Unrelated, 0));
    assert_eq!(bench.applied(update("X", BatchState::Ready)).await, Applied::Unrelated);
    bench.try_batch(1).await;
    assert_eq!((receipt().await, kept().await), (Applied::Deferred, 1));
    bench.recorded(accepted(1, "A")).await;
    // With the next one that is unrelated, those that were kept are forgotten.
    assert_eq!((receipt().await, kept().await), (Applied::Unrelated, 0));
    // A batch that was refused is not at the service, unless an earlier attempt has reached it.
    bench.try_batch(2).await;
    bench.recorded(refused(2, 1, "no")).await;
    assert_eq!((receipt().await, kept().await), (Applied::Unrelated, 0));
    bench.try_batch(2).await;
    bench.recorded(Entry::Returned { number: 2, attempt: 2 }).await;
    bench.try_batch(2).await;
    bench.recorded(refused(2, 3, "no")).await;
    assert_eq!((receipt().await, kept().await), (Applied::Deferred, 1));
    bench.recorded(accepted(2, "X")).await;
    assert_eq!((bench.message(4).await, kept().await), (Some(state(Progress::Read)), 0));
}

async fn receipts_for_unknown_campaigns_are_kept<L: Ledger>(ledger: &L) {
    let receipt =
        |key: &str, row, progress| MessageUpdate::new(MessageRef::Row(RowKey::new(key, row)), state(progress));
    let applied = async |seen: MessageUpdate| ledger.apply(seen.into()).await.expect("it is always taken");
    for progress in [Progress::Queued, Progress::Delivered, Progress::Queued] {
        assert_eq!(applied(receipt(KEY, 2, progress)).await, Applied::Deferred);
    }
    assert_eq!(applied(receipt(KEY, 2, Progress::Queued).with_batch_id(BatchId::new("A"))).await, Applied::Deferred);
    assert_eq!(applied(receipt(KEY, 5, Progress::Read)).await, Applied::Deferred);
    assert_eq!(applied(receipt(KEY, 99, Progress::Read)).await, Applied::Deferred);
    assert_eq!(applied(receipt("other", 2, Progress::Read)).await, Applied::Deferred);
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(0, 4, 0));

    // When the campaign comes they are applied, and prove their batches.
    let bench = Bench::new(ledger, &[3, 3, 3]).await;
    let status = bench.status().await;
    assert_eq!((status.accepted, status.planned), (6, 3));
    assert_eq!((status.messages.pending, status.messages.delivered, status.messages.read), (4, 1, 1));
    assert_eq!(bench.batch(1).await.batch_id, Some(BatchId::new("A")));
    assert_eq!(bench.message(2).await, Some(state(Progress::Delivered)));
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(0, 1, 0));
    ledger.begin_run(bench.id(), super::LEASE).await.expect("the sums agree with the batches");
}

async fn batch_updates_are_folded_and_prove_their_batch<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 2, 1]).await;
    bench.try_batch(1).await;
    let keyed = |id: &str, number, state| update(id, state).with_key(BatchKey::new(KEY, number));
    assert_eq!(bench.applied(keyed("A", 1, BatchState::Ready)).await, Applied::Updated);
    let batch = bench.batch(1).await;
    assert_eq!((batch.stage, batch.state), (BatchStage::Accepted, Some(BatchState::Ready)));
    assert_eq!(bench.applied(update("A", BatchState::Processed)).await, Applied::Updated);
    assert_eq!(bench.applied(keyed("A", 1, BatchState::Scheduled)).await, Applied::Duplicate);
    assert_eq!(bench.batch(1).await.state, Some(BatchState::Processed));
    // A batch that was never tried here, one that is not in the plan, a campaign of somebody else.
    assert_eq!(bench.applied(keyed("B", 2, BatchState::Processed)).await, Applied::Updated);
    assert_eq!(bench.applied(keyed("C", 4, BatchState::Processed)).await, Applied::Unrelated);
    assert_eq!(bench.applied(keyed("C", 0, BatchState::Processed)).await, Applied::Unrelated);
    let other = update("D", BatchState::Processed).with_key(BatchKey::new("other", 1));
    assert_eq!(bench.applied(other).await, Applied::Unrelated);
    // The key of one batch under the id of another: the id says which it is.
    assert_eq!(bench.applied(keyed("A", 3, BatchState::Processed)).await, Applied::Duplicate);
    assert_eq!(bench.batch(3).await.stage, BatchStage::Planned);
    let status = bench.status().await;
    assert_eq!((status.accepted, status.doubled), (5, 0));
}

async fn unrelated_receipts_change_nothing<L: Ledger>(ledger: &L) {
    let bench = with_gaps(ledger).await;
    let status = bench.status().await;
    for row in [0, 1, 4, 10, u64::MAX] {
        let seen = bench.row(row, state(Progress::Read)).with_batch_id(BatchId::new("A"));
        assert_eq!(bench.applied(seen).await, Applied::Unrelated, "row {row}");
    }
    assert_eq!(bench.status().await, status);
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::default());
    assert_eq!(bench.message(u64::MAX).await, None);
}

async fn many_are_applied_at_once<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 1]).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    bench.try_batch(2).await;
    let many = vec![
        bench.row(1, state(Progress::Read)).into(),
        bench.row(1, state(Progress::Queued)).into(),
        by_position("A", 2, state(Progress::Failed)).into(),
        bench.row(5, state(Progress::Read)).into(),
        by_position("B", 2, state(Progress::Failed)).into(),
    ];
    let applied = ledger.apply_many(many).await.expect("all are taken");
    let expected = [Applied::Updated, Applied::Duplicate, Applied::Updated, Applied::Unrelated, Applied::Deferred];
    assert_eq!(applied, expected);
    assert_eq!(ledger.apply_many(Vec::new()).await.expect("none is taken"), []);
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.read, tally.failed), (1, 1, 1));
}

async fn failures_name_row_line_and_cause<L: Ledger>(ledger: &L) {
    let bench = with_gaps(ledger).await;
    bench.try_batch(2).await;
    bench.recorded(accepted(2, "B")).await;
    let failed = MessageState::failed(Some("BAD_REQUEST"), Some("no route to +15550100011"));
    bench.applied(by_position("B", 1, MessageState::failed(None, None))).await;
    bench.applied(bench.row(6, failed.clone())).await;
    bench.applied(bench.row(2, failed.clone())).await;
    bench.applied(bench.row(3, failed)).await;
    bench.applied(bench.row(3, state(Progress::Delivered))).await;

    let failure = |row, line, code: Option<&str>, description: Option<&str>| MessageFailure {
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

async fn receipts_of_two_campaigns_do_not_mix<L: Ledger>(ledger: &L) {
    let one = Bench::new(ledger, &[3]).await;
    let two = Bench::named(ledger, "winter", "other", &[3]).await;
    for (bench, id) in [(&one, "A"), (&two, "B")] {
        bench.try_batch(1).await;
        bench.recorded(accepted(1, id)).await;
    }
    assert_eq!(one.applied(one.row(1, state(Progress::Failed))).await, Applied::Updated);
    assert_eq!(two.message(1).await, None);
    assert_eq!(ledger.failures(two.id(), 0, 9).await.expect("failures"), []);
    assert_eq!(ledger.failures(one.id(), 0, 9).await.expect("failures").len(), 1);
    assert_eq!(two.status().await.messages.pending, 3);
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
        let applied = ledger.apply_callback(seen(Trigger::MessageInbound, at(time))).await.expect("counted");
        assert_eq!(applied, None);
    }
    let many = vec![seen(Trigger::OptOut, at(1)), seen(Trigger::MessageInbound, at(12))];
    assert_eq!(ledger.apply_callbacks(many).await.expect("counted"), [None, None]);
    assert_eq!(ledger.apply_callbacks(Vec::new()).await.expect("none is counted"), []);
    let expected = [count("MESSAGE_INBOUND", 5, at(3), at(12)), count("OPT_OUT", 1, at(1), at(1))];
    assert_eq!(callbacks().await, expected);

    // A response of the service is no callback.
    let bench = Bench::new(ledger, &[3]).await;
    bench.applied(update("A", BatchState::Processed)).await;
    ledger.apply_many(vec![by_position("A", 0, state(Progress::Read)).into()]).await.expect("applied");
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

async fn what_a_callback_says_is_applied<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[3, 1]).await;
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    bench.try_batch(2).await;
    let receipt =
        |seen: MessageUpdate| ReceivedCallback::new(Some(&Trigger::MessageDelivery), now()).with_observation(seen);
    let applied = ledger.apply_callback(receipt(by_position("A", 0, state(Progress::Read)))).await.expect("applied");
    assert_eq!(applied, Some(Applied::Updated));
    let many = vec![
        receipt(by_position("A", 0, state(Progress::Delivered))),
        ReceivedCallback::new(Some(&Trigger::ContactCreate), now()),
        receipt(bench.row(5, state(Progress::Read))),
        receipt(by_position("B", 1, state(Progress::Read))),
        receipt(by_position("A", 1, state(Progress::Failed))),
    ];
    let applied = ledger.apply_callbacks(many).await.expect("all are applied");
    assert_eq!(
        applied,
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
    ledger.apply_callback(ReceivedCallback::new(None, at(7))).await.expect("counted");
    let counts = ledger.callbacks().await.expect("the counts");
    assert_eq!(counts, [count(ReceivedCallback::UNKNOWN, 5, now(), at(7))]);
}

/// What a message got to, and when, by row.
fn seen(row: u64, state: MessageState, when: Timestamp) -> MessageUpdate {
    let state = MessageState { at: Some(when), ..state };
    MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), state)
}

async fn reasons_and_minutes_are_summed<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    let all = || ledger.pulse(bench.id(), Timestamp::MIN, Timestamp::MAX);
    assert_eq!((ledger.reasons(bench.id()).await.expect("reasons"), all().await.expect("a pulse")), (vec![], vec![]));
    bench.try_batch(1).await;
    bench.recorded(accepted(1, "A")).await;
    let minute = |n: i64| Timestamp::from_second((now().as_second().div_euclid(60) + n) * 60 + 59).expect("a time");
    let failed = |code: &str| MessageState::failed(Some(code), None);
    for (row, state, when) in [
        (1, MessageState::new(Progress::Queued), minute(0)),
        (1, failed("CHANNEL_REJECT"), minute(1)),
        (1, failed("CHANNEL_REJECT"), minute(1)),
        (2, failed("CHANNEL_REJECT"), minute(1)),
        (3, failed("A_CODE_OF_TOMORROW"), minute(2)),
        // Delivered after all.
        (1, MessageState::new(Progress::Delivered), minute(2)),
        (4, MessageState::new(Progress::Read), minute(2)),
    ] {
        bench.applied(seen(row, state, when)).await;
    }
    let reasons = vec![ReasonCount::new("CHANNEL_REJECT", 1), ReasonCount::new(OTHER_REASON, 1)];
    assert_eq!(ledger.reasons(bench.id()).await.expect("reasons"), reasons);
    let first = minute(0).as_second().div_euclid(60);
    let pulse = |n: i64, [accepted, queued, delivered, read, failed]: [u64; 5]| {
        let mut pulse = Pulse::new(first + n);
        (pulse.accepted, pulse.queued, pulse.delivered) = (accepted, queued, delivered);
        (pulse.read, pulse.failed) = (read, failed);
        pulse
    };
    let expected = vec![pulse(0, [4, 1, 0, 0, 0]), pulse(1, [0, 0, 0, 0, 2]), pulse(2, [0, 0, 1, 1, 1])];
    assert_eq!(all().await.expect("a pulse"), expected);
    let from_second = ledger.pulse(bench.id(), minute(0), minute(1)).await.expect("a pulse");
    assert_eq!(from_second, expected[1..2]);
    assert_kind(ledger.reasons(CampaignId::new(77)).await, LedgerErrorKind::NoSuchCampaign);
    assert_kind(ledger.pulse(CampaignId::new(77), minute(0), minute(1)).await, LedgerErrorKind::NoSuchCampaign);
}
