//! One run of the program: what the runner does for [`step`], in true time.

use std::collections::BTreeSet;

use sinch_batch_ledger::{
    BatchStage, Claim, Claimed, Entry, Ledger, LedgerError, LedgerErrorKind, Phase, Presence, Renewed, Worker,
};

use super::actor::Actor;
use super::world::{Event, Judged, OnItsWay, World, at_once};
use crate::limits::SendLimits;
use crate::moment::Moment;
use crate::outcome::{SendOutcome, StopReason};
use crate::sender::SendFailure;
use crate::step::{BatchNumber, Command, Fact, Input, State, step};

impl World {
    /// Whether the ledger knows that it is older than the truth.
    pub(super) fn is_behind(&self, limits: &SendLimits) -> bool {
        let run = at_once(self.ledger.begin_run(self.campaign, limits.resend_after));
        run.is_err_and(|error| error.kind() == LedgerErrorKind::Behind)
    }

    /// A new run. Its end can be proved or not.
    pub(super) fn begin(&mut self, limits: &SendLimits, provable: bool, old_ledger: bool) -> Judged<usize> {
        let index = self.actors.len();
        if self.status().phase == Phase::Paused {
            self.count("pause lifted");
            at_once(self.ledger.unpause(self.campaign)).unwrap();
        }
        let run = at_once(self.ledger.begin_run(self.campaign, limits.resend_after))
            .map_err(|error| format!("the run cannot begin: {error}"))?;
        let presence = provable.then(Presence::new);
        let worker = match &presence {
            Some(presence) => presence.worker().clone(),
            None => Worker::new(format!("silent-{index}"), None),
        };
        let accepted_any = self.status().accepted > 0;
        self.say(|| format!("w{index} begins run {}, its end can be proved: {provable}", run.number));
        self.actors.push(Actor {
            worker,
            presence,
            limits: limits.clone(),
            state: State::new(limits.clone(), &run, accepted_any),
            began_at: self.steady(),
            frozen_until: 0,
            alive: true,
            wakes: 0,
            wake_at: None,
            let_go: BTreeSet::new(),
            outcome: None,
            old_ledger,
            sent: 0,
        });
        self.at(self.now, Event::Give(index, vec![Input::Start]));
        Ok(index)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        matches!(self.status().phase, Phase::Stopping | Phase::Cancelled)
    }

    pub(super) fn pause_campaign(&mut self) {
        if !self.is_cancelled() {
            self.say(|| "somebody pauses the campaign".to_owned());
            self.count("campaign paused");
            at_once(self.ledger.pause(self.campaign)).unwrap();
        }
    }

    /// Its end: what left stays on its way, and nothing else of it happens.
    pub(super) fn die(&mut self, index: usize) {
        if !self.actors[index].alive {
            return;
        }
        self.say(|| format!("w{index} dies"));
        self.count("died");
        self.end(index);
    }

    fn end(&mut self, index: usize) {
        self.actors[index].alive = false;
        self.actors[index].presence = None;
    }

    pub(super) fn wake(&mut self, index: usize, generation: u64) -> Judged {
        if self.actors[index].wakes == generation { self.give(index, vec![Input::Tick]) } else { Ok(()) }
    }

    pub(super) fn give(&mut self, index: usize, inputs: Vec<Input>) -> Judged {
        for input in inputs {
            if !self.actors[index].alive {
                return Ok(());
            }
            if !is_dull(&input) {
                self.say(|| format!("w{index} ◀ {}", brief(&input)));
            }
            let moment = self.moment_of(index);
            let actor = &mut self.actors[index];
            actor.wakes += 1;
            actor.wake_at = None;
            let commands = step(&mut actor.state, input, moment);
            for command in commands {
                self.hand_over(index, command, moment)?;
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, index: usize, command: Command, moment: Moment) -> Judged {
        match command {
            Command::Wake(at) => {
                let at = u64::try_from(at.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
                let wait = at.saturating_sub(moment.steady.as_millis() as u64);
                let generation = self.actors[index].wakes;
                self.at(self.now + wait, Event::Wake(index, generation));
            }
            Command::Forget(_) => {}
            Command::Finish(outcome) => self.finish(index, outcome)?,
            command => {
                if !matches!(command, Command::Claim(..) | Command::Read(_) | Command::Renew(_)) {
                    self.say(|| format!("w{index} ▶ {command:?}"));
                }
                let soon = if self.choices.percent(20) { self.choices.between(0, 300) } else { 0 };
                self.at(self.now + soon, Event::Obey(index, command, moment));
                if self.twitches > 0 && self.choices.percent(8) {
                    self.twitches -= 1;
                    let event = if self.choices.percent(20) {
                        Event::Die(index)
                    } else {
                        let long = if self.choices.percent(50) { 45_000 } else { 900_000 };
                        Event::Freeze(index, self.choices.between(5_000, long))
                    };
                    // Just before, or just after.
                    let before = self.choices.percent(50);
                    self.at(self.now + if before { 0 } else { soon + 1 }, event);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, index: usize, outcome: SendOutcome) -> Judged {
        self.say(|| format!("w{index} ends: {outcome:?}"));
        self.count(match outcome.stopped {
            None => "ended",
            Some(StopReason::LedgerBehind) => "ledger behind",
            Some(_) => "stopped",
        });
        let open = self.open();
        let actor = &self.actors[index];
        if outcome.stopped.is_none()
            && let Some(number) = open.iter().find(|number| !actor.let_go.contains(number))
        {
            return Err(format!("w{index} ended, and batch {number} is left although it could be sent"));
        }
        let name = actor.worker.name().to_owned();
        let now = self.wall();
        at_once(self.ledger.release(self.campaign, &name, now)).unwrap();
        self.actors[index].outcome = Some(outcome);
        self.end(index);
        Ok(())
    }

    /// Does what the runner does for a command, which was given at that moment.
    pub(super) fn obey(&mut self, index: usize, command: Command, given: Moment) -> Judged {
        if !self.actors[index].alive {
            return Ok(());
        }
        let faulty = self.choices.between(0, 1000) < self.ledger_faults;
        let inputs = match command {
            Command::Claim(room, except, window) => {
                let actor = &self.actors[index];
                let mut claim = Claim::new(actor.worker.clone(), room, given.wall)
                    .with_except(except)
                    .with_lease(actor.limits.lease);
                claim.window = window;
                match fault(faulty).and_then(|()| at_once(self.ledger.claim(self.campaign, claim))) {
                    Ok(claimed) => {
                        if claimed.leases.iter().any(|lease| lease.lapsed_at.is_some()) {
                            self.count("taken over");
                        }
                        vec![Input::Claimed(claimed, given)]
                    }
                    Err(error) => vec![stop(&error), Input::Claimed(Claimed::default(), given)],
                }
            }
            Command::Read(number) => vec![Input::Read(number)],
            Command::Record(number, fact) => {
                let input = if faulty { Input::Lost(number) } else { self.record(index, number, fact, given) };
                vec![input]
            }
            Command::GiveBack(number, token) => {
                let entry = Entry::Released { number, token, why: None };
                match fault(faulty).and_then(|()| at_once(self.ledger.record(self.campaign, entry, given.wall))) {
                    Ok(()) => {
                        self.count("given back");
                        vec![Input::GivenBack]
                    }
                    Err(error) => vec![stop(&error), Input::GivenBack],
                }
            }
            Command::Send(number, until) => return self.send(index, number, until),
            Command::LookUp(number) => {
                let (answered_at, response) = self.service.look_up(number, self.now, &mut self.choices);
                self.at(answered_at, Event::Give(index, vec![Input::Found(number, response)]));
                return Ok(());
            }
            Command::Renew(held) => {
                let actor = &self.actors[index];
                let (name, lease) = (actor.worker.name(), actor.limits.lease);
                let renewed = fault(faulty)
                    .and_then(|()| at_once(self.ledger.renew(self.campaign, name, held.clone(), lease, given.wall)));
                match renewed {
                    Ok(Renewed { lost, accepted, .. }) => {
                        self.count("renewed");
                        vec![Input::Renewed { asked: given, held, lost, accepted }]
                    }
                    Err(error) => vec![stop(&error)],
                }
            }
            Command::Forget(_) | Command::Wake(_) | Command::Finish(_) => Vec::new(),
        };
        self.judge()?;
        let later = if self.choices.percent(20) { self.choices.between(0, 300) } else { 0 };
        self.at(self.now + later, Event::Give(index, inputs));
        Ok(())
    }

    /// As the runner records a fact; what comes back tells the machine what became of it.
    fn record(&mut self, index: usize, number: BatchNumber, fact: Fact, given: Moment) -> Input {
        let mut entries = Vec::new();
        match fact {
            Fact::Intent { token, attempt } => entries.push(Entry::Intent { number, token, attempt }),
            Fact::Returned { attempt } => entries.push(Entry::Returned { number, attempt }),
            Fact::Refused { attempt, why } => {
                self.actors[index].let_go.insert(number);
                entries.push(Entry::Refused { number, attempt, why });
            }
            Fact::Released { token, why } => {
                // A probe that has to be repeated is given back too.
                if self.batch(number).attempts > 0 {
                    self.count("left unknown");
                    self.actors[index].let_go.insert(number);
                }
                entries.push(Entry::Released { number, token, why });
            }
            Fact::FoundElsewhere => entries.push(Entry::FoundElsewhere { number }),
            Fact::Accepted(batch_ids) => {
                entries.extend(batch_ids.first().cloned().map(|batch_id| Entry::Accepted { number, batch_id }));
                if batch_ids.len() > 1 {
                    entries.push(Entry::Doubled { number, batch_ids });
                }
            }
        }
        for entry in entries {
            let intent = matches!(entry, Entry::Intent { .. });
            let Err(error) = at_once(self.ledger.record(self.campaign, entry, given.wall)) else {
                if intent {
                    self.actors[index].let_go.remove(&number);
                }
                continue;
            };
            self.say(|| format!("  the ledger says: {error}"));
            return match error.kind() {
                LedgerErrorKind::Accepted => {
                    self.count("adopted");
                    Input::Adopted(number)
                }
                LedgerErrorKind::Fenced => {
                    self.count("fenced");
                    Input::Fenced(number)
                }
                LedgerErrorKind::IdTaken => {
                    self.count("contradicted");
                    Input::Contradicted(number, error.to_string())
                }
                LedgerErrorKind::NotRunning => {
                    self.count("not running");
                    self.at(self.now, Event::Give(index, vec![stop(&error)]));
                    Input::Fenced(number)
                }
                _ => Input::Lost(number),
            };
        }
        Input::Recorded(number)
    }

    /// The call is made: the client lets the last byte go only before `until`, by both clocks.
    fn send(&mut self, index: usize, number: BatchNumber, until: Moment) -> Judged {
        let moment = self.moment_of(index);
        if until.wall <= moment.wall || until.steady <= moment.steady {
            self.say(|| format!("  too late: batch {number} of w{index} does not leave"));
            self.count("too late");
            let why = "too late".to_owned();
            let failure = if self.choices.percent(50) {
                SendFailure::NotNow { retry_after: None, limited: false, why }
            } else {
                SendFailure::Unknown { why }
            };
            self.at(self.now, Event::Give(index, vec![Input::Sent(number, Err(failure))]));
            return Ok(());
        }
        let record = self.batch(number);
        if !matches!(record.stage, BatchStage::Unknown | BatchStage::Accepted) || record.attempts == 0 {
            return Err(format!("batch {number} leaves without an intent: {:?}", record.stage));
        }
        let wall = moment.wall;
        let steady_of = |call: &OnItsWay| self.moment_of(call.worker).steady;
        let other = self.calls.values().find(|call| {
            let live = self.actors[call.worker].alive && wall < call.until.wall && steady_of(call) < call.until.steady;
            call.number == number && live
        });
        if let Some(other) = other {
            return Err(format!("batch {number} leaves w{index}, and a call of w{} is on its way", other.worker));
        }
        match self.status().phase {
            Phase::Cancelled => return Err(format!("batch {number} leaves w{index}, and the campaign is cancelled")),
            Phase::Stopping => self.count("left while stopping"),
            _ => {}
        }
        self.actors[index].sent += 1;
        if record.attempts > 1 {
            self.count("sent again");
        }
        let call = self.service.send(number, self.now, &mut self.choices);
        self.say(|| format!("  batch {number} leaves w{index}: {call:?}"));
        let copies = self.service.books.get(&number).map_or(0, Vec::len);
        if copies > 1 {
            return Err(format!("batch {number} was accepted twice because of us"));
        }
        if let Some(accepted_at) = call.accepted_at {
            let late = call.response.is_err() || accepted_at > self.now + 400;
            self.count(if late { "accepted late" } else { "accepted" });
            if self.receipts {
                let copy = self.service.books.get(&number).and_then(|copies| copies.last());
                let leaves_at = copy.map_or(accepted_at, |copy| copy.leaves_at);
                let at = accepted_at.max(leaves_at) + self.choices.between(0, 120_000);
                let names_batch = self.choices.percent(50) && !self.service.twins.contains(&number);
                self.at(at, Event::Receipt(number, names_batch));
            } else {
                self.count("held back");
            }
        }
        let key = self.now * 1000 + self.calls.len() as u64;
        self.calls.insert(key, OnItsWay { worker: index, number, until });
        self.at(call.responds_at, Event::CallEnded(key));
        self.at(call.responds_at, Event::Give(index, vec![Input::Sent(number, call.response)]));
        Ok(())
    }
}

fn stop(error: &LedgerError) -> Input {
    let reason = match error.kind() {
        LedgerErrorKind::NotRunning => StopReason::NotRunning,
        _ => StopReason::Ledger,
    };
    Input::Stop(reason, Some(error.to_string()))
}

fn fault(faulty: bool) -> Result<(), LedgerError> {
    if faulty { Err(LedgerError::new(LedgerErrorKind::Busy, "busy")) } else { Ok(()) }
}

/// Whether it happens all the time and changes nothing.
fn is_dull(input: &Input) -> bool {
    match input {
        Input::Tick | Input::Read(_) => true,
        Input::Claimed(claimed, _) => claimed.leases.is_empty(),
        Input::Renewed { lost, accepted, .. } => lost.is_empty() && accepted.is_empty(),
        _ => false,
    }
}

fn brief(input: &Input) -> String {
    match input {
        Input::Claimed(claimed, _) => {
            let its: Vec<_> = claimed.leases.iter().map(|lease| (lease.number, lease.token, lease.stage)).collect();
            format!("Claimed {its:?}, others hold {:?}", claimed.held)
        }
        other => format!("{other:?}"),
    }
}
