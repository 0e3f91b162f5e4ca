//! What a campaign does next: a pure function of what it knows, what it hears, and the time.
//!
//! Each [`Command`] has one effect, and each effect comes back as one [`Input`], so a crash between
//! any two of them is a loop in a test. The order is the promise: an intent is recorded before the
//! call, an outcome after it, and a batch whose outcome is unknown is looked up before anything is
//! sent again.

use std::collections::BTreeMap;
use std::time::Duration;

use sinch_batch_models::{BatchId, Timestamp};

use crate::sender::{LookUpFailure, Refusal, SendFailure};

/// The number of a batch within its campaign, from 1.
pub type BatchNumber = u32;

/// What bounds a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many batches are under way at once, those that settle included.
    pub in_flight: usize,
    /// How long a batch of unknown outcome must stay absent before it is sent again.
    pub settle: Duration,
    /// How long to wait between two look-ups of the same batch.
    pub look_up_every: Duration,
    /// After how many failed look-ups a batch is left *unknown*.
    pub look_ups: u32,
    /// After how many attempts that came to nothing a batch is given up; it stays *planned*.
    pub attempts: u32,
    /// After how many fruitless tries in a row, by all batches together, the campaign stops.
    pub strikes: u32,
    /// The longest wait between two tries when the service names none.
    pub longest_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 4,
            settle: Duration::from_secs(30),
            look_up_every: Duration::from_secs(5),
            look_ups: 3,
            attempts: 3,
            strikes: 5,
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Sets how many batches are under way at once; at least one.
    #[must_use]
    pub fn with_in_flight(mut self, in_flight: usize) -> Self {
        self.in_flight = in_flight.max(1);
        self
    }

    /// Sets how long a batch of unknown outcome must stay absent before it is sent again.
    #[must_use]
    pub fn with_settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }
}

/// Where a batch that enters the machine comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Just cut from the file, or surely not sent before.
    Fresh,
    /// Of an earlier run: an attempt was recorded, its outcome was not.
    Unknown,
}

/// What the machine hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The campaign begins, or goes on after a restart.
    Start,
    /// The batch asked for by [`Command::Plan`].
    Planned(BatchNumber, Origin),
    /// There are no more batches.
    Exhausted,
    /// What [`Command::Record`] asked for is durable.
    Recorded(BatchNumber),
    /// The fact could not be recorded because a receipt has proved meanwhile that the service has the
    /// batch.
    Adopted(BatchNumber),
    /// The answer to [`Command::Send`].
    Sent(BatchNumber, Result<BatchId, SendFailure>),
    /// The answer to [`Command::LookUp`].
    Found(BatchNumber, Result<Option<BatchId>, LookUpFailure>),
    /// Time has passed.
    Tick,
    /// Start nothing new: finish what is under way, then end.
    Stop(Stop),
    /// A fact about the batch could not be recorded: let go of it and stop.
    Lost(BatchNumber),
}

/// What the loop does for the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read the next batch from the file.
    Plan,
    /// Make a fact durable.
    Record(BatchNumber, Fact),
    /// Call the service.
    Send(BatchNumber),
    /// Ask the service for the batch by its key.
    LookUp(BatchNumber),
    /// Let go of the batch's recipients.
    Forget(BatchNumber),
    /// Send [`Input::Tick`] at this time, or earlier.
    Wake(Timestamp),
    /// The campaign has ended.
    Finish(Ended),
}

/// What is recorded about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It is about to be sent.
    Intent,
    /// The service has it.
    Accepted(BatchId),
    /// The service surely does not have it.
    Refused(String),
}

/// Why a campaign stops before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it.
    Interrupted,
    /// The key or its secret was refused, or one new token after another.
    Credentials,
    /// The service refused: the project, the app, the region, or the first batch.
    Refused,
    /// The project is blocked for credit.
    Credit,
    /// The service could not be reached, or kept failing.
    Unreachable,
    /// The ledger could not be written.
    Ledger,
    /// The file could not be read to its end.
    Input,
}

/// How sending ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Why it stopped early; `None` when every batch was tried.
    pub stopped: Option<Stop>,
    /// Batches that the service surely did not take.
    pub refused: u32,
    /// Batches whose outcome is still unknown.
    pub unknown: u32,
    /// What went wrong last, in one sentence.
    pub why: Option<String>,
}

impl Ended {
    /// Whether the service has every batch.
    pub fn is_complete(&self) -> bool {
        self.stopped.is_none() && self.refused == 0 && self.unknown == 0
    }
}

/// What the machine knows.
#[derive(Clone, Debug)]
pub struct State {
    limits: Limits,
    slots: BTreeMap<BatchNumber, Slot>,
    asked: bool,
    exhausted: bool,
    accepted_any: bool,
    strikes: u32,
    hold: Option<Timestamp>,
    ended: Ended,
}

/// One batch under way.
#[derive(Clone, Debug)]
struct Slot {
    stage: Stage,
    /// Since when the outcome is unknown: the end of the call, or the start of this run, since the
    /// call of an earlier one may have been on the wire until then.
    unknown_since: Timestamp,
    attempts: u32,
    failed_look_ups: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Intending,
    Sending,
    LookingUp,
    /// The outcome is being recorded; afterwards the batch is done, or is tried again at a time.
    Noting {
        again: Option<Timestamp>,
    },
    Waiting {
        until: Timestamp,
        then: Next,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Send,
    LookUp,
}

impl State {
    /// A campaign that has not begun, or goes on after a restart in which `accepted_any` batch had
    /// been accepted.
    pub fn new(limits: Limits, accepted_any: bool) -> Self {
        Self {
            limits,
            slots: BTreeMap::new(),
            asked: false,
            exhausted: false,
            accepted_any,
            strikes: 0,
            hold: None,
            ended: Ended::default(),
        }
    }

    /// How many batches are under way.
    pub fn in_flight(&self) -> usize {
        self.slots.len()
    }
}

/// Decides what to do after an input.
pub fn step(state: &mut State, input: Input, now: Timestamp) -> Vec<Command> {
    let mut commands = Vec::new();
    match input {
        Input::Start | Input::Tick => {}
        Input::Planned(number, origin) => planned(state, number, origin, now, &mut commands),
        Input::Exhausted => {
            state.asked = false;
            state.exhausted = true;
        }
        Input::Recorded(number) => recorded(state, number, &mut commands),
        Input::Adopted(number) => {
            state.accepted_any = true;
            state.strikes = 0;
            if state.slots.remove(&number).is_some() {
                commands.push(Command::Forget(number));
            }
        }
        Input::Sent(number, Ok(batch_id)) => accepted(state, number, batch_id, &mut commands),
        Input::Sent(number, Err(failure)) => not_sent(state, number, failure, now, &mut commands),
        Input::Found(number, answer) => found(state, number, answer, now, &mut commands),
        Input::Stop(stop) => stop_for(state, stop),
        Input::Lost(number) => {
            stop_for(state, Stop::Ledger);
            if state.slots.remove(&number).is_some() {
                commands.push(Command::Forget(number));
            }
        }
    }
    go_on(state, now, &mut commands);
    commands
}

fn planned(state: &mut State, number: BatchNumber, origin: Origin, now: Timestamp, commands: &mut Vec<Command>) {
    state.asked = false;
    if state.ended.stopped.is_some() {
        // It stays what the ledger says it is.
        commands.push(Command::Forget(number));
        return;
    }
    let (stage, command) = match origin {
        Origin::Fresh => (Stage::Intending, Command::Record(number, Fact::Intent)),
        Origin::Unknown => (Stage::LookingUp, Command::LookUp(number)),
    };
    state.slots.insert(number, Slot { stage, unknown_since: now, attempts: 0, failed_look_ups: 0 });
    commands.push(command);
}

fn recorded(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    let stopping = state.ended.stopped.is_some();
    let Some(slot) = state.slots.get_mut(&number) else { return };
    match slot.stage {
        Stage::Intending => {
            slot.stage = Stage::Sending;
            slot.attempts += 1;
            commands.push(Command::Send(number));
        }
        Stage::Noting { again: Some(until) } if !stopping => slot.stage = Stage::Waiting { until, then: Next::Send },
        Stage::Noting { .. } => {
            state.slots.remove(&number);
            commands.push(Command::Forget(number));
        }
        Stage::Sending | Stage::LookingUp | Stage::Waiting { .. } => {}
    }
}

fn accepted(state: &mut State, number: BatchNumber, batch_id: BatchId, commands: &mut Vec<Command>) {
    state.accepted_any = true;
    state.strikes = 0;
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.stage = Stage::Noting { again: None };
    commands.push(Command::Record(number, Fact::Accepted(batch_id)));
}

fn not_sent(state: &mut State, number: BatchNumber, failure: SendFailure, now: Timestamp, commands: &mut Vec<Command>) {
    let Some(slot) = state.slots.get_mut(&number) else { return };
    match failure {
        SendFailure::Unknown { why } => {
            slot.stage = Stage::LookingUp;
            slot.unknown_since = now;
            state.ended.why = Some(why);
            commands.push(Command::LookUp(number));
        }
        SendFailure::NotNow { retry_after, limited, why } => {
            let wait = retry_after.unwrap_or_else(|| backoff(slot.attempts, state.limits.longest_wait));
            let until = later(now, wait);
            slot.stage = Stage::Noting { again: Some(until) };
            commands.push(Command::Record(number, Fact::Refused(why.clone())));
            state.ended.why = Some(why);
            if limited {
                // The service is there and full: everyone waits, nobody gives up.
                state.strikes = 0;
                state.hold = Some(state.hold.map_or(until, |hold| hold.max(until)));
            } else {
                strike(state, Stop::Unreachable);
            }
        }
        SendFailure::Expired { why } => {
            let until = later(now, backoff(slot.attempts, state.limits.longest_wait));
            slot.stage = Stage::Noting { again: Some(until) };
            commands.push(Command::Record(number, Fact::Refused(why.clone())));
            state.ended.why = Some(why);
            strike(state, Stop::Credentials);
        }
        SendFailure::Refused { about, why } => {
            slot.stage = Stage::Noting { again: None };
            commands.push(Command::Record(number, Fact::Refused(why.clone())));
            state.ended.refused += 1;
            state.ended.why = Some(why);
            match about {
                Refusal::Credentials => stop_for(state, Stop::Credentials),
                Refusal::Credit => stop_for(state, Stop::Credit),
                Refusal::Service => stop_for(state, Stop::Refused),
                // The first batch stands for all of them: a fault of the message is in every one.
                Refusal::Batch if !state.accepted_any => stop_for(state, Stop::Refused),
                Refusal::Batch => {}
            }
        }
    }
}

fn found(
    state: &mut State,
    number: BatchNumber,
    answer: Result<Option<BatchId>, LookUpFailure>,
    now: Timestamp,
    commands: &mut Vec<Command>,
) {
    let every = state.limits.look_up_every;
    let stopping = state.ended.stopped.is_some();
    let Some(slot) = state.slots.get_mut(&number) else { return };
    match answer {
        Ok(Some(batch_id)) => accepted(state, number, batch_id, commands),
        Ok(None) => {
            slot.failed_look_ups = 0;
            let settled = later(slot.unknown_since, state.limits.settle);
            if stopping {
                leave_unknown(state, number, commands);
            } else if settled <= now && slot.attempts >= state.limits.attempts {
                let why = format!("the service did not take the batch in {} attempts", slot.attempts);
                slot.stage = Stage::Noting { again: None };
                commands.push(Command::Record(number, Fact::Refused(why)));
                state.ended.refused += 1;
                strike(state, Stop::Unreachable);
            } else if settled <= now {
                slot.stage = Stage::Intending;
                commands.push(Command::Record(number, Fact::Intent));
            } else {
                slot.stage = Stage::Waiting { until: later(now, every).min(settled), then: Next::LookUp };
            }
        }
        Err(failure) => {
            slot.failed_look_ups += 1;
            let give_up = slot.failed_look_ups >= state.limits.look_ups;
            slot.stage = Stage::Waiting { until: later(now, every), then: Next::LookUp };
            state.ended.why = Some(failure.why);
            if failure.credentials {
                stop_for(state, Stop::Credentials);
            }
            if give_up || failure.credentials || stopping {
                leave_unknown(state, number, commands);
                strike(state, Stop::Unreachable);
            }
        }
    }
}

fn leave_unknown(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    state.slots.remove(&number);
    state.ended.unknown += 1;
    commands.push(Command::Forget(number));
}

fn strike(state: &mut State, stop: Stop) {
    state.strikes += 1;
    if state.strikes >= state.limits.strikes {
        stop_for(state, stop);
    }
}

fn stop_for(state: &mut State, stop: Stop) {
    state.ended.stopped.get_or_insert(stop);
}

/// Wakes who has waited long enough, asks for more, or ends.
fn go_on(state: &mut State, now: Timestamp, commands: &mut Vec<Command>) {
    let stopping = state.ended.stopped.is_some();
    let due: Vec<(BatchNumber, Next)> = state
        .slots
        .iter()
        .filter_map(|(number, slot)| match slot.stage {
            Stage::Waiting { until, then } if stopping || until <= now => Some((*number, then)),
            _ => None,
        })
        .collect();
    for (number, then) in due {
        match then {
            Next::LookUp if stopping => leave_unknown(state, number, commands),
            Next::Send if stopping => {
                state.slots.remove(&number);
                commands.push(Command::Forget(number));
            }
            Next::LookUp => {
                set(state, number, Stage::LookingUp);
                commands.push(Command::LookUp(number));
            }
            Next::Send => {
                set(state, number, Stage::Intending);
                commands.push(Command::Record(number, Fact::Intent));
            }
        }
    }
    let held = state.hold.is_some_and(|hold| now < hold);
    if !held {
        state.hold = None;
    }
    let room = state.slots.len() < state.limits.in_flight;
    // Intents enter the ledger in the order of the file, so that its frontier tells what is left.
    let intending = state.slots.values().any(|slot| slot.stage == Stage::Intending && slot.attempts == 0);
    if !stopping && !state.exhausted && !state.asked && !held && room && !intending {
        state.asked = true;
        commands.push(Command::Plan);
    }
    if state.slots.is_empty() && !state.asked && (stopping || state.exhausted) {
        commands.push(Command::Finish(state.ended.clone()));
        return;
    }
    let waits = state.slots.values().filter_map(|slot| match slot.stage {
        Stage::Waiting { until, .. } => Some(until),
        _ => None,
    });
    if let Some(at) = waits.chain(state.hold).min() {
        commands.push(Command::Wake(at));
    }
}

fn set(state: &mut State, number: BatchNumber, stage: Stage) {
    if let Some(slot) = state.slots.get_mut(&number) {
        slot.stage = stage;
    }
}

/// 1 s, 2 s, 4 s … up to the longest wait.
fn backoff(attempts: u32, longest: Duration) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(16)).min(longest)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
