//! `report`: what became of a campaign.

use std::io::{BufWriter, Write};

use sinch_batch::campaign::report::{ReportError, for_each_failure, write_json};
use sinch_batch::ledger::{CampaignRecord, Ledger};

use crate::args::{ReportArgs, ReportFormat};
use crate::fail::Failure;
use crate::output::{Stdout, json_out};
use crate::spreadsheet::cell;
use crate::{exit, ledgers, render};

pub(crate) async fn run(args: ReportArgs) -> Result<u8, Failure> {
    let path = ledgers::path(&args.ledger)?;
    let ledger = ledgers::open_existing(&path)?;
    let campaign = ledgers::find(&*ledger, &path, args.campaign.as_deref()).await?;
    let format = if args.json.json { ReportFormat::Json } else { args.format };
    let written = match format {
        ReportFormat::Json => write_json(&*ledger, &campaign, BufWriter::new(json_out())).await.map(drop),
        ReportFormat::Csv => csv(&*ledger, &campaign, BufWriter::new(Stdout)).await,
        ReportFormat::Table => {
            render::report(&*ledger, &campaign, None, (usize::MAX, ""), BufWriter::new(Stdout)).await
        }
    };
    written.map_err(|error| render::report_failed(&path, error))?;
    Ok(exit::OK)
}

async fn csv(ledger: &dyn Ledger, campaign: &CampaignRecord, mut out: impl Write) -> Result<(), ReportError> {
    writeln!(out, "row,line,code,description")?;
    for_each_failure(ledger, campaign, |failure| {
        let quoted = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        writeln!(out, "{},{},{},{}", failure.row, failure.line, quoted(&failure.code), quoted(&failure.description))
    })
    .await?;
    out.flush()?;
    Ok(())
}
