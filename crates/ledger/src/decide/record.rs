//! Facts about sending a batch.

use std::collections::BTreeSet;

use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::scrub;

use super::claim::running;
use super::exclude::exclude;
use super::{accept, double, impossible, known_sums, microsecond};
use crate::campaign::CampaignId;
use crate::entry::{BatchStage, Entry};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::store::{Batch, Store, Sums};

/// Records one fact about one batch: [`Ledger::record`](crate::Ledger::record).
///
/// # Errors
/// `NoSuchCampaign`, `Accepted`, `Fenced`, `NotRunning`, `IdTaken`, `Impossible`.
pub fn record<S: Store>(store: &mut S, campaign: CampaignId, entry: Entry, now: Timestamp) -> Result<(), LedgerError> {
    let now = microsecond(now);
    let mut sums = known_sums(store, campaign)?;
    let number = entry.number();
    let mut batch = store.batch(campaign, number)?.ok_or_else(|| impossible(number, "is not in the plan"))?;
    match entry {
        Entry::Intent { token, attempt, .. } => intend(store, &mut sums, &mut batch, token, attempt, now)?,
        Entry::Returned { attempt, .. } => {
            if batch.attempts == attempt && batch.stage == BatchStage::Unknown {
                batch.hold.end_call(now);
                store.put_attempt(&batch)?;
            }
        }
        Entry::Accepted { batch_id, .. } => be_accepted(store, &mut sums, &mut batch, batch_id, now)?,
        Entry::Refused { attempt, why, .. } => refuse(store, &mut sums, &mut batch, attempt, &why, now)?,
        Entry::Doubled { batch_ids, .. } => {
            for batch_id in &batch_ids {
                // The first of them is the batch's own, if it has none yet and the id is not another batch's.
                if batch.batch_id.is_some() {
                    double(store, &mut sums, &mut batch, batch_id)?;
                } else if store.batch_of(batch_id)?.is_none() {
                    accept(store, &mut sums, &mut batch, Some(batch_id.clone()), Some(now))?;
                }
            }
        }
        Entry::FoundElsewhere { .. } => sums.behind |= matches!(batch.stage, BatchStage::Planned | BatchStage::Refused),
        Entry::Exclude { token, rows, because, .. } => {
            let unwanted: BTreeSet<u64> = rows.into_iter().collect();
            match token {
                Some(token) => is_held(&batch, token, now)?,
                None => free(store, &mut batch)?,
            }
            exclude(store, &mut sums, &mut batch, |row| unwanted.contains(&row), because)?;
        }
        Entry::Cancel { .. } => {
            if batch.stage != BatchStage::Accepted {
                return Err(impossible(number, "is not accepted, so it cannot be recalled"));
            }
            batch.recalled = true;
            store.put_batch(&batch)?;
        }
        Entry::Scheduled { send_after, .. } => {
            if batch.stage != BatchStage::Accepted {
                return Err(impossible(number, "is not accepted, so nobody knows when it leaves"));
            }
            batch.send_after = Some(microsecond(send_after));
            store.put_batch(&batch)?;
        }
        Entry::Released { token, why, .. } => {
            if batch.hold.token == token && batch.stage != BatchStage::Accepted {
                batch.hold.until = None;
                if batch.hold.in_call {
                    batch.hold.end_call(now);
                }
                if let Some(why) = why {
                    batch.why = Some(scrub(&why, None));
                }
                store.put_attempt(&batch)?;
            }
        }
    }
    store.put_sums(campaign, &sums)
}

/// Whether a batch is held under this token.
fn is_held(batch: &Batch, token: u64, now: Timestamp) -> Result<(), LedgerError> {
    if batch.hold.token == token && batch.hold.until.is_some_and(|until| now < until) {
        return Ok(());
    }
    Err(LedgerError::new(LedgerErrorKind::Fenced, format!("the lease of batch {} is over", batch.number)))
}

/// Takes a batch that was never tried from its holder.
fn free<S: Store>(store: &mut S, batch: &mut Batch) -> Result<(), LedgerError> {
    if batch.hold.until.is_none() || batch.attempts > 0 {
        return Ok(());
    }
    batch.hold.token = batch.hold.token.saturating_add(1);
    batch.hold.until = None;
    store.put_hold(batch)
}

fn intend<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    token: u64,
    attempt: u32,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let number = batch.number;
    if batch.stage == BatchStage::Accepted {
        return Err(LedgerError::new(
            LedgerErrorKind::Accepted,
            format!("batch {number} is accepted already and must not be sent again"),
        ));
    }
    running(sums)?;
    if batch.stage == BatchStage::Skipped {
        return Err(impossible(number, "has no rows left"));
    }
    is_held(batch, token, now)?;
    if batch.attempts == attempt && batch.stage == BatchStage::Unknown && batch.hold.in_call {
        // The same again: the answer to the first was lost on its way.
        return Ok(());
    }
    if batch.attempts.checked_add(1) != Some(attempt) {
        return Err(impossible(number, "has another number of attempts"));
    }
    batch.uncertain |= batch.stage == BatchStage::Unknown;
    sums.move_batch(batch.stage, BatchStage::Unknown, batch.rows.len());
    batch.stage = BatchStage::Unknown;
    batch.attempts = attempt;
    batch.last_attempt = Some(now);
    batch.why = None;
    batch.hold.may_leave_until = batch.hold.until;
    batch.hold.in_call = true;
    batch.hold.lapsed = None;
    store.put_attempt(batch)
}

fn be_accepted<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    batch_id: BatchId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    match &batch.batch_id {
        Some(known) if *known == batch_id => Ok(()),
        Some(_) => double(store, sums, batch, &batch_id).map(drop),
        None => match store.batch_of(&batch_id)? {
            Some(other) => Err(LedgerError::new(
                LedgerErrorKind::IdTaken,
                format!(
                    "the service gave batch {} the id of batch {}, which is a fault of the service",
                    batch.number, other.number
                ),
            )),
            None => accept(store, sums, batch, Some(batch_id), Some(now)),
        },
    }
}

fn refuse<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    attempt: u32,
    why: &str,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let number = batch.number;
    match batch.stage {
        BatchStage::Accepted => Err(LedgerError::new(
            LedgerErrorKind::Accepted,
            format!("batch {number} is accepted already and cannot be refused"),
        )),
        BatchStage::Planned | BatchStage::Skipped => Err(impossible(number, "has an outcome but no intent")),
        BatchStage::Unknown | BatchStage::Refused => {
            // What became of an earlier attempt says nothing about the last one.
            if batch.attempts != attempt {
                return Ok(());
            }
            sums.move_batch(batch.stage, BatchStage::Refused, batch.rows.len());
            batch.stage = BatchStage::Refused;
            batch.hold.end_call(now);
            batch.why = Some(scrub(why, None));
            store.put_attempt(batch)
        }
    }
}
