//! Leases: who may send a batch, and from when on another may.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_models::Timestamp;

use super::retry::exclude_reached;
use super::window::is_full;
use super::{known_sums, later, microsecond};
use crate::campaign::CampaignId;
use crate::entry::BatchStage;
use crate::error::{LedgerError, LedgerErrorKind};
use crate::lease::{Claim, Claimed, Renewed, Run};
use crate::status::Phase;
use crate::store::{Batch, Recount, Store, Sums};
use crate::worker::Worker;

/// Counts a run, after the sums have been compared with the batches:
/// [`Ledger::begin_run`](crate::Ledger::begin_run).
///
/// # Errors
/// `NoSuchCampaign`, `NotRunning`, `Altered`.
pub fn begin_run<S: Store>(store: &mut S, campaign: CampaignId, resend_after: Duration) -> Result<Run, LedgerError> {
    let mut sums = known_sums(store, campaign)?;
    running(&sums)?;
    if store.recount(campaign)? != recount_of(&sums) {
        return Err(LedgerError::new(
            LedgerErrorKind::Altered,
            "the sums of the campaign do not agree with its batches: the ledger was altered or is damaged",
        ));
    }
    sums.runs = sums.runs.saturating_add(1);
    sums.resend_after = sums.resend_after.max(microseconds(resend_after));
    store.put_sums(campaign, &sums)?;
    Ok(Run { number: sums.runs, resend_after: sums.resend_after })
}

/// The time as ledgers keep it, never shorter than given; the limit is 292,000 years.
fn microseconds(time: Duration) -> Duration {
    let whole = time.as_nanos().div_ceil(1000).min(i64::MAX as u128);
    Duration::from_micros(u64::try_from(whole).unwrap_or(u64::MAX))
}

fn recount_of(sums: &Sums) -> Recount {
    Recount {
        batches: sums.batches,
        accepted: sums.accepted,
        unknown: sums.unknown,
        doubled: sums.doubled,
        rows: sums.rows.saturating_sub(sums.skipped),
    }
}

pub(super) fn running(sums: &Sums) -> Result<(), LedgerError> {
    match sums.phase {
        _ if sums.behind => Err(LedgerError::behind()),
        Phase::Running | Phase::Done => Ok(()),
        Phase::Paused | Phase::Halted | Phase::Stopping | Phase::Cancelled => Err(LedgerError::not_running(sums.phase)),
    }
}

/// Gives a worker leave to send batches: [`Ledger::claim`](crate::Ledger::claim).
///
/// `is_gone` looks at the system: whether it is certain that nothing of a worker runs any more. Give
/// [`Worker::is_gone`], which knows the processes of this machine, unless you know more.
///
/// # Errors
/// `NoSuchCampaign`, `NotRunning`, `Impossible`.
pub fn claim<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    claim: &Claim,
    is_gone: impl Fn(&Worker) -> bool,
) -> Result<Claimed, LedgerError> {
    let now = microsecond(claim.now);
    let mut sums = known_sums(store, campaign)?;
    running(&sums)?;
    let record = store.campaign_by_id(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    let skipped = sums.skipped;
    introduce(store, campaign, &claim.worker, now, &is_gone)?;
    let is_full = claim.window.map_or(Ok(false), |window| is_full(store, &record, window, now));
    // Most of the time it is not, and a storage that has to fetch both can do so at once.
    let any = store.free_batches(campaign, claim.room, &claim.except, false, now);
    let is_full = is_full?;
    let free_in = |store: &mut S, room: u32, except: &BTreeSet<u32>| {
        store.free_batches(campaign, room, except, is_full, now).map(VecDeque::from)
    };
    let mut free = if is_full { free_in(store, claim.room, &claim.except)? } else { any?.into() };
    // Only who finds too little, or what a silent worker has left, has to know who is gone.
    let enough = free.len() >= claim.room as usize;
    if (!enough || free.iter().any(|batch| batch.hold.until.is_some()))
        && bury_gone(store, campaign, claim, now, &is_gone)?
    {
        free = free_in(store, claim.room, &claim.except)?;
    }
    let mut leases = Vec::with_capacity(free.len());
    let mut except = Arc::clone(&claim.except);
    while let Some(mut batch) = free.pop_front() {
        exclude_reached(store, &mut sums, &record, &mut batch)?;
        if batch.stage == BatchStage::Skipped {
            // Its process has ended, so another takes its place.
            if free.is_empty() {
                let room = claim.room.saturating_sub(u32::try_from(leases.len()).unwrap_or(u32::MAX));
                free = free_in(store, room, &except)?;
            }
            continue;
        }
        Arc::make_mut(&mut except).insert(batch.number);
        note_silence(&mut batch, &claim.worker, now);
        let hold = &mut batch.hold;
        hold.worker = Some(claim.worker.name().into());
        hold.token = hold.token.saturating_add(1);
        hold.until = Some(later(now, claim.lease));
        store.put_hold(&batch)?;
        leases.push(batch.lease());
    }
    if sums.skipped != skipped {
        store.put_sums(campaign, &sums)?;
    }
    let held = if leases.len() >= claim.room as usize {
        Vec::new()
    } else {
        store.held_by_others(campaign, claim.worker.name(), now)?
    };
    // A full window says nothing to a run that has nothing left to send.
    let withholds = is_full
        && (leases.len() >= claim.room as usize || !store.free_batches(campaign, 1, &except, false, now)?.is_empty());
    Ok(Claimed { leases, held, is_full: withholds })
}

/// Frees what workers hold that are gone; whether there were any.
fn bury_gone<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    claim: &Claim,
    now: Timestamp,
    is_gone: impl Fn(&Worker) -> bool,
) -> Result<bool, LedgerError> {
    let mut any = false;
    for holder in store.holders(campaign)? {
        if holder.name() != claim.worker.name() && is_gone(&holder) {
            bury(store, campaign, holder.name(), now)?;
            any = true;
        }
    }
    Ok(any)
}

/// Remembers the worker. A name belongs to one process at a time: what an earlier one held that is gone
/// is free, and what it holds while it may still be there must not pass for another's.
fn introduce<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    worker: &Worker,
    now: Timestamp,
    is_gone: impl Fn(&Worker) -> bool,
) -> Result<(), LedgerError> {
    match store.worker(worker.name())? {
        Some(known) if known == *worker => Ok(()),
        Some(known) if is_gone(&known) => {
            bury(store, campaign, known.name(), now)?;
            store.put_worker(worker)
        }
        Some(known) if store.holds_any(known.name())? => Err(LedgerError::impossible(format!(
            "worker {} is another process, which holds batches and is not known to be gone",
            known.name()
        ))),
        _ => store.put_worker(worker),
    }
}

/// A batch whose worker fell silent in the middle of an attempt: it is unknown whether that worker will
/// go on.
fn note_silence(batch: &mut Batch, by: &Worker, now: Timestamp) {
    let lapsed = batch.hold.until.is_some();
    let tried = batch.stage == BatchStage::Unknown || batch.uncertain;
    if let Some(worker) = batch.hold.worker.clone()
        && lapsed
        && tried
        && batch.hold.lapsed.is_none()
        && *worker != *by.name()
    {
        batch.hold.lapsed = Some((worker, now));
    }
    // The attempt had until the end of its lease, whatever became of its worker.
    batch.hold.in_call = false;
}

/// Prolongs leases, given by batch and token: [`Ledger::renew`](crate::Ledger::renew).
///
/// # Errors
/// `NoSuchCampaign`.
pub fn renew<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    worker: &str,
    held: &[(u32, u64)],
    lease: Duration,
    now: Timestamp,
) -> Result<Renewed, LedgerError> {
    known_sums(store, campaign)?;
    let until = later(microsecond(now), lease);
    let mut renewed = Renewed::default();
    for (number, token) in held {
        let Some(mut batch) = store.batch(campaign, *number)? else {
            renewed.lost.push(*number);
            continue;
        };
        if batch.stage == BatchStage::Accepted {
            renewed.accepted.push(*number);
        } else if batch.hold.token != *token
            || batch.hold.worker.as_deref() != Some(worker)
            // It was let go of, or somebody said that this worker is gone.
            || batch.hold.until.is_none()
        {
            renewed.lost.push(*number);
        } else {
            batch.hold.until = Some(until);
            if batch.hold.in_call {
                batch.hold.may_leave_until = Some(until);
            }
            store.put_hold(&batch)?;
        }
    }
    Ok(renewed)
}

/// The worker's goodbye: everything it holds is free at once, and nothing of it leaves any more. See
/// [`Ledger::release`](crate::Ledger::release).
///
/// # Errors
/// `NoSuchCampaign`.
pub fn release<S: Store>(store: &mut S, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<(), LedgerError> {
    known_sums(store, campaign)?;
    bury(store, campaign, worker, microsecond(now))
}

/// Frees what a worker held that is gone: it said goodbye, its process does not exist any more, or
/// somebody who knows said so.
fn bury<S: Store>(store: &mut S, campaign: CampaignId, worker: &str, now: Timestamp) -> Result<(), LedgerError> {
    for mut batch in store.batches_of_worker(campaign, worker)? {
        let hold = &mut batch.hold;
        if hold.worker.as_deref() == Some(worker) && hold.until.is_some() {
            hold.until = None;
            hold.end_call(now);
        }
        if hold.lapsed.as_ref().is_some_and(|(silent, _)| **silent == *worker) {
            hold.lapsed = None;
        }
        store.put_hold(&batch)?;
    }
    Ok(())
}
