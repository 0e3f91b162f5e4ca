//! The loop that obeys [`step`], and the wait for receipts after it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use sinch_batch_ledger::{BatchStage, Campaign, CampaignStatus, Entry, Ledger, LedgerErrorKind};
use sinch_batch_models::{AppId, Message, SendBatchRequest, Timestamp};
use sinch_batch_tracking::{BATCH_KEY, BatchKey};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::CampaignError;
use crate::plan::{BatchSource, PlannedBatch};
use crate::sender::{BoxFuture, SendFailure, Sender};
use crate::step::{BatchNumber, Command, Ended, Fact, Input, Limits, State, Stop, step};
use crate::watch::{Watch, Watcher};

/// Runs one campaign: sends its batches, keeps the ledger, waits for receipts.
pub struct Runner<S> {
    ledger: Arc<dyn Ledger>,
    sender: Arc<S>,
    campaign: Campaign,
    app_id: AppId,
    message: Message,
    limits: Limits,
}

impl<S> fmt::Debug for Runner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("campaign", &self.campaign.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A batch under way: what is sent, and what the ledger needs to know of it.
struct Payload {
    request: SendBatchRequest,
    batch: Entry,
}

/// How often the ledger is looked at, for progress and for receipts that another process hears.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many batches are cut ahead of the sending.
const READ_AHEAD: usize = 2;

impl<S: Sender> Runner<S> {
    /// A runner for a campaign that the ledger knows.
    pub fn new(ledger: Arc<dyn Ledger>, sender: Arc<S>, campaign: Campaign, app_id: AppId, message: Message) -> Self {
        Self { ledger, sender, campaign, app_id, message, limits: Limits::default() }
    }

    /// Sets what bounds the campaign.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends every batch of the source, until the service has all of them or nothing more can be
    /// done. When `stop` completes nothing new is started, and what is under way ends in order.
    ///
    /// # Errors
    /// When the ledger or the source fails. What was recorded stays, and the campaign can be resumed.
    pub async fn send<B: BatchSource>(
        &self,
        source: B,
        stop: impl Future<Output = ()>,
        mut on_progress: impl FnMut(&CampaignStatus),
    ) -> Result<Ended, CampaignError> {
        let clock = Clock::start();
        let standing = self.ledger.status(self.campaign.id).await?;
        on_progress(&standing);
        let mut state = State::new(self.limits.clone(), standing.accepted > 0);
        let mut planned = read_ahead(source);
        let mut plan_wanted = false;
        let mut payloads: HashMap<BatchNumber, Arc<Payload>> = HashMap::new();
        let mut work: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
        let mut failure: Option<CampaignError> = None;
        let mut inputs = vec![Input::Start];
        let mut stop = std::pin::pin!(stop);
        let mut stopped = false;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut wake = None;
            for input in inputs.drain(..) {
                wake = None;
                for command in step(&mut state, input, clock.now()) {
                    match command {
                        Command::Plan => plan_wanted = true,
                        Command::Record(number, fact) => {
                            work.push(Box::pin(self.record(number, payloads.get(&number).cloned(), fact, clock.now())));
                        }
                        Command::Send(number) => {
                            work.push(Box::pin(self.call(number, payloads.get(&number).cloned())));
                        }
                        Command::LookUp(number) => work.push(Box::pin(self.look_up(number))),
                        Command::Forget(number) => {
                            payloads.remove(&number);
                        }
                        Command::Wake(at) => wake = Some(at),
                        Command::Finish(ended) => {
                            on_progress(&self.ledger.status(self.campaign.id).await?);
                            return failure.map_or(Ok(ended), Err);
                        }
                    }
                }
            }
            tokio::select! {
                Some(done) = work.next(), if !work.is_empty() => {
                    if let Some(error) = done.error {
                        failure.get_or_insert(error);
                    }
                    inputs.push(done.input);
                }
                batch = planned.recv(), if plan_wanted => {
                    plan_wanted = false;
                    match batch {
                        Some(Ok(batch)) => {
                            inputs.push(Input::Planned(batch.number, batch.origin));
                            payloads.insert(batch.number, Arc::new(self.payload(batch)));
                        }
                        Some(Err(error)) => {
                            failure.get_or_insert(error);
                            inputs.extend([Input::Stop(Stop::Input), Input::Exhausted]);
                        }
                        None => inputs.push(Input::Exhausted),
                    }
                }
                () = &mut stop, if !stopped => {
                    stopped = true;
                    inputs.push(Input::Stop(Stop::Interrupted));
                }
                () = tokio::time::sleep(clock.until(wake)), if wake.is_some() => inputs.push(Input::Tick),
                _ = look.tick() => {
                    on_progress(&self.ledger.status(self.campaign.id).await?);
                    inputs.push(Input::Tick);
                }
            }
        }
    }

    /// Waits until every accepted message is delivered, read or failed, `stop` completes, or nothing
    /// was heard for `quiet`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn wait_for_receipts(
        &self,
        quiet: Duration,
        stop: impl Future<Output = ()>,
        mut on_progress: impl FnMut(&CampaignStatus),
    ) -> Result<Watch, CampaignError> {
        let clock = Clock::start();
        let mut watcher = Watcher::new(quiet, clock.now());
        let mut stop = std::pin::pin!(stop);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = &mut stop => return Ok(Watch::Interrupted),
            }
            let standing = self.ledger.status(self.campaign.id).await?;
            on_progress(&standing);
            match watcher.look(&standing, clock.now()) {
                Watch::Waiting => {}
                end => return Ok(end),
            }
        }
    }

    fn payload(&self, batch: PlannedBatch) -> Payload {
        let key = BatchKey::new(self.campaign.key.as_str(), batch.number);
        let request = SendBatchRequest::new(self.app_id.clone(), self.message.clone(), batch.recipients)
            .with_batch_metadata(BATCH_KEY, key.to_string());
        Payload { request, batch: Entry::Intent { number: batch.number, rows: batch.rows } }
    }

    async fn record(&self, number: BatchNumber, payload: Option<Arc<Payload>>, fact: Fact, now: Timestamp) -> Done {
        let entry = match (fact, payload) {
            (Fact::Intent, Some(payload)) => payload.batch.clone(),
            (Fact::Intent, None) => return Input::Lost(number).into(),
            (Fact::Accepted(batch_id), _) => Entry::Accepted { number, batch_id },
            (Fact::Refused(why), _) => Entry::Refused { number, why },
        };
        match self.ledger.record(self.campaign.id, entry, now).await {
            Ok(()) => Input::Recorded(number).into(),
            Err(error) if error.kind() == LedgerErrorKind::Impossible && self.is_accepted(number).await => {
                Input::Adopted(number).into()
            }
            Err(error) => Done { input: Input::Lost(number), error: Some(error.into()) },
        }
    }

    async fn is_accepted(&self, number: BatchNumber) -> bool {
        match self.ledger.batches(self.campaign.id, number.saturating_sub(1), 1).await {
            Ok(batches) => batches.iter().any(|batch| batch.number == number && batch.stage == BatchStage::Accepted),
            // The error at hand is told instead.
            Err(_) => false,
        }
    }

    async fn call(&self, number: BatchNumber, payload: Option<Arc<Payload>>) -> Done {
        let Some(payload) = payload else { return Input::Lost(number).into() };
        let answer = self.sender.send(&payload.request).await;
        match &answer {
            Ok(batch_id) => tracing::debug!(batch = number, %batch_id, "accepted"),
            Err(SendFailure::Unknown { why }) => tracing::warn!(batch = number, why, "outcome unknown, looking it up"),
            Err(SendFailure::NotNow { why, .. } | SendFailure::Expired { why }) => {
                tracing::warn!(batch = number, why, "not now, waiting")
            }
            Err(SendFailure::Refused { why, .. }) => tracing::warn!(batch = number, why, "refused"),
        }
        Input::Sent(number, answer).into()
    }

    async fn look_up(&self, number: BatchNumber) -> Done {
        let key = BatchKey::new(self.campaign.key.as_str(), number);
        let answer = self.sender.look_up(&key).await;
        if let Ok(found) = &answer
            && found.len() > 1
        {
            tracing::warn!(batch = number, found = found.len(), "the service holds this batch more than once");
        }
        Input::Found(number, answer.map(|found| found.into_iter().next())).into()
    }
}

/// What one piece of work came to.
struct Done {
    input: Input,
    error: Option<CampaignError>,
}

impl From<Input> for Done {
    fn from(input: Input) -> Self {
        Self { input, error: None }
    }
}

/// Reads and cuts on a thread of its own, a little ahead.
fn read_ahead<B: BatchSource>(mut source: B) -> mpsc::Receiver<Result<PlannedBatch, CampaignError>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    tokio::task::spawn_blocking(move || {
        loop {
            let batch = match source.next_batch() {
                Ok(Some(batch)) => Ok(batch),
                Ok(None) => return,
                Err(error) => Err(CampaignError::Source(Box::new(error))),
            };
            let last = batch.is_err();
            if sender.blocking_send(batch).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// The wall clock at the start, carried on by the steady one, so that a change of the system's time
/// cannot shorten a settle time.
struct Clock {
    began: Timestamp,
    steady: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { began: Timestamp::now(), steady: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        self.began.checked_add(self.steady.elapsed()).unwrap_or(Timestamp::MAX)
    }

    fn until(&self, at: Option<Timestamp>) -> Duration {
        at.and_then(|at| Duration::try_from(at.duration_since(self.now())).ok()).unwrap_or_default()
    }
}
