//! Who must not get a message again: what the other attempts of a campaign say about a row.
//!
//! A campaign and its retries, and the retries of those, are one family over the same input and the same row
//! numbers. A row may be sent again only if its newest attempt failed and no other may have arrived.

use std::collections::BTreeSet;

use sinch_batch_tracking::{MessageState, Progress};

use super::exclude::exclude;
use super::prune::refuse_pruned;
use crate::campaign::{CampaignId, CampaignRecord, NewCampaign};
use crate::entry::{BatchStage, Exclusion, MessageFailure, RetryRow};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::store::{Batch, Store, Sums};

/// The other campaigns of a family, oldest first.
fn relatives<S: Store>(store: &mut S, campaign: &CampaignRecord) -> Result<Vec<CampaignId>, LedgerError> {
    let mut family = store.family(campaign.family())?;
    family.retain(|other| *other != campaign.id);
    Ok(family)
}

/// What attempts say about a row: the newest failure, unless one of them may have arrived.
enum Attempts {
    None,
    Failed(MessageState),
    MayHaveArrived,
}

fn attempts<S: Store>(store: &mut S, of: &[CampaignId], row: u64) -> Result<Attempts, LedgerError> {
    let mut newest = Attempts::None;
    for campaign in of {
        let batch = store.batch_before(*campaign, row)?.filter(|batch| batch.rows.contains(row));
        let Some(batch) = batch else { continue };
        if !batch.may_have_arrived() {
            continue;
        }
        let state = store.message(*campaign, row)?;
        match state {
            Some(state) if state.progress == Progress::Failed => newest = Attempts::Failed(state),
            Some(state) if state.progress > Progress::Accepted => return Ok(Attempts::MayHaveArrived),
            _ if batch.is_cancelled() => {}
            _ => return Ok(Attempts::MayHaveArrived),
        }
    }
    Ok(newest)
}

/// The failures of a campaign as a retry sees them: with the newest cause over all attempts, and whether any
/// attempt may have reached the recipient. See [`Ledger::retry_rows`](crate::Ledger::retry_rows).
///
/// # Errors
/// `NoSuchCampaign`; `Pruned` if it or a relative was pruned.
pub fn retry_rows<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    failures: Vec<MessageFailure>,
) -> Result<Vec<RetryRow>, LedgerError> {
    let record = store.campaign_by_id(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    refuse_pruned(store, &record)?;
    let others = relatives(store, &record)?;
    let mut family = others.clone();
    family.push(campaign);
    family.sort_unstable();
    let mut rows = Vec::with_capacity(failures.len());
    for failure in failures {
        rows.push(match attempts(store, &family, failure.row)? {
            Attempts::Failed(state) => {
                let newest = MessageFailure::of(failure.row, failure.line, &state).unwrap_or(failure);
                RetryRow { failure: newest, reached: false }
            }
            Attempts::None | Attempts::MayHaveArrived => RetryRow { failure, reached: true },
        });
    }
    Ok(rows)
}

/// Checks a new campaign against its parent, and notes the first of its line.
pub(super) fn check_parent<S: Store>(store: &mut S, new: &mut NewCampaign) -> Result<(), LedgerError> {
    let Some(parent) = new.parent else { return Ok(()) };
    let parent = store.campaign_by_id(parent)?.ok_or_else(LedgerError::no_such_campaign)?;
    if parent.rows != new.rows || parent.input_fingerprint != new.input_fingerprint {
        return Err(LedgerError::impossible("a retry is over the input of its parent"));
    }
    if parent.practice != new.practice {
        return Err(LedgerError::impossible("a retry is tried locally if its parent was"));
    }
    refuse_pruned(store, &parent)?;
    new.root = Some(parent.family());
    for other in relatives(store, &parent)? {
        if super::known_sums(store, other)?.status().is_unfinished() {
            let name = store.campaign_by_id(other)?.map(|other| other.name).unwrap_or_default();
            return Err(LedgerError::new(
                LedgerErrorKind::RetryUnderWay,
                format!("campaign {name} is a retry of the same rows, and is unfinished"),
            ));
        }
    }
    Ok(())
}

/// Takes the rows out of a batch that was never tried whose recipients got the message after all.
pub(super) fn exclude_reached<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    campaign: &CampaignRecord,
    batch: &mut Batch,
) -> Result<(), LedgerError> {
    if campaign.parent.is_none() || batch.stage != BatchStage::Planned || batch.attempts > 0 {
        return Ok(());
    }
    let others = relatives(store, campaign)?;
    let mut reached = BTreeSet::new();
    for (row, _) in batch.rows.clone().iter() {
        if matches!(attempts(store, &others, row)?, Attempts::MayHaveArrived) {
            reached.insert(row);
        }
    }
    exclude(store, sums, batch, |row| reached.contains(&row), Exclusion::Reached)
}
