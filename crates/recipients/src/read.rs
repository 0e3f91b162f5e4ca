//! Reading a batch, or one row, of a source that was checked before.

use std::io::{self, BufWriter, Read, Write};

use sinch_batch_models::{Recipients, Template};

use crate::check::Checked;
use crate::finding::RowNumber;
use crate::plan::BatchRange;
use crate::reading::ReadOptions;
use crate::repeats::MAX_ROWS;
use crate::rows::{self, Row, Rows};
use crate::skip::InvalidRows;
use crate::skipped::SkippedWriter;
use crate::source::{Format, RowReader, SourceError};

/// A buffer to be used again for the next batch.
pub(crate) type Buffer = Vec<u8>;

/// Reads these rows of a batch. `bytes` are the head of the file and the range, nothing else.
///
/// The bytes are hashed as the rows are read from them, so that a range of any length takes little memory
/// and what was compared is what was read. Nothing is returned before the digest has been compared.
pub(crate) fn read_batch(
    bytes: impl Read + Send + 'static,
    buffer: &mut Buffer,
    format: Format,
    template: (&Template, &ReadOptions),
    range: &BatchRange,
    rows: &mut dyn Iterator<Item = RowNumber>,
) -> Result<Recipients, SourceError> {
    let first_row = range.first_row;
    if !(1..=MAX_ROWS).contains(&first_row) {
        return Err(SourceError::NoSuchRow { row: first_row });
    }
    let of_batch = |error| match error {
        SourceError::Io { source, .. } => SourceError::Batch { first_row, source },
        // A file with such a row was never planned.
        SourceError::TooLarge { .. } => SourceError::Changed { first_row },
        error => error,
    };
    let taken = std::mem::take(buffer);
    let mut source = RowReader::of_range(Box::new(bytes), taken, format, template, first_row).map_err(of_batch)?;
    let recipients = take_rows(&mut source, first_row, rows);
    let read = source.drain().map_err(of_batch)?;
    *buffer = source.into_buffer();
    if crate::fingerprint::digest(&read) != range.digest {
        return Err(SourceError::Changed { first_row });
    }
    recipients.map_err(of_batch)
}

fn take_rows(
    source: &mut RowReader,
    first_row: RowNumber,
    rows: &mut dyn Iterator<Item = RowNumber>,
) -> Result<Recipients, SourceError> {
    if source.is_unusable() {
        return Err(source.unusable());
    }
    let mut recipients = Vec::with_capacity(rows.size_hint().0.min(Recipients::MAX));
    for wanted in rows {
        let missing = SourceError::NoSuchRow { row: wanted };
        if recipients.len() == Recipients::MAX {
            return Err(SourceError::BatchSize { found: Recipients::MAX + 1 });
        }
        if wanted <= source.row() || wanted < first_row {
            return Err(missing);
        }
        let place = loop {
            match source.advance()? {
                Some(place) if place.row == wanted => break place,
                Some(_) => {}
                None => return Err(missing),
            }
        };
        recipients.push(source.recipient(place).ok_or(missing)?);
    }
    Recipients::try_from(recipients).map_err(|count| SourceError::BatchSize { found: count.found })
}

/// Writes the skipped rows of a source.
pub(crate) fn write_skipped(source: RowReader, checked: &Checked, out: &mut dyn Write) -> Result<(), SourceError> {
    let mut source = source.with_message_metadata(checked.message_metadata);
    if source.is_unusable() {
        return Err(source.unusable());
    }
    let at_line = |line| move |source: io::Error| SourceError::Skipped { line, source };
    let mut writer = SkippedWriter::new(BufWriter::new(out), &source).map_err(at_line(1))?;
    let mut last = 1;
    while let Some(place) = source.advance()? {
        if checked.skip.contains(place.row) {
            rows::hand_over(&source, &checked.skip, place, &mut |skipped| writer.write(skipped))?;
            last = place.line;
        }
    }
    writer.finish().map_err(at_line(last))?;
    if source.drain()? == checked.fingerprint { Ok(()) } else { Err(SourceError::Changed { first_row: 1 }) }
}

/// One row of a source.
pub(crate) fn read_row(source: RowReader, number: RowNumber) -> Result<Row, SourceError> {
    let missing = SourceError::NoSuchRow { row: number };
    let Some(before) = number.checked_sub(1) else { return Err(missing) };
    let mut rows = Rows::new(source, InvalidRows::none()).without_fingerprint();
    rows.skip_to_row(before)?;
    rows.next().unwrap_or(Err(missing))
}
