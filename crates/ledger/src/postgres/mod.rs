//! A ledger in Postgres, for several machines.
//!
//! The same decisions as in memory and in SQLite, over the same few records: see [`decide`]. A write
//! locks the campaigns that it is about, by their rows of sums; nothing else is waited for. What waits in one process
//! is written in one transaction. Statements need nothing of the session, so a pooler in transaction mode may stand
//! in between.
//!
//! **Leases go by the server's clock**, read under the lock, so a worker whose clock is wrong neither takes over too
//! early nor holds anything too long. Times that callers give say nothing about it; times that they get of leases are
//! told by their own clock. Tests that make time pass open it with [`by_clock_of_callers`](PostgresLedger::by_clock_of_callers).

mod connection;
mod fault;
mod fetch;
mod group;
mod need;
mod overlay;
mod predict;
mod read;
mod records;
mod schema;
mod shared;
mod transfer;
mod url;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sinch_batch_models::Timestamp;
use sinch_batch_tracking::{MessageState, Observation};

pub use self::shared::{SharedCursor, SharedNonce, SharedNonceState};

use self::connection::Connection;
use self::fault::Fault;
use self::group::{Place, Tries, WhoseClock, Writer, in_time};
use self::need::{Need, key};
use self::overlay::Overlay;
use self::predict::Hint;
use self::url::Target;
use crate::callback::{Applied, CallbackCount, DeferredCounts, ReceivedCallback};
use crate::campaign::{CampaignId, CampaignRecord, Created, NewCampaign};
use crate::decide;
use crate::entry::{BatchRecord, Entry, MessageFailure, RetryRow};
use crate::error::LedgerError;
use crate::lease::{Claim, Claimed, Held, Renewed, Run};
use crate::ledger::{BoxFuture, Ledger, Pruned};
use crate::plan::Plan;
use crate::status::CampaignStatus;
use crate::store::StoreLimits;
use crate::sums::{Pulse, ReasonCount, between};
use crate::worker::Worker;

/// A ledger in Postgres, which processes on several machines can use at once.
///
/// Writes are gathered, and answered after the commit is on the server's disk. While the server is away the same is
/// tried again for 10 seconds, then it fails with [`Busy`](crate::LedgerErrorKind::Busy); after such an error it may
/// have been written all the same, which does no harm when it is repeated. Counts of callbacks may then be too high by
/// one group.
///
/// It needs a tokio runtime with I/O and time, which has to live as long as the ledger. What was given to it before it is
/// dropped is still written as long as the runtime lives.
pub struct PostgresLedger {
    writer: Writer,
    place: Place,
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("PostgresLedger").field("schema", &self.place.schema).finish_non_exhaustive()
    }
}

impl PostgresLedger {
    /// Opens a ledger; an empty schema becomes one.
    ///
    /// The URL is `postgres://user:password@host/database`, with `?schema=NAME` if it is not `sinch_batch`, and
    /// `sslmode` and `sslrootcert` as in libpq. Any host but this machine is reached by TLS alone, and its name is
    /// always verified; only `sslmode=disable` says otherwise.
    ///
    /// # Errors
    /// `Open` if the URL is wrong, the server cannot be reached, or it does not wait for its disk; `NotALedger`, `TooOld`
    /// and `TooNew` if the schema holds something else, which is left as it is. Tables that are too old are brought up
    /// to date by [`migrate`](Self::migrate). Or another kind that speaks of the storage.
    pub async fn open(url: &str) -> Result<Self, LedgerError> {
        Self::open_with_limits(url, StoreLimits::default()).await
    }

    /// Opens a ledger that keeps more or fewer receipts which belong to nothing known. All that share it should have the
    /// same limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_limits(url: &str, limits: StoreLimits) -> Result<Self, LedgerError> {
        Self::open_at(place(url, limits)?, true).await
    }

    /// Opens a ledger that is there already; nothing is made.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `NotALedger` if the schema is empty.
    pub async fn open_existing(url: &str) -> Result<Self, LedgerError> {
        Self::open_at(place(url, StoreLimits::default())?, false).await
    }

    /// Lets leases go by the time that callers say it is, as the ledgers of one machine do: for tests that make time pass.
    /// All that share the ledger have to say the same.
    #[must_use]
    pub fn by_clock_of_callers(self) -> Self {
        let place = Place { clock: WhoseClock::Caller, ..self.place };
        Self { writer: Writer::start(place.clone()), place }
    }

    async fn open_at(place: Place, may_create: bool) -> Result<Self, LedgerError> {
        let mut tries = Tries::new(&place);
        loop {
            let client = tries.client().await.map_err(Fault::into_error)?;
            match in_time(schema::open(Connection { client: &client, schema: &place.schema }, may_create)).await {
                Ok(()) => break,
                Err(fault) => tries.after(client, fault).await.map_err(Fault::into_error)?,
            }
        }
        Ok(Self { writer: Writer::start(place.clone()), place })
    }

    /// Brings the tables to the version of this release, or makes them.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `TooOld`.
    pub async fn migrate(url: &str) -> Result<(), LedgerError> {
        let place = place(url, StoreLimits::default())?;
        let mut tries = Tries::new(&place);
        loop {
            let client = tries.client().await.map_err(Fault::into_error)?;
            match in_time(schema::migrate(Connection { client: &client, schema: &place.schema })).await {
                Ok(()) => return Ok(()),
                Err(fault) => tries.after(client, fault).await.map_err(Fault::into_error)?,
            }
        }
    }

    /// The statements that [`migrate`](Self::migrate) would run, for an administrator who runs them by hand; empty if
    /// the tables are up to date.
    ///
    /// # Errors
    /// As [`migrate`](Self::migrate).
    pub async fn migration(url: &str) -> Result<String, LedgerError> {
        let place = place(url, StoreLimits::default())?;
        let mut tries = Tries::new(&place);
        loop {
            let client = tries.client().await.map_err(Fault::into_error)?;
            match in_time(schema::migration(Connection { client: &client, schema: &place.schema })).await {
                Ok(sql) => return Ok(sql),
                Err(fault) => tries.after(client, fault).await.map_err(Fault::into_error)?,
            }
        }
    }

    fn write<'a, T: Send + 'static>(
        &self,
        hints: Vec<Hint>,
        work: impl FnMut(&mut Overlay) -> Result<T, LedgerError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, LedgerError>> {
        self.writer.run(hints, false, work)
    }

    /// Something that nothing else may be in one transaction with.
    fn write_alone<'a, T: Send + 'static>(
        &self,
        hints: Vec<Hint>,
        work: impl FnMut(&mut Overlay) -> Result<T, LedgerError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, LedgerError>> {
        self.writer.run(hints, true, work)
    }
}

fn place(url: &str, limits: StoreLimits) -> Result<Place, LedgerError> {
    let target = Target::read(url)?;
    let losses = Arc::new(AtomicU64::new(0));
    let pool = target.pool(Arc::clone(&losses))?;
    Ok(Place { pool, schema: target.schema.into(), limits, clock: WhoseClock::Server, losses })
}

fn about(campaign: CampaignId) -> Vec<Hint> {
    vec![Hint::Needs(Need::Campaign(campaign))]
}

fn create(overlay: &mut Overlay, new: &NewCampaign, plan: &dyn Plan) -> Result<Created, LedgerError> {
    if overlay.repeated
        && let Some(campaign) = overlay.created_before(new)?
    {
        return Ok(Created::new(campaign, None));
    }
    decide::create(overlay, new.clone(), plan)
}

/// What was claimed at a time of the server's clock, as the caller's clock would tell it.
fn by_clock(mut claimed: Claimed, caller: Timestamp, server: Timestamp) -> Claimed {
    let told = |time: Timestamp| told_by(time, caller, server);
    for lease in &mut claimed.leases {
        lease.may_leave_until = lease.may_leave_until.map(told);
        lease.lapsed_at = lease.lapsed_at.map(told);
    }
    for held in &mut claimed.held {
        held.until = told(held.until);
    }
    claimed
}

/// A time of the server's clock by the caller's, where both show the same moment.
fn told_by(time: Timestamp, caller: Timestamp, server: Timestamp) -> Timestamp {
    let by = caller.as_microsecond().saturating_sub(server.as_microsecond());
    Timestamp::from_microsecond(time.as_microsecond().saturating_add(by)).unwrap_or(time)
}

impl Ledger for PostgresLedger {
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> BoxFuture<'_, Result<Created, LedgerError>> {
        let mut needs = vec![
            Need::Global,
            Need::NextCampaign,
            Need::Name(key(&campaign.name)),
            Need::Key(key(&campaign.key)),
            Need::Orphans(key(&campaign.key)),
        ];
        if campaign.parent.is_none() && !campaign.practice {
            needs.push(Need::over(&campaign));
            if !campaign.allow_duplicate {
                let limit = crate::plan::MAX_BATCHES as usize;
                let digests: Vec<_> = plan.batches().take(limit).map(|planned| planned.digest).collect();
                needs.extend([Need::like(&campaign), Need::Digests(digests.into())]);
            }
        }
        let hints = needs.into_iter().map(Hint::Needs).collect();
        self.write_alone(hints, move |overlay| create(overlay, &campaign, &*plan))
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<CampaignRecord>, LedgerError>> {
        Box::pin(read::campaign(&self.place, name))
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<CampaignRecord>, LedgerError>> {
        Box::pin(read::campaigns(&self.place))
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(about(campaign), move |overlay| decide::cancel(overlay, campaign))
    }

    fn pause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(about(campaign), move |overlay| decide::pause(overlay, campaign))
    }

    fn halt(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(about(campaign), move |overlay| decide::halt(overlay, campaign))
    }

    fn unpause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(about(campaign), move |overlay| decide::unpause(overlay, campaign))
    }

    fn stop(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.write(about(campaign), move |overlay| decide::stop(overlay, campaign))
    }

    fn forget(&self, campaign: CampaignId, rows: Vec<u64>) -> BoxFuture<'_, Result<u64, LedgerError>> {
        self.write(about(campaign), move |overlay| decide::forget(overlay, campaign, &rows))
    }

    fn ended(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Option<Timestamp>, LedgerError>> {
        Box::pin(async move {
            let needs = [Need::Record(campaign)];
            group::read(&self.place, &needs, |overlay| decide::ended(overlay, campaign)).await
        })
    }

    fn prune(&self, campaign: CampaignId, before: Timestamp, limit: u32) -> BoxFuture<'_, Result<Pruned, LedgerError>> {
        let mut hints = about(campaign);
        // What was deferred may be cleared with them, and belongs to no campaign.
        hints.push(Hint::Needs(Need::Global));
        self.write_alone(hints, move |overlay| decide::prune(overlay, campaign, before, limit))
    }

    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> BoxFuture<'_, Result<Run, LedgerError>> {
        let mut hints = about(campaign);
        hints.push(Hint::Needs(Need::Recount(campaign)));
        self.write_alone(hints, move |overlay| decide::begin_run(overlay, campaign, resend_after))
    }

    fn claim(&self, campaign: CampaignId, claim: Claim) -> BoxFuture<'_, Result<Claimed, LedgerError>> {
        let mut hints = about(campaign);
        hints.push(Hint::Needs(Need::Record(campaign)));
        hints.push(Hint::Needs(Need::Worker(key(claim.worker.name()))));
        hints.push(Hint::Needs(Need::Held(campaign)));
        self.write(hints, move |overlay| {
            let now = overlay.time(claim.now);
            let claimed = decide::claim(overlay, campaign, &Claim { now, ..claim.clone() }, Worker::is_gone)?;
            Ok(by_clock(claimed, claim.now, now))
        })
    }

    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Renewed, LedgerError>> {
        let worker = worker.to_owned();
        let mut hints = about(campaign);
        hints.extend(held.iter().map(|(number, _)| Hint::Needs(Need::Batch(campaign, *number))));
        self.write(hints, move |overlay| {
            let now = overlay.time(now);
            decide::renew(overlay, campaign, &worker, &held, lease, now)
        })
    }

    fn release<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        let worker = worker.to_owned();
        let mut hints = about(campaign);
        hints.push(Hint::Needs(Need::Held(campaign)));
        self.write(hints, move |overlay| {
            let now = overlay.time(now);
            decide::release(overlay, campaign, &worker, now)
        })
    }

    fn held(&self, campaign: CampaignId, now: Timestamp) -> BoxFuture<'_, Result<Vec<Held>, LedgerError>> {
        Box::pin(read::held(&self.place, campaign, now))
    }

    fn losses(&self) -> u64 {
        self.place.losses.load(Ordering::SeqCst)
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>> {
        let hints = vec![Hint::entry(campaign, &entry)];
        self.write(hints, move |overlay| {
            let now = overlay.time(now);
            decide::record(overlay, campaign, entry.clone(), now)
        })
    }

    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>> {
        let hints = Hint::of(&observation).into_iter().collect();
        self.write(hints, move |overlay| decide::apply(overlay, &observation))
    }

    fn apply_many(&self, observations: Vec<Observation>) -> BoxFuture<'_, Result<Vec<Applied>, LedgerError>> {
        let hints = observations.iter().filter_map(Hint::of).collect();
        self.write(hints, move |overlay| {
            observations.iter().map(|observation| decide::apply(overlay, observation)).collect()
        })
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>> {
        let hints = callback.observation().and_then(Hint::of).into_iter().collect();
        self.write(hints, move |overlay| decide::apply_callback(overlay, &callback))
    }

    fn apply_callbacks(
        &self,
        callbacks: Vec<ReceivedCallback>,
    ) -> BoxFuture<'_, Result<Vec<Option<Applied>>, LedgerError>> {
        let hints = callbacks.iter().filter_map(|callback| Hint::of(callback.observation()?)).collect();
        self.write(hints, move |overlay| {
            callbacks.iter().map(|callback| decide::apply_callback(overlay, callback)).collect()
        })
    }

    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>> {
        Box::pin(read::callbacks(&self.place))
    }

    fn deferred(&self) -> BoxFuture<'_, Result<DeferredCounts, LedgerError>> {
        Box::pin(read::deferred(&self.place))
    }

    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>> {
        Box::pin(read::status(&self.place, campaign))
    }

    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        Box::pin(read::batches(&self.place, campaign, after, limit))
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<MessageFailure>, LedgerError>> {
        Box::pin(read::failures(&self.place, campaign, after_row, limit))
    }

    fn messages(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, MessageState)>, LedgerError>> {
        Box::pin(read::messages(&self.place, campaign, after_row, limit))
    }

    fn retry_rows(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<RetryRow>, LedgerError>> {
        Box::pin(async move {
            let failures = read::failures(&self.place, campaign, after_row, limit).await?;
            let needs = [Need::Record(campaign)];
            group::read(&self.place, &needs, |overlay| decide::retry_rows(overlay, campaign, failures.clone())).await
        })
    }

    fn reasons(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<ReasonCount>, LedgerError>> {
        Box::pin(read::reasons(&self.place, campaign))
    }

    fn pulse(
        &self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Pulse>, LedgerError>> {
        Box::pin(read::pulse(&self.place, campaign, between(from, to)))
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        Box::pin(read::message(&self.place, campaign, row))
    }
}
