//! The service: its own reading of the wire as raw JSON. It lies in its responses but not in its books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Map, Value, json};
use sinch_batch::client::TransportError;

use crate::answers::{Answer, json_answer, said};
use crate::faults::{Said, SendFault, Shape};
use crate::receipts::Receipts;
use crate::world::World;

const BATCH_KEY: &str = "sinch_batch_key";
const ROW_KEY: &str = "sinch_batch_row";

/// A batch that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) rows: Vec<(u64, Map<String, Value>)>,
    /// When the service did so, and from when on look-ups show it: true time.
    pub(crate) at: u64,
    seen_at: u64,
}

#[derive(Debug)]
pub(crate) struct Service {
    world: Arc<World>,
    receipts: Arc<Receipts>,
    books: Mutex<Books>,
    n_rows: u64,
}

#[derive(Debug, Default)]
struct Books {
    accepted: Vec<Accepted>,
    by_row: BTreeMap<u64, usize>,
    expired: BTreeSet<String>,
    doubled: bool,
}

/// The response, and when it arrives.
type Outcome = (u64, Result<Response<Bytes>, TransportError>);

impl Service {
    pub(crate) fn new(world: Arc<World>, receipts: Arc<Receipts>, n_rows: u64) -> Self {
        Self { world, receipts, books: Mutex::default(), n_rows }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last byte of a request has left: all that becomes of it is decided here.
    pub(crate) fn receive(&self, request: &Request<Bytes>) -> Outcome {
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let quick = self.world.now() + self.world.choose(|choices| choices.between(5, 200));
        if self.books().expired.contains(token) {
            return (quick, said(Said::Expired, Value::Null).unwrap_or_else(|| json_answer(Value::Null)));
        }
        let path: Vec<_> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), &*path) {
            (&Method::POST, ["v1", "projects", "p", "messages"]) => self.send(request, token, quick),
            (&Method::GET, ["v1", "projects", "p", "messages"]) => self.look_up(request, token, quick),
            (&Method::GET, ["v1", "projects", "p", "messages", id]) => self.status(id, quick),
            _ => {
                self.world.break_promise(format!("no such path: {}", request.uri().path()));
                (quick, Err(TransportError::broken("no such path")))
            }
        }
    }

    fn send(&self, request: &Request<Bytes>, token: &str, quick: u64) -> Outcome {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let key = body["batch_metadata"][BATCH_KEY].as_str().unwrap_or_default();
        let name = short(key).to_owned();
        let (fault, late) = {
            let mut state = self.world.state();
            let faults = state.faults;
            (faults.of_send(&mut state.choices), quick + state.choices.between(500, 20_000))
        };
        self.world.say(|| format!("batch {name} leaves: {fault:?}"));
        match fault {
            SendFault::Accepted(what) => {
                self.world.count(if what == Said::Ok { "accepted" } else { "accepted, not said" });
                let (id, at) = self.accept(&body, quick);
                let id = match what {
                    Said::OtherId => self.other_id(&id),
                    _ => id,
                };
                let answers_at = if what == Said::Late { late } else { quick.max(at) };
                self.say_it(answers_at, what, token, json!({"batch_id": id}))
            }
            SendFault::Refused(what) => {
                self.world.count("not accepted");
                self.say_it(quick, what, token, Value::Null)
            }
        }
    }

    fn say_it(&self, at: u64, what: Said, token: &str, right: Value) -> Outcome {
        if what == Said::Expired {
            self.books().expired.insert(token.to_owned());
        }
        // What never comes is waited for until somebody gives up.
        said(what, right).map_or((u64::MAX / 4, Err(TransportError::timeout("never"))), |answer| (at, answer))
    }

    /// Writes a batch into the books: this is what the judge goes by.
    fn accept(&self, body: &Value, quick: u64) -> (String, u64) {
        let now = self.world.now();
        let (at, seen_at) = {
            let mut state = self.world.state();
            let most = state.faults.hidden;
            let seen_at = if state.choices.percent(50) { now } else { now + state.choices.between(0, most) };
            let at = if state.choices.percent(50) { quick.min(seen_at) } else { state.choices.between(now, seen_at) };
            (at.max(now), seen_at.max(at))
        };
        let mut rows = Vec::new();
        for entry in body["recipient_and_params"].as_array().into_iter().flatten() {
            match self.row(entry) {
                Some(row) => rows.push(row),
                None => self.world.break_promise(format!("a recipient is not what was checked: {entry}")),
            }
        }
        let metadata = body["batch_metadata"].as_object().cloned().unwrap_or_default();
        let mut books = self.books();
        let number = books.accepted.len();
        let id = format!("id{number}");
        for (row, _) in &rows {
            if let Some(before) = books.by_row.insert(*row, number) {
                let earlier = books.accepted.get(before);
                if earlier.is_some_and(|earlier| campaign_of(&earlier.metadata) != campaign_of(&metadata))
                    && self.receipts.may_be_sent_again().contains(row)
                {
                    continue;
                }
                let before = earlier.map_or(id.clone(), |batch| batch.id.clone());
                books.doubled = true;
                self.world.break_promise(format!("row {row} was accepted twice, in {before} and {id}"));
                break;
            }
        }
        let batch = Accepted { id: id.clone(), metadata, rows, at, seen_at };
        self.receipts.of(&batch);
        books.accepted.push(batch);
        (id, at)
    }

    /// A recipient of ours, with the row it says it is.
    fn row(&self, entry: &Value) -> Option<(u64, Map<String, Value>)> {
        let identity = entry["recipient"]["identified_by"]["channel_identities"][0]["identity"].as_str()?;
        let row: u64 = identity.strip_prefix("+1555010")?.parse().ok()?;
        let metadata = entry["message_metadata"].as_object()?;
        let (_, claimed) = metadata[ROW_KEY].as_str()?.rsplit_once('.')?;
        let right = (1..=self.n_rows).contains(&row)
            && claimed == row.to_string()
            && entry["parameters"]["name"].as_str()? == format!("Person {row}");
        right.then(|| (row, metadata.clone()))
    }

    fn other_id(&self, id: &str) -> String {
        let books = self.books();
        let other = books.accepted.iter().rev().find(|batch| batch.id != id);
        other.map_or_else(|| id.to_owned(), |batch| batch.id.clone())
    }

    fn look_up(&self, request: &Request<Bytes>, token: &str, quick: u64) -> Outcome {
        let query = request.uri().query().unwrap_or_default();
        let key = query.split('&').find_map(|pair| pair.strip_prefix("metadataValue=")).unwrap_or_default();
        let (shape, late, old) = {
            let mut state = self.world.state();
            let faults = state.faults;
            let shape = faults.of_look_up(&mut state.choices);
            (shape, quick + state.choices.between(500, 30_000), state.choices.between(0, faults.stale))
        };
        let now = self.world.now();
        let seen = if shape == Shape::Stale { now.saturating_sub(old) } else { now };
        let books = self.books();
        let entries: Vec<_> = books
            .accepted
            .iter()
            .filter(|it| it.metadata[BATCH_KEY] == *key && it.seen_at <= seen)
            .map(entry)
            .collect();
        let other = books.accepted.iter().rev().find(|it| it.metadata[BATCH_KEY] != *key).map(entry);
        drop(books);
        self.world.say(|| format!("batch {} is looked up: {} there, {shape:?}", short(key), entries.len()));
        self.world.count(if entries.is_empty() { "not found" } else { "found" });
        let answers_at = if shape == Shape::Late { late } else { quick };
        match shape {
            Shape::Failed(what) => self.say_it(quick, what, token, Value::Array(entries)),
            _ => (answers_at, shaped(shape, entries, other)),
        }
    }

    fn status(&self, id: &str, quick: u64) -> Outcome {
        let now = self.world.now();
        let found = self.books().accepted.iter().find(|it| it.id == id && it.seen_at <= now).map(entry);
        let fails = {
            let mut state = self.world.state();
            let percent = state.faults.calls;
            state.choices.percent(percent / 2)
        };
        self.world.say(|| format!("{id} is asked for by id: found {}, fails {fails}", found.is_some()));
        self.world.count("asked by id");
        match found {
            _ if fails => (quick, said(Said::Status(500), Value::Null).unwrap_or_else(|| json_answer(Value::Null))),
            Some(entry) => (quick, json_answer(entry)),
            None => (quick, said(Said::Status(404), Value::Null).unwrap_or_else(|| json_answer(Value::Null))),
        }
    }

    /// The judge at the end: every row exactly once.
    pub(crate) fn judge(&self) -> Result<(), String> {
        let books = self.books();
        if books.doubled {
            return Err("some row was accepted twice".to_owned());
        }
        match (1..=self.n_rows).find(|row| !books.by_row.contains_key(row)) {
            Some(row) => Err(format!("row {row} is lost")),
            None => Ok(()),
        }
    }

    pub(crate) fn has_doubled(&self) -> bool {
        self.books().doubled
    }

    /// How many rows were accepted, each counted once.
    pub(crate) fn rows_accepted(&self) -> u64 {
        self.books().by_row.len() as u64
    }

    /// How many messages there are, those of a retry besides those of its parent.
    pub(crate) fn messages(&self) -> usize {
        self.books().accepted.iter().map(|batch| batch.rows.len()).sum()
    }

    /// When everything that left is accepted and can be seen.
    pub(crate) fn settled_at(&self) -> u64 {
        self.books().accepted.iter().map(|batch| batch.seen_at).max().unwrap_or_default()
    }
}

fn entry(batch: &Accepted) -> Value {
    json!({"batch_id": batch.id, "meta_data": batch.metadata, "status": "PROCESSED"})
}

fn campaign_of(metadata: &Map<String, Value>) -> Option<&str> {
    metadata.get(BATCH_KEY)?.as_str()?.rsplit_once(".b").map(|(campaign, _)| campaign)
}

/// The number of a batch, from its key.
pub(crate) fn short(key: &str) -> &str {
    key.rsplit_once(".b").map_or(key, |(_, number)| number)
}

fn shaped(shape: Shape, mut entries: Vec<Value>, other: Option<Value>) -> Answer {
    let change = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut changed = if entries.is_empty() { other.iter().cloned().collect() } else { entries.clone() };
        changed.iter_mut().filter_map(Value::as_object_mut).for_each(change);
        json_answer(Value::Array(changed))
    };
    match shape {
        Shape::EmptyObject => json_answer(json!({})),
        Shape::Null => json_answer(Value::Null),
        Shape::Error => json_answer(json!({"error": {"code": 500, "message": "something broke"}})),
        Shape::Text => json_answer(json!("a text")),
        Shape::NoId => change(&|entry| drop(entry.remove("batch_id"))),
        Shape::NoMetadata => change(&|entry| drop(entry.remove("meta_data"))),
        Shape::EmptyMetadata => change(&|entry| drop(entry.insert("meta_data".to_owned(), json!({})))),
        // Without another one this would be an empty array, which is a lie.
        Shape::OtherMetadata if other.is_some() => json_answer(Value::Array(other.into_iter().collect())),
        Shape::Wrapped => json_answer(json!({"batches": entries})),
        Shape::One if !entries.is_empty() => json_answer(entries.remove(0)),
        Shape::Ghost if !entries.is_empty() => {
            let mut ghost = entries[0].clone();
            ghost["batch_id"] = json!(format!("ghost-of-{}", entries[0]["batch_id"]));
            entries.push(ghost);
            json_answer(Value::Array(entries))
        }
        _ => json_answer(Value::Array(entries)),
    }
}
