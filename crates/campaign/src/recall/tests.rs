use sinch_batch_client::transport::SendUntil;
use sinch_batch_ledger::{Claim, MemoryLedger, NewCampaign, Phase, PlannedRows, Worker};
use sinch_batch_models::SendBatchRequest;

use super::*;
use crate::sender::{LookUpFailure, SendFailure, SentBatch, Service};

/// A service that gives every batch the same id.
struct OneId(BatchId);

impl BatchSender for OneId {
    fn service(&self) -> Service {
        Service { project: "p".to_owned(), url: "https://example.com".to_owned() }
    }

    fn send<'a>(&'a self, _: &'a SendBatchRequest, _: SendUntil) -> BoxFuture<'a, Result<SentBatch, SendFailure>> {
        Box::pin(async { unreachable!("a recall sends nothing") })
    }

    fn look_up<'a>(&'a self, _: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
        Box::pin(async { Ok(vec![self.0.clone()]) })
    }
}

impl BatchRecaller for OneId {
    fn recall<'a>(&'a self, _: &'a BatchId) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn state<'a>(&'a self, batch_id: &'a BatchId) -> BoxFuture<'a, Result<Option<BatchUpdate>, String>> {
        Box::pin(async { Ok(Some(BatchUpdate::new(batch_id.clone(), BatchState::Cancelled))) })
    }
}

#[tokio::test(start_paused = true)]
async fn recall_comes_to_its_end_although_two_batches_have_one_id() {
    let ledger = MemoryLedger::new();
    let plan: Vec<_> = (1..=2)
        .map(|row| PlannedRows {
            first_row: None,
            rows: [(row, row + 1)].into_iter().collect(),
            at_byte: row,
            n_bytes: 1,
            digest: row.to_be_bytes(),
        })
        .collect();
    let new = NewCampaign::new("c", "0123456789abcdef0123456789abcdef", 2, Timestamp::UNIX_EPOCH);
    let campaign = ledger.create(new, Box::new(plan)).await.unwrap().campaign;
    // Both were tried long ago, by somebody who is gone.
    let then = Timestamp::UNIX_EPOCH;
    let claim = Claim::new(Worker::new("gone", None), 2, then);
    for lease in ledger.claim(campaign.id, claim).await.unwrap().leases {
        let intent = Entry::Intent { number: lease.number, token: lease.token, attempt: 1 };
        ledger.record(campaign.id, intent, then).await.unwrap();
    }
    let service = OneId(BatchId::new("the-one"));
    let recalled = recall(&ledger, &campaign, &service, Duration::from_secs(5)).await.unwrap();
    assert!(recalled.is_complete(), "{recalled:?}");
    let status = recalled.status;
    assert_eq!((status.phase, status.messages.cancelled, status.unknown), (Phase::Cancelled, 1, 1), "{status:?}");
}

#[test]
fn next_step_waits_for_a_lease_and_asks_only_what_was_asked_to_be_cancelled() {
    let now = Timestamp::UNIX_EPOCH + Duration::from_secs(100);
    let of = |stage, id: Option<&str>, state: Option<BatchState>| {
        let mut batch = BatchRecord::new(1, [(1, 2)].into_iter().collect());
        (batch.stage, batch.batch_id, batch.state) = (stage, id.map(BatchId::new), state);
        batch
    };
    let id = || BatchId::new("b");
    for (batch, was_asked, step) in [
        (of(BatchStage::Planned, None, None), false, RecallStep::Nothing),
        (of(BatchStage::Refused, None, None), false, RecallStep::Nothing),
        (of(BatchStage::Unknown, None, None), false, RecallStep::LookUp),
        (of(BatchStage::Accepted, None, None), false, RecallStep::LookUp),
        (of(BatchStage::Accepted, Some("b"), None), false, RecallStep::Cancel(id())),
        (of(BatchStage::Accepted, Some("b"), Some(BatchState::Scheduled)), false, RecallStep::Cancel(id())),
        (of(BatchStage::Accepted, Some("b"), Some(BatchState::Scheduled)), true, RecallStep::Ask(id())),
        (of(BatchStage::Accepted, Some("b"), Some(BatchState::Processed)), false, RecallStep::Nothing),
        (of(BatchStage::Accepted, Some("b"), Some(BatchState::Cancelled)), true, RecallStep::Nothing),
    ] {
        assert_eq!(next_step(&batch, was_asked, now), step, "{batch:?}");
    }
    let mut held = of(BatchStage::Unknown, None, None);
    held.held_until = Some(now + Duration::from_secs(1));
    assert_eq!(next_step(&held, false, now), RecallStep::Wait);
    held.held_until = Some(now);
    assert_eq!(next_step(&held, false, now), RecallStep::LookUp);
}
