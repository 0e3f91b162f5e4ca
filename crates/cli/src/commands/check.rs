//! `check`: every mistake of a file, by line and column.

use std::io::{Write, stdout};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::Template;
use sinch_batch::recipients::{CheckOptions, Checked, Finding};

use crate::args::CheckArgs;
use crate::exit;
use crate::fail::{Failure, output};
use crate::input;
use crate::output::{json_out, out};

pub(crate) async fn run(args: CheckArgs) -> Result<u8, Failure> {
    let message = input::message(&args.message)?;
    let template = Template::new(message);
    let file = &args.input.file;
    let checked = if args.json.json {
        print_json(file, &template).await?
    } else {
        let shown = file.clone();
        let print = move |finding: Finding| {
            // A closed output is found at the end, when the sum is written.
            let _ = out(format!("{}, {finding}\n", shown.display()).as_bytes());
        };
        let checked = input::check(file, &template, print).await?;
        let rows = checked.rows;
        out(format!("{rows} rows, {} with mistakes\n", checked.invalid_rows).as_bytes()).map_err(output)?;
        checked
    };
    if checked.is_ok() {
        return Ok(exit::OK);
    }
    Err(Failure::new(exit::BAD_INPUT, input::mistakes(&checked, file)).hint(if input::has_valid_rows(&checked) {
        "fix them and check again; or send the valid rows: sinch-batch send … --skip-invalid"
    } else {
        "fix the file and check again"
    }))
}

/// One JSON object, written as mistakes are found.
async fn print_json(file: &Path, template: &Template) -> Result<Checked, Failure> {
    let list = JsonList::default();
    let checked = input::check(file, template, list.writer()).await?;
    list.end(&checked)?;
    Ok(checked)
}

/// The same for a campaign, whose request takes some room of each message.
pub(crate) async fn print_request_json(file: &Path, request: CampaignRequest) -> Result<(), Failure> {
    let list = JsonList::default();
    let (owned, writer) = (file.to_owned(), list.writer());
    let checked = input::blocking(move || {
        let source = input::open(&owned)?;
        request.check_with(source, &CheckOptions::new(), writer).map_err(|error| input::unreadable(&owned, &error))
    })
    .await?;
    list.end(checked.checked())
}

/// A list of mistakes in JSON, begun when the first is found.
#[derive(Default)]
struct JsonList(Arc<Mutex<Findings>>);

impl JsonList {
    /// Writes each mistake that it is given.
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
        out(format!("{head}],\"rows\":{},\"ok\":{}}}\n", checked.rows, checked.is_ok()).as_bytes()).map_err(output)
    }
}

/// The list of mistakes as far as it is written.
#[derive(Default)]
struct Findings {
    any: bool,
    failed: Option<std::io::Error>,
}

impl Findings {
    fn write(&mut self, finding: &Finding) {
        if self.failed.is_some() {
            return;
        }
        let lead = if self.any { "," } else { "{\"findings\":[" };
        self.any = true;
        let written = serde_json::to_string(finding)
            .map_err(std::io::Error::from)
            .and_then(|finding| write!(stdout().lock(), "{lead}{finding}"));
        self.failed = written.err();
    }
}
