//! From the intent to the outcome of a call.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::BatchId;

use crate::moment::Moment;
use crate::outcome::StopReason;
use crate::sender::{Refusal, SendFailure};

use super::look_ups::look_up;
use super::messages::{Command, Fact};
use super::{After, BatchNumber, Next, Stage, State, forget, stop_for};

/// How long to wait for a lease that is being renewed before looking again.
const RENEWAL_TAKES: Duration = Duration::from_secs(1);

/// Records the intent, unless a probe is still out, for then nothing leaves, or there is no place.
pub(super) fn intend(state: &mut State, number: BatchNumber, now: Moment, commands: &mut Vec<Command>) {
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

pub(super) fn is_probing(state: &State) -> bool {
    state.slots.values().any(|slot| matches!(slot.stage, Stage::Probing | Stage::Waiting { then: Next::Probe, .. }))
}

pub(super) fn recorded(state: &mut State, number: BatchNumber, now: Moment, commands: &mut Vec<Command>) {
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

pub(super) fn accepted(state: &mut State, number: BatchNumber, ids: Vec<BatchId>, commands: &mut Vec<Command>) {
    state.accepted_any = true;
    state.failures = 0;
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.stage = Stage::Noting(After::Done);
    commands.push(Command::Record(number, Fact::Accepted(ids)));
}

pub(super) fn sent(
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

pub(super) fn give_up(state: &mut State, number: BatchNumber) {
    Arc::make_mut(&mut state.given_up).insert(number);
}

pub(super) fn fail(state: &mut State, reason: StopReason) {
    state.failures += 1;
    if state.failures >= state.limits.max_consecutive_failures {
        stop_for(state, reason, None);
    }
}

/// 1 s, 2 s, 4 s … up to the longest wait.
pub(super) fn backoff(attempts: u32, longest: Duration) -> Duration {
    Duration::from_secs(1 << attempts.saturating_sub(1).min(16)).min(longest)
}
