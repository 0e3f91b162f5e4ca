//! Receipts that come between the plan of a retry and the claims of its batches.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sinch_batch_ledger::{CampaignId, Claim, Entry, Ledger, MemoryLedger, NewCampaign, PlannedRows, RowSpans, Worker};
use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Progress, RowKey};

const KEYS: [&str; 2] = ["the first attempt", "the second attempt"];

/// Two batches of as many rows.
const ROWS: u64 = 8;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// These rows in the batches in which they were sent first.
fn plan(rows: &BTreeSet<u64>, seed: u8) -> Vec<PlannedRows> {
    let batches = [1, ROWS + 1].map(|first| PlannedRows {
        first_row: Some(first),
        rows: rows.range(first..first + ROWS).map(|row| (*row, row + 1)).collect::<RowSpans>(),
        at_byte: first * 10,
        n_bytes: ROWS * 10,
        digest: [seed + first as u8; 8],
    });
    batches.into_iter().filter(|batch| !batch.rows.is_empty()).collect()
}

async fn apply(ledger: &MemoryLedger, row: u64, state: MessageState) {
    let seen = MessageUpdate::new(MessageRef::Row(RowKey::new(KEYS[0], row)), state);
    ledger.apply(seen.into()).await.unwrap();
}

/// The rows of all batches that can be claimed.
async fn claimed(ledger: &MemoryLedger, campaign: CampaignId, room: u32) -> BTreeSet<u64> {
    let claim = Claim::new(Worker::new("one", None), room, now());
    let leases = ledger.claim(campaign, claim).await.unwrap().leases;
    leases.iter().flat_map(|lease| lease.rows.iter().map(|(row, _)| row)).collect()
}

fn better() -> impl Strategy<Value = Progress> {
    prop::sample::select(vec![Progress::Queued, Progress::Failed, Progress::Delivered, Progress::Read])
}

proptest! {
    /// A row leaves in a retry only if its first attempt has failed and nothing better was received of it, up to
    /// the claim of its batch.
    #[test]
    fn retry_sends_to_nobody_whose_receipt_comes_before_the_claim(
        failed in prop::collection::btree_set(1..=2 * ROWS, 1..16),
        late in prop::collection::vec((1..=2 * ROWS, better()), 0..24),
        after_first_claim in prop::collection::vec((1..=2 * ROWS, better()), 0..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ledger = MemoryLedger::new();
            let all: BTreeSet<u64> = (1..=2 * ROWS).collect();
            let new = NewCampaign::new("first", KEYS[0], 2 * ROWS, now());
            let first = ledger.create(new, Box::new(plan(&all, 0))).await.unwrap().campaign;
            let claim = Claim::new(Worker::new("one", None), 2, now());
            for lease in ledger.claim(first.id, claim).await.unwrap().leases {
                let number = lease.number;
                ledger.record(first.id, Entry::Intent { number, token: lease.token, attempt: 1 }, now()).await.unwrap();
                let batch_id = BatchId::new(format!("B{number}"));
                ledger.record(first.id, Entry::Accepted { number, batch_id }, now()).await.unwrap();
            }
            for row in &failed {
                apply(&ledger, *row, MessageState::failed(Some("RATE_LIMITED"), None)).await;
            }
            let chosen: BTreeSet<u64> =
                ledger.retry_rows(first.id, 0, 100).await.unwrap().iter().map(|row| row.failure.row).collect();
            prop_assert_eq!(&chosen, &failed);
            let mut new = NewCampaign::new("second", KEYS[1], 2 * ROWS, now());
            new.parent = Some(first.id);
            new.skipped = 2 * ROWS - chosen.len() as u64;
            let second = ledger.create(new, Box::new(plan(&chosen, 100))).await.unwrap().campaign;

            // By an independent reckoning: delivered and read are better than failed, queued is not.
            let reached = |receipts: &[(u64, Progress)]| -> BTreeSet<u64> {
                let good = receipts.iter().filter(|(_, progress)| *progress >= Progress::Delivered);
                good.map(|(row, _)| *row).collect()
            };
            for (row, progress) in &late {
                apply(&ledger, *row, MessageState::new(*progress)).await;
            }
            let one = claimed(&ledger, second.id, 1).await;
            for (row, progress) in &after_first_claim {
                apply(&ledger, *row, MessageState::new(*progress)).await;
            }
            let rest = claimed(&ledger, second.id, 10).await;
            let before_first: BTreeSet<u64> = chosen.difference(&reached(&late)).copied().collect();
            prop_assert!(one.is_subset(&before_first));
            let both = reached(&[late, after_first_claim].concat());
            let wanted: BTreeSet<u64> =
                before_first.iter().copied().filter(|row| one.contains(row) || !both.contains(row)).collect();
            let sent: BTreeSet<u64> = one.union(&rest).copied().collect();
            prop_assert_eq!(&sent, &wanted);
            let status = ledger.status(second.id).await.unwrap();
            prop_assert_eq!(status.planned, sent.len() as u64);
            prop_assert_eq!(status.skipped, 2 * ROWS - sent.len() as u64);
            Ok(())
        })?;
    }
}
