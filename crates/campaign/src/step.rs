//! What a run does next: a pure function of what it knows, what it receives, and the time.
//!
//! Each [`Command`] has one effect, and each effect comes back as one [`Input`], so a crash between
//! any two of them is a loop in a test. The order is the promise: a lease before anything, an intent
//! before the call, an outcome after it, and a batch whose outcome is unknown is looked up before
//! anything of it is sent again.
//!
//! ```text
//!  claim ─┬─ never tried ──▶ (probe) ──▶ read ──▶ intend ──▶ send ─┬─ accepted ──▶ note, done
//!         │                                ▲                       ├─ not now ───▶ note, wait, intend
//!         │              proved absent     │                       ├─ refused ───▶ note, give up
//!         └─ tried before ──▶ look up ─────┘◀─────── wait ─────────┴─ unknown ───▶ note, look up
//!                               │  ▲
//!                               │  └── absent too early, no answer: wait
//!                               ├── found: note, done
//!                               └── no proof in so many tries: give up, it stays unknown
//! ```
//!
//! *Proved absent*: the question left when the batch had had its time, by both clocks, and the answer
//! was understood. A *probe* looks up what was never tried, in a run on a campaign that was begun
//! earlier: if it is found, the ledger is older than the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_ledger::{BatchStage, CampaignStatus, Claimed, Held, Lease, Run};
use sinch_batch_models::BatchId;

use crate::halt::{Gate, HaltRules, TooManyFailed};
use crate::moment::Moment;
use crate::outcome::{SendOutcome, StopReason};
use crate::outstanding::Outstanding;
use crate::pace::RequestPace;
use crate::sender::{LookUpFailure, Refusal, SendFailure};

/// The number of a batch within its campaign, from 1.
pub(crate) type BatchNumber = u32;

/// What bounds a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendLimits {
    /// How many batches are under way at once, those that wait for their outcome included.
    pub in_flight: u32,
    /// How long a batch of unknown outcome must stay absent before it is sent again. The longest that
    /// any run of the campaign had counts.
    pub resend_after: Duration,
    /// How long to wait longer if the worker that tried a batch fell silent and may still be there.
    pub takeover_grace: Duration,
    /// How long a lease on a batch lasts.
    pub lease: Duration,
    /// How long to wait between two look-ups of the same batch.
    pub look_up_every: Duration,
    /// After how many look-ups without a usable answer a batch is left *unknown*.
    pub look_ups: u32,
    /// After how many attempts in one run a batch is left *unknown*.
    pub attempts: u32,
    /// After how many failures in a row, by all batches together, the run stops.
    pub max_consecutive_failures: u32,
    /// The longest wait between two tries when the service names none.
    pub longest_wait: Duration,
    /// How many messages may be outstanding: accepted, and not known to have left the service's queue. 0 for any
    /// number; what is scheduled is not counted.
    pub window: u64,
    /// How many messages leave the queue in a second, until receipts teach better.
    pub drain: u32,
    /// How many requests may leave in any second.
    pub max_rate: u32,
    /// Whether it begins with a canary, and when it halts.
    pub halt: HaltRules,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            in_flight: 4,
            resend_after: Duration::from_secs(30),
            takeover_grace: Duration::from_secs(600),
            lease: sinch_batch_ledger::LEASE,
            look_up_every: Duration::from_secs(5),
            look_ups: 3,
            attempts: 3,
            max_consecutive_failures: 5,
            longest_wait: Duration::from_secs(60),
            window: 400_000,
            drain: 20,
            max_rate: 100,
            halt: HaltRules::default(),
        }
    }
}

impl SendLimits {
    /// Sets how many batches are under way at once; at least one.
    #[must_use]
    pub fn with_in_flight(mut self, in_flight: u32) -> Self {
        self.in_flight = in_flight.max(1);
        self
    }

    /// Sets how long a batch of unknown outcome must stay absent before it is sent again.
    #[must_use]
    pub fn with_resend_after(mut self, resend_after: Duration) -> Self {
        self.resend_after = resend_after;
        self
    }

    /// Sets how much longer to wait for a worker that fell silent.
    #[must_use]
    pub fn with_takeover_grace(mut self, grace: Duration) -> Self {
        self.takeover_grace = grace;
        self
    }

    /// Sets how long a lease lasts; at least a second.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// Sets how many messages may be outstanding; 0 for any number.
    #[must_use]
    pub fn with_window(mut self, window: u64) -> Self {
        self.window = window;
        self
    }

    /// Sets how many messages leave the service's queue in a second, until receipts teach better; at least one.
    #[must_use]
    pub fn with_drain(mut self, drain: u32) -> Self {
        self.drain = drain.max(1);
        self
    }

    /// Sets how many requests may leave in any second, from 1 to 800: more the service does not take.
    #[must_use]
    pub fn with_max_rate(mut self, max_rate: u32) -> Self {
        self.max_rate = max_rate.clamp(1, 800);
        self
    }

    /// Sets whether it begins with a canary, and when it halts.
    #[must_use]
    pub fn with_halt(mut self, halt: HaltRules) -> Self {
        self.halt = halt;
        self
    }

    /// For how long after it was asked for something may leave under a lease.
    fn may_send_for(&self) -> Duration {
        self.lease.saturating_sub(Duration::from_secs(5).min(self.lease / 6))
    }
}

/// What the machine receives.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The run begins.
    Start,
    /// The answer to [`Command::Claim`], asked for at that moment.
    Claimed(Claimed, Moment),
    /// The recipients of the batch are at hand.
    Read(BatchNumber),
    /// The recipients of the batch cannot be read, or nobody knows who of them is suppressed; the reason.
    Unreadable(BatchNumber, StopReason, String),
    /// What [`Command::Record`] asked for is durable.
    Recorded(BatchNumber),
    /// The batch is known to be accepted: a receipt, or another worker, proved it.
    Adopted(BatchNumber),
    /// The lease is over: the batch is another's.
    Fenced(BatchNumber),
    /// All rows of the batch are suppressed: it is closed, and nothing of it leaves.
    Emptied(BatchNumber),
    /// The outcome cannot be taken for this batch's, because the service contradicts itself.
    Contradicted(BatchNumber, String),
    /// The response to [`Command::Send`].
    Sent(BatchNumber, Result<BatchId, SendFailure>),
    /// The response to [`Command::LookUp`].
    Found(BatchNumber, Result<Vec<BatchId>, LookUpFailure>),
    /// The answer to [`Command::Renew`], asked for at that moment.
    Renewed { asked: Moment, held: Vec<(BatchNumber, u64)>, lost: Vec<BatchNumber>, accepted: Vec<BatchNumber> },
    /// A lease that was used by nobody is free again, or could not be given back.
    GivenBack,
    /// How the campaign stands.
    Status(CampaignStatus),
    /// Time has passed.
    Tick,
    /// Start nothing new: finish what is under way, then end.
    Stop(StopReason, Option<String>),
    /// A fact about the batch could not be recorded: let go of it and stop.
    Lost(BatchNumber),
}

/// What the loop does for the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Ask the ledger for so many batches, but not for these.
    Claim(u32, Arc<BTreeSet<BatchNumber>>),
    /// Read the recipients of the batch, in the order of these commands.
    Read(BatchNumber),
    /// Make a fact durable.
    Record(BatchNumber, Fact),
    /// Give back the lease of a batch by its token: this run does not use it.
    GiveBack(BatchNumber, u64),
    /// Call the service; the last byte leaves before that moment or never.
    Send(BatchNumber, Moment),
    /// Ask the service for the batch by its key.
    LookUp(BatchNumber),
    /// Prolong the leases of these batches, by their tokens.
    Renew(Vec<(BatchNumber, u64)>),
    /// Let go of the batch's recipients.
    Forget(BatchNumber),
    /// Send [`Input::Tick`] at this time of the steady clock, or earlier.
    Wake(Duration),
    /// The run has ended.
    Finish(SendOutcome),
}

/// What is recorded about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// It is about to be sent.
    Intent { token: u64, attempt: u32 },
    /// The call is over, and its outcome not known.
    Returned { attempt: u32 },
    /// The service has it, under these ids: one, unless something went wrong.
    Accepted(Vec<BatchId>),
    /// The service does not have it.
    Refused { attempt: u32, why: String },
    /// It was never tried from this ledger, and the service has it.
    FoundElsewhere,
    /// It is let go of without a new outcome.
    Released { token: u64, why: Option<String> },
}

/// What the machine knows.
#[derive(Clone, Debug)]
pub(crate) struct State {
    limits: SendLimits,
    resend_after: Duration,
    slots: BTreeMap<BatchNumber, Slot>,
    /// Batches that this run does not try again.
    given_up: Arc<BTreeSet<BatchNumber>>,
    claiming: bool,
    /// Something may have become free that the claim under way does not ask for.
    claim_is_old: bool,
    /// Leases that this run does not use, and that are being given back.
    giving_back: u32,
    /// Nothing is free, and nobody holds anything that may become so.
    exhausted: bool,
    /// When to ask again what others have let go of.
    claim_again: Option<Duration>,
    held: Vec<Held>,
    /// Whether the campaign was begun by an earlier run.
    resumes: bool,
    /// How many batches are still to be probed.
    probes: u32,
    accepted_any: bool,
    failures: u32,
    hold: Option<Duration>,
    /// The first batch that cannot be read, and why: it and all later ones do not leave.
    unreadable: Option<(BatchNumber, StopReason, String)>,
    /// When the leases are to be renewed; none while that is under way or there are none.
    renew_at: Option<Duration>,
    pace: RequestPace,
    outstanding: Outstanding,
    gate: Gate,
    /// The first batch that this run may try while the gate is shut.
    canary: Option<BatchNumber>,
    outcome: SendOutcome,
}

/// One batch under way.
#[derive(Clone, Debug)]
struct Slot {
    token: u64,
    n_rows: u64,
    /// The attempts that the ledger knows of.
    attempts: u32,
    /// Those of this run.
    tried: u32,
    /// Those of this run whose outcome was not known.
    uncertain: u32,
    stage: Stage,
    /// Before the lease was asked for: it lasts from here at least.
    leased: Moment,
    /// From when on a question may prove absence; none if there was no attempt.
    clear_at: Option<Moment>,
    /// When the question left that is under way.
    asked: Moment,
    useless_look_ups: u32,
    /// It waits for a worker that may come back, and takes no place of others.
    takes_over: bool,
    /// Its recipients are at hand.
    is_read: bool,
    /// It is another's, or known to be accepted: only proof of acceptance counts.
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Probing,
    Reading,
    /// It waits for the probes, or for a place.
    Ready,
    Intending,
    Sending,
    LookingUp,
    /// The outcome is being recorded.
    Noting(After),
    Waiting {
        until: Duration,
        then: Next,
    },
}

/// What comes after an outcome was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    Done,
    LookUp,
    Wait(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Probe,
    Send,
    LookUp,
}

/// How long to wait before asking what others have let go of.
const CLAIM_EVERY: Duration = Duration::from_millis(500);

/// How long to wait for a lease that is being renewed before looking again.
const RENEWAL_TAKES: Duration = Duration::from_secs(1);

impl State {
    /// A run of a campaign in which `accepted_any` batch was accepted before.
    pub(crate) fn new(limits: SendLimits, run: &Run, accepted_any: bool) -> Self {
        // What a run begun earlier left may have been sent from a copy of this ledger.
        let probes = if run.number > 1 { limits.in_flight } else { 0 };
        Self {
            pace: RequestPace::new(limits.max_rate),
            outstanding: Outstanding::new(limits.window, limits.drain),
            gate: Gate::new(limits.halt.clone()),
            canary: None,
            resend_after: run.resend_after.max(limits.resend_after),
            limits,
            slots: BTreeMap::new(),
            given_up: Arc::default(),
            claiming: false,
            claim_is_old: false,
            giving_back: 0,
            exhausted: false,
            claim_again: None,
            held: Vec::new(),
            resumes: run.number > 1,
            probes,
            accepted_any,
            failures: 0,
            hold: None,
            unreadable: None,
            renew_at: None,
            outcome: SendOutcome::default(),
        }
    }

    /// What other workers hold, if the run waits for them.
    pub(crate) fn waits_for(&self) -> &[Held] {
        if self.slots.values().all(|slot| slot.takes_over) { &self.held } else { &[] }
    }

    /// How many batches wait for a worker that may come back.
    pub(crate) fn takeovers(&self) -> usize {
        self.slots.values().filter(|slot| slot.takes_over).count()
    }

    /// How many batches are under way. Those that wait for silent workers take no place of others, nor do
    /// those that are only at hand, nor those whose outcome is being recorded: the next intent is committed
    /// together with it.
    pub(crate) fn in_flight(&self) -> u32 {
        let under_way = |slot: &&Slot| {
            !slot.takes_over
                && !matches!(slot.stage, Stage::Probing | Stage::Reading | Stage::Ready | Stage::Noting(After::Done))
        };
        count(self.slots.values().filter(under_way))
    }

    /// How many batches are under way or at hand.
    fn at_hand(&self) -> u32 {
        count(self.slots.values().filter(|slot| !slot.takes_over && slot.stage != Stage::Noting(After::Done)))
    }

    /// Whether the receipts of the first batch are waited for before anything else leaves.
    pub(crate) fn waits_for_canary(&self) -> bool {
        self.gate.is_shut() && self.gate.has_begun()
    }

    /// Whether messages are outstanding that should long have left.
    pub(crate) fn receipts_are_late(&self) -> bool {
        self.outstanding.is_late()
    }

    /// How many batches leave as soon as their intent is recorded.
    fn about_to_leave(&self) -> u32 {
        count(self.slots.values().filter(|slot| slot.stage == Stage::Intending))
    }

    /// Whether a batch has to wait: for the pace, for room in the service's queue, or for the canary. The rows of
    /// one that was tried are counted already.
    fn holds_back(&self, number: BatchNumber) -> bool {
        let was_tried = self.slots.get(&number).is_some_and(|slot| slot.attempts > 0);
        let is_canary = self.canary == Some(number) && !self.gate.has_begun();
        !self.pace.is_free(self.about_to_leave())
            || (!was_tried && (self.outstanding.is_full() || (self.gate.is_shut() && !is_canary)))
    }

    /// Whether nothing more is claimed, because it could not leave.
    fn claims_nothing(&self) -> bool {
        let to_look_up = self.outstanding.has_unknown();
        let waits = self.gate.is_shut() && (self.gate.has_begun() || !self.slots.is_empty());
        (waits || self.outstanding.is_full()) && !to_look_up
    }

    fn is_stopping(&self) -> bool {
        self.outcome.stopped.is_some()
    }
}

/// Decides what to do after an input.
pub(crate) fn step(state: &mut State, input: Input, now: Moment) -> Vec<Command> {
    let mut commands = Vec::new();
    state.pace.tick(now.steady);
    match input {
        Input::Status(status) => noted(state, &status, now),
        Input::Start | Input::Tick => {}
        Input::GivenBack => {
            state.giving_back = state.giving_back.saturating_sub(1);
            state.exhausted = false;
            state.claim_is_old = state.claiming;
        }
        Input::Claimed(claimed, asked) => claimed_batches(state, claimed, asked, now, &mut commands),
        Input::Read(number) => match state.slots.get_mut(&number) {
            Some(slot) => {
                slot.is_read = true;
                intend(state, number, now, &mut commands);
            }
            // It was forgotten meanwhile.
            None => commands.push(Command::Forget(number)),
        },
        Input::Unreadable(number, reason, why) => {
            if state.unreadable.as_ref().is_none_or(|(first, ..)| number < *first) {
                state.unreadable = Some((number, reason, why));
            }
            let_go(state, number, &mut commands);
        }
        Input::Recorded(number) => recorded(state, number, now, &mut commands),
        Input::Adopted(number) => {
            state.accepted_any = true;
            state.failures = 0;
            be_fenced(state, number, &mut commands);
        }
        Input::Fenced(number) => be_fenced(state, number, &mut commands),
        Input::Emptied(number) => emptied(state, number, &mut commands),
        Input::Contradicted(number, why) => leave_unknown(state, number, Some(why), &mut commands),
        Input::Sent(number, response) => sent(state, number, response, now, &mut commands),
        Input::Found(number, response) => found(state, number, response, now, &mut commands),
        Input::Renewed { asked, held, lost, accepted } => {
            state.accepted_any |= !accepted.is_empty();
            for (number, token) in held {
                // It may have been claimed again since the renewal was asked for.
                if state.slots.get(&number).is_none_or(|slot| slot.token != token) {
                    continue;
                }
                if lost.contains(&number) || accepted.contains(&number) {
                    lose(state, number, &mut commands);
                } else if let Some(slot) = state.slots.get_mut(&number) {
                    slot.leased = asked;
                }
            }
            state.renew_at = Some(asked.steady + state.limits.lease / 3);
        }
        Input::Stop(reason, why) => stop_for(state, reason, why),
        Input::Lost(number) => {
            stop_for(state, StopReason::Ledger, None);
            forget(state, number, &mut commands);
        }
    }
    go_on(state, now, &mut commands);
    commands
}

/// Looks at how the campaign stands: what is outstanding, and whether too much has failed.
fn noted(state: &mut State, status: &CampaignStatus, now: Moment) {
    state.outstanding.note(status, now.steady);
    if let Some(TooManyFailed { failed, settled }) = state.gate.note(status, now.steady) {
        stop_for(state, StopReason::Halted, Some(format!("{failed} of {settled} failed")));
    }
    let gave_up = state.canary.is_some_and(|canary| state.given_up.contains(&canary));
    if state.gate.is_shut() && gave_up && state.slots.is_empty() {
        stop_for(state, StopReason::Unreachable, None);
    }
}

fn claimed_batches(state: &mut State, claimed: Claimed, asked: Moment, now: Moment, commands: &mut Vec<Command>) {
    state.claiming = false;
    let claim_is_old = std::mem::take(&mut state.claim_is_old);
    let waits = !claimed.held.is_empty() || state.giving_back > 0;
    state.exhausted = claimed.leases.is_empty() && !waits && !claim_is_old;
    // Some may still be free of a worker that has just gone; what others hold may become so.
    state.claim_again = (waits && claimed.leases.is_empty()).then(|| now.steady + CLAIM_EVERY);
    state.held = claimed.held;
    if state.is_stopping() {
        // They are free again with the goodbye of this worker.
        return;
    }
    if !claimed.leases.is_empty() && state.renew_at.is_none() {
        state.renew_at = Some(asked.steady + state.limits.lease / 3);
    }
    if state.gate.is_shut() && state.canary.is_none() {
        let first = claimed.leases.iter().map(|lease| lease.number).min();
        state.canary = first.filter(|first| state.gate.is_first(*first));
    }
    // The canary is another worker's, who may die with it: nothing is held that would keep this run from it.
    let holds_nothing = state.gate.is_shut() && !state.gate.has_begun() && state.canary.is_none();
    for lease in claimed.leases {
        if holds_nothing && lease.attempts == 0 && !state.slots.contains_key(&lease.number) {
            state.giving_back += 1;
            state.claim_again = Some(now.steady + CLAIM_EVERY);
            commands.push(Command::GiveBack(lease.number, lease.token));
        } else if state.slots.contains_key(&lease.number) {
            // The claim took so long that a lease of this run lapsed meanwhile, or a clock was set. What is under way
            // ends first; the new lease is used by nobody.
            state.giving_back += 1;
            commands.push(Command::GiveBack(lease.number, lease.token));
            lose(state, lease.number, commands);
        } else {
            take(state, &lease, asked, now, commands);
        }
    }
}

fn take(state: &mut State, lease: &Lease, asked: Moment, now: Moment, commands: &mut Vec<Command>) {
    let number = lease.number;
    let tried = lease.stage == BatchStage::Unknown || lease.uncertain;
    let mut slot = Slot {
        token: lease.token,
        n_rows: lease.rows.len(),
        attempts: lease.attempts,
        tried: 0,
        uncertain: 0,
        stage: Stage::Reading,
        leased: asked,
        clear_at: None,
        asked: now,
        useless_look_ups: 0,
        takes_over: false,
        is_read: false,
        lost: false,
    };
    if tried {
        slot.clear_at = Some(clear_of_earlier(state, lease, now));
        slot.takes_over = lease.lapsed_at.is_some();
        state.slots.insert(number, slot);
        look_up(state, number, Next::LookUp, now, commands);
    } else if state.probes > 0 || (state.resumes && lease.token > 1) {
        // One that was claimed before may have been sent from a copy of this ledger, however far the run has come.
        state.probes = state.probes.saturating_sub(1);
        state.slots.insert(number, slot);
        look_up(state, number, Next::Probe, now, commands);
    } else {
        commands.push(Command::Read(number));
        state.slots.insert(number, slot);
    }
}

/// From when on a question may prove that an attempt of an earlier run, or of another worker, is absent.
///
/// The steady clock of this run knows nothing of what was before it, so it waits the whole time.
fn clear_of_earlier(state: &State, lease: &Lease, now: Moment) -> Moment {
    let left = lease.may_leave_until.unwrap_or(now.wall);
    let (left, wait) = match lease.lapsed_at {
        Some(lapsed) => (left.max(lapsed), state.limits.takeover_grace.saturating_add(state.resend_after)),
        None => (left, state.resend_after),
    };
    let from = Moment { wall: left, steady: now.steady };
    from.after(wait)
}

/// Records the intent, unless a probe is still out, for then nothing leaves, or there is no place.
fn intend(state: &mut State, number: BatchNumber, now: Moment, commands: &mut Vec<Command>) {
    let probing = is_probing(state);
    let stopping = state.is_stopping();
    let hold = state.hold.filter(|hold| now.steady < *hold);
    let too_late = state.unreadable.as_ref().is_some_and(|(first, ..)| *first < number);
    let may_send_for = state.limits.may_send_for();
    let Some(slot) = state.slots.get_mut(&number) else { return };
    if stopping || too_late || slot.lost {
        return forget(state, number, commands);
    }
    slot.stage = Stage::Ready;
    let is_full = state.in_flight() >= state.limits.in_flight || state.holds_back(number);
    let Some(slot) = state.slots.get_mut(&number) else { return };
    if probing || (is_full && slot.is_read) {
        // It stays at hand.
    } else if let Some(until) = hold {
        slot.stage = Stage::Waiting { until, then: Next::Send };
    } else if slot.is_read && slot.leased.after(may_send_for).is_over(now) {
        // Nothing of it could leave before the lease is renewed.
        slot.stage = Stage::Waiting { until: now.steady + RENEWAL_TAKES, then: Next::Send };
        state.renew_at = state.renew_at.map(|at| at.min(now.steady));
    } else if slot.is_read {
        slot.stage = Stage::Intending;
        if slot.attempts == 0 {
            state.outstanding.leave(slot.n_rows);
        }
        let (token, attempt) = (slot.token, slot.attempts.saturating_add(1));
        commands.push(Command::Record(number, Fact::Intent { token, attempt }));
    } else {
        slot.stage = Stage::Reading;
        commands.push(Command::Read(number));
    }
}

fn is_probing(state: &State) -> bool {
    state.slots.values().any(|slot| matches!(slot.stage, Stage::Probing | Stage::Waiting { then: Next::Probe, .. }))
}

fn recorded(state: &mut State, number: BatchNumber, now: Moment, commands: &mut Vec<Command>) {
    let stopping = state.is_stopping();
    let may_send_for = state.limits.may_send_for();
    let Some(slot) = state.slots.get_mut(&number) else { return };
    match slot.stage {
        Stage::Intending => {
            slot.attempts += 1;
            slot.tried += 1;
            let until = slot.leased.after(may_send_for);
            if slot.lost || until.is_over(now) {
                let then = if slot.lost { After::Done } else { After::Wait(now.steady) };
                slot.stage = Stage::Noting(then);
                let why = "its lease was over before it could leave".to_owned();
                commands.push(Command::Record(number, Fact::Refused { attempt: slot.attempts, why }));
            } else {
                slot.stage = Stage::Sending;
                state.pace.leave(now.steady);
                commands.push(Command::Send(number, until));
            }
        }
        _ if slot.lost => forget(state, number, commands),
        Stage::Noting(After::LookUp) => look_up(state, number, Next::LookUp, now, commands),
        Stage::Noting(After::Wait(until)) if !stopping => slot.stage = Stage::Waiting { until, then: Next::Send },
        Stage::Noting(_) => forget(state, number, commands),
        _ => {}
    }
}

/// Asks the service for a batch, as soon as the pace allows it.
fn look_up(state: &mut State, number: BatchNumber, why: Next, now: Moment, commands: &mut Vec<Command>) {
    let is_free = state.pace.is_free(state.about_to_leave());
    let Some(slot) = state.slots.get_mut(&number) else { return };
    if !is_free {
        slot.stage = Stage::Waiting { until: state.pace.free_at(now.steady), then: why };
        return;
    }
    slot.stage = if why == Next::Probe { Stage::Probing } else { Stage::LookingUp };
    slot.asked = now;
    state.pace.leave(now.steady);
    commands.push(Command::LookUp(number));
}

fn accepted(state: &mut State, number: BatchNumber, ids: Vec<BatchId>, commands: &mut Vec<Command>) {
    state.accepted_any = true;
    state.failures = 0;
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.stage = Stage::Noting(After::Done);
    commands.push(Command::Record(number, Fact::Accepted(ids)));
}

fn sent(
    state: &mut State,
    number: BatchNumber,
    response: Result<BatchId, SendFailure>,
    now: Moment,
    commands: &mut Vec<Command>,
) {
    let resend_after = state.resend_after;
    let longest_wait = state.limits.longest_wait;
    let Some(slot) = state.slots.get_mut(&number) else { return };
    let failure = match response {
        Ok(batch_id) => return accepted(state, number, vec![batch_id], commands),
        Err(_) if slot.lost => return forget(state, number, commands),
        Err(failure) => failure,
    };
    let attempt = slot.attempts;
    match failure {
        SendFailure::Unknown { why } => {
            slot.uncertain += 1;
            slot.clear_at = Some(now.after(resend_after));
            slot.stage = Stage::Noting(After::LookUp);
            commands.push(Command::Record(number, Fact::Returned { attempt }));
            state.outcome.why = Some(why);
        }
        SendFailure::NotNow { retry_after, limited, why } => {
            let until = now.steady + retry_after.unwrap_or_else(|| backoff(slot.tried, longest_wait));
            slot.stage = Stage::Noting(After::Wait(until));
            commands.push(Command::Record(number, Fact::Refused { attempt, why: why.clone() }));
            state.outcome.why = Some(why);
            if limited {
                // The service is there and full: everyone waits, nobody gives up.
                state.failures = 0;
                state.pace.too_many(now.steady);
                state.hold = Some(state.hold.map_or(until, |hold| hold.max(until)));
            } else {
                fail(state, StopReason::Unreachable);
            }
        }
        SendFailure::Expired { why } => {
            let until = now.steady + backoff(slot.tried, longest_wait);
            slot.stage = Stage::Noting(After::Wait(until));
            commands.push(Command::Record(number, Fact::Refused { attempt, why: why.clone() }));
            state.outcome.why = Some(why);
            fail(state, StopReason::Credentials);
        }
        SendFailure::Refused { about, why } => {
            slot.stage = Stage::Noting(After::Done);
            give_up(state, number);
            commands.push(Command::Record(number, Fact::Refused { attempt, why: why.clone() }));
            state.outcome.refused += 1;
            state.outcome.why = Some(why);
            match about {
                Refusal::Credentials => stop_for(state, StopReason::Credentials, None),
                Refusal::Credit => stop_for(state, StopReason::Credit, None),
                Refusal::Service => stop_for(state, StopReason::Refused, None),
                // The first batch stands for all of them: a fault of the message is in every one.
                Refusal::Batch if !state.accepted_any => stop_for(state, StopReason::Refused, None),
                Refusal::Batch => {}
            }
        }
    }
}

fn found(
    state: &mut State,
    number: BatchNumber,
    response: Result<Vec<BatchId>, LookUpFailure>,
    now: Moment,
    commands: &mut Vec<Command>,
) {
    let lease = state.limits.lease;
    let Some(slot) = state.slots.get_mut(&number) else { return };
    let probing = slot.stage == Stage::Probing;
    if probing && (slot.lost || slot.leased.after(lease).is_over(now)) {
        // Another worker may have sent it meanwhile: what was found proves nothing about this ledger.
        state.probes += 1;
        if std::mem::replace(&mut slot.lost, true) {
            return forget(state, number, commands);
        }
        // By the ledger's clock it may still be held: it is given back, and claimed again.
        slot.stage = Stage::Noting(After::Done);
        return commands.push(Command::Record(number, Fact::Released { token: slot.token, why: None }));
    }
    match response {
        Ok(ids) if !ids.is_empty() && probing => {
            let why = format!("batch {number} was never tried from this ledger, and the service has it");
            stop_for(state, StopReason::LedgerBehind, Some(why));
            slot_notes(state, number, Fact::FoundElsewhere, commands);
        }
        Ok(ids) if !ids.is_empty() => accepted(state, number, ids, commands),
        _ if slot.lost => forget(state, number, commands),
        Ok(_) if probing => {
            slot.stage = Stage::Ready;
            slot.useless_look_ups = 0;
        }
        Ok(_) => absent(state, number, now, commands),
        Err(failure) => no_answer(state, number, failure, probing, now, commands),
    }
}

/// Records something about a batch with which this run is done.
fn slot_notes(state: &mut State, number: BatchNumber, fact: Fact, commands: &mut Vec<Command>) {
    if let Some(slot) = state.slots.get_mut(&number) {
        slot.stage = Stage::Noting(After::Done);
        commands.push(Command::Record(number, fact));
    }
}

/// The service says that it does not have the batch, which is proof only if the question left late
/// enough.
fn absent(state: &mut State, number: BatchNumber, now: Moment, commands: &mut Vec<Command>) {
    let every = state.limits.look_up_every;
    let attempts = state.limits.attempts;
    let stopping = state.is_stopping();
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.useless_look_ups = 0;
    let proved = slot.clear_at.is_none_or(|clear| clear.has_come(slot.asked));
    if stopping {
        leave_unknown(state, number, None, commands);
    } else if !proved {
        // Another worker's batch may take minutes: it is asked for less often.
        let every = if slot.takes_over { every * 6 } else { every };
        let clear = slot.clear_at.map_or(now.steady, |clear| clear.steady);
        let until = if now.steady < clear { (now.steady + every).min(clear) } else { now.steady + every };
        slot.stage = Stage::Waiting { until, then: Next::LookUp };
    } else if slot.uncertain >= attempts {
        let why = format!("the service does not show the batch after {} attempts", slot.uncertain);
        state.outcome.why = Some(why.clone());
        leave_unknown(state, number, Some(why), commands);
        fail(state, StopReason::Unreachable);
    } else {
        slot.takes_over = false;
        intend(state, number, now, commands);
    }
}

fn no_answer(
    state: &mut State,
    number: BatchNumber,
    failure: LookUpFailure,
    probing: bool,
    now: Moment,
    commands: &mut Vec<Command>,
) {
    let every = state.limits.look_up_every;
    let look_ups = state.limits.look_ups;
    let stopping = state.is_stopping();
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.useless_look_ups += 1;
    let enough = slot.useless_look_ups >= look_ups;
    let then = if probing { Next::Probe } else { Next::LookUp };
    slot.stage = Stage::Waiting { until: now.steady + every, then };
    let LookUpFailure { credentials, why } = failure;
    state.outcome.why = Some(why.clone());
    if credentials {
        stop_for(state, StopReason::Credentials, None);
    }
    if !(enough || credentials || stopping) {
        return;
    }
    if probing {
        let why = format!("whether batch {number} was sent from another copy of the ledger is not known: {why}");
        stop_for(state, StopReason::NotVerified, Some(why));
        forget(state, number, commands);
    } else {
        leave_unknown(state, number, Some(why), commands);
        fail(state, StopReason::Unreachable);
    }
}

/// Lets go of a batch whose outcome stays unknown in this run.
fn leave_unknown(state: &mut State, number: BatchNumber, why: Option<String>, commands: &mut Vec<Command>) {
    let Some(slot) = state.slots.get_mut(&number) else { return };
    if slot.lost {
        return forget(state, number, commands);
    }
    slot.stage = Stage::Noting(After::Done);
    let token = slot.token;
    state.outcome.unknown += 1;
    if why.is_some() {
        state.outcome.why.clone_from(&why);
    }
    give_up(state, number);
    commands.push(Command::Record(number, Fact::Released { token, why }));
}

fn give_up(state: &mut State, number: BatchNumber) {
    Arc::make_mut(&mut state.given_up).insert(number);
}

/// Another worker has it, or the service is known to have it. What is under way may still tell its id, and
/// as long as it is under way this run does not claim the batch again.
fn lose(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.lost = true;
    if matches!(slot.stage, Stage::Waiting { .. } | Stage::Ready) {
        forget(state, number, commands);
    }
}

/// The ledger says that the batch is another's, or accepted.
fn be_fenced(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.lost = true;
    forget(state, number, commands);
}

/// Gives the batch back without having done anything.
fn let_go(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    give_up(state, number);
    forget(state, number, commands);
}

/// Nothing of a batch is left to be sent. If it was the canary, the next one is.
fn emptied(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    forget(state, number, commands);
    if state.canary == Some(number) && !state.gate.has_begun() {
        state.canary = state.slots.iter().find(|(_, slot)| slot.attempts == 0 && !slot.lost).map(|(next, _)| *next);
    }
}

fn forget(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    if let Some(slot) = state.slots.remove(&number) {
        if slot.lost {
            // It may be free again, so it is worth asking.
            state.exhausted = false;
            state.claim_is_old = state.claiming;
        }
        commands.push(Command::Forget(number));
    }
}

fn fail(state: &mut State, reason: StopReason) {
    state.failures += 1;
    if state.failures >= state.limits.max_consecutive_failures {
        stop_for(state, reason, None);
    }
}

fn stop_for(state: &mut State, reason: StopReason, why: Option<String>) {
    if state.outcome.stopped.is_none() {
        state.outcome.stopped = Some(reason);
        if why.is_some() {
            state.outcome.why = why;
        }
    }
}

/// Wakes who has waited long enough, asks for more, or ends.
fn go_on(state: &mut State, now: Moment, commands: &mut Vec<Command>) {
    wake(state, now, commands);
    let ready: Vec<_> =
        state.slots.iter().filter(|(_, slot)| slot.stage == Stage::Ready).map(|(number, _)| *number).collect();
    ready.into_iter().for_each(|number| intend(state, number, now, commands));
    // What comes before it still leaves.
    if let Some((first, reason, why)) = &state.unreadable
        && state.slots.range(..first).next().is_none()
    {
        let (reason, why) = (*reason, why.clone());
        stop_for(state, reason, Some(why));
    }
    if state.hold.is_some_and(|hold| hold <= now.steady) {
        state.hold = None;
    }
    claim(state, now, commands);
    renew(state, now, commands);
    let stopping = state.is_stopping();
    if state.slots.is_empty() && !state.claiming && (stopping || state.exhausted) {
        commands.push(Command::Finish(state.outcome.clone()));
        return;
    }
    let waits = state.slots.values().filter_map(|slot| match slot.stage {
        Stage::Waiting { until, .. } => Some(until),
        _ => None,
    });
    // What is due and still waits, waits for something else: for room, or for the end of what is under way.
    let claim_again = state.claim_again.filter(|at| now.steady < *at);
    let is_paced = !state.pace.is_free(state.about_to_leave());
    let waits_for_pace = is_paced && state.slots.values().any(|slot| slot.stage == Stage::Ready && slot.is_read);
    let paced = waits_for_pace.then(|| state.pace.free_at(now.steady));
    let others = state.hold.into_iter().chain(state.renew_at).chain(claim_again).chain(paced);
    if let Some(at) = waits.chain(others).min() {
        commands.push(Command::Wake(at));
    }
}

fn wake(state: &mut State, now: Moment, commands: &mut Vec<Command>) {
    let stopping = state.is_stopping();
    let due: Vec<(BatchNumber, Next)> = state
        .slots
        .iter()
        .filter_map(|(number, slot)| match slot.stage {
            Stage::Waiting { until, then } if stopping || until <= now.steady => Some((*number, then)),
            Stage::Ready | Stage::Reading if stopping => Some((*number, Next::Send)),
            _ => None,
        })
        .collect();
    for (number, next) in due {
        match next {
            Next::LookUp if stopping => leave_unknown(state, number, None, commands),
            Next::Send | Next::Probe if stopping => forget(state, number, commands),
            Next::LookUp | Next::Probe => look_up(state, number, next, now, commands),
            Next::Send => intend(state, number, now, commands),
        }
    }
}

fn claim(state: &mut State, now: Moment, commands: &mut Vec<Command>) {
    // As many as may be under way are kept at hand besides, and claimed together: the next one is read before
    // it is needed, and a claim costs little.
    let places = state.limits.in_flight;
    let at_hand = state.at_hand();
    let room = if at_hand > places { 0 } else { (2 * places - at_hand).min(places) };
    let later = state.hold.is_some() || state.claims_nothing() || state.claim_again.is_some_and(|at| now.steady < at);
    if state.is_stopping() || state.unreadable.is_some() || state.exhausted || state.claiming || later || room == 0 {
        return;
    }
    state.claiming = true;
    state.claim_again = None;
    let lease = state.limits.lease;
    let mut except = Arc::clone(&state.given_up);
    // What is under way here, and may be free for the ledger: nothing is claimed twice by one run.
    for (number, slot) in &state.slots {
        if slot.lost || slot.leased.after(lease).is_over(now) {
            Arc::make_mut(&mut except).insert(*number);
        }
    }
    commands.push(Command::Claim(room, except));
}

fn renew(state: &mut State, now: Moment, commands: &mut Vec<Command>) {
    if state.renew_at.is_none_or(|at| now.steady < at) {
        return;
    }
    state.renew_at = None;
    let held: Vec<_> =
        state.slots.iter().filter(|(_, slot)| !slot.lost).map(|(number, slot)| (*number, slot.token)).collect();
    if !held.is_empty() {
        commands.push(Command::Renew(held));
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// 1 s, 2 s, 4 s … up to the longest wait.
fn backoff(attempts: u32, longest: Duration) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
