use std::borrow::Cow;
use std::sync::Arc;

use sinch_batch_models::{
    BatchRecipient, Channel, ChannelIdentity, ContactId, Metadata, Parameters, Recipient, SmsLength,
};

use super::classes::{CONTROL, NOT_ONE_SEPTET};
use super::columns::{By, Columns, Keyed, Role};
use super::dialect::{QuoteFaultKind, cells_of, quote_fault, separator};
use super::feed::Buffer;
use super::records::{Cells, Records};
use super::rules::{Length, Rules};
use super::text::{control, control_message, trimmed};
use super::wording::Piece;
use super::{Broken, Header, Measured, Observer, Verdict};
use crate::finding::{Finding, FindingKind, Place, Where};
use crate::identity::{IdentityFault, comparable, digits_of, fault, fault_on, of_send, phone_fault, tidied};
use crate::reading::channel_named;
use crate::repeats::Ordinal;
use crate::sms::culprit;

/// What two files show that were put together whole.
const HEADER_AGAIN: &str = "it is the column's name: the header stands here once more, so delete the line";

/// How many bytes behind the header are looked at for phone numbers.
const SAMPLE: usize = 16 * 1024;

/// A CSV file: a header and rows. Rows are checked as they lie in the buffer, without a copy.
pub(crate) struct Table {
    records: Records,
    columns: Columns,
}

impl Table {
    pub(crate) fn new(feed: &mut Buffer, rules: &Rules, header: &mut Header) -> Result<Self, (Broken, u64)> {
        feed.fill(SAMPLE).map_err(|error| (error.into(), 1))?;
        let (separator, said) = separator(feed.bytes());
        let mut records = Records::new(separator);
        records.pass_first_line(feed, said);
        let found = records.read_header(feed).map_err(|broken| (broken, records.line()))?;
        if !found {
            return Ok(Self { records, columns: Columns::none() });
        }
        header.line = records.line();
        if records.has_quotes()
            && let Some(fault) = quote_fault(records.raw(feed), separator, |_| false)
        {
            let line = header.line + fault.lines_before;
            let kind = kind_of(fault.kind);
            header.findings.push(crate::finding::of_file(line, Where::ROW, kind, fault.message(header.line)));
        }
        let rest = feed.bytes().get(records.taken()..).unwrap_or_default();
        // Asked only if no column names the recipient.
        let has_numbers = |index| {
            let lines = rest[..rest.len().min(SAMPLE)].split(|byte| matches!(byte, b'\n' | b'\r'));
            are_numbers(lines.filter(|line| !line.is_empty()).take(20).map(|line| cells_of(line, separator)), index)
        };
        let columns = Columns::of(&records, rules, has_numbers, &mut header.findings);
        header.of_skipped = columns.header_of_skipped(records.raw(feed), separator);
        header.separator = separator;
        Ok(Self { records, columns })
    }

    pub(crate) fn advance(&mut self, feed: &mut Buffer) -> Result<bool, Broken> {
        self.records.read(feed)
    }

    pub(crate) fn line(&self) -> u64 {
        self.records.line()
    }

    /// Raw length of the record with its line break.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        self.records.taken()
    }

    /// How many blank rows the end of the file had.
    pub(crate) fn blank_rows(&self) -> u64 {
        self.records.blank_rows()
    }

    pub(crate) fn raw<'a>(&'a self, feed: &'a Buffer) -> &'a [u8] {
        self.records.raw(feed)
    }

    /// How many fields the row has less than the header.
    pub(super) fn missing_fields(&self) -> usize {
        self.columns.roles.len().saturating_sub(self.records.len())
    }

    /// The column of a row's contact (0) or of its `n`-th identity.
    pub(crate) fn identity_column(&self, ordinal: Ordinal) -> Where<'_> {
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

    pub(crate) fn check(&self, feed: &Buffer, place: Place, rules: &Rules, observer: &mut impl Observer) {
        if self.has_shape(feed, place, observer) {
            let cells = self.records.cells();
            self.check_cells(cells.as_ref(), place, rules, observer);
            if observer.measures()
                && let Some(cells) = cells
            {
                self.measure(&cells, place, rules, observer);
            }
        }
    }

    /// Whether the quotes of the row are where they may be, and it has as many fields as the header.
    #[inline]
    fn has_shape(&self, feed: &Buffer, place: Place, observer: &mut impl Observer) -> bool {
        if self.records.has_quotes()
            && let Some(finding) = self.quote_finding(feed, place)
        {
            observer.finding(finding);
            return false;
        }
        let (found, expected) = (self.records.len(), self.columns.roles.len());
        if found != expected {
            let cells = if found == 1 { "1 cell".to_owned() } else { format!("{found} cells") };
            let message = format!("the row has {cells}, the header has {expected}");
            observer.finding(place.finding(Where::ROW, FindingKind::RaggedLine, message));
        }
        found == expected
    }

    /// The first quote of the row that is not where it may be.
    #[cold]
    fn quote_finding(&self, feed: &Buffer, place: Place) -> Option<Finding> {
        let separator = self.records.separator();
        let fault = quote_fault(self.records.raw(feed), separator, |line| self.is_row(line))?;
        let finding = place.finding(self.column(fault.cell), kind_of(fault.kind), fault.message(place.line));
        Some(Finding { line: place.line + fault.lines_before, ..finding })
    }

    /// Whether a line by itself is a row: as many cells as the header, and somebody to send to.
    fn is_row(&self, line: &[u8]) -> bool {
        let cells = cells_of(line, self.records.separator());
        if cells.len() != self.columns.roles.len() {
            return false;
        }
        let text = |index: usize| cells.get(index).and_then(|cell| std::str::from_utf8(cell).ok());
        let names = |index: usize, channel: &Channel| {
            text(index).is_some_and(|id| match channel.has_phone_numbers() {
                true => phone_fault(&tidied(id)).is_none(),
                false => is_id(id),
            })
        };
        match &self.columns.by {
            By::Nothing => false,
            By::Contact(index) => text(*index).is_some_and(is_id),
            By::Pair { channel, identity } => {
                text(*channel).and_then(channel_named).is_some_and(|on| names(*identity, &on))
            }
            By::Channels(columns) => columns.iter().any(|index| match &self.columns.roles[*index] {
                Role::On(channel) => names(*index, channel),
                _ => false,
            }),
        }
    }

    fn check_cells(&self, cells: Option<&Cells<'_>>, place: Place, rules: &Rules, observer: &mut impl Observer) {
        let mut in_message = Length::default();
        let mut in_conversation = Length::default();
        let may_have_control = self.records.classes() & CONTROL != 0;
        for (index, role) in self.columns.roles.iter().enumerate() {
            if matches!(role, Role::Ignored) {
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
                    observer.finding(place.finding(self.column(index), FindingKind::NotUtf8, not_utf8(&error)));
                    continue;
                }
            };
            match role {
                Role::Parameter(_) => {
                    let name = self.columns.placeholders[index];
                    let to_whatsapp = || self.may_go_to_whatsapp(cells);
                    rules.check_value((cell, name), may_have_control, to_whatsapp, |kind, message| {
                        observer.finding(place.finding(self.column(index), kind, message));
                    });
                    continue;
                }
                Role::MessageMetadata(key) => in_message.add(index, key, cell),
                Role::ConversationMetadata(key) => in_conversation.add(index, key, cell),
                // The recipient is looked at as a whole.
                Role::Ignored | Role::ContactId | Role::Channel | Role::Identity | Role::On(_) => continue,
            }
            if may_have_control && let Some(found) = control(cell) {
                let message = control_message(found);
                observer.finding(place.finding(self.column(index), FindingKind::ControlCharacter, message));
            }
        }
        self.check_recipient(place, cells, rules, observer);
        for (length, name, limit) in [
            (in_message, "message_metadata", rules.message_metadata),
            (in_conversation, "conversation_metadata", rules.conversation_metadata),
        ] {
            if let Some(message) = length.fault(name, limit) {
                observer.finding(place.finding(self.column(length.column()), FindingKind::TooLong, message));
            }
        }
    }

    /// Whether the row may be sent on WhatsApp; of a contact it is unknown.
    fn may_go_to_whatsapp(&self, cells: Option<&Cells<'_>>) -> bool {
        match &self.columns.by {
            By::Nothing => false,
            By::Contact(_) => true,
            By::Pair { channel, .. } => self.text(cells, *channel).and_then(channel_named) == Some(Channel::WhatsApp),
            By::Channels(columns) => columns.iter().any(|index| {
                self.columns.roles[*index] == Role::On(Channel::WhatsApp)
                    && self.text(cells, *index).is_some_and(|id| !id.is_empty())
            }),
        }
    }

    /// The number of a row whose first channel is SMS.
    #[inline]
    fn sms_number<'a>(&self, cells: &Cells<'a>) -> Option<&'a str> {
        match &self.columns.by {
            By::Nothing | By::Contact(_) => None,
            By::Pair { channel, identity } => {
                cells.get(*channel).eq_ignore_ascii_case(Channel::Sms.as_str()).then(|| cells.get(*identity))
            }
            By::Channels(columns) => {
                let first = columns.iter().find(|index| !cells.get(**index).is_empty())?;
                matches!(self.columns.roles[*first], Role::On(Channel::Sms)).then(|| cells.get(*first))
            }
        }
    }

    /// Reports the length of the row's text.
    fn measure(&self, cells: &Cells<'_>, place: Place, rules: &Rules, observer: &mut impl Observer) {
        let Some(text) = &rules.wording.text else { return };
        let mut sum = text.literal;
        let columns = self.columns.in_text.iter();
        if self.records.classes() & NOT_ONE_SEPTET == 0 {
            columns.for_each(|index| sum.add_plain(cells.len_of(*index)));
        } else {
            columns.for_each(|index| sum.add(cells.get(*index)));
        }
        let number = self.sms_number(cells);
        if sum.is_one_part() && !sum.is_ucs2 {
            return observer.measured_one_part(place, number, sum.units);
        }
        let mut whole = String::with_capacity(sum.units * 2);
        let mut blamed = None;
        for piece in &text.pieces {
            let (column, piece) = match piece {
                Piece::Literal(text) => (None, &**text),
                Piece::Name(_) => match self.columns.of_piece(piece) {
                    Some(index) => (Some(index), cells.get(index)),
                    None => continue,
                },
            };
            if blamed.is_none() && culprit(piece).is_some() {
                blamed = Some(column);
            }
            whole.push_str(piece);
        }
        let blamed = blamed.map(|column| column.map_or(Where::ROW, |index| self.column(index)));
        let length = SmsLength::of(&whole);
        observer.measured(place, Measured { number, length, characters: whole.chars().count(), blamed });
    }

    /// A cell that was found to be UTF-8; nothing where it is not, which was reported.
    #[inline]
    fn text<'a>(&'a self, cells: Option<&Cells<'a>>, index: usize) -> Option<&'a str> {
        match cells {
            Some(cells) => Some(cells.get(index)),
            None => std::str::from_utf8(self.records.field(index)).ok(),
        }
    }

    fn check_recipient(&self, place: Place, cells: Option<&Cells<'_>>, rules: &Rules, observer: &mut impl Observer) {
        match &self.columns.by {
            By::Nothing => {}
            By::Contact(index) => {
                let Some(id) = self.text(cells, *index) else { return };
                if id.is_empty() {
                    let message = "the cell is empty, so there is nobody to send to";
                    observer.finding(place.finding(self.column(*index), FindingKind::MissingIdentity, message));
                } else {
                    self.check_identity(place, (*index, 0), None, id, observer);
                }
            }
            By::Pair { channel, identity } => {
                let (Some(name), Some(id)) = (self.text(cells, *channel), self.text(cells, *identity)) else { return };
                let on = channel_named(name);
                if name.is_empty() {
                    let message = "the cell is empty, so there is no channel to send on";
                    observer.finding(place.finding(self.column(*channel), FindingKind::MissingIdentity, message));
                } else if on.is_none() {
                    observer.finding(place.finding(self.column(*channel), FindingKind::UnknownChannel, no_channel()));
                }
                if id.is_empty() {
                    let message = "the cell is empty, so there is nobody to send to";
                    observer.finding(place.finding(self.column(*identity), FindingKind::MissingIdentity, message));
                } else if let Some(on) = on {
                    let id = as_identity(&on, id, rules);
                    self.check_identity(place, (*identity, 1), Some(&on), &id, observer);
                }
            }
            By::Channels(columns) => {
                let mut anybody = false;
                for (ordinal, index) in (1..).zip(columns) {
                    let id = self.text(cells, *index);
                    // What is not UTF-8 is not empty.
                    anybody |= id.is_none_or(|id| !id.is_empty());
                    if let (Some(id), Role::On(on)) = (id, &self.columns.roles[*index])
                        && !id.is_empty()
                    {
                        let id = as_identity(on, id, rules);
                        self.check_identity(place, (*index, ordinal), Some(on), &id, observer);
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

    /// Checks an identity, and has it compared with the others, however untidy it is.
    #[inline]
    fn check_identity(
        &self,
        place: Place,
        (index, ordinal): (usize, Ordinal),
        channel: Option<&Channel>,
        id: &str,
        observer: &mut impl Observer,
    ) {
        // Nearly every number is digits with a `+` before them, which is how it is compared too.
        if let Some(channel) = channel.filter(|channel| channel.has_phone_numbers())
            && let Some(digits) = digits_of(id)
        {
            return observer.identity(place, ordinal, channel.as_str(), digits);
        }
        let found = match channel {
            Some(channel) => fault_on(channel, id),
            None => fault(id),
        };
        let is_comparable = found.as_ref().is_none_or(|fault| fault.names_somebody(id));
        if let Some(IdentityFault { kind, message }) = found.map(of_send) {
            let column = self.column(index);
            let is_header = column.name.is_some_and(|name| name.eq_ignore_ascii_case(trimmed(id)));
            let message = if is_header { HEADER_AGAIN.to_owned() } else { message };
            observer.finding(place.finding(column, kind, message));
        }
        if is_comparable {
            observer.identity(place, ordinal, channel.map_or("", Channel::as_str), &comparable(channel, id));
        }
    }

    /// The recipient of a row, if nothing is wrong with it.
    #[inline]
    pub(crate) fn recipient(&self, feed: &Buffer, place: Place, rules: &Rules) -> Option<BatchRecipient> {
        let mut verdict = Verdict::default();
        if !self.has_shape(feed, place, &mut verdict) {
            return None;
        }
        let cells = self.records.cells()?;
        self.check_cells(Some(&cells), place, rules, &mut verdict);
        if !verdict.is_good() {
            return None;
        }
        let mut recipient = BatchRecipient::new(self.person(&cells, rules)?);
        recipient.parameters = Parameters::with_capacity(self.columns.parameters.len());
        for (name, index) in &self.columns.parameters {
            recipient.parameters.insert(Arc::clone(name), (&*rules.as_sent(cells.get(*index), name)).into());
        }
        fill(&mut recipient.message_metadata, &self.columns.message_metadata, &cells);
        fill(&mut recipient.conversation_metadata, &self.columns.conversation_metadata, &cells);
        Some(recipient)
    }

    fn person(&self, cells: &Cells<'_>, rules: &Rules) -> Option<Recipient> {
        Some(match &self.columns.by {
            By::Nothing => return None,
            By::Contact(index) => Recipient::contact(ContactId::new(cells.get(*index))),
            By::Pair { channel, identity } => {
                let channel = channel_named(cells.get(*channel))?;
                let id = as_identity(&channel, cells.get(*identity), rules).into_owned();
                Recipient::identity(channel, id)
            }
            By::Channels(columns) => {
                let on = |index: &usize| match &self.columns.roles[*index] {
                    Role::On(channel) => {
                        Some((channel.clone(), as_identity(channel, cells.get(*index), rules).into_owned()))
                    }
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

pub(crate) fn kind_of(fault: QuoteFaultKind) -> FindingKind {
    match fault {
        QuoteFaultKind::Unclosed => FindingKind::UnclosedQuote,
        QuoteFaultKind::Swallowed { .. } => FindingKind::SwallowedRow,
        QuoteFaultKind::AfterQuote | QuoteFaultKind::Backslash | QuoteFaultKind::SpaceBefore => FindingKind::BadQuote,
    }
}

/// Whether a text has the form of an id: nothing around it and no white space in it.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty() && fault(text).is_none() && !text.contains(char::is_whitespace)
}

/// Whether the cells of a column look like phone numbers, in the first rows that have one.
fn are_numbers(rows: impl Iterator<Item = Vec<Vec<u8>>>, index: usize) -> bool {
    let mut any = false;
    for cell in rows.filter_map(|row| row.into_iter().nth(index)) {
        if cell.trim_ascii().is_empty() {
            continue;
        }
        any = true;
        if std::str::from_utf8(&cell).is_ok_and(|cell| phone_fault(&tidied(cell)).is_some()) {
            return false;
        }
    }
    any
}

/// An identity as it is sent.
#[inline]
fn as_identity<'a>(channel: &Channel, id: &'a str, rules: &Rules) -> Cow<'a, str> {
    if rules.reading.tidy_numbers && channel.has_phone_numbers() { tidied(id).into() } else { id.into() }
}

pub(crate) fn not_utf8(error: &std::str::Utf8Error) -> String {
    format!("the cell is not UTF-8 from its byte {} on", error.valid_up_to() + 1)
}

/// The sentence about a channel that is none.
pub(crate) fn no_channel() -> String {
    format!("not a known channel; there are {}", Channel::KNOWN.join(", "))
}

/// An empty cell is not an entry.
fn fill(metadata: &mut Metadata, columns: &Keyed, cells: &Cells<'_>) {
    for (key, index) in columns {
        let value = cells.get(*index);
        if !value.is_empty() {
            metadata.insert(Arc::clone(key), value.into());
        }
    }
}
