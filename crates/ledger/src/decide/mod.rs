//! What each fact means: the decisions that every ledger shares.
//!
//! Everything is checked before anything is written.
//!
//! ```text
//! planned ──intent──▶ unknown ──accepted──▶ accepted
//!    ▲                 │  ▲                    ▲
//!    │ (rows count     │  │ intent             │ proof: a response, a look-up, a receipt,
//!    │  as planned)    ▼  │                    │ from anybody, at any time
//!    └─────────────── refused ─────────────────┘
//! ```
//!
//! An intent needs the token of a live lease and a running campaign; proof needs nothing.

mod apply;
mod claim;
mod create;
mod record;

pub(crate) use apply::{apply, apply_callback};
pub(crate) use claim::{begin_run, cancel, claim, release, renew};
pub(crate) use create::create;
pub(crate) use record::record;

use std::time::Duration;

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{MessageState, Progress, join_state};

use crate::campaign::CampaignId;
use crate::entry::BatchStage;
use crate::error::LedgerError;
use crate::store::{Batch, Deferred, Store, Sums};

fn known_sums<S: Store>(store: &mut S, campaign: CampaignId) -> Result<Sums, LedgerError> {
    store.sums(campaign)?.ok_or_else(LedgerError::no_such_campaign)
}

/// The time as ledgers keep it: to the microsecond, so that it is the same when it is read back.
fn microsecond(time: Timestamp) -> Timestamp {
    // No time is so far away that it has no microsecond.
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    microsecond(at.checked_add(by).unwrap_or(Timestamp::MAX))
}

fn impossible(number: u32, what: &str) -> LedgerError {
    LedgerError::impossible(format!("batch {number} {what}"))
}

/// The service has the batch: counts its messages, and applies what was received of it before.
///
/// The batch has no id yet, and the one given is not another batch's.
fn accept<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    batch_id: Option<BatchId>,
) -> Result<(), LedgerError> {
    let n_rows = batch.rows.len();
    if batch.stage != BatchStage::Accepted {
        sums.move_batch(batch.stage, BatchStage::Accepted, n_rows);
        sums.messages.add(Progress::Accepted, n_rows);
        batch.stage = BatchStage::Accepted;
    }
    batch.why = None;
    batch.hold.until = None;
    batch.hold.in_call = false;
    batch.hold.lapsed = None;
    if let Some(batch_id) = batch_id {
        for deferred in store.take_deferred(&batch_id)? {
            match deferred {
                Deferred::Message(index, state) => {
                    if let Some((row, _)) = batch.rows.row_at(index.into()) {
                        observe_message(store, sums, batch.campaign, row, &state)?;
                    }
                }
                Deferred::Batch(state) => batch.state = Some(join_state(batch.state.take(), state)),
            }
        }
        batch.batch_id = Some(batch_id);
    }
    store.put_batch(batch)
}

/// Folds a state into a message of an accepted batch; whether that changed anything.
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

/// The service shows another id under the key of a batch; whether that is news.
fn double<S: Store>(store: &mut S, sums: &mut Sums, batch: &mut Batch, other: &BatchId) -> Result<bool, LedgerError> {
    // Its own id is none, nor is that of another batch of ours: the service has given one id twice.
    if store.batch_of(other)?.is_some() {
        return Ok(false);
    }
    if !store.put_double(batch.campaign, batch.number, other)? {
        return Ok(false);
    }
    if batch.doubled == 0 {
        sums.doubled = sums.doubled.saturating_add(batch.rows.len());
    }
    batch.doubled = batch.doubled.saturating_add(1);
    store.put_batch(batch)?;
    Ok(true)
}
