//! `report`: what became of a campaign.

use std::io::{BufWriter, Write, stdout};

use sinch_batch::campaign::report::{ReportError, for_each_failure, write_json};
use sinch_batch::ledger::{CampaignRecord, Ledger};

use crate::args::{ReportArgs, ReportFormat};
use crate::fail::Failure;
use crate::{exit, ledgers, render};

pub(crate) async fn run(args: ReportArgs) -> Result<u8, Failure> {
    let path = ledgers::path(&args.ledger)?;
    let ledger = ledgers::open_existing(&path)?;
    let campaign = ledgers::find(&*ledger, &path, args.campaign.as_deref()).await?;
    if let Some(rows) = args.rows {
        return super::rows::run(&args, rows, &*ledger, &path, &campaign).await;
    }
    let format = if args.json.json { ReportFormat::Json } else { args.format };
    let out = BufWriter::new(stdout());
    let written = match format {
        ReportFormat::Json => write_json(&*ledger, &campaign, out).await.map(drop),
        ReportFormat::Csv => csv(&*ledger, &campaign, out).await,
        ReportFormat::Table => render::report(&*ledger, &campaign, None, (usize::MAX, ""), out).await,
    };
    written.map_err(|error| render::report_failed(&path, error))?;
    Ok(exit::OK)
}

async fn csv(ledger: &dyn Ledger, campaign: &CampaignRecord, mut out: impl Write) -> Result<(), ReportError> {
    writeln!(out, "row,line,code,description")?;
    for_each_failure(ledger, campaign, |failure| {
        let quoted = |text: &Option<String>| format!("\"{}\"", text.as_deref().unwrap_or("").replace('"', "\"\""));
        writeln!(out, "{},{},{},{}", failure.row, failure.line, quoted(&failure.code), quoted(&failure.description))
    })
    .await?;
    out.flush()?;
    Ok(())
}
