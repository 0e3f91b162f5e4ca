//! Leases: claimed, renewed, lost and given back.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch_ledger::{BatchStage, Claimed, Lease};

use crate::moment::Moment;

use super::look_ups::look_up;
use super::messages::Command;
use super::sending::give_up;
use super::{BatchNumber, Next, Slot, Stage, State, forget};

/// How long to wait before asking what others have let go of.
const CLAIM_EVERY: Duration = Duration::from_millis(500);

/// How long to wait before asking whether the service's queue has room again.
const ROOM_EVERY: Duration = Duration::from_secs(2);

pub(super) fn claimed_batches(
    state: &mut State,
    claimed: Claimed,
    asked: Moment,
    now: Moment,
    commands: &mut Vec<Command>,
) {
    state.claiming = false;
    let claim_is_old = std::mem::take(&mut state.claim_is_old);
    let waits = !claimed.held.is_empty() || state.giving_back > 0;
    state.exhausted = claimed.leases.is_empty() && !waits && !claim_is_old && !claimed.is_full;
    // Some may still be free of a worker that has just gone; what others hold may become so; receipts make room.
    let every = if claimed.is_full { ROOM_EVERY } else { CLAIM_EVERY };
    state.claim_again = ((waits || claimed.is_full) && claimed.leases.is_empty()).then(|| now.steady + every);
    state.held = claimed.held;
    state.is_app_full = claimed.is_full;
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

pub(super) fn take(state: &mut State, lease: &Lease, asked: Moment, now: Moment, commands: &mut Vec<Command>) {
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
pub(super) fn clear_of_earlier(state: &State, lease: &Lease, now: Moment) -> Moment {
    let left = lease.may_leave_until.unwrap_or(now.wall);
    let (left, wait) = match lease.lapsed_at {
        Some(lapsed) => (left.max(lapsed), state.limits.takeover_grace.saturating_add(state.resend_after)),
        None => (left, state.resend_after),
    };
    let from = Moment { wall: left, steady: now.steady };
    from.after(wait)
}

/// Another worker has it, or the service is known to have it. What is under way may still tell its id, and
/// as long as it is under way this run does not claim the batch again.
pub(super) fn lose(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.lost = true;
    if matches!(slot.stage, Stage::Waiting { .. } | Stage::Ready) {
        forget(state, number, commands);
    }
}

/// The ledger says that the batch is another's, or accepted.
pub(super) fn be_fenced(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    let Some(slot) = state.slots.get_mut(&number) else { return };
    slot.lost = true;
    forget(state, number, commands);
}

/// Gives the batch back without having done anything.
pub(super) fn let_go(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    give_up(state, number);
    forget(state, number, commands);
}

/// Nothing of a batch is left to be sent. If it was the canary, the next one is.
pub(super) fn emptied(state: &mut State, number: BatchNumber, commands: &mut Vec<Command>) {
    forget(state, number, commands);
    if state.canary == Some(number) && !state.gate.has_begun() {
        state.canary = state.slots.iter().find(|(_, slot)| slot.attempts == 0 && !slot.lost).map(|(next, _)| *next);
    }
}

pub(super) fn claim(state: &mut State, now: Moment, commands: &mut Vec<Command>) {
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
    commands.push(Command::Claim(room, except, state.outstanding.shared()));
}

pub(super) fn renew(state: &mut State, now: Moment, commands: &mut Vec<Command>) {
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
