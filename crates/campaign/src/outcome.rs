//! How sending ended.

/// How a run of a campaign ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOutcome {
    /// Why it stopped early; `None` when every batch was tried.
    pub stopped: Option<StopReason>,
    /// Batches that the service refused in this run.
    pub refused: u32,
    /// Batches that this run left with an unknown outcome.
    pub unknown: u32,
    /// What went wrong last, in one sentence.
    pub why: Option<String>,
}

impl SendOutcome {
    /// Whether this run left nothing undone.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none() && self.refused == 0 && self.unknown == 0
    }
}

/// Why a run stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// Somebody asked for it.
    Interrupted,
    /// The key or its secret was refused, or one new token after another.
    Credentials,
    /// The service refused: the project, the app, the region, or the first batch.
    Refused,
    /// The project is blocked for credit.
    Credit,
    /// The service could not be reached, or kept failing.
    Unreachable,
    /// The service has a batch that was never tried from this ledger: the ledger is a copy, or an old
    /// backup. Nothing was sent.
    LedgerBehind,
    /// Whether the ledger is older than the truth could not be found out. Nothing was sent.
    NotVerified,
    /// Too many messages failed: the canary, or the last that were settled.
    Halted,
    /// The campaign was paused or cancelled meanwhile.
    NotRunning,
    /// The ledger could not be written.
    Ledger,
    /// The recipients could not be read.
    Input,
    /// The recipients are no longer those that were checked.
    InputChanged,
}
