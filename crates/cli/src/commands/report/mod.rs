//! `report`: what became of a campaign.

mod html;
pub(super) mod output;

use std::io::{BufWriter, Write};

use sinch_batch::campaign::report::{ReportError, for_each_failure, write_json};
use sinch_batch::ledger::{CampaignRecord, Ledger, LedgerError};
use sinch_batch::models::Timestamp;
use sinch_batch::recipients::spreadsheet_cell;

use crate::args::{ReportArgs, ReportFormat};
use crate::fail::Failure;
use crate::ledgers::Place;
use crate::output::json_out;
use crate::outputs::is_dash;
use crate::{exit, ledgers, render};

pub(crate) async fn run(args: ReportArgs) -> Result<u8, Failure> {
    let path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open_existing(&path).await?;
    let campaign = ledgers::find(&*ledger, &path, args.campaign.as_deref()).await?;
    if let Some(rows) = args.rows {
        return super::rows::run(&args, rows, &*ledger, &path, &campaign).await;
    }
    let format = if args.json.json { ReportFormat::Json } else { args.format };
    let mut new = output::begin(&args, "the report", false, &ledgers::files(&path))?;
    if format == ReportFormat::Json && args.output.as_deref().is_none_or(is_dash) {
        json_out();
    }
    match write(&*ledger, &path, &campaign, format, BufWriter::new(&mut new)).await {
        Ok(()) => new.keep()?,
        Err(ReportError::Write(error)) => return Err(new.failed(&error)),
        Err(error) => return Err(render::report_failed(&path, error)),
    }
    Ok(exit::OK)
}

async fn write(
    ledger: &dyn Ledger,
    path: &Place,
    campaign: &CampaignRecord,
    format: ReportFormat,
    mut out: impl Write,
) -> Result<(), ReportError> {
    match format {
        ReportFormat::Json => write_json(ledger, campaign, out).await.map(drop),
        ReportFormat::Csv => csv(ledger, campaign, out).await,
        ReportFormat::Table => render::report(ledger, campaign, None, (usize::MAX, ""), out).await,
        ReportFormat::Html => {
            let view = html::view(ledger, path, campaign, Timestamp::now()).await?;
            out.write_all(view.render().as_bytes())?;
            Ok(out.flush()?)
        }
    }
}

async fn csv(ledger: &dyn Ledger, campaign: &CampaignRecord, mut out: impl Write) -> Result<(), ReportError> {
    if ledger.status(campaign.id).await?.pruned {
        return Err(LedgerError::pruned(&campaign.name).into());
    }
    writeln!(out, "row,line,code,description")?;
    for_each_failure(ledger, campaign, |failure| {
        let quoted = |text: &Option<String>| spreadsheet_cell(text.as_deref().unwrap_or_default());
        writeln!(out, "{},{},{},{}", failure.row, failure.line, quoted(&failure.code), quoted(&failure.description))
    })
    .await?;
    out.flush()?;
    Ok(())
}
