//! `cancel`: end a campaign for good.

use serde::Serialize;
use sinch_batch::ledger::{Ledger, Phase};

use crate::args::CancelCampaignArgs;
use crate::fail::{Failure, output};
use crate::output::{count, out, write_json_line};
use crate::run::Next;
use crate::{exit, ledgers};

#[derive(Serialize)]
struct Cancelled<'a> {
    campaign: &'a str,
    phase: Phase,
    rows: u64,
    skipped: u64,
    planned: u64,
    accepted: u64,
    unknown: u64,
}

pub(crate) async fn run(args: CancelCampaignArgs) -> Result<u8, Failure> {
    let path = ledgers::path(&args.ledger)?;
    let ledger = ledgers::open_existing(&path)?;
    let failed = |error| ledgers::failed(&path, &error);
    let campaign = ledgers::find(&*ledger, &path, Some(&args.campaign)).await?;
    let name = campaign.name.as_str();
    let next = Next { campaign: name, ledger: &path, keeps: true };
    let before = ledger.status(campaign.id).await.map_err(failed)?;
    if before.phase == Phase::Done {
        return Err(Failure::new(
            exit::LOOK,
            format!("campaign {name} is done: everything was sent, nothing is left to cancel"),
        )
        .hint(next.command("see who got it", "report", "")));
    }
    ledger.cancel(campaign.id).await.map_err(failed)?;
    let status = ledger.status(campaign.id).await.map_err(failed)?;
    if args.json.json {
        write_json_line(&Cancelled {
            campaign: name,
            phase: status.phase,
            rows: status.rows,
            skipped: status.skipped,
            planned: status.planned,
            accepted: status.accepted,
            unknown: status.unknown,
        })?;
    } else {
        let never = count(status.planned, "row was", "rows were");
        let accepted = count(status.accepted, "was", "were");
        out(format!("campaign {name} is cancelled: {never} never sent, {accepted} accepted\n").as_bytes())
            .map_err(output)?;
    }
    if status.unknown == 0 {
        return Ok(exit::OK);
    }
    let unknown = count(status.unknown, "row", "rows");
    Err(Failure::new(exit::LOOK, format!("whether {unknown} more got the message is not known, and stays so"))
        .hint(next.command("receipts may still tell", "status", "")))
}
