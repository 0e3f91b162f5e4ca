//! Callbacks that were answered when they were in the journal, on their way to the ledger.
//!
//! One task reads the journal from a cursor on and applies it in groups. In Postgres the cursor is committed with its
//! group; beside a SQLite ledger it is a file in the journal's folder, written after the group: a crash in between
//! applies that group again, which changes nothing but its counts by kind.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use sinch_batch::auth::backoff::{Backoff, jitter};
use sinch_batch::journal::{JournalError, Position, read_between};
use sinch_batch::ledger::postgres::SharedCursor;
use sinch_batch::ledger::{Applied, Ledger, LedgerError, PostgresLedger, ReceivedCallback};
use sinch_batch::models::Timestamp;
use tokio::sync::watch;

use super::metrics::{Metrics, Waiting};
use super::notices::UnrelatedNotice;
use super::outcome::{is_by_key, word};
use crate::exit;
use crate::fail::{Failure, sentence};
use crate::ledgers::{AnyLedger, Place};
use crate::{journals, say};

/// How many callbacks the ledger gets at once.
const GROUP: usize = 1000;

/// The wait after a group that was not applied.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), factor: 2, max: Duration::from_secs(10) };

/// The age of nothing.
const EMPTY: i64 = i64::MIN;

/// What is in the journal and not in the ledger yet.
#[derive(Debug)]
pub(super) struct Spool {
    /// So many bytes may wait.
    bound: u64,
    bytes: AtomicU64,
    /// When the oldest of them was received, in microseconds.
    oldest: AtomicI64,
    /// Up to here the journal is on the disk.
    end: watch::Sender<Position>,
    /// Files before that one may be removed.
    needed_from: AtomicU64,
}

impl Spool {
    pub(super) fn new(bound: u64) -> Self {
        let (end, _) = watch::channel(Position::default());
        Self { bound, bytes: AtomicU64::new(0), oldest: AtomicI64::new(EMPTY), end, needed_from: AtomicU64::new(0) }
    }

    /// Whether no more may be received.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.bound
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What waits at this moment.
    pub(super) fn waiting(&self, now: Timestamp) -> Waiting {
        let age = match self.oldest.load(Ordering::Relaxed) {
            EMPTY => Duration::ZERO,
            oldest => Duration::from_micros(u64::try_from(now.as_microsecond() - oldest).unwrap_or(0)),
        };
        Waiting { bytes: self.bytes(), age }
    }

    /// The journal is on the disk up to there, with so many bytes more than before.
    pub(super) fn grew(&self, end: Position, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.end.send_replace(end);
    }

    /// The oldest file that is not applied.
    pub(super) fn needed_from(&self) -> u64 {
        self.needed_from.load(Ordering::Relaxed)
    }

    fn shrank(&self, bytes: u64) {
        let less = |now: u64| Some(now.saturating_sub(bytes));
        // It always has a new value.
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// Who keeps the cursor.
enum Cursor {
    /// The ledger, with what it is about.
    InLedger { ledger: Arc<PostgresLedger>, receiver: String },
    /// A file beside the journal.
    Beside { ledger: Arc<dyn Ledger>, path: PathBuf, id: String },
}

impl Cursor {
    async fn read(&self) -> Result<Position, NotApplied> {
        match self {
            Self::InLedger { ledger, receiver } => {
                let cursor = ledger.cursor(receiver).await?;
                Ok(cursor.map_or(Position::default(), |cursor| Position::new(cursor.file, cursor.at_byte)))
            }
            Self::Beside { path, id, .. } => match fs::read_to_string(path) {
                // One that says nothing, or is of the journal as it was once, is as none: all is applied again.
                Ok(text) => Ok(position(&text, id).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Position::default()),
                Err(error) => Err(NotApplied(format!("{} cannot be read: {error}", path.display()))),
            },
        }
    }

    async fn apply(&self, group: Vec<ReceivedCallback>, to: Position) -> Result<Vec<Option<Applied>>, NotApplied> {
        match self {
            Self::InLedger { ledger, receiver } => {
                let cursor = SharedCursor::new(receiver, to.file, to.at_byte);
                Ok(ledger.apply_callbacks_at(group, cursor).await?)
            }
            Self::Beside { ledger, path, id } => {
                let applied = if group.is_empty() { Vec::new() } else { ledger.apply_callbacks(group).await? };
                // A file that a crash tears or turns back is read as an older place.
                write_whole(path, &format!("{id} {} {}\n", to.file, to.at_byte))
                    .map_err(|error| NotApplied(format!("{} cannot be written: {error}", path.display())))?;
                Ok(applied)
            }
        }
    }
}

fn position(text: &str, id: &str) -> Option<Position> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    if words.next() != Some(id) {
        return None;
    }
    let place = Position::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(place)
}

fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    fs::File::create(&new)?.write_all(text.as_bytes())?;
    fs::rename(new, path)
}

/// Why a group was not applied. It shows nothing of the callbacks.
#[derive(Debug)]
struct NotApplied(String);

impl From<LedgerError> for NotApplied {
    fn from(error: LedgerError) -> Self {
        Self(format!("the ledger could not record it: {}", sentence(&error)))
    }
}

/// What brings callbacks from the journal to the ledger.
pub(super) struct Drainer {
    spool: Arc<Spool>,
    folder: PathBuf,
    cursor: Cursor,
    at: Position,
    metrics: Arc<Metrics>,
    unrelated: UnrelatedNotice,
}

/// Some records of the journal.
struct Group {
    callbacks: Vec<ReceivedCallback>,
    end: Position,
    bytes: u64,
    oldest: Option<Timestamp>,
    damaged: Vec<JournalError>,
}

impl Drainer {
    /// Looks where the cursor of the journal of that name is; what comes after it waits.
    pub(super) async fn open(
        spool: Arc<Spool>,
        folder: &Path,
        id: String,
        receiver: Option<&str>,
        ledger: &AnyLedger,
        place: &Place,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let cursor = match ledger {
            AnyLedger::Postgres(ledger) => {
                // The name of the journal alone would be the same in copies of a machine.
                let receiver = match receiver {
                    Some(name) => format!("{name} {id}"),
                    None => format!("{}:{} {id}", host(), canonical(folder)?.display()),
                };
                Cursor::InLedger { ledger: Arc::clone(ledger), receiver }
            }
            AnyLedger::Sqlite(_) => Cursor::Beside { ledger: ledger.shared(), path: folder.join("cursor"), id },
        };
        let unusable = |NotApplied(why)| {
            Failure::new(exit::LEDGER, format!("the place in the journal is not known: {why}"))
                .hint("check the ledger, and who may read and write the journal's folder")
        };
        let at = cursor.read().await.map_err(unusable)?;
        let end = *spool.end.borrow();
        // Behind the end: that was another journal.
        let at = if at > end { Position::default() } else { at };
        let waiting = read_between(folder, at, end).map_err(|error| journals::failed(&error))?.unread_bytes();
        spool.grew(end, waiting);
        spool.needed_from.store(at.file, Ordering::Relaxed);
        let unrelated = UnrelatedNotice::new(place.clone());
        Ok(Self { spool, folder: folder.to_owned(), cursor, at, metrics, unrelated })
    }

    /// Applies what comes, until asked to stop: then what is there, as far as the ledger takes it.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut end = self.spool.end.subscribe();
        let mut failures = 0;
        loop {
            let to = *end.borrow_and_update();
            if self.at >= to {
                self.spool.oldest.store(EMPTY, Ordering::Relaxed);
                tokio::select! {
                    // Neither sender goes before this task ends, but for the stop of the whole program.
                    changed = end.changed() => if changed.is_err() { return },
                    _ = stop.wait_for(|stop| *stop) => if *end.borrow() == to { return },
                }
                continue;
            }
            match self.step(to, failures > 0).await {
                Ok(()) if failures > 0 => {
                    say!("callbacks go from the journal to the ledger again");
                    failures = 0;
                }
                Ok(()) => {}
                Err(NotApplied(why)) => {
                    failures += 1;
                    if failures == 1 {
                        say!("callbacks wait in the journal: {why}");
                    }
                    tracing::warn!("callbacks were not applied: {why}");
                    let wait = tokio::time::sleep(BACKOFF.wait(failures, jitter()));
                    tokio::select! {
                        () = wait => {}
                        _ = stop.wait_for(|stop| *stop) => {
                            say!("callbacks of {} bytes wait in the journal; the next start applies them", self.spool.bytes());
                            return;
                        }
                    }
                }
            }
        }
    }

    async fn step(&mut self, to: Position, is_unsure: bool) -> Result<(), NotApplied> {
        if is_unsure {
            // The last group may be there all the same; or a server took over that has lost the latest ones.
            self.look_again().await?;
            if self.at >= to {
                return Ok(());
            }
        }
        let (folder, from) = (self.folder.clone(), self.at);
        let read = tokio::task::spawn_blocking(move || Group::read(&folder, from, to)).await;
        let group =
            read.map_err(|error| NotApplied(sentence(&error)))?.map_err(|error| NotApplied(sentence(&error)))?;
        if let Some(oldest) = group.oldest {
            self.spool.oldest.store(oldest.as_microsecond(), Ordering::Relaxed);
        }
        let by_key: Vec<bool> = group.callbacks.iter().map(is_by_key).collect();
        let applied = self.cursor.apply(group.callbacks, group.end).await?;
        for (applied, by_key) in applied.into_iter().zip(by_key) {
            let word = word(applied, by_key);
            self.metrics.applied(word);
            self.unrelated.see(word);
        }
        for error in group.damaged {
            say!("a record was skipped: {}", sentence(&error));
        }
        self.spool.shrank(group.bytes);
        self.moved(group.end);
        Ok(())
    }

    async fn look_again(&mut self) -> Result<(), NotApplied> {
        let at = self.cursor.read().await?;
        let (from, to) = (self.at.min(at), self.at.max(at));
        if from < to {
            let between = read_between(&self.folder, from, to).map_err(|error| NotApplied(sentence(&error)))?;
            if at > self.at {
                self.spool.shrank(between.unread_bytes());
            } else {
                self.spool.bytes.fetch_add(between.unread_bytes(), Ordering::Relaxed);
            }
            self.moved(at);
        }
        Ok(())
    }

    fn moved(&mut self, at: Position) {
        self.at = at;
        self.spool.needed_from.store(at.file, Ordering::Relaxed);
    }
}

impl Group {
    fn read(folder: &Path, from: Position, to: Position) -> Result<Self, JournalError> {
        let mut records = read_between(folder, from, to)?;
        let all = records.unread_bytes();
        let (mut callbacks, mut damaged, mut oldest) = (Vec::new(), Vec::new(), None);
        let mut is_all = false;
        while callbacks.len() < GROUP {
            match records.next() {
                None => {
                    is_all = true;
                    break;
                }
                Some(Ok(record)) => {
                    oldest.get_or_insert(record.received);
                    callbacks.push(match sinch_batch::webhook::parse(&record.body) {
                        Ok(callback) => ReceivedCallback::of(&callback, record.received),
                        // It is counted, as the receiver does it.
                        Err(_) => ReceivedCallback::new(None, record.received),
                    });
                }
                // Its bytes stay in the journal.
                Some(Err(error @ (JournalError::Damaged { .. } | JournalError::TooNew { .. }))) => damaged.push(error),
                Some(Err(error)) => return Err(error),
            }
        }
        // Files that are gone leave nothing to be read before the end.
        let end = if is_all { to } else { records.position() };
        Ok(Self { callbacks, end, bytes: all - records.unread_bytes(), oldest, damaged })
    }
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

fn canonical(folder: &Path) -> Result<PathBuf, Failure> {
    folder.canonicalize().map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("the journal {} has no path", folder.display()), &error)
            .hint("check the path, and who may read and write there")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_a_place_in_its_own_journal_alone() {
        assert_eq!(position("a 3 4096\n", "a"), Some(Position::new(3, 4096)));
        for text in ["", "a 3 4096", "a 3 40", "a 3\n", "b 3 4096\n", "a 3 x\n", "a 3 4096 7\n", "\0\0\0"] {
            assert_eq!(position(text, "a"), None, "{text:?}");
        }
    }

    #[test]
    fn spool_is_full_at_its_bound_and_as_old_as_its_oldest() {
        let spool = Spool::new(10);
        spool.grew(Position::new(1, 9), 9);
        assert!(!spool.is_full());
        spool.grew(Position::new(1, 10), 1);
        assert!(spool.is_full());
        spool.shrank(4);
        assert_eq!((spool.is_full(), spool.bytes()), (false, 6));
        let now = Timestamp::from_second(100).unwrap();
        assert_eq!(spool.waiting(now).age, Duration::ZERO);
        spool.oldest.store(90_000_000, Ordering::Relaxed);
        assert_eq!(spool.waiting(now).age, Duration::from_secs(10));
    }
}
