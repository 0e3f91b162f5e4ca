//! One pass over the whole file that finds everything that is wrong with it.

use crate::check::{CheckOptions, check_source};
use crate::finding::Finding;
use crate::skip::InvalidRows;
use crate::source::{RowReader, SourceError};
use sinch_batch_models::Fingerprint;

/// What one pass over a file has shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preflight {
    /// Data rows, bad ones included.
    pub rows: u64,
    /// Rows with at least one mistake.
    pub bad_rows: u64,
    /// Mistakes, those of the header included.
    pub findings: u64,
    /// Those among them that repeat a recipient of an earlier row. If the other rows are sent, such a
    /// row must be fixed or deleted: sent as it is, that recipient gets two messages.
    pub repeats: u64,
    /// The file's fingerprint; after a [`TooLarge`](crate::FindingKind::TooLarge) row that of what was read.
    pub fingerprint: Fingerprint,
    /// The bad rows, to be left out when the rest is sent.
    pub skip: InvalidRows,
    fatal: bool,
}

impl Preflight {
    /// Whether there are no mistakes.
    pub fn is_ok(&self) -> bool {
        self.findings == 0
    }

    /// Whether nothing can be sent, even if bad rows are left out: a placeholder has no column, the
    /// recipient has none, a column is there twice, a quote is never closed, there are no rows.
    ///
    /// A column that nothing uses is not fatal: without it the rest can be sent.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// Rows without a mistake.
    pub fn good_rows(&self) -> u64 {
        self.rows - self.bad_rows
    }
}

/// Reads a file once and reports every mistake in it as it is found.
///
/// Several mistakes of one row come in the order of its columns. Repeated identities come last, in the
/// order of the file, because only the end of the file shows them; of two rows with the same identity
/// the later one is bad.
///
/// # Errors
/// [`SourceError::Io`] when the file cannot be read on. A row or a file over the limits is a finding,
/// [`TooLarge`](crate::FindingKind::TooLarge), and ends the reading.
pub fn preflight(source: RowReader, mut on_finding: impl FnMut(Finding)) -> Result<Preflight, SourceError> {
    let checked = check_source(source, None, &CheckOptions::new(), &mut on_finding)?;
    Ok(Preflight {
        rows: checked.rows,
        bad_rows: checked.invalid_rows,
        findings: checked.findings,
        repeats: checked.repeats,
        fatal: checked.is_fatal(),
        fingerprint: checked.fingerprint,
        skip: checked.skip,
    })
}
