//! Callbacks: what becomes of messages, sent to the webhook.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::batch::{Batch, Receipts};
use crate::callback_client::{CallbackClient, NoResponse};
use crate::clock::later;
use crate::faults::{FaultKind, SimulatedOperation};
use crate::ids::{Kind, hash, seeded};
use crate::outbox::{Post, Stage, What, Work};
use crate::outcome::{MessageOutcome, description};
use crate::people::Contact;
use crate::shared::Shared;
use crate::stats::{MessageStatus, count};

/// How many callbacks are on their way at once.
pub(crate) const WORKERS: usize = 32;

/// The published default rate of an app: 25 callbacks per second.
const REALISTIC_GAP: Duration = Duration::from_millis(40);

const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Sends what there is to send, for ever.
pub(crate) async fn work(shared: Arc<Shared>) {
    let mut client = CallbackClient::default();
    loop {
        match shared.outbox.next(&shared.clock).await {
            Work::Message(batch, index) if shared.outbox.is_shuffled() => {
                let at = shared.clock.now();
                shared.outbox.pool(stages(&shared, &batch, index).into_iter().map(|stage| {
                    batch.set_status(index, status(&stage));
                    Post::new(What::Receipt(batch.clone(), index, stage), at)
                }));
            }
            Work::Message(batch, index) => {
                for stage in stages(&shared, &batch, index) {
                    batch.set_status(index, status(&stage));
                    let what = What::Receipt(batch.clone(), index, stage);
                    send(&shared, &mut client, Post::new(what, shared.clock.now())).await;
                }
            }
            Work::Post(post) => send(&shared, &mut client, post).await,
        }
        shared.outbox.done();
    }
}

/// What becomes of a message after it has left the queue, in order.
fn stages(shared: &Shared, batch: &Batch, index: usize) -> Vec<Stage> {
    let person = batch.person(index);
    if person.is_invalid {
        return vec![Stage::Invalid];
    }
    if shared.config.block_opted_out && shared.people().has_opted_out(person.channel, person.identity) {
        return vec![Stage::Failed("RECIPIENT_NOT_OPTED_IN".into())];
    }
    let mut stages = vec![Stage::Queued];
    match shared.outcome(person.identity) {
        MessageOutcome::Queued => {}
        MessageOutcome::Delivered => stages.push(Stage::Delivered),
        MessageOutcome::DeliveredThenRead => stages.extend([Stage::Delivered, Stage::Read]),
        MessageOutcome::Read => stages.push(Stage::Read),
        MessageOutcome::Failed { code } => stages.push(Stage::Failed(code.into())),
    }
    stages
}

/// What becomes of a message when no receipts are sent.
pub(crate) fn pass_silently(shared: &Shared, batch: &Batch, index: usize) {
    if let Some(last) = stages(shared, batch, index).last() {
        batch.set_status(index, status(last));
    }
}

pub(crate) fn status(stage: &Stage) -> MessageStatus {
    match stage {
        Stage::Queued => MessageStatus::Queued,
        Stage::Delivered => MessageStatus::Delivered,
        Stage::Read => MessageStatus::Read,
        Stage::Failed(_) | Stage::Invalid => MessageStatus::Failed,
    }
}

/// Where the receipts of a batch go, if anywhere.
pub(crate) fn receipts_target<'a>(shared: &'a Shared, batch: &'a Batch) -> Option<&'a Url> {
    match &batch.receipts {
        Receipts::Here(url) => Some(url),
        Receipts::Outside => None,
        Receipts::App => shared.callback_url.as_ref(),
    }
}

fn target<'a>(shared: &'a Shared, what: &'a What) -> Option<&'a Url> {
    match what {
        What::Receipt(batch, ..) => receipts_target(shared, batch),
        What::Ended(..) | What::Made(_) | What::Deleted(_) | What::Inbound(_) => shared.callback_url.as_ref(),
    }
}

/// The result of one attempt.
enum Sent {
    Acknowledged,
    Refused,
    Failed,
    Lost,
}

/// One attempt at one callback, and the plan for the next.
async fn send(shared: &Shared, client: &mut CallbackClient, post: Post) {
    if post.tries == 0 && !post.copy && comes_twice(shared, &post.what) {
        shared.outbox.post(Post { copy: true, ..post.clone() });
    }
    if shared.config.realistic {
        let slot = shared.outbox.slot(shared.clock.now(), REALISTIC_GAP);
        shared.clock.sleep_until(slot).await;
    }
    let counters = &shared.counters;
    match attempt(shared, client, &post).await {
        Sent::Acknowledged => count(&counters.acknowledged),
        Sent::Refused => count(&counters.refused),
        Sent::Lost => count(&counters.not_sent),
        Sent::Failed => {
            let tries = post.tries + 1;
            if tries < shared.config.callback_attempts {
                count(&counters.retried);
                // Without jitter, and not the backoff of `auth`: the simulator is the other side of the wire,
                // and what it does follows from its seed.
                let wait = shared.config.callback_backoff.saturating_mul(1 << post.tries.min(20)).min(LONGEST_BACKOFF);
                return shared.outbox.again(Post { tries, ..post }, later(shared.clock.now(), wait));
            }
            count(&counters.given_up);
        }
    }
}

/// Whether a callback is one of those that are sent twice: it follows from the seed and what it says.
fn comes_twice(shared: &Shared, what: &What) -> bool {
    let percent = *shared.twice_percent.lock().unwrap_or_else(PoisonError::into_inner);
    if percent <= 0.0 {
        return false;
    }
    let name = match what {
        What::Receipt(batch, index, stage) => format!("{} {stage:?}", batch.message_id(*index)),
        What::Ended(batch, state) => format!("{} {}", batch.id, state.name()),
        What::Made(contact) => format!("{} made", contact.shown["id"]),
        What::Deleted(contact) => format!("{} deleted", contact.shown["id"]),
        What::Inbound(callback) => callback.to_string(),
    };
    let share = (hash(shared.config.seed, &name) & 0xF_FFFF) as f64 * 100.0 / f64::from(1 << 20);
    share < percent
}

/// One attempt, which is kept for the inbox if it is about a message.
async fn attempt(shared: &Shared, client: &mut CallbackClient, post: &Post) -> Sent {
    let Some(url) = target(shared, &post.what) else { return Sent::Lost };
    let fault = shared.faults.take(SimulatedOperation::Callback);
    let kind = fault.as_ref().map(|fault| fault.fault);
    if let Some(fault) = &fault
        && !fault.delay().is_zero()
    {
        shared.clock.sleep_until(later(shared.clock.now(), fault.delay())).await;
    }
    match kind {
        Some(FaultKind::Drop | FaultKind::Hang) => return Sent::Lost,
        Some(FaultKind::Refuse500 | FaultKind::Refuse503 | FaultKind::RateLimit) => return Sent::Failed,
        Some(
            FaultKind::Refuse400
            | FaultKind::Refuse401
            | FaultKind::Refuse403
            | FaultKind::Refuse404
            | FaultKind::Refuse408,
        ) => return Sent::Refused,
        _ => {}
    }
    let body = body(post);
    let mut headers = Vec::new();
    if let Some(secret) = &shared.config.webhook_secret {
        // Receivers compare this with their own clock, which is not moved by hand.
        let now = shared.clock.unmoved();
        let nonce = seeded(now, shared.config.seed, Kind::Nonce, shared.nonces.fetch_add(1, Ordering::Relaxed));
        let signature = sinch_batch_webhook::sign(secret, &body, &nonce, now.as_second());
        headers.extend(signature.headers().map(|(name, value)| (name, value.to_owned())));
    }
    count(&shared.counters.sent);
    let sent = match client.post(url, &headers, body, shared.config.callback_timeout).await {
        Ok(status) => {
            shared.callbacks.add(shared.clock.now(), post, Some(status.as_u16()), headers);
            if status.is_success() {
                Sent::Acknowledged
            } else if status.is_server_error() || status.as_u16() == 429 {
                Sent::Failed
            } else {
                Sent::Refused
            }
        }
        Err(NoResponse) => {
            shared.callbacks.add(shared.clock.now(), post, None, headers);
            Sent::Failed
        }
    };
    if kind.is_some_and(FaultKind::accepts) { Sent::Failed } else { sent }
}

#[derive(Serialize)]
struct Envelope<'a> {
    app_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_time: Option<String>,
    project_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_delivery_report: Option<Report<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_status_update_notification: Option<Value>,
    message_metadata: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Report<'a> {
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_identity: Option<Identity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_mode: Option<&'a str>,
}

#[derive(Serialize)]
struct Identity<'a> {
    channel: &'a str,
    identity: &'a str,
    app_id: &'a str,
}

#[derive(Serialize)]
struct Reason<'a> {
    code: &'a str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_code: Option<&'a str>,
}

fn body(post: &Post) -> Vec<u8> {
    let envelope = match &post.what {
        What::Made(it) => return contact("contact_create_notification", it, post.at),
        What::Deleted(it) => return contact("contact_delete_notification", it, post.at),
        What::Inbound(callback) => return callback.to_string().into_bytes(),
        What::Receipt(batch, index, Stage::Invalid) => invalid(batch, *index),
        What::Receipt(batch, index, stage) => receipt(batch, *index, stage, post.at),
        What::Ended(batch, state) => {
            let mut data = Map::new();
            if let Some(time) = batch.send_after {
                data.insert("send_after".to_owned(), Value::String(time.to_string()));
            }
            data.insert("batch_metadata".to_owned(), Value::Object(batch.batch_metadata.clone()));
            let update = json!({
                "batch_id": batch.id,
                "batch_status": format!("BATCH_STATUS_{}", state.name()),
                "batch_type": "BATCH_TYPE_MESSAGES",
                "additional_data": {"message_batch_data": data},
            });
            Envelope {
                app_id: &batch.app_id,
                accepted_time: Some(millis(post.at)),
                event_time: Some(millis(post.at)),
                project_id: &batch.project_id,
                message_delivery_report: None,
                batch_status_update_notification: Some(update),
                message_metadata: String::new(),
                correlation_id: None,
            }
        }
    };
    // Only maps with keys that are no strings cannot be written, and there are none.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

/// A callback about a contact, which names no app.
fn contact(name: &str, contact: &Contact, at: Timestamp) -> Vec<u8> {
    let mut envelope = json!({
        "app_id": "",
        "accepted_time": millis(at),
        "project_id": contact.project_id,
        "message_metadata": "",
    });
    envelope[name] = json!({"contact": contact.shown});
    envelope.to_string().into_bytes()
}

fn receipt<'a>(batch: &'a Batch, index: usize, stage: &'a Stage, at: Timestamp) -> Envelope<'a> {
    let person = batch.person(index);
    let (status, code) = match stage {
        Stage::Queued => ("QUEUED_ON_CHANNEL", None),
        Stage::Delivered => ("DELIVERED", None),
        Stage::Read => ("READ", None),
        Stage::Failed(code) => ("FAILED", Some(&**code)),
        Stage::Invalid => ("FAILED", Some("BAD_REQUEST")),
    };
    let reason =
        |code| Reason { code, description: description(code).to_owned(), sub_code: Some("UNSPECIFIED_SUB_CODE") };
    let identity = Identity { channel: person.channel, identity: person.identity, app_id: "" };
    Envelope {
        app_id: &batch.app_id,
        accepted_time: Some(millis(batch.send_after.map_or(batch.accepted, |time| time.max(batch.accepted)))),
        event_time: Some(millis(at)),
        project_id: &batch.project_id,
        message_delivery_report: Some(Report {
            message_id: batch.message_id(index),
            conversation_id: Some(""),
            status,
            channel_identity: (!person.is_contact).then_some(identity),
            contact_id: Some(if person.is_contact { person.identity } else { "" }),
            reason: code.map(reason),
            metadata: Some(batch.metadata_text(index)),
            processing_mode: Some(if person.is_contact { "CONVERSATION" } else { "DISPATCH" }),
        }),
        batch_status_update_notification: None,
        message_metadata: String::new(),
        correlation_id: batch.correlation_id.as_deref(),
    }
}

/// The receipt of a message that failed validation after acceptance: it lacks most fields.
fn invalid(batch: &Batch, index: usize) -> Envelope<'_> {
    let person = batch.person(index);
    let description = format!(
        "Validation failed after parameters substitution for batch {} and message at index {index}. \
         Details: [Parameter key cannot be blank and value cannot be empty.]",
        batch.id
    );
    Envelope {
        app_id: &batch.app_id,
        accepted_time: None,
        event_time: None,
        project_id: &batch.project_id,
        message_delivery_report: Some(Report {
            message_id: batch.message_id(index),
            conversation_id: None,
            status: "FAILED",
            channel_identity: None,
            contact_id: person.is_contact.then_some(person.identity),
            reason: Some(Reason { code: "BAD_REQUEST", description, sub_code: None }),
            metadata: None,
            processing_mode: None,
        }),
        batch_status_update_notification: None,
        message_metadata: json!({"batchId": batch.id, "messageIndex": index}).to_string(),
        correlation_id: batch.correlation_id.as_deref(),
    }
}

pub(crate) fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}
