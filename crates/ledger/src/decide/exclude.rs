//! Rows that are not sent after all, before their batch was ever tried.

use std::sync::Arc;

use super::impossible;
use crate::entry::{BatchStage, Exclusion};
use crate::error::LedgerError;
use crate::rows::RowSpans;
use crate::store::{Batch, Store, Sums};

/// Takes rows out of a batch of which the service can know nothing; one that is left without rows is closed.
pub(super) fn exclude<S: Store>(
    store: &mut S,
    sums: &mut Sums,
    batch: &mut Batch,
    unwanted: impl Fn(u64) -> bool,
    because: Exclusion,
) -> Result<(), LedgerError> {
    if batch.stage != BatchStage::Planned || batch.attempts > 0 {
        return Err(impossible(batch.number, "was tried already, so its rows stay"));
    }
    let kept: RowSpans = batch.rows.iter().filter(|(row, _)| !unwanted(*row)).collect();
    let n_rows = batch.rows.len() - kept.len();
    if n_rows == 0 {
        return Ok(());
    }
    sums.skipped = sums.skipped.saturating_add(n_rows);
    if because == Exclusion::Suppressed {
        sums.suppressed = sums.suppressed.saturating_add(n_rows);
    }
    if kept.is_empty() {
        sums.move_batch(BatchStage::Planned, BatchStage::Skipped, 0);
        batch.stage = BatchStage::Skipped;
        batch.hold.until = None;
    }
    batch.rows = Arc::new(kept);
    store.put_rows(batch)
}
