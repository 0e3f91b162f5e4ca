//! Receipts that wait are kept up to a limit.

use sinch_batch_models::{BatchId, BatchState};
use sinch_batch_tracking::{BatchUpdate, MessageRef, MessageUpdate, Observation, Progress, RowKey};

use super::{Bench, accepted, assert_kind, by_position, create, now, plan, state};
use crate::callback::{Applied, DeferredCounts};
use crate::campaign::NewCampaign;
use crate::error::LedgerErrorKind;
use crate::ledger::Ledger;

/// The limits are 3 and 3.
pub(super) async fn run<L: Ledger>(ledger: &L) {
    let bench = Bench::new(ledger, &[9]).await;
    bench.try_batch(1).await;
    receipts_by_position_are_refused_when_there_is_no_room(&bench).await;
    receipts_of_unknown_campaigns_give_way_to_later_ones(ledger).await;
}

async fn receipts_by_position_are_refused_when_there_is_no_room<L: Ledger>(bench: &Bench<'_, L>) {
    let ledger = bench.ledger;
    let receipt = |id, index| -> Observation { by_position(id, index, state(Progress::Read)).into() };
    for index in 0..3 {
        assert_eq!(bench.applied(receipt("A", index)).await, Applied::Deferred);
    }
    assert_kind(ledger.apply(receipt("B", 0)).await, LedgerErrorKind::DeferredFull);
    let batch = BatchUpdate::new(BatchId::new("A"), BatchState::Ready);
    assert_kind(ledger.apply(batch.into()).await, LedgerErrorKind::DeferredFull);
    let many = vec![receipt("A", 2), receipt("B", 1)];
    assert_kind(ledger.apply_many(many).await, LedgerErrorKind::DeferredFull);
    // Repeats take no room.
    assert_eq!(bench.applied(receipt("A", 2)).await, Applied::Deferred);
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(3, 0, 0));
    // Each batch that becomes known makes room; when all are, what is left is forgotten.
    bench.recorded(accepted(1, "A")).await;
    assert_eq!(bench.status().await.messages.read, 3);
    assert_eq!(bench.applied(receipt("B", 1)).await, Applied::Unrelated);
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::default());
}

async fn receipts_of_unknown_campaigns_give_way_to_later_ones<L: Ledger>(ledger: &L) {
    let applied = async |key: &str, row| {
        let receipt = MessageUpdate::new(MessageRef::Row(RowKey::new(key, row)), state(Progress::Read));
        assert_eq!(ledger.apply(receipt.into()).await.expect("applied"), Applied::Deferred);
    };
    for row in [1, 2, 3, 1, 4, 2, 5] {
        applied("later", row).await;
    }
    // Row 4 took the place of row 1, and row 5 that of row 2, whose second receipt was a repeat.
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(0, 3, 2));
    let later = create(ledger, NewCampaign::new("later", "later", 9, now()), plan("later", &[9])).await;
    let later = later.expect("a new campaign").campaign.id;
    for row in 1..=9 {
        let message = ledger.message(later, row).await.expect("a message");
        assert_eq!(message.is_some(), (3..=5).contains(&row), "row {row}");
    }
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(0, 0, 2));
    // What was taken out takes no room.
    for row in 1..=3 {
        applied("another", row).await;
    }
    assert_eq!(ledger.deferred().await.expect("counts"), DeferredCounts::new(0, 3, 2));
}
