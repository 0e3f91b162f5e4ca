//! Batches of earlier campaigns that the recipients of a new one begin with.
//!
//! A file that rows were added to has the bytes of the old one at its beginning. Where both campaigns cut their batches
//! in the same way, the ledger sees that by their digests; where they do not, as with a canary or another batch size,
//! the bytes themselves are looked at.

use std::io;

use sinch_batch_ledger::{BatchRecord, BatchStage, CampaignRecord, Ledger, NewCampaign, Phase};
use sinch_batch_recipients::{BatchRange, RecipientSource, SourceError};

use crate::CampaignError;

/// How many batches are read from the ledger at a time: the first one nearly always says enough.
const PAGE: u32 = 100;

/// The digests of batches of earlier campaigns with the same message that the source begins with, and the source.
pub(crate) async fn batches_of_earlier(
    ledger: &dyn Ledger,
    new: &NewCampaign,
    mut source: Box<dyn RecipientSource>,
) -> Result<(Box<dyn RecipientSource>, Vec<[u8; 8]>), CampaignError> {
    let mut earlier = Vec::new();
    for campaign in ledger.campaigns().await?.into_iter().filter(|campaign| is_like(campaign, new)) {
        earlier.push(ranges_of(ledger, &campaign).await?);
    }
    if earlier.is_empty() {
        return Ok((source, Vec::new()));
    }
    let compared = tokio::task::spawn_blocking(move || {
        let mut digests = Vec::new();
        for ranges in earlier {
            for range in ranges {
                if !source.holds(&range)? {
                    break;
                }
                digests.push(range.digest);
            }
        }
        Ok((source, digests))
    });
    match compared.await {
        Ok(compared) => compared.map_err(CampaignError::Source),
        Err(error) => Err(SourceError::Batch { first_row: 1, source: io::Error::other(error) }.into()),
    }
}

/// The ranges of a campaign's batches, up to the first that the service may have or may still get: one is enough.
async fn ranges_of(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<Vec<BatchRange>, CampaignError> {
    let is_cancelled = ledger.status(campaign.id).await?.phase == Phase::Cancelled;
    let (mut ranges, mut after) = (Vec::new(), 0);
    loop {
        let page = ledger.batches(campaign.id, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(ranges) };
        after = last.number;
        for batch in &page {
            ranges.push(range_of(batch));
            if guards(batch.stage, is_cancelled) {
                return Ok(ranges);
            }
        }
    }
}

/// Whether a campaign sends the same message from the same app to the same service, and not for practice.
fn is_like(campaign: &CampaignRecord, new: &NewCampaign) -> bool {
    !campaign.practice
        && campaign.message_fingerprint == new.message_fingerprint
        && (&campaign.project, &campaign.app, &campaign.service) == (&new.project, &new.app, &new.service)
}

/// Whether the service may have a batch in that stage, or may still get it.
fn guards(stage: BatchStage, is_cancelled: bool) -> bool {
    match stage {
        BatchStage::Accepted | BatchStage::Unknown => true,
        BatchStage::Skipped => false,
        _ => !is_cancelled,
    }
}

fn range_of(batch: &BatchRecord) -> BatchRange {
    BatchRange { first_row: batch.first_row, at_byte: batch.at_byte, n_bytes: batch.n_bytes, digest: batch.digest }
}
