//! Batches to send, in the order of the file.

use std::collections::VecDeque;
use std::sync::Arc;

use sinch_batch_ledger::{BatchRecord, BatchStage, Campaign, Frontier, RowSpans};
use sinch_batch_models::Recipients;
use sinch_batch_recipients::{CutBatch, Cutter, Rows, SourceError};
use sinch_batch_tracking::{ROW_KEY, RowKey};
use thiserror::Error;

use crate::step::{BatchNumber, Origin};

/// One batch, cut and ready to be sent.
#[derive(Clone, Debug)]
pub struct PlannedBatch {
    /// Its number within the campaign, from 1.
    pub number: BatchNumber,
    /// The rows it carries, in the order of its recipients.
    pub rows: RowSpans,
    /// Whether an earlier run may have sent it.
    pub origin: Origin,
    /// Its recipients, each with our row key in its message metadata.
    pub recipients: Recipients,
}

/// Where batches come from. It is read on a thread of its own, ahead of the sending.
pub trait BatchSource: Send + 'static {
    /// Why the source cannot go on.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The next batch, or none at the end.
    ///
    /// # Errors
    /// When the file cannot be read on; the campaign then stops and can be resumed.
    fn next_batch(&mut self) -> Result<Option<PlannedBatch>, Self::Error>;
}

/// Why no batches can be made of the rows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file cannot be read on, or is not the one that was checked.
    #[error("the file of recipients cannot be read on")]
    Source(#[from] SourceError),
    /// The file is not the one the campaign began with.
    #[error("the file of recipients has changed while it was sent")]
    Changed,
}

/// The rows of a file as batches: first those that an earlier run left open, with the same rows,
/// then new ones from where it ended. The file is read once, from front to back.
#[derive(Debug)]
pub struct Plan {
    cutter: Option<Cutter<'static>>,
    campaign: Box<str>,
    /// The name of the row key in the metadata, shared by all rows.
    row_key: Arc<str>,
    fingerprint: Box<str>,
    open: VecDeque<BatchRecord>,
    frontier: Frontier,
}

impl Plan {
    /// The plan of a campaign, given what the ledger knows of it: `open` are its open batches.
    pub fn new(rows: Rows<'static>, campaign: &Campaign, open: Vec<BatchRecord>, frontier: Frontier) -> Self {
        let size = usize::try_from(campaign.batch_size).unwrap_or(usize::MAX);
        Self {
            cutter: Some(Cutter::new(rows, size)),
            campaign: campaign.key.as_str().into(),
            row_key: ROW_KEY.into(),
            fingerprint: campaign.input_fingerprint.as_str().into(),
            open: open.into(),
            frontier,
        }
    }

    fn planned(&self, number: BatchNumber, origin: Origin, cut: CutBatch) -> Result<PlannedBatch, PlanError> {
        let mut rows = RowSpans::default();
        let mut recipients = cut.recipients.into_vec();
        for ((row, line), recipient) in cut.rows.into_iter().zip(&mut recipients) {
            let key = RowKey::new(self.campaign.clone(), row).to_string();
            recipient.message_metadata.insert(Arc::clone(&self.row_key), key.into());
            rows.push(row, line);
        }
        let recipients =
            Recipients::try_from(recipients).map_err(|count| SourceError::BatchSize { found: count.found })?;
        Ok(PlannedBatch { number, rows, origin, recipients })
    }
}

impl BatchSource for Plan {
    type Error = PlanError;

    fn next_batch(&mut self) -> Result<Option<PlannedBatch>, PlanError> {
        let Some(cutter) = &mut self.cutter else { return Ok(None) };
        if let Some(batch) = self.open.pop_front() {
            let cut = cutter.take_rows(batch.rows.iter().map(|(row, _)| row))?;
            let origin = if batch.stage == BatchStage::Unknown { Origin::Unknown } else { Origin::Fresh };
            return self.planned(batch.number, origin, cut).map(Some);
        }
        cutter.skip_to_row(self.frontier.last_row)?;
        if let Some(cut) = cutter.next().transpose()? {
            let number = self.frontier.next_number;
            self.frontier.next_number += 1;
            self.frontier.last_row = cut.rows.last().map_or(self.frontier.last_row, |(row, _)| *row);
            return self.planned(number, Origin::Fresh, cut).map(Some);
        }
        let read = self.cutter.take().map(Cutter::finish).transpose()?;
        match read {
            Some(read) if !self.fingerprint.is_empty() && *read.to_string() != *self.fingerprint => {
                Err(PlanError::Changed)
            }
            _ => Ok(None),
        }
    }
}
