//! The rows of a campaign's input with what became of each, read again from the input: the ledger knows no
//! people.

use std::collections::VecDeque;
use std::io::Write;

use sinch_batch_ledger::{BatchRecord, BatchStage, CampaignRecord, Ledger, LedgerError};
use sinch_batch_models::{BatchState, Timestamp};
use sinch_batch_recipients::{RecipientFile, SourceError};
use sinch_batch_tracking::{MessageState, Progress, class_of};
use thiserror::Error;

/// How many batches or messages are read from the ledger at a time.
const PAGE: u32 = 1000;

/// What stands behind each row: its state, the reason of a failure, whether a retry takes it, and when it got
/// there by the service's clock.
pub const REMARKS: [&str; 4] = ["#status", "#code", "#may_retry", "#at"];

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportRows {
    /// Those whose message failed.
    Failed,
    /// Those whose final receipt is still awaited.
    Awaiting,
    /// All, skipped ones too.
    All,
}

/// Why rows could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] LedgerError),
    /// The input could not be read.
    #[error("the input could not be read")]
    Source(#[from] SourceError),
    /// The input is not the one that was checked, byte for byte.
    #[error("it is not the file of the campaign")]
    OtherFile,
    /// The rows could not be written out.
    #[error("the rows could not be written")]
    Write(#[from] std::io::Error),
}

/// Writes rows of the input of a campaign byte for byte, each with [`REMARKS`]; returns how many. A send takes
/// the result as it is.
///
/// # Errors
/// [`RowsError::Ledger`] of kind `Pruned` if nothing is known of single rows any more. [`RowsError::OtherFile`] if the file has changed since it was checked: before anything is written, or after
/// all if it is edited meanwhile. Else if something cannot be read or written.
pub async fn write_rows<W: Write>(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    file: &RecipientFile,
    which: ReportRows,
    mut out: W,
) -> Result<u64, RowsError> {
    if ledger.status(campaign.id).await?.pruned {
        return Err(LedgerError::pruned(&campaign.name).into());
    }
    let expected = campaign.input_fingerprint;
    if Some(file.fingerprint()?) != expected {
        return Err(RowsError::OtherFile);
    }
    let mut rows = file.annotate(&REMARKS)?;
    rows.write_head(&mut out)?;
    let mut states = States::new(ledger, campaign);
    let mut n_rows = 0;
    while let Some(row) = rows.advance()? {
        let state = states.of(row).await?;
        if !state.is_one_of(which) {
            continue;
        }
        let at = state.at.map(|at| at.to_string()).unwrap_or_default();
        let may_retry = if state.may_retry { "yes" } else { "no" };
        rows.write(&[state.status, &state.code, may_retry, &at], &mut out)?;
        n_rows += 1;
    }
    if Some(rows.finish()?) != expected {
        return Err(RowsError::OtherFile);
    }
    out.flush()?;
    Ok(n_rows)
}

/// What became of one row.
struct RowState {
    status: &'static str,
    code: String,
    may_retry: bool,
    at: Option<Timestamp>,
}

impl RowState {
    fn plain(status: &'static str) -> Self {
        Self { status, code: String::new(), may_retry: false, at: None }
    }

    fn of_message(state: &MessageState) -> Self {
        let failed = state.progress == Progress::Failed;
        let code = if failed { state.code.as_deref().unwrap_or("UNKNOWN") } else { "" };
        Self {
            status: state.progress.as_str(),
            code: code.to_owned(),
            may_retry: failed && class_of(state.code.as_deref()).may_retry(),
            at: state.at,
        }
    }

    fn is_one_of(&self, which: ReportRows) -> bool {
        match which {
            ReportRows::Failed => self.status == Progress::Failed.as_str(),
            ReportRows::Awaiting => {
                [Progress::Accepted, Progress::Queued].iter().any(|awaited| awaited.as_str() == self.status)
            }
            ReportRows::All => true,
        }
    }
}

/// What the ledger knows of rows that are asked for in order.
struct States<'a> {
    ledger: &'a dyn Ledger,
    campaign: &'a CampaignRecord,
    batches: Pages<BatchRecord>,
    messages: Pages<(u64, MessageState)>,
}

struct Pages<T> {
    page: VecDeque<T>,
    over: bool,
}

impl<T> Pages<T> {
    const fn new() -> Self {
        Self { page: VecDeque::new(), over: false }
    }
}

impl<'a> States<'a> {
    fn new(ledger: &'a dyn Ledger, campaign: &'a CampaignRecord) -> Self {
        Self { ledger, campaign, batches: Pages::new(), messages: Pages::new() }
    }

    async fn of(&mut self, row: u64) -> Result<RowState, LedgerError> {
        let message = self.message(row).await?;
        let Some(batch) = self.batch(row).await? else { return Ok(RowState::plain("skipped")) };
        Ok(match (batch.stage, message) {
            (BatchStage::Accepted, Some(state)) if state.progress > Progress::Accepted => RowState::of_message(&state),
            (BatchStage::Accepted, _) if batch.state == Some(BatchState::Cancelled) => RowState::plain("cancelled"),
            (BatchStage::Accepted, _) => RowState::plain(Progress::Accepted.as_str()),
            (BatchStage::Planned | BatchStage::Refused, _) => RowState::plain(Progress::Planned.as_str()),
            (BatchStage::Skipped, _) => RowState::plain("skipped"),
            _ => RowState::plain("unknown"),
        })
    }

    /// The batch that holds the row.
    async fn batch(&mut self, row: u64) -> Result<Option<&BatchRecord>, LedgerError> {
        let mut after = 0;
        loop {
            while let Some(batch) = self.batches.page.front() {
                if batch.rows.last_row().is_some_and(|last| row <= last) {
                    break;
                }
                after = batch.number;
                self.batches.page.pop_front();
            }
            if !self.batches.page.is_empty() || self.batches.over {
                return Ok(self.batches.page.front().filter(|batch| batch.rows.contains(row)));
            }
            let page = self.ledger.batches(self.campaign.id, after, PAGE).await?;
            self.batches.over = page.is_empty();
            self.batches.page = page.into();
        }
    }

    async fn message(&mut self, row: u64) -> Result<Option<MessageState>, LedgerError> {
        loop {
            while self.messages.page.front().is_some_and(|(of, _)| *of < row) {
                self.messages.page.pop_front();
            }
            if let Some((of, state)) = self.messages.page.front() {
                return Ok((*of == row).then(|| state.clone()));
            }
            if self.messages.over {
                return Ok(None);
            }
            let page = self.ledger.messages(self.campaign.id, row.saturating_sub(1), PAGE).await?;
            self.messages.over = page.is_empty();
            self.messages.page = page.into();
        }
    }
}
