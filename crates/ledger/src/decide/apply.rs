//! What callbacks, and answers about a batch's status, say.

use sinch_batch_models::BatchId;
use sinch_batch_tracking::{BatchUpdate, MessageRef, MessageState, Observation, RowKey, join_state};

use super::{accept, be_in_state, double, known_sums, observe_message};
use crate::callback::{Applied, ReceivedCallback};
use crate::entry::BatchStage;
use crate::error::LedgerError;
use crate::store::{Batch, Deferred, Orphan, Store};

/// Applies what a callback, or an answer about a batch's status, said:
/// [`Ledger::apply`](crate::Ledger::apply).
///
/// # Errors
/// `DeferredFull` if there is no room to keep it.
pub fn apply<S: Store>(store: &mut S, observation: &Observation) -> Result<Applied, LedgerError> {
    match observation {
        Observation::Message(seen) => match &seen.message {
            MessageRef::Row(key) => apply_row(store, key, seen.batch_id.as_ref(), &seen.state),
            MessageRef::Index { batch_id, index } => apply_index(store, batch_id, *index, &seen.state),
        },
        Observation::Batch(seen) => apply_batch(store, seen),
        // A kind of observation newer than this crate.
        _ => Ok(Applied::Unrelated),
    }
}

/// Applies what a callback says and counts it: [`Ledger::apply_callback`](crate::Ledger::apply_callback).
///
/// # Errors
/// As [`apply`]; then the callback is not counted.
pub fn apply_callback<S: Store>(store: &mut S, callback: &ReceivedCallback) -> Result<Option<Applied>, LedgerError> {
    let applied = callback.observation().map(|observation| apply(store, observation)).transpose()?;
    store.count_callback(callback)?;
    Ok(applied)
}

pub(super) fn apply_row<S: Store>(
    store: &mut S,
    key: &RowKey,
    batch_id: Option<&BatchId>,
    state: &MessageState,
) -> Result<Applied, LedgerError> {
    let Some(campaign) = store.campaign_by_key(&key.campaign)? else {
        // Ours by its key, but not this ledger's: it may be the wrong one, or the campaign comes later.
        let orphan = Orphan { key: key.clone(), batch_id: batch_id.cloned(), state: state.clone() };
        store.put_orphan(orphan)?;
        return Ok(Applied::Deferred);
    };
    let Some(mut batch) = store.batch_before(campaign, key.row)?.filter(|batch| batch.rows.contains(key.row)) else {
        return Ok(Applied::Unrelated);
    };
    let mut sums = known_sums(store, campaign)?;
    let mut updated = false;
    // The message exists, so the service has the batch, whether or not we received its response.
    let new_id = match batch_id {
        Some(id) if batch.batch_id.is_none() && store.batch_of(id)?.is_none() => Some(id.clone()),
        _ => None,
    };
    if batch.stage != BatchStage::Accepted || new_id.is_some() {
        accept(store, &mut sums, &mut batch, new_id, state.at)?;
        updated = true;
    }
    if let Some(id) = batch_id {
        updated |= batch.batch_id.is_some() && double(store, &mut sums, &mut batch, id)?;
    }
    updated |= observe_message(store, &mut sums, &batch, key.row, state)?;
    if !updated {
        return Ok(Applied::Duplicate);
    }
    store.put_sums(campaign, &sums)?;
    Ok(Applied::Updated)
}

fn apply_index<S: Store>(
    store: &mut S,
    batch_id: &BatchId,
    index: u32,
    state: &MessageState,
) -> Result<Applied, LedgerError> {
    let Some(batch) = store.batch_of(batch_id)? else {
        return defer(store, batch_id, || Deferred::Message(index, state.clone()));
    };
    let Some((row, _)) = batch.rows.row_at(index.into()) else { return Ok(Applied::Unrelated) };
    let mut sums = known_sums(store, batch.campaign)?;
    if !observe_message(store, &mut sums, &batch, row, state)? {
        return Ok(Applied::Duplicate);
    }
    store.put_sums(batch.campaign, &sums)?;
    Ok(Applied::Updated)
}

/// A receipt by position can be ours only while some batch of ours has no id.
fn defer<S: Store>(
    store: &mut S,
    batch_id: &BatchId,
    deferred: impl FnOnce() -> Deferred,
) -> Result<Applied, LedgerError> {
    if !store.any_without_id()? {
        store.clear_deferred()?;
        return Ok(Applied::Unrelated);
    }
    store.put_deferred(batch_id, deferred())?;
    Ok(Applied::Deferred)
}

fn apply_batch<S: Store>(store: &mut S, seen: &BatchUpdate) -> Result<Applied, LedgerError> {
    if let Some(batch) = store.batch_of(&seen.batch_id)? {
        return observe_batch(store, batch, seen);
    }
    let Some(key) = &seen.key else {
        return defer(store, &seen.batch_id, || Deferred::Batch(seen.state.clone()));
    };
    let Some(campaign) = store.campaign_by_key(&key.campaign)? else { return Ok(Applied::Unrelated) };
    let Some(mut batch) = store.batch(campaign, key.number)? else { return Ok(Applied::Unrelated) };
    let mut sums = known_sums(store, campaign)?;
    if batch.batch_id.is_some() {
        let new = double(store, &mut sums, &mut batch, &seen.batch_id)?;
        store.put_sums(campaign, &sums)?;
        return Ok(if new { Applied::Updated } else { Applied::Duplicate });
    }
    accept(store, &mut sums, &mut batch, Some(seen.batch_id.clone()), None)?;
    store.put_sums(campaign, &sums)?;
    observe_batch(store, batch, seen)?;
    Ok(Applied::Updated)
}

fn observe_batch<S: Store>(store: &mut S, mut batch: Batch, seen: &BatchUpdate) -> Result<Applied, LedgerError> {
    let state = join_state(batch.state.clone(), seen.state.clone());
    if batch.state.as_ref() == Some(&state) {
        return Ok(Applied::Duplicate);
    }
    let mut sums = known_sums(store, batch.campaign)?;
    if sums.pruned {
        return Ok(Applied::Duplicate);
    }
    be_in_state(store, &mut sums, &mut batch, state)?;
    store.put_batch(&batch)?;
    store.put_sums(batch.campaign, &sums)?;
    Ok(Applied::Updated)
}
