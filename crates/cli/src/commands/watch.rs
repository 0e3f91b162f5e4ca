//! `status --watch`: a campaign live, whichever process sends it.

use std::time::Duration;

use sinch_batch::ledger::{CampaignRecord, CampaignStatus, Ledger, Phase};

use crate::fail::Failure;
use crate::ledgers::Place;
use crate::progress::Progress;
use crate::{ledgers, signals};

/// How often the ledger is read.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Shows progress until the campaign ends, or somebody asks to stop: then its sending is not touched.
pub(crate) async fn until_end(ledger: &dyn Ledger, path: &Place, campaign: &CampaignRecord) -> Result<(), Failure> {
    let progress = Progress::start();
    let mut stop = std::pin::pin!(signals::stop_asked());
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            _ = look.tick() => {}
        }
        let status = ledger.status(campaign.id).await.map_err(|error| ledgers::failed(path, &error))?;
        if is_over(&status) {
            return Ok(());
        }
        progress.show(&status, status.is_unfinished(), None);
    }
}

/// Whether nothing more is to be expected.
fn is_over(status: &CampaignStatus) -> bool {
    match status.phase {
        Phase::Cancelled => status.awaiting() == 0 && status.unknown == 0,
        _ => !status.is_unfinished() && status.awaiting() == 0,
    }
}
