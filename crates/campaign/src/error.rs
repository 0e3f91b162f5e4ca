use sinch_batch_ledger::{LedgerError, LedgerErrorKind};
use sinch_batch_recipients::{SourceError, SuppressionError};
use thiserror::Error;

use crate::request::RequestError;

/// Why a campaign could not begin or go on. What was recorded stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// The ledger could not be read or written, or refuses the campaign: its kind says which. Nothing is
    /// sent that is not in it.
    #[error("the ledger failed")]
    Ledger(#[source] LedgerError),
    /// An earlier campaign sent this message to these recipients, or is about to. Look at that one, resume
    /// or cancel it; or allow the duplicate.
    #[error(transparent)]
    Duplicate(LedgerError),
    /// The recipients cannot be read.
    #[error("the recipients cannot be read")]
    Source(#[from] SourceError),
    /// A suppression list cannot be read. What is not known to be wanted is not sent.
    #[error("a suppression list cannot be read")]
    Suppression(#[from] SuppressionError),
    /// The request says what the service would refuse, or uses what the campaign needs for itself.
    #[error("the request cannot be sent")]
    Request(#[from] RequestError),
    /// Some recipients are invalid. Fix them, or skip invalid rows.
    #[error("{invalid_rows} of {rows} rows are invalid; nothing was sent")]
    Invalid {
        /// All rows.
        rows: u64,
        /// Those that are invalid.
        invalid_rows: u64,
    },
    /// The ledger has no such campaign.
    #[error("the ledger has no campaign {0}")]
    NoSuchCampaign(String),
    /// It was tried locally, and cannot be resumed for real.
    #[error("campaign {0} was tried locally with a simulator; it cannot be resumed")]
    Practice(String),
    /// It was begun with another project or service, where its batches would seem absent.
    #[error("the campaign was begun with {what} {before}, and this is {now}; nothing was sent")]
    OtherService {
        /// `project` or `service`.
        what: &'static str,
        /// What it was begun with.
        before: String,
        /// What it would go on with.
        now: String,
    },
    /// The recipients have another length than when they were checked.
    #[error("the recipients have changed since the campaign began; nothing was sent")]
    Changed,
    /// What the ledger remembers of the campaign cannot be read: another program may have begun it.
    #[error("what the ledger remembers of the campaign cannot be read: {0}")]
    Unreadable(String),
}

impl CampaignError {
    /// The error of the ledger, if it is one.
    pub fn ledger(&self) -> Option<&LedgerError> {
        match self {
            Self::Ledger(error) | Self::Duplicate(error) => Some(error),
            _ => None,
        }
    }
}

impl From<LedgerError> for CampaignError {
    fn from(error: LedgerError) -> Self {
        if error.kind() == LedgerErrorKind::Duplicate { Self::Duplicate(error) } else { Self::Ledger(error) }
    }
}
