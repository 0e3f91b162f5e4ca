//! What the service has accepted and not sent on, as far as is known.

use std::collections::BTreeMap;

use sinch_batch_models::Timestamp;

use crate::campaign::CampaignId;
use crate::entry::BatchStage;
use crate::store::Batch;

/// What is outstanding of one campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// The campaign.
    pub campaign: CampaignId,
    /// Messages that were accepted, and of which nothing more is known.
    pub pending: u64,
    /// Rows of batches of unknown outcome.
    pub unknown: u64,
}

/// How many rows left in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftInMinute {
    /// Minutes since the beginning of 1970.
    pub minute: i64,
    /// Rows of all batches that left in it.
    pub rows: u64,
}

impl LeftInMinute {
    /// Sums up batches that are accepted or of unknown outcome by the minutes in which they left, of those that left
    /// between two times.
    pub fn of<'a>(batches: impl Iterator<Item = &'a Batch>, from: Timestamp, to: Timestamp) -> Vec<Self> {
        let mut minutes = BTreeMap::<i64, u64>::new();
        for batch in batches.filter(|batch| matches!(batch.stage, BatchStage::Accepted | BatchStage::Unknown)) {
            if let Some(at) = batch.last_attempt.max(batch.send_after).filter(|at| (from..=to).contains(at)) {
                *minutes.entry(at.as_microsecond() / 60_000_000).or_default() += batch.rows.len();
            }
        }
        minutes.into_iter().map(|(minute, rows)| Self { minute, rows }).collect()
    }
}
