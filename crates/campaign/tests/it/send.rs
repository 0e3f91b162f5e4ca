//! Beginning, sending, resuming.
//!
//! Time is not paused here: while the thread that reads recipients runs, tokio does not advance paused time.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_campaign::{Campaign, CampaignError, StopReason};
use sinch_batch_ledger::{Ledger, LedgerErrorKind, MemoryLedger};
use sinch_batch_recipients::CheckOptions;
use tokio::time::timeout;

use crate::support::{Acceptor, begin, checked, file, place, request, write_rows};

fn each_once(numbers: impl IntoIterator<Item = u32>) -> BTreeMap<u32, usize> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

#[tokio::test]
async fn begin_refuses_the_same_twice() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let second = Campaign::begin(ledger.clone(), "again", acceptor.clone(), checked(&place.path)).await;
    assert!(matches!(second, Err(CampaignError::Duplicate(_))), "{second:?}");
    assert!(campaign.send(pending(), |_| {}).await.unwrap().is_complete());
    write_rows(&place.path, 11);
    let appended = Campaign::begin(ledger.clone(), "more", acceptor.clone(), checked(&place.path)).await;
    assert!(matches!(appended, Err(CampaignError::Duplicate(_))), "one row more is not another file: {appended:?}");
    let meant = checked(&place.path).with_duplicate_allowed();
    assert!(Campaign::begin(ledger, "meant", acceptor.clone(), meant).await.is_ok());
    assert_eq!(acceptor.accepted(), each_once(1..=10));
}

#[tokio::test]
async fn begin_knows_a_file_that_rows_were_added_to_in_whatever_batches() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    campaign.send(pending(), |_| {}).await.unwrap();
    let begin_by = async |name: &str, batch_size: usize| {
        let options = CheckOptions::default().with_batch_size(batch_size);
        let checked = request().check_with(file(&place.path), &options, |_| {}).unwrap();
        Campaign::begin(ledger.clone(), name, acceptor.clone(), checked).await
    };
    write_rows(&place.path, 11);
    for batch_size in [2, 3, 1000] {
        let again = begin_by("more", batch_size).await;
        assert!(matches!(again, Err(CampaignError::Duplicate(_))), "{batch_size}: {again:?}");
    }
    // Other people, and a cancelled campaign that sent nothing, are not the same.
    std::fs::write(&place.path, "SMS,name\n+15559999999,Ines\n+15559999998,Ines\n").unwrap();
    let others = begin_by("others", 1).await.unwrap();
    ledger.cancel(others.record().id).await.unwrap();
    std::fs::write(&place.path, "SMS,name\n+15559999999,Ines\n+15559999998,Ines\n+15559999997,Ines\n").unwrap();
    assert!(begin_by("all of them", 1000).await.is_ok());
}

#[tokio::test]
async fn send_by_two_campaigns_of_one_ledger_sends_each_batch_once() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let one = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let other = Campaign::resume(ledger.clone(), "autumn", acceptor.clone(), file(&place.path)).await.unwrap();
    let (one, other) = tokio::join!(one.send(pending(), |_| {}), other.send(pending(), |_| {}));
    assert!(one.unwrap().is_complete() && other.unwrap().is_complete());
    assert_eq!(acceptor.accepted(), each_once(1..=10));
}

#[tokio::test]
async fn send_that_is_dropped_frees_its_batches_at_once() {
    let (place, ledger) = (place(), Arc::new(MemoryLedger::new()));
    let acceptor = Acceptor::new().slow(Duration::from_secs(20));
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    assert!(timeout(Duration::from_millis(200), campaign.send(pending(), |_| {})).await.is_err());
    assert_eq!(acceptor.accepted(), each_once(1..=4), "four are on the wire");
    let quick = acceptor.clone().slow(Duration::from_millis(1));
    let again = Campaign::resume(ledger, "autumn", quick, file(&place.path)).await.unwrap();
    // No lease has to lapse: what is on the wire is found at once.
    let outcome = timeout(Duration::from_secs(5), again.send(pending(), |_| {})).await.unwrap().unwrap();
    assert!(outcome.is_complete());
    assert_eq!(acceptor.accepted(), each_once(1..=10));
}

#[tokio::test]
async fn resume_with_another_project_or_of_practice_or_cancelled_is_refused() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let elsewhere = acceptor.clone().of_project("another");
    let refused = Campaign::resume(ledger.clone(), "autumn", elsewhere, file(&place.path)).await;
    assert!(matches!(refused, Err(CampaignError::OtherService { what: "project", .. })), "{refused:?}");
    let unknown = Campaign::resume(ledger.clone(), "winter", acceptor.clone(), file(&place.path)).await;
    assert!(matches!(unknown, Err(CampaignError::NoSuchCampaign(_))), "{unknown:?}");
    let practice = checked(&place.path).with_practice();
    Campaign::begin(ledger.clone(), "practice", acceptor.clone(), practice).await.unwrap();
    let refused = Campaign::resume(ledger.clone(), "practice", acceptor.clone(), file(&place.path)).await;
    assert!(matches!(refused, Err(CampaignError::Practice(_))), "{refused:?}");
    ledger.cancel(campaign.record().id).await.unwrap();
    let refused = Campaign::resume(ledger.clone(), "autumn", acceptor.clone(), file(&place.path)).await;
    let kind = refused.as_ref().err().and_then(CampaignError::ledger).map(|error| error.kind());
    assert_eq!(kind, Some(LedgerErrorKind::NotRunning), "{refused:?}");
    assert!(campaign.send(pending(), |_| {}).await.is_err());
    assert_eq!(acceptor.accepted(), BTreeMap::new());
}

#[tokio::test]
async fn send_ends_when_the_campaign_is_cancelled_in_the_middle() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let id = campaign.record().id;
    let send = campaign.send(pending(), |_| {});
    let cancel = async {
        acceptor.has_accepted(2).await;
        ledger.cancel(id).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(send, cancel);
    assert_eq!(outcome.unwrap().stopped, Some(StopReason::NotRunning));
    let status = campaign.status().await.unwrap();
    assert_eq!(status.unknown, 0, "what was on the wire is recorded");
    assert_eq!(status.accepted, acceptor.accepted().len() as u64);
    assert!(status.planned > 0);
}

#[tokio::test]
async fn send_of_a_file_changed_in_the_middle_stops_at_the_changed_batch() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let original = std::fs::read_to_string(&place.path).unwrap();
    std::fs::write(&place.path, original.replace("+15550000007,Ines", "+15550000007,Olga")).unwrap();
    let outcome = campaign.send(pending(), |_| {}).await.unwrap();
    assert_eq!(outcome.stopped, Some(StopReason::InputChanged), "{outcome:?}");
    assert!(outcome.why.as_deref().is_some_and(|why| why.contains("batch 7 (rows 7 to 7)")), "{outcome:?}");
    assert_eq!(acceptor.accepted(), each_once(1..=6));
    // With its bytes back it continues.
    std::fs::write(&place.path, original).unwrap();
    let again = Campaign::resume(ledger, "autumn", acceptor.clone(), file(&place.path)).await.unwrap();
    assert!(again.send(pending(), |_| {}).await.unwrap().is_complete());
    assert_eq!(acceptor.accepted(), each_once(1..=10));
}

#[tokio::test]
async fn send_of_a_file_that_was_replaced_goes_on_with_the_one_that_was_checked() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let other = place.path.with_extension("new");
    write_rows(&other, 3);
    std::fs::rename(&other, &place.path).unwrap();
    assert!(campaign.send(pending(), |_| {}).await.unwrap().is_complete());
    assert_eq!(acceptor.accepted(), each_once(1..=10));
    let resumed = Campaign::resume(ledger, "autumn", acceptor, file(&place.path)).await;
    assert!(matches!(resumed, Err(CampaignError::Changed)), "{resumed:?}");
}

#[tokio::test]
async fn send_of_an_interrupted_campaign_leaves_nothing_under_way() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = begin(&ledger, &acceptor, &place.path).await.unwrap();
    let outcome = campaign.send(acceptor.has_accepted(2), |_| {}).await.unwrap();
    assert_eq!(outcome.stopped, Some(StopReason::Interrupted));
    let status = campaign.status().await.unwrap();
    assert_eq!((status.unknown, status.accepted), (0, acceptor.accepted().len() as u64));
    assert!(campaign.send(pending(), |_| {}).await.unwrap().is_complete());
    assert_eq!(acceptor.accepted(), each_once(1..=10));
}
