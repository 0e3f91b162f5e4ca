//! What is said about single people, and is to be said no longer.

use sinch_batch_tracking::{MessageState, Progress};

use super::known_sums;
use crate::campaign::CampaignId;
use crate::error::LedgerError;
use crate::store::Store;

/// Removes the descriptions of these rows, now and for good: [`Ledger::forget`](crate::Ledger::forget).
///
/// # Errors
/// `NoSuchCampaign`.
pub fn forget<S: Store>(store: &mut S, campaign: CampaignId, rows: &[u64]) -> Result<u64, LedgerError> {
    if known_sums(store, campaign)?.pruned {
        // Nothing is said of single rows any more, and nothing will be.
        return Ok(0);
    }
    let mut forgotten = 0;
    for row in rows {
        if store.batch_before(campaign, *row)?.is_none_or(|batch| !batch.rows.contains(*row)) {
            continue;
        }
        // A message of which nothing was received is pending: the mark is for what comes.
        let mut state = store.message(campaign, *row)?.unwrap_or_else(|| MessageState::new(Progress::Accepted));
        if state.forget_description() {
            store.put_message(campaign, *row, &state)?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}
