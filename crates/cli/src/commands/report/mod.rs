//! `report`: what became of a campaign.

mod html;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sinch_batch::campaign::report::{ReportError, for_each_failure, write_json};
use sinch_batch::ledger::{CampaignRecord, Ledger};
use sinch_batch::models::Timestamp;
use tempfile::NamedTempFile;

use crate::args::{ReportArgs, ReportFormat};
use crate::fail::Failure;
use crate::output::{Stdout, json_out};
use crate::spreadsheet::cell;
use crate::{exit, ledgers, render};

pub(crate) async fn run(args: ReportArgs) -> Result<u8, Failure> {
    let path = ledgers::path(&args.ledger)?;
    let ledger = ledgers::open_existing(&path)?;
    let campaign = ledgers::find(&*ledger, &path, args.campaign.as_deref()).await?;
    if let Some(rows) = args.rows {
        return super::rows::run(&args, rows, &*ledger, &path, &campaign).await;
    }
    let format = if args.json.json { ReportFormat::Json } else { args.format };
    let Some(file) = &args.output else {
        let out = BufWriter::new(if format == ReportFormat::Json { json_out() } else { Stdout });
        let written = write(&*ledger, &path, &campaign, format, out).await;
        written.map_err(|error| render::report_failed(&path, error))?;
        return Ok(exit::OK);
    };
    let new = NewFile::beside(file)?;
    match write(&*ledger, &path, &campaign, format, BufWriter::new(new.file())).await {
        Ok(()) => new.put()?,
        Err(ReportError::Write(error)) => return Err(cannot_write(file, &error)),
        Err(error) => return Err(render::report_failed(&path, error)),
    }
    Ok(exit::OK)
}

async fn write(
    ledger: &dyn Ledger,
    path: &Path,
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
    writeln!(out, "row,line,code,description")?;
    for_each_failure(ledger, campaign, |failure| {
        let quoted = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        writeln!(out, "{},{},{},{}", failure.row, failure.line, quoted(&failure.code), quoted(&failure.description))
    })
    .await?;
    out.flush()?;
    Ok(())
}

/// A file that is there whole or not at all: it is written beside its place and put there at the end.
struct NewFile {
    written: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    fn beside(place: &Path) -> Result<Self, Failure> {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if place.is_dir() {
            return Err(Failure::new(exit::USAGE, format!("{} is a folder", place.display()))
                .hint("name a file in it: --output FILE"));
        }
        let mut builder = tempfile::Builder::new();
        // As any new file of this user, and not closed as a temporary one.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let written = builder.tempfile_in(folder).map_err(|error| {
            // The error names the temporary file, which nobody asked for.
            cannot_write(place, &error.kind().into())
        })?;
        Ok(Self { written, place: place.to_owned() })
    }

    fn file(&self) -> &File {
        self.written.as_file()
    }

    fn put(self) -> Result<(), Failure> {
        let place = self.place;
        self.written.persist(&place).map(drop).map_err(|error| cannot_write(&place, &error.error))
    }
}

fn cannot_write(file: &Path, error: &std::io::Error) -> Failure {
    Failure::because(exit::UNEXPECTED, format!("the report {} cannot be written", file.display()), error)
        .hint("check that its folder is there and can be written, or name another: --output FILE")
}
