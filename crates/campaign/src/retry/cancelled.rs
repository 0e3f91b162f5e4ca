//! The rows of a cancelled campaign that nobody got: recalled in time, or never sent.

use std::collections::{BTreeMap, BTreeSet};

use sinch_batch_ledger::{BatchRecord, BatchStage, CampaignRecord, Ledger, LedgerError, PlannedRows, RowSpans};
use sinch_batch_models::BatchState;
use sinch_batch_tracking::Progress;

use super::{PAGE, some_of};

pub(super) struct CancelledRows {
    pub(super) recalled: u64,
    pub(super) never_sent: u64,
    /// Rows that another attempt has reached, or may have.
    pub(super) reached: u64,
    pub(super) batches: Vec<PlannedRows>,
}

pub(super) async fn choose(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<CancelledRows, LedgerError> {
    let elsewhere = sent_by_relatives(ledger, campaign).await?;
    let is_of =
        |batches: &Sent, row: u64| batches.range(..=row).next_back().is_some_and(|(_, rows)| rows.contains(row));
    let is_elsewhere = |row: u64| elsewhere.iter().any(|batches| is_of(batches, row));
    let mut chosen = CancelledRows { recalled: 0, never_sent: 0, reached: 0, batches: Vec::new() };
    let mut after = 0;
    loop {
        let page = ledger.batches(campaign.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(chosen) };
        after = last.number;
        for batch in page {
            let is_recalled = batch.stage == BatchStage::Accepted && batch.state == Some(BatchState::Cancelled);
            if !is_recalled && !matches!(batch.stage, BatchStage::Planned | BatchStage::Refused) {
                continue;
            }
            let heard_of = if is_recalled { heard_of(ledger, campaign, &batch).await? } else { BTreeSet::new() };
            let unheard = batch.rows.iter().filter(|(row, _)| !heard_of.contains(row));
            let (gone, rows): (Vec<_>, Vec<_>) = unheard.partition(|(row, _)| is_elsewhere(*row));
            chosen.reached += gone.len() as u64;
            let rows: RowSpans = rows.into_iter().collect();
            if rows.is_empty() {
                continue;
            }
            *(if is_recalled { &mut chosen.recalled } else { &mut chosen.never_sent }) += rows.len();
            chosen.batches.push(some_of(&batch, rows));
        }
    }
}

/// Rows of a recalled batch that were there all the same.
async fn heard_of(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    batch: &BatchRecord,
) -> Result<BTreeSet<u64>, LedgerError> {
    let (Some(first), Some(last)) = (batch.rows.first_row(), batch.rows.last_row()) else {
        return Ok(BTreeSet::new());
    };
    let mut rows = BTreeSet::new();
    let mut after = first.saturating_sub(1);
    loop {
        let page = ledger.messages(campaign.id, after, PAGE).await?;
        let Some((end, _)) = page.last() else { return Ok(rows) };
        after = *end;
        let its = page.into_iter().filter(|(row, state)| *row <= last && state.progress > Progress::Accepted);
        rows.extend(its.map(|(row, _)| row));
        if after >= last {
            return Ok(rows);
        }
    }
}

/// Batches that were sent, or may have been, by their first row.
type Sent = BTreeMap<u64, RowSpans>;

/// What each other attempt on the same rows has sent, or may have: a retry may have other batches than its parent.
async fn sent_by_relatives(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<Vec<Sent>, LedgerError> {
    let mut sent = Vec::new();
    let relatives = ledger.campaigns().await?.into_iter();
    for relative in relatives.filter(|one| one.family() == campaign.family() && one.id != campaign.id) {
        let mut batches = Sent::new();
        let mut after = 0;
        loop {
            let page = ledger.batches(relative.id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for batch in page {
                let is_recalled = batch.state == Some(BatchState::Cancelled);
                if matches!(batch.stage, BatchStage::Accepted | BatchStage::Unknown) && !is_recalled {
                    batches.insert(batch.first_row, batch.rows);
                }
            }
        }
        sent.push(batches);
    }
    Ok(sent)
}
