//! Which rows are skipped.

use std::fmt;
use std::sync::Arc;

use crate::check::repeated;
use crate::finding::{Finding, RowNumber};
use crate::lines::Lines;
use crate::repeats::Repeat;
use crate::source::RowReader;

/// The skipped rows: one bit a row, and for repeated identities the row that has them first.
///
/// A clone shares them.
#[derive(Clone, Default)]
pub struct InvalidRows(Arc<Skip>);

#[derive(Default)]
struct Skip {
    invalid: Bits,
    repeats: Vec<Repeat>,
    lines: Lines,
}

impl InvalidRows {
    pub(crate) fn new(invalid: Bits, repeats: Vec<Repeat>, lines: Lines) -> Self {
        Self(Arc::new(Skip { invalid, repeats, lines }))
    }

    /// Skips no row.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether a row is skipped.
    pub fn contains(&self, row: RowNumber) -> bool {
        self.0.invalid.get(row)
    }

    /// Number of skipped rows.
    pub fn len(&self) -> u64 {
        self.0.invalid.count()
    }

    /// Whether no row is skipped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The valid rows from one row to another, each with its line.
    pub(crate) fn valid_rows(&self, first: RowNumber, last: RowNumber) -> impl Iterator<Item = (RowNumber, u64)> {
        (first..=last).zip(self.0.lines.lines_from(first)).filter(|(row, _)| !self.contains(*row))
    }

    /// The findings of a row that lie in its being compared with other rows.
    pub(crate) fn repeats_of(&self, row: RowNumber, source: &RowReader) -> impl Iterator<Item = Finding> {
        let from = self.0.repeats.partition_point(|repeat| repeat.later.row() < row);
        self.0.repeats[from..]
            .iter()
            .take_while(move |repeat| repeat.later.row() == row)
            .map(|repeat| repeated(*repeat, &self.0.lines, source))
    }
}

impl fmt::Debug for InvalidRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvalidRows({} rows)", self.len())
    }
}

/// One bit a row.
#[derive(Clone, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn set(&mut self, row: RowNumber) {
        let word = (row / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (row % 64);
    }

    pub(crate) fn get(&self, row: RowNumber) -> bool {
        usize::try_from(row / 64).ok().and_then(|word| self.0.get(word)).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds all that are set in another.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Those that are not set in another.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        Self(self.0.iter().zip(others).map(|(word, other)| word & !other).collect())
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
