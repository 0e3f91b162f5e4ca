//! Where each batch lies: its rows, its bytes and their digest.

use std::fmt;
use std::sync::Arc;

use sinch_batch_models::Recipients;

use crate::finding::RowNumber;
use crate::skip::InvalidRows;
use crate::source::RowReader;

/// The most batches that a plan keeps: 32 bytes each.
const MAX_BATCHES: usize = 1_000_000;

/// Where one batch lies in its source, and what was there when it was checked.
///
/// The range begins with the first byte of the first row that is sent and ends with the line break of the
/// last one. Skipped rows and blank lines between them are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchRange {
    /// The row that begins at `at_byte`: the first that is sent, unless rows of a planned batch are left out.
    pub first_row: RowNumber,
    /// Where the range begins, in bytes from the start of the source.
    pub at_byte: u64,
    /// Its length in bytes.
    pub n_bytes: u64,
    /// The first 8 bytes of SHA-256 over the head of the file (all up to the end of its header line; in
    /// JSON lines the byte order mark, if there is one) and the range.
    pub digest: [u8; 8],
}

/// One batch of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedBatch {
    /// Number and line of each row that is sent, ascending.
    pub rows: Vec<(RowNumber, u64)>,
    /// Where they lie.
    pub range: BatchRange,
}

/// The batches of all valid rows, without their rows.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    n_batches: usize,
    batches: Arc<Vec<Entry>>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({} batches)", self.n_batches)
    }
}

/// A batch in 32 bytes; a row number has 27 bits.
struct Entry {
    at_byte: u64,
    n_bytes: u64,
    digest: [u8; 8],
    first_row: u32,
    last_row: u32,
}

impl Plan {
    pub(crate) fn n_batches(&self) -> usize {
        self.n_batches
    }

    /// The batches, given the rows that are not in them.
    pub(crate) fn batches(&self, skip: InvalidRows) -> impl Iterator<Item = PlannedBatch> + Send + use<> {
        let batches = Arc::clone(&self.batches);
        (0..batches.len()).map(move |index| batches[index].batch(&skip))
    }
}

impl Entry {
    fn batch(&self, skip: &InvalidRows) -> PlannedBatch {
        let first_row = u64::from(self.first_row);
        PlannedBatch {
            rows: skip.valid_rows(first_row, u64::from(self.last_row)).collect(),
            range: BatchRange { first_row, at_byte: self.at_byte, n_bytes: self.n_bytes, digest: self.digest },
        }
    }
}

/// A plan in the making.
pub(crate) struct Planner {
    size: usize,
    /// The size of the first batch, if it has another.
    first: Option<usize>,
    open: Option<Open>,
    n_batches: usize,
    batches: Vec<Entry>,
}

/// A batch that may get more rows.
struct Open {
    rows: usize,
    first_row: RowNumber,
    last_row: RowNumber,
    start: u64,
    end: u64,
}

impl Planner {
    pub(crate) fn new(size: usize) -> Self {
        Self { size: size.clamp(1, Recipients::MAX), first: None, open: None, n_batches: 0, batches: Vec::new() }
    }

    /// Gives the first batch another size.
    pub(crate) fn with_first(mut self, first: Option<usize>) -> Self {
        self.first = first.map(|size| size.clamp(1, Recipients::MAX));
        self
    }

    /// Adds the row that the source has just read.
    #[inline]
    pub(crate) fn add(&mut self, row: RowNumber, source: &mut RowReader) {
        let rows = match &mut self.open {
            Some(open) => {
                open.rows += 1;
                open.last_row = row;
                open.end = source.extend_range();
                open.rows
            }
            None => {
                let (start, end) = source.begin_range();
                self.open = Some(Open { rows: 1, first_row: row, last_row: row, start, end });
                1
            }
        };
        let size = self.first.filter(|_| self.n_batches == 0).unwrap_or(self.size);
        if rows == size {
            self.close(source);
        }
    }

    /// Ends the last batch.
    pub(crate) fn finish(mut self, source: &mut RowReader) -> Plan {
        self.close(source);
        Plan { n_batches: self.n_batches, batches: Arc::new(self.batches) }
    }

    fn close(&mut self, source: &mut RowReader) {
        let Some(open) = self.open.take() else { return };
        let Some(digest) = source.end_range() else { return };
        self.n_batches += 1;
        if self.n_batches > MAX_BATCHES {
            self.batches = Vec::new();
            return;
        }
        // A source has fewer rows than 32 bits can count.
        let number = |row| u32::try_from(row).unwrap_or(u32::MAX);
        self.batches.push(Entry {
            at_byte: open.start,
            n_bytes: open.end - open.start,
            digest,
            first_row: number(open.first_row),
            last_row: number(open.last_row),
        });
    }
}
