//! A thread that owns a connection and does one job after another.
//!
//! The writer takes everything that waits into one transaction: while one commit is on its way to
//! the disk the next group gathers, so that the number of commits does not grow with the number of
//! callers. Each caller is answered after the commit. A job that fails is undone alone; if only the end
//! of the transaction shows that something cannot be written, each job has a transaction of its own.
//!
//! ```text
//!  wait ─▶ gather what waits ─▶ begin ─▶ savepoint ─▶ job ─┬─ done ────▶ release ──┬─ more ─▶ savepoint
//!   ▲                                                      ├─ failed ──▶ undo ─────┘
//!   │                                                      └─ SQLite gave up the transaction
//!   │                                                            │            no more │
//!   └── answer each: its own outcome ◀── commit ◀────────────────┼────────────────────┘
//!   ├── answer each: the same error  ◀── roll back ◀─────────────┴── a commit that fails: disk full, busy
//!   └── each job alone               ◀── roll back ◀──────────────── a commit that fails for one of them
//! ```

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::tables::Tables;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::ledger::BoxFuture;

/// The most jobs in one transaction, so that the first caller need not wait for too many.
const GROUP: usize = 1024;

/// A connection with its thread. Dropping it waits until the jobs that were given are done.
#[derive(Debug)]
pub(super) struct Thread {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn writer(tables: Tables) -> Result<Self, LedgerError> {
        Self::start("ledger-writer", tables, write)
    }

    pub(super) fn reader(tables: Tables) -> Result<Self, LedgerError> {
        Self::start("ledger-reader", tables, read)
    }

    fn start(name: &str, tables: Tables, serve: fn(Tables, &Receiver<Box<dyn Job>>)) -> Result<Self, LedgerError> {
        let (sender, receiver) = channel();
        let thread =
            thread::Builder::new().name(name.to_owned()).spawn(move || serve(tables, &receiver)).map_err(|error| {
                LedgerError::new(LedgerErrorKind::Other, "could not start a thread for the ledger").with_source(error)
            })?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    /// Gives the worker something to do. It will be done even if nobody waits for the answer.
    pub(super) fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tables) -> Result<T, LedgerError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, LedgerError>> {
        let (reply, answer) = oneshot::channel();
        let task = Task { work, outcome: None, reply };
        if let Some(jobs) = &self.jobs {
            // If the thread has ended, the task with its reply is dropped, and the answer says so.
            let _ = jobs.send(Box::new(task));
        }
        Box::pin(answered(answer))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported there.
            let _ = thread.join();
        }
    }
}

async fn answered<T>(answer: oneshot::Receiver<Result<T, LedgerError>>) -> Result<T, LedgerError> {
    answer.await.unwrap_or_else(|_| Err(LedgerError::new(LedgerErrorKind::Other, "the thread of the ledger has ended")))
}

/// Something to do, and somebody who waits for it.
trait Job: Send {
    /// Does it, and keeps the outcome. It may be done again, if the first time was undone.
    fn run(&mut self, tables: &mut Tables) -> Result<(), LedgerError>;
    /// Tells the outcome, or why the whole group failed.
    fn answer(self: Box<Self>, group: Result<(), LedgerError>);
}

struct Task<F, T> {
    work: F,
    outcome: Option<Result<T, LedgerError>>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<F, T> Job for Task<F, T>
where
    F: FnMut(&mut Tables) -> Result<T, LedgerError> + Send,
    T: Send,
{
    fn run(&mut self, tables: &mut Tables) -> Result<(), LedgerError> {
        let outcome = (self.work)(tables);
        let told = outcome.as_ref().map(|_| ()).map_err(LedgerError::clone);
        self.outcome = Some(outcome);
        told
    }

    fn answer(self: Box<Self>, group: Result<(), LedgerError>) {
        let outcome = group.and(
            self.outcome
                .unwrap_or_else(|| Err(LedgerError::new(LedgerErrorKind::Other, "the ledger did not come to it"))),
        );
        // Nobody may be waiting any more.
        let _ = self.reply.send(outcome);
    }
}

fn read(mut tables: Tables, jobs: &Receiver<Box<dyn Job>>) {
    for mut job in jobs {
        // The job keeps its own outcome.
        let _ = job.run(&mut tables);
        job.answer(Ok(()));
    }
}

fn write(mut tables: Tables, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        match commit(&mut tables, &mut group) {
            // Only one of them has something that cannot be written: each for itself.
            Err(error) if group.len() > 1 && error.kind() == LedgerErrorKind::Other => {
                for job in group {
                    let mut alone = vec![job];
                    let outcome = commit(&mut tables, &mut alone);
                    alone.into_iter().for_each(|job| job.answer(outcome.clone()));
                }
            }
            outcome => group.into_iter().for_each(|job| job.answer(outcome.clone())),
        }
    }
}

/// One transaction for a group of jobs. An error is one of all of them, and nothing of the transaction is left.
fn commit(tables: &mut Tables, group: &mut [Box<dyn Job>]) -> Result<(), LedgerError> {
    let outcome = write_group(tables, group);
    if outcome.is_err() {
        tables.roll_back();
    }
    outcome
}

fn write_group(tables: &mut Tables, group: &mut [Box<dyn Job>]) -> Result<(), LedgerError> {
    tables.begin()?;
    for job in group {
        tables.savepoint()?;
        match job.run(tables) {
            Ok(()) => tables.release()?,
            // Some faults, such as a full disk, make SQLite give up the transaction as a whole.
            Err(error) if !tables.in_transaction() => return Err(error),
            Err(_) => tables.undo_savepoint()?,
        }
    }
    tables.commit()
}
