//! What is wrong with a file, and where.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::source::text::is_blank;

/// The number of a data row: 1 for the first, invalid rows included, blank lines not.
pub type RowNumber = u64;

/// Whether a finding stops a send. Exhaustive: it does or it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Stops a send; one of a row is forgiven if invalid rows are skipped.
    Mistake,
    /// Is counted and shown, and stops nothing, unless the check is strict.
    Warning,
}

impl Severity {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mistake => "mistake",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something wrong, or odd, in a file of recipients: where and what, never the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Whether it stops a send.
    pub severity: Severity,
    /// The row; absent where the header, the message or the file as a whole is to blame.
    pub row: Option<RowNumber>,
    /// The physical line on which the row begins, counted from 1; for a quote the line on which it opens. Line
    /// breaks inside quotes count.
    pub line: u64,
    /// The column's name in the header, or the JSON pointer in a JSON line. Absent where no one column
    /// is to blame, and where the name itself looks like a phone number.
    pub column: Option<String>,
    /// The field in a CSV row, or the byte in a JSON line that cannot be read, counted from 1.
    pub column_number: Option<u32>,
    /// What kind of finding.
    pub kind: FindingKind,
    /// One sentence for a person.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match (&self.column, self.column_number) {
            (Some(name), Some(number)) if is_blank(name) => write!(f, ", column {number}")?,
            (Some(name), _) => write!(f, ", column {}", on_one_line(name.clone()))?,
            (None, Some(number)) if self.kind == FindingKind::BadJson => write!(f, ", byte {number}")?,
            (None, Some(number)) => write!(f, ", column {number}")?,
            (None, None) => {}
        }
        write!(f, ": {}", self.message)
    }
}

/// Kinds of findings; the names in JSON are these in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// An empty cell, or no parameter, for a placeholder of the message.
    MissingValue,
    /// A placeholder without a column.
    MissingColumn,
    /// A value of which nothing can be seen.
    BlankValue,
    /// A column or key that neither the message nor the service uses. No skipping of rows forgives it.
    UnknownColumn,
    /// Two columns for the same thing.
    RepeatedColumn,
    /// Not a phone number: an optional `+`, then 7 to 15 digits, the first not 0.
    BadNumber,
    /// No recipient.
    MissingIdentity,
    /// A channel that requests cannot name.
    UnknownChannel,
    /// The same contact, or the same identity on the same channel, as in an earlier row.
    RepeatedIdentity,
    /// A language, or a kind of opt-out, that requests cannot name.
    UnknownName,
    /// More or fewer fields than the header has.
    RaggedLine,
    /// A quote that is opened and never closed, so that the rest of the file counts as one field.
    UnclosedQuote,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A metadata key that belongs to the service (`_batch_id`) or to campaigns (`sinch_batch_…`).
    ReservedKey,
    /// Over a documented limit.
    TooLong,
    /// A line that is not a recipient in JSON.
    BadJson,
    /// A header that does not say who gets the message, or says it twice.
    NoRecipientColumn,
    /// A column, parameter, placeholder or metadata key without a name.
    BlankKey,
    /// A file without rows.
    EmptyFile,
    /// More bytes in a row, rows in a file or identities in a row than can be read.
    TooLarge,
    /// An identity with white space around it, or one that is an error word of a spreadsheet.
    BadIdentity,
    /// A control character in a value or an identity; line feeds and tabs in a value are none.
    ControlCharacter,
    /// A quote that is not where it may be: quotes stand around a whole cell, and are doubled inside.
    BadQuote,
    /// A quoted cell over several lines, one of which looks like a row of its own.
    SwallowedRow,
    /// A placeholder of the message that is not closed: `${name`.
    UnclosedPlaceholder,
    /// A value that breaks the JSON text of an `explicit_channel_message`.
    BreaksJson,
    /// An SMS of more parts than are wanted.
    TooManyParts,
    /// A warning: the message has a placeholder as other tools write it.
    ForeignPlaceholder,
    /// A warning: a value that spreadsheets and databases write where one is missing, such as `#REF!`.
    SpreadsheetError,
    /// A warning: a WhatsApp template parameter with a line break, a tab or more than four spaces in a row.
    TemplateWhitespace,
    /// A warning: a value of more than 1,024 characters, or a text of more than 1,600.
    LongText,
    /// A warning: a value with U+FFFD, which a program writes in place of a letter that it could not read.
    LostLetter,
    /// A warning: a placeholder where a template has none replaced: in the name of a parameter, or outside of its
    /// parameters.
    TemplatePlaceholder,
}

impl FindingKind {
    /// The severity of findings of this kind, unless a check is strict.
    pub fn severity(self) -> Severity {
        match self {
            Self::ForeignPlaceholder
            | Self::SpreadsheetError
            | Self::TemplateWhitespace
            | Self::LongText
            | Self::LostLetter
            | Self::TemplatePlaceholder => Severity::Warning,
            _ => Severity::Mistake,
        }
    }

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingValue => "missing_value",
            Self::MissingColumn => "missing_column",
            Self::BlankValue => "blank_value",
            Self::UnknownColumn => "unknown_column",
            Self::RepeatedColumn => "repeated_column",
            Self::BadNumber => "bad_number",
            Self::MissingIdentity => "missing_identity",
            Self::UnknownChannel => "unknown_channel",
            Self::RepeatedIdentity => "repeated_identity",
            Self::UnknownName => "unknown_name",
            Self::RaggedLine => "ragged_line",
            Self::UnclosedQuote => "unclosed_quote",
            Self::NotUtf8 => "not_utf8",
            Self::ReservedKey => "reserved_key",
            Self::TooLong => "too_long",
            Self::BadJson => "bad_json",
            Self::NoRecipientColumn => "no_recipient_column",
            Self::BlankKey => "blank_key",
            Self::EmptyFile => "empty_file",
            Self::TooLarge => "too_large",
            Self::BadIdentity => "bad_identity",
            Self::ControlCharacter => "control_character",
            Self::BadQuote => "bad_quote",
            Self::SwallowedRow => "swallowed_row",
            Self::UnclosedPlaceholder => "unclosed_placeholder",
            Self::BreaksJson => "breaks_json",
            Self::TooManyParts => "too_many_parts",
            Self::ForeignPlaceholder => "foreign_placeholder",
            Self::SpreadsheetError => "spreadsheet_error",
            Self::TemplateWhitespace => "template_whitespace",
            Self::LongText => "long_text",
            Self::LostLetter => "lost_letter",
            Self::TemplatePlaceholder => "template_placeholder",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A row and the line on which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) row: RowNumber,
    pub(crate) line: u64,
}

impl Place {
    /// A finding in this row.
    pub(crate) fn finding(self, column: Where<'_>, kind: FindingKind, message: impl Into<String>) -> Finding {
        Finding { row: Some(self.row), ..of_file(self.line, column, kind, message) }
    }
}

/// A finding in the header, the message or the file as a whole.
pub(crate) fn of_file(line: u64, column: Where<'_>, kind: FindingKind, message: impl Into<String>) -> Finding {
    Finding {
        severity: kind.severity(),
        row: None,
        line,
        column: column.name.and_then(shown),
        column_number: column.number,
        kind,
        message: on_one_line(message.into()),
    }
}

/// A text with its line breaks and other control characters, which come out of the file, as escapes.
fn on_one_line(text: String) -> String {
    let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    if !text.contains(breaks) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if breaks(character) { line.extend(character.escape_default()) } else { line.push(character) }
    }
    line
}

/// Where in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Where<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) number: Option<u32>,
}

impl<'a> Where<'a> {
    pub(crate) const ROW: Self = Self { name: None, number: None };

    #[cfg(feature = "csv")]
    pub(crate) fn column(name: &'a str, index: usize) -> Self {
        Self { name: Some(name), number: u32::try_from(index + 1).ok() }
    }

    pub(crate) fn name(name: &'a str) -> Self {
        Self { name: Some(name), number: None }
    }
}

/// The longest name of a column that is shown, in characters.
const LONGEST_NAME: usize = 100;

/// A name out of the file, if it may be shown: in a file without a header the "names" are somebody's data.
pub(crate) fn shown(name: &str) -> Option<String> {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    (digits < 7).then(|| name.chars().take(LONGEST_NAME).collect())
}

/// A name out of the file or the message, as it may stand in a sentence.
pub(crate) fn quoted(name: &str) -> String {
    shown(name).map_or_else(|| "(a name that looks like a number)".to_owned(), |name| format!("`{name}`"))
}

/// `1st`, `2nd`, `3rd`, `4th`…
pub(crate) fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_in_order() {
        let all = [1, 2, 3, 4, 11, 12, 13, 21, 22, 111].map(ordinal).join(" ");
        assert_eq!(all, "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 111th");
    }

    #[test]
    fn finding_is_one_line_whatever_the_file_holds() {
        let place = Place { row: 1, line: 2 };
        let finding = place.finding(Where::name("a\nb"), FindingKind::BadJson, "field `x\r\ny\u{2028}é`");
        assert_eq!(finding.message, r"field `x\r\ny\u{2028}é`");
        assert_eq!(finding.to_string(), r"line 2, column a\nb: field `x\r\ny\u{2028}é`");
        assert_eq!(finding.column.as_deref(), Some("a\nb"));
    }

    #[test]
    fn name_that_looks_like_a_number_is_not_shown() {
        assert_eq!(shown("code 123456").as_deref(), Some("code 123456"));
        assert_eq!(shown("+1 555 01 00 001"), None);
        assert_eq!(shown(&"é".repeat(200)).map(|name| name.chars().count()), Some(100));
    }
}
