//! `check`: every finding of a file, by kind, line and column.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::Template;
use sinch_batch::recipients::{CheckOptions, Checked, Finding, FindingSummary, ReadOptions, RecipientFile};

use crate::args::CheckArgs;
use crate::fail::{Failure, output};
use crate::findings::{self, Collected};
use crate::output::{Stdout, json_out, out};
use crate::{exit, input, message, suppress};

pub(crate) async fn run(args: CheckArgs) -> Result<u8, Failure> {
    let file = args.input.file.as_path();
    input::one_stdin(&[Some(file), args.message.message.as_deref(), args.judge.prices.as_deref()])?;
    let template = Template::new(message::read(&args.message)?);
    let options = input::judge(&args.judge)?.with_suppression(suppress::read(&args.suppress).await?);
    let source = input::open(file)?.with_reading(args.read.options());
    let found = Collected::new();
    let checked = if args.json.json {
        let list = JsonList::default();
        let (mut write, mut collect) = (list.writer(), found.collector());
        let each = move |finding: Finding| {
            collect(finding.clone());
            write(finding);
        };
        let (checked, _) = input::check(source, file, &template, &options, each).await?;
        list.end(&checked)?;
        checked
    } else {
        let (checked, source) = input::check(source, file, &template, &options, found.collector()).await?;
        if args.all {
            print_all(source, file, &template, &options, &checked).await?;
        } else {
            out(found.text(file, &input::see_all(file, &args.message)).as_bytes()).map_err(output)?;
        }
        let sms = checked.sms.as_ref().map(findings::sms).unwrap_or_default();
        let suppressed = findings::suppressed(&checked);
        out(format!("{}{suppressed}{sms}", findings::counts(&checked)).as_bytes()).map_err(output)?;
        checked
    };
    if checked.is_ok() {
        return Ok(exit::OK);
    }
    let failure = Failure::new(exit::BAD_INPUT, input::mistakes(&checked, file));
    Err(if let Some(hint) = input::hint_of_file(&found, &args.message) {
        failure.hint(hint)
    } else if input::has_valid_rows(&checked) {
        failure.hint("fix them and check again; or send the valid rows: sinch-batch send … --skip-invalid")
    } else {
        failure.hint("fix the file and check again")
    })
}

/// Every finding, in the order of the file, which is read once more for it.
async fn print_all(
    mut source: RecipientFile,
    file: &Path,
    template: &Template,
    options: &CheckOptions,
    checked: &Checked,
) -> Result<(), Failure> {
    let (file, template, options, checked) = (file.to_owned(), template.clone(), options.clone(), checked.clone());
    input::blocking(move || {
        let mut out = BufWriter::new(Stdout);
        let mut failed = None;
        let mut print = |finding: Finding| {
            if failed.is_none() {
                failed = writeln!(out, "{}", findings::line(&file, &finding)).err();
            }
        };
        source
            .findings_in_order(&template, &options, &checked, &mut print)
            .map_err(|error| input::unreadable(&file, &error))?;
        match failed.or_else(|| out.flush().err()) {
            Some(error) => Err(output(error)),
            None => Ok(()),
        }
    })
    .await
}

/// The findings of a campaign as one JSON object; its request takes some room of each message.
pub(crate) async fn print_request_json(
    file: &Path,
    request: CampaignRequest,
    (reading, options): (ReadOptions, CheckOptions),
) -> Result<(), Failure> {
    let list = JsonList::default();
    let (owned, writer) = (file.to_owned(), list.writer());
    let checked = input::blocking(move || {
        let source = input::open(&owned)?.with_reading(reading);
        request.check_with(source, &options, writer).map_err(|error| input::unreadable(&owned, &error))
    })
    .await?;
    list.end(checked.checked())
}

/// A list of findings in JSON, begun with the first.
#[derive(Default)]
struct JsonList(Arc<Mutex<Findings>>);

impl JsonList {
    /// Writes each finding that it is given.
    fn writer(&self) -> impl FnMut(Finding) + Send + 'static {
        let list = Arc::clone(&self.0);
        move |finding: Finding| list.lock().unwrap_or_else(PoisonError::into_inner).write(&finding)
    }

    /// Ends the object.
    fn end(&self, checked: &Checked) -> Result<(), Failure> {
        json_out();
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = list.failed.take() {
            return Err(output(error));
        }
        let head = if list.any { "" } else { "{\"findings\":[" };
        let groups = list.counts.as_ref().map(FindingSummary::groups).unwrap_or_default();
        let rest = serde_json::json!({
            "rows": checked.rows,
            "ok": checked.is_ok(),
            "invalid_rows": checked.invalid_rows,
            "mistakes": checked.findings,
            "warnings": checked.warnings,
            "blank_rows": checked.blank_rows,
            "counts": groups,
            "suppressed_rows": checked.suppressed_rows,
            "suppressed": checked.suppressed,
            "sms": checked.sms,
        });
        let rest = rest.to_string();
        out(format!("{head}],{}\n", rest.strip_prefix('{').unwrap_or(&rest)).as_bytes()).map_err(output)
    }
}

/// The list of findings as far as it is written.
#[derive(Default)]
struct Findings {
    any: bool,
    counts: Option<FindingSummary>,
    failed: Option<std::io::Error>,
}

impl Findings {
    fn write(&mut self, finding: &Finding) {
        if self.failed.is_some() {
            return;
        }
        self.counts.get_or_insert_with(|| FindingSummary::new(0)).add(finding);
        let lead = if self.any { "," } else { "{\"findings\":[" };
        self.any = true;
        let written = serde_json::to_string(finding)
            .map_err(std::io::Error::from)
            .and_then(|finding| write!(stdout().lock(), "{lead}{finding}"));
        self.failed = written.err();
    }
}
