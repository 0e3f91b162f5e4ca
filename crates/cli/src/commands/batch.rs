//! `batch`: the API's own operations on single batches.

use std::io::Read;
use std::path::Path;

use sinch_batch::client::{Error, Reached};
use sinch_batch::models::wire::{parse, parse_strict};
use sinch_batch::models::{AnyJson, BatchId, BatchStatus, SendBatchRequest};

use crate::args::{BatchCommand, Json, ServiceArgs};
use crate::fail::{Failure, call_sentence, output};
use crate::output::{out, write_json_line};
use crate::service::{Service, app_id, call_failed};
use crate::{exit, say};

pub(crate) async fn run(command: BatchCommand) -> Result<u8, Failure> {
    match command {
        BatchCommand::Send { file, service, json, .. } => send(&file, &service, &json).await,
        BatchCommand::Status { id, service, json } => status(id, &service, &json).await,
        BatchCommand::Find { key, value, service, json } => find(&key, &value, &service, &json).await,
        BatchCommand::Cancel(args) => super::cancel::run(args).await,
    }
}

async fn send(file: &Path, service: &ServiceArgs, json: &Json) -> Result<u8, Failure> {
    let request = request(file, service)?;
    for field in request.unknown_fields() {
        say!("note: {field} is a field that this release does not know; it is sent all the same");
    }
    let client = Service::read(service)?.connect().await?;
    let sent = client.send_batch(&request).await.map_err(|error| not_sent(&request, &error))?;
    if json.json {
        write_json_line(&sent.body)?;
        return Ok(exit::OK);
    }
    let mut text = format!("batch       {}\nrecipients  {}\n", sent.batch_id, request.recipients.len());
    if let Some(at) = &sent.send_after {
        text.push_str(&format!("send after  {at}\n"));
    }
    out(text.as_bytes()).map_err(output)?;
    Ok(exit::OK)
}

/// The request body of a file.
fn request(file: &Path, service: &ServiceArgs) -> Result<SendBatchRequest, Failure> {
    let shown = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text))
    };
    read.map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("{shown} cannot be read"), &error)
            .hint("name a JSON file with one request body, or `-` for standard input; nothing was sent")
    })?;
    let lacks_app = parse::<AnyJson>(&text)
        .is_ok_and(|body| body.as_object().is_some_and(|body| !body.is_empty() && !body.contains_key("app_id")));
    if lacks_app && let Some(brace) = text.iter().position(|byte| *byte == b'{') {
        // Into the text rather than the value, so that a mistake is told with its line.
        let app_id = serde_json::to_string(&app_id(service)?)
            .map_err(|error| Failure::because(exit::UNEXPECTED, "the app's id cannot be written", &error))?;
        text.splice(brace + 1..brace + 1, format!("\"app_id\":{app_id},").into_bytes());
    }
    parse_strict(&text).map_err(|error| {
        let at = if error.path().is_empty() { String::new() } else { format!(", {}", error.path()) };
        Failure::new(exit::BAD_INPUT, format!("{shown}, line {}{at}: {}", error.line(), error.message())).hint(
            "the file holds one request body as on the wire, with `message` and `recipient_and_params`; nothing was sent",
        )
    })
}

/// The one question after a failed send: might people have got it?
pub(super) fn not_sent(request: &SendBatchRequest, error: &Error) -> Failure {
    if error.reached_service() == Reached::No {
        return call_failed("the batch was not sent", error);
    }
    let mark = request.batch_metadata.iter().find_map(|(key, value)| Some((key, value.as_str()?)));
    let hint = match mark {
        Some((key, value)) => {
            format!("before you send it again, look for it: sinch-batch batch find {} {}", quoted(key), quoted(value))
        }
        None => {
            "wait for callbacks before you send it again; a value of its own in `batch_metadata` lets a batch be found"
                .to_owned()
        }
    };
    Failure::new(exit::LOOK, format!("people may have got the batch, or not: {}", call_sentence(error))).hint(hint)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

async fn status(id: String, service: &ServiceArgs, json: &Json) -> Result<u8, Failure> {
    let client = Service::read(service)?.connect().await?;
    let status = client
        .batch_status(&BatchId::new(id))
        .await
        .map_err(|error| call_failed("the batch's status could not be read", &error))?;
    if json.json {
        write_json_line(&status.body)?;
    } else {
        out(shown(&status.body).as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}

async fn find(key: &str, value: &str, service: &ServiceArgs, json: &Json) -> Result<u8, Failure> {
    if key.is_empty() {
        return Err(Failure::new(exit::USAGE, "the key is empty").hint("name a key of the batches' batch metadata"));
    }
    let client = Service::read(service)?.connect().await?;
    let found = client
        .find_batches(key, value)
        .await
        .map_err(|error| call_failed("the batches could not be looked up", &error))?;
    if json.json {
        write_json_line(&found.body.0)?;
        return Ok(exit::OK);
    }
    if found.is_empty() {
        say!("no batch has that value under that key; one accepted a moment ago may not be found yet");
    }
    let text: Vec<String> = found.iter().map(shown).collect();
    out(text.join("\n").as_bytes()).map_err(output)?;
    Ok(exit::OK)
}

fn shown(status: &BatchStatus) -> String {
    let mut text = String::new();
    if let Some(id) = &status.batch_id {
        text.push_str(&format!("batch       {id}\n"));
    }
    if let Some(state) = &status.status {
        text.push_str(&format!("status      {state}\n"));
    }
    if let Some(at) = &status.send_after {
        text.push_str(&format!("send after  {at}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in [("wave", "wave"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
