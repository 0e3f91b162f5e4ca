//! What was received of campaigns that have ended, and is wanted no longer.
//!
//! ```text
//!                     one chunk a transaction
//! ended ──prune──▶ pruned ──prune──▶ pruned ──▶ …        sums, reasons, minutes, batches and digests stay
//!        marked first, so that a late receipt counts nothing twice
//! ```

use sinch_batch_models::Timestamp;

use super::known_sums;
use crate::campaign::{CampaignId, CampaignRecord};
use crate::error::{LedgerError, LedgerErrorKind};
use crate::ledger::Pruned;
use crate::status::Phase;
use crate::store::Store;

/// When a campaign ended, with all retries of its rows: [`Ledger::ended`](crate::Ledger::ended).
///
/// # Errors
/// `NoSuchCampaign`; `Unsupported` if the storage does not know when something happened last.
pub fn ended<S: Store>(store: &mut S, campaign: CampaignId) -> Result<Option<Timestamp>, LedgerError> {
    let record = store.campaign_by_id(campaign)?.ok_or_else(LedgerError::no_such_campaign)?;
    let mut last = record.created;
    // A retry asks what the others of its family know of a row.
    for member in store.family(record.family())? {
        let status = known_sums(store, member)?.status();
        if status.is_unfinished() || status.phase == Phase::Stopping {
            return Ok(None);
        }
        let created = store.campaign_by_id(member)?.map(|member| member.created);
        last = [created, store.last_event(member)?].into_iter().flatten().fold(last, Timestamp::max);
    }
    Ok(Some(last))
}

/// Removes messages of a campaign that ended before a time, at most so many of them:
/// [`Ledger::prune`](crate::Ledger::prune).
///
/// # Errors
/// `NoSuchCampaign`; `NotEnded` if it, or a retry of its rows, has not ended by then; `Unsupported` if the
/// storage cannot remove anything.
pub fn prune<S: Store>(
    store: &mut S,
    campaign: CampaignId,
    before: Timestamp,
    limit: u32,
) -> Result<Pruned, LedgerError> {
    match ended(store, campaign)? {
        Some(ended) if ended < before => {}
        _ => {
            let message = "the campaign, or a retry of its rows, had not ended by then";
            return Err(LedgerError::new(LedgerErrorKind::NotEnded, message));
        }
    }
    let messages = store.remove_messages(campaign, limit)?;
    let mut sums = known_sums(store, campaign)?;
    if !sums.pruned {
        sums.pruned = true;
        store.put_sums(campaign, &sums)?;
    }
    if !store.any_without_id()? {
        // Nothing that was received by position can be ours any more.
        store.clear_deferred()?;
    }
    Ok(Pruned::new(messages, messages >= u64::from(limit)))
}

/// Refuses what needs to know each message of a campaign and of its relatives.
pub(super) fn refuse_pruned<S: Store>(store: &mut S, campaign: &CampaignRecord) -> Result<(), LedgerError> {
    for member in store.family(campaign.family())? {
        if known_sums(store, member)?.pruned {
            let name = store.campaign_by_id(member)?.map(|member| member.name).unwrap_or_default();
            return Err(LedgerError::pruned(&name));
        }
    }
    Ok(())
}
