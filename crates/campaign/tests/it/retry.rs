//! Retries: their canary, and what comes between their plan and their first batch.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sinch_batch_campaign::{Campaign, Canary, HaltRules, RetryOptions, RetryPlan, SendLimits, StopReason};
use sinch_batch_ledger::{Ledger, MemoryLedger};
use sinch_batch_recipients::{CheckOptions, SourceError};
use sinch_batch_tracking::{CampaignKey, MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey};

use crate::support::{Acceptor, Place, file, place, request, write_rows};

/// A campaign of ten rows in two batches.
async fn parent(ledger: &Arc<MemoryLedger>, place: &Place) -> Campaign {
    let options = CheckOptions::default().with_batch_size(5);
    let checked = request().check_with(file(&place.path), &options, |finding| panic!("{finding}")).unwrap();
    Campaign::begin(ledger.clone(), "autumn", Acceptor::new(), checked).await.unwrap()
}

/// The same, sent, of which each message failed.
async fn failed(ledger: &Arc<MemoryLedger>, place: &Place) {
    let campaign = parent(ledger, place).await;
    assert!(campaign.send(pending(), |_| {}).await.unwrap().is_complete());
    settle(ledger, &campaign.record().key, 1..=10, MessageState::failed(Some("RATE_LIMITED"), None)).await;
}

async fn settle(
    ledger: &MemoryLedger,
    campaign: &CampaignKey,
    rows: impl IntoIterator<Item = u64>,
    state: MessageState,
) {
    for row in rows {
        let message = MessageRef::Row(RowKey::new(campaign.as_str(), row));
        ledger.apply(Observation::Message(MessageUpdate::new(message, state.clone()))).await.unwrap();
    }
}

async fn retry(
    ledger: &Arc<MemoryLedger>,
    (name, path): (&str, &Path),
    plan: RetryPlan,
    acceptor: &Acceptor,
) -> Campaign {
    let canary = Canary { rows: 2, wait: Duration::from_secs(3600) };
    let limits = SendLimits::default().with_halt(HaltRules::new().with_canary(Some(canary)));
    let campaign = Campaign::retry(ledger.clone(), name, acceptor.clone(), file(path), plan, request()).await.unwrap();
    campaign.with_limits(limits)
}

async fn plan(ledger: &MemoryLedger, options: &RetryOptions) -> RetryPlan {
    RetryPlan::choose(ledger, "autumn", options).await.unwrap()
}

#[tokio::test]
async fn canary_of_a_retry_that_is_reached_after_all_hands_over_to_the_next_batch() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    failed(&ledger, &place).await;
    let plan = plan(&ledger, &RetryOptions::new()).await.with_canary(&mut file(&place.path), 2).unwrap();
    assert_eq!((plan.rows(), plan.first_batch()), (10, 2));
    let first = ledger.campaign("autumn").await.unwrap().unwrap();
    let campaign = retry(&ledger, ("again", &place.path), plan, &acceptor).await;
    // Between the plan and the claim.
    settle(&ledger, &first.key, 1..=2, MessageState::new(Progress::Delivered)).await;
    let looks = AtomicUsize::new(0);
    let send = campaign.send(pending(), |progress| {
        looks.fetch_add(progress.waits_for_canary.into(), Ordering::Relaxed);
    });
    let look = async {
        // Nothing else leaves, however often it is looked at.
        while looks.load(Ordering::Relaxed) < 5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(acceptor.accepted(), BTreeMap::from([(2, 1)]));
        settle(&ledger, &campaign.record().key, 3..=5, MessageState::new(Progress::Delivered)).await;
    };
    let (outcome, ()) = tokio::join!(send, look);
    assert!(outcome.unwrap().is_complete());
    assert_eq!(acceptor.accepted(), BTreeMap::from([(2, 1), (3, 1)]));
    let status = campaign.status().await.unwrap();
    assert_eq!((status.skipped, status.accepted, status.planned), (2, 8, 0));
}

#[tokio::test]
async fn canary_of_a_retry_over_a_changed_file_is_refused() {
    let (place, ledger) = (place(), Arc::new(MemoryLedger::new()));
    failed(&ledger, &place).await;
    let plan = plan(&ledger, &RetryOptions::new()).await;
    let text = std::fs::read_to_string(&place.path).unwrap();
    for (name, other, refused) in [("0000001,Ines", "0000001,Olga", true), ("0000009,Ines", "0000009,Olga", false)] {
        std::fs::write(&place.path, text.replace(name, other)).unwrap();
        let with_canary = plan.clone().with_canary(&mut file(&place.path), 2);
        assert_eq!(matches!(&with_canary, Err(SourceError::Changed { first_row: 1 })), refused, "{with_canary:?}");
        if let Ok(plan) = with_canary {
            // What the canary is not made of is compared with what is sent.
            let checked = plan.check(&mut file(&place.path), &request());
            assert!(matches!(checked, Err(SourceError::Changed { first_row: 6 })), "{checked:?}");
        }
    }
    write_rows(&place.path, 10);
    assert!(plan.with_canary(&mut file(&place.path), 20).unwrap().check(&mut file(&place.path), &request()).is_ok());
}

/// The batches of the retries overlap: each has rows that the other has in another batch.
#[tokio::test]
async fn retry_of_a_cancelled_campaign_knows_what_retries_with_other_batches_have_sent() {
    let (place, ledger, acceptor) = (place(), Arc::new(MemoryLedger::new()), Acceptor::new());
    let campaign = parent(&ledger, &place).await;
    ledger.cancel(campaign.record().id).await.unwrap();
    let cancelled = RetryOptions::new().with_cancelled(true);
    let first = plan(&ledger, &cancelled).await.with_canary(&mut file(&place.path), 7).unwrap();
    assert_eq!((first.rows(), first.first_batch()), (10, 7));
    let first = retry(&ledger, ("first", &place.path), first, &acceptor).await;
    let outcome = first.send(acceptor.has_accepted(1), |_| {}).await.unwrap();
    assert_eq!(outcome.stopped, Some(StopReason::Interrupted));
    ledger.cancel(first.record().id).await.unwrap();

    let second = plan(&ledger, &cancelled).await;
    assert_eq!((second.rows(), second.reached()), (3, 7));
    let second = retry(&ledger, ("second", &place.path), second, &Acceptor::new()).await;
    let second = second.with_limits(SendLimits::default());
    assert!(second.send(pending(), |_| {}).await.unwrap().is_complete());
    let third = plan(&ledger, &cancelled).await;
    assert_eq!((third.rows(), third.reached()), (0, 10));
}
