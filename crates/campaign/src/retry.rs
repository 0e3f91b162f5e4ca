//! A retry: the failed rows of a campaign that may succeed, over the same input and the same row numbers.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::Serialize;
use sinch_batch_ledger::{BatchRecord, CampaignId, CampaignRecord, Ledger, LedgerError, Phase, PlannedRows, RowSpans};
use sinch_batch_recipients::{BatchRange, RecipientSource, SourceError};
use sinch_batch_tracking::{RetryClass, advice, class_of};
use thiserror::Error;

use self::cancelled::CancelledRows;
use crate::request::CampaignRequest;

mod canary;
mod cancelled;

/// How many failures or batches are read from the ledger at a time.
const PAGE: u32 = 1000;

/// A failure without a reason is called this.
const NO_REASON: &str = "UNKNOWN";

/// Which failures are sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// Only failures for these reasons, whatever their class; those of class *again* if there are none.
    pub reasons: Vec<String>,
    /// Every class but *never*.
    pub all_classes: bool,
    /// Takes the failures there are, although the campaign is unfinished or has batches of unknown outcome.
    pub only_settled: bool,
    /// Instead of failures: what a cancelled campaign recalled in time, and what it never sent.
    pub cancelled: bool,
}

impl RetryOptions {
    /// Failures of class *again*, of a campaign that has ended.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only failures for these reasons, whatever their class.
    #[must_use]
    pub fn with_reasons(mut self, reasons: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.reasons = reasons.into_iter().map(|reason| reason.into().trim().to_ascii_uppercase()).collect();
        self
    }

    /// Failures of every class but *never*.
    #[must_use]
    pub fn with_all_classes(mut self, all_classes: bool) -> Self {
        self.all_classes = all_classes;
        self
    }

    /// Takes the failures there are, although the campaign is unfinished.
    #[must_use]
    pub fn with_only_settled(mut self, only_settled: bool) -> Self {
        self.only_settled = only_settled;
        self
    }

    /// Takes, instead of failures, what a cancelled campaign recalled in time and what it never sent.
    #[must_use]
    pub fn with_cancelled(mut self, cancelled: bool) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Whether failures for this reason are sent again.
    fn takes(&self, code: &str) -> bool {
        let class = class_of(Some(code));
        if class == RetryClass::Never {
            return false;
        }
        match self.reasons.as_slice() {
            [] => self.all_classes || class.may_retry(),
            reasons => reasons.iter().any(|reason| reason == code),
        }
    }
}

/// Why nothing can be sent again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RetryError {
    /// The ledger could not be read.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// The ledger has no such campaign.
    #[error("the ledger has no campaign {0}")]
    NoSuchCampaign(String),
    /// It was tried locally.
    #[error("campaign {0} was tried locally with a simulator; it cannot be retried")]
    Practice(String),
    /// Somebody said no: such messages are never sent again.
    #[error("failures for {0} are never sent again: {1}")]
    Never(String, &'static str),
    /// Rows of a cancelled campaign were asked for, and it is not cancelled.
    #[error("campaign {0} is not cancelled")]
    NotCancelled(String),
    /// It is unfinished, or has batches of unknown outcome.
    #[error("campaign {campaign} is unfinished: {planned} rows are planned, {unknown} unknown")]
    Unfinished {
        /// The campaign.
        campaign: String,
        /// Rows that are planned.
        planned: u64,
        /// Rows of batches of unknown outcome.
        unknown: u64,
    },
}

/// Failures for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetryReason {
    /// The service's word, or `UNKNOWN`.
    pub code: String,
    /// Whether they may be sent again.
    pub class: RetryClass,
    /// How many rows failed for it last, over all attempts.
    pub failed: u64,
    /// How many of them are sent again.
    pub chosen: u64,
    /// What a person may do about it.
    pub advice: &'static str,
}

/// The rows that are sent again.
#[derive(Clone)]
pub struct RetryPlan {
    parent: CampaignRecord,
    reasons: Vec<RetryReason>,
    reached: u64,
    n_attempts: usize,
    batches: Vec<PlannedRows>,
    settings: Option<String>,
}

impl fmt::Debug for RetryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPlan")
            .field("parent", &self.parent.name)
            .field("batches", &self.batches.len())
            .finish_non_exhaustive()
    }
}

impl RetryPlan {
    /// Chooses the failed rows of a campaign that are sent again: those whose newest attempt failed for a reason
    /// that `options` take, and of which no attempt may have arrived.
    ///
    /// # Errors
    /// [`RetryError::Unfinished`] if the campaign has not ended and that is not allowed; [`RetryError::Never`] if a
    /// reason was asked for that is never sent again; [`RetryError::Practice`]; [`RetryError::Ledger`].
    pub async fn choose(ledger: &dyn Ledger, campaign: &str, options: &RetryOptions) -> Result<Self, RetryError> {
        let parent = ledger.campaign(campaign).await?.ok_or_else(|| RetryError::NoSuchCampaign(campaign.to_owned()))?;
        if parent.practice {
            return Err(RetryError::Practice(parent.name));
        }
        if let Some(never) = options.reasons.iter().find(|reason| class_of(Some(reason)) == RetryClass::Never) {
            return Err(RetryError::Never(never.clone(), advice(Some(never))));
        }
        let status = ledger.status(parent.id).await?;
        if status.pruned {
            return Err(LedgerError::pruned(&parent.name).into());
        }
        if !options.only_settled && (status.is_unfinished() || status.unknown > 0) {
            let (planned, unknown) = (status.planned, status.unknown);
            return Err(RetryError::Unfinished { campaign: parent.name, planned, unknown });
        }
        let n_attempts = attempts_before(ledger, &parent).await?;
        if options.cancelled {
            if status.phase != Phase::Cancelled {
                return Err(RetryError::NotCancelled(parent.name));
            }
            let CancelledRows { recalled, never_sent, reached, batches } = cancelled::choose(ledger, &parent).await?;
            let reasons = [
                ("CANCELLED", recalled, "recalled before it left: retry"),
                ("PLANNED", never_sent, "never sent: retry"),
            ];
            let reasons = reasons.into_iter().filter(|(_, rows, _)| *rows > 0);
            let reasons = reasons.map(|(code, rows, advice)| RetryReason {
                code: code.to_owned(),
                class: RetryClass::Again,
                failed: rows,
                chosen: rows,
                advice,
            });
            let reasons = reasons.collect();
            return Ok(Self { reasons, reached, n_attempts, batches, settings: None, parent });
        }
        let mut chosen = Chosen::new(ledger, parent.id);
        let mut reasons = BTreeMap::<String, RetryReason>::new();
        let (mut reached, mut after) = (0, 0);
        loop {
            let page = ledger.retry_rows(parent.id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.failure.row;
            for row in page {
                if row.reached {
                    reached += 1;
                    continue;
                }
                let code = row.failure.code.as_deref().unwrap_or(NO_REASON);
                let reason = reasons.entry(code.to_owned()).or_insert_with(|| RetryReason {
                    code: code.to_owned(),
                    class: class_of(Some(code)),
                    failed: 0,
                    chosen: 0,
                    advice: advice(Some(code)),
                });
                reason.failed += 1;
                if options.takes(code) {
                    reason.chosen += 1;
                    chosen.add(row.failure.row, row.failure.line).await?;
                }
            }
        }
        let mut reasons: Vec<_> = reasons.into_values().collect();
        reasons.sort_by(|one, other| {
            one.class.cmp(&other.class).then(other.failed.cmp(&one.failed)).then_with(|| one.code.cmp(&other.code))
        });
        Ok(Self { parent, reasons, reached, n_attempts, batches: chosen.batches, settings: None })
    }

    /// The campaign that is retried.
    pub fn parent(&self) -> &CampaignRecord {
        &self.parent
    }

    /// The failures by reason, those that may succeed first.
    pub fn reasons(&self) -> &[RetryReason] {
        &self.reasons
    }

    /// Number of rows that are sent again.
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.rows.len()).sum()
    }

    /// Number of rows that failed in this campaign and were reached by another attempt, or may have been.
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// Number of campaigns before this one on its line, the first one included.
    pub fn n_attempts(&self) -> usize {
        self.n_attempts
    }

    /// Number of rows in the first batch; 0 if no row is sent again.
    pub fn first_batch(&self) -> u64 {
        self.batches.first().map_or(0, |batch| batch.rows.len())
    }

    /// Puts the first `rows` of the chosen rows into a first batch of their own: a canary, of 1 to 1000 rows, or of all
    /// if there are fewer.
    ///
    /// The first attempt's batches that it takes rows from are read again and compared with what was checked.
    ///
    /// # Errors
    /// [`SourceError::Changed`] if the input is not what was checked; else if it cannot be read.
    pub fn with_canary(mut self, source: &mut dyn RecipientSource, rows: u32) -> Result<Self, SourceError> {
        self.batches = canary::first_batch_of(self.batches, source, rows)?;
        Ok(self)
    }

    /// Reads every chosen row once, as it will be sent, and sends nothing.
    ///
    /// # Errors
    /// [`SourceError::Changed`] if the input is not what was checked, [`SourceError::NoSuchRow`] if a row is invalid
    /// for the message; else if it cannot be read.
    pub fn check(&self, source: &mut dyn RecipientSource, request: &CampaignRequest) -> Result<(), SourceError> {
        let template = request.template();
        for batch in &self.batches {
            let mut rows = batch.rows.iter().map(|(row, _)| row);
            source.read_batch(&template, &range_of(batch), &mut rows)?;
        }
        Ok(())
    }

    /// Has the ledger keep something of the caller's, in the place of what it keeps of the parent.
    #[must_use]
    pub fn with_settings(mut self, settings: impl Into<String>) -> Self {
        self.settings = Some(settings.into());
        self
    }

    pub(crate) fn into_parts(self) -> (Vec<PlannedRows>, Option<String>) {
        (self.batches, self.settings)
    }
}

fn range_of(batch: &PlannedRows) -> BatchRange {
    let first_row = batch.first_row.or(batch.rows.first_row()).unwrap_or_default();
    BatchRange { first_row, at_byte: batch.at_byte, n_bytes: batch.n_bytes, digest: batch.digest }
}

/// These rows of a batch, in the range that was checked as a whole.
fn some_of(batch: &BatchRecord, rows: RowSpans) -> PlannedRows {
    PlannedRows {
        first_row: Some(batch.first_row),
        rows,
        at_byte: batch.at_byte,
        n_bytes: batch.n_bytes,
        digest: batch.digest,
    }
}

/// How many campaigns lead to this one.
async fn attempts_before(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<usize, LedgerError> {
    let parents: BTreeMap<CampaignId, Option<CampaignId>> =
        ledger.campaigns().await?.into_iter().map(|one| (one.id, one.parent)).collect();
    let line = std::iter::successors(Some(campaign.id), |id| parents.get(id).copied().flatten());
    // A parent is older than its child, so a line ends; a damaged ledger may say anything.
    Ok(line.take(parents.len()).count())
}

/// Rows that are chosen, in the ranges of the batches that they were in: these were checked as a whole, and
/// their digests are known.
struct Chosen<'a> {
    ledger: &'a dyn Ledger,
    campaign: CampaignId,
    page: VecDeque<BatchRecord>,
    after: u32,
    batches: Vec<PlannedRows>,
}

impl<'a> Chosen<'a> {
    fn new(ledger: &'a dyn Ledger, campaign: CampaignId) -> Self {
        Self { ledger, campaign, page: VecDeque::new(), after: 0, batches: Vec::new() }
    }

    /// Adds a row; rows come in order.
    async fn add(&mut self, row: u64, line: u64) -> Result<(), LedgerError> {
        loop {
            if let Some(batch) = self.page.front() {
                if batch.rows.contains(row) {
                    match self.batches.last_mut().filter(|last| last.first_row == Some(batch.first_row)) {
                        Some(last) => last.rows.push(row, line),
                        None => self.batches.push(some_of(batch, [(row, line)].into_iter().collect())),
                    }
                    return Ok(());
                }
                self.page.pop_front();
                continue;
            }
            self.page = self.ledger.batches(self.campaign, self.after, PAGE).await?.into();
            let Some(last) = self.page.back() else {
                return Err(LedgerError::no_such_campaign());
            };
            self.after = last.number;
        }
    }
}
