//! `pause`: nothing new of a campaign leaves until it is resumed.

use serde::Serialize;
use sinch_batch::ledger::{LedgerErrorKind, Phase};

use crate::args::PauseArgs;
use crate::fail::{Failure, output};
use crate::output::{count, out, write_json_line};
use crate::run::Next;
use crate::{exit, ledgers};

#[derive(Serialize)]
struct Paused<'a> {
    campaign: &'a str,
    phase: Phase,
    planned: u64,
    accepted: u64,
    unknown: u64,
}

pub(crate) async fn run(args: PauseArgs) -> Result<u8, Failure> {
    let path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open_existing(&path).await?;
    let failed = |error| ledgers::failed(&path, &error);
    let campaign = ledgers::find(&*ledger, &path, Some(&args.campaign)).await?;
    let name = campaign.name.as_str();
    let next = Next { campaign: name, ledger: &path, keeps: true };
    let before = ledger.status(campaign.id).await.map_err(failed)?;
    if before.phase == Phase::Done {
        return Err(Failure::new(exit::LOOK, format!("campaign {name} is done: nothing is left to pause"))
            .hint(next.command("see who got it", "report", "")));
    }
    ledger.pause(campaign.id).await.map_err(|error| match error.kind() {
        LedgerErrorKind::NotRunning => Failure::new(exit::LOOK, format!("campaign {name} cannot be paused: {error}"))
            .hint(next.command("see how it stands", "status", "")),
        _ => failed(error),
    })?;
    let status = ledger.status(campaign.id).await.map_err(failed)?;
    if args.json.json {
        write_json_line(&Paused {
            campaign: name,
            phase: status.phase,
            planned: status.planned,
            accepted: status.accepted,
            unknown: status.unknown,
        })?;
    } else {
        let planned = count(status.planned, "row is", "rows are");
        let resume = next.command("go on", "resume", "");
        out(format!("campaign {name} is paused: {planned} still planned\n{resume}\n").as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}
