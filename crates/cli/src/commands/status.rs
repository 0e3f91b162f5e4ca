//! `status`: how a campaign stands.

use sinch_batch::campaign::report::write_json;

use crate::args::StatusArgs;
use crate::fail::{Failure, output};
use crate::output::out;
use crate::{exit, ledgers, render};

pub(crate) async fn run(args: StatusArgs) -> Result<u8, Failure> {
    let path = ledgers::path(&args.ledger);
    let ledger = ledgers::open_existing(&path)?;
    let campaign = ledgers::find(&*ledger, &path, args.campaign.as_deref()).await?;
    if args.json.json {
        write_json(&*ledger, &campaign, std::io::stdout())
            .await
            .map_err(|error| render::report_failed(&path, error))?;
        return Ok(exit::OK);
    }
    let standing = sinch_batch::ledger::Ledger::standing(&*ledger, campaign.id)
        .await
        .map_err(|error| ledgers::failed(&path, &error))?;
    out(format!("campaign {}\n{}", campaign.name, render::standing(&standing, None)).as_bytes()).map_err(output)?;
    Ok(exit::OK)
}
