use sinch_batch_models::Channel;

use super::super::Broken;
use super::super::feed::Buffer;
use super::super::records::Records;
use super::super::rules::is_blank;
use super::Notes;
use crate::finding::{Finding, FindingKind, Where, of_file};

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
}

/// The rows of a CSV file.
pub(super) struct Cells {
    records: Records,
    names: Vec<Box<str>>,
    /// What each column is; none for remarks and for what cannot be used.
    roles: Vec<Option<Role>>,
}

impl Cells {
    /// Reads the header, and tells every mistake in it.
    pub(super) fn new(
        feed: &mut Buffer,
        role: fn(&str) -> Option<Role>,
        columns: &str,
        check: fn(&Self) -> Vec<(FindingKind, &'static str)>,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, (Broken, u64)> {
        let mut records = Records::new();
        if !records.read(feed).map_err(|broken| (broken, records.line()))? {
            return Ok(Self { records, names: Vec::new(), roles: Vec::new() });
        }
        let line = records.line();
        let mut names: Vec<Box<str>> = Vec::new();
        let mut roles = Vec::new();
        for index in 0..records.len() {
            let name = String::from_utf8_lossy(records.field(index));
            let place = Where::column(&name, index);
            let found = role(&name);
            if std::str::from_utf8(records.field(index)).is_err() {
                let place = Where { name: None, ..place };
                findings.push(of_file(line, place, FindingKind::NotUtf8, "the column's name is not UTF-8"));
            } else if found.is_none() && !name.starts_with('#') {
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

    /// Whether the row has the fields that the header names, all in UTF-8.
    pub(super) fn check_shape(&self, notes: &mut Notes) -> bool {
        if self.records.is_unclosed() {
            let message = "a quote is opened in this row and never closed, so the rest of the file is one field";
            notes.add(self.place(self.records.len().saturating_sub(1)), FindingKind::UnclosedQuote, message);
            return false;
        }
        let (found, expected) = (self.records.len(), self.roles.len());
        if found != expected {
            let message = format!("the row has {found} fields, the header has {expected}");
            notes.add(Where::ROW, FindingKind::RaggedLine, message);
            return false;
        }
        for index in (0..found).filter(|index| self.roles[*index].is_some()) {
            if let Err(error) = std::str::from_utf8(self.records.field(index)) {
                let message = format!("the cell is not UTF-8 from its byte {} on", error.valid_up_to() + 1);
                notes.add(self.place(index), FindingKind::NotUtf8, message);
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

    /// The same, where there must be something; else that is told.
    pub(super) fn needed(&self, role: &Role, notes: &mut Notes) -> Option<(usize, &str)> {
        let index = self.column(role)?;
        let text = self.text(index);
        if text.is_empty() {
            notes.add(self.place(index), FindingKind::MissingValue, "the cell is empty");
            return None;
        }
        if is_blank(text) {
            notes.add(self.place(index), FindingKind::BlankValue, "there is nothing but white space");
            return None;
        }
        Some((index, text))
    }

    pub(super) fn place(&self, index: usize) -> Where<'_> {
        self.names.get(index).map_or(Where::ROW, |name| Where::column(name, index))
    }
}
