//! A campaign from its first batch to its last retry: cancelled on the way, if the seed says so.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use sinch_batch::ledger::Phase;
use sinch_batch::simulator::Fault;
use tokio::time::sleep;

use super::evidence::{self, Recorded};
use super::judge::Choice;
use super::life::Trouble;
use super::processes::{CAMPAIGN, Process};
use super::setup::{LOOK, RECEIVER, Wrong, last_line, start};
use super::stage::{CHAOS, RUN, Stage, TRIES, Worker};
use super::story::What;

/// How long faults and signals go on in a retry, which has few rows.
const RETRY_CHAOS: Duration = Duration::from_secs(15);
/// How often the campaign is cancelled while things go wrong.
const CANCELS: u64 = 6;
/// Beyond the time until which the service holds batches back.
const SCHEDULE: Duration = Duration::from_secs(15 * 60);

/// One campaign of the line.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) choice: Choice,
}

impl Link {
    pub(super) fn first() -> Self {
        Self { name: CAMPAIGN.to_owned(), choice: Choice::All }
    }
}

/// Where the cancel of the first campaign is.
#[derive(Debug, Default)]
pub(super) struct Cancelling {
    pub(super) worker: Worker,
    /// Requests to the service when it last began.
    since: u64,
    /// When it is tried again.
    again: Option<Instant>,
    /// Whether everything was sent, so that it need not wait any longer.
    pub(super) is_sent: bool,
    /// Whether what the service holds back was let go.
    was_due: bool,
}

impl Stage<'_> {
    /// The whole line, each campaign under faults and signals, and then in peace.
    pub(super) async fn perform(&mut self) -> Result<(), Wrong> {
        let faults = self.story.faults.clone();
        self.play_one(CHAOS, &faults).await?;
        let is_cancelled = self.phase(0).await? == Some(Phase::Cancelled);
        let mut troubles = self.story.life.troubles.iter();
        if is_cancelled {
            self.again(Choice::Cancelled, troubles.next()).await?;
        }
        for number in 0..self.story.life.retries {
            let parent = match (is_cancelled, number) {
                // What failed before the cancel, then what failed after it.
                (true, 0) => 0,
                (true, _) => 1,
                (false, _) => self.line.len() - 1,
            };
            // There is nothing to retry where nothing was chosen.
            if self.phase(parent).await?.is_some() {
                self.again(Choice::Failed { parent }, troubles.next()).await?;
            }
        }
        self.end_receiver().await
    }

    async fn phase(&self, number: usize) -> Result<Option<Phase>, Wrong> {
        match self.line.get(number) {
            Some(link) => evidence::phase(&self.commands.place(), &link.name).await,
            None => Ok(None),
        }
    }

    /// One more campaign, of rows of an earlier one.
    async fn again(&mut self, choice: Choice, trouble: Option<&Trouble>) -> Result<(), Wrong> {
        let trouble = trouble.cloned().unwrap_or_default();
        self.line.push(Link { name: format!("{CAMPAIGN}-{}", self.line.len() + 1), choice });
        (self.begun, self.acts) = (false, trouble.acts.clone());
        (self.requests_before, self.batches_before) = (self.all_requests(), self.simulator.stats().batches);
        for worker in &mut self.workers {
            (worker.runs, worker.acts) = (0, Vec::new());
        }
        if self.story.receipts.held {
            self.simulator.hold_callbacks();
        }
        for fault in &trouble.faults {
            self.simulator.inject(fault.clone());
        }
        self.play_one(RETRY_CHAOS, &trouble.faults).await
    }

    async fn play_one(&mut self, time: Duration, faults: &[Fault]) -> Result<(), Wrong> {
        self.chaos(time).await?;
        self.simulator.clear_faults();
        self.settle().await?;
        if self.will_cancel() && self.story.life.is_scheduled() {
            self.simulator.advance(SCHEDULE);
        }
        self.receipts(faults).await
    }

    /// Whether the campaign that is played is to be cancelled.
    pub(super) fn will_cancel(&self) -> bool {
        self.line.len() == 1 && self.story.life.cancel.is_some()
    }

    /// Cancels when its time has come, again if that was broken off, and does to the process what is due. Says
    /// whether it came to an end.
    pub(super) fn cancel(&mut self) -> Result<bool, Wrong> {
        let Some(plan) = self.story.life.cancel.as_ref().filter(|_| self.will_cancel()) else { return Ok(false) };
        let requests = self.requests();
        if !self.cancelling.was_due && plan.due.is_some_and(|due| due <= requests) {
            self.cancelling.was_due = true;
            self.simulator.advance(SCHEDULE);
        }
        let begins = self.has_begun() && (plan.after <= requests || self.cancelling.is_sent);
        let Cancelling { worker, since, again, .. } = &mut self.cancelling;
        let Some(process) = &mut worker.process else {
            if worker.runs == CANCELS {
                return Ok(true);
            }
            if begins && again.is_none_or(|again| again <= Instant::now()) {
                *since = requests;
                self.start_cancel()?;
            }
            return Ok(false);
        };
        if let Some(code) = process.ended() {
            worker.process = None;
            *again = Some(Instant::now() + self.story.pause);
            return Ok(code == 0);
        }
        if worker.acts.first().is_some_and(|act| act.after <= requests - *since) {
            let act = worker.acts.remove(0);
            let done = match act.what {
                What::Stop(time) => process.stop(time),
                What::Terminate => process.signal(Signal::TERM),
                _ => process.signal(Signal::KILL),
            };
            self.kills += u64::from(done);
        }
        Ok(false)
    }

    fn start_cancel(&mut self) -> Result<(), Wrong> {
        let worker = &mut self.cancelling.worker;
        worker.runs += 1;
        self.runs += 1;
        let name = format!("cancel-{}", worker.runs);
        worker.process = Some(start(self.commands.cancel(CAMPAIGN), self.folder.path(), &name)?);
        Ok(())
    }

    /// Cancels in peace. Says whether the campaign is over; otherwise there is none yet.
    pub(super) async fn settle_cancel(&mut self) -> Result<bool, Wrong> {
        let mut said = String::new();
        for _ in 0..TRIES {
            self.start_cancel()?;
            let Some(mut process) = self.cancelling.worker.process.take() else { break };
            let code = self.ends(&mut process, RUN).await?;
            said = process.stderr();
            // What is not known stays so, and what is done cannot be cancelled.
            if code == 0 || said.contains("stays so") || said.contains("is done") {
                return Ok(true);
            }
            if said.contains("has no campaign") || said.contains("there is no ledger") {
                return Ok(false);
            }
        }
        Err(format!("the campaign cannot be cancelled: {}", said.lines().last().unwrap_or_default()))
    }

    /// What the ledger and the report say of each campaign of the line.
    pub(super) async fn recorded(&mut self) -> Result<Vec<Recorded>, Wrong> {
        let mut all = Vec::new();
        for Link { name, choice } in self.line.clone() {
            let mut recorded = evidence::recorded(&self.commands.place(), &name, choice, self.story.rows).await?;
            recorded.campaign.report = match recorded.key {
                Some(_) => {
                    let command = self.commands.report(&name);
                    let mut report = start(command, self.folder.path(), &format!("report-{name}"))?;
                    match self.ends(&mut report, RECEIVER).await? {
                        0 => evidence::words(&report.stdout()),
                        code => return Err(format!("report {name} ended with {code}: {}", last_line(&report))),
                    }
                }
                // There is none of a campaign that nobody began.
                None => recorded.campaign.words(),
            };
            all.push(recorded);
        }
        Ok(all)
    }

    /// How a process ends that nothing is done to.
    async fn ends(&mut self, process: &mut Process, time: Duration) -> Result<i32, Wrong> {
        let began = Instant::now();
        while began.elapsed() < time {
            self.wake();
            if self.receiver.is_some() {
                self.keep_receiver()?;
            }
            if let Some(code) = process.ended() {
                return Ok(code);
            }
            sleep(LOOK).await;
        }
        Err(format!("a process did not end within {} s", time.as_secs()))
    }
}
