//! Files of contacts to make, contacts to delete, and opt-outs.
//!
//! ```
//! # #[cfg(feature = "csv")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sinch_batch_recipients::{Format, List, check_list};
//!
//! let file = "identification,consent_type\n+15550100001,OPT_OUT_ALL\n+15550100002,OPT_IN\n";
//!
//! // First pass: everything that is wrong, by line and column.
//! let mut findings = Vec::new();
//! let list = List::consents(file.as_bytes(), Format::Csv)?;
//! let checked = check_list(list, |finding| findings.push(finding.to_string()))?;
//! assert_eq!((checked.rows, checked.bad_rows, checked.is_ok()), (2, 1, false));
//! assert!(findings[0].starts_with("line 3, column consent_type: not an opt-out"));
//!
//! // Second pass: the rows.
//! let mut list = List::consents(file.as_bytes(), Format::Csv)?;
//! let first = list.next_row()?.ok_or("no row")?;
//! assert_eq!(first.line, 2);
//! assert!(first.entry.is_ok());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "csv"))]
//! # fn main() {}
//! ```
//!
//! A file is CSV in UTF-8 with a header, or JSON lines of the wire's objects. A JSON file may also be
//! one whole request body, or an array of its objects; such a file is read at once and has at most 8 MiB.
//!
//! | List of | Columns of a CSV file | A line of JSON |
//! | --- | --- | --- |
//! | [`NewContact`] | `channel` and `identity`, or one column per channel: `SMS`, `whatsapp`, …; `language`; and if wanted `display_name`, `email`, `external_id`, `metadata`, `channel_priority` (names of channels parted by spaces or `;`), `app_id` (for channels whose identities belong to one app) | an entry of `contacts` |
//! | [`ContactId`] | `contact_id` | `{"contact_id": "…"}`, or the id as a string |
//! | [`ConsentRecord`] | `identification`, `consent_type` | an entry of `consent_records` |
//!
//! A column that begins with `#` is a remark. In a CSV file channels, languages and kinds of opt-out may
//! be written in small letters, and languages with a dash: `pt-BR`.

mod body;
mod consents;
mod contacts;

#[cfg(feature = "csv")]
mod cells;
#[cfg(feature = "csv")]
pub(crate) mod suppressed;

use std::fmt;
use std::io::Read;

use sinch_batch_models::wire::ParseError;
use sinch_batch_models::{AppId, ConsentRecord, ContactId, Fingerprint, NewContact};

use self::body::Body;
#[cfg(feature = "csv")]
use self::cells::{Cells, Role};
use crate::finding::{Finding, FindingKind, Place, RowNumber, Where, of_file};
use crate::lines::Lines;
use crate::repeats::Search;
use crate::source::feed::Buffer;
use crate::source::json_lines::JsonRows;
use crate::source::{Format, SourceError, broken_at};

/// A list, read row by row; whole request bodies apart, in constant memory.
pub struct List<T> {
    feed: Buffer,
    reader: Reader,
    rules: Rules<T>,
    row: RowNumber,
    findings: Vec<Finding>,
}

enum Reader {
    #[cfg(feature = "csv")]
    Csv(Box<Cells>),
    JsonLines(JsonRows),
    Body(Body),
}

/// Takes what no other entry of a list may have.
type Keys<'a> = dyn FnMut(&str, &str) + 'a;

/// What makes one kind of list differ from another.
struct Rules<T> {
    /// The field of a request body that holds the list.
    list: &'static str,
    /// What a column of some name is.
    #[cfg(feature = "csv")]
    role: fn(&str) -> Option<Role>,
    /// All columns there can be, for a person.
    #[cfg(feature = "csv")]
    columns: &'static str,
    /// What is wrong with the columns together.
    #[cfg(feature = "csv")]
    check_header: fn(&Cells) -> Vec<(FindingKind, &'static str)>,
    /// The entry of a row; none if something is wrong with it, which is reported.
    #[cfg(feature = "csv")]
    of_cells: fn(&Cells, &mut Notes) -> Option<T>,
    /// The entry of a JSON text; likewise.
    of_json: fn(&[u8], &mut Notes) -> Option<T>,
    /// Hands over what no other entry of the list may have: a channel or kind, and an identity as it is compared.
    keys: fn(&T, &mut Keys<'_>),
}

/// A row of a list.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListRow<T> {
    /// The row, counted from 1; blank lines and remarks do not count.
    pub row: RowNumber,
    /// The line on which it begins.
    pub line: u64,
    /// What is in it, or everything that is wrong with it; that may be nothing more than the header.
    pub entry: Result<T, Vec<Finding>>,
}

impl List<NewContact> {
    /// Reads contacts to make.
    ///
    /// # Errors
    /// [`SourceError::Io`] and [`SourceError::TooLarge`]. Mistakes in a header are findings.
    pub fn contacts(reader: impl Read + Send + 'static, format: Format) -> Result<Self, SourceError> {
        Self::new(Box::new(reader), format, contacts::RULES)
    }
}

impl List<ContactId> {
    /// Reads ids of contacts to delete.
    ///
    /// # Errors
    /// As [`List::contacts`].
    pub fn contact_ids(reader: impl Read + Send + 'static, format: Format) -> Result<Self, SourceError> {
        Self::new(Box::new(reader), format, contacts::ID_RULES)
    }
}

impl List<ConsentRecord> {
    /// Reads opt-outs. Each must say what is not wanted: the service asks for it in its prose.
    ///
    /// # Errors
    /// As [`List::contacts`].
    pub fn consents(reader: impl Read + Send + 'static, format: Format) -> Result<Self, SourceError> {
        Self::new(Box::new(reader), format, consents::RULES)
    }
}

impl<T> List<T> {
    fn new(reader: Box<dyn Read + Send>, format: Format, rules: Rules<T>) -> Result<Self, SourceError> {
        let mut feed = Buffer::new(reader);
        let io = |source| SourceError::Io { line: 1, source };
        let mut findings = Vec::new();
        feed.look().map_err(io)?.map_err(SourceError::NotText)?;
        feed.drop_byte_order_mark().map_err(io)?;
        let reader = match format {
            #[cfg(feature = "csv")]
            Format::Csv => {
                let cells = Cells::new(&mut feed, rules.role, rules.columns, rules.check_header, &mut findings);
                Reader::Csv(Box::new(cells.map_err(|(broken, line)| broken_at(broken, line))?))
            }
            Format::JsonLines | Format::JsonArray if body::is_next(&mut feed, rules.list).map_err(io)? => {
                Reader::Body(Body::read(&mut feed, rules.list, &mut findings).map_err(|broken| broken_at(broken, 1))?)
            }
            Format::JsonLines | Format::JsonArray => Reader::JsonLines(JsonRows::new()),
        };
        Ok(Self { feed, reader, rules, row: 0, findings })
    }

    /// Mistakes that are known before the first row. With one of them no row can be trusted.
    pub fn header_findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The app that a whole request body names.
    pub fn app_id(&self) -> Option<&AppId> {
        match &self.reader {
            Reader::Body(body) => body.app_id.as_ref(),
            _ => None,
        }
    }

    /// Reads the next row; `None` after the last.
    ///
    /// # Errors
    /// [`SourceError::Io`] and [`SourceError::TooLarge`]. Mistakes are in the row.
    pub fn next_row(&mut self) -> Result<Option<ListRow<T>>, SourceError> {
        let found = match &mut self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(cells) => cells.advance(&mut self.feed),
            Reader::JsonLines(rows) => rows.advance(&mut self.feed),
            Reader::Body(body) => Ok(body.advance()),
        };
        let line = self.line();
        if !found.map_err(|broken| broken_at(broken, line))? {
            return Ok(None);
        }
        self.row += 1;
        let mut notes = Notes { place: Place { row: self.row, line }, found: Vec::new() };
        let entry = match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(cells) => {
                if cells.check_shape(&self.feed, &mut notes) {
                    (self.rules.of_cells)(cells, &mut notes)
                } else {
                    None
                }
            }
            Reader::JsonLines(rows) => json(rows.raw(&self.feed), self.rules.of_json, &mut notes),
            Reader::Body(body) => json(body.raw(&self.feed), self.rules.of_json, &mut notes),
        };
        let entry = match entry {
            Some(entry) if notes.found.is_empty() => Ok(entry),
            _ => Err(notes.found),
        };
        Ok(Some(ListRow { row: self.row, line, entry }))
    }

    /// Reads what is left, and gives the fingerprint of the whole file.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    pub fn finish(mut self) -> Result<Fingerprint, SourceError> {
        let line = self.line();
        self.feed.drain().map_err(|source| SourceError::Io { line, source })?;
        Ok(self.feed.fingerprint())
    }

    fn blank_rows(&self) -> u64 {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(cells) => cells.blank_rows(),
            Reader::JsonLines(_) | Reader::Body(_) => 0,
        }
    }

    fn line(&self) -> u64 {
        match &self.reader {
            #[cfg(feature = "csv")]
            Reader::Csv(cells) => cells.line(),
            Reader::JsonLines(rows) => rows.line(),
            Reader::Body(body) => body.line(),
        }
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("row", &self.row).finish_non_exhaustive()
    }
}

/// What a look through a whole list has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListCheck {
    /// All rows.
    pub rows: u64,
    /// Rows with mistakes.
    pub bad_rows: u64,
    /// Mistakes, those of the header included.
    pub findings: u64,
    /// Rows of nothing but separators at the end of the file, which are ignored.
    pub blank_rows: u64,
    /// Whether it is the same file again.
    pub fingerprint: Fingerprint,
    /// The app that a whole request body names.
    pub app_id: Option<AppId>,
}

impl ListCheck {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.findings == 0 && self.bad_rows == 0
    }
}

/// Looks through a whole list; each mistake goes to `each` as it is found. A list without rows has one
/// too, and at the end come identities that two contacts have: they would be made twice. That search
/// takes some 12 bytes an identity, the rest no memory that grows with the file.
///
/// # Errors
/// As [`List::next_row`].
pub fn check_list<T>(mut list: List<T>, mut each: impl FnMut(Finding)) -> Result<ListCheck, SourceError> {
    let (mut rows, mut bad_rows, mut findings) = (0, 0, 0);
    let mut note = |finding| {
        findings += 1;
        each(finding);
    };
    list.findings.iter().cloned().for_each(&mut note);
    let is_usable = list.findings.is_empty();
    let (mut search, mut lines) = (Search::new(), Lines::default());
    // Entries of a request body may share a line, and there are few of them.
    let is_body = matches!(list.reader, Reader::Body(_));
    let mut lines_of_body = Vec::new();
    while let Some(row) = list.next_row()? {
        rows += 1;
        match row.entry {
            Ok(entry) => {
                let mut ordinal = 0;
                (list.rules.keys)(&entry, &mut |kind, identity| {
                    ordinal += 1;
                    search.add(row.row, ordinal, kind, identity);
                });
            }
            Err(mistakes) => {
                bad_rows += 1;
                // After a bad header every row would say the same.
                if is_usable {
                    mistakes.into_iter().for_each(&mut note);
                }
            }
        }
        if is_body {
            lines_of_body.push(row.line);
        } else {
            lines.push(row.line);
        }
    }
    let line_of = |row: RowNumber| {
        let in_body = usize::try_from(row - 1).ok().and_then(|index| lines_of_body.get(index).copied());
        in_body.or_else(|| lines.line_of(row)).unwrap_or_default()
    };
    let mut last = 0;
    for repeat in search.finish() {
        let place = |row| Place { row, line: line_of(row) };
        let (later, first) = (place(repeat.later.row()), place(repeat.first.row()));
        let message = if later.row == first.row {
            "the row has an identity twice".to_owned()
        } else {
            format!("an identity of it is in row {} (line {}) too; only one of the two may stay", first.row, first.line)
        };
        note(later.finding(Where::ROW, FindingKind::RepeatedIdentity, message));
        bad_rows += u64::from(last != later.row);
        last = later.row;
    }
    if rows == 0 && is_usable {
        note(of_file(list.line(), Where::ROW, FindingKind::EmptyFile, "the file has no rows"));
    }
    let app_id = list.app_id().cloned();
    let blank_rows = list.blank_rows();
    Ok(ListCheck { rows, bad_rows, findings, blank_rows, fingerprint: list.finish()?, app_id })
}

/// Collects the findings of a row.
struct Notes {
    place: Place,
    found: Vec<Finding>,
}

impl Notes {
    fn add(&mut self, column: Where<'_>, kind: FindingKind, message: impl Into<String>) {
        self.found.push(self.place.finding(column, kind, message));
    }

    /// A mistake at a JSON pointer.
    fn at(&mut self, pointer: &str, kind: FindingKind, message: impl Into<String>) {
        self.add(Where::name(pointer), kind, message);
    }

    /// A text that is not such an entry.
    fn unreadable(&mut self, error: &ParseError, what: &str) {
        let name = Some(error.path()).filter(|path| !path.is_empty());
        let column = Where { name, number: u32::try_from(error.column().max(1)).ok() };
        let line = self.place.line + (error.line().max(1) - 1) as u64;
        let message = format!("this is not {what}: {}", error.message());
        self.found.push(Place { line, ..self.place }.finding(column, FindingKind::BadJson, message));
    }

    /// Fields that the service does not know.
    fn unknown_fields(&mut self, pointers: &[String]) {
        for pointer in pointers {
            self.at(pointer, FindingKind::UnknownColumn, "the service knows no field of this name here");
        }
    }
}

fn json<T>(raw: &[u8], of_json: fn(&[u8], &mut Notes) -> Option<T>, notes: &mut Notes) -> Option<T> {
    if let Err(error) = std::str::from_utf8(raw) {
        let at = error.valid_up_to() + 1;
        let column = Where { name: None, number: u32::try_from(at).ok() };
        notes.add(column, FindingKind::NotUtf8, format!("the line is not UTF-8 from its byte {at} on"));
        return None;
    }
    of_json(raw, notes)
}
