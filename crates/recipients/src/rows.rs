//! The second pass: the good rows, and what becomes of the others.

use std::fmt;
use std::io;

use sinch_batch_models::{BatchRecipient, Fingerprint};

use crate::finding::{Finding, Place, RowNumber};
use crate::repeats::Ordinal;
use crate::skip::InvalidRows;
use crate::source::{Observer, RowReader, SourceError};

/// A good row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Its number among the data rows, bad ones included.
    pub number: RowNumber,
    /// The line on which it begins.
    pub line: u64,
    /// What it says.
    pub recipient: BatchRecipient,
}

/// A row that is left out.
#[non_exhaustive]
pub struct Skipped<'a> {
    /// Its number among the data rows.
    pub row: RowNumber,
    /// The line on which it begins.
    pub line: u64,
    /// Why: at least one mistake.
    pub findings: &'a [Finding],
    /// The row as it stands in the file, without its line break.
    pub raw: &'a [u8],
}

impl fmt::Debug for Skipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skipped").field("row", &self.row).field("findings", &self.findings).finish_non_exhaustive()
    }
}

type OnSkipped<'a> = Box<dyn FnMut(&Skipped<'_>) -> io::Result<()> + Send + 'a>;

/// The good rows of a file that was checked before, in order.
///
/// Each row is checked again as it comes by, so that a file that has changed since is noticed at the
/// first bad row at the latest. After an error there is nothing more.
pub struct Rows<'a> {
    source: RowReader,
    skip: InvalidRows,
    on_skipped: Option<OnSkipped<'a>>,
    fingerprint: bool,
    over: bool,
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("source", &self.source).field("skip", &self.skip).finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    /// The rows of a file, without those to be left out. The source must be fresh, and stand for the
    /// same file and message as in the check.
    pub fn new(source: RowReader, skip: InvalidRows) -> Self {
        Self { source, skip, on_skipped: None, fingerprint: true, over: false }
    }

    /// Hands over each row that is left out, as it comes by; not those that
    /// [`skip_to_row`](Self::skip_to_row) passes.
    #[must_use]
    pub fn on_skipped<'b>(self, handle: impl FnMut(&Skipped<'_>) -> io::Result<()> + Send + 'b) -> Rows<'b> {
        Rows {
            source: self.source,
            skip: self.skip,
            on_skipped: Some(Box::new(handle)),
            fingerprint: self.fingerprint,
            over: self.over,
        }
    }

    /// Takes no fingerprint, which saves a twentieth of the time, for callers that do not compare it: then
    /// [`finish`](Self::finish) is an error. A file that has changed is still noticed where a row is bad.
    #[must_use]
    pub fn without_fingerprint(mut self) -> Self {
        self.source.stop_hashing();
        self.fingerprint = false;
        self
    }

    /// Passes all rows up to this one; the next is the first good one after it.
    ///
    /// # Errors
    /// As for reading on.
    pub fn skip_to_row(&mut self, row: RowNumber) -> Result<(), SourceError> {
        while !self.over && self.source.row() < row {
            self.over = true;
            self.over = self.source.advance()?.is_none();
        }
        Ok(())
    }

    /// Hands over all rows that are left out, without making anything of the good ones.
    ///
    /// # Errors
    /// As for reading on.
    pub fn drain_skipped(mut self) -> Result<(), SourceError> {
        while self.next_good()?.is_some() {}
        Ok(())
    }

    /// The last row read, valid or not; 0 before the first.
    pub fn position(&self) -> RowNumber {
        self.source.row()
    }

    /// Reads what is left, and gives the fingerprint of the whole file: compare it with the check's.
    ///
    /// # Errors
    /// [`SourceError::Io`], and [`SourceError::NoFingerprint`] if none was to be taken.
    pub fn finish(self) -> Result<Fingerprint, SourceError> {
        if self.fingerprint { self.source.finish() } else { Err(SourceError::NoFingerprint) }
    }

    fn next_good(&mut self) -> Result<Option<Place>, SourceError> {
        if self.over {
            return Ok(None);
        }
        // Until the row is known to be good, it may be the last.
        self.over = true;
        if self.source.is_unusable() {
            return Err(self.source.unusable());
        }
        while let Some(place) = self.source.advance()? {
            if !self.skip.contains(place.row) {
                self.over = false;
                return Ok(Some(place));
            }
            self.hand_over(place)?;
        }
        Ok(None)
    }

    fn hand_over(&mut self, place: Place) -> Result<(), SourceError> {
        let Some(handle) = &mut self.on_skipped else { return Ok(()) };
        hand_over(&self.source, &self.skip, place, handle)
    }

    /// Makes something of the next good row. It is not handed out and in again on its way to a batch.
    #[inline]
    pub(crate) fn next_with<T>(
        &mut self,
        make: impl FnOnce(Place, BatchRecipient) -> T,
    ) -> Result<Option<T>, SourceError> {
        let Some(place) = self.next_good()? else { return Ok(None) };
        match self.source.recipient(place) {
            Some(recipient) => Ok(Some(make(place, recipient))),
            None => {
                self.over = true;
                Err(SourceError::BadRow { row: place.row, line: place.line })
            }
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(|place, recipient| Row { number: place.row, line: place.line, recipient }).transpose()
    }
}

/// Hands over the row that the source has just read, with everything that is wrong with it.
pub(crate) fn hand_over(
    source: &RowReader,
    skip: &InvalidRows,
    place: Place,
    handle: &mut dyn FnMut(&Skipped<'_>) -> io::Result<()>,
) -> Result<(), SourceError> {
    let mut mistakes = Mistakes::default();
    source.check(place, &mut mistakes);
    mistakes.0.extend(skip.repeats_of(place.row, source));
    let skipped = Skipped { row: place.row, line: place.line, findings: &mistakes.0, raw: source.raw() };
    handle(&skipped).map_err(|source| SourceError::Skipped { line: place.line, source })
}

/// The mistakes of one row by itself.
#[derive(Default)]
struct Mistakes(Vec<Finding>);

impl Observer for Mistakes {
    fn finding(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    fn identity(&mut self, _: Place, _: Ordinal, _: &str, _: &str) {}
}
