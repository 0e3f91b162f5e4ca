//! A campaign after it was sent: pauses, recalled batches, excluded rows, retries.

use sinch_batch_models::{BatchId, BatchState, Fingerprint};
use sinch_batch_tracking::{BatchUpdate, MessageState, Progress};

use super::{Bench, KEY, accepted, assert_kind, now, plan, rows, state};
use crate::callback::Applied;
use crate::campaign::{CampaignRecord, NewCampaign};
use crate::entry::{BatchStage, Entry, Exclusion};
use crate::error::LedgerErrorKind;
use crate::ledger::Ledger;
use crate::plan::PlannedRows;
use crate::status::Phase;

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    a_pause_lets_nothing_leave_and_is_lifted(&make().await).await;
    a_halt_is_not_lifted_by_a_pause(&make().await).await;
    failures_that_are_not_the_recipients_are_counted(&make().await).await;
    the_time_of_a_scheduled_batch_is_kept_once_it_is_accepted(&make().await).await;
    a_stopped_campaign_is_cancelled_and_nothing_else(&make().await).await;
    excluded_rows_count_as_skipped_and_an_empty_batch_is_closed(&make().await).await;
    rows_are_excluded_under_a_lease_or_the_batch_is_taken_from_its_worker(&make().await).await;
    rows_of_a_batch_that_was_tried_stay(&make().await).await;
    messages_of_a_recalled_batch_are_cancelled_until_something_is_received(&make().await).await;
    a_retry_takes_the_newest_failure_and_nobody_who_was_reached(&make().await).await;
    a_late_receipt_cuts_its_row_out_of_a_retry(&make().await).await;
    two_retries_of_the_same_rows_are_refused_while_one_is_unfinished(&make().await).await;
}

async fn a_pause_lets_nothing_leave_and_is_lifted<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4, 6]).await;
    let lease = bench.claim("one", 1, now()).await.leases.remove(0);
    let id = bench.campaign.id;
    ledger.pause(id).await.expect("a pause");
    assert_eq!(bench.status().await.phase, Phase::Paused);
    let intent = Entry::Intent { number: 1, token: lease.token, attempt: 1 };
    assert_kind(ledger.record(id, intent.clone(), now()).await, LedgerErrorKind::NotRunning);
    ledger.unpause(id).await.expect("it goes on");
    ledger.record(id, intent, now()).await.expect("an intent");
    // The outcome of what is under way is taken, pause or not.
    ledger.pause(id).await.expect("a pause");
    ledger.record(id, accepted(1, "A"), now()).await.expect("an outcome");
    assert_eq!(bench.status().await.accepted, 4);
}

async fn a_halt_is_not_lifted_by_a_pause<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    let id = bench.campaign.id;
    ledger.halt(id).await.expect("a halt");
    assert_eq!(bench.status().await.phase, Phase::Halted);
    ledger.pause(id).await.expect("a pause");
    assert_eq!(bench.status().await.phase, Phase::Halted);
    assert_kind(ledger.begin_run(id, std::time::Duration::ZERO).await, LedgerErrorKind::NotRunning);
    ledger.unpause(id).await.expect("it goes on");
    assert_eq!(bench.status().await.phase, Phase::Running);
    ledger.stop(id).await.expect("the end");
    assert_kind(ledger.halt(id).await, LedgerErrorKind::NotRunning);
}

async fn failures_that_are_not_the_recipients_are_counted<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    bench.try_batch(1).await;
    ledger.record(bench.campaign.id, accepted(1, "A"), now()).await.expect("an outcome");
    let codes = [(1, "TEMPLATE_NOT_FOUND"), (2, "RECIPIENT_NOT_REACHABLE"), (3, "INTERNAL_ERROR"), (4, "BAD_REQUEST")];
    for (row, code) in codes {
        bench.applied(bench.row(row, MessageState::failed(Some(code), None))).await;
    }
    let status = bench.status().await;
    assert_eq!((status.messages.failed, status.systemic), (4, 2));
    // It arrived after all.
    bench.applied(bench.row(1, state(Progress::Delivered))).await;
    let status = bench.status().await;
    assert_eq!((status.messages.failed, status.systemic), (3, 1));
}

async fn the_time_of_a_scheduled_batch_is_kept_once_it_is_accepted<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    let id = bench.campaign.id;
    let send_after = now() + std::time::Duration::from_secs(3600);
    let entry = Entry::Scheduled { number: 1, send_after };
    assert_kind(ledger.record(id, entry.clone(), now()).await, LedgerErrorKind::Impossible);
    bench.try_batch(1).await;
    ledger.record(id, accepted(1, "A"), now()).await.expect("an outcome");
    assert_eq!(bench.batch(1).await.send_after, None);
    ledger.record(id, entry, now()).await.expect("a time");
    assert_eq!(bench.batch(1).await.send_after, Some(send_after));
    bench.applied(BatchUpdate::new(BatchId::new("A"), BatchState::Processed)).await;
    assert_eq!(bench.batch(1).await.send_after, Some(send_after), "it stays");
}

async fn a_stopped_campaign_is_cancelled_and_nothing_else<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    let id = bench.campaign.id;
    ledger.stop(id).await.expect("the end");
    assert_eq!(bench.status().await.phase, Phase::Stopping);
    assert_kind(ledger.unpause(id).await, LedgerErrorKind::NotRunning);
    assert_kind(ledger.pause(id).await, LedgerErrorKind::NotRunning);
    ledger.cancel(id).await.expect("the end");
    ledger.stop(id).await.expect("the end");
    assert_eq!(bench.status().await.phase, Phase::Cancelled);
}

async fn excluded_rows_count_as_skipped_and_an_empty_batch_is_closed<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4, 6]).await;
    let id = bench.campaign.id;
    let exclude = |number, rows: &[u64], because| Entry::Exclude { number, token: None, rows: rows.to_vec(), because };
    ledger.record(id, exclude(2, &[5, 10, 11], Exclusion::Suppressed), now()).await.expect("an exclusion");
    let batch = bench.batch(2).await;
    assert_eq!((batch.rows, batch.first_row), (rows(6..=9), 5));
    ledger.record(id, exclude(1, &[1, 2, 3, 4], Exclusion::Reached), now()).await.expect("an exclusion");
    let status = bench.status().await;
    assert_eq!((status.skipped, status.suppressed, status.planned, status.rows), (6, 2, 4, 10));
    assert_eq!((status.batches.planned, status.batches.skipped), (1, 1));
    assert_eq!(bench.batch(1).await.stage, BatchStage::Skipped);
    // Its sums agree with its batches, and only what is left is claimed.
    ledger.begin_run(id, std::time::Duration::ZERO).await.expect("a run");
    let claimed = bench.claim("one", 9, now()).await;
    assert_eq!(claimed.leases.iter().map(|lease| (lease.number, lease.first_row)).collect::<Vec<_>>(), [(2, 5)]);
    assert_eq!(claimed.leases[0].rows, rows(6..=9));
}

async fn rows_are_excluded_under_a_lease_or_the_batch_is_taken_from_its_worker<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    let id = bench.campaign.id;
    let exclude = |token, row| Entry::Exclude { number: 1, token, rows: vec![row], because: Exclusion::Suppressed };
    let intent = |token| Entry::Intent { number: 1, token, attempt: 1 };
    let token = bench.claim("one", 1, now()).await.leases[0].token;
    assert_kind(ledger.record(id, exclude(Some(token + 1), 1), now()).await, LedgerErrorKind::Fenced);
    ledger.record(id, exclude(Some(token), 1), now()).await.expect("an exclusion");
    // Somebody without a lease: the worker has read row 2 already, and must not send it.
    ledger.record(id, exclude(None, 2), now()).await.expect("an exclusion");
    assert_kind(ledger.record(id, intent(token), now()).await, LedgerErrorKind::Fenced);
    let lease = bench.claim("two", 1, now()).await.leases.remove(0);
    assert_eq!(lease.rows, rows(3..=4));
    // A lease that is over excludes nothing, for another worker may have read the rows.
    let late = now() + std::time::Duration::from_secs(3600);
    assert_kind(ledger.record(id, exclude(Some(lease.token), 3), late).await, LedgerErrorKind::Fenced);
    ledger.record(id, intent(lease.token), now()).await.expect("an intent");
    let status = bench.status().await;
    assert_eq!((status.suppressed, status.skipped, status.unknown), (2, 2, 2));
}

async fn rows_of_a_batch_that_was_tried_stay<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    bench.try_batch(1).await;
    let entry = Entry::Exclude { number: 1, token: None, rows: vec![2], because: Exclusion::Suppressed };
    assert_kind(ledger.record(bench.campaign.id, entry, now()).await, LedgerErrorKind::Impossible);
    assert_eq!(bench.batch(1).await.rows, rows(1..=4));
}

async fn messages_of_a_recalled_batch_are_cancelled_until_something_is_received<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[4]).await;
    let id = bench.campaign.id;
    let recall = Entry::Cancel { number: 1 };
    assert_kind(ledger.record(id, recall.clone(), now()).await, LedgerErrorKind::Impossible);
    bench.try_batch(1).await;
    ledger.record(id, accepted(1, "A"), now()).await.expect("an outcome");
    bench.applied(bench.row(2, state(Progress::Queued))).await;
    ledger.record(id, recall, now()).await.expect("a recall");
    assert!(bench.batch(1).await.recalled);
    let seen = |state| BatchUpdate::new(BatchId::new("A"), state);
    bench.applied(seen(BatchState::Cancelled)).await;
    assert_eq!(ledger.apply(seen(BatchState::Cancelled).into()).await.expect("a repeat"), Applied::Duplicate);
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.queued, tally.cancelled, tally.total()), (0, 1, 3, 4));
    // People have it: evidence wins.
    bench.applied(bench.row(3, state(Progress::Delivered))).await;
    let tally = bench.status().await.messages;
    assert_eq!((tally.delivered, tally.cancelled, tally.total()), (1, 2, 4));
    bench.applied(seen(BatchState::Processed)).await;
    let tally = bench.status().await.messages;
    assert_eq!((tally.pending, tally.queued, tally.delivered, tally.cancelled), (2, 1, 1, 0));
}

const CHILD: &str = "0292f3c6a1b27c3d8e4f5a6b7c8d9e0f";
const OTHER: &str = "0392f3c6a1b27c3d8e4f5a6b7c8d9e0f";

/// The same words for another campaign.
fn beside<L: Ledger>(ledger: &L, campaign: CampaignRecord) -> Bench<'_, L> {
    Bench { ledger, campaign, tokens: std::cell::RefCell::default() }
}

/// A campaign of which these rows have failed.
async fn sent<'a, L: Ledger>(ledger: &'a L, failed: &[u64]) -> Bench<'a, L> {
    let bench = Bench::new(ledger, &[4, 6]).await;
    for (number, id) in [(1, "A"), (2, "B")] {
        bench.try_batch(number).await;
        ledger.record(bench.campaign.id, accepted(number, id), now()).await.expect("an outcome");
    }
    for row in failed {
        bench.applied(bench.row(*row, MessageState::failed(Some("RATE_LIMITED"), None))).await;
    }
    bench
}

fn retry(bench: &Bench<'_, impl Ledger>, name: &str, key: &str, chosen: u64) -> NewCampaign {
    let parent = &bench.campaign;
    let mut new = NewCampaign::new(name, key, parent.rows, now());
    new.input_fingerprint = parent.input_fingerprint;
    new.skipped = parent.rows - chosen;
    new.parent = Some(parent.id);
    new
}

fn chosen(rows_of_first: &[u64], rows_of_second: &[u64]) -> Vec<PlannedRows> {
    let whole = plan(KEY, &[4, 6]);
    let some = |rows: &[u64], of: &PlannedRows| PlannedRows {
        first_row: of.rows.first_row(),
        rows: rows.iter().map(|row| (*row, *row + 1)).collect(),
        ..of.clone()
    };
    let some = [some(rows_of_first, &whole[0]), some(rows_of_second, &whole[1])];
    some.into_iter().filter(|batch| !batch.rows.is_empty()).collect()
}

async fn a_retry_takes_the_newest_failure_and_nobody_who_was_reached<L: Ledger>(ledger: &L) {
    let bench = sent(ledger, &[2, 4, 7]).await;
    let id = bench.campaign.id;
    let found = ledger.retry_rows(id, 0, 10).await.expect("failures");
    assert_eq!(
        found.iter().map(|row| (row.failure.row, row.reached)).collect::<Vec<_>>(),
        [(2, false), (4, false), (7, false)]
    );
    let created = ledger.create(retry(&bench, "again", CHILD, 2), Box::new(chosen(&[4], &[7]))).await.expect("a retry");
    let child = beside(ledger, created.campaign);
    assert_eq!(child.campaign.parent, Some(id));
    assert_eq!(child.campaign.family(), id);
    let lease = child.claim("one", 1, now()).await.leases.remove(0);
    assert_eq!((lease.first_row, lease.rows.clone()), (1, [(4, 5)].into_iter().collect()));
    // While it may have left, nobody sends it again.
    let intent = Entry::Intent { number: 1, token: lease.token, attempt: 1 };
    ledger.record(child.campaign.id, intent, now()).await.expect("an intent");
    let reached = |rows: Vec<crate::entry::RetryRow>| rows.iter().map(|row| row.reached).collect::<Vec<_>>();
    assert_eq!(reached(ledger.retry_rows(id, 0, 10).await.expect("failures")), [false, true, false]);
    ledger.record(child.campaign.id, accepted(1, "C"), now()).await.expect("an outcome");
    assert_eq!(reached(ledger.retry_rows(id, 0, 10).await.expect("failures")), [false, true, false]);
    child.applied(child.row(4, MessageState::failed(Some("BAD_REQUEST"), None))).await;
    let found = ledger.retry_rows(id, 2, 1).await.expect("failures");
    assert_eq!((found[0].reached, found[0].failure.code.as_deref()), (false, Some("BAD_REQUEST")));
    child.applied(child.row(4, state(Progress::Read))).await;
    assert_eq!(reached(ledger.retry_rows(id, 0, 10).await.expect("failures")), [false, true, false]);
}

async fn a_late_receipt_cuts_its_row_out_of_a_retry<L: Ledger>(ledger: &L) {
    let bench = sent(ledger, &[2, 4, 7]).await;
    let created =
        ledger.create(retry(&bench, "again", CHILD, 3), Box::new(chosen(&[2, 4], &[7]))).await.expect("a retry");
    let child = beside(ledger, created.campaign);
    bench.applied(bench.row(2, state(Progress::Delivered))).await;
    bench.applied(bench.row(7, state(Progress::Delivered))).await;
    let claimed = child.claim("one", 5, now()).await;
    assert_eq!(claimed.leases.len(), 1);
    assert_eq!(claimed.leases[0].rows, [(4, 5)].into_iter().collect());
    let status = child.status().await;
    assert_eq!((status.rows, status.skipped, status.planned, status.suppressed), (10, 9, 1, 0));
    ledger.begin_run(child.campaign.id, std::time::Duration::ZERO).await.expect("sums that agree");
}

async fn two_retries_of_the_same_rows_are_refused_while_one_is_unfinished<L: Ledger>(ledger: &L) {
    let bench = sent(ledger, &[2]).await;
    let create = |name, key| ledger.create(retry(&bench, name, key, 1), Box::new(chosen(&[2], &[])));
    let first = create("again", CHILD).await.expect("a retry").campaign;
    assert_kind(create("twice", OTHER).await, LedgerErrorKind::RetryUnderWay);
    ledger.cancel(first.id).await.expect("its end");
    create("twice", OTHER).await.expect("another retry");
    let mut other = retry(&bench, "other", "0492f3c6a1b27c3d8e4f5a6b7c8d9e0f", 1);
    other.input_fingerprint = Some(Fingerprint::new([1; 32], 1));
    assert_kind(ledger.create(other, Box::new(chosen(&[2], &[]))).await, LedgerErrorKind::Impossible);
}
