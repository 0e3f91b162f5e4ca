//! When the batches of a scheduled campaign leave.

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::campaign::report::{ReportError, for_each_batch};
use sinch_batch::ledger::{CampaignRecord, Ledger};

/// One line, by the times that the service has answered; none if nothing is scheduled.
pub(super) async fn line(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<String, ReportError> {
    let request = CampaignRequest::from_json(campaign.request.as_bytes(), None).ok();
    let Some(asked) = request.as_ref().and_then(CampaignRequest::send_after) else { return Ok(String::new()) };
    let mut times = None;
    for_each_batch(ledger, campaign, |batch| {
        if let Some(at) = batch.send_after {
            let (first, last) = times.unwrap_or((at, at));
            times = Some((at.min(first), at.max(last)));
        }
        Ok(())
    })
    .await?;
    Ok(match times {
        Some((first, last)) if first == last => format!("leaves at {first:.0}, as the service says\n"),
        Some((first, last)) => format!("leaves from {first:.0} to {last:.0}, as the service says\n"),
        None => format!("to leave at {asked:.0}; the service has not said when yet\n"),
    })
}
