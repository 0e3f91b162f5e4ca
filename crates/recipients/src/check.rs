//! Reading all rows once, to find everything that is wrong with them and to plan their batches.

use std::io::Read;
use std::sync::Arc;

use sinch_batch_models::{Fingerprint, Template};

use crate::finding::{Finding, FindingKind, Place, RowNumber, Severity, Where, of_file};
use crate::lines::Lines;
use crate::plan::{Plan, PlannedBatch, Planner};
use crate::prices::Prices;
use crate::reading::ReadOptions;
use crate::repeats::{Ordinal, Repeat, Search};
use crate::skip::{Bits, InvalidRows};
use crate::sms_sums::{SmsEstimate, SmsSums, named};
use crate::source::{Format, Measured, Observer, RowReader, SourceError};
use crate::suppression::{SuppressedRows, Suppression};

/// A text of more characters than this is worth a look: more than ten SMS parts.
const LONG_TEXT: usize = 1600;

/// What a check is for.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Plan batches of so many rows, the last one fewer. `None`: find mistakes, and plan nothing.
    pub batch_size: Option<usize>,
    /// The size of the first batch, if it has another.
    pub first_batch: Option<usize>,
    /// Whether the valid rows are to be sent although others are invalid.
    pub skip_invalid: bool,
    /// How many characters of `message_metadata`, as JSON, the request takes of each message.
    pub message_metadata: usize,
    /// Sets whether warnings count as mistakes.
    pub strict: bool,
    /// An SMS of more parts than these is a mistake.
    pub max_parts: Option<u32>,
    /// What an SMS part costs, for the sum.
    pub prices: Option<Arc<Prices>>,
    /// Who gets nothing: their rows are counted.
    pub suppression: Suppression,
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

    /// Plans a first batch of another size: a canary.
    #[must_use]
    pub fn with_first_batch(mut self, first_batch: Option<usize>) -> Self {
        self.first_batch = first_batch;
        self
    }

    /// Sets whether invalid rows are skipped; the others are planned then.
    #[must_use]
    pub fn with_skip_invalid(mut self, skip_invalid: bool) -> Self {
        self.skip_invalid = skip_invalid;
        self
    }

    /// Sets whether warnings count as mistakes.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The most parts that an SMS may have.
    #[must_use]
    pub fn with_max_parts(mut self, parts: Option<u32>) -> Self {
        self.max_parts = parts;
        self
    }

    /// Sets the prices of SMS parts.
    #[must_use]
    pub fn with_prices(mut self, prices: Option<Prices>) -> Self {
        self.prices = prices.map(Arc::new);
        self
    }

    /// Sets the suppression lists.
    #[must_use]
    pub fn with_suppression(mut self, suppression: Suppression) -> Self {
        self.suppression = suppression;
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
    /// Rows with at least one mistake.
    pub invalid_rows: u64,
    /// Mistakes, those of the header included.
    pub findings: u64,
    /// Warnings, which stop nothing; with `strict` there are none, as they are mistakes.
    pub warnings: u64,
    /// Rows of nothing but separators at the end of the file, which are ignored.
    pub blank_rows: u64,
    /// How many parts the text takes as SMS; nothing if the message is not a text, or no row that will be sent
    /// begins with SMS.
    pub sms: Option<SmsEstimate>,
    /// Findings that a recipient is the same as in an earlier row. If the valid rows are sent, such a row
    /// must be fixed or deleted: sent as it is, that recipient gets two messages.
    pub repeats: u64,
    /// Valid rows that are suppressed: they are in the plan, and skipped when their batch's turn comes.
    pub suppressed_rows: u64,
    /// The same by list.
    pub suppressed: Vec<SuppressedRows>,
    /// The fingerprint of all bytes; after a [`TooLarge`](FindingKind::TooLarge) row that of what was read.
    pub fingerprint: Fingerprint,
    /// The invalid rows, to be skipped when the valid ones are sent.
    pub skip: InvalidRows,
    pub(crate) message_metadata: usize,
    fatal: bool,
    plan: Plan,
}

impl Checked {
    /// Whether there is no mistake.
    pub fn is_ok(&self) -> bool {
        self.findings == 0
    }

    /// Whether nothing can be sent, even if invalid rows are skipped: a placeholder has no column, a column has
    /// no use, the recipient has none, a column is there twice, a quote is never closed, there are no rows.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// Rows without mistakes.
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
    (template, reading): (&Template, &ReadOptions),
    options: &CheckOptions,
    on_finding: &mut dyn FnMut(Finding),
) -> Result<Checked, SourceError> {
    let Some(size) = options.batch_size else {
        let source = RowReader::with_reading(open()?, format, template, reading)?;
        let source = source.with_message_metadata(options.message_metadata);
        let mut checked = check_source(source, None, options, on_finding)?;
        count_repeats_out(&mut checked, open, format, (template, reading), options)?;
        return Ok(checked);
    };
    let source = RowReader::with_ranges(open()?, format, template, reading)?;
    let source = source.with_message_metadata(options.message_metadata);
    let mut checked =
        check_source(source, Some(Planner::new(size).with_first(options.first_batch)), options, on_finding)?;
    checked.message_metadata = options.message_metadata;
    count_repeats_out(&mut checked, &mut *open, format, (template, reading), options)?;
    if !checked.may_be_sent(options.skip_invalid) {
        checked.plan = Plan::default();
    } else if checked.invalid_rows > 0 {
        let source = RowReader::with_ranges(open()?, format, template, reading)?;
        checked.plan = plan_valid_rows(source, Planner::new(size).with_first(options.first_batch), &checked)?;
    }
    Ok(checked)
}

/// Estimates once more if an identity was repeated: at the first pass its row looked valid.
fn count_repeats_out(
    checked: &mut Checked,
    open: &mut dyn FnMut() -> Result<Box<dyn Read + Send>, SourceError>,
    format: Format,
    (template, reading): (&Template, &ReadOptions),
    options: &CheckOptions,
) -> Result<(), SourceError> {
    if checked.repeats == 0 || checked.sms.is_none() {
        return Ok(());
    }
    let source = RowReader::with_reading(open()?, format, template, reading)?;
    let mut source = source.with_message_metadata(options.message_metadata);
    let mut estimate =
        Estimate { sms: SmsSums::new(options.prices.clone()), suppression: &options.suppression, suppressed: false };
    // After a row that is too large the first pass read no further.
    while let Some(place) = source.advance()?.filter(|place| place.row <= checked.rows) {
        if !checked.skip.contains(place.row) {
            estimate.suppressed = false;
            source.check(place, &mut estimate);
        }
    }
    checked.sms = estimate.sms.finish();
    Ok(())
}

/// Measures rows that are known to be valid.
struct Estimate<'a> {
    sms: SmsSums,
    suppression: &'a Suppression,
    /// Whether the row at hand is suppressed.
    suppressed: bool,
}

impl Observer for Estimate<'_> {
    fn finding(&mut self, _: Finding) {}

    fn measures(&self) -> bool {
        true
    }

    fn measured(&mut self, place: Place, measured: Measured<'_>) {
        if let Some(number) = measured.number.filter(|_| !self.suppressed) {
            self.sms.add(place, number, &measured);
        }
    }

    fn identity(&mut self, _: Place, _: Ordinal, channel: &str, identity: &str) {
        self.suppressed |= self.suppression.having(channel, identity).next().is_some();
    }
}

/// A second pass, because repeated identities are known only at the end of the first.
fn plan_valid_rows(mut source: RowReader, mut planner: Planner, checked: &Checked) -> Result<Plan, SourceError> {
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
    source: RowReader,
    planner: Option<Planner>,
    options: &CheckOptions,
    on_finding: &mut dyn FnMut(Finding),
) -> Result<Checked, SourceError> {
    check_rows(source, planner, options, None, on_finding)
}

/// Reports the findings of a source that was checked before, in the order of its rows.
pub(crate) fn findings_in_order(
    source: RowReader,
    options: &CheckOptions,
    skip: &InvalidRows,
    on_finding: &mut dyn FnMut(Finding),
) -> Result<(), SourceError> {
    check_rows(source, None, options, Some(skip), on_finding).map(drop)
}

fn check_rows(
    mut source: RowReader,
    planner: Option<Planner>,
    options: &CheckOptions,
    known: Option<&InvalidRows>,
    on_finding: &mut dyn FnMut(Finding),
) -> Result<Checked, SourceError> {
    let mut run = Run {
        on_finding,
        known,
        options,
        sms: SmsSums::new(options.prices.clone()),
        findings: 0,
        findings_before: 0,
        warnings: 0,
        rows: 0,
        invalid: Bits::default(),
        lines: Lines::default(),
        search: Search::new(),
        suppressed: vec![Bits::default(); options.suppression.lists().len()],
        fatal: false,
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
                run.finding(of_file(line, Where::ROW, FindingKind::TooLarge, message));
                let fingerprint = source.fingerprint_so_far();
                return Ok(run.finish(&mut source, fingerprint));
            }
        }
    }
    if source.is_cut_off() {
        let line = source.line();
        let message = "the array is not closed, so the file may have been cut off";
        run.finding(of_file(line, Where::ROW, FindingKind::BadJson, message));
    }
    if run.rows == 0 {
        run.finding(of_file(1, Where::ROW, FindingKind::EmptyFile, "the file has no rows"));
    }
    let plan = run.planner.take().map(|planner| planner.finish(&mut source)).unwrap_or_default();
    let fingerprint = source.drain()?;
    let checked = run.finish(&mut source, fingerprint);
    Ok(if checked.invalid_rows == 0 && !checked.fatal { Checked { plan, ..checked } } else { checked })
}

struct Run<'a> {
    on_finding: &'a mut dyn FnMut(Finding),
    options: &'a CheckOptions,
    /// What an earlier check has found: then repeated identities are reported with their row.
    known: Option<&'a InvalidRows>,
    sms: SmsSums,
    findings: u64,
    /// Those before the row at hand.
    findings_before: u64,
    warnings: u64,
    rows: u64,
    invalid: Bits,
    lines: Lines,
    search: Search,
    /// The rows that each list suppresses.
    suppressed: Vec<Bits>,
    fatal: bool,
    planner: Option<Planner>,
}

impl Run<'_> {
    /// Whether the row at hand will be sent, as far as it was looked at: only that counts.
    #[inline]
    fn is_sent(&self, place: Place) -> bool {
        self.findings == self.findings_before && !self.suppressed.iter().any(|rows| rows.get(place.row))
    }

    fn row(&mut self, place: Place, source: &mut RowReader) {
        self.rows = place.row;
        self.lines.push(place.line);
        self.findings_before = self.findings;
        source.check(place, self);
        if let Some(known) = self.known {
            known.repeats_of(place.row, source).for_each(|finding| self.finding(finding));
            return;
        }
        if let Some(planner) = &mut self.planner {
            if self.findings == self.findings_before {
                planner.add(place.row, source);
            } else {
                // This plan will not be used: save the work.
                self.planner = None;
                source.stop_ranges();
            }
        }
    }

    fn finish(mut self, source: &mut RowReader, fingerprint: Fingerprint) -> Checked {
        let search = std::mem::replace(&mut self.search, Search::new());
        let lines = std::mem::take(&mut self.lines);
        let repeats = if self.known.is_some() { Vec::new() } else { search.finish() };
        for repeat in &repeats {
            self.finding(repeated(*repeat, &lines, source));
        }
        let mut suppressed_by_any = Bits::default();
        let mut suppressed = Vec::with_capacity(self.suppressed.len());
        for (list, rows) in self.options.suppression.lists().iter().zip(&self.suppressed) {
            let rows = rows.without(&self.invalid);
            suppressed.push(SuppressedRows {
                list: list.name().to_owned(),
                entries: list.n_entries(),
                rows: rows.count(),
            });
            suppressed_by_any.add(&rows);
        }
        Checked {
            rows: self.rows,
            suppressed_rows: suppressed_by_any.count(),
            suppressed,
            invalid_rows: self.invalid.count(),
            findings: self.findings,
            warnings: self.warnings,
            blank_rows: source.blank_rows(),
            sms: self.sms.finish(),
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
    fn finding(&mut self, mut finding: Finding) {
        if self.options.strict {
            finding.severity = Severity::Mistake;
        }
        match (finding.severity, finding.row) {
            (Severity::Warning, _) => self.warnings += 1,
            (Severity::Mistake, Some(row)) => {
                self.findings += 1;
                self.invalid.set(row);
                self.fatal |= finding.kind == FindingKind::UnclosedQuote;
            }
            // What is not of one row cannot be skipped with one.
            (Severity::Mistake, None) => {
                self.findings += 1;
                self.fatal = true;
            }
        }
        (self.on_finding)(finding);
    }

    fn measures(&self) -> bool {
        true
    }

    #[inline]
    fn measured(&mut self, place: Place, measured: Measured<'_>) {
        if measured.characters > LONG_TEXT {
            let message = "the text has more than 1,600 characters";
            self.finding(place.finding(Where::ROW, FindingKind::LongText, message));
        }
        let Some(number) = measured.number else { return };
        let parts = measured.length.parts;
        if let Some(most) = self.options.max_parts.filter(|most| parts > *most) {
            let why =
                measured.length.culprit.map_or_else(String::new, |culprit| format!(", because of {}", named(culprit)));
            let message = format!("the text takes {parts} SMS parts{why}; {most} are wanted at most");
            let column = measured.blamed.unwrap_or(Where::ROW);
            self.finding(place.finding(column, FindingKind::TooManyParts, message));
        }
        if self.is_sent(place) {
            self.sms.add(place, number, &measured);
        }
    }

    #[inline]
    fn measured_one_part(&mut self, place: Place, number: Option<&str>, characters: usize) {
        if self.options.max_parts == Some(0) {
            return self.measured(place, Measured::one_part(number, characters));
        }
        if let Some(number) = number.filter(|_| self.is_sent(place)) {
            self.sms.add_one_part(number);
        }
    }

    fn identity(&mut self, place: Place, ordinal: Ordinal, channel: &str, identity: &str) {
        self.search.add(place.row, ordinal, channel, identity);
        if !self.suppressed.is_empty() {
            for list in self.options.suppression.having(channel, identity) {
                self.suppressed[list].set(place.row);
            }
        }
    }
}

/// The finding for an identity that an earlier row, or the same one, has too.
pub(crate) fn repeated(repeat: Repeat, lines: &Lines, source: &RowReader) -> Finding {
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
