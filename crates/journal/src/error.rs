use std::io;
use std::path::{Path, PathBuf};

/// Why a journal could not be written or read. None of them shows what a record holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process writes it. Stop that one, or name another folder.
    #[error("another process writes the journal {}", folder.display())]
    InUse {
        /// The folder of the journal.
        folder: PathBuf,
    },
    /// The folder or a file cannot be opened or made. Check the path and who may write there.
    #[error("the journal cannot be opened at {}", path.display())]
    Open {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A record could not be written, and nothing of it is kept; the disk may be full. A later one
    /// may succeed.
    #[error("the journal cannot be written at {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read; perhaps its writer has just removed it as the oldest.
    #[error("the journal cannot be read at {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not a record, and does not stand at the end of its file, where a torn one may. Somebody
    /// changed the file, or the disk is damaged; the records after it can be read.
    #[error("line {line} of {} is not a record of a callback", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// A line was written by a newer release. Use that release.
    #[error("line {line} of {} is of version {version}, which this release does not read", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Its version.
        version: u64,
    },
}

impl JournalError {
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open { path: path.to_owned(), source }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}
