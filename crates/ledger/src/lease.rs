//! Leave to send one batch, for a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::Timestamp;

use crate::entry::BatchStage;
use crate::plan::{Digest, PlannedRows};
use crate::rows::RowSpans;
use crate::worker::Worker;

/// How long a lease lasts by default. It is renewed after a third of it.
pub const LEASE: Duration = Duration::from_secs(30);

/// A worker asks for batches to send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// Who asks.
    pub worker: Worker,
    /// How many batches at most.
    pub room: u32,
    /// Batches that it does not want: it has given them up in this run.
    pub except: Arc<BTreeSet<u32>>,
    /// How long the leases last.
    pub lease: Duration,
    /// When it asks.
    pub now: Timestamp,
    /// How many messages may be outstanding; `None` for any number.
    pub window: Option<Window>,
}

/// How many messages of an app may be outstanding, over all its campaigns in the ledger: accepted and still pending, or
/// of unknown outcome.
///
/// What is claimed and has not left is not counted, so workers together may exceed it by what they have at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// As long as there are so many, only batches of unknown outcome are given.
    pub messages: u64,
    /// How many messages leave the service's queue in a second. What is outstanding for four times as long as that takes
    /// counts as gone: its receipts are late or received nowhere, or nobody looks it up any more.
    pub drain: u32,
}

impl Window {
    /// At most so many messages outstanding, of which so many leave in a second.
    pub fn new(messages: u64, drain: u32) -> Self {
        Self { messages, drain }
    }
}

impl Claim {
    /// Asks for so many batches, any of them, for [`LEASE`].
    pub fn new(worker: Worker, room: u32, now: Timestamp) -> Self {
        Self { worker, room, except: Arc::default(), lease: LEASE, now, window: None }
    }

    /// Does not ask for these batches.
    #[must_use]
    pub fn with_except(mut self, except: Arc<BTreeSet<u32>>) -> Self {
        self.except = except;
        self
    }

    /// Asks for nothing new while too many messages are outstanding.
    #[must_use]
    pub fn with_window(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }

    /// Asks for another time.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }
}

/// The result of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// The batches, by number.
    pub leases: Vec<Lease>,
    /// What other workers hold; looked for only if there are fewer leases than asked for.
    pub held: Vec<Held>,
    /// Whether the [window](Claim::window) is full, and something new may be given when it has room.
    pub is_full: bool,
}

impl Claimed {
    /// These batches, while others hold those.
    pub fn new(leases: Vec<Lease>, held: Vec<Held>) -> Self {
        Self { leases, held, is_full: false }
    }
}

/// Batches that another worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Who holds them.
    pub worker: String,
    /// How many.
    pub batches: u32,
    /// When the last of these leases lapses, unless it is renewed.
    pub until: Timestamp,
}

impl Held {
    /// So many batches, held until then.
    pub fn new(worker: impl Into<String>, batches: u32, until: Timestamp) -> Self {
        Self { worker: worker.into(), batches, until }
    }
}

/// Leave to send one batch, for a time. Nothing else may send it meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The batch.
    pub number: u32,
    /// Grows with each claim of the batch: an intent with another one is refused.
    pub token: u64,
    /// Its rows.
    pub rows: RowSpans,
    /// The row that begins at [`at_byte`](Self::at_byte).
    pub first_row: u64,
    /// Where its bytes begin in the input.
    pub at_byte: u64,
    /// How many bytes of the input it takes.
    pub n_bytes: u64,
    /// The digest of these bytes.
    pub digest: Digest,
    /// What is known of its outcome.
    pub stage: BatchStage,
    /// How many times it was tried.
    pub attempts: u32,
    /// Whether some attempt ended without a known outcome: then it is looked up before it is sent,
    /// whatever its stage.
    pub uncertain: bool,
    /// Until when something of the last attempt may still leave its worker.
    pub may_leave_until: Option<Timestamp>,
    /// When the lease of a worker lapsed that tried the batch, did not say goodbye and is not known to
    /// be gone.
    pub lapsed_at: Option<Timestamp>,
}

impl Lease {
    /// Leave to send a batch that was never tried. The other fields say nothing yet; set those that are
    /// known, or take [`Batch::lease`](crate::store::Batch::lease).
    pub fn new(number: u32, token: u64, planned: PlannedRows) -> Self {
        Self {
            number,
            token,
            first_row: planned.first_row.or(planned.rows.first_row()).unwrap_or_default(),
            rows: planned.rows,
            at_byte: planned.at_byte,
            n_bytes: planned.n_bytes,
            digest: planned.digest,
            stage: BatchStage::Planned,
            attempts: 0,
            uncertain: false,
            may_leave_until: None,
            lapsed_at: None,
        }
    }
}

/// The result of renewing leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// Batches that the worker does not hold any more: another has claimed them, or they were released.
    pub lost: Vec<u32>,
    /// Batches that are known to be accepted: a receipt, or another worker, proved it.
    pub accepted: Vec<u32>,
}

impl Renewed {
    /// These are lost, those accepted.
    pub fn new(lost: Vec<u32>, accepted: Vec<u32>) -> Self {
        Self { lost, accepted }
    }
}

/// What a run of a campaign has to know when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// Counts the runs of the campaign, from 1.
    pub number: u64,
    /// The longest time that any run of the campaign was set to wait before it sends again.
    pub resend_after: Duration,
}

impl Run {
    /// The run of that number.
    pub fn new(number: u64, resend_after: Duration) -> Self {
        Self { number, resend_after }
    }
}
