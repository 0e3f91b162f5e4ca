//! Look-ups: what proves that a batch is there, or absent.

use sinch_batch_models::BatchId;

use crate::moment::Moment;
use crate::outcome::StopReason;
use crate::sender::LookUpFailure;

use super::messages::{Command, Fact};
use super::sending::{accepted, fail, give_up, intend};
use super::{After, BatchNumber, Next, Stage, State, forget, stop_for};

/// Asks the service for a batch, as soon as the pace allows it.
pub(super) fn look_up(state: &mut State, number: BatchNumber, why: Next, now: Moment, commands: &mut Vec<Command>) {
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

pub(super) fn found(
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
pub(super) fn slot_notes(state: &mut State, number: BatchNumber, fact: Fact, commands: &mut Vec<Command>) {
    if let Some(slot) = state.slots.get_mut(&number) {
        slot.stage = Stage::Noting(After::Done);
        commands.push(Command::Record(number, fact));
    }
}

/// The service says that it does not have the batch, which is proof only if the question left late
/// enough.
pub(super) fn absent(state: &mut State, number: BatchNumber, now: Moment, commands: &mut Vec<Command>) {
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

pub(super) fn no_answer(
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
pub(super) fn leave_unknown(state: &mut State, number: BatchNumber, why: Option<String>, commands: &mut Vec<Command>) {
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
