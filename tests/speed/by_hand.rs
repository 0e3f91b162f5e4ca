//! The same without our crates, as one would write it with care: strings are kept for one batch, the
//! JSON is derived, one connection is reused.

use std::error::Error;
use std::fs::File;
use std::time::Duration;

use serde::Serialize;

use crate::{APP, TEXT, TOKEN};

#[derive(Serialize)]
struct Request<'a> {
    app_id: &'static str,
    message: Message,
    recipient_and_params: &'a [Entry],
}

#[derive(Serialize)]
struct Message {
    text_message: Text,
}

#[derive(Serialize)]
struct Text {
    text: &'static str,
}

#[derive(Serialize)]
struct Entry {
    recipient: Recipient,
    parameters: Parameters,
}

#[derive(Serialize)]
struct Recipient {
    identified_by: Identities,
}

#[derive(Serialize)]
struct Identities {
    channel_identities: [Identity; 1],
}

#[derive(Serialize)]
struct Identity {
    channel: &'static str,
    identity: String,
}

#[derive(Serialize)]
struct Parameters {
    name: String,
    code: String,
}

/// Parses the file, and does nothing with it.
pub(crate) fn parse(file: File) -> Result<u64, Box<dyn Error>> {
    let mut reader = csv::Reader::from_reader(file);
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    while reader.read_record(&mut record)? {
        rows += u64::from(!std::hint::black_box(&record).is_empty());
    }
    Ok(rows)
}

/// Reads and serializes, and sends nothing.
pub(crate) fn serialize(file: File) -> Result<u64, Box<dyn Error>> {
    let mut body = Vec::new();
    let mut bytes = 0;
    let mut batches = Batches::new(file);
    while batches.next()? {
        body.clear();
        serde_json::to_writer(&mut body, &batches.request())?;
        bytes += std::hint::black_box(&body).len();
    }
    if bytes == 0 {
        return Err("nothing was written".into());
    }
    Ok(batches.rows)
}

/// Reads, serializes and sends.
pub(crate) async fn send(file: File, url: &str) -> Result<u64, Box<dyn Error>> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let url = format!("{url}/v1/projects/bench-project/messages");
    let mut batches = Batches::new(file);
    while batches.next()? {
        let body = serde_json::to_vec(&batches.request())?;
        let request = client.post(&url).bearer_auth(TOKEN).header("content-type", "application/json").body(body);
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        if answer["batch_id"].as_str().is_none_or(str::is_empty) {
            return Err("an answer without a batch id".into());
        }
    }
    Ok(batches.rows)
}

struct Batches {
    reader: csv::Reader<File>,
    record: csv::StringRecord,
    entries: Vec<Entry>,
    rows: u64,
}

impl Batches {
    fn new(file: File) -> Self {
        Self { reader: csv::Reader::from_reader(file), record: csv::StringRecord::new(), entries: Vec::new(), rows: 0 }
    }

    /// Reads up to 1000 rows; `false` if there are none any more.
    fn next(&mut self) -> Result<bool, Box<dyn Error>> {
        self.entries.clear();
        while self.entries.len() < 1000 && self.reader.read_record(&mut self.record)? {
            let cell = |column| self.record.get(column).map(str::to_owned).ok_or("a row is too short");
            let identity = Identity { channel: "SMS", identity: cell(0)? };
            self.entries.push(Entry {
                recipient: Recipient { identified_by: Identities { channel_identities: [identity] } },
                parameters: Parameters { name: cell(1)?, code: cell(2)? },
            });
        }
        self.rows += self.entries.len() as u64;
        Ok(!self.entries.is_empty())
    }

    fn request(&self) -> Request<'_> {
        Request {
            app_id: APP,
            message: Message { text_message: Text { text: TEXT } },
            recipient_and_params: &self.entries,
        }
    }
}
