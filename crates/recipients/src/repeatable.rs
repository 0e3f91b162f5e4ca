//! Recipients that a program can make again from the start.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use sinch_batch_models::{BatchRecipient, Recipients, Template};

use crate::check::{self, CheckOptions, Checked};
use crate::finding::{Finding, RowNumber};
use crate::plan::BatchRange;
use crate::read::{self, Buffer};
use crate::reading::ReadOptions;
use crate::rebatch;
use crate::recipient_source::RecipientSource;
use crate::source::{Format, RowReader, SourceError};
use crate::spool::write_line;

type Made = Box<dyn Iterator<Item = io::Result<BatchRecipient>> + Send>;

/// Recipients that a program can make again from the start, such as those of a list or a query.
///
/// They are checked by the rules for JSON lines. Digests and positions are those of their JSON, one line
/// each, so what is sent is what was checked. An earlier batch than the last one starts from the beginning.
///
/// ```
/// use sinch_batch_models::{BatchRecipient, Channel, Message, Recipient, Template};
/// use sinch_batch_recipients::{CheckOptions, RecipientSource, Repeatable};
///
/// # fn main() -> Result<(), sinch_batch_recipients::SourceError> {
/// let numbers = ["+15550100001", "+15550100002"];
/// let mut recipients = Repeatable::new(move || {
///     numbers.into_iter().map(|number| BatchRecipient::new(Recipient::identity(Channel::Sms, number)))
/// });
/// let template = Template::new(Message::text("Hello"));
/// let checked = recipients.check(&template, &CheckOptions::new().with_batch_size(1), &mut |finding| println!("{finding}"))?;
/// for batch in checked.plan() {
///     let mut rows = batch.rows.iter().map(|(row, _)| *row);
///     assert_eq!(recipients.read_batch(&template, &batch.range, &mut rows)?.len(), 1);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Repeatable {
    make: Box<dyn Fn() -> Made + Send>,
    /// The lines to come, for the next batch.
    lines: Option<Shared>,
    buffer: Buffer,
}

impl fmt::Debug for Repeatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeatable").finish_non_exhaustive()
    }
}

impl Repeatable {
    /// What `make` gives, which must be the same each time.
    pub fn new<I>(make: impl Fn() -> I + Send + 'static) -> Self
    where
        I: IntoIterator<Item = BatchRecipient>,
        I::IntoIter: Send + 'static,
    {
        Self::boxed(Box::new(move || Box::new(make().into_iter().map(Ok))))
    }

    /// The same, where a recipient may be unreadable: the error ends the reading, as
    /// [`SourceError::Io`] or [`SourceError::Batch`].
    pub fn try_new<I, E>(make: impl Fn() -> I + Send + 'static) -> Self
    where
        I: IntoIterator<Item = Result<BatchRecipient, E>>,
        I::IntoIter: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::boxed(Box::new(move || Box::new(make().into_iter().map(|recipient| recipient.map_err(io::Error::other)))))
    }

    /// The rows of a table, page by page, so that neither a statement nor all rows are held.
    ///
    /// `page` gives the recipients whose key comes after this one, in the order of their keys, or those from the start;
    /// an empty page is the end. It should read the same snapshot each time: rows that change between the check and the
    /// send are noticed, and nothing of them is sent. The keys are the program's own: put what is to come back with a
    /// receipt into the message metadata.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use sinch_batch_models::{BatchRecipient, Channel, Recipient};
    /// use sinch_batch_recipients::Repeatable;
    ///
    /// let table = [(3, "+15550100001"), (17, "+15550100002"), (40, "+15550100003")];
    /// let recipients = Repeatable::pages(move |after: Option<&i64>| {
    ///     let rest = table.iter().filter(|(id, _)| after.is_none_or(|after| id > after));
    ///     let person = |&(id, number)| {
    ///         let person = BatchRecipient::new(Recipient::identity(Channel::Sms, number));
    ///         (id, person.with_message_metadata("person", id))
    ///     };
    ///     Ok::<_, Infallible>(rest.take(2).map(person).collect())
    /// });
    /// # drop(recipients);
    /// ```
    pub fn pages<K, E>(page: impl Fn(Option<&K>) -> Result<Vec<(K, BatchRecipient)>, E> + Send + Sync + 'static) -> Self
    where
        K: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let page = Arc::new(page);
        Self::try_new(move || Pages { page: Arc::clone(&page), last: None, rows: Vec::new().into_iter(), over: false })
    }

    fn boxed(make: Box<dyn Fn() -> Made + Send>) -> Self {
        Self { make, lines: None, buffer: Buffer::new() }
    }

    fn lines(&self) -> Lines {
        Lines { recipients: (self.make)(), line: Vec::new(), given: 0, at: 0, error: None }
    }

    /// The lines from this byte on.
    fn lines_from(&mut self, at_byte: u64) -> io::Result<Shared> {
        let shared = match self.lines.take() {
            Some(shared) if shared.at() <= at_byte => shared,
            _ => Shared(Arc::new(Mutex::new(self.lines()))),
        };
        io::copy(&mut shared.clone().take(at_byte - shared.at()), &mut io::sink())?;
        Ok(shared)
    }
}

impl RecipientSource for Repeatable {
    fn location(&self) -> &str {
        ""
    }

    fn len_bytes(&self) -> Result<Option<u64>, SourceError> {
        Ok(None)
    }

    fn check(
        &mut self,
        template: &Template,
        options: &CheckOptions,
        on_finding: &mut dyn FnMut(Finding),
    ) -> Result<Checked, SourceError> {
        let mut open = || Ok(Box::new(self.lines()) as Box<dyn Read + Send>);
        check::check(&mut open, Format::JsonLines, (template, &ReadOptions::default()), options, on_finding)
    }

    fn write_skipped(
        &mut self,
        template: &Template,
        checked: &Checked,
        out: &mut dyn Write,
    ) -> Result<(), SourceError> {
        read::write_skipped(RowReader::new(self.lines(), Format::JsonLines, template)?, checked, out)
    }

    fn read_batch(
        &mut self,
        template: &Template,
        range: &BatchRange,
        rows: &mut dyn Iterator<Item = RowNumber>,
    ) -> Result<Recipients, SourceError> {
        let first_row = range.first_row;
        let lines = self.lines_from(range.at_byte).map_err(|source| SourceError::Batch { first_row, source })?;
        let bytes = lines.clone().take(range.n_bytes);
        let batch = read::read_batch(
            bytes,
            &mut self.buffer,
            Format::JsonLines,
            (template, &ReadOptions::default()),
            range,
            rows,
        )?;
        // After an error the next batch starts from the beginning.
        self.lines = Some(lines);
        Ok(batch)
    }

    fn rebatch(
        &mut self,
        ranges: &[BatchRange],
        rows: &[RangeInclusive<RowNumber>],
    ) -> Result<Vec<BatchRange>, SourceError> {
        let BatchRange { first_row, at_byte, n_bytes, .. } = rebatch::span_of(ranges)?;
        let lines = self.lines_from(at_byte).map_err(|source| SourceError::Batch { first_row, source })?;
        let options = ReadOptions::default();
        // What is read next lies before the end of these, so the lines are not kept.
        rebatch::rebatch(lines.take(n_bytes), 0, (Format::JsonLines, &options), ranges, rows)
    }
}

/// Rows that are fetched by pages, each after the last key of the one before.
struct Pages<K, F> {
    page: Arc<F>,
    last: Option<K>,
    rows: vec::IntoIter<(K, BatchRecipient)>,
    over: bool,
}

impl<K, E, F: Fn(Option<&K>) -> Result<Vec<(K, BatchRecipient)>, E>> Iterator for Pages<K, F> {
    type Item = Result<BatchRecipient, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.len() == 0 && !self.over {
            match (self.page)(self.last.as_ref()) {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        let Some((key, recipient)) = self.rows.next() else {
            self.over = true;
            return None;
        };
        self.last = Some(key);
        Some(Ok(recipient))
    }
}

/// Recipients as JSON lines.
struct Lines {
    recipients: Made,
    line: Vec<u8>,
    given: usize,
    /// Bytes given in all.
    at: u64,
    /// What comes after the lines at hand.
    error: Option<io::Error>,
}

impl Lines {
    /// Makes a block's worth of lines at once.
    fn refill(&mut self, block: usize) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.line.clear();
        self.given = 0;
        while self.line.len() < block {
            match self.recipients.next() {
                Some(Ok(recipient)) => write_line(&mut self.line, &recipient)?,
                Some(Err(error)) if self.line.is_empty() => return Err(error),
                Some(Err(error)) => {
                    self.error = Some(error);
                    break;
                }
                None => break,
            }
        }
        Ok(())
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() {
            self.refill(buffer.len())?;
        }
        let count = (&self.line[self.given..]).read(buffer)?;
        self.given += count;
        self.at += count as u64;
        Ok(count)
    }
}

/// Lines that are read on when a batch has been taken from them.
#[derive(Clone)]
struct Shared(Arc<Mutex<Lines>>);

impl Shared {
    fn at(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).at
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}
