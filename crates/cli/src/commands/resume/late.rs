//! Batches whose time to leave has passed although they were never sent.

use std::time::Duration;

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::ledger::{BatchStage, CampaignRecord, Entry, Exclusion, Ledger, LedgerError};
use sinch_batch::models::Timestamp;

/// How much later than asked a batch of a spread may leave: the grid of the service's schedule.
const GRID: Duration = Duration::from_secs(300);

/// How many batches are read from the ledger at a time.
const PAGE: u32 = 1000;

/// What is late.
#[derive(Debug, Default)]
pub(super) struct LateBatches {
    /// The time of the first of them; none if nothing is late.
    pub(super) since: Option<Timestamp>,
    pub(super) rows: u64,
    /// Whether the campaign is spread, so that others may be in time.
    pub(super) is_spread: bool,
    /// Those of which nothing was tried, with their rows.
    untried: Vec<(u32, Vec<u64>)>,
}

pub(super) async fn find(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    n_batches: u64,
    now: Timestamp,
) -> Result<LateBatches, LedgerError> {
    let mut late = LateBatches::default();
    // What cannot be read is refused where the campaign is resumed.
    let request = CampaignRequest::from_json(campaign.request.as_bytes(), None).ok();
    let Some(request) = request.filter(|request| request.send_after().is_some_and(|at| at <= now)) else {
        return Ok(late);
    };
    late.is_spread = request.spread().is_some();
    let mut after = 0;
    loop {
        let page = ledger.batches(campaign.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(late) };
        after = last.number;
        for batch in page {
            let is_open = matches!(batch.stage, BatchStage::Planned | BatchStage::Refused);
            let at = request.send_after_of(batch.number, n_batches);
            let grace = if late.is_spread { GRID } else { Duration::ZERO };
            let has_passed = |at: &Timestamp| at.checked_add(grace).is_ok_and(|at| at <= now);
            let Some(at) = at.filter(has_passed).filter(|_| is_open) else { continue };
            late.since.get_or_insert(at);
            late.rows += batch.rows.len();
            if batch.stage == BatchStage::Planned && batch.attempts == 0 {
                late.untried.push((batch.number, batch.rows.iter().map(|(row, _)| row).collect()));
            }
        }
    }
}

/// Takes late batches out of the campaign; those that were tried before stay.
pub(super) async fn skip(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    late: &LateBatches,
    now: Timestamp,
) -> Result<(), LedgerError> {
    for (number, rows) in &late.untried {
        let entry = Entry::Exclude { number: *number, token: None, rows: rows.clone(), because: Exclusion::Late };
        ledger.record(campaign.id, entry, now).await?;
    }
    Ok(())
}
