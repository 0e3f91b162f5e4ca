//! `preview`: the message as one recipient will see it.

use serde::Serialize;
use sinch_batch::models::{Message, MessageBody, Template};
use sinch_batch::recipients::SourceError;

use crate::args::PreviewArgs;
use crate::fail::{Failure, output, sentence};
use crate::output::{out, write_json_line};
use crate::{exit, input};

#[derive(Serialize)]
struct Preview<'a> {
    row: u64,
    line: u64,
    message: &'a Message,
}

pub(crate) async fn run(args: PreviewArgs) -> Result<u8, Failure> {
    let message = input::message(&args.message)?;
    let template = Template::new(message);
    let file = &args.input.file;
    // A text is not repeated: it may be what nobody else should read.
    let message_typed = match &args.message.message {
        Some(path) => format!("--message {}", path.display()),
        None => "--text …".to_owned(),
    };
    let check = format!("see every mistake with: sinch-batch check {} {message_typed}", file.display());
    let row = match input::open(file)?.row(&template, args.row) {
        Ok(row) => row,
        Err(SourceError::NoSuchRow { .. }) => {
            return Err(Failure::new(exit::BAD_INPUT, format!("{} has no row {}", file.display(), args.row))
                .hint("rows count from 1, after the header; blank lines are none"));
        }
        Err(error) => {
            let sentence = match error {
                SourceError::BadRow { line, .. } => format!("{}: the row at line {line} has mistakes", file.display()),
                other => format!("{}: {}", file.display(), sentence(&other)),
            };
            return Err(Failure::new(exit::BAD_INPUT, sentence).hint(check));
        }
    };
    let message = template
        .render(&row.recipient.parameters)
        .map_err(|error| Failure::because(exit::BAD_INPUT, "the message with the values of this row", &error))?;
    if args.json.json {
        write_json_line(&Preview { row: row.number, line: row.line, message: &message })?;
        return Ok(exit::OK);
    }
    let text = match &message.body {
        Some(MessageBody::Text(text)) if message.extra.is_empty() => text.text.to_string(),
        _ => serde_json::to_string_pretty(&message).map_err(|error| output(error.into()))?,
    };
    out(format!("{text}\n").as_bytes()).map_err(output)?;
    Ok(exit::OK)
}
