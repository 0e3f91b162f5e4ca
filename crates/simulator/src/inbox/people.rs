//! What people do: they write, and they opt out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::callbacks::millis;
use crate::ids::{Kind, seeded};
use crate::inbox::log::Inbound;
use crate::outbox::What;
use crate::shared::Shared;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("there is no webhook: the simulator was started without a callback URL")]
pub(crate) struct InboxError;

/// A message from a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InboundMessage {
    identity: String,
    text: String,
    #[serde(default = "sms")]
    channel: String,
}

/// An opt-out of a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptOut {
    identity: String,
    #[serde(default = "sms")]
    channel: String,
}

fn sms() -> String {
    "SMS".to_owned()
}

/// What a person says to one message.
pub(crate) enum Reply {
    /// A text.
    Text(String),
    /// A press on a button: what stands on it, and what the message gave to it.
    Choice { title: String, postback: Option<String> },
}

impl InboundMessage {
    /// Sends the callback; the id of the message.
    pub(crate) fn post(self, shared: &Shared) -> Result<String, InboxError> {
        let now = shared.clock.now();
        let envelope = envelope(shared, &self.identity, now);
        let said = json!({"text_message": {"text": self.text}});
        let from = From { identity: self.identity, channel: self.channel, is_contact: false };
        inbound(shared, envelope, &from, said, self.text, now)
    }
}

impl Reply {
    /// Sends the callback; the id of the message.
    pub(crate) fn post(self, shared: &Shared, batch: &Batch, index: usize) -> Result<String, InboxError> {
        let now = shared.clock.now();
        let message_id = batch.message_id(index);
        let (said, shown) = match self {
            Self::Text(text) => (json!({"text_message": {"text": text}}), text),
            Self::Choice { title, postback } => {
                let postback = postback.unwrap_or_else(|| format!("{message_id}_{title}"));
                let response = json!({"message_id": message_id, "postback_data": postback});
                (json!({"choice_response_message": response, "reply_to": {"message_id": message_id}}), title)
            }
        };
        let person = batch.person(index);
        let from = From {
            identity: person.identity.to_owned(),
            channel: if person.is_contact { String::new() } else { person.channel.to_owned() },
            is_contact: person.is_contact,
        };
        let envelope = (envelope_of(&batch.app_id, &batch.project_id, now), Some(batch.id.clone()));
        inbound(shared, envelope, &from, said, shown, now)
    }
}

/// Who writes.
struct From {
    identity: String,
    channel: String,
    is_contact: bool,
}

/// Sends what a person said; the id of the message.
fn inbound(
    shared: &Shared,
    (mut callback, last_batch): (Value, Option<String>),
    from: &From,
    said: Value,
    shown: String,
    now: Timestamp,
) -> Result<String, InboxError> {
    let id = next_id(shared, now);
    callback["message"] = json!({
        "id": id,
        "direction": "TO_APP",
        "contact_message": said,
        "channel_identity": {"channel": from.channel, "identity": from.identity, "app_id": ""},
        "conversation_id": "",
        "contact_id": "",
        "metadata": "",
        "accept_time": millis(now),
        "sender_id": "",
        "processing_mode": "DISPATCH",
        "injected": false,
    });
    if from.is_contact {
        callback["message"]["channel_identity"] = Value::Null;
        callback["message"]["contact_id"] = Value::String(from.identity.clone());
        callback["message"]["processing_mode"] = Value::from("CONVERSATION");
    }
    let metadata = last_batch.map(|id| json!({"_batch_id": id}).to_string());
    callback["message_metadata"] = Value::String(metadata.unwrap_or_default());
    send(shared, callback, now)?;
    let (channel, identity) = (from.channel.clone(), from.identity.clone());
    shared.inbound_log.add(Inbound { time: now, channel, identity, text: Some(shown) });
    Ok(id)
}

impl OptOut {
    /// One of a person on a channel.
    pub(crate) fn new(identity: impl Into<String>, channel: impl Into<String>) -> Self {
        Self { identity: identity.into(), channel: channel.into() }
    }

    /// Records the opt-out and sends the callback; the id of the request.
    pub(crate) fn post(self, shared: &Shared) -> Result<String, InboxError> {
        let now = shared.clock.now();
        let channel = Some(self.channel.as_str()).filter(|channel| !channel.is_empty());
        shared.people().opt_out(channel, &self.identity);
        let (mut callback, _) = envelope(shared, &self.identity, now);
        let id = next_id(shared, now);
        callback["opt_out_notification"] = notice(&id, &self.channel, &self.identity);
        send(shared, callback, now)?;
        shared.inbound_log.add(Inbound { time: now, channel: self.channel, identity: self.identity, text: None });
        Ok(id)
    }
}

/// Records an opt-out on all channels that came as a consent, and sends its callback if there is a webhook.
pub(crate) fn consent(shared: &Shared, (app_id, project_id): (&str, &str), identity: &str) {
    let now = shared.clock.now();
    shared.people().opt_out(None, identity);
    let mut callback = envelope_of(app_id, project_id, now);
    callback["opt_out_notification"] = notice(&next_id(shared, now), "", identity);
    shared.post(What::Inbound(Arc::new(callback)), now);
}

fn notice(id: &str, channel: &str, identity: &str) -> Value {
    json!({
        "request_id": id,
        "contact_id": "",
        "channel": channel,
        "identity": identity,
        "status": "OPT_OUT_SUCCEEDED",
        "processing_mode": "DISPATCH",
    })
}

/// What every callback of a person begins with, and the last batch that had a message for them.
fn envelope(shared: &Shared, identity: &str, now: Timestamp) -> (Value, Option<String>) {
    let n_batches = shared.store().len();
    // The lock is taken a batch at a time: there may be many.
    let last = (0..n_batches).rev().filter_map(|number| shared.store().batch(number)).find(|it| it.is_for(identity));
    let last = last.as_deref();
    let or = |of_batch: Option<&String>, configured: &Option<String>| {
        of_batch.or(configured.as_ref()).cloned().unwrap_or_default()
    };
    let app_id = or(last.map(|batch| &batch.app_id), &shared.config.app_id);
    let project_id = or(last.map(|batch| &batch.project_id), &shared.config.project_id);
    (envelope_of(&app_id, &project_id, now), last.map(|batch| batch.id.clone()))
}

fn envelope_of(app_id: &str, project_id: &str, now: Timestamp) -> Value {
    json!({
        "app_id": app_id,
        "accepted_time": millis(now),
        "event_time": millis(now),
        "project_id": project_id,
    })
}

fn next_id(shared: &Shared, now: Timestamp) -> String {
    seeded(now, shared.config.seed, Kind::Inbound, shared.inbound.fetch_add(1, Ordering::Relaxed))
}

fn send(shared: &Shared, callback: Value, now: Timestamp) -> Result<(), InboxError> {
    if shared.callback_url.is_none() {
        return Err(InboxError);
    }
    shared.post(What::Inbound(Arc::new(callback)), now);
    Ok(())
}
