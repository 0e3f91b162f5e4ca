//! Journals that cannot be used.

use sinch_batch::journal::JournalError;

use crate::exit;
use crate::fail::{Failure, sentence};

/// A journal that cannot be used, with what to do.
pub(crate) fn failed(error: &JournalError) -> Failure {
    let (code, hint) = match error {
        JournalError::InUse { .. } => (exit::USAGE, "stop the other process, or name another folder"),
        JournalError::Damaged { .. } => (exit::BAD_INPUT, "look at that line; the records after it are good"),
        JournalError::TooNew { .. } => (exit::BAD_INPUT, "use the release that wrote it"),
        JournalError::Write { .. } => (exit::UNEXPECTED, "check that there is room on the disk"),
        _ => (exit::BAD_INPUT, "check the path, and who may read and write there"),
    };
    Failure::new(code, sentence(error)).hint(hint)
}
