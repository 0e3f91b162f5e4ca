//! `check`: every mistake of a file, by line and column.

use std::io::{Write, stdout};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sinch_batch::models::Template;
use sinch_batch::recipients::Finding;

use crate::args::CheckArgs;
use crate::exit;
use crate::fail::{Failure, output};
use crate::input::{self, Checked};
use crate::output::out;

pub(crate) async fn run(args: CheckArgs) -> Result<u8, Failure> {
    let message = input::message(&args.message)?;
    let template = Template::new(message.message);
    let file = &args.input.file;
    let checked = if args.json.json {
        print_json(file, &template).await?
    } else {
        let shown = file.clone();
        let print = move |finding: Finding| {
            // A closed output is found at the end, when the sum is written.
            let _ = writeln!(stdout().lock(), "{}, {finding}", shown.display());
        };
        let checked = input::check(file, &template, print).await?;
        let rows = checked.0.rows;
        out(format!("{rows} rows, {} with mistakes\n", checked.0.bad_rows).as_bytes()).map_err(output)?;
        checked
    };
    if checked.0.is_ok() {
        return Ok(exit::OK);
    }
    Err(Failure::new(exit::BAD_INPUT, checked.mistakes(file)).hint(if checked.has_good_rows() {
        "mend them and check again; or send the good rows: sinch-batch send … --skip-bad"
    } else {
        "mend the file and check again"
    }))
}

/// One JSON object, written as mistakes are found.
pub(crate) async fn print_json(file: &Path, template: &Template) -> Result<Checked, Failure> {
    let begun = Arc::new(Mutex::new(Findings { any: false, failed: None }));
    let each = {
        let begun = begun.clone();
        move |finding: Finding| {
            if let Ok(mut begun) = begun.lock() {
                begun.write(&finding);
            }
        }
    };
    let checked = input::check(file, template, each).await?;
    let begun = begun.lock().map_or_else(
        |_| Findings { any: true, failed: None },
        |mut begun| Findings { any: begun.any, failed: begun.failed.take() },
    );
    if let Some(error) = begun.failed {
        return Err(output(error));
    }
    let head = if begun.any { "" } else { "{\"findings\":[" };
    let Checked(preflight) = &checked;
    out(format!("{head}],\"rows\":{},\"ok\":{}}}\n", preflight.rows, preflight.is_ok()).as_bytes()).map_err(output)?;
    Ok(checked)
}

/// The list of mistakes as far as it is written.
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
