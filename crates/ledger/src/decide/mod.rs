//! What each fact means: the decisions that every ledger shares.
//!
//! One function for each method of [`Ledger`](crate::Ledger) that writes, of the same name and with the
//! same errors, besides those of the storage. A ledger of your own runs it within one transaction over its
//! [`Store`], as the [contract](crate::store) there says. None of them asks for the time or
//! looks at the system; what they need of either is an argument. The methods that only read need no
//! decision: [`status`](crate::Ledger::status) is [`Sums::status`], [`batches`](crate::Ledger::batches) is
//! [`Batch::into_record`], and both fail with
//! [`LedgerError::no_such_campaign`] where there are no sums.
//!
//! | `Ledger` | here | changes |
//! | --- | --- | --- |
//! | `create` | [`create`] | campaign, sums, batches, messages; takes out orphans |
//! | `cancel`, `pause`, `halt`, `unpause`, `stop`, `begin_run` | [`cancel`], [`pause`], [`halt`], [`unpause`], [`stop`], [`begin_run`] | sums |
//! | `claim`, `renew`, `release` | [`claim`], [`renew`], [`release`] | holds of batches, workers; rows of a retry that have arrived meanwhile |
//! | `record` | [`record`] | one batch, sums; messages, what was deferred and doubles where it is accepted |
//! | `forget` | [`forget`] | messages |
//! | `prune` | [`prune`] | messages, sums; what was deferred and can be nobody's |
//! | `apply`, `apply_many` | [`apply`] | one message or batch, sums, or what is deferred, or orphans |
//! | `apply_callback`, `apply_callbacks` | [`apply_callback`] | as `apply`, and the count of its kind |
//!
//! Everything is checked before anything is written, but for what several ids, messages or batches of one
//! call mean: a storage that fails halfway has to roll back.
//!
//! ```
//! use sinch_batch_ledger::store::Store;
//! use sinch_batch_ledger::{CampaignId, Entry, LedgerError, decide};
//! use sinch_batch_models::Timestamp;
//!
//! /// A storage of yours whose transactions have the exclusive right to write from their beginning.
//! trait Database {
//!     type Transaction<'a>: Store where Self: 'a;
//!     fn begin(&mut self) -> Result<Self::Transaction<'_>, LedgerError>;
//!     fn commit(transaction: Self::Transaction<'_>) -> Result<(), LedgerError>;
//! }
//!
//! fn record<D: Database>(
//!     database: &mut D,
//!     campaign: CampaignId,
//!     entry: Entry,
//!     now: Timestamp,
//! ) -> Result<(), LedgerError> {
//!     let mut transaction = database.begin()?;
//!     decide::record(&mut transaction, campaign, entry, now)?; // an error drops it: rolled back
//!     D::commit(transaction)
//! }
//! ```
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
mod exclude;
mod forget;
mod phase;
mod prune;
mod record;
mod retry;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod settle;
mod window;

pub use apply::{apply, apply_callback};
pub use claim::{begin_run, claim, release, renew};
pub use create::create;
pub use forget::forget;
pub use phase::{cancel, halt, pause, stop, unpause};
pub use prune::{ended, prune};
pub use record::record;
pub use retry::retry_rows;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use settle::{settle_batch, settle_campaign};

use std::time::Duration;

use sinch_batch_models::{BatchId, BatchState, Timestamp};
use sinch_batch_tracking::{MessageState, Progress, is_systemic, join_state};

use crate::campaign::CampaignId;
use crate::entry::BatchStage;
use crate::error::LedgerError;
use crate::store::{Batch, Deferred, Store, Sums};
use crate::sums::{minute_of, reason_of};

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
/// The batch has no id yet, and the one given is not another batch's. `at` is when that became known; the time
/// of the last attempt counts where nobody can tell.
fn accept<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    batch_id: Option<BatchId>,
    at: Option<Timestamp>,
) -> Result<(), LedgerError> {
    let n_rows = batch.rows.len();
    if batch.stage != BatchStage::Accepted {
        sums.move_batch(batch.stage, BatchStage::Accepted, n_rows);
        sums.messages.add(Progress::Accepted, n_rows);
        if let Some(at) = at.or(batch.last_attempt) {
            store.add_pulse(batch.campaign, minute_of(at, batch.last_attempt), Progress::Accepted, n_rows)?;
        }
        batch.stage = BatchStage::Accepted;
    }
    batch.why = None;
    batch.hold.until = None;
    batch.hold.in_call = false;
    batch.hold.lapsed = None;
    if let Some(batch_id) = batch_id {
        take_deferred(store, sums, batch, &batch_id)?;
        batch.batch_id = Some(batch_id);
    }
    store.put_batch(batch)
}

/// Applies what was received by position before the id of an accepted batch was known.
fn take_deferred<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    batch_id: &BatchId,
) -> Result<(), LedgerError> {
    for deferred in store.take_deferred(batch_id)? {
        match deferred {
            Deferred::Message(index, state) => {
                if let Some((row, _)) = batch.rows.row_at(index.into()) {
                    observe_message(store, sums, batch, row, &state)?;
                }
            }
            Deferred::Batch(state) => be_in_state(store, sums, batch, state)?,
        }
    }
    Ok(())
}

fn is_systemic_failure(state: &MessageState) -> bool {
    state.progress == Progress::Failed && is_systemic(state.code.as_deref())
}

/// Folds a state into a message of an accepted batch; whether that changed anything.
fn observe_message<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &Batch,
    row: u64,
    seen: &MessageState,
) -> Result<bool, LedgerError> {
    let campaign = batch.campaign;
    if sums.pruned {
        // What it was before is not known any more, so it would count twice.
        return Ok(false);
    }
    let mut state = store.message(campaign, row)?.unwrap_or_else(|| MessageState::new(Progress::Accepted));
    let (before, code_before) = (state.progress, state.code.clone());
    let was_systemic = is_systemic_failure(&state);
    if !state.observe(seen) {
        return Ok(false);
    }
    sums.systemic = (sums.systemic + u64::from(is_systemic_failure(&state))).saturating_sub(u64::from(was_systemic));
    let counts_as_cancelled = |progress| batch.is_cancelled() && progress <= Progress::Accepted;
    if !counts_as_cancelled(state.progress) {
        if counts_as_cancelled(before) {
            // Recalled, and there all the same: people have it.
            sums.messages.uncancel(1);
        }
        sums.messages.move_message(Some(before), state.progress);
    }
    add_to_sums(store, batch, (before, code_before.as_deref()), &state)?;
    store.put_message(campaign, row, &state)?;
    Ok(true)
}

/// Moves the sums by reason and by minute from one state of a message to another.
fn add_to_sums<S: Store>(
    store: &mut S,
    batch: &Batch,
    (before, code_before): (Progress, Option<&str>),
    now: &MessageState,
) -> Result<(), LedgerError> {
    let reason = |progress, code| (progress == Progress::Failed).then(|| reason_of(code));
    let (old, new) = (reason(before, code_before), reason(now.progress, now.code.as_deref()));
    if old != new {
        for (code, by) in old.map(|code| (code, -1)).into_iter().chain(new.map(|code| (code, 1))) {
            store.add_reason(batch.campaign, code, by)?;
        }
    }
    match now.at {
        Some(at) if now.progress != before => {
            store.add_pulse(batch.campaign, minute_of(at, batch.last_attempt), now.progress, 1)
        }
        _ => Ok(()),
    }
}

/// Folds a state into an accepted batch; messages of a recalled one of which nothing was received are cancelled.
fn be_in_state<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    seen: BatchState,
) -> Result<(), LedgerError> {
    if sums.pruned {
        // Nor is it known which of its messages were received.
        return Ok(());
    }
    let before = batch.is_cancelled();
    batch.state = Some(join_state(batch.state.take(), seen));
    if before == batch.is_cancelled() {
        return Ok(());
    }
    let mut silent = 0;
    for (row, _) in batch.rows.iter() {
        let state = store.message(batch.campaign, row)?;
        silent += u64::from(state.is_none_or(|state| state.progress <= Progress::Accepted));
    }
    if before {
        sums.messages.uncancel(silent);
    } else {
        sums.messages.cancel(silent);
    }
    Ok(())
}

/// The service shows another id under the key of a batch; whether that is news.
fn double<S: Store>(store: &mut S, sums: &mut Sums, batch: &mut Batch, other: &BatchId) -> Result<bool, LedgerError> {
    // Its own id is none, nor is that of another batch of ours: the service has given one id twice.
    if batch.batch_id.as_ref() == Some(other) || store.batch_of(other)?.is_some() {
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
