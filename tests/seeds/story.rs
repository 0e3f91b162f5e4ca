//! One story: troubles for a while, then calm, in which one more run has to finish everything.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sinch_batch::campaign::{Campaign, CampaignError, Receipts as Awaited, SendLimits, StopReason};
use sinch_batch::ledger::{BatchStage, Ledger, LedgerErrorKind, MemoryLedger, Phase};

use crate::choices::Choices;
use crate::faults::Faults;
use crate::ledger::Door;
use crate::process::{Fate, Fuse, Place};
use crate::receipts::{Habits, Receipts};
use crate::run::{Ended, NAME, Plan, RETRY, Scene};
use crate::service::Service;
use crate::world::{Tally, World};

/// What a story is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plot {
    /// Anything but a broken bound.
    Troubles,
    /// The service shows batches later than it may.
    BoundBroken,
    /// The service says that a batch was not accepted that was.
    Lies,
}

/// A story that ended badly, line by line.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) why: String,
    pub(crate) lines: Vec<String>,
    /// Whether the judge saw that some row was accepted twice.
    pub(crate) is_double: bool,
}

const LAST_LINES: usize = 80;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.lines.len().saturating_sub(LAST_LINES);
        if left_out > 0 {
            writeln!(f, "   ... {left_out} lines before (WHOLE_STORY=1 shows them)")?;
        }
        let from = if std::env::var_os("WHOLE_STORY").is_some() { 0 } else { left_out };
        self.lines[from..].iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "seed {}: {}", self.seed, self.why)?;
        write!(f, "again: cargo xtask seeds --seed {}", self.seed)
    }
}

/// Tells a story; if it ends badly, tells it again line by line.
pub(crate) fn story(seed: u64, plot: Plot) -> Result<Tally, Failure> {
    tell(seed, plot, false).0.map_err(|failure| match tell(seed, plot, true) {
        (Err(again), _) => again,
        (Ok(_), lines) => {
            let why = format!("{}; but not when told again: it is not deterministic", failure.why);
            Failure { lines, why, ..failure }
        }
    })
}

/// The same seed is the same story, whatever the machine does.
pub(crate) fn tell(seed: u64, plot: Plot, with_lines: bool) -> (Result<Tally, Failure>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = Arc::new(World::new(seed, with_lines));
        let scene = Arc::new(Stage::set(&world, plot));
        let day = Duration::from_secs(24 * 3600);
        let played = Box::pin(tokio::time::timeout(day, scene.play())).await;
        let played = played.unwrap_or_else(|_| Err("the story does not end".to_owned()));
        let tally = world.state().tally.clone();
        let lines = world.take_lines();
        match played {
            Ok(()) => (Ok(tally), lines),
            Err(why) => {
                let is_double = scene.scene.service.has_doubled();
                (Err(Failure { seed, why, lines: lines.clone(), is_double }), lines)
            }
        }
    })
}

/// The scene, and all that the story knows beside it.
struct Stage {
    scene: Scene,
    receipts: Arc<Receipts>,
    plot: Plot,
    in_flight: u32,
    resend_after: u64,
    /// Whether somebody has paused the campaign, or has ended it.
    paused: AtomicBool,
    cancelled: AtomicBool,
}

impl Stage {
    fn set(world: &Arc<World>, plot: Plot) -> Self {
        let ledger = Arc::new(MemoryLedger::new());
        let mut state = world.state();
        let choices = &mut state.choices;
        let n_rows = choices.between(20, 61);
        let batch_size = choices.between(3, 11) as usize;
        let in_flight = choices.between(1, 5) as u32;
        let resend_after = choices.one_of(&[1000, 3000, 8000]);
        let timeouts = (choices.one_of(&[1000, 5000, 20_000]), choices.one_of(&[2000, 10_000, 60_000]));
        // Half of what is seen late comes of hiding, half of old answers.
        let stale = if choices.percent(50) { resend_after / 2 } else { 0 };
        let hidden = if plot == Plot::BoundBroken { resend_after * 20 } else { resend_after - stale };
        let twins = plot == Plot::Troubles && choices.percent(10);
        let ghosts = plot == Plot::Troubles && choices.percent(5);
        let calls = if plot == Plot::Troubles { choices.one_of(&[0, 10, 30, 60]) } else { 60 };
        let ledger_faults = if choices.percent(30) { choices.one_of(&[2, 10, 40]) } else { 0 };
        let habits =
            Habits { held_back: plot != Plot::Troubles || choices.percent(50), nameless: twins || choices.percent(30) };
        let lies = plot == Plot::Lies;
        let ledger_takes = choices.one_of(&[0, 0, 20, 800]);
        state.faults = Faults { calls, ledger: ledger_faults, ledger_takes, hidden, stale, twins, ghosts, lies };
        drop(state);
        world.say(|| {
            format!(
                "{n_rows} rows in batches of {batch_size}, {in_flight} in flight, sent again after {resend_after} ms; \
                 faults: {:?}, receipts: {habits:?}",
                world.state().faults
            )
        });
        let door = Door { inner: ledger.clone(), world: world.clone(), fuse: Arc::new(Fuse::new("receiver", None)) };
        let receipts = Arc::new(Receipts::new(Arc::clone(world), Arc::new(door), habits));
        let service = Arc::new(Service::new(Arc::clone(world), Arc::clone(&receipts), n_rows));
        let (attempt, call) = timeouts;
        let timeouts = (Duration::from_millis(attempt), Duration::from_millis(call));
        let scene = Scene { world: Arc::clone(world), service, ledger, n_rows, batch_size, timeouts };
        let (paused, cancelled) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { scene, receipts, plot, in_flight, resend_after, paused, cancelled }
    }

    fn limits(&self, resend_after: u64, choices: &mut Choices) -> SendLimits {
        let mut limits = SendLimits::default()
            .with_in_flight(self.in_flight)
            .with_resend_after(Duration::from_millis(resend_after))
            .with_lease(Duration::from_millis(choices.one_of(&[2000, 3000, 6000])))
            .with_takeover_grace(Duration::from_secs(choices.one_of(&[4, 15])));
        limits.look_up_every = Duration::from_millis(choices.one_of(&[300, 1000]));
        limits.longest_wait = Duration::from_secs(8);
        limits
    }

    async fn play(self: &Arc<Self>) -> Result<(), String> {
        let world = &self.scene.world;
        let (n_workers, n_clocks) = world.choose(|choices| {
            let clocks = if choices.percent(25) { choices.between(1, 4) } else { 0 };
            (choices.between(1, 3), clocks)
        });
        let mut parts = Vec::new();
        for worker in 0..n_workers {
            let this = Arc::clone(self);
            parts.push(tokio::spawn(async move { this.worker(worker).await }));
        }
        if self.plot == Plot::Troubles {
            let (n_pauses, cancels) = world.choose(|choices| {
                let pauses = if choices.percent(25) { choices.between(1, 4) } else { 0 };
                (pauses, choices.percent(10))
            });
            for cancels in (0..n_pauses).map(|_| false).chain(cancels.then_some(true)) {
                let this = Arc::clone(self);
                let at = world.choose(|choices| choices.between(0, 30_000));
                parts.push(tokio::spawn(async move { this.somebody(at, cancels).await }));
            }
        }
        for _ in 0..n_clocks {
            let this = Arc::clone(self);
            let (at, by) = world.choose(|choices| (choices.between(0, 40_000), choices.between(0, 120_000) as i64));
            parts.push(tokio::spawn(async move {
                this.scene.world.sleep_until(at).await;
                this.scene.world.set_wall(by - 60_000);
                Ok(())
            }));
        }
        for part in parts {
            part.await.map_err(|error| format!("panicked: {error}"))??;
        }
        world.judge()?;
        Box::pin(self.calm()).await
    }

    /// Somebody pauses the campaign, or ends it, whoever is sending it at that time.
    async fn somebody(&self, at: u64, cancels: bool) -> Result<(), String> {
        let world = &self.scene.world;
        world.sleep_until(at).await;
        let Some(campaign) = self.campaign().await? else { return Ok(()) };
        let done = if cancels {
            self.scene.ledger.cancel(campaign.id).await
        } else {
            self.scene.ledger.pause(campaign.id).await
        };
        match done {
            Ok(()) => {
                let (flag, what) = if cancels { (&self.cancelled, "cancelled") } else { (&self.paused, "paused") };
                flag.store(true, Ordering::Relaxed);
                world.count(what);
                world.say(|| format!("the campaign is {what}"));
                Ok(())
            }
            Err(_) if self.is_cancelled() => Ok(()),
            Err(error) => Err(format!("it cannot be paused or cancelled: {error}")),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn is_held(&self) -> bool {
        self.is_cancelled() || self.paused.load(Ordering::Relaxed)
    }

    /// Some runs, one after the other, whatever becomes of each.
    async fn worker(self: Arc<Self>, worker: u64) -> Result<(), String> {
        let world = &self.scene.world;
        let (wait, runs) = world.choose(|choices| (choices.one_of(&[0, 0, 1, 2000]), choices.between(1, 5)));
        tokio::time::sleep(Duration::from_millis(wait)).await;
        for run in 1..=runs {
            let plan = self.plan(format!("w{worker}.{run}"));
            let ended = self.scene.run(&plan).await;
            world.judge()?;
            self.must_be_explained(&plan, &ended)?;
            self.second_begin().await?;
            let wait = world.choose(|choices| choices.one_of(&[0, 10, 1000, 20_000]));
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        Ok(())
    }

    fn plan(&self, name: String) -> Plan {
        let world = &self.scene.world;
        let now = world.now();
        // What an earlier run was told counts, so a later one may be told less.
        let begun = world.state().tally.of("began") > 0;
        world.choose(|choices| {
            let less = begun && choices.percent(30);
            let mut plan = Plan::calm(name, self.limits(if less { 0 } else { self.resend_after }, choices));
            let n_batches = self.scene.n_rows / self.scene.batch_size as u64;
            if choices.percent(40) {
                let place = choices.one_of(&Place::ALL);
                plan.dies_at = Some((place, choices.between(1, 3 * n_batches) as u32));
                plan.freezes_for = choices.percent(40).then(|| choices.between(500, 20_000));
            }
            let soon = now + choices.one_of(&[500, 5000, 30_000]);
            if choices.percent(15) {
                plan.fate.dies_at = Some(choices.between(now, soon));
            }
            if choices.percent(15) {
                plan.interrupted_at = Some(choices.between(now, soon));
            }
            if choices.percent(30) {
                plan.fate = Fate { freezes: freezes(now, choices), ..plan.fate };
            }
            if choices.percent(5) {
                plan.altered_row = Some(choices.between(1, self.scene.n_rows + 1));
            }
            plan
        })
    }

    /// What a run may end with in such a story.
    fn must_be_explained(&self, plan: &Plan, ended: &Ended) -> Result<(), String> {
        let fault = |wanted: fn(&Faults) -> bool| wanted(&self.scene.world.state().faults);
        match ended {
            Ended::Sent(outcome) => match outcome.stopped {
                Some(StopReason::LedgerBehind) if self.plot == Plot::Troubles => {
                    Err(format!("{} calls its ledger old: {outcome:?}", plan.name))
                }
                Some(StopReason::Interrupted) if plan.interrupted_at.is_none() => {
                    Err(format!("{} was not interrupted", plan.name))
                }
                Some(StopReason::InputChanged) if plan.altered_row.is_none() => {
                    Err(format!("{} had the right recipients", plan.name))
                }
                Some(StopReason::NotRunning) if self.is_held() => Ok(()),
                Some(StopReason::Ledger | StopReason::NotRunning | StopReason::Input) => {
                    Err(format!("{} stopped without a reason: {outcome:?}", plan.name))
                }
                _ => Ok(()),
            },
            Ended::Failed(CampaignError::Ledger(error)) => match error.kind() {
                LedgerErrorKind::Busy | LedgerErrorKind::Full if fault(|faults| faults.ledger > 0) => Ok(()),
                LedgerErrorKind::NotRunning if self.is_held() => Ok(()),
                // One that was cancelled before anything was sent guards nothing but its name.
                LedgerErrorKind::NameTaken if self.is_cancelled() => Ok(()),
                kind => Err(format!("{} failed: {kind:?}, {error}", plan.name)),
            },
            Ended::Failed(error) => Err(format!("{} failed: {error}", plan.name)),
            Ended::Died => Ok(()),
        }
    }

    /// The same typed again, by another name: refused, whatever became of the first.
    async fn second_begin(&self) -> Result<(), String> {
        let world = &self.scene.world;
        if !world.choose(|choices| choices.percent(30)) || self.is_cancelled() || self.campaign().await?.is_none() {
            return Ok(());
        }
        world.count("second begin");
        match self.scene.begin("again", &Arc::new(Fuse::new("again", None))).await {
            Err(CampaignError::Duplicate(_)) => Ok(()),
            Err(CampaignError::Ledger(error))
                if matches!(error.kind(), LedgerErrorKind::Busy | LedgerErrorKind::Full) =>
            {
                Ok(())
            }
            // Ended meanwhile, before anything was sent.
            Ok(_) if self.is_cancelled() => Ok(()),
            other => Err(format!("the same campaign was begun twice: {other:?}")),
        }
    }

    async fn campaign(&self) -> Result<Option<sinch_batch::ledger::CampaignRecord>, String> {
        self.scene.ledger.campaign(NAME).await.map_err(|error| error.to_string())
    }

    /// All troubles are over: one more run finishes everything, each row once.
    async fn calm(&self) -> Result<(), String> {
        let world = &self.scene.world;
        let Faults { twins, ghosts, lies, .. } = world.state().faults;
        world.say(|| "calm".to_owned());
        world.state().faults = Faults { lies, ..Faults::default() };
        world.sleep_until(self.scene.service.settled_at().max(world.now())).await;
        if self.is_cancelled() {
            return self.ended_early(twins || ghosts).await;
        }
        let plan = Plan::calm("last", world.choose(|choices| self.limits(self.resend_after, choices)));
        let outcome = match self.scene.run(&plan).await {
            Ended::Sent(outcome) => outcome,
            other => return Err(format!("the last run ended with {other:?}")),
        };
        world.judge()?;
        let excused = twins && outcome.stopped.is_none() && outcome.refused == 0;
        if !outcome.is_complete() && !excused {
            return Err(format!("the last run left something undone: {outcome:?}"));
        }
        self.scene.service.judge()?;
        let campaign = self.scene.resume(&plan, &Arc::new(Fuse::new("judge", None))).await;
        let campaign = campaign.map_err(|error| format!("it cannot be resumed: {error}"))?;
        let looked = campaign.look_for_doubles(std::future::pending()).await.map_err(|error| error.to_string())?;
        // A batch that was given another's id has two as soon as its own is seen.
        let alarms = ghosts || twins;
        if !alarms && looked != (0, 0) {
            return Err(format!("doubles, and batches without an answer: {looked:?}"));
        }
        self.all_receipts(&campaign).await?;
        self.books(&campaign, alarms).await?;
        if alarms || self.plot != Plot::Troubles { Ok(()) } else { Box::pin(self.retried()).await }
    }

    /// What has failed is sent again, by processes that may die: each of these rows once, and no other.
    async fn retried(&self) -> Result<(), String> {
        let world = &self.scene.world;
        let again = self.receipts.may_be_sent_again().len();
        let (wanted, calls, dies) = world.choose(|choices| {
            let dies = choices.percent(50).then(|| (choices.one_of(&Place::ALL), choices.between(1, 6) as u32));
            (choices.percent(40), choices.one_of(&[0, 10, 30]), dies)
        });
        if !wanted || again == 0 {
            return Ok(());
        }
        world.count("retry");
        let before = self.scene.service.messages();
        world.state().faults = Faults { calls, hidden: self.resend_after, ..Faults::default() };
        let limits = world.choose(|choices| self.limits(self.resend_after, choices));
        let first = Plan { dies_at: dies, ..Plan::calm("retry", limits.clone()) };
        let ended = self.scene.retry(&first).await;
        world.say(|| format!("the retry ends: {ended:?}"));
        world.state().faults = Faults::default();
        world.sleep_until(self.scene.service.settled_at().max(world.now())).await;
        let ended = self.scene.retry(&Plan::calm("retry again", limits)).await;
        world.judge()?;
        match ended {
            Ended::Sent(outcome) if outcome.is_complete() => {}
            other => return Err(format!("the retry left something undone: {other:?}")),
        }
        self.receipts.arrive().await;
        world.judge()?;
        let sent = self.scene.service.messages() - before;
        if sent != again {
            return Err(format!("{again} rows were to be sent again, and {sent} were"));
        }
        let campaign = self.scene.ledger.campaign(RETRY).await.map_err(|error| error.to_string())?;
        let Some(campaign) = campaign else { return Err("the retry is gone".to_owned()) };
        let status = self.scene.ledger.status(campaign.id).await.map_err(|error| error.to_string())?;
        let sums = (status.accepted, status.planned, status.unknown, status.skipped);
        let n = again as u64;
        if sums != (n, 0, 0, self.scene.n_rows - n) || status.messages.total() != n {
            return Err(format!("the sums of the retry are wrong: {status:?}"));
        }
        Ok(())
    }

    /// Nothing more of a cancelled campaign leaves, and the sums are those of the service.
    async fn ended_early(&self, alarms: bool) -> Result<(), String> {
        let world = &self.scene.world;
        let (there, doubled) = (self.scene.service.rows_accepted(), self.scene.service.has_doubled());
        if doubled {
            return Err("some row was accepted twice".to_owned());
        }
        let plan = Plan::calm("late", world.choose(|choices| self.limits(self.resend_after, choices)));
        let late = self.scene.run(&plan).await;
        if !matches!(&late, Ended::Failed(_)) || self.scene.service.rows_accepted() != there {
            return Err(format!("a cancelled campaign was sent on: {late:?}"));
        }
        self.receipts.release();
        self.receipts.arrive().await;
        world.judge()?;
        let Some(campaign) = self.campaign().await? else { return Err("the campaign is gone".to_owned()) };
        let status = self.scene.ledger.status(campaign.id).await.map_err(|error| error.to_string())?;
        let adds_up = status.rows == status.skipped + status.planned + status.accepted + status.unknown
            && status.messages.total() == status.accepted;
        let agrees = (status.accepted..=status.accepted + status.unknown).contains(&there);
        if status.phase != Phase::Cancelled || !adds_up || !(agrees || alarms) {
            return Err(format!("the service has {there} rows of the cancelled campaign, the ledger says {status:?}"));
        }
        Ok(())
    }

    async fn all_receipts(&self, campaign: &Campaign) -> Result<(), String> {
        self.receipts.release();
        self.receipts.arrive().await;
        self.scene.world.judge()?;
        let waited = campaign.receipts(Duration::from_secs(5), std::future::pending(), |_| {}).await;
        match waited {
            Ok(Awaited::Settled) => Ok(()),
            other => Err(format!("receipts are missing: {other:?}, {:?}", campaign.status().await)),
        }
    }

    /// The ledger says what the service knows.
    async fn books(&self, campaign: &Campaign, alarms: bool) -> Result<(), String> {
        let status = campaign.status().await.map_err(|error| error.to_string())?;
        let rows = self.scene.n_rows;
        let sums = (status.rows, status.accepted, status.planned, status.unknown, status.skipped);
        if sums != (rows, rows, 0, 0, 0) || (!alarms && status.doubled != 0) {
            return Err(format!("the sums are wrong at the end: {status:?}"));
        }
        let words = ["DELIVERED", "READ", "FAILED"].map(|word| self.receipts.with_last(word));
        let messages = status.messages;
        if words != [messages.delivered, messages.read, messages.failed] {
            return Err(format!("{words:?} were delivered, read and failed, the ledger has {messages:?}"));
        }
        let ledger = &self.scene.ledger;
        let batches = ledger.batches(campaign.record().id, 0, u32::MAX).await.map_err(|error| error.to_string())?;
        let n_rows: u64 = batches.iter().map(|batch| batch.rows.len()).sum();
        match batches.iter().find(|batch| batch.stage != BatchStage::Accepted) {
            Some(batch) => Err(format!("batch {} is {} at the end", batch.number, batch.stage.as_str())),
            None if n_rows != rows => Err(format!("the batches have {n_rows} rows")),
            None => Ok(()),
        }
    }
}

fn freezes(now: u64, choices: &mut Choices) -> Vec<(u64, u64)> {
    let count = choices.between(1, 4);
    let one = |choices: &mut Choices| {
        let from = choices.between(now, now + 15_000);
        let most = choices.one_of(&[1000, 8000, 60_000]);
        (from, from + choices.between(100, most))
    };
    (0..count).map(|_| one(choices)).collect()
}
