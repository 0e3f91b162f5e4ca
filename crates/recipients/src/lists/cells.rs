use sinch_batch_models::Channel;

use super::Notes;
use crate::finding::{Finding, FindingKind, Where, of_file};
use crate::identity::{BLANK, fault_of_any, tidied};
use crate::source::Broken;
use crate::source::dialect::{cells_of, quote_fault, separator};
use crate::source::feed::Buffer;
use crate::source::records::Records;
use crate::source::table::{kind_of, not_utf8};
use crate::source::text::{control, control_message, is_blank, trimmed};

/// What a column of a list is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    AppId,
    Channel,
    ChannelPriority,
    ConsentType,
    ContactId,
    DisplayName,
    Email,
    ExternalId,
    Identification,
    Identity,
    Language,
    Metadata,
    /// The identity on this channel.
    On(Channel),
    /// Nothing to this list, and no mistake.
    Other,
}

/// The rows of a CSV file.
pub(super) struct Cells {
    records: Records,
    names: Vec<Box<str>>,
    /// What each column is; none for remarks and for what cannot be used.
    roles: Vec<Option<Role>>,
}

impl Cells {
    /// Reads the header, and reports every mistake in it.
    pub(super) fn new(
        feed: &mut Buffer,
        role: fn(&str) -> Option<Role>,
        columns: &str,
        check: fn(&Self) -> Vec<(FindingKind, &'static str)>,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, (Broken, u64)> {
        feed.fill(16 * 1024).map_err(|error| (error.into(), 1))?;
        let (separator, said) = separator(feed.bytes());
        let mut records = Records::new(separator);
        records.pass_first_line(feed, said);
        if !records.read_header(feed).map_err(|broken| (broken, records.line()))? {
            return Ok(Self { records, names: Vec::new(), roles: Vec::new() });
        }
        let line = records.line();
        let mut names: Vec<Box<str>> = Vec::new();
        let mut roles = Vec::new();
        for index in 0..records.len() {
            let lossy = String::from_utf8_lossy(records.field(index));
            let name = trimmed(&lossy);
            let place = Where::column(name, index);
            let found = role(name);
            let is_other = found == Some(Role::Other);
            let found = found.filter(|_| !is_other);
            if std::str::from_utf8(records.field(index)).is_err() {
                let place = Where { name: None, ..place };
                findings.push(of_file(line, place, FindingKind::NotUtf8, "the column's name is not UTF-8"));
            } else if found.is_none() && !is_other && !name.starts_with('#') {
                let message =
                    format!("no such column is known; there can be {columns}, and remarks that begin with `#`");
                findings.push(of_file(line, place, FindingKind::UnknownColumn, message));
            } else if let Some(before) =
                found.as_ref().and_then(|found| roles.iter().position(|have| have == &Some(found.clone())))
            {
                let message = format!("the column repeats column {}", before + 1);
                findings.push(of_file(line, place, FindingKind::RepeatedColumn, message));
            }
            names.push(name.into());
            roles.push(found);
        }
        let cells = Self { records, names, roles };
        findings.extend(check(&cells).into_iter().map(|(kind, message)| of_file(line, Where::ROW, kind, message)));
        Ok(cells)
    }

    pub(super) fn advance(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        self.records.read(feed)
    }

    pub(super) fn line(&self) -> u64 {
        self.records.line()
    }

    /// How many blank rows the end of the file had.
    pub(super) fn blank_rows(&self) -> u64 {
        self.records.blank_rows()
    }

    /// Whether a line by itself is a row: as many cells as the header, and a name of somebody.
    fn is_row(&self, line: &[u8]) -> bool {
        let cells = cells_of(line, self.records.separator());
        let is_somebody = |role: &Role, cell: &str| match role {
            Role::On(_) | Role::Identity | Role::Identification | Role::ContactId => {
                !is_blank(cell)
                    && fault_of_any(trimmed(&tidied(cell))).is_none()
                    && !tidied(cell).contains(char::is_whitespace)
            }
            _ => false,
        };
        cells.len() == self.roles.len()
            && self.roles.iter().zip(&cells).any(|(role, cell)| {
                role.as_ref().is_some_and(|role| std::str::from_utf8(cell).is_ok_and(|cell| is_somebody(role, cell)))
            })
    }

    /// Whether the row has the cells that the header names, all in UTF-8, and quotes only where they may be.
    pub(super) fn check_shape(&self, feed: &Buffer, notes: &mut Notes) -> bool {
        if self.records.has_quotes()
            && let Some(fault) = quote_fault(self.records.raw(feed), self.records.separator(), |line| self.is_row(line))
        {
            let line = notes.place.line + fault.lines_before;
            let message = fault.message(notes.place.line);
            notes.add(self.place(fault.cell), kind_of(fault.kind), message);
            notes.found.iter_mut().for_each(|finding| finding.line = line);
            return false;
        }
        let (found, expected) = (self.records.len(), self.roles.len());
        if found != expected {
            let cells = if found == 1 { "1 cell".to_owned() } else { format!("{found} cells") };
            let message = format!("the row has {cells}, the header has {expected}");
            notes.add(Where::ROW, FindingKind::RaggedLine, message);
            return false;
        }
        for index in (0..found).filter(|index| self.roles[*index].is_some()) {
            match std::str::from_utf8(self.records.field(index)) {
                Err(error) => notes.add(self.place(index), FindingKind::NotUtf8, not_utf8(&error)),
                Ok(cell) => {
                    if let Some(found) = control(cell) {
                        notes.add(self.place(index), FindingKind::ControlCharacter, control_message(found));
                    }
                }
            }
        }
        notes.found.is_empty()
    }

    /// The column that is that.
    pub(super) fn column(&self, role: &Role) -> Option<usize> {
        self.roles.iter().position(|have| have.as_ref() == Some(role))
    }

    /// The columns named after channels, from left to right.
    pub(super) fn on_channels(&self) -> impl Iterator<Item = (usize, &Channel)> {
        self.roles.iter().enumerate().filter_map(|(index, role)| match role {
            Some(Role::On(channel)) => Some((index, channel)),
            _ => None,
        })
    }

    /// A cell of a row whose shape was checked.
    pub(super) fn text(&self, index: usize) -> &str {
        std::str::from_utf8(self.records.field(index)).unwrap_or_default()
    }

    /// The cell in the column that is that, if there is something in it.
    pub(super) fn given(&self, role: &Role) -> Option<(usize, &str)> {
        let index = self.column(role)?;
        Some((index, self.text(index))).filter(|(_, text)| !text.is_empty())
    }

    /// The same, where a value is required; else that is reported.
    pub(super) fn needed(&self, role: &Role, notes: &mut Notes) -> Option<(usize, &str)> {
        let index = self.column(role)?;
        let text = self.text(index);
        if text.is_empty() {
            notes.add(self.place(index), FindingKind::MissingValue, "the cell is empty");
            return None;
        }
        if is_blank(text) {
            notes.add(self.place(index), FindingKind::BlankValue, BLANK);
            return None;
        }
        Some((index, text))
    }

    pub(super) fn place(&self, index: usize) -> Where<'_> {
        self.names.get(index).map_or(Where::ROW, |name| Where::column(name, index))
    }
}
