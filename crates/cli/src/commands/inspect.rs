//! `inspect`: what the typed models understood of a file, and what they did not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use sinch_batch::models::wire::{ParseError, parse, parse_strict};
use sinch_batch::models::{BatchRecipient, Callback, Message, SendBatchRequest, Template};
use sinch_batch::recipients::{FindingKind, Format, InvalidRows, RowReader, Rows, preflight, text};

use crate::args::{InspectArgs, InspectKind};
use crate::fail::{Failure, output, sentence};
use crate::output::{out, write_json_line};
use crate::{bytes, exit, say};

#[derive(Serialize)]
struct Inspected<'a> {
    file: &'a str,
    ok: bool,
    error: Option<String>,
    kind: Option<String>,
    value: Option<Value>,
    unknown: Vec<String>,
}

/// What was understood.
struct Understood {
    kind: Option<String>,
    value: Value,
    unknown: Vec<String>,
    /// Sentences for a person.
    about: Vec<String>,
}

pub(crate) fn run(args: &InspectArgs) -> Result<u8, Failure> {
    let mut bad = 0;
    for path in &args.files {
        let file = path.to_string_lossy();
        let looked = read(path).and_then(|bytes| match args.what {
            InspectKind::Callback => callback(&bytes),
            InspectKind::Message => message(&bytes),
            InspectKind::Recipients => recipients(path, bytes),
        });
        let (inspected, about) = match looked {
            Ok(Understood { kind, value, unknown, about }) => {
                (Inspected { file: &file, ok: true, error: None, kind, value: Some(value), unknown }, about)
            }
            Err(error) => {
                bad += 1;
                let error = Some(error);
                (Inspected { file: &file, ok: false, error, kind: None, value: None, unknown: Vec::new() }, Vec::new())
            }
        };
        if args.json.json {
            write_json_line(&inspected)?;
            for sentence in about.iter().filter(|sentence| sentence.starts_with(REFUSED)) {
                say!("note: {file}: {sentence}");
            }
        } else {
            out(explain(&inspected, &about).as_bytes()).map_err(output)?;
        }
    }
    if bad == 0 {
        return Ok(exit::OK);
    }
    say!("error: {bad} of {} files could not be understood", args.files.len());
    say!("hint: each error above names the place and what was expected there");
    Ok(exit::BAD_INPUT)
}

/// The bytes of a file in UTF-8, without the mark that some editors put in front.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = bytes::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    match text(&bytes) {
        Ok(text) => Ok(text.as_bytes().to_vec()),
        Err(kind) => Err(format!("{kind}; {}", kind.hint(path.display()))),
    }
}

fn callback(bytes: &[u8]) -> Result<Understood, String> {
    let callback: Callback = parse(bytes).map_err(|error| error.to_string())?;
    let origin = callback.origin();
    let mut about = Vec::new();
    if let Some(batch) = &origin.batch_id {
        let place = origin.index.map(|index| format!(", recipient {index} of the request, counted from 0"));
        about.push(format!("belongs to the batch {batch}{}", place.unwrap_or_default()));
    }
    if !origin.metadata.is_empty() {
        about.push(format!("carries metadata of yours: {}", origin.metadata.keys().collect::<Vec<_>>().join(", ")));
    }
    Ok(Understood {
        kind: callback.trigger().map(|trigger| trigger.as_str().to_owned()),
        unknown: callback.unknown_fields(),
        value: written(&callback)?,
        about,
    })
}

/// A message, alone or inside of the request that sends it.
fn message(bytes: &[u8]) -> Result<Understood, String> {
    if is_request(bytes) {
        let request: SendBatchRequest = parse_strict(bytes).map_err(|error| error.to_string())?;
        let mut about = message_about(&request.message);
        about.push(format!("stands in a request for {} recipients", request.recipients.len()));
        let kind = request.message.kind().map(str::to_owned);
        return Ok(Understood { kind, unknown: request.unknown_fields(), value: written(&request)?, about });
    }
    let message: Message = parse_strict(bytes).map_err(|error| error.to_string())?;
    Ok(Understood {
        kind: message.kind().map(str::to_owned),
        unknown: message.unknown_fields(),
        value: written(&message)?,
        about: message_about(&message),
    })
}

/// How the sentence about a broken rule begins: it is said beside JSON too, which has no place for it.
const REFUSED: &str = "would be refused by the service";

fn message_about(message: &Message) -> Vec<String> {
    let template = Template::new(message.clone());
    let names: Vec<_> = template.names().iter().map(|name| format!("${{{name}}}")).collect();
    let mut about = Vec::new();
    if !names.is_empty() {
        about.push(format!("has the placeholders {}", names.join(", ")));
    }
    about.extend(message.violations().iter().map(|broken| format!("{REFUSED}: {broken}")));
    about
}

/// Whether it is the body of a send: an object with `recipient_and_params`.
fn is_request(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.get("recipient_and_params").is_some())
}

/// Recipients as JSON lines, as CSV, or as the wire's `recipient_and_params`: one entry, the whole
/// array, or the request around it. One JSON document is shown in its own shape, rows as an array.
fn recipients(path: &Path, bytes: Vec<u8>) -> Result<Understood, String> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let by_name = if path == Path::new("-") { Format::Csv } else { Format::of_path(path) };
    let people: Vec<BatchRecipient> = match first {
        Some(b'[') => parse_strict(&bytes).map_err(|error| error.to_string())?,
        Some(b'{') if is_lines(path, &bytes) => lines(&bytes)?,
        Some(b'{') => return one_document(&bytes),
        _ if by_name == Format::Csv => table(bytes)?,
        _ => lines(&bytes)?,
    };
    let fields = people
        .iter()
        .enumerate()
        .flat_map(|(index, person)| person.unknown_fields().into_iter().map(move |field| format!("/{index}{field}")));
    let about = vec![format!("has {} recipients", people.len())];
    Ok(Understood { kind: Some(RECIPIENTS.to_owned()), unknown: fields.collect(), value: written(&people)?, about })
}

const RECIPIENTS: &str = "recipients";

/// Whether text that begins with an object has one for each row: by its name, or as it is no single
/// document but its first line is one.
fn is_lines(path: &Path, bytes: &[u8]) -> bool {
    let is_json = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let named = ["jsonl", "ndjson"].iter().any(|lines| extension.eq_ignore_ascii_case(lines));
    let first = bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    named || (!is_json(bytes) && first.is_some_and(is_json))
}

/// One recipient, or a request that has them.
fn one_document(bytes: &[u8]) -> Result<Understood, String> {
    let kind = Some(RECIPIENTS.to_owned());
    if is_request(bytes) {
        let request: SendBatchRequest = parse_strict(bytes).map_err(|error| error.to_string())?;
        let about = vec![format!("has {} recipients, in a request", request.recipients.len())];
        return Ok(Understood { kind, unknown: request.unknown_fields(), value: written(&request)?, about });
    }
    let person: BatchRecipient = parse_strict(bytes).map_err(|error| error.to_string())?;
    let about = vec!["has one recipient".to_owned()];
    Ok(Understood { kind, unknown: person.unknown_fields(), value: written(&person)?, about })
}

fn lines(bytes: &[u8]) -> Result<Vec<BatchRecipient>, String> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let rows = lines.filter(|(_, line)| !line.trim_ascii().is_empty() && !line.trim_ascii_start().starts_with(b"#"));
    rows.map(|(n, line)| parse_strict(line).map_err(|error| line_error(n + 1, &error))).collect()
}

fn line_error(line: usize, error: &ParseError) -> String {
    let path = if error.path().is_empty() { "the row" } else { error.path() };
    format!("{path}: {} (line {line}, column {})", error.message(), error.column())
}

/// Without a message every other column is a parameter: the columns are asked for first.
fn table(bytes: Vec<u8>) -> Result<Vec<BatchRecipient>, String> {
    let bytes: Arc<[u8]> = bytes.into();
    let open = |template: &Template| {
        RowReader::new(std::io::Cursor::new(bytes.clone()), Format::Csv, template).map_err(|error| sentence(&error))
    };
    let names = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = names.clone();
    preflight(open(&Template::new(Message::text("")))?, move |finding| {
        if let (FindingKind::UnknownColumn, Some(name), Ok(mut noted)) = (finding.kind, finding.column, noted.lock()) {
            noted.insert(name.strip_prefix("param.").unwrap_or(&name).to_owned());
        }
    })
    .map_err(|error| sentence(&error))?;
    let names = names.lock().map_err(|error| error.to_string())?;
    let text: String = names.iter().map(|name| format!("${{{name}}}")).collect();
    let rows = Rows::new(open(&Template::new(Message::text(text)))?, InvalidRows::none());
    rows.map(|row| row.map(|row| row.recipient).map_err(|error| sentence(&error))).collect()
}

fn written<T: Serialize>(value: &T) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn explain(inspected: &Inspected<'_>, about: &[String]) -> String {
    let Inspected { file, error, kind, value, unknown, .. } = inspected;
    if let Some(error) = error {
        return format!("{file}: not understood\n  {error}\n");
    }
    let mut text = format!("{file}: {}\n", kind.as_deref().unwrap_or("a kind that this release does not know"));
    if let Some(fields) = value.as_ref().and_then(Value::as_object).map(Map::keys) {
        text.push_str(&format!("  has the fields {}\n", fields.cloned().collect::<Vec<_>>().join(", ")));
    }
    for sentence in about {
        text.push_str(&format!("  {sentence}\n"));
    }
    if unknown.is_empty() {
        text.push_str("  every field is known\n");
    } else {
        text.push_str("  not known, kept all the same:\n");
        for field in unknown {
            text.push_str(&format!("    {field}\n"));
        }
    }
    text
}
