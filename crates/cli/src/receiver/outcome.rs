//! What applying a callback did, in a word: the label of a metric.

use sinch_batch::ledger::{Applied, ReceivedCallback};
use sinch_batch::tracking::{MessageRef, Observation};

/// Whether it names a row by our key: not being known, it is for a campaign elsewhere. By position it waits for the id of
/// a batch of ours.
pub(super) fn is_by_key(received: &ReceivedCallback) -> bool {
    matches!(
        received.observation(),
        Some(Observation::Message(update)) if matches!(update.message, MessageRef::Row(_))
    )
}

/// In a word, what applying a callback did.
pub(super) fn word(applied: Option<Applied>, by_key: bool) -> &'static str {
    match applied {
        Some(Applied::Updated) => "updated",
        Some(Applied::Duplicate) => "duplicate",
        Some(Applied::Deferred) if by_key => "unknown_campaign",
        Some(Applied::Deferred) => "deferred",
        Some(Applied::Unrelated) => "unrelated",
        // Nothing about a batch or a message: it is counted, and that is all.
        None => "other",
    }
}
