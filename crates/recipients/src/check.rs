//! Reading all rows once, to find everything that is wrong with them and to plan their batches.

use std::io::Read;

use sinch_batch_models::Template;

use crate::finding::{Finding, FindingKind, Place, RowNumber, Where, of_file};
use crate::fingerprint::Fingerprint;
use crate::lines::Lines;
use crate::plan::{Plan, PlannedBatch, Planner};
use crate::repeats::{Ordinal, Repeat, Search};
use crate::skip::{Bits, InvalidRows};
use crate::source::{Format, Observer, Source, SourceError};

/// What a check is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Plan batches of so many rows, the last one fewer. `None`: find mistakes, and plan nothing.
    pub batch_size: Option<usize>,
    /// Whether the valid rows are to be sent although others are invalid.
    pub skip_invalid: bool,
    /// How many characters of `message_metadata`, as JSON, the request takes of each message.
    pub message_metadata: usize,
}

impl CheckOptions {
    /// A check that plans nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans batches of this size. A size outside 1 to 1000 is moved to the nearer end, because a call
    /// carries no other.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Whether invalid rows are skipped: then the others are planned.
    #[must_use]
    pub fn with_skip_invalid(mut self, skip_invalid: bool) -> Self {
        self.skip_invalid = skip_invalid;
        self
    }

    /// How many characters of `message_metadata` the request itself has, as JSON: a row's own has to fit
    /// beside it.
    #[must_use]
    pub fn with_message_metadata(mut self, characters: usize) -> Self {
        self.message_metadata = characters;
        self
    }
}

/// The result of a check: how many rows are valid, and the plan of their batches.
///
/// A clone shares the plan and the set of skipped rows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// Data rows, invalid ones included.
    pub rows: u64,
    /// Rows with at least one finding.
    pub invalid_rows: u64,
    /// Findings, those of the header included.
    pub findings: u64,
    /// Findings that a recipient is the same as in an earlier row. If the valid rows are sent, such a row
    /// must be fixed or deleted: sent as it is, that recipient gets two messages.
    pub repeats: u64,
    /// The fingerprint of all bytes; after a [`TooLarge`](FindingKind::TooLarge) row that of what was read.
    pub fingerprint: Fingerprint,
    /// The invalid rows, to be skipped when the valid ones are sent.
    pub skip: InvalidRows,
    pub(crate) message_metadata: usize,
    fatal: bool,
    plan: Plan,
}

impl Checked {
    /// Whether there are no findings at all.
    pub fn is_ok(&self) -> bool {
        self.findings == 0
    }

    /// Whether nothing can be sent, even if invalid rows are skipped: a placeholder has no column, the
    /// recipient has none, a column is there twice, a quote is never closed, there are no rows.
    ///
    /// A column that nothing uses is not fatal: without it the rows can be sent.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// Rows without findings.
    pub fn valid_rows(&self) -> u64 {
        self.rows - self.invalid_rows
    }

    /// Whether something can be sent: everything is valid, or what is invalid can be skipped and some rows
    /// are left.
    pub fn may_be_sent(&self, skip_invalid: bool) -> bool {
        self.is_ok() || (skip_invalid && !self.is_fatal() && self.valid_rows() > 0)
    }

    /// How many batches the valid rows make; 0 if none were planned, because that was not asked for or
    /// because nothing may be sent.
    pub fn n_batches(&self) -> usize {
        self.plan.n_batches()
    }

    /// The planned batches, in order. The rows of a batch are listed only when it comes by.
    ///
    /// A plan of more than 1,000,000 batches is not kept in memory: then there are none here, and
    /// [`n_batches`](Self::n_batches) still counts them.
    pub fn plan(&self) -> impl Iterator<Item = PlannedBatch> + Send + use<> {
        self.plan.batches(self.skip.clone())
    }

    /// The planned batches, as [`plan`](Self::plan).
    pub fn into_plan(self) -> impl Iterator<Item = PlannedBatch> + Send + use<> {
        self.plan.batches(self.skip)
    }
}

/// Checks what `open` reads from the start, each time it is called.
pub(crate) fn check(
    open: &mut dyn FnMut() -> Result<Box<dyn Read + Send>, SourceError>,
    format: Format,
    template: &Template,
    options: &CheckOptions,
    on_finding: &mut dyn FnMut(Finding),
) -> Result<Checked, SourceError> {
    let Some(size) = options.batch_size else {
        let source = Source::new(open()?, format, template)?.with_message_metadata(options.message_metadata);
        return check_source(source, None, on_finding);
    };
    let source = Source::with_ranges(open()?, format, template)?.with_message_metadata(options.message_metadata);
    let mut checked = check_source(source, Some(Planner::new(size)), on_finding)?;
    checked.message_metadata = options.message_metadata;
    if !checked.may_be_sent(options.skip_invalid) {
        checked.plan = Plan::default();
    } else if checked.invalid_rows > 0 {
        let source = Source::with_ranges(open()?, format, template)?;
        checked.plan = plan_valid_rows(source, Planner::new(size), &checked)?;
    }
    Ok(checked)
}

/// A second pass, because repeated identities are known only at the end of the first.
fn plan_valid_rows(mut source: Source, mut planner: Planner, checked: &Checked) -> Result<Plan, SourceError> {
    while let Some(place) = source.advance()? {
        if !checked.skip.contains(place.row) {
            planner.add(place.row, &mut source);
        }
    }
    let plan = planner.finish(&mut source);
    if source.drain()? == checked.fingerprint { Ok(plan) } else { Err(SourceError::Changed { first_row: 1 }) }
}

/// Reads all rows of a source. With a planner, the plan is one of all rows, and empty if any is invalid.
pub(crate) fn check_source(
    mut source: Source,
    planner: Option<Planner>,
    on_finding: &mut dyn FnMut(Finding),
) -> Result<Checked, SourceError> {
    let mut run = Run {
        on_finding,
        findings: 0,
        rows: 0,
        invalid: Bits::default(),
        lines: Lines::default(),
        search: Search::new(),
        fatal: source.is_unusable(),
        planner,
    };
    for finding in source.header_findings() {
        run.finding(finding.clone());
    }
    loop {
        match source.advance() {
            Ok(Some(place)) => run.row(place, &mut source),
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
                return Ok(run.finish(&mut source, fingerprint));
            }
        }
    }
    if run.rows == 0 {
        run.fatal = true;
        run.finding(of_file(1, Where::ROW, FindingKind::EmptyFile, "the file has no rows"));
    }
    let plan = run.planner.take().map(|planner| planner.finish(&mut source)).unwrap_or_default();
    let fingerprint = source.drain()?;
    let checked = run.finish(&mut source, fingerprint);
    Ok(if checked.invalid_rows == 0 && !checked.fatal { Checked { plan, ..checked } } else { checked })
}

struct Run<'a> {
    on_finding: &'a mut dyn FnMut(Finding),
    findings: u64,
    rows: u64,
    invalid: Bits,
    lines: Lines,
    search: Search,
    fatal: bool,
    planner: Option<Planner>,
}

impl Run<'_> {
    fn row(&mut self, place: Place, source: &mut Source) {
        self.rows = place.row;
        self.lines.push(place.line);
        let findings = self.findings;
        source.check(place, self);
        if let Some(planner) = &mut self.planner {
            if self.findings == findings {
                planner.add(place.row, source);
            } else {
                // This plan will not be used: save the work.
                self.planner = None;
                source.stop_ranges();
            }
        }
    }

    fn finish(mut self, source: &mut Source, fingerprint: Fingerprint) -> Checked {
        let search = std::mem::replace(&mut self.search, Search::new());
        let lines = std::mem::take(&mut self.lines);
        let repeats = search.finish();
        for repeat in &repeats {
            self.finding(repeated(*repeat, &lines, source));
        }
        Checked {
            rows: self.rows,
            invalid_rows: self.invalid.count(),
            findings: self.findings,
            repeats: repeats.len() as u64,
            fingerprint,
            skip: InvalidRows::new(self.invalid, repeats, lines),
            fatal: self.fatal,
            message_metadata: 0,
            plan: Plan::default(),
        }
    }
}

impl Observer for Run<'_> {
    fn finding(&mut self, finding: Finding) {
        self.findings += 1;
        if let Some(row) = finding.row {
            self.invalid.set(row);
        }
        self.fatal |= finding.kind == FindingKind::UnclosedQuote;
        (self.on_finding)(finding);
    }

    fn identity(&mut self, place: Place, ordinal: Ordinal, channel: &str, identity: &str) {
        self.search.add(place.row, ordinal, channel, identity);
    }
}

/// The finding for an identity that an earlier row, or the same one, has too.
pub(crate) fn repeated(repeat: Repeat, lines: &Lines, source: &Source) -> Finding {
    let place = |row: RowNumber| Place { row, line: lines.line_of(row).unwrap_or_default() };
    let (later, first) = (place(repeat.later.row()), place(repeat.first.row()));
    let message = if later.row == first.row {
        "the row has this identity twice".to_owned()
    } else {
        let what = if repeat.later.ordinal() == 0 { "contact" } else { "identity" };
        format!("the same {what} is in row {} (line {}); only one of the two may stay", first.row, first.line)
    };
    source.identity_finding(later, repeat.later.ordinal(), FindingKind::RepeatedIdentity, message)
}
