//! Recalling a campaign: nothing more of it leaves, and what the service still holds back is cancelled there.
//!
//! ```text
//! stop ──▶ wait for live leases ──▶ look up unknown batches ──▶ cancel each that is not processed
//!                                                                   │
//!          cancelled ◀── all told ◀── ask until CANCELLED or PROCESSED ◀┘
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use sinch_batch_client::Client;
use sinch_batch_ledger::{
    BatchRecord, BatchStage, CampaignRecord, CampaignStatus, Entry, Ledger, LedgerError, LedgerErrorKind,
};
use sinch_batch_models::{BatchId, BatchState, CancelBatchRequest, Timestamp};
use sinch_batch_tracking::{BatchKey, BatchUpdate};
use tokio::time::Instant;

use crate::pace::PacedCalls;
use crate::sender::{BatchSender, BoxFuture, sentence};

/// How many batches are read from the ledger at a time.
const PAGE: u32 = 1000;

/// How many calls a recall makes in any second.
const CALLS_PER_SECOND: u32 = 100;

/// How long to wait between two looks at leases or at batches that are being cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Cancels batches at the service, and reports their state. [`Client`] is the real one.
pub trait BatchRecaller: BatchSender {
    /// Asks the service to cancel a batch. That it was asked does not mean that it was in time.
    fn recall<'a>(&'a self, batch_id: &'a BatchId) -> BoxFuture<'a, Result<(), String>>;

    /// How a batch stands; `None` if the service does not say.
    fn state<'a>(&'a self, batch_id: &'a BatchId) -> BoxFuture<'a, Result<Option<BatchUpdate>, String>>;
}

impl BatchRecaller for Client {
    fn recall<'a>(&'a self, batch_id: &'a BatchId) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let request = CancelBatchRequest::batch(batch_id.clone());
            self.cancel_batch(&request).await.map(drop).map_err(|error| sentence(&error))
        })
    }

    fn state<'a>(&'a self, batch_id: &'a BatchId) -> BoxFuture<'a, Result<Option<BatchUpdate>, String>> {
        Box::pin(async move {
            let status = self.batch_status(batch_id).await.map_err(|error| sentence(&error))?;
            Ok(BatchUpdate::from_status(&status.body))
        })
    }
}

/// The result of a recall.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recalled {
    /// How the campaign stands.
    pub status: CampaignStatus,
    /// Batches of which it is not known whether they were recalled in time; while there are any, or a batch
    /// may still be under way, the campaign is *stopping*, and a recall continues where this one ended.
    pub undecided: u32,
    /// Batches that live workers hold.
    pub held: u32,
    /// What went wrong last, in one sentence.
    pub why: Option<String>,
}

impl Recalled {
    /// Whether everything was reported.
    pub fn is_complete(&self) -> bool {
        self.undecided == 0 && self.held == 0
    }
}

/// Lets nothing more of a campaign leave, and recalls what the service has not processed; after `wait` it
/// ends, reported or not.
///
/// # Errors
/// When the ledger fails.
pub async fn recall(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    service: &dyn BatchRecaller,
    wait: Duration,
) -> Result<Recalled, LedgerError> {
    let deadline = Instant::now() + wait;
    ledger.stop(campaign.id).await?;
    let mut asked = BTreeSet::new();
    let mut calls = PacedCalls::new(CALLS_PER_SECOND);
    let mut why = None;
    loop {
        let (mut undecided, mut held) = (0, 0);
        let mut after = 0;
        loop {
            let page = ledger.batches(campaign.id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for batch in page {
                match settle(ledger, campaign, service, batch, (&mut asked, &mut calls)).await? {
                    Settled::Yes => {}
                    Settled::Held => held += 1,
                    Settled::No => undecided += 1,
                    Settled::Failed(reason) => {
                        undecided += 1;
                        why = Some(reason);
                    }
                }
            }
        }
        if undecided + held == 0 {
            ledger.cancel(campaign.id).await?;
        }
        if undecided + held == 0 || Instant::now() + LOOK_EVERY > deadline {
            let status = ledger.status(campaign.id).await?;
            return Ok(Recalled { status, undecided, held, why });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What a recall does next about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecallStep {
    /// A live worker holds it, so it may still leave.
    Wait,
    LookUp,
    Cancel(BatchId),
    /// Ask how it stands.
    Ask(BatchId),
    /// It was never accepted, or has gone, or is recalled.
    Nothing,
}

/// Decides the next step about a batch. `was_asked` is whether this recall has asked the service to cancel it.
pub(crate) fn next_step(batch: &BatchRecord, was_asked: bool, now: Timestamp) -> RecallStep {
    let batch_id = match (batch.stage, &batch.batch_id) {
        (BatchStage::Unknown, _) if batch.held_until.is_some_and(|until| now < until) => return RecallStep::Wait,
        (BatchStage::Accepted, Some(batch_id)) => batch_id.clone(),
        (BatchStage::Accepted | BatchStage::Unknown, None) => return RecallStep::LookUp,
        _ => return RecallStep::Nothing,
    };
    match &batch.state {
        Some(state) if is_over(state) => RecallStep::Nothing,
        _ if was_asked => RecallStep::Ask(batch_id),
        _ => RecallStep::Cancel(batch_id),
    }
}

/// Whether the service does nothing more with a batch in this state.
pub(crate) fn is_over(state: &BatchState) -> bool {
    matches!(state, BatchState::Processed | BatchState::Cancelled)
}

/// What is recorded of a batch that a look-up has found.
pub(crate) fn found(number: u32, ids: Vec<BatchId>) -> Vec<Entry> {
    let first = ids.first().map(|first| Entry::Accepted { number, batch_id: first.clone() });
    let more = (ids.len() > 1).then_some(Entry::Doubled { number, batch_ids: ids });
    first.into_iter().chain(more).collect()
}

enum Settled {
    Yes,
    No,
    /// A live worker holds it.
    Held,
    Failed(String),
}

/// Takes one batch as far as it goes now.
async fn settle(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    service: &dyn BatchRecaller,
    mut batch: BatchRecord,
    (asked, calls): (&mut BTreeSet<u32>, &mut PacedCalls),
) -> Result<Settled, LedgerError> {
    let number = batch.number;
    loop {
        match next_step(&batch, asked.contains(&number), Timestamp::now()) {
            RecallStep::Nothing => return Ok(Settled::Yes),
            RecallStep::Wait => return Ok(Settled::Held),
            RecallStep::LookUp => {
                calls.turn().await;
                let ids = match service.look_up(&BatchKey::new(&campaign.key, number)).await {
                    Ok(ids) => ids,
                    Err(failure) => return Ok(Settled::Failed(failure.why)),
                };
                // It stays unknown, which is said: a look-up alone proves nothing so soon.
                let Some(first) = ids.first().cloned() else { return Ok(Settled::Yes) };
                for entry in found(number, ids) {
                    match ledger.record(campaign.id, entry, Timestamp::now()).await {
                        // One id for two batches is the service's fault: the second stays unknown.
                        Err(error) if error.kind() == LedgerErrorKind::IdTaken => return Ok(Settled::Yes),
                        done => done?,
                    }
                }
                (batch.stage, batch.batch_id) = (BatchStage::Accepted, Some(first));
            }
            RecallStep::Cancel(batch_id) => {
                ledger.record(campaign.id, Entry::Cancel { number }, Timestamp::now()).await?;
                calls.turn().await;
                if let Err(reason) = service.recall(&batch_id).await {
                    return Ok(Settled::Failed(reason));
                }
                asked.insert(number);
            }
            RecallStep::Ask(batch_id) => {
                calls.turn().await;
                return Ok(match service.state(&batch_id).await {
                    Ok(Some(update)) => {
                        let settled = if is_over(&update.state) { Settled::Yes } else { Settled::No };
                        ledger.apply(update.into()).await?;
                        settled
                    }
                    Ok(None) => Settled::No,
                    Err(reason) => Settled::Failed(reason),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
