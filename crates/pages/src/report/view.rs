//! The values of a report.

use std::time::Duration;

use sinch_batch_models::Timestamp;

/// Everything a report shows. A program that has a campaign fills it, and calls [`render`](Self::render).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportView {
    /// The campaign's name.
    pub name: String,
    /// Whether it goes on: `running`, `paused`, `cancelled`, `done`.
    pub phase: String,
    /// Whether it was tried locally, with a simulator.
    pub practice: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When the report was written.
    pub written: Timestamp,
    /// What kind of message it sends, by its key on the wire: `text_message`.
    pub message_kind: String,
    /// Equal for equal messages.
    pub message_fingerprint: String,
    /// The name of the file of recipients.
    pub input: String,
    /// Equal for equal files.
    pub input_fingerprint: String,

    /// Rows in the file.
    pub rows: u64,
    /// Rows that are not sent.
    pub skipped: u64,
    /// Rows still to be sent.
    pub planned: u64,
    /// Rows of accepted batches.
    pub accepted: u64,
    /// Rows of batches whose outcome is not known.
    pub unknown: u64,
    /// Rows of batches that the service holds more than once.
    pub doubled: u64,
    /// What became of the accepted messages; their sum is `accepted`.
    pub messages: MessagesView,

    /// How many batches stand where.
    pub batches: BatchesView,
    /// How many batches took how many attempts, by attempts.
    pub attempts: Vec<AttemptsView>,
    /// From the first acceptance to the first receipt, if both are known.
    pub first_receipt: Option<Duration>,
    /// What happened in which minute, by time.
    pub pulse: Vec<PulseView>,
    /// Failed messages by reason.
    pub reasons: Vec<ReasonView>,
    /// The first failures, by row.
    pub failures: Vec<FailureView>,
    /// What lists all failures, to be typed.
    pub all_failures: String,
    /// The first of the batches that need a look, by number.
    pub odd_batches: Vec<BatchView>,
    /// How many batches need a look.
    pub n_odd_batches: u64,
    /// What is to be typed next, if anything.
    pub next: Option<String>,
    /// The version of the program that writes it.
    pub version: String,
}

impl ReportView {
    /// The report of a campaign of which nothing is known yet.
    pub fn new(name: impl Into<String>, written: Timestamp) -> Self {
        Self { name: name.into(), written, ..Self::default() }
    }

    /// Messages that arrived: delivered, or read as well.
    pub fn arrived(&self) -> u64 {
        self.messages.delivered.saturating_add(self.messages.read)
    }

    /// Messages of which nothing final is known: pending and queued.
    pub fn awaiting(&self) -> u64 {
        self.messages.pending.saturating_add(self.messages.queued)
    }
}

/// How many messages of accepted batches stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessagesView {
    /// Accepted, nothing received since.
    pub pending: u64,
    /// Handed to a channel.
    pub queued: u64,
    /// On the device, not known to be read.
    pub delivered: u64,
    /// Seen by the person.
    pub read: u64,
    /// Will not arrive.
    pub failed: u64,
}

/// How many batches stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchesView {
    /// Not tried yet.
    pub planned: u64,
    /// Accepted.
    pub accepted: u64,
    /// Of unknown outcome.
    pub unknown: u64,
    /// Refused.
    pub refused: u64,
}

/// How many batches took that many attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptsView {
    /// The attempts.
    pub attempts: u32,
    /// The batches.
    pub batches: u64,
}

/// How many messages entered a state in one minute, or in one hour where minutes are no longer kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PulseView {
    /// When it began.
    pub from: Timestamp,
    /// Accepted with their batches.
    pub accepted: u64,
    /// Handed to a channel.
    pub queued: u64,
    /// Delivered.
    pub delivered: u64,
    /// Read.
    pub read: u64,
    /// Failed.
    pub failed: u64,
}

/// Whether it is of use to send a failed message again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryAdvice {
    /// It may succeed as it is.
    TryAgain,
    /// It may have arrived: somebody has to decide.
    #[default]
    Ask,
    /// Something has to be fixed first.
    Fix,
    /// Never: the person does not want it, or it is not allowed.
    Never,
}

impl RetryAdvice {
    /// The words for it: `try again`, `decide`, `fix first`, `never`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TryAgain => "try again",
            Self::Ask => "decide",
            Self::Fix => "fix first",
            Self::Never => "never",
        }
    }
}

/// Failed messages of one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasonView {
    /// The service's word: `RECIPIENT_NOT_REACHABLE`.
    pub code: String,
    /// How many messages.
    pub count: u64,
    /// Whether to send them again.
    pub advice: RetryAdvice,
    /// What to do, in a sentence.
    pub what_to_do: String,
}

impl ReasonView {
    /// A number of messages that failed for a reason, with advice.
    pub fn new(code: impl Into<String>, count: u64, advice: RetryAdvice, what_to_do: impl Into<String>) -> Self {
        Self { code: code.into(), count, advice, what_to_do: what_to_do.into() }
    }
}

/// One failed message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureView {
    /// The row, counted from 1.
    pub row: u64,
    /// The line of the file.
    pub line: u64,
    /// The service's word.
    pub code: String,
    /// The service's sentence.
    pub description: String,
}

/// A batch that needs a look: refused, of unknown outcome, tried more than once, or there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchView {
    /// Its number.
    pub number: u64,
    /// Its first row.
    pub first_row: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// How it stands: `ACCEPTED`, `REFUSED`, `UNKNOWN`, or the service's own word.
    pub status: String,
    /// How many times it was tried.
    pub attempts: u32,
    /// How many further ids the service has shown for it.
    pub doubled: u32,
    /// What the service calls it.
    pub batch_id: String,
    /// Why it was refused, or is not known.
    pub why: String,
}
