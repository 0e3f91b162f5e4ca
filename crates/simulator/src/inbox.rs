//! What people do: they write, and they opt out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::callbacks::millis;
use crate::ids::{Kind, seeded};
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

impl InboundMessage {
    /// Sends the callback; the id of the message.
    pub(crate) fn post(self, shared: &Shared) -> Result<String, InboxError> {
        let now = shared.clock.now();
        let (mut callback, last_batch) = envelope(shared, &self.identity, now);
        let id = next_id(shared, now);
        callback["message"] = json!({
            "id": id,
            "direction": "TO_APP",
            "contact_message": {"text_message": {"text": self.text}},
            "channel_identity": {"channel": self.channel, "identity": self.identity, "app_id": ""},
            "conversation_id": "",
            "contact_id": "",
            "metadata": "",
            "accept_time": millis(now),
            "sender_id": "",
            "processing_mode": "DISPATCH",
            "injected": false,
        });
        let metadata = last_batch.map(|id| json!({"_batch_id": id}).to_string());
        callback["message_metadata"] = Value::String(metadata.unwrap_or_default());
        send(shared, callback, now)?;
        Ok(id)
    }
}

impl OptOut {
    /// Sends the callback; the id of the request.
    pub(crate) fn post(self, shared: &Shared) -> Result<String, InboxError> {
        let now = shared.clock.now();
        let (mut callback, _) = envelope(shared, &self.identity, now);
        let id = next_id(shared, now);
        callback["opt_out_notification"] = json!({
            "request_id": id,
            "contact_id": "",
            "channel": self.channel,
            "identity": self.identity,
            "status": "OPT_OUT_SUCCEEDED",
            "processing_mode": "DISPATCH",
        });
        send(shared, callback, now)?;
        Ok(id)
    }
}

/// What every callback of a person begins with, and the last batch that had a message for them.
fn envelope(shared: &Shared, identity: &str, now: Timestamp) -> (Value, Option<String>) {
    let batches: Vec<_> = shared.store().batches().cloned().collect();
    let last = batches.iter().rev().find(|batch| batch.is_for(identity));
    let or = |of_batch: Option<&String>, configured: &Option<String>| {
        of_batch.or(configured.as_ref()).cloned().unwrap_or_default()
    };
    let callback = json!({
        "app_id": or(last.map(|batch| &batch.app_id), &shared.config.app_id),
        "accepted_time": millis(now),
        "event_time": millis(now),
        "project_id": or(last.map(|batch| &batch.project_id), &shared.config.project_id),
    });
    (callback, last.map(|batch| batch.id.clone()))
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
