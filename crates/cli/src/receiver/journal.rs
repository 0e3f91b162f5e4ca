//! A thread that writes the journal: what waits goes to the disk together.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use axum::body::Bytes;
use axum::http::HeaderMap;
use sinch_batch::journal::{Bounds, Journal, JournalError};
use sinch_batch::models::Timestamp;
use tokio::sync::oneshot;

use super::spool::Spool;
use crate::args::JournalArgs;
use crate::fail::{Failure, sentence};
use crate::{exit, journals};

/// The most records that go to the disk together, so that the first need not wait for too many.
const GROUP: usize = 1024;

/// A journal with its thread. Dropping it waits until all that was given to it is written.
#[derive(Debug)]
pub(super) struct JournalWriter {
    records: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Waiting {
    received: Timestamp,
    headers: HeaderMap,
    body: Bytes,
    done: oneshot::Sender<Result<(), NotKept>>,
}

/// Why a callback is not in the journal.
#[derive(Clone, Debug)]
pub(super) struct NotKept(String);

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JournalWriter {
    pub(super) fn open(folder: &Path, args: &JournalArgs) -> Result<Self, Failure> {
        let journal = Journal::open(folder, bounds(args)).map_err(|error| journals::failed(&error))?;
        Self::start(journal, None)
    }

    /// Opens one from which callbacks go to the ledger, and its name; the spool is told where it ends.
    pub(super) fn open_spool(folder: &Path, args: &JournalArgs, spool: &Arc<Spool>) -> Result<(Self, String), Failure> {
        let journal = Journal::open_spool(folder, bounds(args)).map_err(|error| journals::failed(&error))?;
        let id = journal.id().map_err(|error| journals::failed(&error))?;
        spool.grew(journal.position().unwrap_or_default(), 0);
        Ok((Self::start(journal, Some(Arc::clone(spool)))?, id))
    }

    fn start(journal: Journal, spool: Option<Arc<Spool>>) -> Result<Self, Failure> {
        let (sender, receiver) = channel();
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            write(journal, &receiver, spool.as_deref());
        });
        let thread = thread.map_err(|error| Failure::because(exit::UNEXPECTED, "the journal has no thread", &error))?;
        Ok(Self { records: Some(sender), thread: Some(thread) })
    }

    /// Ends when the callback is on the disk.
    pub(super) async fn keep(&self, headers: HeaderMap, body: Bytes) -> Result<(), NotKept> {
        let (done, kept) = oneshot::channel();
        if let Some(records) = &self.records {
            // If the thread has ended, what it was to tell is dropped, and the answer says so.
            let _ = records.send(Waiting { received: Timestamp::now(), headers, body, done });
        }
        kept.await.unwrap_or_else(|_| Err(NotKept("the thread of the journal has ended".to_owned())))
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.records = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported there.
            let _ = thread.join();
        }
    }
}

fn bounds(args: &JournalArgs) -> Bounds {
    Bounds::default()
        .with_file_bytes(args.journal_file_size << 20)
        .with_files(usize::try_from(args.journal_files).unwrap_or(usize::MAX))
}

fn write(mut journal: Journal, records: &Receiver<Waiting>, spool: Option<&Spool>) {
    // What is counted by the spool.
    let mut counted = journal.appended_bytes();
    while let Ok(first) = records.recv() {
        if let Some(spool) = spool {
            journal.release_before(spool.needed_from());
        }
        let group = std::iter::once(first).chain(records.try_iter().take(GROUP - 1));
        let written: Vec<_> = group
            .map(|Waiting { received, headers, body, done }| {
                let appended = journal.append(received, &headers, &body).map_err(|error| not_kept(&error));
                (done, appended)
            })
            .collect();
        let synced = journal.sync().map_err(|error| not_kept(&error));
        if let (Some(spool), Some(end), Ok(())) = (spool, journal.position(), &synced) {
            let all = journal.appended_bytes();
            spool.grew(end, all - counted);
            counted = all;
        }
        for (done, appended) in written {
            // Nobody may be waiting any more.
            let _ = done.send(appended.and(synced.clone()));
        }
    }
}

fn not_kept(error: &JournalError) -> NotKept {
    NotKept(sentence(error))
}
