//! One story, played: a simulator in this process, senders and a receiver as children.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sinch_batch::simulator::{Fault, SimulatedOperation, Simulator};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::evidence;
use super::judge::{Campaign, Choice, Verdict, judge};
use super::line::{Cancelling, Link};
use super::processes::{Commands, Process};
use super::setup::{LOOK, RECEIVER, Wrong, last_line, ready, simulator, start, write_people};
use super::story::{Act, Story, What, Whom};
use crate::exit;
use crate::fail::Failure;
use crate::ledgers::{Place, ServerUrl};

/// How long faults and signals go on.
pub(super) const CHAOS: Duration = Duration::from_secs(25);
/// How often the first sender is started while they go on, and afterwards.
pub(super) const TRIES: u32 = 15;
/// How often the first sender is started beside a cancel.
const TRIES_BESIDE_CANCEL: u32 = 3;
/// How often a worker joins in.
const WORKER_RUNS: u64 = 6;
/// How long each campaign of a story may take; one that hangs is ended.
const STORY: Duration = Duration::from_secs(240);
/// How long one run may take once nothing goes wrong any more.
pub(super) const RUN: Duration = Duration::from_secs(60);
/// How long receipts may take once they are released.
const RECEIPTS: Duration = Duration::from_secs(60);

/// What came of one story.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) seed: u64,
    pub(super) rows: u64,
    pub(super) runs: u64,
    pub(super) kills: u64,
    pub(super) faults: u64,
    /// Whether the campaign was cancelled.
    pub(super) is_cancelled: bool,
    /// Campaigns that were made of earlier ones.
    pub(super) retries: u64,
    /// Rows that were recalled before they left.
    pub(super) recalled: u64,
    pub(super) verdict: Verdict,
    /// What is kept of a story that failed.
    pub(super) folder: Option<PathBuf>,
}

/// Plays a story and judges it. What cannot be played counts as lost.
pub(super) async fn play(story: Story, program: PathBuf, ledger: Option<Place>) -> Played {
    let mut played = Played { seed: story.seed, rows: story.rows, ..Played::default() };
    let mut stage = match Stage::set(&story, &program, ledger).await {
        Ok(stage) => stage,
        Err(why) => {
            played.verdict = nothing(&story, why);
            return played;
        }
    };
    let time = STORY * (1 + story.life.troubles.len() as u32);
    let failed = match timeout(time, stage.perform()).await {
        Ok(done) => done.err(),
        Err(_) => Some(format!("it did not end within {} s", time.as_secs())),
    };
    let recorded = stage.recorded().await;
    (played.runs, played.kills) = (stage.runs, stage.kills);
    played.faults = evidence::faults(&stage.simulator);
    let wrong: Vec<Wrong> = failed.into_iter().chain(recorded.as_ref().err().cloned()).collect();
    let (keys, line): (Vec<_>, Vec<Campaign>) =
        recorded.unwrap_or_default().into_iter().map(|one| (one.key, one.campaign)).unzip();
    let served = evidence::served(&stage.simulator, &story, &keys);
    played.is_cancelled = line.first().is_some_and(|first| first.is_cancelled);
    played.retries = keys.iter().skip(1).flatten().count() as u64;
    played.recalled = line.iter().map(|campaign| campaign.sums.recalled).sum();
    played.verdict = judge(&story.people(), &served, &line);
    // A story that did not come to its end proves nothing.
    if !wrong.is_empty() && played.verdict.is_clean() {
        played.verdict.lost = story.rows;
    }
    played.verdict.sentences.extend(wrong);
    if !played.verdict.is_clean() {
        played.folder = stage.keep();
    }
    played
}

fn nothing(story: &Story, why: String) -> Verdict {
    Verdict { lost: story.rows, sentences: vec![why], ..Verdict::default() }
}

/// The ledgers of all seeds, in one database.
#[derive(Debug)]
pub(super) struct Ledgers {
    server: ServerUrl,
    /// No other torture has it.
    mark: String,
}

impl Ledgers {
    pub(super) fn read(place: &Path) -> Result<Self, Failure> {
        match Place::read(place)? {
            Place::Postgres(server) if server.with_option("schema", "").is_some() => {
                let mark = uuid::Uuid::new_v4().simple().to_string();
                Ok(Self { server, mark: mark[..8].to_owned() })
            }
            Place::Postgres(_) => {
                Err(Failure::new(exit::USAGE, "each seed has a schema of its own")
                    .hint("leave schema= out of --ledger"))
            }
            Place::File(_) => Err(Failure::new(exit::USAGE, "torture takes a file of its own anyway")
                .hint("leave --ledger out, or name a server: postgres://user@host/database")),
        }
    }

    /// The ledger of one seed.
    pub(super) fn of(&self, story: &Story) -> Option<Place> {
        self.server.with_option("schema", &format!("torture_{}_{}", self.mark, story.seed)).map(Place::Postgres)
    }
}

/// A process that is started again and again: a worker that joins in, or what cancels.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) process: Option<Process>,
    pub(super) runs: u64,
    pub(super) acts: Vec<Act>,
}

pub(super) struct Stage<'a> {
    pub(super) story: &'a Story,
    // Children first: they end before the folder goes.
    senders: [Option<Process>; 2],
    pub(super) workers: Vec<Worker>,
    /// Pauses the campaign.
    pauser: Option<Process>,
    pub(super) cancelling: Cancelling,
    pub(super) receiver: Option<Process>,
    pub(super) simulator: Simulator,
    pub(super) commands: Commands,
    /// Where the receiver listens, each time.
    address: String,
    pub(super) acts: Vec<Act>,
    /// The campaigns that were begun, or are to be; the last one is played.
    pub(super) line: Vec<Link>,
    /// Whether the campaign is in the ledger, as far as we know.
    pub(super) begun: bool,
    /// What the service had seen before the campaign.
    pub(super) requests_before: u64,
    pub(super) batches_before: u64,
    pub(super) runs: u64,
    pub(super) kills: u64,
    receivers: u64,
    pub(super) folder: TempDir,
}

impl<'a> Stage<'a> {
    async fn set(story: &'a Story, program: &Path, ledger: Option<Place>) -> Result<Self, Wrong> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("sinch-batch-torture-{}-", story.seed))
            .tempdir()
            .map_err(|error| format!("no temporary folder: {error}"))?;
        write_people(story, folder.path()).map_err(|error| format!("the recipients cannot be written: {error}"))?;
        let mut commands = Commands::new(program, folder.path(), ledger);
        let mut receiver = start(commands.listen("127.0.0.1:0"), folder.path(), "listen-1")?;
        let url = ready(&mut receiver).await?.ok_or_else(|| format!("no receiver: {}", last_line(&receiver)))?;
        let simulator = simulator(story, &url).await?;
        commands.send_to(&simulator);
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let acts = story.acts.clone();
        let mut cancelling = Cancelling::default();
        cancelling.worker.acts = story.life.cancel.as_ref().map(|cancel| cancel.acts.clone()).unwrap_or_default();
        Ok(Self {
            story,
            senders: [None, None],
            workers: story.workers.iter().map(|acts| Worker { acts: acts.clone(), ..Worker::default() }).collect(),
            pauser: None,
            cancelling,
            receiver: Some(receiver),
            simulator,
            commands,
            address,
            acts,
            line: vec![Link::first()],
            begun: false,
            requests_before: 0,
            batches_before: 0,
            runs: 0,
            kills: 0,
            receivers: 1,
            folder,
        })
    }

    /// Faults and signals, until the first sender has ended well, or the campaign is cancelled, or the time is over.
    pub(super) async fn chaos(&mut self, time: Duration) -> Result<(), Wrong> {
        let began = Instant::now();
        let (mut tries, mut most) = (0, TRIES);
        let mut again = Instant::now();
        while began.elapsed() < time {
            self.wake();
            self.keep_receiver()?;
            self.reap_second();
            if let Some(code) = self.reap_first() {
                self.cancelling.is_sent |= code == 0;
                if code == 0 && !self.will_cancel() {
                    return Ok(());
                }
                again = Instant::now() + self.story.pause;
            }
            if self.cancel()? {
                return Ok(());
            }
            if self.cancelling.worker.runs == 1 && most == TRIES {
                most = tries + TRIES_BESIDE_CANCEL;
            }
            let is_wanted = !(self.will_cancel() && self.cancelling.is_sent);
            if self.senders[0].is_none() && is_wanted && Instant::now() >= again {
                if tries < most {
                    tries += 1;
                    self.start_first()?;
                } else if !self.will_cancel() {
                    return Ok(());
                }
            }
            self.act()?;
            self.work()?;
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Nothing goes wrong any more: runs until one ends with 0.
    pub(super) async fn settle(&mut self) -> Result<(), Wrong> {
        let began = Instant::now();
        for worker in &mut self.workers {
            // One that waits for a pause to be lifted would wait for the run that comes after it.
            if let Some(process) = &mut worker.process {
                process.signal(Signal::TERM);
            }
        }
        while self.is_busy() {
            if began.elapsed() > RUN {
                return Err(format!("a sender was still running after {} s", RUN.as_secs()));
            }
            self.keep_receiver()?;
            self.reap_second();
            self.reap_first();
            sleep(LOOK).await;
        }
        if self.will_cancel() && self.settle_cancel().await? {
            return Ok(());
        }
        let mut said = String::new();
        for _ in 0..TRIES {
            self.start_first()?;
            match self.run_to_its_end().await? {
                (0, _) => return Ok(()),
                (_, error) => said = error,
            }
            if said.contains("sent more than once") {
                // That stays so.
                break;
            }
        }
        Err(format!("no run ended with 0; the last one said: {said}"))
    }

    /// Whether a process that sends, pauses or cancels still runs.
    fn is_busy(&mut self) -> bool {
        self.wake();
        let workers = self.workers.iter_mut().chain([&mut self.cancelling.worker]).map(|worker| &mut worker.process);
        let mut all = self.senders.iter_mut().chain([&mut self.pauser]).chain(workers).flatten();
        all.any(|process| process.ended().is_none())
    }

    async fn run_to_its_end(&mut self) -> Result<(i32, String), Wrong> {
        let began = Instant::now();
        while began.elapsed() < RUN {
            self.wake();
            self.keep_receiver()?;
            let said = self.senders[0].as_ref().map(last_line).unwrap_or_default();
            if let Some(code) = self.reap_first() {
                return Ok((code, said));
            }
            sleep(LOOK).await;
        }
        Err(format!("a run did not end within {} s", RUN.as_secs()))
    }

    /// Lets receipts go, and waits until the receiver has all.
    pub(super) async fn receipts(&mut self, faults: &[Fault]) -> Result<(), Wrong> {
        // Those that were to happen to callbacks had no chance while all were held back.
        let held = self.story.receipts.held;
        for fault in faults.iter().filter(|fault| held && fault.operation == SimulatedOperation::Callback) {
            self.simulator.inject(fault.clone());
        }
        self.simulator.release_callbacks();
        let began = Instant::now();
        while began.elapsed() < RECEIPTS {
            self.wake();
            self.keep_receiver()?;
            if timeout(Duration::from_millis(100), self.simulator.idle()).await.is_ok() {
                return Ok(());
            }
            // Receipts that are to be tried again are due now.
            self.simulator.advance(Duration::from_secs(30));
        }
        Err(format!("receipts were still under way after {} s", RECEIPTS.as_secs()))
    }

    pub(super) async fn end_receiver(&mut self) -> Result<(), Wrong> {
        let Some(mut receiver) = self.receiver.take() else { return Ok(()) };
        while receiver.wake() {
            sleep(LOOK).await;
        }
        // A signal of the story may still be at work, and this one then ends it at once.
        let was_ending = receiver.is_ending();
        receiver.signal(Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < RECEIVER {
            match receiver.ended() {
                Some(code) if code == 0 || was_ending => return Ok(()),
                Some(code) => return Err(format!("the receiver ended with {code}: {}", last_line(&receiver))),
                None => sleep(LOOK).await,
            }
        }
        Err(format!("the receiver did not end within {} s", RECEIVER.as_secs()))
    }

    /// Does what is due. What is meant for a process that is not there waits for it.
    fn act(&mut self) -> Result<(), Wrong> {
        let Some(act) = self.acts.first().copied().filter(|act| act.after <= self.requests()) else { return Ok(()) };
        if matches!(act.what, What::Join | What::Again) {
            if self.senders[1].is_some() || act.what == What::Join && !self.has_begun() {
                return Ok(());
            }
            self.acts.remove(0);
            return self.start(1, act.what == What::Join);
        }
        if act.what == What::Pause {
            if self.pauser.is_none() && self.has_begun() {
                self.acts.remove(0);
                let name = format!("pause-{}-{}", self.line.len(), self.acts.len());
                self.pauser = Some(start(self.commands.pause(self.name()), self.folder.path(), &name)?);
            }
            return Ok(());
        }
        let Some(process) = self.target(act.whom) else { return Ok(()) };
        let done = match act.what {
            What::Kill => process.signal(Signal::KILL),
            What::Terminate => process.signal(Signal::TERM),
            What::Interrupt => process.signal(Signal::INT),
            What::HangUp => process.signal(Signal::HUP),
            What::InterruptTwice => process.signal(Signal::INT) && process.signal(Signal::INT),
            What::Stop(time) => process.stop(time),
            What::Join | What::Again | What::Pause => false,
        };
        if done {
            self.kills += 1;
        }
        self.acts.remove(0);
        Ok(())
    }

    fn target(&mut self, whom: Whom) -> Option<&mut Process> {
        let index = match whom {
            Whom::Receiver => return self.receiver.as_mut(),
            Whom::Sender(index) if self.senders[index].is_some() => index,
            Whom::Sender(index) => 1 - index,
        };
        self.senders[index].as_mut()
    }

    /// The campaign that is played.
    fn name(&self) -> &str {
        self.line.last().map_or("", |link| &link.name)
    }

    /// How many requests the service has seen since the campaign began.
    pub(super) fn requests(&self) -> u64 {
        self.all_requests().saturating_sub(self.requests_before)
    }

    pub(super) fn all_requests(&self) -> u64 {
        let stats = self.simulator.stats();
        stats.requests.values().flat_map(|ends| ends.values()).sum()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.simulator.stats().batches > self.batches_before
    }

    /// Starts workers as long as they are to be there, and does to them what is due.
    fn work(&mut self) -> Result<(), Wrong> {
        let (requests, has_begun) = (self.requests(), self.has_begun());
        let (campaign, number_of) = (self.name().to_owned(), self.line.len());
        for (number, worker) in self.workers.iter_mut().enumerate() {
            match &mut worker.process {
                None if has_begun && worker.runs < WORKER_RUNS => {
                    worker.runs += 1;
                    self.runs += 1;
                    let name = format!("work-{number_of}-{}-{}", number + 1, worker.runs);
                    worker.process = Some(start(self.commands.work(self.story, &campaign), self.folder.path(), &name)?);
                }
                None => {}
                Some(process) => {
                    let Some(act) = worker.acts.first().copied().filter(|act| act.after <= requests) else { continue };
                    worker.acts.remove(0);
                    let done = match act.what {
                        What::Stop(time) => process.stop(time),
                        _ => process.signal(Signal::KILL),
                    };
                    self.kills += u64::from(done);
                }
            }
        }
        Ok(())
    }

    pub(super) fn wake(&mut self) {
        let workers = self.workers.iter_mut().chain([&mut self.cancelling.worker]);
        for process in workers.filter_map(|worker| worker.process.as_mut()) {
            process.wake();
        }
        for process in self.senders.iter_mut().chain([&mut self.receiver, &mut self.pauser]).flatten() {
            process.wake();
        }
    }

    fn start_first(&mut self) -> Result<(), Wrong> {
        self.start(0, self.begun)
    }

    fn start(&mut self, index: usize, resume: bool) -> Result<(), Wrong> {
        self.runs += 1;
        let command = match self.line.last() {
            Some(link) if resume => self.commands.resume(self.story, &link.name),
            Some(Link { name, choice: Choice::Failed { parent } }) => {
                // What a cancelled campaign does not know it never will.
                let was_cancelled = *parent == 0 && self.line.iter().any(|link| link.choice == Choice::Cancelled);
                let flags: &[&str] = if was_cancelled { &["--only-settled"] } else { &[] };
                let parent = self.line.get(*parent).map_or("", |parent| &parent.name);
                self.commands.retry(self.story, parent, name, flags)
            }
            Some(Link { name, choice: Choice::Cancelled }) => {
                self.commands.retry(self.story, &Link::first().name, name, &["--cancelled", "--only-settled"])
            }
            _ => self.commands.send(self.story),
        };
        self.senders[index] = Some(start(command, self.folder.path(), &format!("send-{}", self.runs))?);
        Ok(())
    }

    /// The exit code of the first sender, if it has ended; and whether a campaign has begun.
    fn reap_first(&mut self) -> Option<i32> {
        let sender = self.senders[0].as_mut()?;
        let code = sender.ended()?;
        let said = sender.stderr();
        let campaign = format!("campaign {}", self.name());
        self.begun = match self.begun {
            // It is refused if the ledger has it, although the one that began it could not say so.
            false => code == 0 || code == 5 || said.contains(&campaign),
            true => !(said.contains("has no campaign") || said.contains("there is no ledger")),
        };
        self.senders[0] = None;
        // That was not the end: somebody has to resume it.
        let is_paused = code == 0 && said.contains("the campaign was paused");
        Some(if is_paused { exit::LOOK.into() } else { code })
    }

    fn reap_second(&mut self) {
        for worker in &mut self.workers {
            if worker.process.as_mut().is_some_and(|process| process.ended().is_some()) {
                worker.process = None;
            }
        }
        if self.pauser.as_mut().is_some_and(|pauser| pauser.ended().is_some()) {
            self.pauser = None;
        }
        if self.senders[1].as_mut().is_some_and(|sender| sender.ended().is_some()) {
            self.senders[1] = None;
        }
    }

    /// Starts the receiver again if it has ended.
    pub(super) fn keep_receiver(&mut self) -> Result<(), Wrong> {
        if self.receiver.as_mut().is_some_and(|receiver| receiver.ended().is_none()) {
            return Ok(());
        }
        // It was ended by us, or could not begin while others held the ledger.
        if self.receivers > 200 {
            let said = self.receiver.as_ref().map(last_line).unwrap_or_default();
            return Err(format!("the receiver does not begin again: {said}"));
        }
        self.receivers += 1;
        let command = self.commands.listen(&self.address);
        self.receiver = Some(start(command, self.folder.path(), &format!("listen-{}", self.receivers))?);
        Ok(())
    }

    /// Keeps the folder, with what the service has seen.
    fn keep(self) -> Option<PathBuf> {
        let folder = self.folder.keep();
        // What cannot be written is missing there, which is seen.
        let _ = evidence::write(&folder, self.story, &self.simulator);
        Some(folder)
    }
}
