//! `status`: how a campaign stands, and which callbacks were heard.

use serde::Serialize;
use sinch_batch::campaign::report::write_json_with;
use sinch_batch::ledger::{CallbackCount, Ledger};

use crate::args::StatusArgs;
use crate::fail::{Failure, output};
use crate::output::{out, write_json_line};
use crate::{exit, ledgers, render};

/// What is said of a ledger that has heard callbacks and knows no campaign.
#[derive(Serialize)]
struct Callbacks {
    callbacks: Vec<CallbackCount>,
}

pub(crate) async fn run(args: StatusArgs) -> Result<u8, Failure> {
    let path = ledgers::path(&args.ledger);
    let ledger = ledgers::open_existing(&path)?;
    let failed = |error| ledgers::failed(&path, &error);
    let callbacks = ledger.callbacks().await.map_err(failed)?;
    let is_a_receivers =
        args.campaign.is_none() && !callbacks.is_empty() && ledger.campaigns().await.map_err(failed)?.is_empty();
    if is_a_receivers {
        match args.json.json {
            true => write_json_line(&Callbacks { callbacks })?,
            false => out(render::callbacks(&callbacks).as_bytes()).map_err(output)?,
        }
        return Ok(exit::OK);
    }
    let campaign = ledgers::find(&*ledger, &path, args.campaign.as_deref()).await?;
    if args.json.json {
        write_json_with(&*ledger, &campaign, ("callbacks", &callbacks), std::io::stdout())
            .await
            .map_err(|error| render::report_failed(&path, error))?;
        return Ok(exit::OK);
    }
    let standing = ledger.status(campaign.id).await.map_err(failed)?;
    let (standing, callbacks) = (render::status(&standing, None), render::callbacks(&callbacks));
    out(format!("campaign {}\n{standing}{callbacks}", campaign.name).as_bytes()).map_err(output)?;
    Ok(exit::OK)
}
