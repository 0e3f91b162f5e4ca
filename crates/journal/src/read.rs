use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};

use crate::record::{self, Fault};
use crate::write::{numbers, path_of};
use crate::{JournalError, Record};

/// Reads a journal: the folder of one, or one of its files.
///
/// A journal may be read while it is written: what is there at the time of the call is read, and
/// nothing that comes later, so playing a journal to its own writer comes to an end.
///
/// # Errors
/// `Open` if there is no such folder or file.
pub fn read(path: impl AsRef<Path>) -> Result<Records, JournalError> {
    let path = path.as_ref();
    let failed = |error| JournalError::open(path, error);
    let metadata = path.metadata().map_err(failed)?;
    let files = if metadata.is_dir() {
        let mut files = VecDeque::new();
        for number in numbers(path).map_err(failed)? {
            let file = path_of(path, number);
            match file.metadata() {
                Ok(metadata) => files.push_back((file, metadata.len())),
                // Its writer has just removed it as the oldest.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(JournalError::open(&file, error)),
            }
        }
        files
    } else {
        // Only a plain file has a length.
        let length = if metadata.is_file() { metadata.len() } else { u64::MAX };
        VecDeque::from([(path.to_owned(), length)])
    };
    Ok(Records { files, current: None, line: Vec::new(), torn: 0 })
}

/// The records of a journal, oldest first, one in memory at a time.
///
/// After an error it continues with the next line, or the next file.
#[derive(Debug)]
pub struct Records {
    /// With their lengths at the time of the call.
    files: VecDeque<(PathBuf, u64)>,
    current: Option<Current>,
    line: Vec<u8>,
    torn: u64,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: BufReader<Take<File>>,
    line: u64,
}

impl Records {
    /// Number of torn records skipped so far: beginnings of records at the ends of files.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Reads the next line that is not blank into the buffer; whether there is one.
    fn next_line(&mut self) -> Result<bool, JournalError> {
        loop {
            if self.current.is_none() {
                let Some((path, length)) = self.files.pop_front() else { return Ok(false) };
                let file = File::open(&path).map_err(|error| JournalError::read(&path, error))?;
                self.current = Some(Current { path, file: BufReader::new(file.take(length)), line: 0 });
            }
            let Some(current) = &mut self.current else { return Ok(false) };
            self.line.clear();
            match current.file.read_until(b'\n', &mut self.line) {
                Ok(0) => self.current = None,
                Ok(_) => {
                    current.line += 1;
                    if !self.line.trim_ascii().is_empty() {
                        return Ok(true);
                    }
                }
                Err(error) => return Err(self.leave(error)),
            }
        }
    }

    /// The rest of the file cannot be read.
    fn leave(&mut self, error: io::Error) -> JournalError {
        let path = self.current.take().map(|current| current.path).unwrap_or_default();
        JournalError::read(&path, error)
    }
}

impl Iterator for Records {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            let is_last = self.line.last() != Some(&b'\n');
            let (path, line) = match &self.current {
                Some(current) => (&current.path, current.line),
                None => return None,
            };
            return Some(match record::read(self.line.trim_ascii_end()) {
                Ok(record) => Ok(record),
                Err(Fault::Damaged) if is_last => {
                    self.torn += 1;
                    continue;
                }
                Err(Fault::Damaged) => Err(JournalError::Damaged { path: path.clone(), line }),
                Err(Fault::Version(version)) => Err(JournalError::TooNew { path: path.clone(), line, version }),
            });
        }
    }
}
