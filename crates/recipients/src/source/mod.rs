//! Files of recipients, read row by row in constant memory.

pub(crate) mod feed;
pub(crate) mod json_lines;
pub(crate) mod rules;
mod tap;
pub(crate) mod text;
mod wording;

#[cfg(feature = "csv")]
mod classes;
#[cfg(feature = "csv")]
mod columns;
#[cfg(feature = "csv")]
pub(crate) mod dialect;
#[cfg(feature = "csv")]
pub(crate) mod records;
#[cfg(feature = "csv")]
pub(crate) mod table;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sinch_batch_models::{BatchRecipient, Fingerprint, SmsLength, Template};
use thiserror::Error;

use self::feed::Buffer;
use self::json_lines::JsonRows;
use self::rules::Rules;
#[cfg(feature = "csv")]
use self::table::Table;
use self::text::is_blank;

use crate::finding::{Finding, FindingKind, Place, RowNumber, Severity, Where, of_file};
use crate::look::{NotText, mark_length};
use crate::reading::ReadOptions;
use crate::repeats::{MAX_ROWS, Ordinal};

/// The most bytes of a row: 8 MiB. A quote that is never closed would make one row of the whole file.
pub const MAX_ROW_BYTES: usize = 8 * 1024 * 1024;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// CSV with a header line; commas, semicolons, tabs or vertical bars, as the first line shows.
    #[cfg(feature = "csv")]
    Csv,
    /// One `recipient_and_params` object a line, as on the wire. Blank lines and lines that begin with `#` are not
    /// rows.
    JsonLines,
    /// `recipient_and_params` objects in one array.
    JsonArray,
}

impl Format {
    /// The format by a file's first bytes, or else by its name: JSON is JSON whatever the name.
    #[cfg(feature = "csv")]
    pub fn of(path: impl AsRef<Path>, first_bytes: &[u8]) -> Self {
        let text = first_bytes.get(mark_length(first_bytes)..).unwrap_or_default().trim_ascii_start();
        match text {
            [b'[', ..] => Self::JsonArray,
            [b'{', ..] => Self::JsonLines,
            _ => Self::of_path(path),
        }
    }

    /// The format by a file's name: JSON lines for `.jsonl`, `.ndjson` and `.json`, else CSV.
    #[cfg(feature = "csv")]
    pub fn of_path(path: impl AsRef<Path>) -> Self {
        let extension = path.as_ref().extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if ["jsonl", "ndjson", "json"].iter().any(|json| extension.eq_ignore_ascii_case(json)) {
            Self::JsonLines
        } else {
            Self::Csv
        }
    }
}

/// Why a file could not be read on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file could not be opened: look at its name and your rights.
    #[error("the file could not be opened")]
    Open(#[source] io::Error),
    /// The file is not text in UTF-8: [`NotText::hint`] says what to do.
    #[error("{0}")]
    NotText(NotText),
    /// The file could not be read: start again from its beginning.
    #[error("the file could not be read at line {line}")]
    Io {
        /// The line that could not be read.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A row is larger than [`MAX_ROW_BYTES`]: look for a quote that is never closed.
    #[error("the row that begins at line {line} is larger than 8 MiB; a quote may not be closed")]
    TooLarge {
        /// The line on which the row begins.
        line: u64,
    },
    /// A file has at most 134,217,727 rows: split it.
    #[error("at line {line} the file has more rows than can be read, which is 134217727")]
    TooManyRows {
        /// The line of the first row too many.
        line: u64,
    },
    /// The header, or the message, is unusable; [`preflight`](crate::preflight()) says why.
    #[error("the header at line {line} has mistakes; check the file first")]
    Unusable {
        /// The line of the header.
        line: u64,
    },
    /// A row that was to be sent has a mistake: the file was not checked, or has changed since.
    #[error("the row at line {line} has mistakes; check the file again, it may have changed")]
    BadRow {
        /// The row.
        row: RowNumber,
        /// The line on which it begins.
        line: u64,
    },
    /// A row that was asked for is not there, is invalid, or has been passed already.
    #[error("row {row} cannot be read: it is missing or invalid")]
    NoSuchRow {
        /// The row.
        row: RowNumber,
    },
    /// The rows are not those that were checked. Nothing of them may be sent: check them again.
    #[error("the recipients from row {first_row} on have changed since they were checked")]
    Changed {
        /// The first row of the batch that was to be read; 1 where all rows were read.
        first_row: RowNumber,
    },
    /// A batch could not be read: try again.
    #[error("the batch that begins with row {first_row} could not be read")]
    Batch {
        /// The first row of the batch.
        first_row: RowNumber,
        /// The cause.
        source: io::Error,
    },
    /// Recipients could not be written to a temporary file: look at the space in the folder for such
    /// files, and set `TMPDIR` to one with more.
    #[error("the recipients could not be written to a temporary file")]
    Spool(#[source] io::Error),
    /// A fingerprint is wanted, but [`Rows::without_fingerprint`](crate::Rows::without_fingerprint) said
    /// that it would not be: leave that out.
    #[error("the fingerprint was not taken")]
    NoFingerprint,
    /// A batch carries 1 to 1000 rows.
    #[error("a batch carries 1 to 1000 rows, not {found}")]
    BatchSize {
        /// How many were asked for.
        found: usize,
    },
    /// A skipped row could not be written away.
    #[error("the skipped row at line {line} could not be written")]
    Skipped {
        /// The line on which the row begins.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
}

/// Why the next row could not be read, before it is known where that was.
#[derive(Debug)]
pub(crate) enum Broken {
    Io(io::Error),
    TooLarge,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Gets to know what is in a row.
pub(crate) trait Observer {
    fn finding(&mut self, finding: Finding);

    /// An identity of the row; the channel is `""` for a contact.
    fn identity(&mut self, place: Place, ordinal: Ordinal, channel: &str, identity: &str);

    /// Whether the length of each row's text is wanted.
    fn measures(&self) -> bool {
        false
    }

    /// The length of the row's text.
    fn measured(&mut self, _: Place, _: Measured<'_>) {}

    /// The same of a text that is one part in the GSM alphabet, as most are; with the number as it is there.
    fn measured_one_part(&mut self, place: Place, number: Option<&str>, characters: usize) {
        self.measured(place, Measured::one_part(number, characters));
    }
}

/// How long the text of a row is.
pub(crate) struct Measured<'a> {
    /// The number, if the row's first channel is SMS.
    pub(crate) number: Option<&'a str>,
    pub(crate) length: SmsLength,
    pub(crate) characters: usize,
    /// Where the first character stands that is not in the GSM alphabet; in no column if in the message itself.
    pub(crate) blamed: Option<Where<'a>>,
}

impl<'a> Measured<'a> {
    /// A text of the GSM alphabet that is one part.
    pub(crate) fn one_part(number: Option<&'a str>, characters: usize) -> Self {
        let mut length = SmsLength::default();
        length.units = characters as u64;
        Self { number, length, characters, blamed: None }
    }
}

/// Whether anything is wrong with a row.
#[derive(Default)]
struct Verdict {
    bad: bool,
}

impl Verdict {
    fn is_good(&self) -> bool {
        !self.bad
    }
}

impl Observer for Verdict {
    fn finding(&mut self, finding: Finding) {
        self.bad |= finding.severity == Severity::Mistake;
    }

    fn identity(&mut self, _: Place, _: Ordinal, _: &str, _: &str) {}
}

/// Reads the rows of a file once: for [`preflight`](crate::preflight()), or for [`Rows`](crate::Rows) that are
/// sent.
pub struct RowReader {
    feed: Buffer,
    rules: Rules,
    reader: Reader,
    format: Format,
    row: RowNumber,
    header: Header,
}

enum Reader {
    #[cfg(feature = "csv")]
    Csv(Box<Table>),
    JsonLines(JsonRows),
}

impl Reader {
    /// Raw length of the row with its line break; before the first row that of the header.
    #[inline]
    fn taken(&self) -> u64 {
        let taken = match self {
            #[cfg(feature = "csv")]
            Self::Csv(table) => table.taken(),
            Self::JsonLines(rows) => rows.taken(),
        };
        taken as u64
    }
}

/// What is known before the first row.
#[derive(Default)]
pub(crate) struct Header {
    findings: Vec<Finding>,
    line: u64,
    #[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "only CSV has a header"))]
    of_skipped: Vec<u8>,
    #[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "only CSV has a separator"))]
    separator: u8,
    /// Where the head of the file ends: the header line, or the byte order mark where there is none.
    end: u64,
}

impl fmt::Debug for RowReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader").field("format", &self.format).field("row", &self.row).finish_non_exhaustive()
    }
}

impl RowReader {
    /// Opens a file whose rows go with a message.
    ///
    /// # Errors
    /// [`SourceError::Open`] and [`SourceError::Io`] for the system's troubles, and
    /// [`SourceError::TooLarge`] for a header without end. Mistakes in the header are findings.
    pub fn open(path: impl AsRef<Path>, format: Format, template: &Template) -> Result<Self, SourceError> {
        Self::new(File::open(path).map_err(SourceError::Open)?, format, template)
    }

    /// Reads from anywhere; the reader needs no buffer of its own.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(reader: impl Read + Send + 'static, format: Format, template: &Template) -> Result<Self, SourceError> {
        Self::with_reading(Box::new(reader), format, template, &ReadOptions::default())
    }

    /// The same, read in a way of its own.
    pub(crate) fn with_reading(
        reader: Box<dyn Read + Send>,
        format: Format,
        template: &Template,
        reading: &ReadOptions,
    ) -> Result<Self, SourceError> {
        Self::whole(Buffer::new(reader), format, template, reading)
    }

    /// Reads a file from its start, if it is text at all.
    fn whole(
        mut feed: Buffer,
        format: Format,
        template: &Template,
        reading: &ReadOptions,
    ) -> Result<Self, SourceError> {
        let look = feed.look().map_err(|source| SourceError::Io { line: 1, source })?;
        look.map_err(SourceError::NotText)?;
        Self::of_feed(feed, format, template, reading)
    }

    /// Reads the head of a file alone, whatever comes after it.
    pub(crate) fn of_head(
        reader: Box<dyn Read + Send>,
        format: Format,
        template: &Template,
        reading: &ReadOptions,
    ) -> Result<Self, SourceError> {
        Self::of_feed(Buffer::new(reader), format, template, reading)
    }

    /// The same, to take the digests of ranges too.
    pub(crate) fn with_ranges(
        reader: Box<dyn Read + Send>,
        format: Format,
        template: &Template,
        reading: &ReadOptions,
    ) -> Result<Self, SourceError> {
        let mut feed = Buffer::new(reader);
        feed.start_tap();
        Self::whole(feed, format, template, reading)
    }

    /// Reads some rows of a file: its head, and then these rows, of which the first has this number.
    pub(crate) fn of_range(
        bytes: Box<dyn Read + Send>,
        buffer: Vec<u8>,
        format: Format,
        (template, reading): (&Template, &ReadOptions),
        first_row: RowNumber,
    ) -> Result<Self, SourceError> {
        let mut source = Self::of_feed(Buffer::with_buffer(bytes, buffer), format, template, reading)?;
        source.row = first_row.saturating_sub(1);
        Ok(source)
    }

    /// The same, to take the digests of other ranges of these rows.
    pub(crate) fn of_ranges(
        bytes: Box<dyn Read + Send>,
        format: Format,
        (template, reading): (&Template, &ReadOptions),
        first_row: RowNumber,
    ) -> Result<Self, SourceError> {
        let mut feed = Buffer::new(bytes);
        feed.start_tap();
        let mut source = Self::of_feed(feed, format, template, reading)?;
        source.row = first_row.saturating_sub(1);
        Ok(source)
    }

    fn of_feed(
        mut feed: Buffer,
        format: Format,
        template: &Template,
        reading: &ReadOptions,
    ) -> Result<Self, SourceError> {
        let rules = Rules::new(template, reading);
        let mut header = Header { line: 1, ..Header::default() };
        if template.names().iter().any(|name| is_blank(name)) {
            let message = "the message has a placeholder without a name, and keys may not be blank";
            header.findings.push(of_file(1, Where::ROW, FindingKind::BlankKey, message));
        }
        for open in &rules.wording.unclosed {
            let message = format!("the message has a placeholder that is not closed: `${{{open}` needs a `}}`");
            header.findings.push(of_file(1, Where::ROW, FindingKind::UnclosedPlaceholder, message));
        }
        for (kind, message) in rules.wording.faults() {
            header.findings.push(of_file(1, Where::ROW, kind, message));
        }
        feed.drop_byte_order_mark().map_err(|source| SourceError::Io { line: 1, source })?;
        let reader = match format {
            #[cfg(feature = "csv")]
            Format::Csv => {
                let table =
                    Table::new(&mut feed, &rules, &mut header).map_err(|(broken, line)| broken_at(broken, line))?;
                Reader::Csv(Box::new(table))
            }
            Format::JsonLines => Reader::JsonLines(JsonRows::new()),
            Format::JsonArray => {
                let rows = JsonRows::of(&mut feed).map_err(|source| SourceError::Io { line: 1, source })?;
                Reader::JsonLines(rows)
            }
        };
        for seen in rules.wording.foreign_anywhere() {
            // One that looks like a column is reported with it.
            let is_known = |finding: &Finding| {
                finding.kind == FindingKind::ForeignPlaceholder && finding.message.starts_with(&format!("`{seen}`"))
            };
            if !header.findings.iter().any(is_known) {
                let message =
                    format!("`{seen}` in the message looks like a placeholder of another tool; ours are `${{name}}`");
                header.findings.push(of_file(1, Where::ROW, FindingKind::ForeignPlaceholder, message));
            }
        }
        if let Some(seen) = rules.wording.escaped() {
            let message = format!("`{seen}` in the message: the backslash is sent too; in '…' the shell needs none");
            header.findings.push(of_file(1, Where::ROW, FindingKind::ForeignPlaceholder, message));
        }
        header.end = feed.position() + reader.taken();
        feed.end_head(header.end);
        Ok(Self { feed, rules, reader, format, row: 0, header })
    }

    /// Leaves room for message metadata of the request's own.
    pub(crate) fn with_message_metadata(mut self, characters: usize) -> Self {
        self.rules.shared_metadata(characters);
        self
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The fingerprint of the bytes read so far. Reading goes in blocks, so this is ahead of the rows.
    pub fn fingerprint_so_far(&self) -> Fingerprint {
        self.feed.fingerprint()
    }

    /// Reads what is left, and gives the fingerprint of the whole file.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    pub fn finish(mut self) -> Result<Fingerprint, SourceError> {
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Result<Fingerprint, SourceError> {
        let line = self.line();
        self.feed.drain().map_err(|source| SourceError::Io { line, source })?;
        Ok(self.feed.fingerprint())
    }

    pub(crate) fn stop_hashing(&mut self) {
        self.feed.stop_hashing();
    }

    /// Goes to the next row; `None` after the last.
    pub(crate) fn advance(&mut self) -> Result<Option<Place>, SourceError> {
        let found = match &mut self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => table.advance(&mut self.feed),
            Reader::JsonLines(rows) => rows.advance(&mut self.feed),
        };
        let line = self.line();
        if !found.map_err(|broken| broken_at(broken, line))? {
            return Ok(None);
        }
        if self.row == MAX_ROWS {
            return Err(SourceError::TooManyRows { line });
        }
        self.row += 1;
        Ok(Some(Place { row: self.row, line }))
    }

    /// Where the head of the file ends.
    pub(crate) fn end_of_head(&self) -> u64 {
        self.header.end
    }

    /// Where the row begins, and where its line break ends.
    #[inline]
    pub(crate) fn extent(&self) -> (u64, u64) {
        let start = self.feed.position();
        (start, start + self.reader.taken())
    }

    /// Begins a range with this row, and says where that is.
    pub(crate) fn begin_range(&mut self) -> (u64, u64) {
        let (start, end) = self.extent();
        self.feed.begin_range(start, end);
        (start, end)
    }

    /// Adds this row to the range, with everything before it, and says where it ends.
    #[inline]
    pub(crate) fn extend_range(&mut self) -> u64 {
        let (_, end) = self.extent();
        self.feed.extend_range(end);
        end
    }

    /// Ends the range with the row added last, and gives its digest, if digests are taken.
    pub(crate) fn end_range(&mut self) -> Option<[u8; 8]> {
        self.feed.end_range()
    }

    /// Takes no digests of ranges from now on.
    pub(crate) fn stop_ranges(&mut self) {
        self.feed.stop_tap();
    }

    /// The buffer, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.feed.into_buffer()
    }

    /// The row that was read last; 0 before the first.
    pub(crate) fn row(&self) -> RowNumber {
        self.row
    }

    /// The line of the row that was read last.
    pub(crate) fn line(&self) -> u64 {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => table.line(),
            Reader::JsonLines(rows) => rows.line(),
        }
    }

    /// Reports everything about the row.
    pub(crate) fn check(&self, place: Place, observer: &mut impl Observer) {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => table.check(&self.feed, place, &self.rules, observer),
            Reader::JsonLines(rows) => rows.check(&self.feed, place, &self.rules, observer),
        }
    }

    /// The recipient of the row, if nothing is wrong with it.
    #[inline]
    pub(crate) fn recipient(&self, place: Place) -> Option<BatchRecipient> {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => table.recipient(&self.feed, place, &self.rules),
            Reader::JsonLines(rows) => rows.recipient(&self.feed, place, &self.rules),
        }
    }

    /// The row as it stands in the file, without its line break.
    pub(crate) fn raw(&self) -> &[u8] {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => table.raw(&self.feed),
            Reader::JsonLines(rows) => rows.raw(&self.feed),
        }
    }

    /// How many fields the row lacks.
    #[cfg(feature = "csv")]
    pub(crate) fn missing_fields(&self) -> usize {
        match &self.reader {
            Reader::Csv(table) => table.missing_fields(),
            Reader::JsonLines(_) => 0,
        }
    }

    /// A mistake in an identity of any row.
    pub(crate) fn identity_finding(
        &self,
        place: Place,
        ordinal: Ordinal,
        kind: FindingKind,
        message: String,
    ) -> Finding {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => place.finding(table.identity_column(ordinal), kind, message),
            Reader::JsonLines(_) => {
                place.finding(Where::name(&json_lines::identity_pointer(ordinal, "identity")), kind, message)
            }
        }
    }

    /// Mistakes that are known before the first row.
    pub(crate) fn header_findings(&self) -> &[Finding] {
        &self.header.findings
    }

    /// The header that the file of skipped rows gets; empty where there is none.
    #[cfg(feature = "csv")]
    pub(crate) fn header_of_skipped(&self) -> &[u8] {
        &self.header.of_skipped
    }

    /// Whether no row can be sent, however valid.
    pub(crate) fn is_unusable(&self) -> bool {
        self.header.findings.iter().any(|finding| finding.severity == Severity::Mistake)
    }

    /// How many blank rows the end of the file had; known at the end.
    pub(crate) fn blank_rows(&self) -> u64 {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(table) => table.blank_rows(),
            Reader::JsonLines(_) => 0,
        }
    }

    /// Whether the file ended before its JSON array did; known at the end.
    pub(crate) fn is_cut_off(&self) -> bool {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(_) => false,
            Reader::JsonLines(rows) => rows.is_cut_off(),
        }
    }

    /// What stands between the cells of a row.
    #[cfg(feature = "csv")]
    pub(crate) fn separator(&self) -> char {
        char::from(self.header.separator)
    }

    pub(crate) fn unusable(&self) -> SourceError {
        SourceError::Unusable { line: self.header.line }
    }
}

pub(crate) fn broken_at(broken: Broken, line: u64) -> SourceError {
    match broken {
        Broken::Io(source) => SourceError::Io { line, source },
        Broken::TooLarge => SourceError::TooLarge { line },
    }
}
