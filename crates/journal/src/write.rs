use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use http::HeaderMap;
use jiff::Timestamp;

use crate::{JournalError, Position, Record, record};

/// How much a journal may hold.
///
/// At most `files × file_bytes` lie on the disk, the oldest are removed first. By default 16 files of
/// 64 MiB: 1 GiB, which at the service's usual rate of 25 callbacks per second lasts half a day or
/// more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    file_bytes: u64,
    files: usize,
}

impl Bounds {
    /// How long a file may get, in bytes; at least 1. A record is never split, so one that is longer
    /// than this alone makes a file of its length.
    #[must_use]
    pub fn with_file_bytes(self, file_bytes: u64) -> Self {
        Self { file_bytes: file_bytes.max(1), ..self }
    }

    /// How many files there may be, the one that is written included; at least 1.
    #[must_use]
    pub fn with_files(self, files: usize) -> Self {
        Self { files: files.max(1), ..self }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self { file_bytes: 64 << 20, files: 16 }
    }
}

/// The writer of a journal. A folder has one at a time.
///
/// It blocks for as long as the disk needs, so an async program gives it a thread.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    bounds: Bounds,
    /// The numbers of the files, oldest first.
    numbers: VecDeque<u64>,
    /// The last of them, if it can be gone on with.
    current: Option<Current>,
    /// An earlier file may not be on the disk: the next call of `sync` reports it.
    lost: Option<JournalError>,
    /// One record, kept for its room.
    line: Vec<u8>,
    /// The first file that must not be removed as the oldest.
    kept_from: u64,
    appended: u64,
    /// Let go of by any end of the process.
    _lock: File,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    /// Up to here it holds whole records.
    length: u64,
}

impl Journal {
    /// Opens the journal in a folder, which is created if missing, and continues after its last
    /// whole record. If there are more files than the bounds allow, the oldest are removed.
    ///
    /// # Errors
    /// `InUse` if another process writes it, `Open` if folder or files cannot be opened or made.
    pub fn open(folder: impl AsRef<Path>, bounds: Bounds) -> Result<Self, JournalError> {
        Self::open_keeping(folder.as_ref().to_owned(), bounds, u64::MAX)
    }

    /// Opens a journal that somebody reads on from a place, and removes no file before it is
    /// [released](Self::release_before), whatever the bounds say. All that is there is on the disk then.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Write`.
    pub fn open_spool(folder: impl AsRef<Path>, bounds: Bounds) -> Result<Self, JournalError> {
        let mut journal = Self::open_keeping(folder.as_ref().to_owned(), bounds, 0)?;
        journal.sync()?;
        Ok(journal)
    }

    fn open_keeping(folder: PathBuf, bounds: Bounds, kept_from: u64) -> Result<Self, JournalError> {
        make_folder(&folder).map_err(|error| JournalError::open(&folder, error))?;
        let lock = lock(&folder)?;
        remove_unfinished(&folder).map_err(|error| JournalError::open(&folder, error))?;
        let numbers = numbers(&folder).map_err(|error| JournalError::open(&folder, error))?.into();
        let (current, lost, line) = (None, None, Vec::new());
        let mut journal = Self { folder, bounds, numbers, current, lost, line, kept_from, appended: 0, _lock: lock };
        if let Some(last) = journal.numbers.back() {
            let path = path_of(&journal.folder, *last);
            journal.current = Some(Current::go_on(path.clone()).map_err(|error| JournalError::open(&path, error))?);
        }
        journal.remove_oldest(journal.bounds.files)?;
        Ok(journal)
    }

    /// Writes down a callback. It is on the disk, and seen by every reader, after [`sync`](Self::sync).
    ///
    /// # Errors
    /// `Open` or `Write` if it could not be written; what was written before stays, and nothing of
    /// this one. Do not answer the callback with 2xx: the service sends it again.
    pub fn append(&mut self, received: Timestamp, headers: &HeaderMap, body: &[u8]) -> Result<(), JournalError> {
        self.line.clear();
        let written = record::write(&mut self.line, received, headers, body);
        written.map_err(|error| JournalError::write(&self.folder, error))?;
        let length = self.line.len() as u64;
        let fits = |current: &Current| current.length == 0 || current.length + length <= self.bounds.file_bytes;
        if !self.current.as_ref().is_some_and(fits) {
            self.begin_file()?;
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        if let Err(error) = current.file.write_all(&self.line) {
            let error = JournalError::write(&current.path, error);
            // What was written of it would be in the way of the next record.
            if current.cut().is_err() {
                self.current = None;
            }
            return Err(error);
        }
        current.length += length;
        self.appended += length;
        Ok(())
    }

    /// Allows the files before that one to be removed as the oldest; for [`open_spool`](Self::open_spool).
    pub fn release_before(&mut self, file: u64) {
        self.kept_from = self.kept_from.max(file);
    }

    /// The place after what was appended last; none after a fault, until something is appended.
    pub fn position(&self) -> Option<Position> {
        match (&self.current, self.numbers.back()) {
            (Some(current), Some(number)) => Some(Position::new(*number, current.length)),
            (None, None) => Some(Position::default()),
            _ => None,
        }
    }

    /// Number of bytes appended since it was opened.
    pub fn appended_bytes(&self) -> u64 {
        self.appended
    }

    /// A name that no other journal has, to be kept with a [`Position`] of this one. It changes when records are
    /// [removed](Self::remove): then no place of before is one of now.
    ///
    /// # Errors
    /// `Open` or `Write`.
    pub fn id(&self) -> Result<String, JournalError> {
        let path = self.folder.join(ID);
        match fs::read_to_string(&path) {
            Ok(id) if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => return Ok(id),
            // Torn by a crash: nobody has kept anything under it.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(JournalError::open(&path, error)),
        }
        let id = fresh_id();
        let written = options().write(true).create(true).truncate(true).open(&path).and_then(|mut file| {
            file.write_all(id.as_bytes())?;
            file.sync_all()?;
            sync_folder(&self.folder)
        });
        written.map(|()| id).map_err(|error| JournalError::write(&path, error))
    }

    /// Waits until all that was appended is on the disk.
    ///
    /// # Errors
    /// `Write` if it may not be; take it that no record since the last call is.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        let Some(current) = &self.current else { return Ok(()) };
        let synced = current.file.sync_data().map_err(|error| JournalError::write(&current.path, error));
        if synced.is_err() {
            // A system may forget the fault once it was reported, so this file is not trusted again.
            self.current = None;
        }
        synced
    }

    /// Removes records for good: each file that has any is rewritten without them, otherwise byte for byte.
    ///
    /// `is_unwanted` is asked about every line, oldest first. An interrupted call leaves each file as it was or as
    /// it shall be.
    ///
    /// # Errors
    /// `Open`, `Read` or `Write`; files of before are done, and the call can be repeated.
    pub fn remove(&mut self, mut is_unwanted: impl FnMut(Line<'_>) -> bool) -> Result<Removed, JournalError> {
        self.sync()?;
        let id = self.folder.join(ID);
        match fs::remove_file(&id).and_then(|()| sync_folder(&self.folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(JournalError::write(&id, error)),
            _ => {}
        }
        // The open file is closed, and gone on with afterwards.
        self.current = None;
        let mut removed = Removed::default();
        for number in &self.numbers {
            let path = path_of(&self.folder, *number);
            let of_file = remove_from(&self.folder, &path, &mut is_unwanted)?;
            removed.files += u64::from(of_file.records > 0);
            removed.records += of_file.records;
            removed.kept += of_file.kept;
        }
        if let Some(last) = self.numbers.back() {
            let path = path_of(&self.folder, *last);
            self.current = Some(Current::go_on(path.clone()).map_err(|error| JournalError::open(&path, error))?);
        }
        Ok(removed)
    }

    /// Makes the next file, and room for it.
    fn begin_file(&mut self) -> Result<(), JournalError> {
        if let Err(error) = self.sync() {
            self.lost = Some(error);
        }
        self.current = None;
        self.remove_oldest(self.bounds.files - 1)?;
        let number = self.numbers.back().map_or(1, |last| last + 1);
        let path = path_of(&self.folder, number);
        let file = options().write(true).create_new(true).open(&path).and_then(|file| {
            sync_folder(&self.folder)?;
            Ok(file)
        });
        let file = file.map_err(|error| JournalError::open(&path, error))?;
        self.numbers.push_back(number);
        self.current = Some(Current { file, path, length: 0 });
        Ok(())
    }

    fn remove_oldest(&mut self, keep: usize) -> Result<(), JournalError> {
        while self.numbers.len() > keep {
            let Some(oldest) = self.numbers.front().filter(|oldest| **oldest < self.kept_from) else { break };
            let path = path_of(&self.folder, *oldest);
            match fs::remove_file(&path) {
                Ok(()) => {}
                // Somebody else made room.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(JournalError::write(&path, error)),
            }
            self.numbers.pop_front();
        }
        Ok(())
    }
}

/// A line of a journal, as [`Journal::remove`] shows it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Line<'a> {
    /// A callback.
    Record(&'a Record),
    /// A line that this release cannot read: damaged, torn or newer.
    Other(&'a [u8]),
}

/// What [`Journal::remove`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// How many lines were removed.
    pub records: u64,
    /// How many are left.
    pub kept: u64,
    /// How many files were rewritten.
    pub files: u64,
}

/// The file that holds the journal's name.
const ID: &str = "id";

/// 128 bits, from what the standard library seeds its maps with, and the time.
fn fresh_id() -> String {
    let now = Timestamp::now().as_nanosecond();
    let half = || RandomState::new().hash_one((now, std::process::id()));
    format!("{:016x}{:016x}", half(), half())
}

/// The name of a file while it is rewritten.
const REWRITTEN: &str = "rewritten";

fn remove_from(
    folder: &Path,
    path: &Path,
    is_unwanted: &mut impl FnMut(Line<'_>) -> bool,
) -> Result<Removed, JournalError> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        // Somebody else made room.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removed::default()),
        Err(error) => return Err(JournalError::open(path, error)),
    };
    let mut removed = Removed::default();
    let mut kept: Vec<(u64, u64)> = Vec::new();
    let (mut at, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(|error| JournalError::read(path, error))? as u64;
        if length == 0 {
            break;
        }
        let bare = line.trim_ascii_end();
        let record = record::read(bare);
        let unwanted = !bare.is_empty()
            && match &record {
                Ok(record) => is_unwanted(Line::Record(record)),
                Err(_) => is_unwanted(Line::Other(bare)),
            };
        if unwanted {
            removed.records += 1;
        } else {
            removed.kept += u64::from(!bare.is_empty());
            match kept.last_mut() {
                Some((_, end)) if *end == at => *end += length,
                _ => kept.push((at, at + length)),
            }
        }
        at += length;
    }
    if removed.records == 0 {
        return Ok(removed);
    }
    let new = folder.join(REWRITTEN);
    let written = write_parts(file.into_inner(), &new, &kept).and_then(|()| {
        fs::rename(&new, path)?;
        sync_folder(folder)
    });
    written.map_err(|error| JournalError::write(path, error))?;
    Ok(Removed { files: 1, ..removed })
}

fn write_parts(mut file: File, new: &Path, parts: &[(u64, u64)]) -> io::Result<()> {
    let mut new = options().write(true).create(true).truncate(true).open(new)?;
    for (from, to) in parts {
        file.seek(SeekFrom::Start(*from))?;
        io::copy(&mut Read::take(&mut file, to - from), &mut new)?;
    }
    new.sync_all()
}

/// What an interrupted [`Journal::remove`] has left holds nothing that the file itself does not.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(REWRITTEN)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Current {
    /// Opens a file that is there, and cuts off a record that was torn.
    fn go_on(path: PathBuf) -> io::Result<Self> {
        let mut file = options().read(true).write(true).open(&path)?;
        let length = whole_records(&mut file)?;
        let mut current = Self { file, path, length };
        current.cut()?;
        Ok(current)
    }

    /// Back to the end of the last whole record.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(|_| ())
    }
}

/// The length up to and with the last line feed.
fn whole_records(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::take(&mut *file, end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let file = options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| JournalError::open(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(JournalError::open(&path, error)),
    }
}

pub(super) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("callbacks-{number:08}.jsonl"))
}

/// The numbers of the files in a folder, ascending.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        numbers.extend(number_of(&entry?.file_name()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn number_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("callbacks-")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok()?;
    // One name a number: what is spelled otherwise is none of ours.
    (digits == format!("{number:08}")).then_some(number)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// A new file's name is on the disk only when its folder is; elsewhere than on Unix the system sees
/// to it.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
