//! Other batches of rows that were checked before: a pass over the ranges of the check gives those of the new ones.
//!
//! ```text
//!   checked   head │ ╭─── range ───╮ gap ╭─── range ───╮
//!   new            │    ╭── first batch ────╮ ╭─ rest ─╮
//! ```
//!
//! The ranges of the check are compared as their bytes come by, and the digests of the new ones are taken from the
//! same bytes. What lies in a gap was compared with nothing, so that a range begins with its row is looked at too:
//! a line more or less before it would make other rows of its rows.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use crate::finding::RowNumber;
use crate::fingerprint::{self, Hasher};
use crate::original::no_template;
use crate::plan::BatchRange;
use crate::reading::ReadOptions;
use crate::repeats::MAX_ROWS;
use crate::source::{Format, RowReader, SourceError};

/// The range from the first of these to the end of the last, without a digest; an error if they do not ascend.
pub(crate) fn span_of(ranges: &[BatchRange]) -> Result<BatchRange, SourceError> {
    let Some(first) = ranges.first() else { return Err(SourceError::BatchSize { found: 0 }) };
    let (mut row, mut end) = (0, 0);
    for range in ranges {
        // A damaged ledger may say anything.
        let next_end = range.at_byte.checked_add(range.n_bytes);
        let ascends = row < range.first_row && range.first_row <= MAX_ROWS && end <= range.at_byte;
        let Some(next_end) = next_end.filter(|_| ascends) else {
            return Err(SourceError::Changed { first_row: range.first_row });
        };
        (row, end) = (range.first_row, next_end);
    }
    Ok(BatchRange { n_bytes: end - first.at_byte, digest: [0; 8], ..*first })
}

/// The ranges of new batches, of which these are the first and last rows. `bytes` are the head of the file, which is
/// so long, and everything from the first of `ranges` to the last.
pub(crate) fn rebatch(
    bytes: impl Read + Send + 'static,
    head: u64,
    (format, reading): (Format, &ReadOptions),
    ranges: &[BatchRange],
    rows: &[RangeInclusive<RowNumber>],
) -> Result<Vec<BatchRange>, SourceError> {
    let BatchRange { first_row, at_byte, .. } = span_of(ranges)?;
    let of_batch = |error| match error {
        SourceError::Io { source, .. } => SourceError::Batch { first_row, source },
        // A file with such rows was never planned.
        SourceError::TooLarge { .. } | SourceError::TooManyRows { .. } => SourceError::Changed { first_row },
        error => error,
    };
    let comparison = Arc::new(Mutex::new(Comparison::new(head, at_byte, ranges)));
    let bytes = Compared { bytes, comparison: Arc::clone(&comparison) };
    let template = (&no_template(), reading);
    let mut source = RowReader::of_ranges(Box::new(bytes), format, template, first_row).map_err(of_batch)?;
    let found = if source.end_of_head() == head {
        Walk { head, at_byte, ranges, rows }.go(&mut source)
    } else {
        Err(SourceError::Changed { first_row })
    };
    source.drain().map_err(of_batch)?;
    let differs = comparison.lock().unwrap_or_else(PoisonError::into_inner).differs();
    match differs {
        Some(first_row) => Err(SourceError::Changed { first_row }),
        None => found.map_err(of_batch),
    }
}

/// One pass over the rows.
struct Walk<'a> {
    head: u64,
    at_byte: u64,
    ranges: &'a [BatchRange],
    rows: &'a [RangeInclusive<RowNumber>],
}

impl Walk<'_> {
    fn go(&self, source: &mut RowReader) -> Result<Vec<BatchRange>, SourceError> {
        // Behind the head the source has the bytes of the ranges.
        let in_file = |at: u64| at.saturating_sub(self.head).saturating_add(self.at_byte);
        let mut ranges = self.ranges.iter().peekable();
        let mut range_end = 0;
        let mut found = Vec::with_capacity(self.rows.len());
        let mut begun = None;
        // A range that has moved says more, and may still come.
        let mut missing = None;
        while let Some(place) = source.advance()? {
            let (start, end) = source.extent();
            if start == end {
                // A blank row has been let go when it is known that it is one; no batch begins or ends with it.
                continue;
            }
            let (start, end) = (in_file(start), in_file(end));
            if let Some(range) = ranges.next_if(|range| range.at_byte <= start) {
                if (range.at_byte, range.first_row) != (start, place.row) {
                    return Err(SourceError::Changed { first_row: range.first_row });
                }
                range_end = range.at_byte + range.n_bytes;
            }
            let Some(wanted) = self.rows.get(found.len()).filter(|_| missing.is_none()) else { continue };
            let is_checked = end <= range_end;
            if place.row == *wanted.start() && is_checked {
                source.begin_range();
                begun = Some((place.row, start));
            }
            if place.row == *wanted.end() {
                let first = begun.take().filter(|_| is_checked);
                source.extend_range();
                match first.zip(source.end_range()) {
                    Some(((first_row, at_byte), digest)) => {
                        found.push(BatchRange { first_row, at_byte, n_bytes: end - at_byte, digest });
                    }
                    None => missing = Some(place.row),
                }
            }
        }
        let missing = missing.or_else(|| self.rows.get(found.len()).map(|wanted| *wanted.start()));
        match (ranges.next(), missing) {
            (Some(range), _) => Err(SourceError::Changed { first_row: range.first_row }),
            (None, Some(row)) => Err(SourceError::NoSuchRow { row }),
            (None, None) => Ok(found),
        }
    }
}

/// Compares the digests of ranges while their bytes come by.
struct Comparison {
    /// Bytes of the head that are still to come.
    head_left: u64,
    head: Hasher,
    /// The head, and the bytes of the first of the ranges so far.
    hash: Hasher,
    /// Where in the file the next bytes behind the head are.
    at: u64,
    /// The ranges that are not compared yet.
    ranges: VecDeque<BatchRange>,
    is_over: bool,
}

impl Comparison {
    fn new(head: u64, at: u64, ranges: &[BatchRange]) -> Self {
        Self {
            head_left: head,
            head: Hasher::default(),
            hash: Hasher::default(),
            at,
            ranges: ranges.iter().copied().collect(),
            is_over: false,
        }
    }

    /// The first row of the range that is not what it was; known at the end.
    fn differs(&self) -> Option<RowNumber> {
        self.ranges.front().map(|range| range.first_row)
    }

    fn add(&mut self, bytes: &[u8]) {
        let (head, mut bytes) = split(bytes, self.head_left);
        self.head.update(head);
        self.hash.update(head);
        self.head_left -= head.len() as u64;
        while let Some(range) = self.ranges.front().filter(|_| !bytes.is_empty()) {
            let (gap, rest) = split(bytes, range.at_byte.saturating_sub(self.at));
            self.at += gap.len() as u64;
            let end = range.at_byte + range.n_bytes;
            let (inside, rest) = split(rest, end.saturating_sub(self.at));
            self.at += inside.len() as u64;
            self.hash.update(inside);
            bytes = rest;
            if self.at < end {
                return;
            }
            if fingerprint::digest(&self.hash.fingerprint()) != range.digest {
                self.is_over = true;
                return;
            }
            self.ranges.pop_front();
            self.hash = self.head.clone();
        }
    }
}

/// The first bytes, so many if there are, and the others.
fn split(bytes: &[u8], count: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len()))
}

/// Bytes that are compared as they are read; there are no more once a range differs.
struct Compared<R> {
    bytes: R,
    comparison: Arc<Mutex<Comparison>>,
}

impl<R: Read> Read for Compared<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut comparison = self.comparison.lock().unwrap_or_else(PoisonError::into_inner);
        if comparison.is_over {
            return Ok(0);
        }
        // A reader that claims more than it was given room for is broken; believe the room.
        let count = self.bytes.read(buffer)?.min(buffer.len());
        comparison.add(&buffer[..count]);
        Ok(count)
    }
}
