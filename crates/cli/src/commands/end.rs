//! `cancel`: end a campaign for good, and recall what has not gone.

use serde::Serialize;
use sinch_batch::campaign::recall::recall;
use sinch_batch::campaign::report::{ReportError, for_each_batch};
use sinch_batch::ledger::{BatchStage, CampaignRecord, CampaignStatus, Ledger, Phase};
use sinch_batch::models::BatchState;

use crate::args::CancelCampaignArgs;
use crate::fail::{Failure, output};
use crate::output::{count, grouped, out, write_json_line};
use crate::run::Next;
use crate::service::Service;
use crate::{exit, ledgers, render, say};

#[derive(Serialize)]
struct Cancelled<'a> {
    campaign: &'a str,
    phase: Phase,
    rows: u64,
    skipped: u64,
    planned: u64,
    accepted: u64,
    unknown: u64,
    /// Of the accepted ones, those that were recalled before they left.
    cancelled: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

pub(crate) async fn run(args: CancelCampaignArgs) -> Result<u8, Failure> {
    let path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open_existing(&path).await?;
    let failed = |error| ledgers::failed(&path, &error);
    let campaign = ledgers::find(&*ledger, &path, Some(&args.campaign)).await?;
    let name = campaign.name.as_str();
    let next = Next { campaign: name, ledger: &path, keeps: true };
    let before = ledger.status(campaign.id).await.map_err(failed)?;
    let open = open_rows(&*ledger, &campaign).await.map_err(|error| render::report_failed(&path, error))?;
    if before.phase == Phase::Done && (open == 0 || !is_scheduled(&campaign)) {
        return Err(Failure::new(
            exit::LOOK,
            format!("campaign {name} is done: everything was sent, nothing is left to cancel"),
        )
        .hint(next.command("see who got it", "report", "")));
    }
    if args.dry_run {
        return dry_run(&args, &campaign, &before, open);
    }
    if campaign.practice || (open == 0 && before.unknown == 0) || before.phase == Phase::Cancelled {
        ledger.cancel(campaign.id).await.map_err(failed)?;
        let status = ledger.status(campaign.id).await.map_err(failed)?;
        return told(&args, &next, name, &status);
    }
    // Whatever else is wrong, nothing more leaves.
    ledger.stop(campaign.id).await.map_err(failed)?;
    let client = match Service::read(&args.service) {
        Ok(service) => Some(service.connect().await?),
        Err(failure) if is_scheduled(&campaign) => {
            return Err(failure.hint(next.command(
                "nothing more leaves; what has not gone can be recalled with the credentials set",
                "cancel",
                "",
            )));
        }
        Err(_) => None,
    };
    let Some(client) = client else {
        ledger.cancel(campaign.id).await.map_err(failed)?;
        let status = ledger.status(campaign.id).await.map_err(failed)?;
        return told(&args, &next, name, &status);
    };
    let recalled = recall(&*ledger, &campaign, &client, args.wait).await.map_err(failed)?;
    if recalled.is_complete() {
        return told(&args, &next, name, &recalled.status);
    }
    if args.json.json {
        print_json(name, &recalled.status, false)?;
    }
    let why = recalled.why.map(|why| format!(": {why}")).unwrap_or_default();
    let what = match recalled.held {
        0 => format!("{} may still go{why}", count(recalled.undecided.into(), "batch", "batches")),
        held => format!("{} still under way{why}", count(held.into(), "batch is", "batches are")),
    };
    Err(Failure::new(exit::LOOK, format!("nothing more of campaign {name} leaves, and {what}")).hint(next.command(
        "go on recalling",
        "cancel",
        "",
    )))
}

/// Whether the service was asked to hold its batches back.
fn is_scheduled(campaign: &CampaignRecord) -> bool {
    let request: serde_json::Value = serde_json::from_str(&campaign.request).unwrap_or_default();
    request.get("send_after").is_some_and(|time| !time.is_null())
}

/// Rows of accepted batches that are not known to have gone or to be recalled.
async fn open_rows(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<u64, ReportError> {
    let mut open = 0;
    for_each_batch(ledger, campaign, |batch| {
        let is_over = matches!(batch.state, Some(BatchState::Processed | BatchState::Cancelled));
        if batch.stage == BatchStage::Accepted && !is_over {
            open += batch.rows.len();
        }
        Ok(())
    })
    .await?;
    Ok(open)
}

fn dry_run(
    args: &CancelCampaignArgs,
    campaign: &CampaignRecord,
    status: &CampaignStatus,
    open: u64,
) -> Result<u8, Failure> {
    let name = &campaign.name;
    if args.json.json {
        print_json(name, status, true)?;
        return Ok(exit::OK);
    }
    let text = format!(
        "campaign {name}: {} would never be sent, {} asked back, {} may have gone, {} not known; nothing was changed\n",
        count(status.planned, "row", "rows"),
        grouped(open),
        grouped(status.accepted.saturating_sub(open)),
        grouped(status.unknown)
    );
    out(text.as_bytes()).map_err(output)?;
    Ok(exit::OK)
}

fn print_json(name: &str, status: &CampaignStatus, dry_run: bool) -> Result<(), Failure> {
    write_json_line(&Cancelled {
        campaign: name,
        phase: status.phase,
        rows: status.rows,
        skipped: status.skipped,
        planned: status.planned,
        accepted: status.accepted,
        unknown: status.unknown,
        cancelled: status.messages.cancelled,
        dry_run,
    })
}

fn told(args: &CancelCampaignArgs, next: &Next<'_>, name: &str, status: &CampaignStatus) -> Result<u8, Failure> {
    let cancelled = status.messages.cancelled;
    if args.json.json {
        print_json(name, status, false)?;
    } else {
        let never = count(status.planned, "row was", "rows were");
        let accepted = count(status.accepted, "was", "were");
        out(format!("campaign {name} is cancelled: {never} never sent, {accepted} accepted\n").as_bytes())
            .map_err(output)?;
        if cancelled > 0 {
            say!(
                "{} recalled, {} had gone, {} never sent, {} not known",
                grouped(cancelled),
                grouped(status.accepted.saturating_sub(cancelled)),
                grouped(status.planned),
                grouped(status.unknown)
            );
        }
    }
    if status.unknown == 0 {
        return Ok(exit::OK);
    }
    let unknown = count(status.unknown, "row", "rows");
    Err(Failure::new(exit::LOOK, format!("whether {unknown} more got the message is not known, and stays so"))
        .hint(next.command("receipts may still tell", "status", "")))
}
