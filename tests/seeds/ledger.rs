//! The ledger in memory behind a door that is sometimes stuck, and at which a process may die.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::ledger::{
    Applied, BatchRecord, BoxFuture, CallbackCount, CampaignId, CampaignRecord, CampaignStatus, Claim, Claimed,
    Created, DeferredCounts, Entry, Held, Ledger, LedgerError, LedgerErrorKind, MemoryLedger, MessageFailure,
    NewCampaign, Plan, Pulse, ReasonCount, ReceivedCallback, Renewed, RetryRow, Run,
};
use sinch_batch::models::Timestamp;
use sinch_batch::tracking::{MessageState, Observation};

use crate::process::{Fuse, Place};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) inner: Arc<MemoryLedger>,
    pub(crate) world: Arc<World>,
    pub(crate) fuse: Arc<Fuse>,
}

impl Door {
    fn stuck(&self, what: &str) -> Result<(), LedgerError> {
        let stuck = {
            let mut state = self.world.state();
            let percent = state.faults.ledger;
            let stuck = state.choices.between(0, 1000) < percent;
            stuck.then(|| state.choices.one_of(&[LedgerErrorKind::Busy, LedgerErrorKind::Full]))
        };
        let Some(kind) = stuck else { return Ok(()) };
        self.world.count("ledger failed");
        self.world.say(|| format!("{} the ledger fails to {what}: {kind:?}", self.fuse));
        Err(LedgerError::new(kind, "a fault"))
    }

    /// A ledger may be on another machine.
    async fn on_the_way(&self) {
        let takes = {
            let mut state = self.world.state();
            let most = state.faults.ledger_takes;
            if most > 0 { state.choices.between(0, most) } else { 0 }
        };
        if takes > 0 {
            tokio::time::sleep(Duration::from_millis(takes)).await;
        }
    }

    /// An entry: the process may die before it is written, or before it learns that it was.
    async fn write<T>(
        &self,
        what: &str,
        write: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        self.fuse.pass(Place::BeforeEntry).await;
        self.on_the_way().await;
        self.stuck(what)?;
        let written = write.await;
        self.fuse.pass(Place::AfterEntry).await;
        self.on_the_way().await;
        written
    }
}

fn brief(entry: &Entry) -> String {
    match entry {
        Entry::Intent { number, attempt, token } => format!("intent {attempt} of batch {number}, token {token}"),
        Entry::Returned { number, .. } => format!("batch {number} returned without an outcome"),
        Entry::Accepted { number, batch_id } => format!("batch {number} accepted as {batch_id}"),
        Entry::Refused { number, attempt, why } => format!("attempt {attempt} of batch {number} refused: {why}"),
        Entry::Doubled { number, batch_ids } => format!("batch {number} doubled: {batch_ids:?}"),
        Entry::Released { number, why, .. } => format!("batch {number} released: {why:?}"),
        other => format!("{other:?}"),
    }
}

impl Ledger for Door {
    fn create(&self, campaign: NewCampaign, plan: Box<dyn Plan>) -> BoxFuture<'_, Result<Created, LedgerError>> {
        Box::pin(self.write("create a campaign", self.inner.create(campaign, plan)))
    }

    fn campaign<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<CampaignRecord>, LedgerError>> {
        Box::pin(async move {
            self.stuck("name a campaign")?;
            self.inner.campaign(name).await
        })
    }

    fn campaigns(&self) -> BoxFuture<'_, Result<Vec<CampaignRecord>, LedgerError>> {
        self.inner.campaigns()
    }

    fn cancel(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner.cancel(campaign)
    }

    fn pause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner.pause(campaign)
    }

    fn unpause(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner.unpause(campaign)
    }

    fn stop(&self, campaign: CampaignId) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner.stop(campaign)
    }

    fn held(&self, campaign: CampaignId, now: Timestamp) -> BoxFuture<'_, Result<Vec<Held>, LedgerError>> {
        self.inner.held(campaign, now)
    }

    fn messages(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(u64, MessageState)>, LedgerError>> {
        self.inner.messages(campaign, after_row, limit)
    }

    fn retry_rows(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<RetryRow>, LedgerError>> {
        self.inner.retry_rows(campaign, after_row, limit)
    }

    fn begin_run(&self, campaign: CampaignId, resend_after: Duration) -> BoxFuture<'_, Result<Run, LedgerError>> {
        Box::pin(self.write("begin a run", async move {
            let run = self.inner.begin_run(campaign, resend_after).await;
            // A run that was refused has told nobody how long to wait.
            if run.is_ok() {
                self.world.count("began");
            }
            self.world.say(|| format!("{} begins: {run:?}", self.fuse));
            run
        }))
    }

    fn claim(&self, campaign: CampaignId, claim: Claim) -> BoxFuture<'_, Result<Claimed, LedgerError>> {
        Box::pin(self.write("claim", async move {
            let claimed = self.inner.claim(campaign, claim).await;
            if let Ok(claimed) = &claimed
                && !claimed.leases.is_empty()
            {
                if claimed.leases.iter().any(|lease| lease.lapsed_at.is_some()) {
                    self.world.count("taken over");
                }
                let its = || claimed.leases.iter().map(|lease| (lease.number, lease.token, lease.stage));
                self.world.say(|| format!("{} claims {:?}", self.fuse, its().collect::<Vec<_>>()));
            }
            claimed
        }))
    }

    fn renew<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        held: Vec<(u32, u64)>,
        lease: Duration,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Renewed, LedgerError>> {
        Box::pin(self.write("renew", async move {
            let renewed = self.inner.renew(campaign, worker, held, lease, now).await;
            self.world.count("renewed");
            renewed
        }))
    }

    fn release<'a>(
        &'a self,
        campaign: CampaignId,
        worker: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.write("say goodbye", self.inner.release(campaign, worker, now)))
    }

    fn record(&self, campaign: CampaignId, entry: Entry, now: Timestamp) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            let what = brief(&entry);
            let again = matches!(entry, Entry::Intent { attempt: 2.., .. });
            self.write("record", async move {
                let recorded = self.inner.record(campaign, entry, now).await;
                let result = recorded.as_ref().map_or_else(|error| format!(": {error}"), |()| String::new());
                self.world.say(|| format!("{} records {what}{result}", self.fuse));
                match &recorded {
                    Ok(()) if again => self.world.count("sent again"),
                    Err(error) if error.kind() == LedgerErrorKind::Fenced => self.world.count("fenced"),
                    Err(error) if error.kind() == LedgerErrorKind::Accepted => self.world.count("adopted"),
                    _ => {}
                }
                recorded
            })
            .await
        })
    }

    fn apply(&self, observation: Observation) -> BoxFuture<'_, Result<Applied, LedgerError>> {
        self.inner.apply(observation)
    }

    fn apply_callback(&self, callback: ReceivedCallback) -> BoxFuture<'_, Result<Option<Applied>, LedgerError>> {
        Box::pin(async move {
            self.stuck("apply a callback")?;
            self.inner.apply_callback(callback).await
        })
    }

    fn reasons(&self, campaign: CampaignId) -> BoxFuture<'_, Result<Vec<ReasonCount>, LedgerError>> {
        self.inner.reasons(campaign)
    }

    fn pulse(
        &self,
        campaign: CampaignId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Pulse>, LedgerError>> {
        self.inner.pulse(campaign, from, to)
    }

    fn callbacks(&self) -> BoxFuture<'_, Result<Vec<CallbackCount>, LedgerError>> {
        self.inner.callbacks()
    }

    fn deferred(&self) -> BoxFuture<'_, Result<DeferredCounts, LedgerError>> {
        self.inner.deferred()
    }

    fn status(&self, campaign: CampaignId) -> BoxFuture<'_, Result<CampaignStatus, LedgerError>> {
        Box::pin(async move {
            self.stuck("read its status")?;
            self.inner.status(campaign).await
        })
    }

    fn batches(
        &self,
        campaign: CampaignId,
        after: u32,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<BatchRecord>, LedgerError>> {
        self.inner.batches(campaign, after, limit)
    }

    fn failures(
        &self,
        campaign: CampaignId,
        after_row: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<MessageFailure>, LedgerError>> {
        self.inner.failures(campaign, after_row, limit)
    }

    fn message(&self, campaign: CampaignId, row: u64) -> BoxFuture<'_, Result<Option<MessageState>, LedgerError>> {
        self.inner.message(campaign, row)
    }
}
