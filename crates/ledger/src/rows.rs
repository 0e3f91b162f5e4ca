//! Which rows of the input are in a batch, and on which lines they stand.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Rows of the input that follow each other, on lines that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowSpan {
    /// The first row, counted from 1.
    pub first_row: u64,
    /// How many rows; at least 1.
    pub count: u64,
    /// The line of the first row, counted from 1.
    pub first_line: u64,
}

impl RowSpan {
    /// The last row.
    pub fn last_row(&self) -> u64 {
        self.first_row + (self.count - 1)
    }

    /// The row and line that many rows after the first.
    fn at(&self, offset: u64) -> Option<(u64, u64)> {
        (offset < self.count).then(|| (self.first_row + offset, self.first_line + offset))
    }

    fn line_of(&self, row: u64) -> Option<u64> {
        self.at(row.checked_sub(self.first_row)?).map(|(_, line)| line)
    }
}

/// The rows of one batch, in the order of the request; short where rows follow each other.
///
/// As text: `first_row+count@first_line`, separated by commas, such as `1+1000@2,1003+2@1009`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RowSpans(Vec<RowSpan>);

impl RowSpans {
    /// No rows.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a row and its line at the end. Rows are to be added in ascending order.
    pub fn push(&mut self, row: u64, line: u64) {
        match self.0.last_mut() {
            Some(last)
                if last.first_row.checked_add(last.count) == Some(row)
                    && last.first_line.checked_add(last.count) == Some(line) =>
            {
                last.count += 1;
            }
            _ => self.0.push(RowSpan { first_row: row, count: 1, first_line: line }),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.0.iter().fold(0, |sum, span| sum.saturating_add(span.count))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The spans, in order.
    pub fn spans(&self) -> &[RowSpan] {
        &self.0
    }

    /// All rows with their lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().flat_map(|span| (0..span.count).filter_map(|offset| span.at(offset)))
    }

    /// The row and line at a position, counted from 0.
    pub fn row_at(&self, index: u64) -> Option<(u64, u64)> {
        let mut offset = index;
        for span in &self.0 {
            match offset.checked_sub(span.count) {
                Some(beyond) => offset = beyond,
                None => return span.at(offset),
            }
        }
        None
    }

    /// The line on which a row begins, if the row is one of them.
    pub fn line_of(&self, row: u64) -> Option<u64> {
        self.0.iter().find_map(|span| span.line_of(row))
    }

    /// Whether the row is one of them.
    pub fn contains(&self, row: u64) -> bool {
        self.line_of(row).is_some()
    }

    /// The first row.
    pub fn first_row(&self) -> Option<u64> {
        self.0.first().map(|span| span.first_row)
    }

    /// The last row.
    pub fn last_row(&self) -> Option<u64> {
        self.0.last().map(RowSpan::last_row)
    }

    /// Whether each row is greater than the one before.
    pub fn is_ascending(&self) -> bool {
        self.0.windows(2).all(|pair| pair[0].last_row() < pair[1].first_row)
    }
}

impl FromIterator<(u64, u64)> for RowSpans {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(rows: I) -> Self {
        let mut spans = Self::new();
        rows.into_iter().for_each(|(row, line)| spans.push(row, line));
        spans
    }
}

impl fmt::Display for RowSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, span) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}+{}@{}", span.first_row, span.count, span.first_line)?;
        }
        Ok(())
    }
}

impl FromStr for RowSpans {
    type Err = RowSpansError;

    fn from_str(text: &str) -> Result<Self, RowSpansError> {
        if text.is_empty() {
            return Ok(Self::new());
        }
        text.split(',').map(|span| read_span(span).ok_or(RowSpansError(()))).collect::<Result<_, _>>().map(Self)
    }
}

impl From<RowSpans> for String {
    fn from(rows: RowSpans) -> Self {
        rows.to_string()
    }
}

impl TryFrom<String> for RowSpans {
    type Error = RowSpansError;

    fn try_from(text: String) -> Result<Self, RowSpansError> {
        text.parse()
    }
}

fn read_span(text: &str) -> Option<RowSpan> {
    let (first_row, rest) = text.split_once('+')?;
    let (count, first_line) = rest.split_once('@')?;
    let (first_row, count, first_line) = (number(first_row)?, number(count)?, number(first_line)?);
    let more = count.checked_sub(1)?;
    (first_row.checked_add(more).is_some() && first_line.checked_add(more).is_some()).then_some(RowSpan {
        first_row,
        count,
        first_line,
    })
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A text that does not name rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSpansError(());

impl fmt::Display for RowSpansError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected rows such as 1+1000@2,1003+2@1009")
    }
}

impl std::error::Error for RowSpansError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_that_follow_each_other_stay_short() {
        let rows: RowSpans = (1..=1000).map(|row| (row, row + 1)).chain([(1003, 1009), (1004, 1010)]).collect();
        assert_eq!(rows.to_string(), "1+1000@2,1003+2@1009");
        assert_eq!(rows.len(), 1002);
        assert_eq!((rows.first_row(), rows.last_row()), (Some(1), Some(1004)));
        assert_eq!((rows.row_at(0), rows.row_at(1000)), (Some((1, 2)), Some((1003, 1009))));
        assert_eq!((rows.row_at(1002), rows.row_at(u64::MAX)), (None, None));
        assert_eq!((rows.line_of(1004), rows.line_of(1002)), (Some(1010), None));
        assert!(rows.contains(1000) && !rows.contains(1001) && !rows.contains(0));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["x", "1", "1+1", "1+0@1", "1+1@", "+1+1@1", "1+1@1,", "1+1@1,,2+1@2", "1+-1@1", "18446744073709551615+2@1"]
        {
            assert!(text.parse::<RowSpans>().is_err(), "{text}");
        }
        assert_eq!("".parse(), Ok(RowSpans::new()));
    }

    proptest! {
        #[test]
        fn text_reads_back(rows in prop::collection::vec((any::<u64>(), any::<u64>()), 0..20)) {
            let spans: RowSpans = rows.iter().copied().collect();
            prop_assert_eq!(spans.to_string().parse::<RowSpans>(), Ok(spans.clone()));
            prop_assert_eq!(spans.iter().collect::<Vec<_>>(), rows);
        }

        #[test]
        fn every_row_is_found_by_position_and_by_number(gaps in prop::collection::vec((1_u64..4, 1_u64..3), 1..80)) {
            let mut at = (0, 0);
            let rows: Vec<_> = gaps.iter().map(|(row, line)| { at = (at.0 + row, at.1 + line); at }).collect();
            let spans: RowSpans = rows.iter().copied().collect();
            prop_assert!(spans.is_ascending());
            prop_assert_eq!(spans.len(), rows.len() as u64);
            for (index, (row, line)) in rows.iter().enumerate() {
                prop_assert_eq!(spans.row_at(index as u64), Some((*row, *line)));
                prop_assert_eq!(spans.line_of(*row), Some(*line));
            }
            for row in 0..=at.0 + 1 {
                prop_assert_eq!(spans.contains(row), rows.iter().any(|(have, _)| *have == row));
            }
        }
    }
}
