//! Rows into batches.

use sinch_batch_models::{BatchRecipient, Fingerprint, Recipients};

use crate::finding::{Place, RowNumber};
use crate::rows::Rows;
use crate::source::SourceError;

/// One batch: its recipients, and the row and line each of them has.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RowBatch {
    /// Row and line of each recipient, in the order of the recipients.
    pub rows: Vec<(RowNumber, u64)>,
    /// The recipients.
    pub recipients: Recipients,
}

/// Cuts rows into batches, in order, each row in exactly one.
///
/// To resume, first take the batches again whose outcome is open, in the order of their rows, then pass
/// what is done, then cut on; the file is read once:
///
/// ```
/// # use sinch_batch_recipients::{Batcher, Format, Rows, InvalidRows, RowReader};
/// # use sinch_batch_models::{Message, Template};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = "SMS\n+15550100001\n+15550100002\n+15550100003\n+15550100004\n";
/// # #[cfg(feature = "csv")] {
/// # let source = RowReader::new(file.as_bytes(), Format::Csv, &Template::new(Message::text("Hi")))?;
/// let mut cutter = Batcher::new(Rows::new(source, InvalidRows::none()), 2);
/// let open = cutter.take_rows([2])?;
/// assert_eq!(open.rows, [(2, 3)]);
/// cutter.skip_to_row(3)?;
/// let next = cutter.next().transpose()?;
/// assert_eq!(next.map(|batch| batch.rows), Some(vec![(4, 5)]));
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Batcher<'a> {
    rows: Rows<'a>,
    size: usize,
}

impl<'a> Batcher<'a> {
    /// Batches of `size` recipients, the last one smaller. A size outside 1 to 1000 is moved to the
    /// nearer end, because a call carries no other.
    pub fn new(rows: Rows<'a>, size: usize) -> Self {
        Self { rows, size: size.clamp(1, Recipients::MAX) }
    }

    /// Passes all rows up to this one; the next batch begins with the first good row after it.
    ///
    /// # Errors
    /// As for reading on.
    pub fn skip_to_row(&mut self, row: RowNumber) -> Result<(), SourceError> {
        self.rows.skip_to_row(row)
    }

    /// Takes exactly these rows as one batch. They must ascend, and lie behind everything taken so far.
    ///
    /// # Errors
    /// [`SourceError::NoSuchRow`] if one of them is bad, beyond the end or already passed,
    /// [`SourceError::BatchSize`] if they are none or more than 1000; else as for reading on.
    pub fn take_rows(&mut self, rows: impl IntoIterator<Item = RowNumber>) -> Result<RowBatch, SourceError> {
        let mut cut = Cut::with_capacity(0);
        for wanted in rows {
            if cut.places.len() == Recipients::MAX {
                return Err(SourceError::BatchSize { found: Recipients::MAX + 1 });
            }
            let missing = SourceError::NoSuchRow { row: wanted };
            if wanted <= self.rows.position() {
                return Err(missing);
            }
            self.rows.skip_to_row(wanted - 1)?;
            match self.rows.next_with(|place, recipient| cut.push(place, recipient))? {
                Some(row) if row == wanted => {}
                _ => return Err(missing),
            }
        }
        cut.batch()
    }

    /// Reads what is left, and gives the fingerprint of the whole file: compare it with the check's.
    ///
    /// # Errors
    /// As for [`Rows::finish`].
    pub fn finish(self) -> Result<Fingerprint, SourceError> {
        self.rows.finish()
    }
}

impl Iterator for Batcher<'_> {
    type Item = Result<RowBatch, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut cut = Cut::with_capacity(self.size);
        while cut.places.len() < self.size {
            match self.rows.next_with(|place, recipient| cut.push(place, recipient)) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        (!cut.places.is_empty()).then(|| cut.batch())
    }
}

struct Cut {
    places: Vec<(RowNumber, u64)>,
    recipients: Vec<BatchRecipient>,
}

impl Cut {
    fn with_capacity(size: usize) -> Self {
        Self { places: Vec::with_capacity(size), recipients: Vec::with_capacity(size) }
    }

    fn push(&mut self, place: Place, recipient: BatchRecipient) -> RowNumber {
        self.places.push((place.row, place.line));
        self.recipients.push(recipient);
        place.row
    }

    fn batch(self) -> Result<RowBatch, SourceError> {
        let recipients =
            Recipients::try_from(self.recipients).map_err(|count| SourceError::BatchSize { found: count.found })?;
        Ok(RowBatch { rows: self.places, recipients })
    }
}
