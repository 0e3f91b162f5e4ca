//! Where the recipients of a campaign come from.

use std::io::Write;
use std::ops::RangeInclusive;

use sinch_batch_models::{Recipients, Template};

use crate::check::{CheckOptions, Checked};
use crate::finding::{Finding, RowNumber};
use crate::plan::BatchRange;
use crate::source::SourceError;

/// Where the recipients of a campaign come from: it can be read again from its start.
///
/// A campaign checks all recipients first and writes the plan into its ledger. Then, and again after a
/// crash, it reads one batch at a time, which is compared with what was checked before anything of it is
/// sent. The message must be the same for all calls.
///
/// [`RecipientFile`](crate::RecipientFile) reads a file, [`Repeatable`](crate::Repeatable) what a program
/// can make again, and [`Spool`](crate::Spool) keeps what comes only once. A source of your own wraps one of
/// these.
pub trait RecipientSource: Send + 'static {
    /// What the ledger remembers of where it is: the absolute path of a file, else empty.
    fn location(&self) -> &str;

    /// Length in bytes, if it can be known without reading.
    ///
    /// # Errors
    /// [`SourceError::Open`] if the system does not say.
    fn len_bytes(&self) -> Result<Option<u64>, SourceError>;

    /// Reads all recipients, and reports everything that is wrong with them.
    ///
    /// Several findings of one row come in the order of its columns. Repeated identities come last, in the
    /// order of the rows, because only the end of the source shows them; of two rows with the same identity
    /// the later one is invalid. If rows are skipped, the source is read a second time for the plan.
    ///
    /// Memory does not grow with the rows, save 12 bytes for each identity (and 8 for each repeated one),
    /// two bits a row and 32 bytes for each planned batch. Identities are compared as keyed 64-bit hashes:
    /// the odds that two different ones are taken for the same are about one in 37 million for a million
    /// identities, and one in 370,000 for ten million. The key is new in each run.
    ///
    /// # Errors
    /// [`SourceError::Io`] when it cannot be read on: check again. [`SourceError::Changed`] if it changed
    /// during the check. A row or a file over the limits is a finding,
    /// [`TooLarge`](crate::FindingKind::TooLarge), and ends the reading.
    fn check(
        &mut self,
        template: &Template,
        options: &CheckOptions,
        on_finding: &mut dyn FnMut(Finding),
    ) -> Result<Checked, SourceError>;

    /// Writes the skipped rows with the reason of each, as [`SkippedWriter`](crate::SkippedWriter) does.
    ///
    /// # Errors
    /// [`SourceError::Skipped`] if they cannot be written, [`SourceError::Changed`] if the source is not
    /// what was checked, [`SourceError::Unusable`] if its header has errors; else as for the check.
    fn write_skipped(&mut self, template: &Template, checked: &Checked, out: &mut dyn Write)
    -> Result<(), SourceError>;

    /// The recipients of one batch, after comparing the digest. `rows` are the numbers of the rows that go
    /// out, ascending; none of them is before [`range.first_row`](BatchRange::first_row). Some rows of a range may
    /// be left out, also the first.
    ///
    /// # Errors
    /// [`SourceError::Changed`] if the source no longer has there what was checked: send nothing from this
    /// batch on. [`SourceError::NoSuchRow`] if one of the rows is not in the range, or invalid, and
    /// [`SourceError::BatchSize`] if there are none or more than 1000: the range or the message is not the
    /// one of the check. [`SourceError::Batch`] when it cannot be read: try again.
    fn read_batch(
        &mut self,
        template: &Template,
        range: &BatchRange,
        rows: &mut dyn Iterator<Item = RowNumber>,
    ) -> Result<Recipients, SourceError>;

    /// The ranges of other batches of rows that were checked before. `ranges` are those of the check, ascending, and
    /// `rows` the first and the last row of each new batch, ascending too; these rows lie in the ranges. Rows between
    /// the ranges may become part of a new range, but not of its batch.
    ///
    /// It is read once, from the first range to the last, whose digests are compared on the way.
    ///
    /// # Errors
    /// [`SourceError::Changed`] if the source no longer has in one of the ranges what was checked.
    /// [`SourceError::NoSuchRow`] if one of the rows is not in the ranges, and [`SourceError::BatchSize`] if there
    /// are no ranges. [`SourceError::Batch`] when it cannot be read: try again.
    fn rebatch(
        &mut self,
        ranges: &[BatchRange],
        rows: &[RangeInclusive<RowNumber>],
    ) -> Result<Vec<BatchRange>, SourceError>;

    /// Whether this source has the bytes of a range at the same place, although the range is of an earlier check,
    /// perhaps of another source.
    ///
    /// A campaign asks for the batches of earlier campaigns: a file that rows were added to is known by them,
    /// whatever the batches of its own check are. By default it is not known, and the answer is no.
    ///
    /// # Errors
    /// [`SourceError::Batch`] when it cannot be read: try again.
    fn holds(&mut self, range: &BatchRange) -> Result<bool, SourceError> {
        let _ = range;
        Ok(false)
    }
}

impl<S: RecipientSource + ?Sized> RecipientSource for Box<S> {
    fn location(&self) -> &str {
        (**self).location()
    }

    fn len_bytes(&self) -> Result<Option<u64>, SourceError> {
        (**self).len_bytes()
    }

    fn check(
        &mut self,
        template: &Template,
        options: &CheckOptions,
        on_finding: &mut dyn FnMut(Finding),
    ) -> Result<Checked, SourceError> {
        (**self).check(template, options, on_finding)
    }

    fn write_skipped(
        &mut self,
        template: &Template,
        checked: &Checked,
        out: &mut dyn Write,
    ) -> Result<(), SourceError> {
        (**self).write_skipped(template, checked, out)
    }

    fn read_batch(
        &mut self,
        template: &Template,
        range: &BatchRange,
        rows: &mut dyn Iterator<Item = RowNumber>,
    ) -> Result<Recipients, SourceError> {
        (**self).read_batch(template, range, rows)
    }

    fn rebatch(
        &mut self,
        ranges: &[BatchRange],
        rows: &[RangeInclusive<RowNumber>],
    ) -> Result<Vec<BatchRange>, SourceError> {
        (**self).rebatch(ranges, rows)
    }

    fn holds(&mut self, range: &BatchRange) -> Result<bool, SourceError> {
        (**self).holds(range)
    }
}
