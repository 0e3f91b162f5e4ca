//! One batch as it was accepted, its messages packed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use crate::check::CHANNELS;
use crate::ids::{Kind, seeded};
use crate::packed::{Packed, Packer, Record};
use crate::stats::{MessageStatus, SimulatedMessage, Tally};
use crate::template::Template;

/// The key of batch metadata under which this toolkit's campaigns put the key of a batch.
const BATCH_KEY: &str = "sinch_batch_key";

/// A batch. What was sent never changes; where its messages stand does.
pub(crate) struct Batch {
    pub(crate) number: usize,
    pub(crate) id: String,
    pub(crate) project_id: String,
    pub(crate) app_id: String,
    pub(crate) accepted: Timestamp,
    /// When it was or will be sent, if the request said.
    pub(crate) send_after: Option<Timestamp>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) batch_metadata: Map<String, Value>,
    pub(crate) receipts: Receipts,
    seed: u64,
    template: Template,
    message_metadata: Map<String, Value>,
    /// Names of parameters; people refer to them by position.
    names: Vec<Box<str>>,
    people: Packed,
    /// The metadata of each recipient as JSON text.
    own_metadata: Packed,
    /// The channels of its first identities, each once.
    channels: Vec<&'static str>,
    statuses: Box<[AtomicU8]>,
    /// How many messages of the simulator are in each status.
    tally: Arc<Tally>,
}

/// Where the receipts of a batch go.
pub(crate) enum Receipts {
    /// To the app's webhook.
    App,
    /// To the `callback_url` of the request.
    Here(Url),
    /// Nowhere: the `callback_url` is not on this machine.
    Outside,
}

/// The context of a batch, beside its body.
pub(crate) struct Arrival {
    pub(crate) seed: u64,
    pub(crate) project_id: String,
    pub(crate) now: Timestamp,
    pub(crate) send_after: Option<Timestamp>,
    pub(crate) tally: Arc<Tally>,
}

/// One recipient and the values of the parameters.
pub(crate) struct Person<'a> {
    pub(crate) is_contact: bool,
    /// A key is blank or a value is empty: the message fails after acceptance.
    pub(crate) is_invalid: bool,
    pub(crate) channel: &'static str,
    pub(crate) identity: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Batch {
    /// Takes a body that was checked. It has no number and no id until it is accepted.
    pub(crate) fn new(body: Value, arrival: Arrival) -> Self {
        let mut body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        let mut object = |name: &str| match body.remove(name) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let (message, batch_metadata, message_metadata) =
            (object("message"), object("batch_metadata"), object("message_metadata"));
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let receipts = match text("callback_url").filter(|url| !url.is_empty()).map(|url| Url::parse(&url)) {
            None => Receipts::App,
            Some(Ok(url)) if url.scheme() == "http" && is_loopback(&url) => Receipts::Here(url),
            Some(_) => Receipts::Outside,
        };
        let none = Vec::new();
        let entries = body.get("recipient_and_params").and_then(Value::as_array).unwrap_or(&none);
        let (mut people, mut own_metadata) = (Packer::default(), Packer::default());
        let mut names = Names::default();
        for entry in entries {
            pack(entry, &mut people, &mut names);
            people.end_record();
            if let Some(own @ Value::Object(_)) = entry.get("message_metadata") {
                own_metadata.text(&own.to_string());
            }
            own_metadata.end_record();
        }
        let people = people.finish();
        let channels = channels(&people);
        Self {
            channels,
            number: 0,
            id: String::new(),
            project_id: arrival.project_id,
            app_id: text("app_id").unwrap_or_default(),
            accepted: arrival.now,
            send_after: arrival.send_after,
            correlation_id: text("correlation_id"),
            batch_metadata,
            receipts,
            seed: arrival.seed,
            template: Template::new(Value::Object(message)),
            message_metadata,
            names: names.list,
            people,
            own_metadata: own_metadata.finish(),
            tally: arrival.tally,
            statuses: entries.iter().map(|_| AtomicU8::new(MessageStatus::Pending as u8)).collect(),
        }
    }

    /// Gives it its place among all batches, and the id that follows from it.
    pub(crate) fn accept(&mut self, number: usize) {
        self.number = number;
        self.id = seeded(self.accepted, self.seed, Kind::Batch, number as u64);
        self.tally.add(MessageStatus::Pending, self.len() as u64);
    }

    /// How many messages it has.
    pub(crate) fn len(&self) -> usize {
        self.people.len()
    }

    pub(crate) fn person(&self, index: usize) -> Person<'_> {
        let mut record = self.people.record(index);
        let flags = record.number();
        let channel = CHANNELS.get(record.number()).copied().unwrap_or_default();
        let identity = record.text();
        let parameters = (0..record.number())
            .map(|_| (self.names.get(record.number()).map_or("", |name| name), record.text()))
            .collect();
        Person { is_contact: flags & 1 != 0, is_invalid: flags & 2 != 0, channel, identity, parameters }
    }

    pub(crate) fn message(&self, index: usize) -> SimulatedMessage {
        let person = self.person(index);
        SimulatedMessage {
            batch_id: self.id.clone(),
            index: index as u32,
            identity: person.identity.to_owned(),
            text: self.template.render(|name| person.value(name)),
            status: self.status(index),
            channel: if person.is_contact { "" } else { person.channel },
            app_id: self.app_id.clone(),
            parameters: person
                .parameters
                .iter()
                .map(|(name, value)| (String::from(*name), String::from(*value)))
                .collect(),
            metadata: self.metadata(index),
            batch_key: self.batch_metadata.get(BATCH_KEY).and_then(Value::as_str).map(str::to_owned),
        }
    }

    pub(crate) fn message_id(&self, index: usize) -> String {
        // A batch has at most 1000 messages.
        seeded(self.accepted, self.seed, Kind::Message, (self.number as u64) << 10 | index as u64)
    }

    pub(crate) fn status(&self, index: usize) -> MessageStatus {
        self.statuses
            .get(index)
            .map_or(MessageStatus::Pending, |status| MessageStatus::of(status.load(Ordering::Relaxed)))
    }

    pub(crate) fn set_status(&self, index: usize, to: MessageStatus) {
        if let Some(status) = self.statuses.get(index) {
            let from = MessageStatus::of(status.swap(to as u8, Ordering::Relaxed));
            self.tally.moved(from, to);
        }
    }

    /// The metadata of one message as receipts carry it: the batch's message metadata, the recipient's
    /// laid over it, and the batch id.
    pub(crate) fn metadata(&self, index: usize) -> Map<String, Value> {
        let mut merged = self.message_metadata.clone();
        if let Ok(own) = serde_json::from_str::<Map<String, Value>>(self.own_metadata.record(index).text()) {
            merged.extend(own);
        }
        merged.insert("_batch_id".to_owned(), Value::String(self.id.clone()));
        merged
    }

    /// [`metadata`](Self::metadata) as JSON text.
    pub(crate) fn metadata_text(&self, index: usize) -> String {
        let own = self.own_metadata.record(index).text();
        // Almost always there is nothing to be merged, and what was kept is JSON already.
        match own.strip_prefix('{') {
            Some(rest) if self.message_metadata.is_empty() && rest != "}" && !rest.contains("_batch_id") => {
                format!("{{\"_batch_id\":\"{}\",{rest}", self.id)
            }
            _ => Value::Object(self.metadata(index)).to_string(),
        }
    }

    /// Whether one of its messages is for this identity or contact.
    pub(crate) fn is_for(&self, identity: &str) -> bool {
        (0..self.len()).any(|index| self.identity(index).1 == identity)
    }

    /// The channels that its messages are for.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.channels.iter().copied()
    }

    /// The channel and the identity of a recipient, for those who look at many; a contact has no channel.
    pub(crate) fn identity(&self, index: usize) -> (&'static str, &str) {
        let mut record = self.people.record(index);
        (channel(&mut record), record.text())
    }

    /// The message as it is handed to the channel, placeholders filled in.
    pub(crate) fn shown(&self, index: usize) -> Value {
        let person = self.person(index);
        self.template.fill(|name| person.value(name))
    }

    /// Whether a text of the message contains that, which is in lower case.
    pub(crate) fn contains(&self, index: usize, lower: &str) -> bool {
        let person = self.person(index);
        self.template.any_text(|name| person.value(name), &mut |text| text.to_lowercase().contains(lower))
    }

    /// A request for one message alone. Of several identities, the first was kept.
    pub(crate) fn request(&self, index: usize) -> Value {
        let person = self.person(index);
        let recipient = match person.is_contact {
            true => json!({"contact_id": person.identity}),
            false => json!({"identified_by": {"channel_identities": [
                {"channel": person.channel, "identity": person.identity}]}}),
        };
        let parameters: Map<String, Value> =
            person.parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let mut entry = json!({"recipient": recipient, "parameters": parameters});
        if let Ok(own @ Value::Object(_)) = serde_json::from_str(self.own_metadata.record(index).text()) {
            entry["message_metadata"] = own;
        }
        let mut request = json!({
            "app_id": self.app_id,
            "message": self.template.raw(),
            "recipient_and_params": [entry],
        });
        for (name, metadata) in [("batch_metadata", &self.batch_metadata), ("message_metadata", &self.message_metadata)]
        {
            if !metadata.is_empty() {
                request[name] = Value::Object(metadata.clone());
            }
        }
        request
    }
}

/// The channel that a record of a person begins with; none for a contact.
fn channel(record: &mut Record<'_>) -> &'static str {
    let is_contact = record.number() & 1 != 0;
    let channel = CHANNELS.get(record.number()).copied().unwrap_or_default();
    if is_contact { "" } else { channel }
}

fn channels(people: &Packed) -> Vec<&'static str> {
    let mut channels = Vec::new();
    for index in 0..people.len() {
        let channel = channel(&mut people.record(index));
        if !channel.is_empty() && !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    channels
}

impl<'a> Person<'a> {
    /// The value of a placeholder.
    fn value(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(have, _)| *have == name).map(|(_, value)| *value)
    }
}

#[derive(Default)]
struct Names {
    list: Vec<Box<str>>,
    places: HashMap<Box<str>, usize>,
}

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.list.push(name.into());
        self.places.insert(name.into(), self.list.len() - 1);
        self.list.len() - 1
    }
}

/// One entry of `recipient_and_params`; [`Batch::person`] reads it.
fn pack(entry: &Value, people: &mut Packer, names: &mut Names) {
    let none = Map::new();
    let parameters = entry.get("parameters").and_then(Value::as_object).unwrap_or(&none);
    let is_invalid = parameters.iter().any(|(name, value)| name.trim().is_empty() || value.as_str() == Some(""));
    let recipient = entry.get("recipient");
    let contact = recipient.and_then(|it| it.get("contact_id")).and_then(Value::as_str);
    let first = recipient.and_then(|it| it.get("identified_by")?.get("channel_identities")?.get(0));
    let text = |name: &str| first.and_then(|it| it.get(name)).and_then(Value::as_str).unwrap_or_default();

    people.number(usize::from(contact.is_some()) | usize::from(is_invalid) << 1);
    people.number(CHANNELS.iter().position(|channel| *channel == text("channel")).unwrap_or(CHANNELS.len()));
    people.text(contact.unwrap_or_else(|| text("identity")));
    people.number(parameters.len());
    for (name, content) in parameters {
        people.number(names.place(name));
        people.text(content.as_str().unwrap_or_default());
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
