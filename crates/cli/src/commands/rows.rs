//! `report --rows`: rows of the input with what became of each.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sinch_batch::campaign::rows::{ReportRows, RowsError, write_rows};
use sinch_batch::ledger::{CampaignRecord, Ledger};

use crate::args::{ReportArgs, RowsKind};
use crate::fail::Failure;
use crate::ledgers::Place;
use crate::output::{count, write_json_line};
use crate::outputs::is_dash;
use crate::{exit, input, ledgers, say};

use super::report::output;

#[derive(Serialize)]
struct Written<'a> {
    campaign: &'a str,
    rows: u64,
    output: &'a Path,
}

pub(crate) async fn run(
    args: &ReportArgs,
    kind: RowsKind,
    ledger: &dyn Ledger,
    ledger_path: &Place,
    campaign: &CampaignRecord,
) -> Result<u8, Failure> {
    let to_stdout = args.output.as_deref().is_none_or(is_dash);
    if args.json.json && to_stdout {
        return Err(Failure::new(exit::USAGE, "rows of the file are not JSON")
            .hint("write them to a file with --output FILE; --json then tells how many they are"));
    }
    let file = input_of(args.input.as_deref(), campaign)?;
    let source = input::open(&file).map_err(|failure| failure.hint(moved(campaign)))?;
    let which = match kind {
        RowsKind::Failed => ReportRows::Failed,
        RowsKind::Awaiting => ReportRows::Awaiting,
        RowsKind::All => ReportRows::All,
    };
    let mut read = ledgers::files(ledger_path);
    read.push(("input", file.clone()));
    let mut new = output::begin(args, "the file of rows", true, &read)?;
    let rows = match write_rows(ledger, campaign, &source, which, BufWriter::new(&mut new)).await {
        Ok(rows) => rows,
        Err(RowsError::Write(error)) => return Err(new.failed(&error)),
        Err(error) => return Err(failed(ledger_path, &file, campaign, error)),
    };
    new.keep()?;
    let Some(path) = args.output.as_deref().filter(|_| !to_stdout) else { return Ok(exit::OK) };
    if args.json.json {
        write_json_line(&Written { campaign: &campaign.name, rows, output: path })?;
    } else {
        say!("{} written to {}", count(rows, "row", "rows"), path.display());
    }
    Ok(exit::OK)
}

/// Where the input is now.
pub(crate) fn input_of(given: Option<&Path>, campaign: &CampaignRecord) -> Result<PathBuf, Failure> {
    match given {
        Some(file) => Ok(file.to_owned()),
        None if campaign.input.is_empty() => {
            Err(Failure::new(exit::USAGE, "the recipients came from a pipe, and the ledger keeps none of them")
                .hint("give them once more, the same bytes: --input FILE"))
        }
        None => Ok(PathBuf::from(&campaign.input)),
    }
}

fn moved(campaign: &CampaignRecord) -> String {
    format!("if the file of campaign {} has moved, name it: --input FILE", campaign.name)
}

fn failed(ledger: &Place, file: &Path, campaign: &CampaignRecord, error: RowsError) -> Failure {
    match error {
        RowsError::Ledger(error) => ledgers::failed(ledger, &error),
        RowsError::Source(error) => input::unreadable(file, &error),
        RowsError::OtherFile => Failure::new(
            exit::BAD_INPUT,
            format!("{} is not the file that campaign {} was checked with", file.display(), campaign.name),
        )
        .hint("put it back as it was; or name the file that was checked: --input FILE"),
        error => Failure::because(exit::UNEXPECTED, "no rows", &error),
    }
}
