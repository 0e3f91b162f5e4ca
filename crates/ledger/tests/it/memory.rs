//! The ledger in memory.

use sinch_batch_ledger::{Applied, Ledger, MemoryLedger, conformance};
use sinch_batch_models::BatchId;
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Progress};

#[tokio::test]
async fn it_conforms() {
    conformance::run(MemoryLedger::new).await;
    conformance::run(|| std::sync::Arc::new(MemoryLedger::new())).await;
}

#[tokio::test]
async fn early_observations_are_bounded() {
    use sinch_batch_ledger::{Entry, NewCampaign, RowSpans};

    let ledger = MemoryLedger::new();
    let early = |id: &str, index| {
        let place = MessageRef::Index { batch_id: BatchId::new(id), index };
        ledger.apply(MessageUpdate::new(place, MessageState::new(Progress::Read)).into())
    };
    for index in 0..3 {
        assert_eq!(early("A", index).await.unwrap(), Applied::Deferred);
    }
    for index in 0..99_998 {
        assert_eq!(early("strange", index).await.unwrap(), Applied::Deferred);
    }
    // Repeats take no room.
    assert_eq!(early("strange", 99_997).await.unwrap(), Applied::Deferred);

    let now = Default::default();
    let campaign = ledger.create(NewCampaign::new("autumn", "key", 3, now)).await.unwrap();
    let rows: RowSpans = (1..=3).map(|row| (row, row)).collect();
    ledger.record(campaign.id, Entry::Intent { number: 1, rows }, now).await.unwrap();
    ledger.record(campaign.id, Entry::Accepted { number: 1, batch_id: BatchId::new("A") }, now).await.unwrap();
    // The oldest one had to give way.
    assert_eq!(ledger.message(campaign.id, 1).await.unwrap(), None);
    assert_eq!(ledger.status(campaign.id).await.unwrap().messages.read, 2);
}
