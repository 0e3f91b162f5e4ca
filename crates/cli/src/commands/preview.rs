//! `preview`: the message as one recipient will see it.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::{AppId, BatchRecipient, Channel, Message, MessageBody, SmsLength, Template};
use sinch_batch::recipients::{Prices, SourceError};

use crate::args::PreviewArgs;
use crate::fail::{Failure, output, sentence};
use crate::output::{count, out, write_json_line};
use crate::{exit, input, say};

#[derive(Serialize)]
struct Preview<'a> {
    row: u64,
    line: u64,
    message: &'a Message,
    /// How many parts it takes as SMS, if that is the row's first channel and it is a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<Sms>,
    /// What else the request says, if anything.
    #[serde(skip_serializing_if = "Map::is_empty")]
    request: &'a Map<String, Value>,
}

/// The length of one SMS.
#[derive(Serialize)]
struct Sms {
    parts: u32,
    encoding: &'static str,
    units: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    culprit: Option<char>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
}

impl Sms {
    fn of(message: &Message, recipient: &BatchRecipient, prices: Option<&Prices>) -> Option<Self> {
        let first = recipient.recipient.channel_identities().first()?;
        let Some(MessageBody::Text(text)) = &message.body else { return None };
        if first.channel != Channel::Sms {
            return None;
        }
        let length = SmsLength::of(&text.text);
        let cost = prices.and_then(|prices| prices.of(&first.identity));
        Some(Self {
            parts: length.parts,
            encoding: length.encoding.as_str(),
            units: length.units,
            culprit: length.culprit,
            cost: cost.map(|(currency, price)| format!("{} {currency}", price.times(length.parts))),
        })
    }
}

impl fmt::Display for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parts, encoding, units, .. } = self;
        write!(f, "SMS: {} in {encoding}, {units} units", count(u64::from(*parts), "part", "parts"))?;
        if let Some(culprit) = self.culprit {
            write!(f, ", because of `{culprit}` (U+{:04X})", u32::from(culprit))?;
        }
        match &self.cost {
            Some(cost) => write!(f, ", about {cost}"),
            None => Ok(()),
        }
    }
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
    input::one_stdin(&[Some(file.as_path()), args.message.message.as_deref(), args.request.request.as_deref()])?;
    let mut source = input::open(file)?.with_reading(args.read.options());
    let row = match source.row(&template, args.row) {
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
    let prices = args.prices.as_deref().map(input::prices).transpose()?;
    let sms = Sms::of(&message, &row.recipient, prices.as_ref());
    if args.json.json {
        write_json_line(&Preview { row: row.number, line: row.line, message: &message, sms, request: &settings })?;
        return Ok(exit::OK);
    }
    let text = match &message.body {
        Some(MessageBody::Text(text)) if message.unknown_fields.is_empty() => text.text.to_string(),
        _ => serde_json::to_string_pretty(&message).map_err(|error| output(error.into()))?,
    };
    let settings: String = settings.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let parted = if settings.is_empty() { "" } else { "\n" };
    out(format!("{text}\n{parted}{settings}").as_bytes()).map_err(output)?;
    if let Some(sms) = sms {
        say!("{sms}");
    }
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
