//! How a campaign stands.

use std::fmt;

use serde::{Deserialize, Serialize};
use sinch_batch_tracking::Tally;

/// How a campaign stands. `rows = skipped + planned + accepted + unknown`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CampaignStatus {
    /// Rows in the input.
    pub rows: u64,
    /// Rows that are not sent, suppressed ones among them.
    pub skipped: u64,
    /// Rows that are not sent because their recipients do not want it; a part of `skipped`.
    pub suppressed: u64,
    /// Rows still to be sent, rows of refused batches among them. In a cancelled campaign they never are.
    pub planned: u64,
    /// Rows of accepted batches.
    pub accepted: u64,
    /// Rows of batches whose outcome is not known.
    pub unknown: u64,
    /// Rows of batches that the service holds more than once.
    pub doubled: u64,
    /// Messages that failed for a reason which is not their recipient's; a part of those that failed.
    pub systemic: u64,
    /// Whether what was received of single messages was removed; the sums stay as they were.
    pub pruned: bool,
    /// How many batches stand where.
    pub batches: BatchCounts,
    /// How many messages of accepted batches stand where; their total is `accepted`.
    pub messages: Tally,
    /// Whether it is running.
    pub phase: Phase,
}

impl CampaignStatus {
    /// A campaign of which nothing was tried. Set the fields that are known, or take
    /// [`Sums::status`](crate::store::Sums::status).
    pub fn new(rows: u64, skipped: u64) -> Self {
        Self { rows, skipped, planned: rows.saturating_sub(skipped), ..Self::default() }
    }

    /// Messages whose final receipt is still awaited: pending and queued.
    pub fn awaiting(&self) -> u64 {
        self.messages.pending.saturating_add(self.messages.queued)
    }

    /// Messages that may be in the service's queue: pending, or of unknown outcome. A window bounds them.
    pub fn outstanding(&self) -> u64 {
        self.messages.pending.saturating_add(self.unknown)
    }

    /// Whether something is left to be sent or looked up.
    pub fn is_unfinished(&self) -> bool {
        !matches!(self.phase, Phase::Stopping | Phase::Cancelled) && (self.planned > 0 || self.unknown > 0)
    }
}

/// How many batches of a campaign stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchCounts {
    /// Not tried yet.
    pub planned: u64,
    /// Accepted.
    pub accepted: u64,
    /// Of unknown outcome.
    pub unknown: u64,
    /// Refused.
    pub refused: u64,
    /// Closed, because all of their rows were excluded.
    #[serde(default)]
    pub skipped: u64,
}

impl BatchCounts {
    /// These counts.
    pub fn new(planned: u64, accepted: u64, unknown: u64, refused: u64) -> Self {
        Self { planned, accepted, unknown, refused, skipped: 0 }
    }

    /// All batches of the campaign.
    pub fn total(&self) -> u64 {
        self.planned.saturating_add(self.tried())
    }

    /// All batches of which an intent was recorded, or which a receipt proved.
    pub fn tried(&self) -> u64 {
        self.accepted.saturating_add(self.unknown).saturating_add(self.refused)
    }
}

/// Whether a campaign is running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// Batches may leave.
    #[default]
    Running,
    /// Nothing more leaves until it is resumed.
    Paused,
    /// Nothing more leaves until somebody has looked at why so many failed.
    Halted,
    /// Nothing more leaves, ever, and what can be recalled is being recalled.
    Stopping,
    /// Nothing more leaves, ever.
    Cancelled,
    /// Every batch has been accepted.
    Done,
}

impl Phase {
    /// The word for it: `running`, `paused`, `halted`, `stopping`, `cancelled`, `done`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Stopping => "stopping",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
