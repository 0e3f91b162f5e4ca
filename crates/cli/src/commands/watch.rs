//! `status --watch`: a campaign live, whichever process sends it.

use std::time::Duration;

use sinch_batch::campaign::Activity;
use sinch_batch::ledger::{CampaignRecord, CampaignStatus, Held, Ledger, Phase};
use sinch_batch::models::Timestamp;

use super::status::pace;
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
    let mut unheld = 1_u64;
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
        let held = ledger.held(campaign.id, Timestamp::now()).await.map_err(|error| ledgers::failed(path, &error))?;
        // Between two claims a worker may hold nothing.
        unheld = if held.is_empty() { unheld + 1 } else { 0 };
        let known = (unheld != 1).then(|| known(campaign, &status, &held)).flatten();
        progress.show(&status, status.is_unfinished(), known.as_deref());
    }
}

/// What nobody sees from the sums: that no worker is at it, and what to type then.
fn known(campaign: &CampaignRecord, status: &CampaignStatus, held: &[Held]) -> Option<String> {
    let activity = pace::activity(campaign, status, held);
    let word = pace::word(activity)?;
    if campaign.practice {
        return Some(word.to_owned());
    }
    let more = if activity == Activity::Halted { " --past-halt" } else { "" };
    Some(format!("{word}; resume {}{more}", campaign.name))
}

/// Whether nothing more is to be expected.
fn is_over(status: &CampaignStatus) -> bool {
    match status.phase {
        Phase::Cancelled => status.awaiting() == 0 && status.unknown == 0,
        _ => !status.is_unfinished() && status.awaiting() == 0,
    }
}

#[cfg(test)]
mod tests {
    use sinch_batch::ledger::{CampaignId, NewCampaign};

    use super::*;

    #[test]
    fn watch_says_whether_anybody_works_on_the_campaign() {
        let new = NewCampaign::new("autumn", "0".repeat(32), 1000, Timestamp::UNIX_EPOCH);
        let mut campaign = new.with_id(CampaignId::new(1));
        let mut status = CampaignStatus::new(1000, 0);
        let held = [Held::new("w", 1, Timestamp::UNIX_EPOCH)];
        assert_eq!(known(&campaign, &status, &held), None);
        assert_eq!(known(&campaign, &status, &[]).as_deref(), Some("stopped; resume autumn"));
        status.phase = Phase::Halted;
        assert_eq!(known(&campaign, &status, &[]).as_deref(), Some("halted; resume autumn --past-halt"));
        status.phase = Phase::Paused;
        assert_eq!(known(&campaign, &status, &[]).as_deref(), Some("paused; resume autumn"));
        (status.phase, status.planned, status.accepted, status.batches.accepted) = (Phase::Running, 900, 100, 1);
        campaign.settings = r#"{"must_halt":{"canary":{"rows":100,"wait":{"secs":600,"nanos":0}},"min":0}}"#.to_owned();
        let waiting = known(&campaign, &status, &[]);
        assert_eq!(waiting.as_deref(), Some("waiting for receipts, or stopped; resume autumn"));
        (status.phase, status.planned, status.accepted) = (Phase::Done, 0, 1000);
        assert_eq!(known(&campaign, &status, &[]), None, "receipts need no sender");
    }
}
