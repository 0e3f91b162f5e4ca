//! The service's own side: the token endpoint, and the messages, contacts and consents endpoints.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::{Answer, Body};
use crate::batch::{Arrival, Batch};
use crate::check;
use crate::clock::later;
use crate::faults::{Fault, FaultKind, Operation};
use crate::outbox::What;
use crate::people::Contact;
use crate::server::{Closed, decode, pairs, read};
use crate::shared::Shared;
use crate::token;

/// What a request wants.
enum Call {
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
    fn of(method: &Method, path: &str) -> Self {
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
    fn names(&self) -> (&'static str, Option<Operation>) {
        match self {
            Self::Token => ("token", Some(Operation::Token)),
            Self::Send { .. } => ("send_batch", Some(Operation::SendBatch)),
            Self::Cancel { .. } => ("cancel_batch", Some(Operation::CancelBatch)),
            Self::Find { .. } => ("find_batches", Some(Operation::FindBatches)),
            Self::Status { .. } => ("batch_status", Some(Operation::BatchStatus)),
            Self::CreateContacts { .. } => ("create_contacts", Some(Operation::CreateContacts)),
            Self::DeleteContacts { .. } => ("delete_contacts", Some(Operation::DeleteContacts)),
            Self::InsertConsents { .. } => ("insert_consents", Some(Operation::InsertConsents)),
            Self::Unknown => ("unknown", None),
        }
    }
}

/// Answers one request, or does to it what was planned.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let call = Call::of(&head.method, head.uri.path());
    let (name, operation) = call.names();
    let Some(body) = read(body).await? else {
        shared.counters.request(name, "413");
        return Ok(Answer::too_large().into_response());
    };
    let fault = operation.and_then(|operation| shared.faults.take(operation));
    let end = match fault {
        None => End::Answer(answer(&shared, call, &head, body)),
        Some(fault) => suffer(&shared, fault, call, &head, body),
    };
    match end {
        End::Answer(answer) => {
            shared.counters.request(name, answer.status.as_str());
            let answer = if shared.config.flat_errors { answer.flat() } else { answer };
            Ok(answer.into_response())
        }
        End::Close => {
            shared.counters.request(name, "dropped");
            Err(Closed)
        }
        End::Never => {
            shared.counters.request(name, "hung");
            std::future::pending().await
        }
    }
}

/// How a request ends.
enum End {
    Answer(Answer),
    Close,
    Never,
}

fn suffer(shared: &Shared, fault: Fault, call: Call, head: &Parts, body: Bytes) -> End {
    match fault.fault {
        FaultKind::Refuse500 => End::Answer(Answer::internal()),
        FaultKind::Refuse503 => End::Answer(Answer::unavailable()),
        FaultKind::RateLimit => End::Answer(Answer::too_many("Too many requests", fault.retry_after.as_deref())),
        FaultKind::Drop => End::Close,
        FaultKind::Hang => End::Never,
        FaultKind::ExpireToken if matches!(call, Call::Token) => {
            End::Answer(answer_token(shared, head, &body, Duration::ZERO))
        }
        FaultKind::ExpireToken => End::Answer(shared.tokens.expire(&head.headers, shared.clock.now())),
        FaultKind::AcceptThen500 | FaultKind::AcceptThenDrop | FaultKind::AcceptThenHang => {
            let answer = answer(shared, call, head, body);
            if !answer.status.is_success() {
                shared.faults.give_back(fault);
                return End::Answer(answer);
            }
            match fault.fault {
                FaultKind::AcceptThen500 => End::Answer(Answer::internal()),
                FaultKind::AcceptThenHang => End::Never,
                _ => End::Close,
            }
        }
    }
}

fn answer(shared: &Shared, call: Call, head: &Parts, body: Bytes) -> Answer {
    let allowed = |project_id: &str| allow(shared, head, project_id);
    match call {
        Call::Token => answer_token(shared, head, &body, shared.config.token_lifetime),
        Call::Unknown => Answer::not_found("No such path."),
        Call::Send { project_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => send(shared, project_id, &body),
        },
        Call::Cancel { project_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => cancel(shared, &project_id, &body),
        },
        Call::CreateContacts { project_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => create_contacts(shared, &project_id, &body),
        },
        Call::DeleteContacts { project_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => delete_contacts(shared, &project_id, &body),
        },
        Call::InsertConsents { project_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => insert_consents(shared, &body),
        },
        Call::Find { project_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => find(shared, &project_id, head.uri.query().unwrap_or_default()),
        },
        Call::Status { project_id, batch_id } => match allowed(&project_id) {
            Err(refusal) => *refusal,
            Ok(()) => match shared.store().status(&project_id, &batch_id) {
                Some(status) => Answer::ok(status),
                None if shared.people().is_of_consents(&batch_id) => {
                    Answer::not_simulated("the status of a batch of consents")
                }
                None => Answer::not_found("No such batch."),
            },
        },
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

fn answer_token(shared: &Shared, head: &Parts, body: &[u8], lifetime: Duration) -> Answer {
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

fn send(shared: &Shared, project_id: String, body: &[u8]) -> Answer {
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

    // Numbers are given in the order in which batches are listed: both under one lock.
    let limit = if scheduled.is_some() { usize::MAX } else { shared.config.queue_limit };
    let mut store = shared.store();
    let Ok(number) = store.room(messages, limit) else {
        return Answer::too_many("The queue of the app is full.", None);
    };
    let batch = Batch::new(body, Arrival { seed: shared.config.seed, number, project_id, now, send_after });
    let mut sent = json!({"batch_id": batch.id});
    if let Some(time) = send_after {
        sent["send_after"] = Value::String(time.to_string());
    }
    store.accept(batch, scheduled);
    drop(store);
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
            shared.store().cancel(project_id.to_owned(), what, (now, at), &mut |event| shared.tell(event, now));
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
    let mut tell = |contact: &Arc<Contact>| shared.tell_of_contact(What::Made(contact.clone()), now);
    shared.people().create(&body, project_id, (now, shared.config.seed), &mut tell);
    Answer::ok(json!({}))
}

fn delete_contacts(shared: &Shared, project_id: &str, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice(body) else { return Answer::malformed("The body is not JSON.") };
    if let Err(violations) = check::people::delete(&body) {
        return Answer::invalid(&violations);
    }
    let now = shared.clock.now();
    let mut tell = |contact: &Arc<Contact>| shared.tell_of_contact(What::Deleted(contact.clone()), now);
    shared.people().delete(&body, project_id, &mut tell);
    Answer::ok(json!({}))
}

fn insert_consents(shared: &Shared, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Answer::malformed("The body is not JSON.") };
    if let Err(violations) = check::people::consents(&body) {
        return Answer::invalid(&violations);
    }
    if !is_the_app(shared, &body) {
        return Answer::not_found("No such app in the project.");
    }
    let batch_id = shared.people().insert(&body, (shared.clock.now(), shared.config.seed));
    Answer::ok(json!({"batch_id": batch_id}))
}

/// Whether a body names the app that exists.
fn is_the_app(shared: &Shared, body: &Value) -> bool {
    let app_id = body.get("app_id").and_then(Value::as_str);
    shared.config.app_id.is_none() || shared.config.app_id.as_deref() == app_id
}

fn find(shared: &Shared, project_id: &str, query: &str) -> Answer {
    let query = pairs(query);
    let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    match (value("metadataKey").filter(|key| !key.is_empty()), value("metadataValue")) {
        (Some(key), Some(value)) => Answer::ok(shared.store().find(project_id, key, value).into()),
        (None, _) => Answer::malformed("metadataKey is required."),
        (_, None) => Answer::malformed("metadataValue is required."),
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
