//! The service's own side: the token endpoint, and the messages, contacts and consents endpoints.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::batch::{Arrival, Batch};
use crate::check;
use crate::clock::{earlier, later};
use crate::faults::SimulatedOperation;
use crate::outbox::What;
use crate::people::{Contact, identifications};
use crate::server::{decode, pairs};
use crate::shared::Shared;
use crate::{inbox, queue, token};

/// What a request wants.
pub(crate) enum Call {
    Token,
    Send { project_id: String },
    Cancel { project_id: String },
    Find { project_id: String },
    Status { project_id: String, batch_id: String },
    CreateContacts { project_id: String },
    DeleteContacts { project_id: String },
    InsertConsents { project_id: String },
    Unknown,
}

impl Call {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let own = |text: &str| decode(text).unwrap_or_default();
        match (method, &*segments) {
            (&Method::POST, ["oauth2", "token"]) => Self::Token,
            (method, ["v1", "projects", project, rest @ ..]) if !project.is_empty() => {
                let project_id = own(project);
                match (method, rest) {
                    (&Method::POST, ["messages"]) => Self::Send { project_id },
                    (&Method::DELETE, ["messages"]) => Self::Cancel { project_id },
                    (&Method::GET, ["messages"]) => Self::Find { project_id },
                    (&Method::GET, ["messages", id]) if !id.is_empty() => {
                        Self::Status { project_id, batch_id: own(id) }
                    }
                    (&Method::POST, ["contacts"]) => Self::CreateContacts { project_id },
                    (&Method::DELETE, ["contacts"]) => Self::DeleteContacts { project_id },
                    (&Method::POST, ["consents"]) => Self::InsertConsents { project_id },
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }

    /// The name it is counted under, and what faults can name.
    pub(crate) fn names(&self) -> (&'static str, Option<SimulatedOperation>) {
        match self {
            Self::Token => ("token", Some(SimulatedOperation::Token)),
            Self::Send { .. } => ("send_batch", Some(SimulatedOperation::SendBatch)),
            Self::Cancel { .. } => ("cancel_batch", Some(SimulatedOperation::CancelBatch)),
            Self::Find { .. } => ("find_batches", Some(SimulatedOperation::FindBatches)),
            Self::Status { .. } => ("batch_status", Some(SimulatedOperation::BatchStatus)),
            Self::CreateContacts { .. } => ("create_contacts", Some(SimulatedOperation::CreateContacts)),
            Self::DeleteContacts { .. } => ("delete_contacts", Some(SimulatedOperation::DeleteContacts)),
            Self::InsertConsents { .. } => ("insert_consents", Some(SimulatedOperation::InsertConsents)),
            Self::Unknown => ("unknown", None),
        }
    }
}

/// What is not as usual while one request is done.
#[derive(Clone, Copy)]
pub(crate) struct Conditions {
    /// How old the truth is that a look-up sees.
    pub(crate) stale: Duration,
    /// How long the batch of a send stays hidden.
    pub(crate) hidden: Duration,
}

impl Conditions {
    pub(crate) fn usual(shared: &Shared) -> Self {
        Self { stale: Duration::ZERO, hidden: shared.config.visibility_delay }
    }
}

/// Does what a request wants, and answers it.
pub(crate) fn answer(shared: &Shared, call: &Call, head: &Parts, body: &[u8], conditions: Conditions) -> Answer {
    let project_id = match call {
        Call::Token => return answer_token(shared, head, body, shared.config.token_lifetime),
        Call::Unknown => return Answer::not_found("No such path."),
        Call::Send { project_id }
        | Call::Cancel { project_id }
        | Call::Find { project_id }
        | Call::Status { project_id, .. }
        | Call::CreateContacts { project_id }
        | Call::DeleteContacts { project_id }
        | Call::InsertConsents { project_id } => project_id,
    };
    if let Err(refusal) = allow(shared, head, project_id) {
        return *refusal;
    }
    let seen = earlier(shared.clock.now(), conditions.stale);
    match call {
        Call::Send { .. } => send(shared, project_id, body, conditions.hidden),
        Call::Cancel { .. } => cancel(shared, project_id, body),
        Call::CreateContacts { .. } => create_contacts(shared, project_id, body),
        Call::DeleteContacts { .. } => delete_contacts(shared, project_id, body),
        Call::InsertConsents { project_id } => insert_consents(shared, project_id, body),
        Call::Find { .. } => match metadata_query(head) {
            Ok((key, value)) => Answer::ok(shared.store().find(project_id, (&key, &value), seen).into()),
            Err(refusal) => *refusal,
        },
        Call::Status { batch_id, .. } => status(shared, project_id, batch_id, seen),
        Call::Token | Call::Unknown => Answer::not_found("No such path."),
    }
}

fn status(shared: &Shared, project_id: &str, batch_id: &str, seen: Timestamp) -> Answer {
    match shared.store().status(project_id, batch_id, seen) {
        Some(status) => Answer::ok(status),
        None if shared.people().is_of_consents(batch_id) => Answer::not_simulated("the status of a batch of consents"),
        None => Answer::not_found("No such batch."),
    }
}

/// Whether the caller may do anything here.
fn allow(shared: &Shared, head: &Parts, project_id: &str) -> Result<(), Box<Answer>> {
    shared.tokens.check(&head.headers, shared.clock.now())?;
    match &shared.config.project_id {
        Some(expected) if expected != project_id => {
            Err(Box::new(Answer::forbidden("The key has no access to this project.")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn answer_token(shared: &Shared, head: &Parts, body: &[u8], lifetime: Duration) -> Answer {
    match token::check_request(&head.headers, body, shared.config.credentials.as_ref()) {
        Err(refusal) => *refusal,
        Ok(()) => Answer::ok(json!({
            "access_token": shared.tokens.issue(shared.clock.now(), lifetime),
            // A token that is expired from the start still says how long it should have lived.
            "expires_in": shared.config.token_lifetime.as_secs(),
            "scope": "",
            "token_type": "bearer",
        })),
    }
}

fn send(shared: &Shared, project_id: &str, body: &[u8], hidden: Duration) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Answer::malformed("The body is not JSON.") };
    let now = shared.clock.now();
    if let Err(violations) = check::send::check(&body, now) {
        return Answer::invalid(&violations);
    }
    if !is_the_app(shared, &body) {
        return Answer::not_found("No such app in the project.");
    }
    let wanted = body.get("send_after").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let (send_after, scheduled) = match wanted {
        Some(time) if time > later(now, Duration::from_secs(60)) => (Some(next_mark(time)), Some(next_mark(time))),
        wanted => (wanted, None),
    };
    let messages = body.get("recipient_and_params").and_then(Value::as_array).map_or(0, Vec::len);

    let limit = shared.config.queue_limit;
    let is_full = || Answer::too_many("The queue of the app is full.", None);
    if scheduled.is_none() && !shared.store().has_room(messages, limit) {
        return is_full();
    }
    // Made before the store is locked: it takes a hundred times as long as the rest.
    let arrival = Arrival {
        seed: shared.config.seed,
        project_id: project_id.to_owned(),
        now,
        send_after,
        tally: shared.tally.clone(),
    };
    let batch = Batch::new(body, arrival);
    let Ok(id) = shared.store().accept(batch, scheduled, hidden, limit) else { return is_full() };
    let mut sent = json!({"batch_id": id});
    if let Some(time) = send_after {
        sent["send_after"] = Value::String(time.to_string());
    }
    shared.arrived();
    Answer::ok(sent)
}

/// The 5-minute mark at or after a time.
fn next_mark(time: Timestamp) -> Timestamp {
    const GRAIN: i64 = 5 * 60;
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    Timestamp::from_second((seconds + GRAIN - 1).div_euclid(GRAIN) * GRAIN).unwrap_or(time)
}

fn cancel(shared: &Shared, project_id: &str, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice(body) else { return Answer::malformed("The body is not JSON.") };
    match check::cancel::read(&body) {
        Err(violations) => Answer::invalid(&violations),
        Ok(what) => {
            let now = shared.clock.now();
            let at = later(now, shared.config.cancel_delay);
            shared
                .store()
                .cancel(project_id.to_owned(), what, (now, at), &mut |event| queue::report(shared, event, now));
            shared.arrived();
            Answer::ok(json!({}))
        }
    }
}

fn create_contacts(shared: &Shared, project_id: &str, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice(body) else { return Answer::malformed("The body is not JSON.") };
    if let Err(violations) = check::people::create(&body) {
        return Answer::invalid(&violations);
    }
    let now = shared.clock.now();
    let mut report = |contact: &Arc<Contact>| shared.post(What::Made(contact.clone()), now);
    shared.people().create(&body, project_id, (now, shared.config.seed), &mut report);
    Answer::ok(json!({}))
}

fn delete_contacts(shared: &Shared, project_id: &str, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice(body) else { return Answer::malformed("The body is not JSON.") };
    if let Err(violations) = check::people::delete(&body) {
        return Answer::invalid(&violations);
    }
    let now = shared.clock.now();
    let mut report = |contact: &Arc<Contact>| shared.post(What::Deleted(contact.clone()), now);
    shared.people().delete(&body, project_id, &mut report);
    Answer::ok(json!({}))
}

fn insert_consents(shared: &Shared, project_id: &str, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Answer::malformed("The body is not JSON.") };
    if let Err(violations) = check::people::consents(&body) {
        return Answer::invalid(&violations);
    }
    if !is_the_app(shared, &body) {
        return Answer::not_found("No such app in the project.");
    }
    let batch_id = shared.people().insert(&body, (shared.clock.now(), shared.config.seed));
    let app_id = body.get("app_id").and_then(Value::as_str).unwrap_or_default();
    identifications(&body).for_each(|identity| inbox::consent(shared, (app_id, project_id), identity));
    Answer::ok(json!({"batch_id": batch_id}))
}

/// Whether a body names the app that exists.
fn is_the_app(shared: &Shared, body: &Value) -> bool {
    let app_id = body.get("app_id").and_then(Value::as_str);
    shared.config.app_id.is_none() || shared.config.app_id.as_deref() == app_id
}

/// The pair of metadata that a look-up asks for.
pub(crate) fn metadata_query(head: &Parts) -> Result<(String, String), Box<Answer>> {
    let query = pairs(head.uri.query().unwrap_or_default());
    let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    match (value("metadataKey").filter(|key| !key.is_empty()), value("metadataValue")) {
        (Some(key), Some(value)) => Ok((key, value)),
        (None, _) => Err(Box::new(Answer::malformed("metadataKey is required."))),
        (_, None) => Err(Box::new(Answer::malformed("metadataValue is required."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_five_minutes() {
        for (time, mark) in [
            ("2031-09-14T10:02:30Z", "2031-09-14T10:05:00Z"),
            ("2031-09-14T10:05:00Z", "2031-09-14T10:05:00Z"),
            ("2031-09-14T10:05:00.000000001Z", "2031-09-14T10:10:00Z"),
            ("2031-12-31T23:55:01Z", "2032-01-01T00:00:00Z"),
        ] {
            assert_eq!(next_mark(time.parse().unwrap()), mark.parse().unwrap(), "{time}");
        }
    }
}
