//! `report --rows`: rows of the input with what became of each.

use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sinch_batch::campaign::rows::{ReportRows, RowsError, write_rows};
use sinch_batch::ledger::{CampaignRecord, Ledger};
use sinch_batch::recipients::RecipientFile;
use tempfile::NamedTempFile;

use crate::args::{ReportArgs, RowsKind};
use crate::fail::{Failure, output};
use crate::output::{count, write_json_line};
use crate::{exit, input, ledgers, say};

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
    ledger_path: &Path,
    campaign: &CampaignRecord,
) -> Result<u8, Failure> {
    if args.json.json && args.output.is_none() {
        return Err(Failure::new(exit::USAGE, "rows of the file are no JSON")
            .hint("write them to a file with --output FILE; --json then tells how many they are"));
    }
    let file = input_of(args.input.as_deref(), campaign)?;
    let source = input::open(&file).map_err(|failure| failure.hint(moved(campaign)))?;
    let which = match kind {
        RowsKind::Failed => ReportRows::Failed,
        RowsKind::Awaiting => ReportRows::Awaiting,
        RowsKind::All => ReportRows::All,
    };
    let failed = |error| failed(ledger_path, &file, campaign, args.output.as_deref(), error);
    let Some(path) = &args.output else {
        write_rows(ledger, campaign, &source, which, BufWriter::new(stdout())).await.map_err(failed)?;
        return Ok(exit::OK);
    };
    let rows = to_file(ledger, campaign, &source, which, path).await.map_err(failed)?;
    if args.json.json {
        write_json_line(&Written { campaign: &campaign.name, rows, output: path })?;
    } else {
        say!("{} written to {}", count(rows, "row", "rows"), path.display());
    }
    Ok(exit::OK)
}

/// Nobody's file is replaced before all rows are written.
async fn to_file(
    ledger: &dyn Ledger,
    campaign: &CampaignRecord,
    source: &RecipientFile,
    which: ReportRows,
    path: &Path,
) -> Result<u64, RowsError> {
    if path.exists() && !path.is_file() {
        return write_rows(ledger, campaign, source, which, BufWriter::new(std::fs::File::create(path)?)).await;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = BufWriter::new(NamedTempFile::new_in(folder)?);
    let rows = write_rows(ledger, campaign, source, which, &mut out).await?;
    out.flush()?;
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(rows)
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

fn failed(ledger: &Path, file: &Path, campaign: &CampaignRecord, out: Option<&Path>, error: RowsError) -> Failure {
    match error {
        RowsError::Ledger(error) => ledgers::failed(ledger, &error),
        RowsError::Source(error) => input::unreadable(file, &error),
        RowsError::OtherFile => Failure::new(
            exit::BAD_INPUT,
            format!("{} is not the file that campaign {} was checked with", file.display(), campaign.name),
        )
        .hint("put it back as it was; or name the file that was checked: --input FILE"),
        RowsError::Write(error) => match out {
            Some(path) => {
                Failure::because(exit::UNEXPECTED, format!("the rows cannot be written to {}", path.display()), &error)
                    .hint("name a file that can be written: --output FILE")
            }
            None => output(error),
        },
        error => Failure::because(exit::UNEXPECTED, "no rows", &error),
    }
}
