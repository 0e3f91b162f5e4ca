//! `preview`: the message as one recipient will see it.

use serde::Serialize;
use serde_json::{Map, Value};
use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::{AppId, Message, MessageBody, Template};
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
    /// What else the request says, if anything.
    #[serde(skip_serializing_if = "Map::is_empty")]
    request: &'a Map<String, Value>,
}

/// A made-up app, where none is needed.
const PREVIEW_APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";

pub(crate) async fn run(args: PreviewArgs) -> Result<u8, Failure> {
    let request = input::request(&args.message, &args.request, &AppId::new(PREVIEW_APP))?;
    let template = Template::new(request.message().clone());
    let settings = settings(&request)?;
    let file = &args.input.file;
    // A text is not repeated: it may be what nobody else should read.
    let message_typed = match (&args.message.message, &args.request.request) {
        (Some(path), _) => format!("--message {}", path.display()),
        (None, Some(_)) => "--message FILE".to_owned(),
        (None, None) => "--text …".to_owned(),
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
        write_json_line(&Preview { row: row.number, line: row.line, message: &message, request: &settings })?;
        return Ok(exit::OK);
    }
    let text = match &message.body {
        Some(MessageBody::Text(text)) if message.unknown_fields.is_empty() => text.text.to_string(),
        _ => serde_json::to_string_pretty(&message).map_err(|error| output(error.into()))?,
    };
    let settings: String = settings.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let parted = if settings.is_empty() { "" } else { "\n" };
    out(format!("{text}\n{parted}{settings}").as_bytes()).map_err(output)?;
    Ok(exit::OK)
}

/// What the request says besides app and message.
fn settings(request: &CampaignRequest) -> Result<Map<String, Value>, Failure> {
    let mut settings: Map<String, Value> =
        serde_json::from_str(&request.to_json()).map_err(|error| output(error.into()))?;
    settings.remove("app_id");
    settings.remove("message");
    Ok(settings)
}
