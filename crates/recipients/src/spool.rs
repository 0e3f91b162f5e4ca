//! Recipients that come only once, kept in a temporary file.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use sinch_batch_models::BatchRecipient;

use crate::file::RecipientFile;
use crate::source::{Format, SourceError};

/// Keeps recipients that come only once, such as those of a stream, so that they can be read again.
///
/// They are written as JSON lines into a temporary file, which is the user's alone and vanishes with the
/// process; a campaign from it cannot be resumed by another process.
///
/// ```
/// use sinch_batch_models::{BatchRecipient, Channel, Recipient};
/// use sinch_batch_recipients::Spool;
///
/// # fn main() -> Result<(), sinch_batch_recipients::SourceError> {
/// let mut spool = Spool::new()?;
/// spool.push(&BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001")))?;
/// let recipients = spool.finish()?;
/// # let _ = recipients;
/// # Ok(())
/// # }
/// ```
pub struct Spool {
    file: BufWriter<File>,
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").finish_non_exhaustive()
    }
}

impl Spool {
    /// An empty spool.
    ///
    /// # Errors
    /// [`SourceError::Spool`].
    pub fn new() -> Result<Self, SourceError> {
        let file = tempfile::tempfile().map_err(SourceError::Spool)?;
        Ok(Self { file: BufWriter::with_capacity(64 * 1024, file) })
    }

    /// Adds a recipient.
    ///
    /// # Errors
    /// [`SourceError::Spool`].
    pub fn push(&mut self, recipient: &BatchRecipient) -> Result<(), SourceError> {
        write_line(&mut self.file, recipient).map_err(SourceError::Spool)
    }

    /// Ends the spool, and gives what was added as a file.
    ///
    /// # Errors
    /// [`SourceError::Spool`].
    pub fn finish(self) -> Result<RecipientFile, SourceError> {
        let file = self.file.into_inner().map_err(|error| SourceError::Spool(error.into_error()))?;
        Ok(RecipientFile::new(file, String::new(), Format::JsonLines))
    }
}

impl RecipientFile {
    /// Keeps the recipients of an iterator that can run only once; see [`Spool`].
    ///
    /// # Errors
    /// [`SourceError::Spool`].
    pub fn spool(recipients: impl IntoIterator<Item = BatchRecipient>) -> Result<Self, SourceError> {
        let mut spool = Spool::new()?;
        for recipient in recipients {
            spool.push(&recipient)?;
        }
        spool.finish()
    }

    /// The same, where a recipient may fail to be read, as with the rows of a statement.
    ///
    /// # Errors
    /// [`SourceError::Spool`], also with the error of the iterator.
    pub fn try_spool<E: Into<Box<dyn Error + Send + Sync>>>(
        recipients: impl IntoIterator<Item = Result<BatchRecipient, E>>,
    ) -> Result<Self, SourceError> {
        let mut spool = Spool::new()?;
        for recipient in recipients {
            spool.push(&recipient.map_err(|error| SourceError::Spool(io::Error::other(error)))?)?;
        }
        spool.finish()
    }
}

/// Writes a recipient as one line of JSON, as it is sent.
pub(crate) fn write_line(out: &mut impl Write, recipient: &BatchRecipient) -> io::Result<()> {
    serde_json::to_writer(&mut *out, recipient)?;
    out.write_all(b"\n")
}
