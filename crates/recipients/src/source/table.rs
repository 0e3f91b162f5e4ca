use std::sync::Arc;

use sinch_batch_models::{BatchRecipient, Channel, ChannelIdentity, ContactId, Metadata, Parameters, Recipient};

use super::columns::{By, Columns, Keyed, Role};
use super::feed::Buffer;
use super::records::{Cells, Records};
use super::rules::{BLANK, Length, Rules, channel_named, comparable, identity_fault, is_blank, value_fault};
use super::{Broken, Header, Observer, Verdict};
use crate::finding::{FindingKind, Place, Where};
use crate::repeats::Ordinal;

/// A CSV file: a header and rows. Rows are checked as they lie in the buffer, without a copy.
pub(super) struct Table {
    records: Records,
    columns: Columns,
}

impl Table {
    pub(super) fn new(feed: &mut Buffer, rules: &Rules, header: &mut Header) -> Result<Self, (Broken, u64)> {
        let mut records = Records::new();
        let found = records.read(feed).map_err(|broken| (broken, records.line()))?;
        if !found {
            return Ok(Self { records, columns: Columns::none() });
        }
        header.line = records.line();
        let columns = Columns::of(&records, rules, &mut header.findings);
        header.of_skipped = columns.header_of_skipped(records.raw(feed));
        Ok(Self { records, columns })
    }

    pub(super) fn advance(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        self.records.read(feed)
    }

    pub(super) fn line(&self) -> u64 {
        self.records.line()
    }

    /// Raw length of the record with its line break.
    #[inline]
    pub(super) fn taken(&self) -> usize {
        self.records.taken()
    }

    pub(super) fn raw<'a>(&self, feed: &'a Buffer) -> &'a [u8] {
        self.records.raw(feed)
    }

    /// How many fields the row has less than the header.
    pub(super) fn missing_fields(&self) -> usize {
        self.columns.roles.len().saturating_sub(self.records.len())
    }

    /// The column of a row's contact (0) or of its `n`-th identity.
    pub(super) fn identity_column(&self, ordinal: Ordinal) -> Where<'_> {
        let index = match &self.columns.by {
            By::Nothing => None,
            By::Contact(index) => Some(*index),
            By::Pair { identity, .. } => Some(*identity),
            By::Channels(columns) => columns.get((ordinal as usize).saturating_sub(1)).copied(),
        };
        index.map_or(Where::ROW, |index| self.column(index))
    }

    fn column(&self, index: usize) -> Where<'_> {
        self.columns.names.get(index).map_or(Where::ROW, |name| Where::column(name, index))
    }

    pub(super) fn check(&self, place: Place, rules: &Rules, observer: &mut impl Observer) {
        if self.has_shape(place, observer) {
            self.check_cells(self.records.cells().as_ref(), place, rules, observer);
        }
    }

    /// Whether the row has as many fields as the header.
    fn has_shape(&self, place: Place, observer: &mut impl Observer) -> bool {
        if self.records.is_unclosed() {
            let index = self.records.len().saturating_sub(1);
            let message = "a quote is opened in this row and never closed, so the rest of the file is one field";
            observer.finding(place.finding(self.column(index), FindingKind::UnclosedQuote, message));
            return false;
        }
        let (found, expected) = (self.records.len(), self.columns.roles.len());
        if found != expected {
            let message = format!("the row has {found} fields, the header has {expected}");
            observer.finding(place.finding(Where::ROW, FindingKind::RaggedLine, message));
        }
        found == expected
    }

    fn check_cells(&self, cells: Option<&Cells<'_>>, place: Place, rules: &Rules, observer: &mut impl Observer) {
        let mut in_message = Length::default();
        let mut in_conversation = Length::default();
        for (index, role) in self.columns.roles.iter().enumerate() {
            if *role == Role::Ignored {
                continue;
            }
            let cell = match cells {
                Some(cells) => Ok(cells.get(index)),
                // Which of them is at fault?
                None => std::str::from_utf8(self.records.field(index)),
            };
            let cell = match cell {
                Ok(cell) => cell,
                Err(error) => {
                    let message = format!("the cell is not UTF-8 from its byte {} on", error.valid_up_to() + 1);
                    observer.finding(place.finding(self.column(index), FindingKind::NotUtf8, message));
                    continue;
                }
            };
            match role {
                Role::Parameter(name) => {
                    if let Some((kind, message)) = value_fault(cell, name) {
                        observer.finding(place.finding(self.column(index), kind, message));
                    }
                }
                Role::MessageMetadata(key) => in_message.add(index, key, cell),
                Role::ConversationMetadata(key) => in_conversation.add(index, key, cell),
                // The recipient is looked at as a whole.
                Role::Ignored | Role::ContactId | Role::Channel | Role::Identity | Role::On(_) => {}
            }
        }
        self.check_recipient(place, cells, observer);
        for (length, name, limit) in [
            (in_message, "message_metadata", rules.message_metadata),
            (in_conversation, "conversation_metadata", rules.conversation_metadata),
        ] {
            if let Some(message) = length.fault(name, limit) {
                observer.finding(place.finding(self.column(length.column()), FindingKind::TooLong, message));
            }
        }
    }

    /// A cell that was found to be UTF-8; nothing where it is not, which was reported.
    fn text<'a>(&'a self, cells: Option<&Cells<'a>>, index: usize) -> Option<&'a str> {
        match cells {
            Some(cells) => Some(cells.get(index)),
            None => std::str::from_utf8(self.records.field(index)).ok(),
        }
    }

    fn check_recipient(&self, place: Place, cells: Option<&Cells<'_>>, observer: &mut impl Observer) {
        match &self.columns.by {
            By::Nothing => {}
            By::Contact(index) => {
                let Some(id) = self.text(cells, *index) else { return };
                if id.is_empty() {
                    let message = "the cell is empty, so there is nobody to send to";
                    observer.finding(place.finding(self.column(*index), FindingKind::MissingIdentity, message));
                } else if is_blank(id) {
                    observer.finding(place.finding(self.column(*index), FindingKind::BlankValue, BLANK));
                } else {
                    observer.identity(place, 0, "", id);
                }
            }
            By::Pair { channel, identity } => {
                let (Some(name), Some(id)) = (self.text(cells, *channel), self.text(cells, *identity)) else { return };
                let on = channel_named(name);
                if name.is_empty() {
                    let message = "the cell is empty, so there is no channel to send on";
                    observer.finding(place.finding(self.column(*channel), FindingKind::MissingIdentity, message));
                } else if on.is_none() {
                    let message = "the cell names no channel that is known";
                    observer.finding(place.finding(self.column(*channel), FindingKind::UnknownChannel, message));
                }
                if id.is_empty() {
                    let message = "the cell is empty, so there is nobody to send to";
                    observer.finding(place.finding(self.column(*identity), FindingKind::MissingIdentity, message));
                } else if let Some(on) = on {
                    self.check_identity(place, *identity, 1, &on, id, observer);
                }
            }
            By::Channels(columns) => {
                let mut anybody = false;
                for (ordinal, index) in (1..).zip(columns) {
                    anybody |= !self.records.field(*index).is_empty();
                    if let (Some(id), Role::On(on)) = (self.text(cells, *index), &self.columns.roles[*index])
                        && !id.is_empty()
                    {
                        self.check_identity(place, *index, ordinal, on, id, observer);
                    }
                }
                if !anybody {
                    // With one column there is no doubt which; with several it is all of them.
                    let column = if columns.len() == 1 { self.identity_column(1) } else { Where::ROW };
                    let message = "the row has no identity on any channel, so there is nobody to send to";
                    observer.finding(place.finding(column, FindingKind::MissingIdentity, message));
                }
            }
        }
    }

    fn check_identity(
        &self,
        place: Place,
        index: usize,
        ordinal: Ordinal,
        channel: &Channel,
        id: &str,
        observer: &mut impl Observer,
    ) {
        match identity_fault(channel, id) {
            Some((kind, message)) => observer.finding(place.finding(self.column(index), kind, message)),
            None => observer.identity(place, ordinal, channel.as_str(), comparable(channel, id)),
        }
    }

    /// The recipient of a row, if nothing is wrong with it.
    #[inline]
    pub(super) fn recipient(&self, place: Place, rules: &Rules) -> Option<BatchRecipient> {
        let mut verdict = Verdict::default();
        if !self.has_shape(place, &mut verdict) {
            return None;
        }
        let cells = self.records.cells()?;
        self.check_cells(Some(&cells), place, rules, &mut verdict);
        if !verdict.is_good() {
            return None;
        }
        let mut recipient = BatchRecipient::new(self.person(&cells)?);
        recipient.parameters = Parameters::with_capacity(self.columns.parameters.len());
        for (name, index) in &self.columns.parameters {
            recipient.parameters.insert(Arc::clone(name), cells.get(*index).into());
        }
        fill(&mut recipient.message_metadata, &self.columns.message_metadata, &cells);
        fill(&mut recipient.conversation_metadata, &self.columns.conversation_metadata, &cells);
        Some(recipient)
    }

    fn person(&self, cells: &Cells<'_>) -> Option<Recipient> {
        Some(match &self.columns.by {
            By::Nothing => return None,
            By::Contact(index) => Recipient::contact(ContactId::new(cells.get(*index))),
            By::Pair { channel, identity } => {
                Recipient::identity(channel_named(cells.get(*channel))?, cells.get(*identity))
            }
            By::Channels(columns) => {
                let on = |index: &usize| match &self.columns.roles[*index] {
                    Role::On(channel) => Some((channel.clone(), cells.get(*index))),
                    _ => None,
                };
                if let [only] = columns.as_slice() {
                    let (channel, id) = on(only)?;
                    return Some(Recipient::identity(channel, id));
                }
                let identities = columns.iter().filter_map(on).filter(|(_, id)| !id.is_empty());
                Recipient::identities(identities.map(|(channel, id)| ChannelIdentity::new(channel, id)).collect())
            }
        })
    }
}

/// An empty cell is no entry.
fn fill(metadata: &mut Metadata, columns: &Keyed, cells: &Cells<'_>) {
    for (key, index) in columns {
        let value = cells.get(*index);
        if !value.is_empty() {
            metadata.insert(Arc::clone(key), value.into());
        }
    }
}
