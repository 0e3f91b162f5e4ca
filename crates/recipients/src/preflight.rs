//! One pass over the whole file that finds everything that is wrong with it.

use std::fmt;
use std::sync::Arc;

use crate::finding::{Finding, FindingKind, Place, RowNumber, Where, of_file};
use crate::fingerprint::Fingerprint;
use crate::lines::Lines;
use crate::repeats::{Ordinal, Repeat, Search};
use crate::source::{Observer, Source, SourceError};

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
    /// Those among them that tell of a recipient of an earlier row. If the other rows are sent, such a
    /// row must be mended or deleted: sent as it is, that recipient gets two messages.
    pub repeats: u64,
    /// The file's fingerprint; after a [`TooLarge`](FindingKind::TooLarge) row that of what was read.
    pub fingerprint: Fingerprint,
    /// The bad rows, to be left out when the rest is sent.
    pub skip: SkipSet,
    fatal: bool,
}

impl Preflight {
    /// Whether there is no mistake at all.
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

/// Reads a file once and tells every mistake in it as it is found.
///
/// Several mistakes of one row come in the order of its columns. Repeated identities come last, in the
/// order of the file, because only the end of the file tells them; of two rows with the same identity
/// the later one is bad.
///
/// Memory does not grow with the file, save 12 bytes for each identity (and 8 for each repeated one)
/// and two bits a row. Identities are compared as keyed 64-bit hashes: the odds that two different
/// ones of a file are taken for the same are about one in 37 million for a million identities, and one
/// in 370,000 for ten million. The key is new in each run.
///
/// # Errors
/// [`SourceError::Io`] when the file cannot be read on. A row or a file over the limits is a finding,
/// [`TooLarge`](FindingKind::TooLarge), and ends the reading.
pub fn preflight(mut source: Source, on_finding: impl FnMut(Finding)) -> Result<Preflight, SourceError> {
    let mut run = Run {
        on_finding,
        findings: 0,
        rows: 0,
        bad: Bits::default(),
        lines: Lines::default(),
        search: Search::new(),
        fatal: source.is_unusable(),
    };
    for finding in source.header_findings() {
        run.finding(finding.clone());
    }
    loop {
        match source.advance() {
            Ok(Some(place)) => {
                run.rows = place.row;
                run.lines.push(place.line);
                source.check(place, &mut run);
            }
            Ok(None) => break,
            Err(error) => {
                let (line, message) = match error {
                    SourceError::TooLarge { line } => {
                        (line, "the row that begins here is larger than 8 MiB; a quote may not be closed")
                    }
                    SourceError::TooManyRows { line } => {
                        (line, "the file has more rows than can be read, which is 134217727; split it")
                    }
                    error => return Err(error),
                };
                run.fatal = true;
                run.finding(of_file(line, Where::ROW, FindingKind::TooLarge, message));
                let fingerprint = source.fingerprint_so_far();
                return Ok(run.finish(&source, fingerprint));
            }
        }
    }
    if run.rows == 0 {
        run.fatal = true;
        run.finding(of_file(1, Where::ROW, FindingKind::EmptyFile, "the file has no rows"));
    }
    let fingerprint = source.drain()?;
    Ok(run.finish(&source, fingerprint))
}

struct Run<F> {
    on_finding: F,
    findings: u64,
    rows: u64,
    bad: Bits,
    lines: Lines,
    search: Search,
    fatal: bool,
}

impl<F: FnMut(Finding)> Run<F> {
    fn finish(mut self, source: &Source, fingerprint: Fingerprint) -> Preflight {
        let search = std::mem::replace(&mut self.search, Search::new());
        let lines = std::mem::take(&mut self.lines);
        let repeats = search.finish();
        for repeat in &repeats {
            self.finding(repeated(*repeat, &lines, source));
        }
        Preflight {
            rows: self.rows,
            bad_rows: self.bad.count(),
            findings: self.findings,
            repeats: repeats.len() as u64,
            fingerprint,
            skip: SkipSet(Arc::new(Skip { bad: self.bad, repeats, lines })),
            fatal: self.fatal,
        }
    }
}

impl<F: FnMut(Finding)> Observer for Run<F> {
    fn finding(&mut self, finding: Finding) {
        self.findings += 1;
        if let Some(row) = finding.row {
            self.bad.set(row);
        }
        self.fatal |= finding.kind == FindingKind::UnclosedQuote;
        (self.on_finding)(finding);
    }

    fn identity(&mut self, place: Place, ordinal: Ordinal, channel: &str, identity: &str) {
        self.search.add(place.row, ordinal, channel, identity);
    }
}

fn repeated(repeat: Repeat, lines: &Lines, source: &Source) -> Finding {
    let place = |row| Place { row, line: lines.line_of(row).unwrap_or_default() };
    let (later, first) = (place(repeat.later.row()), place(repeat.first.row()));
    let message = if later.row == first.row {
        "the row has this identity twice".to_owned()
    } else {
        let what = if repeat.later.ordinal() == 0 { "contact" } else { "identity" };
        format!("the same {what} is in row {} (line {}); only one of the two may stay", first.row, first.line)
    };
    source.identity_finding(later, repeat.later.ordinal(), FindingKind::RepeatedIdentity, message)
}

/// The rows to leave out: one bit a row, and for repeated identities the row that has them first.
///
/// A clone shares them.
#[derive(Clone, Default)]
pub struct SkipSet(Arc<Skip>);

#[derive(Default)]
struct Skip {
    bad: Bits,
    repeats: Vec<Repeat>,
    lines: Lines,
}

impl SkipSet {
    /// Leaves out no row.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether a row is left out.
    pub fn contains(&self, row: RowNumber) -> bool {
        self.0.bad.get(row)
    }

    /// How many rows are left out.
    pub fn len(&self) -> u64 {
        self.0.bad.count()
    }

    /// Whether no row is left out.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the other rows have to do with this one's being left out.
    pub(crate) fn repeats_of(&self, row: RowNumber, source: &Source) -> impl Iterator<Item = Finding> {
        let from = self.0.repeats.partition_point(|repeat| repeat.later.row() < row);
        self.0.repeats[from..]
            .iter()
            .take_while(move |repeat| repeat.later.row() == row)
            .map(|repeat| repeated(*repeat, &self.0.lines, source))
    }
}

impl fmt::Debug for SkipSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SkipSet({} rows)", self.len())
    }
}

/// One bit a row.
#[derive(Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, row: RowNumber) {
        let word = (row / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (row % 64);
    }

    fn get(&self, row: RowNumber) -> bool {
        usize::try_from(row / 64).ok().and_then(|word| self.0.get(word)).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
