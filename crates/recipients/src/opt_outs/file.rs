//! The file of a list: lines are added at its end, and read on from where one was.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sinch_batch_models::Channel;
use thiserror::Error;

use super::key::hex;
use super::{IdentityKey, OptOutEvent, OptOuts};

/// How every list begins.
pub(crate) const MAGIC: &str = "#sinch-batch opt-outs ";
const VERSION: &str = "1";

/// Why a list of opt-outs cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OptOutFileError {
    /// The system refused.
    #[error("it cannot be read or written")]
    Io(#[from] io::Error),
    /// It was written under another key: nobody could be found in it.
    #[error("it was written under another identity key")]
    OtherKey,
    /// It is something else.
    #[error("it is not a list of opt-outs")]
    NotAList,
    /// It was written by a newer release.
    #[error("it was written by a newer release")]
    Newer,
    /// A line says nothing that can be understood.
    #[error("line {0} is damaged")]
    Damaged(u64),
}

/// A list of opt-outs that is written to; any number of processes may do so at once.
///
/// The file is opened for each event, so that one that was moved away is started again, and an event is never written
/// to a file that nobody reads.
#[derive(Clone, Debug)]
pub struct OptOutFile {
    path: PathBuf,
    key: IdentityKey,
}

impl OptOutFile {
    /// Opens a list, or makes it.
    ///
    /// # Errors
    /// [`OptOutFileError`] if it is not a list of this key, or cannot be written.
    pub fn open(path: impl Into<PathBuf>, key: IdentityKey) -> Result<Self, OptOutFileError> {
        let list = Self { path: path.into(), key };
        list.append(&[])?;
        Ok(list)
    }

    /// Adds events; they are on the disk when this returns. A line that a crash tore is removed first: nobody was
    /// told that it is there.
    ///
    /// # Errors
    /// As [`open`](Self::open). Then some of the events may be there, and adding them again does no harm.
    pub fn append(&self, events: &[OptOutEvent]) -> Result<(), OptOutFileError> {
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        // Ends with the file.
        file.lock()?;
        let length = file.metadata()?.len();
        let whole = end_of_lines(&mut file, length)?;
        let mut lines = String::new();
        if whole == 0 {
            let mut begin = vec![0; MAGIC.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
            file.seek(SeekFrom::Start(0))?;
            file.read_exact(&mut begin)?;
            if !MAGIC.as_bytes().starts_with(&begin) {
                return Err(OptOutFileError::NotAList);
            }
            lines = format!("{}\n", header(&self.key));
        } else {
            check_header(&mut file, &self.key)?;
        }
        if whole < length {
            file.set_len(whole)?;
        }
        for event in events {
            lines.push_str(&format!("{event}\n"));
        }
        if lines.is_empty() {
            return Ok(());
        }
        file.seek(SeekFrom::Start(whole))?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        if whole == 0 {
            sync_folder(&self.path)?;
        }
        Ok(())
    }

    /// Reads the whole list.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(&self) -> Result<OptOuts, OptOutFileError> {
        let mut followed = Followed::new(self.path.clone(), self.key.clone());
        followed.refresh()?;
        Ok(followed.list)
    }

    /// Whether somebody in it has opted out: on this channel, or on any at all if none is named.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn is_out(&self, channel: Option<&Channel>, identity: &str) -> Result<bool, OptOutFileError> {
        Ok(self.read()?.is_out(&self.key, channel, identity))
    }
}

fn header(key: &IdentityKey) -> String {
    format!("{MAGIC}{VERSION},{}", hex(&key.mark()))
}

/// A file that was just made is there after a crash, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Where the last whole line ends.
fn end_of_lines(file: &mut File, length: u64) -> io::Result<u64> {
    /// No line is longer than a few hundred bytes.
    const TAIL: u64 = 4096;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(TAIL);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut tail)?;
        if let Some(at) = tail.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn check_header(file: &mut File, key: &IdentityKey) -> Result<(), OptOutFileError> {
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::by_ref(file).take(256).read_to_end(&mut first)?;
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    judge_header(line, key)
}

fn judge_header(line: &[u8], key: &IdentityKey) -> Result<(), OptOutFileError> {
    let said = line.strip_prefix(MAGIC.as_bytes()).ok_or(OptOutFileError::NotAList)?;
    let said = String::from_utf8_lossy(said);
    match said.split_once(',') {
        Some((VERSION, mark)) if mark == hex(&key.mark()) => Ok(()),
        Some((VERSION, _)) => Err(OptOutFileError::OtherKey),
        _ => Err(OptOutFileError::Newer),
    }
}

/// A list that is read on as it grows.
pub(crate) struct Followed {
    path: PathBuf,
    key: IdentityKey,
    list: OptOuts,
    /// Up to where it was read, and how many lines that is.
    read: u64,
    lines: u64,
    /// Which file it was: another one of that name is read from its start.
    file: Option<(u64, u64)>,
}

impl Followed {
    pub(crate) fn new(path: PathBuf, key: IdentityKey) -> Self {
        Self { path, key, list: OptOuts::default(), read: 0, lines: 0, file: None }
    }

    pub(crate) fn n_events(&self) -> u64 {
        self.list.n_events()
    }

    pub(crate) fn is_out(&self, channel: Option<&Channel>, comparable: &str) -> bool {
        self.list.is_out_comparable(&self.key, channel, comparable)
    }

    /// Reads what has been added. A last line without an end is not there yet.
    pub(crate) fn refresh(&mut self) -> Result<(), OptOutFileError> {
        let mut file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder").into());
        }
        let id = id_of(&metadata);
        if self.file != id || metadata.len() < self.read {
            *self = Self { file: id, ..Self::new(self.path.clone(), self.key.clone()) };
        }
        if metadata.len() == self.read && self.lines > 0 {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        let whole = added.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in added[..whole].split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            if self.lines == 0 {
                judge_header(text, &self.key)?;
            } else {
                let event = std::str::from_utf8(text).ok().and_then(OptOutEvent::of_line);
                let event = event.ok_or(OptOutFileError::Damaged(self.lines + 1))?;
                self.list.add(&event);
            }
            self.lines += 1;
            self.read += line.len() as u64;
        }
        if self.lines == 0 && !MAGIC.as_bytes().starts_with(&added[..added.len().min(MAGIC.len())]) {
            return Err(OptOutFileError::NotAList);
        }
        Ok(())
    }
}

#[cfg(unix)]
fn id_of(metadata: &std::fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn id_of(_: &std::fs::Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use sinch_batch_models::Timestamp;

    use super::*;
    use crate::opt_outs::OptOutKind;

    fn key() -> IdentityKey {
        IdentityKey::new([7; 32])
    }

    fn out(number: &str) -> OptOutEvent {
        OptOutEvent::out(&key(), Some(Channel::Sms), number, OptOutKind::All, Timestamp::UNIX_EPOCH)
    }

    const ONE: &str = "+15550100001";
    const TWO: &str = "+15550100002";

    #[test]
    fn torn_line_is_not_there_and_is_removed_by_the_next_event() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opt-outs");
        let list = OptOutFile::open(&path, key()).unwrap();
        list.append(&[out(ONE)]).unwrap();
        let before = std::fs::read(&path).unwrap();
        list.append(&[out(TWO)]).unwrap();
        let after = std::fs::read(&path).unwrap();
        // The process may be killed after any byte of a line, and of the first one.
        for length in 0..=after.len() {
            std::fs::write(&path, &after[..length]).unwrap();
            let n_events = list.read().unwrap().n_events();
            let whole = after[..length].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(n_events, whole.saturating_sub(1) as u64, "{length} bytes");
            list.append(&[out(TWO)]).unwrap();
            let list = list.read().unwrap();
            assert!(list.is_out(&key(), Some(&Channel::Sms), TWO));
            assert_eq!(list.is_out(&key(), Some(&Channel::Sms), ONE), length >= before.len(), "{length} bytes");
        }
    }

    #[test]
    fn other_files_and_other_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opt-outs");
        let list = OptOutFile::open(&path, key()).unwrap();
        list.append(&[out(ONE)]).unwrap();
        let other = OptOutFile::open(&path, IdentityKey::new([8; 32]));
        assert!(matches!(other, Err(OptOutFileError::OtherKey)));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("opt-outs 1", "opt-outs 2")).unwrap();
        assert!(matches!(list.read(), Err(OptOutFileError::Newer)));
        std::fs::write(&path, text.replace(",SMS,", ";SMS;")).unwrap();
        assert!(matches!(list.read(), Err(OptOutFileError::Damaged(2))));
        for foreign in ["+15550100001", "+15550100001\n", "identity\n+15550100001\n"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(matches!(list.append(&[out(ONE)]), Err(OptOutFileError::NotAList)), "{foreign}");
            assert!(matches!(list.read(), Err(OptOutFileError::NotAList)), "{foreign}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn list_is_read_on_and_a_new_file_of_its_name_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opt-outs");
        let list = OptOutFile::open(&path, key()).unwrap();
        let mut followed = Followed::new(path.clone(), key());
        let is_out = |followed: &Followed, digits| followed.is_out(Some(&Channel::Sms), digits);
        followed.refresh().unwrap();
        assert!(!is_out(&followed, "15550100001"));
        list.append(&[out(ONE)]).unwrap();
        followed.refresh().unwrap();
        assert!(is_out(&followed, "15550100001"));
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        assert!(matches!(followed.refresh(), Err(OptOutFileError::Io(_))));
        list.append(&[out(TWO), out(TWO)]).unwrap();
        followed.refresh().unwrap();
        assert_eq!((is_out(&followed, "15550100001"), is_out(&followed, "15550100002")), (false, true));
    }
}
