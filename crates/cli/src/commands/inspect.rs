//! `inspect`: what the typed models understood of a file, and what they did not.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::{Map, Value};
use sinch_batch::models::wire::parse;
use sinch_batch::models::{BatchRecipient, Callback, Message, Template};
use sinch_batch::recipients::{FindingKind, Format, Rows, SkipSet, Source, preflight};

use crate::args::{InspectArgs, InspectKind};
use crate::fail::{Failure, output, sentence};
use crate::output::{out, write_json_line};
use crate::{exit, say};

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
        let inspected = match looked {
            Ok(Understood { kind, value, unknown }) => {
                Inspected { file: &file, ok: true, error: None, kind, value: Some(value), unknown }
            }
            Err(error) => {
                bad += 1;
                Inspected { file: &file, ok: false, error: Some(error), kind: None, value: None, unknown: Vec::new() }
            }
        };
        if args.json.json {
            write_json_line(&inspected)?;
        } else {
            out(explain(&inspected).as_bytes()).map_err(output)?;
        }
    }
    if bad == 0 {
        return Ok(exit::OK);
    }
    say!("error: {bad} of {} files could not be understood", args.files.len());
    say!("hint: each error above names the place and what was expected there");
    Ok(exit::BAD_INPUT)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map(|_| bytes).map_err(|error| format!("it cannot be read: {error}"))
}

fn callback(bytes: &[u8]) -> Result<Understood, String> {
    let callback: Callback = parse(bytes).map_err(|error| error.to_string())?;
    Ok(Understood {
        kind: callback.trigger().map(|trigger| trigger.as_str().to_owned()),
        unknown: callback.unknown_fields(),
        value: written(&callback)?,
    })
}

fn message(bytes: &[u8]) -> Result<Understood, String> {
    let message: Message = parse(bytes).map_err(|error| error.to_string())?;
    let value = written(&message)?;
    // A message of companions alone is told by the first of them.
    let companion = || value.as_object()?.keys().find(|key| key.ends_with("_message")).cloned();
    Ok(Understood {
        kind: message.kind().map(str::to_owned).or_else(companion),
        unknown: message.unknown_fields(),
        value,
    })
}

/// Recipients as JSON lines, as CSV, or as the wire's `recipient_and_params`: one object or an array.
fn recipients(path: &Path, bytes: Vec<u8>) -> Result<Understood, String> {
    let people: Vec<BatchRecipient> = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => parse(&bytes).map_err(|error| error.to_string())?,
        Some(b'{') => match parse(&bytes) {
            Ok(one) => vec![one],
            // Not one object but a line for each, or one that is wrong: the reader of lines says which.
            Err(_) => lines(&bytes)?,
        },
        _ if path == Path::new("-") || Format::of_path(path) == Format::Csv => table(bytes)?,
        _ => lines(&bytes)?,
    };
    let mut unknown = Vec::new();
    for (index, person) in people.iter().enumerate() {
        unknown.extend(person.unknown_fields().into_iter().map(|field| format!("/{index}{field}")));
    }
    Ok(Understood { kind: Some("recipients".to_owned()), unknown, value: written(&people)? })
}

fn lines(bytes: &[u8]) -> Result<Vec<BatchRecipient>, String> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let rows = lines.filter(|(_, line)| !line.trim_ascii().is_empty() && !line.trim_ascii_start().starts_with(b"#"));
    rows.map(|(n, line)| parse(line).map_err(|error| format!("line {}: {error}", n + 1))).collect()
}

/// Without a message every other column is a parameter: the columns are asked for first.
fn table(bytes: Vec<u8>) -> Result<Vec<BatchRecipient>, String> {
    let bytes: Arc<[u8]> = bytes.into();
    let open = |template: &Template| {
        Source::new(std::io::Cursor::new(bytes.clone()), Format::Csv, template).map_err(|error| sentence(&error))
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
    let rows = Rows::new(open(&Template::new(Message::text(text)))?, SkipSet::none());
    rows.map(|row| row.map(|row| row.recipient).map_err(|error| sentence(&error))).collect()
}

fn written<T: Serialize>(value: &T) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn explain(inspected: &Inspected<'_>) -> String {
    let Inspected { file, error, kind, value, unknown, .. } = inspected;
    if let Some(error) = error {
        return format!("{file}: not understood\n  {error}\n");
    }
    let mut text = format!("{file}: {}\n", kind.as_deref().unwrap_or("a kind that this release does not know"));
    let fields = value.as_ref().and_then(Value::as_object).map(Map::keys);
    if let Some(fields) = fields {
        text.push_str(&format!("  has {}\n", fields.cloned().collect::<Vec<_>>().join(", ")));
    } else if let Some(items) = value.as_ref().and_then(Value::as_array) {
        text.push_str(&format!("  has {} recipients\n", items.len()));
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
