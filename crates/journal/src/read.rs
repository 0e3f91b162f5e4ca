use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use crate::record::{self, Fault};
use crate::write::{numbers, path_of};
use crate::{JournalError, Position, Record};

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
                Ok(metadata) => files.push_back(Part { number, path: file, from: 0, to: metadata.len() }),
                // Its writer has just removed it as the oldest.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(JournalError::open(&file, error)),
            }
        }
        files
    } else {
        // Only a plain file has a length.
        let length = if metadata.is_file() { metadata.len() } else { u64::MAX };
        VecDeque::from([Part { number: 0, path: path.to_owned(), from: 0, to: length }])
    };
    Ok(Records::of(files, Position::default()))
}

/// Reads the journal in a folder from one place to another, such as from where somebody has got to up to what
/// [is on the disk](crate::Journal::sync).
///
/// Files that are gone are skipped. A first place that is behind the end of its file is of another time, so
/// that file is read from its beginning. Lines in errors are counted from the first place on.
///
/// # Errors
/// `Open` if there is no such folder, or a file cannot be looked at.
pub fn read_between(folder: impl AsRef<Path>, from: Position, to: Position) -> Result<Records, JournalError> {
    let folder = folder.as_ref();
    let mut files = VecDeque::new();
    let numbers = numbers(folder).map_err(|error| JournalError::open(folder, error))?;
    for number in numbers.into_iter().filter(|number| (from.file..=to.file).contains(number)) {
        let path = path_of(folder, number);
        let length = match path.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(JournalError::open(&path, error)),
        };
        let end = if number == to.file { to.at_byte.min(length) } else { length };
        let begin = if number == from.file && from.at_byte <= length { from.at_byte } else { 0 };
        files.push_back(Part { number, path, from: begin.min(end), to: end });
    }
    Ok(Records::of(files, from))
}

/// The records of a journal, oldest first, one in memory at a time.
///
/// After an error it continues with the next line, or the next file.
#[derive(Debug)]
pub struct Records {
    files: VecDeque<Part>,
    current: Option<Current>,
    line: Vec<u8>,
    torn: u64,
    position: Position,
    unread: u64,
}

/// What is read of a file; its end is as of the time of the call.
#[derive(Debug)]
struct Part {
    number: u64,
    path: PathBuf,
    from: u64,
    to: u64,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: BufReader<Take<File>>,
    line: u64,
}

impl Records {
    fn of(files: VecDeque<Part>, position: Position) -> Self {
        let unread = files.iter().fold(0, |sum: u64, part| sum.saturating_add(part.to - part.from));
        Self { files, current: None, line: Vec::new(), torn: 0, position, unread }
    }

    /// The place after what was read so far, in the journal of a folder.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Number of bytes still to be read.
    pub fn unread_bytes(&self) -> u64 {
        self.unread
    }

    /// Number of torn records skipped so far: beginnings of records at the ends of files.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Reads the next line that is not blank into the buffer; whether there is one.
    fn next_line(&mut self) -> Result<bool, JournalError> {
        loop {
            if self.current.is_none() {
                let Some(Part { number, path, from, to }) = self.files.pop_front() else { return Ok(false) };
                let file = open_at(&path, from).map_err(|error| JournalError::read(&path, error))?;
                self.position = Position::new(number, from);
                self.current = Some(Current { path, file: BufReader::new(file.take(to - from)), line: 0 });
            }
            let Some(current) = &mut self.current else { return Ok(false) };
            self.line.clear();
            match current.file.read_until(b'\n', &mut self.line) {
                Ok(0) => self.current = None,
                Ok(length) => {
                    self.position.at_byte += length as u64;
                    self.unread = self.unread.saturating_sub(length as u64);
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

fn open_at(path: &Path, from: u64) -> io::Result<File> {
    let mut file = File::open(path)?;
    // What is read from its beginning need not be a file that can be sought in.
    if from > 0 {
        file.seek(SeekFrom::Start(from))?;
    }
    Ok(file)
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
