//! What is recorded about batches, and what is read back.

use serde::{Deserialize, Serialize};
use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Progress};

use crate::plan::Digest;
use crate::rows::RowSpans;

/// One fact about one batch of a campaign.
///
/// Permission is fenced: an intent needs the token of a live lease. Evidence never is: that the service
/// has a batch is accepted from anybody at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// The batch is about to be sent. Recorded before each call; without it nothing may leave.
    ///
    /// The same again is fine: a lost connection to a ledger may hide that it was recorded.
    Intent {
        /// The batch, counted from 1.
        number: u32,
        /// The token of the lease.
        token: u64,
        /// Which attempt this is, from 1: one more than the batch has.
        attempt: u32,
    },
    /// The call is over, and its outcome is not known: from now on nothing of it leaves.
    Returned {
        /// The batch.
        number: u32,
        /// The attempt that is over.
        attempt: u32,
    },
    /// The service has the batch: its response said so, or it was found there by its key.
    ///
    /// The same again is fine; another batch id for the same batch is an alarm, see
    /// [`CampaignStatus::doubled`](crate::CampaignStatus::doubled).
    Accepted {
        /// The batch.
        number: u32,
        /// What the service calls it.
        batch_id: BatchId,
    },
    /// The request was not accepted: a response said so, or it never left.
    ///
    /// It counts only for the last attempt. Impossible once the batch is accepted.
    Refused {
        /// The batch.
        number: u32,
        /// The attempt that was refused.
        attempt: u32,
        /// Why; numbers are taken out of it before it is kept.
        why: String,
    },
    /// The service shows these ids under the key of one batch: the first is the batch's own, if it has
    /// none yet.
    Doubled {
        /// The batch.
        number: u32,
        /// All ids that were found.
        batch_ids: Vec<BatchId>,
    },
    /// The batch was never tried from this ledger, and the service has it: the ledger is older than the truth,
    /// a copy or a backup. From now on nothing of the campaign leaves from it.
    FoundElsewhere {
        /// The batch.
        number: u32,
    },
    /// These rows are not sent: they count as skipped. Allowed only before the first intent, so that the
    /// service can know nothing of them; a batch without rows is closed.
    ///
    /// The worker that is about to send the batch gives its token, and goes on with what is left. Anybody else
    /// takes the batch from the worker that holds it, which may have read these rows already.
    Exclude {
        /// The batch.
        number: u32,
        /// The token of the lease under which they are excluded, if there is one.
        token: Option<u64>,
        /// The rows; those that are not in the batch mean nothing.
        rows: Vec<u64>,
        /// Why.
        because: Exclusion,
    },
    /// The batch is about to be recalled. Recorded before each call, so that it is known that somebody tried.
    Cancel {
        /// The batch.
        number: u32,
    },
    /// When an accepted batch leaves, as the service says.
    Scheduled {
        /// The batch.
        number: u32,
        /// The time.
        send_after: Timestamp,
    },
    /// The worker lets go of the batch without a new outcome.
    Released {
        /// The batch.
        number: u32,
        /// The token of the lease.
        token: u64,
        /// Why it is not known whether the service has the batch, if that is so.
        why: Option<String>,
    },
}

impl Entry {
    /// The batch it is about.
    pub fn number(&self) -> u32 {
        match self {
            Self::Intent { number, .. }
            | Self::Returned { number, .. }
            | Self::Accepted { number, .. }
            | Self::Refused { number, .. }
            | Self::Doubled { number, .. }
            | Self::FoundElsewhere { number }
            | Self::Exclude { number, .. }
            | Self::Cancel { number }
            | Self::Scheduled { number, .. }
            | Self::Released { number, .. } => *number,
        }
    }
}

/// Why rows are not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Exclusion {
    /// An earlier attempt has reached the recipient after all, or may still.
    Reached,
    /// The recipient is on a list of people who do not want it.
    Suppressed,
    /// Its time has passed.
    Late,
}

/// What is known of the outcome of sending a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BatchStage {
    /// It was never tried.
    Planned,
    /// The intent is written, the outcome is not. The service may have it.
    Unknown,
    /// The service has it.
    Accepted,
    /// The service does not have it; its rows count as planned.
    Refused,
    /// All of its rows were excluded before it was tried.
    Skipped,
}

impl BatchStage {
    /// The word for it in a ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
        }
    }
}

/// What the ledger knows of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchRecord {
    /// The batch in its campaign, counted from 1.
    pub number: u32,
    /// The rows in it, in the order of the request.
    pub rows: RowSpans,
    /// What is known of the outcome.
    pub stage: BatchStage,
    /// How many times it was tried.
    pub attempts: u32,
    /// What the service calls it. An accepted batch has none if a receipt proved it without naming it.
    pub batch_id: Option<BatchId>,
    /// How far it has got, in the service's words.
    pub state: Option<BatchState>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// Why it was refused, or why its outcome is not known.
    pub why: Option<String>,
    /// How many further ids the service has shown under its key.
    pub doubled: u32,
    /// The row that begins at [`at_byte`](Self::at_byte).
    pub first_row: u64,
    /// Where its bytes begin in the input.
    pub at_byte: u64,
    /// How many bytes of the input it takes.
    pub n_bytes: u64,
    /// The digest of these bytes.
    pub digest: Digest,
    /// Whether somebody tried to recall it.
    pub recalled: bool,
    /// When it leaves, as the service said when it accepted a scheduled batch.
    pub send_after: Option<Timestamp>,
    /// The end of the lease on it, unless it is renewed: by the clock of this machine, also where leases go by the
    /// server's.
    pub held_until: Option<Timestamp>,
}

impl BatchRecord {
    /// A batch that was never tried. The other fields say nothing yet; set those that are known, or take
    /// [`Batch::into_record`](crate::store::Batch::into_record).
    pub fn new(number: u32, rows: RowSpans) -> Self {
        Self {
            number,
            first_row: rows.first_row().unwrap_or_default(),
            at_byte: 0,
            n_bytes: 0,
            digest: Digest::default(),
            recalled: false,
            send_after: None,
            held_until: None,
            rows,
            stage: BatchStage::Planned,
            attempts: 0,
            batch_id: None,
            state: None,
            last_attempt: None,
            why: None,
            doubled: 0,
        }
    }
}

/// A failed message, as a retry sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryRow {
    /// The row, with the newest cause over all attempts.
    pub failure: MessageFailure,
    /// Whether any attempt has reached the recipient, or may have: then it must not be sent again.
    pub reached: bool,
}

/// A message that will not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MessageFailure {
    /// The row, counted from 1.
    pub row: u64,
    /// The line in the input at which the row begins, counted from 1.
    pub line: u64,
    /// The kind of cause; the service's word such as `BAD_REQUEST`.
    pub code: Option<String>,
    /// The service's sentence about the cause, with numbers taken out.
    pub description: Option<String>,
}

impl MessageFailure {
    /// The message of a row, without a cause.
    pub fn new(row: u64, line: u64) -> Self {
        Self { row, line, code: None, description: None }
    }

    /// Adds the kind of cause.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// Adds the service's sentence about the cause, from which numbers were taken out.
    #[must_use]
    pub fn with_description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// The failure in a message's state; `None` if it has not failed.
    pub fn of(row: u64, line: u64, state: &MessageState) -> Option<Self> {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        (state.progress == Progress::Failed).then(|| Self {
            row,
            line,
            code: text(&state.code),
            description: text(&state.description).filter(|description| !description.is_empty()),
        })
    }
}
