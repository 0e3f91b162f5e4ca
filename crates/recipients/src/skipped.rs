//! The file of skipped rows, to be fixed and sent.

use std::fmt;
use std::io::{self, Write};

use crate::finding::Finding;
use crate::rows::Skipped;
use crate::source::{Format, RowReader};
#[cfg(feature = "csv")]
use crate::spreadsheet::spreadsheet_cell;

/// Writes skipped rows, with the reason of each, in their own format.
///
/// In CSV the columns `#line` and `#reason` come first and the row follows as it stood; in JSON lines
/// a remark stands above each row. Both are ignored when the fixed file is read. An ignored column gets a `#`
/// before its name, so that it counts as a remark from then on.
///
/// A row that repeats an earlier one is written too. The earlier one may have been sent, so delete the
/// repeated row unless the same person shall get a second message.
pub struct SkippedWriter<W> {
    writer: W,
    format: Format,
    line: Vec<u8>,
    #[cfg(feature = "csv")]
    separator: char,
}

impl<W> fmt::Debug for SkippedWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkippedWriter").field("format", &self.format).finish_non_exhaustive()
    }
}

impl<W: Write> SkippedWriter<W> {
    /// Begins a file with the header of the one the rows come from. Give it a buffered writer.
    ///
    /// # Errors
    /// Those of the writer.
    #[cfg_attr(not(feature = "csv"), expect(unused_mut, reason = "only CSV has a header"))]
    pub fn new(mut writer: W, source: &RowReader) -> io::Result<Self> {
        match source.format() {
            #[cfg(feature = "csv")]
            Format::Csv => {
                let separator = source.separator();
                write!(writer, "#line{separator}#reason{separator}")?;
                writer.write_all(source.header_of_skipped())?;
                writer.write_all(b"\n")?;
            }
            Format::JsonLines | Format::JsonArray => {}
        }
        Ok(Self {
            writer,
            format: source.format(),
            line: Vec::new(),
            #[cfg(feature = "csv")]
            separator: source.separator(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, skipped: &Skipped<'_>) -> io::Result<()> {
        let reason = reason(skipped.findings);
        self.line.clear();
        match self.format {
            #[cfg(feature = "csv")]
            Format::Csv => {
                let separator = self.separator;
                write!(self.line, "{}{separator}{}{separator}", skipped.line, spreadsheet_cell(&reason))?;
            }
            Format::JsonLines | Format::JsonArray => writeln!(self.line, "# line {}: {reason}", skipped.line)?,
        }
        let start = self.line.len();
        self.line.extend_from_slice(skipped.raw);
        if matches!(self.format, Format::JsonLines | Format::JsonArray) {
            // An entry of an array may be spread over lines; in JSON a line break means no more than a space.
            self.line[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        }
        self.line.push(b'\n');
        self.writer.write_all(&self.line)
    }

    /// Ends the file, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}

/// All findings of a row, on one line.
fn reason(findings: &[Finding]) -> String {
    let mut reason = String::new();
    for finding in findings {
        if !reason.is_empty() {
            reason.push_str("; ");
        }
        if let Some(column) = &finding.column {
            reason.push_str(column);
            reason.push_str(": ");
        }
        reason.push_str(&finding.message);
    }
    reason.replace(char::is_control, " ")
}
