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
use sinch_batch_ledger::{BatchRecord, BatchStage, CampaignRecord, CampaignStatus, Entry, Ledger, LedgerError};
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
                if batch.stage == BatchStage::Unknown && batch.held_until.is_some_and(|until| Timestamp::now() < until)
                {
                    held += 1;
                    continue;
                }
                match settle(ledger, campaign, service, &batch, (&mut asked, &mut calls)).await? {
                    Settled::Yes => {}
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

enum Settled {
    Yes,
    No,
    Failed(String),
}

/// Takes one batch as far as it goes now.
async fn settle(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    service: &dyn BatchRecaller,
    batch: &BatchRecord,
    (asked, calls): (&mut BTreeSet<u32>, &mut PacedCalls),
) -> Result<Settled, LedgerError> {
    let number = batch.number;
    let batch_id = match (batch.stage, &batch.batch_id) {
        (BatchStage::Accepted, Some(batch_id)) => batch_id.clone(),
        (BatchStage::Accepted | BatchStage::Unknown, None) => {
            let key = BatchKey::new(&campaign.key, number);
            calls.turn().await;
            match service.look_up(&key).await {
                Ok(ids) => match ids.first() {
                    Some(first) => {
                        let entry = Entry::Accepted { number, batch_id: first.clone() };
                        ledger.record(campaign.id, entry, Timestamp::now()).await?;
                        if ids.len() > 1 {
                            let entry = Entry::Doubled { number, batch_ids: ids.clone() };
                            ledger.record(campaign.id, entry, Timestamp::now()).await?;
                        }
                        first.clone()
                    }
                    // It stays unknown, which is said: a look-up alone proves nothing so soon.
                    None => return Ok(Settled::Yes),
                },
                Err(failure) => return Ok(Settled::Failed(failure.why)),
            }
        }
        _ => return Ok(Settled::Yes),
    };
    if matches!(batch.state, Some(BatchState::Processed | BatchState::Cancelled)) {
        return Ok(Settled::Yes);
    }
    if !asked.contains(&number) {
        ledger.record(campaign.id, Entry::Cancel { number }, Timestamp::now()).await?;
        calls.turn().await;
        if let Err(reason) = service.recall(&batch_id).await {
            return Ok(Settled::Failed(reason));
        }
        asked.insert(number);
    }
    calls.turn().await;
    match service.state(&batch_id).await {
        Ok(Some(update)) => {
            let is_over = matches!(update.state, BatchState::Processed | BatchState::Cancelled);
            ledger.apply(update.into()).await?;
            Ok(if is_over { Settled::Yes } else { Settled::No })
        }
        Ok(None) => Ok(Settled::No),
        Err(reason) => Ok(Settled::Failed(reason)),
    }
}
