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
//! earlier, or whose ledger was lost and is there again: if it is found, the ledger is older than the truth.

mod leases;
mod look_ups;
mod messages;
mod sending;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_ledger::{CampaignStatus, Held, Run};

use crate::halt::{Gate, TooManyFailed};
use crate::limits::SendLimits;
use crate::moment::Moment;
use crate::outcome::{SendOutcome, StopReason};
use crate::outstanding::Outstanding;
use crate::pace::RequestPace;

use self::leases::{be_fenced, claim, claimed_batches, emptied, let_go, lose, renew};
use self::look_ups::{found, leave_unknown, look_up};
pub(crate) use self::messages::{Command, Fact, Input};
use self::sending::{intend, recorded, sent};

/// The number of a batch within its campaign, from 1.
pub(crate) type BatchNumber = u32;

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
    /// Whether the last claim was given nothing because too much of the app is outstanding.
    is_app_full: bool,
    /// Whether the campaign was begun by an earlier run, or its ledger was lost meanwhile.
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
            is_app_full: false,
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

    /// Whether nothing new leaves before receipts come: as much is outstanding as may be.
    pub(crate) fn waits_for_room(&self) -> bool {
        self.is_app_full || self.outstanding.holds_up()
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
        (waits || self.outstanding.holds_up()) && !to_look_up
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
        Input::LedgerLost => {
            // As in a run on a campaign that was begun earlier: another server may not know what was sent.
            state.resumes = true;
            state.probes = state.limits.in_flight;
        }
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

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
