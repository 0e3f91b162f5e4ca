use sinch_batch_ledger::LedgerError;
use thiserror::Error;

/// Why a campaign could not go on. What was recorded stays, and the campaign can be resumed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// The ledger could not be read or written; nothing is sent that is not in it.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// The file of recipients could not be read on.
    #[error("the recipients could not be read on")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}
