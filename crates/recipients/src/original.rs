//! The rows of a file as they stand in it, byte for byte, with remarks of ours behind each.

use std::fmt;
use std::io::{self, Read, Write};

use sinch_batch_models::{Fingerprint, Message, Template};

use crate::file::RecipientFile;
use crate::finding::RowNumber;
use crate::source::{Format, RowReader, SourceError};
#[cfg(feature = "csv")]
use crate::spreadsheet::spreadsheet_cell;

/// Copies rows of a file as they stand in it, each with remarks: a file that can be sent as it is.
///
/// In CSV a remark is a column at the end whose name begins with `#`; in JSON lines it is a line before the
/// row that begins with `#`, with an object of all remarks. Both mean nothing to a send.
pub struct AnnotatedRows {
    source: RowReader,
    head: Vec<u8>,
    columns: Vec<&'static str>,
    row: RowNumber,
}

impl fmt::Debug for AnnotatedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnnotatedRows").field("row", &self.row).finish_non_exhaustive()
    }
}

impl RecipientFile {
    /// The fingerprint of the file as it is now.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    pub fn fingerprint(&self) -> Result<Fingerprint, SourceError> {
        let mut source = self.source(&no_template())?;
        source.drain()
    }

    /// Goes through the rows from the first, to copy some of them with remarks of these names, each of which
    /// begins with `#`.
    ///
    /// # Errors
    /// [`SourceError::Io`] if the file cannot be read.
    pub fn annotate(&self, columns: &[&'static str]) -> Result<AnnotatedRows, SourceError> {
        let source = self.source(&no_template())?;
        let mut head = Vec::new();
        let end = source.end_of_head();
        let io = |source| SourceError::Io { line: 1, source };
        self.section(0, end).read_to_end(&mut head).map_err(io)?;
        if head.ends_with(b"\r") {
            // The head ends before the second half of its line break.
            let mut next = Vec::new();
            self.section(end, end.saturating_add(1)).read_to_end(&mut next).map_err(io)?;
            head.extend(next.into_iter().filter(|byte| *byte == b'\n'));
        }
        Ok(AnnotatedRows { source, head, columns: columns.to_vec(), row: 0 })
    }
}

/// Rows are copied whatever the message was.
pub(crate) fn no_template() -> Template {
    Template::new(Message::text("-"))
}

impl AnnotatedRows {
    /// Writes the head of the file; nothing in JSON lines.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_head(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.source.format() {
            #[cfg(feature = "csv")]
            Format::Csv => {
                let (line, end) = without_line_break(&self.head);
                out.write_all(line)?;
                let separator = self.source.separator();
                for column in &self.columns {
                    write!(out, "{separator}{column}")?;
                }
                out.write_all(if end.is_empty() { b"\n" } else { end })
            }
            Format::JsonLines | Format::JsonArray => Ok(()),
        }
    }

    /// Goes to the next row, whatever is wrong with it; `None` after the last.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    pub fn advance(&mut self) -> Result<Option<RowNumber>, SourceError> {
        let place = self.source.advance()?;
        self.row = place.map_or(self.row, |place| place.row);
        Ok(place.map(|place| place.row))
    }

    /// Writes the row with its remarks, of which there is one a column.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, remarks: &[&str], out: &mut dyn Write) -> io::Result<()> {
        let raw = self.source.raw();
        match self.source.format() {
            #[cfg(feature = "csv")]
            Format::Csv => {
                out.write_all(raw)?;
                // A row that is too short would have our remarks in the columns it lacks.
                let separator = self.source.separator();
                (0..self.source.missing_fields()).try_for_each(|_| write!(out, "{separator}"))?;
                for remark in remarks {
                    write!(out, "{separator}")?;
                    write_field(remark, separator, out)?;
                }
                let (_, end) = without_line_break(&self.head);
                out.write_all(if end.is_empty() { b"\n" } else { end })
            }
            Format::JsonLines | Format::JsonArray => {
                out.write_all(b"# {")?;
                for (at, (column, remark)) in self.columns.iter().zip(remarks).enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(out, "{comma}{}:{}", json(column)?, json(remark)?)?;
                }
                out.write_all(b"}\n")?;
                // An entry of an array may be spread over lines; in JSON a line break means no more than a space.
                let line: Vec<u8> =
                    raw.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
                out.write_all(&line)?;
                out.write_all(b"\n")
            }
        }
    }

    /// Reads to the end, and gives the fingerprint of what was read.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    pub fn finish(mut self) -> Result<Fingerprint, SourceError> {
        self.source.drain()
    }
}

fn json(text: &str) -> io::Result<String> {
    serde_json::to_string(text).map_err(io::Error::other)
}

/// The line, and how it ends.
#[cfg(feature = "csv")]
fn without_line_break(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    line.split_at(end)
}

#[cfg(feature = "csv")]
fn write_field(text: &str, separator: char, out: &mut dyn Write) -> io::Result<()> {
    // A word needs no quotes, and a formula gets more than these.
    let is_word =
        |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ':' | '.'));
    if !text.contains(separator) && !text.starts_with('-') && is_word(text) {
        out.write_all(text.as_bytes())
    } else {
        out.write_all(spreadsheet_cell(text).as_bytes())
    }
}
