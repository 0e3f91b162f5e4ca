//! What each fact means: the decisions that every ledger shares.
//!
//! Everything is checked before anything is written.

use std::sync::Arc;

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{
    BatchUpdate, MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey, join_state, scrub,
};

use crate::entry::{Applied, BatchStage, CampaignId, Entry, NewCampaign, ReceivedCallback};
use crate::error::LedgerError;
use crate::rows::RowSpans;
use crate::store::{Batch, Early, Store, Sums};

/// Rows are numbered up to here, so that every number fits a signed column.
const LAST_ROW: u64 = i64::MAX as u64;

pub(crate) fn check_new(campaign: &NewCampaign) -> Result<(), LedgerError> {
    let impossible = |sentence: &str| Err(LedgerError::impossible(sentence));
    if campaign.name.is_empty() {
        impossible("a campaign needs a name")
    } else if campaign.key.is_empty() {
        impossible("a campaign needs a key")
    } else if campaign.rows > LAST_ROW {
        impossible("a campaign cannot have that many rows")
    } else if campaign.skipped > campaign.rows {
        impossible("a campaign cannot skip more rows than it has")
    } else {
        Ok(())
    }
}

pub(crate) fn record<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    entry: Entry,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut sums = store.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    let batch = store.batch(campaign, entry.number())?;
    match (entry, batch) {
        (Entry::Intent { number, rows }, None) => {
            check_rows(&sums, number, &rows)?;
            first_attempt(store, &mut sums, campaign, number, rows, now)?;
        }
        (Entry::Intent { number, rows }, Some(batch)) => {
            if batch.stage == BatchStage::Accepted {
                return Err(impossible(number, "is accepted already and must not be sent again"));
            }
            if *batch.rows != rows {
                return Err(impossible(number, "was tried with other rows"));
            }
            further_attempt(store, &mut sums, batch, now)?;
        }
        (Entry::Accepted { number, .. } | Entry::Refused { number, .. }, None) => {
            return Err(impossible(number, "has an outcome but no intent"));
        }
        (Entry::Accepted { number, batch_id }, Some(mut batch)) => match &batch.batch_id {
            Some(known) if *known == batch_id => return Ok(()),
            Some(_) => return Err(impossible(number, "is accepted already under another batch id")),
            None if store.batch_of(&batch_id)?.is_some() => {
                return Err(impossible(number, "cannot have the batch id of another batch"));
            }
            None => accept(store, &mut sums, &mut batch, Some(batch_id))?,
        },
        (Entry::Refused { number, why }, Some(mut batch)) => {
            match batch.stage {
                BatchStage::Accepted => {
                    return Err(impossible(number, "is accepted already and cannot be refused"));
                }
                BatchStage::Unknown => {
                    sums.unknown -= batch.rows.len();
                    sums.batches.unknown -= 1;
                    sums.batches.refused += 1;
                }
                BatchStage::Refused => {}
            }
            batch.stage = BatchStage::Refused;
            batch.why = Some(scrub(&why, None));
            store.put_batch(&batch)?;
        }
    }
    store.put_sums(campaign, &sums)
}

pub(crate) fn apply<S: Store>(store: &mut S, observation: &Observation) -> Result<Applied, LedgerError> {
    match observation {
        Observation::Message(seen) => match &seen.message {
            MessageRef::Row(key) => apply_row(store, key, seen),
            MessageRef::Index { batch_id, index } => apply_index(store, batch_id, *index, &seen.state),
        },
        Observation::Batch(seen) => apply_batch(store, seen),
        // A kind of observation newer than this crate.
        _ => Ok(Applied::Unrelated),
    }
}

/// What it says first: if that cannot be taken in, the callback is not counted.
pub(crate) fn apply_callback<S: Store>(
    store: &mut S,
    callback: &ReceivedCallback,
) -> Result<Option<Applied>, LedgerError> {
    let heard = callback.observation().map(|observation| apply(store, observation)).transpose()?;
    store.count_callback(callback)?;
    Ok(heard)
}

fn apply_row<S: Store>(store: &mut S, key: &RowKey, seen: &MessageUpdate) -> Result<Applied, LedgerError> {
    let Some(campaign) = store.campaign_by_key(&key.campaign)? else { return Ok(Applied::Unrelated) };
    let Some(mut batch) = store.batch_before(campaign, key.row)?.filter(|batch| batch.rows.contains(key.row)) else {
        return Ok(Applied::Unrelated);
    };
    let mut sums = store.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    let mut heard = Applied::Duplicate;
    if batch.batch_id.is_none() {
        // The message exists, so the service has the batch, whether or not we heard its answer.
        let batch_id = match &seen.batch_id {
            Some(id) if store.batch_of(id)?.is_none() => Some(id.clone()),
            _ => None,
        };
        if batch.stage != BatchStage::Accepted || batch_id.is_some() {
            accept(store, &mut sums, &mut batch, batch_id)?;
            heard = Applied::Updated;
        }
    }
    if observe_message(store, &mut sums, campaign, key.row, &seen.state)? {
        heard = Applied::Updated;
    }
    if heard == Applied::Updated {
        store.put_sums(campaign, &sums)?;
    }
    Ok(heard)
}

fn apply_index<S: Store>(
    store: &mut S,
    batch_id: &BatchId,
    index: u32,
    state: &MessageState,
) -> Result<Applied, LedgerError> {
    let Some(batch) = store.batch_of(batch_id)? else {
        store.put_early(batch_id, Early::Message(index, state.clone()))?;
        return Ok(Applied::Deferred);
    };
    let Some((row, _)) = batch.rows.row_at(index.into()) else { return Ok(Applied::Unrelated) };
    let mut sums = store.sums(batch.campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    if !observe_message(store, &mut sums, batch.campaign, row, state)? {
        return Ok(Applied::Duplicate);
    }
    store.put_sums(batch.campaign, &sums)?;
    Ok(Applied::Updated)
}

fn apply_batch<S: Store>(store: &mut S, seen: &BatchUpdate) -> Result<Applied, LedgerError> {
    if let Some(batch) = store.batch_of(&seen.batch_id)? {
        return observe_batch(store, batch, seen);
    }
    let Some(key) = &seen.key else {
        store.put_early(&seen.batch_id, Early::Batch(seen.state.clone()))?;
        return Ok(Applied::Deferred);
    };
    let Some(campaign) = store.campaign_by_key(&key.campaign)? else { return Ok(Applied::Unrelated) };
    // Under another id the batch is there twice; the one we know stays.
    let Some(mut batch) = store.batch(campaign, key.number)?.filter(|batch| batch.batch_id.is_none()) else {
        return Ok(Applied::Unrelated);
    };
    let mut sums = store.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    accept(store, &mut sums, &mut batch, Some(seen.batch_id.clone()))?;
    store.put_sums(campaign, &sums)?;
    observe_batch(store, batch, seen)?;
    Ok(Applied::Updated)
}

fn check_rows(sums: &Sums, number: u32, rows: &RowSpans) -> Result<(), LedgerError> {
    let (Some(first), Some(last)) = (rows.first_row(), rows.last_row()) else {
        return Err(impossible(number, "has no rows"));
    };
    if number != sums.frontier.next_number || number == u32::MAX {
        Err(impossible(number, "is not the next one"))
    } else if !rows.is_ascending() {
        Err(impossible(number, "has rows out of order"))
    } else if first <= sums.frontier.last_row {
        Err(impossible(number, "has rows of an earlier batch"))
    } else if last > sums.rows || rows.len() > sums.rows - sums.skipped - sums.batched {
        Err(impossible(number, "has more rows than the campaign"))
    } else {
        Ok(())
    }
}

fn first_attempt<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    campaign: CampaignId,
    number: u32,
    rows: RowSpans,
    now: Timestamp,
) -> Result<(), LedgerError> {
    sums.batched += rows.len();
    sums.unknown += rows.len();
    sums.batches.unknown += 1;
    sums.frontier.next_number = number + 1;
    sums.frontier.last_row = rows.last_row().unwrap_or(sums.frontier.last_row);
    store.put_batch(&Batch {
        campaign,
        number,
        rows: Arc::new(rows),
        stage: BatchStage::Unknown,
        attempts: 1,
        batch_id: None,
        state: None,
        last_attempt: now,
        why: None,
    })
}

fn further_attempt<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    mut batch: Batch,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if batch.stage == BatchStage::Refused {
        sums.unknown += batch.rows.len();
        sums.batches.refused -= 1;
        sums.batches.unknown += 1;
    }
    batch.stage = BatchStage::Unknown;
    batch.attempts = batch.attempts.saturating_add(1);
    batch.last_attempt = now;
    batch.why = None;
    store.put_batch(&batch)
}

/// The service has the batch: counts its messages, and applies what was heard of it too early.
///
/// The batch has no id yet, and the one given is not another batch's.
fn accept<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    batch_id: Option<BatchId>,
) -> Result<(), LedgerError> {
    let n_rows = batch.rows.len();
    match batch.stage {
        BatchStage::Accepted => {}
        BatchStage::Unknown => {
            sums.unknown -= n_rows;
            sums.batches.unknown -= 1;
        }
        BatchStage::Refused => sums.batches.refused -= 1,
    }
    if batch.stage != BatchStage::Accepted {
        sums.accepted += n_rows;
        sums.batches.accepted += 1;
        sums.messages.add(Progress::Accepted, n_rows);
    }
    batch.stage = BatchStage::Accepted;
    batch.why = None;
    if let Some(batch_id) = batch_id {
        for early in store.take_early(&batch_id)? {
            match early {
                Early::Message(index, state) => {
                    if let Some((row, _)) = batch.rows.row_at(index.into()) {
                        observe_message(store, sums, batch.campaign, row, &state)?;
                    }
                }
                Early::Batch(state) => batch.state = Some(join_state(batch.state.take(), state)),
            }
        }
        batch.batch_id = Some(batch_id);
    }
    store.put_batch(batch)
}

/// Folds a state into a message of an accepted batch; tells whether that changed anything.
fn observe_message<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    campaign: CampaignId,
    row: u64,
    seen: &MessageState,
) -> Result<bool, LedgerError> {
    let mut state = store.message(campaign, row)?.unwrap_or_else(|| MessageState::new(Progress::Accepted));
    let before = state.progress;
    if !state.observe(seen) {
        return Ok(false);
    }
    sums.messages.move_message(Some(before), state.progress);
    store.put_message(campaign, row, &state)?;
    Ok(true)
}

fn observe_batch<S: Store>(store: &mut S, mut batch: Batch, seen: &BatchUpdate) -> Result<Applied, LedgerError> {
    let state = join_state(batch.state.clone(), seen.state.clone());
    if batch.state.as_ref() == Some(&state) {
        return Ok(Applied::Duplicate);
    }
    batch.state = Some(state);
    store.put_batch(&batch)?;
    Ok(Applied::Updated)
}

fn impossible(number: u32, what: &str) -> LedgerError {
    LedgerError::impossible(format!("batch {number} {what}"))
}
