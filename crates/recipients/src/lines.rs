//! On which line does a row begin? Kept for all rows at one bit a line.

/// Rows between two marks.
const STEP: usize = 512;

/// The lines on which rows begin, in order. One bit for each line of the file and 8 bytes for every
/// 512 rows, however the rows are spread; an answer looks at the bits between two marks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// Bit `n` is set if a row begins on line `n`.
    bits: Vec<u64>,
    /// The lines of rows 1, 513, 1025…
    marks: Vec<u64>,
    /// Distinct lines so far.
    rows: usize,
    /// Lines with more rows than one, as JSON arrays may have them.
    shared: Vec<Shared>,
    last: u64,
}

/// Rows that begin on one line.
#[derive(Clone, Copy, Debug)]
struct Shared {
    /// The first of them, counted from 0.
    first: usize,
    /// How many rows more than one begin on it.
    more: usize,
    /// How many such rows there are on the lines before.
    before: usize,
}

impl Lines {
    /// Adds the line of the next row; lines never fall.
    #[inline]
    pub(crate) fn push(&mut self, line: u64) {
        if line == self.last && self.rows > 0 {
            return self.share();
        }
        self.last = line;
        let word = (line / 64) as usize;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (line % 64);
        if self.rows.is_multiple_of(STEP) {
            self.marks.push(line);
        }
        self.rows += 1;
    }

    /// One more row on the last line.
    #[cold]
    fn share(&mut self) {
        let before = self.shared.last().map_or(0, |shared| shared.before + shared.more);
        let first = self.rows - 1 + before;
        match self.shared.last_mut() {
            // The last line has shared rows already: the first of them is where it was.
            Some(shared) if shared.first + shared.more == first => shared.more += 1,
            _ => self.shared.push(Shared { first, more: 1, before }),
        }
    }

    /// Which of the distinct lines a row begins on, counted from 0.
    fn index_of(&self, row: usize) -> usize {
        let after = self.shared.partition_point(|shared| shared.first <= row);
        match after.checked_sub(1).and_then(|at| self.shared.get(at)) {
            None => row,
            Some(shared) if row <= shared.first + shared.more => shared.first - shared.before,
            Some(shared) => row - shared.before - shared.more,
        }
    }

    /// The line of a row, counted from 1; `None` for a row that was never added.
    pub(crate) fn line_of(&self, row: u64) -> Option<u64> {
        let index = self.index_of(usize::try_from(row.checked_sub(1)?).ok()?);
        if index >= self.rows {
            return None;
        }
        let mark = self.marks[index / STEP];
        let mut ahead = index % STEP;
        let first = (mark / 64) as usize;
        for (at, word) in self.bits.iter().enumerate().skip(first) {
            let mut word = *word;
            if at == first {
                word &= u64::MAX << (mark % 64);
            }
            let ones = word.count_ones() as usize;
            if ahead >= ones {
                ahead -= ones;
                continue;
            }
            for _ in 0..ahead {
                word &= word - 1;
            }
            return Some(at as u64 * 64 + u64::from(word.trailing_zeros()));
        }
        None
    }

    /// The lines of this row and of all after it.
    pub(crate) fn lines_from(&self, row: u64) -> impl Iterator<Item = u64> + '_ {
        let each = self.shared.is_empty();
        let slow = (!each).then(|| (row..).map_while(|row| self.line_of(row)));
        slow.into_iter().flatten().chain(each.then(|| self.lines_of_bits(row)).into_iter().flatten())
    }

    fn lines_of_bits(&self, row: u64) -> impl Iterator<Item = u64> + '_ {
        let first = self.line_of(row);
        let from = first.map_or(self.bits.len(), |line| (line / 64) as usize);
        let before = first.map_or(0, |line| line % 64);
        self.bits[from..].iter().enumerate().flat_map(move |(index, word)| {
            let word = if index == 0 { word & (u64::MAX << before) } else { *word };
            let line = (from + index) as u64 * 64;
            Ones(word).map(move |bit| line + bit)
        })
    }
}

/// The bits of a word that are set.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let bit = u64::from(self.0.trailing_zeros());
        self.0 &= self.0.checked_sub(1)?;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_row_finds_its_line(steps in prop::collection::vec(prop_oneof![3 => Just(1_u64), 1 => Just(0_u64), 2 => 1..5_u64, 1 => 1..900_u64], 0..2000)) {
            let mut lines = Lines::default();
            let mut at = 1;
            let all: Vec<u64> = steps.iter().map(|step| { at += step; lines.push(at); at }).collect();
            for (row, line) in (1..).zip(&all) {
                prop_assert_eq!(lines.line_of(row), Some(*line));
            }
            for row in [0, all.len() / 2, all.len()] {
                prop_assert_eq!(lines.lines_from(row as u64 + 1).collect::<Vec<_>>(), &all[row..]);
            }
            prop_assert_eq!(lines.line_of(0), None);
            prop_assert_eq!(lines.line_of(all.len() as u64 + 1), None);
        }
    }
}
