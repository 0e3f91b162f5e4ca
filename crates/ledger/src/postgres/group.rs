//! Groups of jobs, each decided in memory and written in one transaction.
//!
//! ```text
//!  gather what waits ─▶ begin, lock the campaigns ─▶ fetch what the jobs name ─▶ decide ─▶ write, commit ─▶ answer
//!        ▲                ▲                             ▲                          │
//!        │                │ a lock is missing: undo     │ a record is missing      │
//!        │                └─────────────────────────────┴──────────────────────────┘
//!        └── a passing fault: the same group again, for up to 10 s, then Busy
//! ```
//!
//! Locks are taken in one order: campaigns by number, then what belongs to no campaign. A lock that turns out to
//! be missing is therefore not added: the transaction is rolled back, and started again with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::connection::{Connection, Params};
use super::fault::{Fault, PATIENCE};
use super::fetch::{absorb_sums, fetch};
use super::need::{Base, Cache, Need};
use super::overlay::Overlay;
use super::predict::{Hint, predict};
use super::records::{SUMS, damaged, time};
use super::write::Writes;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::ledger::BoxFuture;
use crate::store::StoreLimits;

/// The most jobs in one transaction, so that the first caller need not wait for too many.
const GROUP: usize = 1024;

/// How long one try may take: a server that does not answer at all is gone.
const TRY: Duration = Duration::from_secs(60);

/// A transaction that writes. A role or a database may have other defaults; a process that is stopped in the
/// middle must not hold up all others. `READ WRITE` is not asked for: a standby refuses it as a feature that it does
/// not have, and not as what it is, a server that cannot write yet.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; \
     SET LOCAL lock_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// One that reads all of it as of one moment.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// What time it is, in microseconds.
pub(super) const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// A pool, and where in it the ledger is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) pool: Pool,
    pub(super) schema: Arc<str>,
    pub(super) limits: StoreLimits,
    pub(super) clock: WhoseClock,
    /// How often the way to the server was lost.
    pub(super) losses: Arc<AtomicU64>,
}

/// Whose clock says when leases lapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhoseClock {
    /// The server's, which is the same for all workers.
    Server,
    /// That of each caller, as it says with each call.
    Caller,
}

impl Place {
    /// The way to the server was lost. When there is one again, another server may be at its end.
    pub(super) fn lose(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }
}

/// What decides and writes, one group after the other.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::UnboundedSender<Box<dyn Job>>,
}

/// Something to do, and somebody who waits for it.
pub(super) trait Job: Send {
    /// What it will ask for, as far as that is known before.
    fn hints(&self) -> &[Hint];
    /// Whether nothing else may be in its group.
    fn is_alone(&self) -> bool;
    /// Does it, and keeps the outcome; whether it succeeded.
    fn run(&mut self, overlay: &mut Overlay) -> bool;
    /// Tells the outcome, or why the whole group failed.
    fn answer(self: Box<Self>, group: Result<(), LedgerError>);
}

struct Task<F, T> {
    hints: Vec<Hint>,
    is_alone: bool,
    work: F,
    outcome: Option<Result<T, LedgerError>>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<F, T> Job for Task<F, T>
where
    F: FnMut(&mut Overlay) -> Result<T, LedgerError> + Send,
    T: Send,
{
    fn hints(&self) -> &[Hint] {
        &self.hints
    }

    fn is_alone(&self) -> bool {
        self.is_alone
    }

    fn run(&mut self, overlay: &mut Overlay) -> bool {
        let outcome = (self.work)(overlay);
        let succeeded = outcome.is_ok();
        self.outcome = Some(outcome);
        succeeded
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

impl Writer {
    /// Starts the task, which ends when the last writer is dropped and what waits is done.
    pub(super) fn start(place: Place) -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        tokio::spawn(serve(place, waiting));
        Self { jobs }
    }

    /// Gives it something to do. It will be done even if nobody waits for the answer.
    pub(super) fn run<'a, T: Send + 'static>(
        &self,
        hints: Vec<Hint>,
        is_alone: bool,
        work: impl FnMut(&mut Overlay) -> Result<T, LedgerError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, LedgerError>> {
        let (reply, answer) = oneshot::channel();
        // If the task has ended, the job with its reply is dropped, and the answer says so.
        let _ = self.jobs.send(Box::new(Task { hints, is_alone, work, outcome: None, reply }));
        Box::pin(async move {
            let ended = || LedgerError::new(LedgerErrorKind::Other, "the runtime of the ledger has ended");
            answer.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}

async fn serve(place: Place, mut waiting: mpsc::UnboundedReceiver<Box<dyn Job>>) {
    let mut cache = Cache::default();
    let mut next: Option<Box<dyn Job>> = None;
    loop {
        let first = match next.take() {
            Some(job) => job,
            None => match waiting.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        let mut group = vec![first];
        while group.len() < GROUP && !group[0].is_alone() {
            match waiting.try_recv() {
                Ok(job) if job.is_alone() => {
                    next = Some(job);
                    break;
                }
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        match commit(&place, &mut group, &mut cache).await {
            Err(fault) if fault.is_taken() && group.len() > 1 => {
                // Only one of them met what another writer has taken: each for itself.
                for job in group {
                    let mut group = vec![job];
                    let outcome = commit(&place, &mut group, &mut cache).await.map_err(Fault::into_error);
                    group.into_iter().for_each(|job| job.answer(outcome.clone()));
                }
            }
            outcome => {
                let outcome = outcome.map_err(Fault::into_error);
                group.into_iter().for_each(|job| job.answer(outcome.clone()));
            }
        }
    }
}

/// One transaction for a group of jobs, tried again while the server is away.
async fn commit(place: &Place, group: &mut [Box<dyn Job>], cache: &mut Cache) -> Result<(), Fault> {
    let mut wanted = BTreeSet::new();
    let mut repeated = false;
    cache.bound();
    let mut tries = Tries::new(place);
    loop {
        let client = tries.client().await?;
        let mut base = Base { cache: std::mem::take(cache), ..Base::default() };
        let connection = Connection { client: &client, schema: &place.schema };
        let work = decide(connection, place, group, &mut base, &mut wanted, &mut repeated);
        match in_time(work).await {
            Ok(()) => {
                *cache = base.cache;
                return Ok(());
            }
            // What was read before may not be so any more: another server may be in its place.
            Err(fault) => tries.after(client, fault).await?,
        }
    }
}

/// The same again as long as its faults pass by themselves, up to a time.
pub(super) struct Tries<'a> {
    place: &'a Place,
    deadline: Instant,
    pause: Duration,
}

impl<'a> Tries<'a> {
    pub(super) fn new(place: &'a Place) -> Self {
        Self { place, deadline: Instant::now() + PATIENCE, pause: Duration::from_millis(5) }
    }

    /// A connection.
    pub(super) async fn client(&mut self) -> Result<Object, Fault> {
        loop {
            match self.place.pool.get().await {
                Ok(client) => return Ok(client),
                Err(error) => {
                    let fault = Fault::from(error);
                    if fault.is_disconnected() {
                        self.place.lose();
                    }
                    self.wait(fault).await?;
                }
            }
        }
    }

    /// Undoes what is open and waits a little, if another try makes sense.
    pub(super) async fn after(&mut self, client: Object, fault: Fault) -> Result<(), Fault> {
        // A connection on which that fails is of no use any more.
        if fault.is_disconnected() || client.batch_execute("ROLLBACK").await.is_err() {
            drop(Object::take(client));
            self.place.lose();
        }
        self.wait(fault).await
    }

    async fn wait(&mut self, fault: Fault) -> Result<(), Fault> {
        if !fault.is_passing() || Instant::now() + self.pause > self.deadline {
            return Err(fault);
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(())
    }
}

/// Does not wait for ever.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(TRY, work).await.unwrap_or(Err(Fault::Silent))
}

/// Locks, fetches, decides and writes. An error is one of all jobs; the transaction may still be open then.
async fn decide(
    connection: Connection<'_>,
    place: &Place,
    group: &mut [Box<dyn Job>],
    base: &mut Base,
    wanted: &mut BTreeSet<Need>,
    repeated: &mut bool,
) -> Result<(), Fault> {
    'locks: loop {
        base.renew();
        predict(group.iter().flat_map(|job| job.hints()), base, wanted);
        let mut fetched = lock(connection, place.clock, base, wanted).await?;
        loop {
            predict(group.iter().flat_map(|job| job.hints()), base, wanted);
            let new: Vec<Need> = wanted.difference(&fetched).cloned().collect();
            if new.iter().any(Need::is_lock) {
                connection.batch("ROLLBACK").await?;
                continue 'locks;
            }
            if !new.is_empty() {
                fetch(&connection, base, &new).await?;
                fetched.extend(new);
                continue;
            }
            let mut overlay = Overlay::new(std::mem::take(base), place.limits, *repeated);
            for job in &mut *group {
                let keep = job.run(&mut overlay);
                overlay.end_job(keep);
            }
            let (renewed, changes, missed) = overlay.into_parts();
            *base = renewed;
            if missed.is_empty() {
                return write(connection, Writes::of(changes, place.limits), repeated).await;
            }
            if missed.is_subset(&fetched) {
                return Err(LedgerError::new(LedgerErrorKind::Other, "the ledger asks in a circle").into());
            }
            wanted.extend(missed);
        }
    }
}

/// Begins, and locks what is wanted in the one order that everybody keeps.
async fn lock(
    connection: Connection<'_>,
    clock: WhoseClock,
    base: &mut Base,
    wanted: &BTreeSet<Need>,
) -> Result<BTreeSet<Need>, Fault> {
    let locks: BTreeSet<Need> = wanted.iter().filter(|need| need.is_lock()).cloned().collect();
    let campaigns: Vec<i64> = locks
        .iter()
        .filter_map(|lock| match lock {
            Need::Campaign(campaign) => Some(campaign.get()),
            _ => None,
        })
        .collect();
    for need in &locks {
        match need {
            Need::Campaign(campaign) => {
                base.sums.insert(*campaign, None);
            }
            _ => base.global = true,
        }
    }
    let sums = format!("SELECT {SUMS} FROM @.standing WHERE campaign = ANY($1) ORDER BY campaign FOR UPDATE");
    let campaigns = Params::new().integers(campaigns);
    let nothing = Params::new();
    let mut statements = Vec::new();
    let has_sums = !base.sums.is_empty();
    if has_sums {
        statements.push((sums.as_str(), &campaigns));
    }
    if base.global {
        statements.push(("SELECT version FROM @.meta FOR UPDATE", &nothing));
    }
    if clock == WhoseClock::Server {
        // Last of all: it is what time it is with the locks in hand, however long they took.
        statements.push((CLOCK, &nothing));
    }
    connection.batch(BEGIN).await?;
    let locked = connection.query_all(&statements).await?;
    if clock == WhoseClock::Server {
        let row = locked.last().and_then(|rows| rows.first()).ok_or_else(damaged)?;
        base.now = Some(time(row, 0)?);
    }
    if let Some(rows) = locked.first().filter(|_| has_sums) {
        absorb_sums(base, rows)?;
    }
    Ok(locks)
}

/// Writes and commits, all on its way at once.
async fn write(connection: Connection<'_>, writes: Writes, repeated: &mut bool) -> Result<(), Fault> {
    // A caller that is cut off from here on does not know what became of it.
    let before = std::mem::replace(repeated, true);
    let outcome = connection.commit(&writes.0).await;
    if !outcome.as_ref().is_err_and(Fault::is_disconnected) {
        *repeated = before;
    }
    outcome
}

/// Reads as of one moment, without locks, and writes nothing.
pub(super) async fn read<T>(
    place: &Place,
    hints: &[Need],
    mut work: impl FnMut(&mut Overlay) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let mut wanted: BTreeSet<Need> = hints.iter().cloned().collect();
    let mut tries = Tries::new(place);
    loop {
        let client = tries.client().await.map_err(Fault::into_error)?;
        let connection = Connection { client: &client, schema: &place.schema };
        let outcome = in_time(read_once(connection, place.limits, &mut wanted, &mut work)).await;
        match outcome {
            Ok(value) => return Ok(value),
            Err(fault) => tries.after(client, fault).await.map_err(Fault::into_error)?,
        }
    }
}

async fn read_once<T>(
    connection: Connection<'_>,
    limits: StoreLimits,
    wanted: &mut BTreeSet<Need>,
    work: &mut impl FnMut(&mut Overlay) -> Result<T, LedgerError>,
) -> Result<T, Fault> {
    connection.batch(BEGIN_READING).await?;
    let mut base = Base::default();
    let mut fetched = BTreeSet::new();
    loop {
        let new: Vec<Need> = wanted.difference(&fetched).cloned().collect();
        fetch(&connection, &mut base, &new).await?;
        fetched.extend(new);
        let mut overlay = Overlay::new(std::mem::take(&mut base), limits, false);
        let outcome = work(&mut overlay);
        let (renewed, _, missed) = overlay.into_parts();
        base = renewed;
        if missed.is_subset(&fetched) {
            // An error that is not a miss is the answer.
            let value = outcome?;
            connection.batch("COMMIT").await?;
            return Ok(value);
        }
        wanted.extend(missed);
    }
}
