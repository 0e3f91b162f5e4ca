//! What was received of campaigns that ended is removed, and nothing else.

use sinch_batch_models::{BatchId, BatchState};
use sinch_batch_tracking::{BatchUpdate, MessageState, Progress};

use super::{Bench, accepted, assert_kind, at, create, now, plan, state};
use crate::campaign::NewCampaign;
use crate::error::LedgerErrorKind;
use crate::ledger::Ledger;

/// Long after everything else.
const LATER: i64 = 1_000_000;

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    if !is_able(&make().await).await {
        // It says so, and does nothing.
        return;
    }
    what_is_not_over_is_not_pruned(&make().await).await;
    pruning_keeps_all_sums_and_guards(&make().await).await;
    late_receipts_of_a_pruned_campaign_count_nothing_twice(&make().await).await;
    a_pruned_campaign_is_not_retried(&make().await).await;
    forgotten_rows_keep_no_description_whatever_comes(&make().await).await;
}

/// Whether the ledger can prune and forget; else it has to refuse both.
async fn is_able<L: Ledger>(ledger: &L) -> bool {
    let bench = Bench::new(ledger, &[2]).await;
    let unable =
        |error: Option<crate::LedgerError>| error.is_some_and(|error| error.kind() == LedgerErrorKind::Unsupported);
    let unable = [
        unable(ledger.ended(bench.id()).await.err()),
        unable(ledger.prune(bench.id(), at(LATER), 10).await.err()),
        unable(ledger.forget(bench.id(), vec![1]).await.err()),
    ];
    assert!(unable.iter().all(|one| *one == unable[0]), "all or none: {unable:?}");
    !unable[0]
}

async fn what_is_not_over_is_not_pruned<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[2]).await;
    let id = bench.id();
    assert_eq!(ledger.ended(id).await.expect("an answer"), None);
    assert_kind(ledger.prune(id, at(LATER), 10).await, LedgerErrorKind::NotEnded);
    bench.try_batch(1).await;
    assert_eq!(ledger.ended(id).await.expect("an answer"), None, "its outcome is unknown");
    bench.recorded(accepted(1, "A")).await;
    let seen = state(Progress::Delivered).with_time(Some(at(600)));
    bench.applied(bench.row(1, seen)).await;
    assert_eq!(ledger.ended(id).await.expect("an answer"), Some(at(600)));
    assert_kind(ledger.prune(id, at(600), 10).await, LedgerErrorKind::NotEnded);
    assert!(bench.message(1).await.is_some() && !bench.status().await.pruned);
    ledger.prune(id, at(601), 10).await.expect("pruned");
    assert!(bench.message(1).await.is_none() && bench.status().await.pruned);
    assert_kind(ledger.prune(crate::CampaignId::new(99), at(LATER), 10).await, LedgerErrorKind::NoSuchCampaign);
}

/// A campaign with one message of each kind, and one of which nothing was received.
async fn received<L: Ledger>(ledger: &L) -> Bench<'_, L> {
    let bench = Bench::new(ledger, &[4, 2]).await;
    for number in 1..=2 {
        bench.try_batch(number).await;
        bench.recorded(accepted(number, &format!("B{number}"))).await;
    }
    for (row, seen) in [
        (1, MessageState::failed(Some("RATE_LIMITED"), Some("slower"))),
        (2, state(Progress::Delivered)),
        (3, state(Progress::Queued)),
        (5, state(Progress::Read)),
        (6, MessageState::failed(Some("CHANNEL_REJECT"), None)),
    ] {
        bench.applied(bench.row(row, seen.with_time(Some(at(60))))).await;
    }
    bench
}

async fn pruning_keeps_all_sums_and_guards<L: Ledger>(ledger: &L) {
    let bench = received(ledger).await;
    let id = bench.id();
    let sums = async || {
        let status = bench.status().await;
        let reasons = ledger.reasons(id).await.expect("reasons");
        let pulse = ledger.pulse(id, at(0), at(LATER)).await.expect("minutes");
        (status.batches, status.messages, status.systemic, reasons, pulse, bench.batches().await)
    };
    let before = sums().await;
    let mut removed = Vec::new();
    loop {
        let pruned = ledger.prune(id, at(LATER), 2).await.expect("pruned");
        removed.push(pruned.messages);
        assert_eq!(sums().await, before);
        if !pruned.left {
            break;
        }
    }
    assert_eq!(removed, [2, 2, 1]);
    assert!(ledger.messages(id, 0, 10).await.expect("messages").is_empty());
    assert!(ledger.failures(id, 0, 10).await.expect("failures").is_empty());
    // Once more is fine.
    assert_eq!(ledger.prune(id, at(LATER), 2).await.expect("pruned").messages, 0);
    let again = NewCampaign::new("again", "another key", 6, now());
    assert_kind(create(ledger, again, plan(super::KEY, &[4, 2])).await, LedgerErrorKind::Duplicate);
}

async fn late_receipts_of_a_pruned_campaign_count_nothing_twice<L: Ledger>(ledger: &L) {
    let bench = received(ledger).await;
    let id = bench.id();
    // A receipt between two chunks is as late as one after the last.
    assert!(ledger.prune(id, at(LATER), 1).await.expect("pruned").left);
    let before = bench.status().await;
    for row in 1..=6 {
        for progress in [Progress::Queued, Progress::Delivered, Progress::Read] {
            bench.applied(bench.row(row, state(progress).with_time(Some(at(120))))).await;
        }
        bench.applied(bench.row(row, MessageState::failed(Some("RATE_LIMITED"), Some("slower")))).await;
    }
    bench.applied(super::by_position("B1", 0, state(Progress::Read))).await;
    bench.applied(BatchUpdate::new(BatchId::new("B1"), BatchState::Cancelled)).await;
    assert_eq!(bench.status().await, before);
    ledger.prune(id, at(LATER), 100).await.expect("pruned");
    assert_eq!(bench.status().await, before);
    assert!(ledger.messages(id, 0, 10).await.expect("messages").is_empty());
}

async fn a_pruned_campaign_is_not_retried<L: Ledger>(ledger: &L) {
    let bench = received(ledger).await;
    let id = bench.id();
    ledger.prune(id, at(LATER), 100).await.expect("pruned");
    assert_kind(ledger.retry_rows(id, 0, 10).await, LedgerErrorKind::Pruned);
    let mut retry = NewCampaign::new("retry", "the retry's key", 6, now());
    (retry.parent, retry.skipped, retry.allow_duplicate) = (Some(id), 4, true);
    assert_kind(create(ledger, retry, plan("retry", &[2])).await, LedgerErrorKind::Pruned);
}

async fn forgotten_rows_keep_no_description_whatever_comes<L: Ledger>(ledger: &L) {
    let bench = received(ledger).await;
    let id = bench.id();
    let sums = async || {
        let status = bench.status().await;
        (status, ledger.reasons(id).await.expect("reasons"), ledger.pulse(id, at(0), at(LATER)).await.expect("minutes"))
    };
    let before = sums().await;
    // Row 9 is not there; of row 4 nothing was received.
    assert_eq!(ledger.forget(id, vec![1, 4, 9]).await.expect("forgotten"), 2);
    assert_eq!(ledger.forget(id, vec![1, 4]).await.expect("forgotten"), 0, "they are already");
    assert_eq!(sums().await, before);
    let failures = ledger.failures(id, 0, 10).await.expect("failures");
    assert_eq!((failures[0].row, failures[0].code.as_deref()), (1, Some("RATE_LIMITED")));
    assert_eq!(failures[0].description, None);
    // What comes later is folded all the same.
    for text in ["slower", "slower, please"] {
        bench.applied(bench.row(1, MessageState::failed(Some("RATE_LIMITED"), Some(text)))).await;
        bench.applied(bench.row(4, MessageState::failed(Some("RATE_LIMITED"), Some(text)))).await;
    }
    let failures = ledger.failures(id, 0, 10).await.expect("failures");
    assert_eq!(failures.iter().map(|failure| failure.row).collect::<Vec<_>>(), [1, 4, 6]);
    assert!(failures.iter().all(|failure| failure.description.is_none()), "{failures:?}");
    bench.applied(bench.row(1, state(Progress::Delivered))).await;
    let status = bench.status().await;
    assert_eq!((status.messages.failed, status.messages.delivered), (2, 2));
}
