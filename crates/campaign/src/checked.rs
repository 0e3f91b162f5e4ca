//! Recipients that were checked against a message: what a campaign begins with.

use std::fmt;
use std::io::Write;

use sinch_batch_ledger::{Plan, PlannedRows};
use sinch_batch_models::Recipients;
use sinch_batch_recipients::{CheckOptions, Checked, Finding, RecipientSource, SourceError, Suppression};

use crate::request::CampaignRequest;

/// How a checked campaign is made.
impl CampaignRequest {
    /// Checks recipients against the message, and makes the plan of a campaign in batches of 1000. Each
    /// mistake goes to `on_finding` as it is found. Blocks as long as it takes to read them.
    ///
    /// # Errors
    /// If the recipients cannot be read.
    pub fn check(
        &self,
        source: impl RecipientSource,
        on_finding: impl FnMut(Finding),
    ) -> Result<CheckedCampaign, SourceError> {
        self.check_with(source, &CheckOptions::default().with_batch_size(Recipients::MAX), on_finding)
    }

    /// Checks recipients as [`check`](Self::check) does, in batches of another size, or so that invalid
    /// rows may be skipped.
    ///
    /// # Errors
    /// If the recipients cannot be read.
    pub fn check_with(
        &self,
        mut source: impl RecipientSource,
        options: &CheckOptions,
        mut on_finding: impl FnMut(Finding),
    ) -> Result<CheckedCampaign, SourceError> {
        let template = self.template();
        let options = &options.clone().with_message_metadata(self.message_metadata_length());
        let checked = source.check(&template, options, &mut on_finding)?;
        Ok(CheckedCampaign::new(self.clone(), Box::new(source), checked, options))
    }
}

/// A request and the recipients that were checked against it, with the plan of their batches.
pub struct CheckedCampaign {
    pub(crate) request: CampaignRequest,
    pub(crate) source: Box<dyn RecipientSource>,
    pub(crate) checked: Checked,
    pub(crate) batch_size: usize,
    pub(crate) skip_invalid: bool,
    pub(crate) practice: bool,
    pub(crate) allow_duplicate: bool,
    pub(crate) settings: String,
    pub(crate) suppression: Suppression,
}

impl CheckedCampaign {
    pub(crate) fn new(
        request: CampaignRequest,
        source: Box<dyn RecipientSource>,
        checked: Checked,
        options: &CheckOptions,
    ) -> Self {
        Self {
            request,
            source,
            checked,
            batch_size: options.batch_size.unwrap_or(0),
            skip_invalid: options.skip_invalid,
            practice: false,
            allow_duplicate: false,
            settings: String::new(),
            suppression: options.suppression.clone(),
        }
    }

    /// The result of the check: rows, findings, fingerprint.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The request to be sent.
    pub fn request(&self) -> &CampaignRequest {
        &self.request
    }

    /// Whether the campaign may begin: every row is valid, or invalid ones are skipped.
    pub fn may_be_sent(&self) -> bool {
        self.checked.may_be_sent(self.skip_invalid)
    }

    /// Writes the rows that are skipped, with their reasons, to be fixed and sent.
    ///
    /// # Errors
    /// If the recipients cannot be read again, or the output cannot be written.
    pub fn write_skipped(&mut self, out: &mut dyn Write) -> Result<(), SourceError> {
        self.source.write_skipped(&self.request.template(), &self.checked, out)
    }

    /// Sends although an earlier campaign sent this message to these recipients.
    #[must_use]
    pub fn with_duplicate_allowed(mut self) -> Self {
        self.allow_duplicate = true;
        self
    }

    /// Marks a campaign that is tried locally: it is compared with no other, and cannot be resumed.
    #[must_use]
    pub fn with_practice(mut self) -> Self {
        self.practice = true;
        self
    }

    /// Has the ledger keep something of the caller's.
    #[must_use]
    pub fn with_settings(mut self, settings: impl Into<String>) -> Self {
        self.settings = settings.into();
        self
    }
}

impl fmt::Debug for CheckedCampaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedCampaign")
            .field("request", &self.request)
            .field("rows", &self.checked.rows)
            .field("invalid_rows", &self.checked.invalid_rows)
            .finish_non_exhaustive()
    }
}

/// The plan of a check, as a ledger takes it.
pub(crate) struct CheckedPlan(pub(crate) Checked);

impl Plan for CheckedPlan {
    fn batches(&self) -> Box<dyn Iterator<Item = PlannedRows> + '_> {
        Box::new(self.0.plan().map(|batch| PlannedRows {
            first_row: None,
            rows: batch.rows.into_iter().collect(),
            at_byte: batch.range.at_byte,
            n_bytes: batch.range.n_bytes,
            digest: batch.range.digest,
        }))
    }
}
