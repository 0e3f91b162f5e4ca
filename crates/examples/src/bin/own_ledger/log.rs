//! Keys and values in one file: a line of changes for each transaction, read again when it is opened.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sinch_batch::ledger::store::StoreLimits;
use sinch_batch::ledger::{LedgerError, LedgerErrorKind};

pub(crate) struct Log {
    file: File,
    /// How much of the file is committed.
    length: u64,
    /// The file may hold what was not committed, and could not be cut.
    broken: bool,
    pub(crate) limits: StoreLimits,
    records: BTreeMap<String, Value>,
    /// What this transaction changed, and what was there before.
    undo: Vec<(String, Option<Value>)>,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(cannot_open)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LedgerError::new(LedgerErrorKind::Busy, "another process has the ledger open"),
            TryLockError::Error(error) => cannot_open(error),
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(cannot_open)?;
        let limits = StoreLimits::default();
        let mut log = Self { file, length: 0, broken: false, limits, records: BTreeMap::new(), undo: Vec::new() };
        // The rest of a line that was cut off by a crash was never answered.
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let changes: BTreeMap<String, Option<Value>> = serde_json::from_slice(line).map_err(not_a_ledger)?;
            changes.into_iter().for_each(|(key, value)| log.apply(key, value));
            log.length += line.len() as u64;
        }
        if log.length == 0 && !text.is_empty() && text[0] != b'{' {
            return Err(LedgerError::new(LedgerErrorKind::NotALedger, "the file is not a ledger"));
        }
        log.cut().map_err(storage)?;
        // The name of a new file has to be durable too.
        if cfg!(unix) && text.is_empty() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(storage)?;
        }
        Ok(log)
    }

    /// Runs one decision: all that it wrote is on the disk, or after an error none of it is anywhere.
    pub(crate) fn transaction<T>(
        &mut self,
        decide: impl FnOnce(&mut Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.roll_back(); // a decision that panicked
        let decided = decide(self).and_then(|output| self.commit().map(|()| output));
        match decided {
            Ok(_) => self.undo.clear(),
            Err(_) => self.roll_back(),
        }
        decided
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        let changes: BTreeMap<_, _> = self.undo.iter().map(|(key, _)| (key, self.records.get(key))).collect();
        if changes.is_empty() {
            return Ok(());
        }
        if self.broken {
            return Err(LedgerError::new(LedgerErrorKind::Other, "an earlier write failed: open the ledger again"));
        }
        let mut line = serde_json::to_vec(&changes).map_err(damaged)?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += line.len() as u64,
            // Some of the line may be there, even all of it.
            Err(_) => self.broken = self.cut().is_err(),
        }
        written.map_err(storage)
    }

    fn cut(&self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.length {
            self.file.set_len(self.length)?;
            self.file.sync_all()?;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            self.apply(key, before);
        }
    }

    fn apply(&mut self, key: String, value: Option<Value>) {
        match value {
            Some(value) => self.records.insert(key, value),
            None => self.records.remove(&key),
        };
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.records.contains_key(key)
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, LedgerError> {
        self.records.get(key).map(T::deserialize).transpose().map_err(damaged)
    }

    pub(crate) fn put(&mut self, key: String, value: impl Serialize) -> Result<(), LedgerError> {
        let value = serde_json::to_value(value).map_err(damaged)?;
        let before = self.records.insert(key.clone(), value);
        self.undo.push((key, before));
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(before) = self.records.remove(key) {
            self.undo.push((key.to_owned(), Some(before)));
        }
    }

    /// The keys that begin so, in order.
    pub(crate) fn keys<'a>(&'a self, prefix: &str) -> impl DoubleEndedIterator<Item = &'a str> + use<'a> {
        self.records.range(prefix.to_owned()..end(prefix)).map(|(key, _)| key.as_str())
    }

    /// The values whose keys begin so, in order.
    pub(crate) fn all<'a, T: DeserializeOwned>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = Result<T, LedgerError>> + use<'a, T> {
        self.records.range(prefix.to_owned()..end(prefix)).map(|(_, value)| T::deserialize(value).map_err(damaged))
    }
}

/// Prefixes end with a slash; the character after it ends them.
fn end(prefix: &str) -> String {
    format!("{}0", prefix.trim_end_matches('/'))
}

fn cannot_open(error: io::Error) -> LedgerError {
    LedgerError::new(LedgerErrorKind::Open, "the ledger file cannot be opened").with_source(error)
}

fn not_a_ledger(error: serde_json::Error) -> LedgerError {
    LedgerError::new(LedgerErrorKind::NotALedger, "the file is not a ledger, or is damaged").with_source(error)
}

fn damaged(error: serde_json::Error) -> LedgerError {
    LedgerError::new(LedgerErrorKind::Other, "a record of the ledger cannot be read or written").with_source(error)
}

fn storage(error: io::Error) -> LedgerError {
    let (kind, message) = match error.kind() {
        io::ErrorKind::StorageFull => (LedgerErrorKind::Full, "the disk of the ledger is full"),
        _ => (LedgerErrorKind::Other, "the ledger could not be written"),
    };
    LedgerError::new(kind, message).with_source(error)
}
