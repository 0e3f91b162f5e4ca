//! A file of recipients, open from the check to the last batch.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use sinch_batch_models::{Recipients, Template};

use crate::check::{self, CheckOptions, Checked};
use crate::finding::{Finding, RowNumber};
use crate::fingerprint;
use crate::original::no_template;
use crate::plan::BatchRange;
use crate::read::{self, Buffer};
use crate::reading::ReadOptions;
use crate::rebatch;
use crate::recipient_source::RecipientSource;
use crate::rows::Row;
use crate::source::{Format, RowReader, SourceError};

/// Bytes that can be read by position, such as those of a file elsewhere.
pub trait ReadAt: Send + Sync + 'static {
    /// How many bytes there are.
    ///
    /// # Errors
    /// When it cannot be known.
    fn len_bytes(&self) -> io::Result<u64>;

    /// Reads some bytes from this position on, as [`Read::read`] does: none at the end.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, at)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, at)
    }
}

/// A file of recipients, which stays open.
///
/// It is opened once and read by position, so what was checked is what is sent: a file that is replaced by
/// another of the same name still reads as the one that was opened, and one that is edited in place is
/// noticed at the first batch that has changed. A batch is read with one seek.
///
/// What can be read only once (a pipe, `/dev/stdin`) is copied first into a temporary file, which is the
/// user's alone and vanishes with the process.
pub struct RecipientFile {
    file: Arc<dyn ReadAt>,
    location: String,
    format: Format,
    reading: ReadOptions,
    /// Where the head of the file ends, once that was looked for.
    head: Option<u64>,
    buffer: Buffer,
}

impl fmt::Debug for RecipientFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientFile")
            .field("location", &self.location)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl RecipientFile {
    /// Opens a file in the format that its name says: JSON lines for `.jsonl`, `.ndjson` and `.json`, else
    /// CSV.
    ///
    /// # Errors
    /// As [`open_as`](Self::open_as).
    #[cfg(feature = "csv")]
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let opened = Self::open_as(path, Format::of_path(path))?;
        opened.with_format_of(path)
    }

    /// Takes the format that the first bytes show, or else the name.
    ///
    /// # Errors
    /// [`SourceError::Open`] if the file cannot be read.
    #[cfg(feature = "csv")]
    pub fn with_format_of(mut self, path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let mut first = Vec::new();
        self.section(0, 4096).read_to_end(&mut first).map_err(SourceError::Open)?;
        self.format = Format::of(path, &first);
        Ok(self)
    }

    /// All its bytes from the start, for a reader of another kind of list. Any number may read at once.
    pub fn bytes(&self) -> impl Read + Send + use<> {
        self.section(0, u64::MAX)
    }

    /// Whether it is a copy of what can be read only once.
    pub fn is_copy(&self) -> bool {
        self.location.is_empty()
    }

    /// Opens a file in this format.
    ///
    /// # Errors
    /// [`SourceError::Open`] if it cannot be opened, or is a folder: look at its name and your rights.
    /// [`SourceError::Spool`] if a pipe cannot be copied.
    pub fn open_as(path: impl AsRef<Path>, format: Format) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(SourceError::Open)?;
        let absolute = path.canonicalize().or_else(|_| std::path::absolute(path)).map_err(SourceError::Open)?;
        Self::from_file(file, absolute.to_string_lossy(), format)
    }

    /// Reads a file that is open already, from its start. `location` is what the ledger remembers: its
    /// absolute path, or nothing.
    ///
    /// # Errors
    /// As [`open_as`](Self::open_as).
    pub fn from_file(mut file: File, location: impl Into<String>, format: Format) -> Result<Self, SourceError> {
        let metadata = file.metadata().map_err(SourceError::Open)?;
        if metadata.is_dir() {
            return Err(SourceError::Open(io::Error::new(ErrorKind::IsADirectory, "it is a folder")));
        }
        if metadata.is_file() {
            return Ok(Self::new(file, location.into(), format));
        }
        let mut copy = tempfile::tempfile().map_err(SourceError::Spool)?;
        io::copy(&mut file, &mut copy).map_err(SourceError::Spool)?;
        Ok(Self::new(copy, String::new(), format))
    }

    /// Reads what is elsewhere, by position. The ledger remembers nothing of where that is.
    pub fn from_bytes(bytes: impl ReadAt, format: Format) -> Self {
        Self::new(bytes, String::new(), format)
    }

    pub(crate) fn new(bytes: impl ReadAt, location: String, format: Format) -> Self {
        Self {
            file: Arc::new(bytes),
            location,
            format,
            reading: ReadOptions::default(),
            head: None,
            buffer: Buffer::new(),
        }
    }

    /// Sets how its columns are read, for the check and for the batches alike.
    #[must_use]
    pub fn with_reading(mut self, reading: ReadOptions) -> Self {
        self.reading = reading;
        self.head = None;
        self
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reports everything that a check has found once more, in the order of the rows: what the check itself
    /// reports ends with the repeated identities.
    ///
    /// # Errors
    /// As for the check.
    pub fn findings_in_order(
        &mut self,
        template: &Template,
        options: &CheckOptions,
        checked: &Checked,
        on_finding: &mut dyn FnMut(Finding),
    ) -> Result<(), SourceError> {
        let source = self.source(template)?.with_message_metadata(options.message_metadata);
        check::findings_in_order(source, options, &checked.skip, on_finding)
    }

    /// Reads one row, whatever is wrong with the others.
    ///
    /// # Errors
    /// [`SourceError::NoSuchRow`] if the file has fewer rows, [`SourceError::BadRow`] if the row is invalid,
    /// [`SourceError::Unusable`] if the header is; else as for the check.
    pub fn row(&mut self, template: &Template, number: RowNumber) -> Result<Row, SourceError> {
        read::read_row(self.source(template)?, number)
    }

    pub(crate) fn source(&self, template: &Template) -> Result<RowReader, SourceError> {
        RowReader::with_reading(Box::new(self.section(0, u64::MAX)), self.format, template, &self.reading)
    }

    pub(crate) fn section(&self, at: u64, end: u64) -> Section {
        Section { file: Arc::clone(&self.file), at, end }
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len_bytes()
    }

    /// Where the head of the file ends.
    fn head(&mut self, template: &Template) -> Result<u64, SourceError> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let whole = Box::new(self.section(0, u64::MAX));
        let head = RowReader::of_head(whole, self.format, template, &self.reading)?.end_of_head();
        self.head = Some(head);
        Ok(head)
    }

    /// The head and the bytes of a range, if they are in the file.
    fn bytes_of(&mut self, template: &Template, range: &BatchRange) -> Result<impl Read + Send + use<>, SourceError> {
        let first_row = range.first_row;
        let changed = SourceError::Changed { first_row };
        let io = |source| SourceError::Batch { first_row, source };
        // A damaged ledger may say anything.
        let Some(end) = range.at_byte.checked_add(range.n_bytes) else { return Err(changed) };
        if end > self.len().map_err(io)? {
            return Err(changed);
        }
        let head = self.head(template).map_err(|error| match error {
            SourceError::Io { source, .. } => io(source),
            _ => SourceError::Changed { first_row },
        })?;
        if head > range.at_byte {
            return Err(changed);
        }
        Ok(self.section(0, head).chain(self.section(range.at_byte, end)))
    }
}

impl RecipientSource for RecipientFile {
    fn location(&self) -> &str {
        &self.location
    }

    fn len_bytes(&self) -> Result<Option<u64>, SourceError> {
        self.len().map(Some).map_err(SourceError::Open)
    }

    fn check(
        &mut self,
        template: &Template,
        options: &CheckOptions,
        on_finding: &mut dyn FnMut(Finding),
    ) -> Result<Checked, SourceError> {
        let reading = self.reading.clone();
        let mut open = || Ok(Box::new(self.section(0, u64::MAX)) as Box<dyn Read + Send>);
        check::check(&mut open, self.format, (template, &reading), options, on_finding)
    }

    fn write_skipped(
        &mut self,
        template: &Template,
        checked: &Checked,
        out: &mut dyn Write,
    ) -> Result<(), SourceError> {
        read::write_skipped(self.source(template)?, checked, out)
    }

    fn read_batch(
        &mut self,
        template: &Template,
        range: &BatchRange,
        rows: &mut dyn Iterator<Item = RowNumber>,
    ) -> Result<Recipients, SourceError> {
        let bytes = self.bytes_of(template, range)?;
        let batch = read::read_batch(bytes, &mut self.buffer, self.format, (template, &self.reading), range, rows);
        if matches!(batch, Err(SourceError::Changed { .. })) {
            // The head may be what has changed.
            self.head = None;
        }
        batch
    }

    fn rebatch(
        &mut self,
        ranges: &[BatchRange],
        rows: &[RangeInclusive<RowNumber>],
    ) -> Result<Vec<BatchRange>, SourceError> {
        let template = no_template();
        let bytes = self.bytes_of(&template, &rebatch::span_of(ranges)?)?;
        let head = self.head(&template)?;
        let found = rebatch::rebatch(bytes, head, (self.format, &self.reading), ranges, rows);
        if matches!(found, Err(SourceError::Changed { .. })) {
            self.head = None;
        }
        found
    }

    fn holds(&mut self, range: &BatchRange) -> Result<bool, SourceError> {
        let mut bytes = match self.bytes_of(&no_template(), range) {
            Err(SourceError::Changed { .. }) => return Ok(false),
            bytes => bytes?,
        };
        let digest = fingerprint::digest_of(&mut bytes)
            .map_err(|source| SourceError::Batch { first_row: range.first_row, source })?;
        Ok(digest == range.digest)
    }
}

/// A part of a file, read by position: any number of them share one open file.
pub(crate) struct Section {
    file: Arc<dyn ReadAt>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..room], self.at)?.min(room);
        self.at += count as u64;
        Ok(count)
    }
}
