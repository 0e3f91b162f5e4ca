//! What was kept of receipts, once a copy has brought what they belong to.

use sinch_batch_models::BatchId;
use sinch_batch_tracking::CampaignKey;

use super::apply::apply_row;
use super::{known_sums, take_deferred};
use crate::error::LedgerError;
use crate::store::Store;

/// Applies what was kept by position for a batch, if the batch is there.
pub(crate) fn settle_batch<S: Store>(store: &mut S, batch_id: &BatchId) -> Result<(), LedgerError> {
    let Some(mut batch) = store.batch_of(batch_id)? else { return Ok(()) };
    let mut sums = known_sums(store, batch.campaign)?;
    take_deferred(store, &mut sums, &mut batch, batch_id)?;
    store.put_batch(&batch)?;
    store.put_sums(batch.campaign, &sums)
}

/// Applies what was kept for a campaign that was not known.
pub(crate) fn settle_campaign<S: Store>(store: &mut S, key: &CampaignKey) -> Result<(), LedgerError> {
    for orphan in store.take_orphans(key)? {
        apply_row(store, &orphan.key, orphan.batch_id.as_ref(), &orphan.state)?;
    }
    Ok(())
}
