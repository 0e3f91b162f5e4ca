//! The loop that obeys [`step`].

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use sinch_batch_client::transport::SendUntil;
use sinch_batch_ledger::{
    BatchStage, CampaignRecord, CampaignStatus, Claim, Claimed, Entry, Exclusion, Held, Lease, Ledger, LedgerError,
    LedgerErrorKind, Presence, Renewed, RowSpans, Window, Worker,
};
use sinch_batch_models::{Recipients, SendBatchRequest, Template, Timestamp};
use sinch_batch_recipients::{BatchRange, RecipientSource, SourceError, Suppression, SuppressionError};
use sinch_batch_tracking::{BatchKey, ROW_KEY, RowKey, is_systemic};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::CampaignError;
use crate::limits::SendLimits;
use crate::moment::Moment;
use crate::outcome::{SendOutcome, StopReason};
use crate::pace::PacedCalls;
use crate::receipts::LOOK_EVERY;
use crate::report::failures_by_reason;
use crate::request::CampaignRequest;
use crate::sender::{BatchSender, BoxFuture, SendFailure};
use crate::step::{BatchNumber, Command, Fact, Input, State, step};
use crate::time::Time;

/// How a run gets on.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CampaignProgress {
    /// How the campaign stands.
    pub status: CampaignStatus,
    /// Other workers that this run waits for: it has nothing to do until they finish or fall silent.
    pub waits_for: Vec<Held>,
    /// Batches that were tried by a worker that fell silent: they wait until it cannot send any more.
    pub takeovers: usize,
    /// Whether the receipts of the first batch are waited for before anything else leaves.
    pub waits_for_canary: bool,
    /// Whether nothing new leaves before receipts come: as many messages are outstanding as may be
    /// ([`SendLimits::with_window`](crate::SendLimits::with_window)).
    pub waits_for_room: bool,
    /// Whether messages are outstanding for four times as long as they should be: their receipts are late, or
    /// received nowhere.
    pub receipts_late: bool,
}

impl CampaignProgress {
    pub(crate) fn of(status: CampaignStatus) -> Self {
        Self { status, ..Self::default() }
    }
}

/// One run of a campaign.
pub(crate) struct Runner<'a> {
    pub(crate) ledger: &'a dyn Ledger,
    pub(crate) sender: &'a dyn BatchSender,
    pub(crate) source: &'a Arc<Mutex<Box<dyn RecipientSource>>>,
    pub(crate) campaign: &'a CampaignRecord,
    pub(crate) request: &'a CampaignRequest,
    pub(crate) limits: &'a SendLimits,
    pub(crate) suppression: &'a Suppression,
    pub(crate) time: &'a Time,
    pub(crate) worker: Option<&'a Arc<str>>,
}

/// What a run remembers between two steps, besides what the machine does.
struct Run<'a> {
    runner: &'a Runner<'a>,
    clock: Clock<'a>,
    leases: HashMap<BatchNumber, Lease>,
    /// How many batches the campaign has: by these a spread is divided.
    n_batches: u64,
    /// When accepted batches leave whose acceptance is not recorded yet.
    leave_at: HashMap<BatchNumber, Timestamp>,
    requests: HashMap<BatchNumber, Arc<SendBatchRequest>>,
    work: FuturesUnordered<BoxFuture<'a, Done>>,
    reader: Reader,
    wake: Option<Duration>,
    finished: Option<SendOutcome>,
    /// The last to be dropped: with its goodbye everything that was under way has ended.
    worker: Presence,
}

impl<'a> Runner<'a> {
    pub(crate) async fn send(
        &'a self,
        stop: impl Future<Output = ()>,
        mut on_progress: impl FnMut(&CampaignProgress),
    ) -> Result<SendOutcome, CampaignError> {
        let mut seen_losses = self.ledger.losses();
        let begun = self.ledger.begin_run(self.campaign.id, self.limits.resend_after).await?;
        let n_batches = match self.request.spread() {
            Some(_) => self.ledger.status(self.campaign.id).await?.batches.total(),
            None => 0,
        };
        let status = self.ledger.status(self.campaign.id).await.ok();
        status.into_iter().for_each(|status| on_progress(&CampaignProgress::of(status)));
        let mut limits = self.limits.clone();
        limits.window = limits.window_for(self.request, self.time.wall());
        let mut state = State::new(limits, &begun, status.is_some_and(|status| status.accepted > 0));
        let mut run = Run {
            runner: self,
            clock: Clock::start(self.time),
            leases: HashMap::new(),
            n_batches,
            leave_at: HashMap::new(),
            requests: HashMap::new(),
            work: FuturesUnordered::new(),
            reader: Reader::new(Arc::clone(self.source), self.request.template(), self.campaign, self.time),
            wake: None,
            finished: None,
            worker: self.worker.map_or_else(Presence::new, |name| Presence::named(Arc::clone(name))),
        };
        let mut failure: Option<CampaignError> = None;
        let mut inputs: Vec<_> = status.into_iter().map(Input::Status).collect();
        inputs.push(Input::Start);
        let mut stop = std::pin::pin!(stop);
        let mut stopped = false;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Before what came from the ledger since: it may be another server's word.
            let losses = self.ledger.losses();
            if std::mem::replace(&mut seen_losses, losses) != losses {
                tracing::info!("the connection to the ledger was lost; checking that it has not forgotten anything");
                inputs.insert(0, Input::LedgerLost);
            }
            for input in inputs.drain(..) {
                run.wake = None;
                let now = run.clock.now();
                for command in step(&mut state, input, now) {
                    run.obey(command, now);
                }
            }
            if let Some(mut outcome) = run.finished.take() {
                if outcome.stopped == Some(StopReason::Halted) {
                    self.halt(&mut outcome).await?;
                }
                self.goodbye(&run.worker).await;
                if let Ok(status) = self.ledger.status(self.campaign.id).await {
                    on_progress(&CampaignProgress::of(status));
                }
                return failure.map_or(Ok(outcome), Err);
            }
            // What is seldom ready comes first, so that nothing waits for ever and equal runs are equal.
            tokio::select! {
                biased;
                () = &mut stop, if !stopped => {
                    stopped = true;
                    inputs.push(Input::Stop(StopReason::Interrupted, None));
                }
                _ = look.tick() => {
                    // A display that fails is not a reason to stop sending.
                    inputs.push(match self.ledger.status(self.campaign.id).await {
                        Ok(status) => {
                            on_progress(&CampaignProgress {
                                status,
                                waits_for: state.waits_for().to_vec(),
                                takeovers: state.takeovers(),
                                waits_for_canary: state.waits_for_canary(),
                                waits_for_room: state.waits_for_room(),
                                receipts_late: state.receipts_are_late(),
                            });
                            Input::Status(status)
                        }
                        Err(_) => Input::Tick,
                    });
                }
                Some(read) = run.reader.next() => {
                    inputs.push(run.take_recipients(read, &mut failure));
                }
                Some(done) = run.work.next(), if !run.work.is_empty() => {
                    if let Some(error) = done.error {
                        failure.get_or_insert(error);
                    }
                    run.leave_at.extend(done.leaves_at);
                    run.requests.extend(done.cut);
                    inputs.extend(done.inputs.into_iter().map(|input| run.note(input)));
                }
                () = tokio::time::sleep(run.clock.until(run.wake)), if run.wake.is_some() => inputs.push(Input::Tick),
            }
        }
    }

    /// Lets nothing more leave, here and elsewhere, until somebody has looked; and names the most frequent reason.
    async fn halt(&self, outcome: &mut SendOutcome) -> Result<(), CampaignError> {
        self.ledger.halt(self.campaign.id).await?;
        let mut reasons = failures_by_reason(self.ledger, self.campaign).await.unwrap_or_default().into_iter();
        let most = reasons.find(|reason| is_systemic(Some(&reason.code)));
        if let (Some(why), Some(most)) = (&mut outcome.why, most) {
            why.push_str(&format!(", {} of them {}", grouped(most.messages), most.code));
        }
        Ok(())
    }

    /// Whatever this worker still holds is free at once. If this fails its leases lapse.
    async fn goodbye(&self, worker: &Presence) {
        let name = worker.worker().name();
        if let Err(error) = self.ledger.release(self.campaign.id, name, self.time.wall()).await {
            tracing::debug!(%error, "the leases of this run could not be given back; they lapse");
        }
    }

    pub(crate) async fn look_for_doubles(&self, stop: impl Future<Output = ()>) -> Result<(u64, u32), CampaignError> {
        const PAGE: u32 = 1000;
        let mut stop = std::pin::pin!(stop);
        let mut without_answer = 0;
        let mut calls = PacedCalls::new(self.limits.max_rate);
        let mut after = 0;
        'pages: loop {
            let page = self.ledger.batches(self.campaign.id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            let again = page.iter().filter(|batch| batch.attempts > 1 && batch.stage == BatchStage::Accepted);
            for number in again.map(|batch| batch.number) {
                let key = self.key(number);
                calls.turn().await;
                let found = tokio::select! {
                    biased;
                    () = &mut stop => break 'pages,
                    found = self.sender.look_up(&key) => found,
                };
                match found {
                    Ok(batch_ids) if batch_ids.is_empty() => {}
                    Ok(batch_ids) => {
                        let entry = Entry::Doubled { number, batch_ids };
                        self.ledger.record(self.campaign.id, entry, self.time.wall()).await?;
                    }
                    Err(failure) => {
                        without_answer += 1;
                        tracing::debug!(batch = number, why = failure.why, "the last look-up proves nothing");
                    }
                }
            }
        }
        Ok((self.ledger.status(self.campaign.id).await?.doubled, without_answer))
    }

    fn key(&self, number: BatchNumber) -> BatchKey {
        BatchKey::new(&self.campaign.key, number)
    }

    async fn claim(
        &self,
        worker: Worker,
        (room, except, window): (u32, Arc<BTreeSet<u32>>, Option<Window>),
        asked: Moment,
    ) -> Done {
        let mut claim = Claim::new(worker, room, asked.wall).with_except(except).with_lease(self.limits.lease);
        claim.window = window;
        match self.ledger.claim(self.campaign.id, claim).await {
            Ok(claimed) => Input::Claimed(claimed, asked).into(),
            Err(error) => Done::stopped(error, vec![Input::Claimed(Claimed::default(), asked)]),
        }
    }

    async fn renew(&self, worker: String, held: Vec<(BatchNumber, u64)>, asked: Moment) -> Done {
        match self.ledger.renew(self.campaign.id, &worker, held.clone(), self.limits.lease, asked.wall).await {
            Ok(Renewed { lost, accepted, .. }) => Input::Renewed { asked, held, lost, accepted }.into(),
            Err(error) => Done::stopped(error, Vec::new()),
        }
    }

    async fn give_back(&self, number: BatchNumber, token: u64, now: Timestamp) -> Done {
        let entry = Entry::Released { number, token, why: None };
        match self.ledger.record(self.campaign.id, entry, now).await {
            Ok(()) => Input::GivenBack.into(),
            Err(error) => Done::stopped(error, vec![Input::GivenBack]),
        }
    }

    /// Records a fact and, if it is an acceptance, when the batch leaves.
    async fn record(&self, number: BatchNumber, fact: Fact, leaves_at: Option<Timestamp>, now: Timestamp) -> Done {
        let mut entries = Vec::with_capacity(1);
        match fact {
            Fact::Intent { token, attempt } => entries.push(Entry::Intent { number, token, attempt }),
            Fact::Returned { attempt } => entries.push(Entry::Returned { number, attempt }),
            Fact::Refused { attempt, why } => entries.push(Entry::Refused { number, attempt, why }),
            Fact::FoundElsewhere => entries.push(Entry::FoundElsewhere { number }),
            Fact::Released { token, why } => entries.push(Entry::Released { number, token, why }),
            Fact::Accepted(batch_ids) => {
                let first = batch_ids.first().cloned();
                entries.extend(first.map(|batch_id| Entry::Accepted { number, batch_id }));
                if batch_ids.len() > 1 {
                    tracing::warn!("batch {number}: the service holds it {} times", batch_ids.len());
                    entries.push(Entry::Doubled { number, batch_ids });
                }
                entries.extend(leaves_at.map(|send_after| Entry::Scheduled { number, send_after }));
            }
        }
        for entry in entries {
            let Err(error) = self.ledger.record(self.campaign.id, entry, now).await else { continue };
            return Done::not_recorded(number, error);
        }
        Input::Recorded(number).into()
    }

    /// Records the first intent of a batch, after the rows of suppressed people were taken out of it.
    ///
    /// The lists are read again here and not at the claim: between this and the call there is nothing but the ledger.
    async fn intend(
        &self,
        (number, token): (BatchNumber, u64),
        rows: RowSpans,
        request: Arc<SendBatchRequest>,
    ) -> Done {
        let suppressed = match self.suppressed(rows, Arc::clone(&request)).await {
            Ok(suppressed) => suppressed,
            Err(error) => {
                let why = format!("batch {number} is not sent: a suppression list cannot be read");
                let inputs = vec![Input::Unreadable(number, StopReason::Input, why)];
                return Done { inputs, error: Some(error.into()), leaves_at: None, cut: None };
            }
        };
        let mut cut = None;
        if !suppressed.is_empty() {
            tracing::debug!(batch = number, rows = suppressed.len(), "suppressed");
            let rows = suppressed.iter().map(|(row, _)| *row).collect();
            let entry = Entry::Exclude { number, token: Some(token), rows, because: Exclusion::Suppressed };
            if let Err(error) = self.ledger.record(self.campaign.id, entry, self.time.wall()).await {
                return Done::not_recorded(number, error);
            }
            match without(&request, &suppressed) {
                Some(request) => cut = Some((number, Arc::new(request))),
                None => return Input::Emptied(number).into(),
            }
        }
        let intent = Fact::Intent { token, attempt: 1 };
        Done { cut, ..self.record(number, intent, None, self.time.wall()).await }
    }

    /// The suppressed rows of a batch, each with its place in the request.
    async fn suppressed(
        &self,
        rows: RowSpans,
        request: Arc<SendBatchRequest>,
    ) -> Result<Vec<(u64, usize)>, SuppressionError> {
        let suppression = self.suppression.clone();
        let look = move || {
            suppression.refresh()?;
            let placed = rows.iter().map(|(row, _)| row).zip(0..).zip(request.recipients.as_slice().iter());
            let hit = placed.filter(|(_, one)| suppression.suppresses(&one.recipient));
            Ok(hit.map(|(place, _)| place).collect())
        };
        if self.time.is_simulated() {
            return look();
        }
        match tokio::task::spawn_blocking(look).await {
            Ok(found) => found,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is going away, and this run with it.
            Err(_) => std::future::pending().await,
        }
    }

    async fn call(
        &self,
        number: BatchNumber,
        rows: String,
        request: Option<Arc<SendBatchRequest>>,
        until: SendUntil,
    ) -> Done {
        let Some(request) = request else { return Input::Lost(number).into() };
        let response = self.sender.send(&request, until).await;
        match &response {
            Ok(sent) => tracing::debug!(batch = number, batch_id = %sent.batch_id, "accepted"),
            Err(SendFailure::Unknown { why }) => {
                tracing::warn!(why, "batch {number}{rows}: no response; checking whether it arrived");
            }
            Err(SendFailure::NotNow { why, .. } | SendFailure::Expired { why }) => {
                tracing::warn!(why, "batch {number}{rows}: not accepted for now; waiting");
            }
            Err(SendFailure::Refused { why, .. }) => tracing::warn!(why, "batch {number}{rows}: refused"),
        }
        // What goes at once has no time worth keeping.
        let is_scheduled = request.send_after.is_some();
        let leaves_at = response.as_ref().ok().filter(|_| is_scheduled).and_then(|sent| sent.send_after);
        let response = response.map(|sent| sent.batch_id);
        Done { leaves_at: leaves_at.map(|at| (number, at)), ..Input::Sent(number, response).into() }
    }

    async fn look_up(&self, number: BatchNumber) -> Done {
        let key = self.key(number);
        Input::Found(number, self.sender.look_up(&key).await).into()
    }
}

impl<'a> Run<'a> {
    fn obey(&mut self, command: Command, now: Moment) {
        let runner = self.runner;
        match command {
            Command::Claim(room, except, window) => {
                let worker = self.worker.worker().clone();
                self.work.push(Box::pin(runner.claim(worker, (room, except, window), now)));
            }
            Command::Read(number) => {
                if let Some(lease) = self.leases.get(&number) {
                    self.reader.ask(lease);
                }
            }
            Command::Record(number, Fact::Intent { token, attempt: 1 })
                if !runner.suppression.is_empty() && self.is_untried(number) =>
            {
                let rows = self.leases.get(&number).map(|lease| lease.rows.clone());
                let request = self.requests.get(&number).cloned();
                match rows.zip(request) {
                    Some((rows, request)) => self.work.push(Box::pin(runner.intend((number, token), rows, request))),
                    None => self.work.push(Box::pin(std::future::ready(Input::Lost(number).into()))),
                }
            }
            Command::Record(number, fact) => {
                let now = self.clock.now().wall;
                let leaves_at = match fact {
                    Fact::Accepted(_) => self.leave_at.remove(&number),
                    _ => None,
                };
                self.work.push(Box::pin(runner.record(number, fact, leaves_at, now)));
            }
            Command::Send(number, until) => {
                let request = self.requests.get(&number).cloned();
                let rows = self.leases.get(&number).map(|lease| logged_rows(&lease.rows)).unwrap_or_default();
                let until = self.clock.send_until(until);
                self.work.push(Box::pin(runner.call(number, rows, request, until)));
            }
            Command::LookUp(number) => self.work.push(Box::pin(runner.look_up(number))),
            Command::GiveBack(number, token) => {
                let now = self.clock.now().wall;
                self.work.push(Box::pin(runner.give_back(number, token, now)));
            }
            Command::Renew(held) => {
                let worker = self.worker.worker().name().to_owned();
                self.work.push(Box::pin(runner.renew(worker, held, now)));
            }
            Command::Forget(number) => {
                self.requests.remove(&number);
                self.leases.remove(&number);
            }
            Command::Wake(at) => self.wake = Some(at),
            Command::Finish(outcome) => self.finished = Some(outcome),
        }
    }

    /// Whether nothing of a batch was ever tried, so that its rows may still be excluded.
    fn is_untried(&self, number: BatchNumber) -> bool {
        self.leases.get(&number).is_none_or(|lease| lease.attempts == 0)
    }

    /// Remembers what a claim brought.
    fn note(&mut self, input: Input) -> Input {
        if let Input::Claimed(claimed, _) = &input {
            for lease in &claimed.leases {
                self.leases.insert(lease.number, lease.clone());
            }
        }
        input
    }

    fn take_recipients(&mut self, read: ReadBatch, failure: &mut Option<CampaignError>) -> Input {
        let ReadBatch { number, recipients } = read;
        match recipients {
            Ok(recipients) => {
                let request = self.runner.request.batch(recipients, &self.runner.key(number), self.n_batches);
                self.requests.insert(number, Arc::new(request));
                Input::Read(number)
            }
            Err(error @ SourceError::Changed { .. }) => {
                let rows = self.leases.get(&number).map(|lease| shown_rows(&lease.rows)).unwrap_or_default();
                let why = format!("batch {number}{rows} is no longer what was checked: {error}");
                Input::Unreadable(number, StopReason::InputChanged, why)
            }
            Err(error) => {
                let why = format!("batch {number} cannot be read: {error}");
                failure.get_or_insert(error.into());
                Input::Unreadable(number, StopReason::Input, why)
            }
        }
    }
}

fn shown_rows(rows: &RowSpans) -> String {
    match (rows.first_row(), rows.last_row()) {
        (Some(first), Some(last)) => format!(" (rows {first} to {last})"),
        _ => String::new(),
    }
}

/// The rows of a batch for the log.
fn logged_rows(rows: &RowSpans) -> String {
    match (rows.first_row(), rows.last_row()) {
        (Some(first), Some(last)) => format!(" (rows {}–{})", grouped(first), grouped(last)),
        _ => String::new(),
    }
}

/// A number with separators between its thousands, as people read it.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The result of one piece of work.
struct Done {
    inputs: Vec<Input>,
    error: Option<CampaignError>,
    /// When a batch leaves that was accepted.
    leaves_at: Option<(BatchNumber, Timestamp)>,
    /// What is left of a batch that had suppressed rows.
    cut: Option<(BatchNumber, Arc<SendBatchRequest>)>,
}

impl Done {
    /// The ledger refuses a fact about a batch.
    fn not_recorded(number: BatchNumber, error: LedgerError) -> Self {
        match error.kind() {
            LedgerErrorKind::Accepted => Input::Adopted(number).into(),
            LedgerErrorKind::Fenced => Input::Fenced(number).into(),
            LedgerErrorKind::IdTaken => Input::Contradicted(number, error.to_string()).into(),
            LedgerErrorKind::NotRunning | LedgerErrorKind::Behind => Self::stopped(error, vec![Input::Fenced(number)]),
            _ => Self { error: Some(error.into()), ..Input::Lost(number).into() },
        }
    }

    /// The ledger does not go on: because the campaign was ended, or because it fails.
    fn stopped(error: LedgerError, after: Vec<Input>) -> Self {
        let reason = match error.kind() {
            LedgerErrorKind::NotRunning => StopReason::NotRunning,
            LedgerErrorKind::Behind => StopReason::LedgerBehind,
            _ => StopReason::Ledger,
        };
        let mut inputs = vec![Input::Stop(reason, Some(error.to_string()))];
        inputs.extend(after);
        Self { inputs, error: (reason == StopReason::Ledger).then(|| error.into()), leaves_at: None, cut: None }
    }
}

impl From<Input> for Done {
    fn from(input: Input) -> Self {
        Self { inputs: vec![input], error: None, leaves_at: None, cut: None }
    }
}

/// Reads batches one after the other, in the order in which they are asked for, on threads that may block.
///
/// Each is a piece of blocking work of its own: between two of them the runtime knows that nothing is done. In a
/// simulation, where nothing may depend on threads, each is read in place.
struct Reader {
    in_place: bool,
    source: Arc<Mutex<Box<dyn RecipientSource>>>,
    template: Arc<Template>,
    campaign: Arc<str>,
    row_key: Arc<str>,
    asked: VecDeque<(BatchNumber, BatchRange, RowSpans)>,
    reading: Option<JoinHandle<ReadBatch>>,
}

struct ReadBatch {
    number: BatchNumber,
    recipients: Result<Recipients, SourceError>,
}

impl Reader {
    fn new(
        source: Arc<Mutex<Box<dyn RecipientSource>>>,
        template: Template,
        campaign: &CampaignRecord,
        time: &Time,
    ) -> Self {
        Self {
            in_place: time.is_simulated(),
            source,
            template: Arc::new(template),
            campaign: campaign.key.as_str().into(),
            row_key: ROW_KEY.into(),
            asked: VecDeque::new(),
            reading: None,
        }
    }

    fn ask(&mut self, lease: &Lease) {
        let range = BatchRange {
            first_row: lease.first_row,
            at_byte: lease.at_byte,
            n_bytes: lease.n_bytes,
            digest: lease.digest,
        };
        self.asked.push_back((lease.number, range, lease.rows.clone()));
    }

    /// The next batch that was asked for; none if none was. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<ReadBatch> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => {
                let (number, range, rows) = self.asked.pop_front()?;
                let (source, template) = (Arc::clone(&self.source), Arc::clone(&self.template));
                let (campaign, row_key) = (Arc::clone(&self.campaign), Arc::clone(&self.row_key));
                let read = move || {
                    let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
                    let read = source.read_batch(&template, &range, &mut rows.iter().map(|(row, _)| row));
                    drop(source);
                    let recipients = read.and_then(|recipients| marked(recipients, &rows, &campaign, &row_key));
                    ReadBatch { number, recipients }
                };
                if self.in_place {
                    return Some(read());
                }
                self.reading.insert(tokio::task::spawn_blocking(read))
            }
        };
        let read = reading.await;
        self.reading = None;
        match read {
            Ok(read) => Some(read),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is going away, and this run with it.
            Err(_) => None,
        }
    }
}

/// A request without the recipients at some places; none if nobody is left.
fn without(request: &SendBatchRequest, suppressed: &[(u64, usize)]) -> Option<SendBatchRequest> {
    let mut suppressed = suppressed.iter().map(|(_, place)| *place).peekable();
    let kept =
        request.recipients.as_slice().iter().zip(0..).filter(|(_, place)| suppressed.next_if_eq(place).is_none());
    let recipients = Recipients::try_from(kept.map(|(one, _)| one.clone()).collect::<Vec<_>>()).ok()?;
    let mut request = request.clone();
    request.recipients = recipients;
    Some(request)
}

/// Gives each recipient our row key, by which its receipt leads back to its row.
fn marked(
    recipients: Recipients,
    rows: &RowSpans,
    campaign: &str,
    row_key: &Arc<str>,
) -> Result<Recipients, SourceError> {
    let mut recipients = recipients.into_vec();
    for ((row, _), recipient) in rows.iter().zip(&mut recipients) {
        let key = RowKey::new(campaign, row).to_string();
        recipient.message_metadata.insert(Arc::clone(row_key), key.into());
    }
    Recipients::try_from(recipients).map_err(|count| SourceError::BatchSize { found: count.found })
}

/// The two clocks of a run.
pub(crate) struct Clock<'a> {
    steady: Instant,
    time: &'a Time,
}

impl<'a> Clock<'a> {
    pub(crate) fn start(time: &'a Time) -> Self {
        Self { steady: Instant::now(), time }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { wall: self.time.wall(), steady: self.steady.elapsed() }
    }

    fn until(&self, at: Option<Duration>) -> Duration {
        at.unwrap_or_default().saturating_sub(self.steady.elapsed())
    }

    fn send_until(&self, until: Moment) -> SendUntil {
        SendUntil { steady: self.steady + until.steady, wall: until.wall }
    }
}
