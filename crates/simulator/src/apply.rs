//! What a fault does to one request.

use std::time::Duration;

use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::api::{Call, Conditions, answer, answer_token, metadata_query};
use crate::faults::{Fault, FaultKind};
use crate::ids::{Kind, hash, seeded};
use crate::shared::Shared;

/// How a request ends.
pub(crate) enum End {
    Answer(Answer),
    Close,
    Never,
}

impl End {
    /// What it is counted under.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Answer(answer) => answer.status.as_str(),
            Self::Close => "dropped",
            Self::Never => "hung",
        }
    }
}

/// Does a request as far as the fault lets it, and ends it as the fault wants.
pub(crate) fn apply_fault(shared: &Shared, fault: Fault, call: &Call, head: &Parts, body: &[u8]) -> End {
    if let Some(end) = refusal(shared, &fault, call, head, body) {
        return end;
    }
    let mut conditions = Conditions::usual(shared);
    conditions.hidden = fault.hidden_seconds.unwrap_or(conditions.hidden);
    match fault.fault {
        FaultKind::Stale => conditions.stale = fault.seconds.unwrap_or_default(),
        FaultKind::VisibleAfter => conditions.hidden = fault.seconds.unwrap_or_default(),
        _ => {}
    }
    let answer = answer(shared, call, head, body, conditions);
    if !answer.status.is_success() {
        // The request would have been refused anyway: the next one gets the fault.
        shared.faults.give_back(fault);
        return End::Answer(answer);
    }
    let kind = fault.fault;
    if kind.is_shape() {
        return match distort(shared, kind, call, head, answer.body.clone()) {
            Some(distorted) => End::Answer(distorted),
            None => {
                shared.faults.give_back(fault);
                End::Answer(answer)
            }
        };
    }
    if kind == FaultKind::AcceptThenSameId {
        return match with_earlier_id(shared, call, &answer.body) {
            Some(answer) => End::Answer(answer),
            None => {
                shared.faults.give_back(fault);
                End::Answer(answer)
            }
        };
    }
    accepted(&fault, answer)
}

/// The end of a request that is not done.
fn refusal(shared: &Shared, fault: &Fault, call: &Call, head: &Parts, body: &[u8]) -> Option<End> {
    Some(End::Answer(match fault.fault {
        FaultKind::Drop => return Some(End::Close),
        FaultKind::Hang => return Some(End::Never),
        FaultKind::Refuse400 => Answer::malformed("Refused."),
        FaultKind::Refuse401 => Answer::unauthenticated("Bearer"),
        FaultKind::Refuse403 => Answer::forbidden("Refused."),
        FaultKind::Refuse404 => Answer::not_found("Refused."),
        FaultKind::Refuse408 => Answer::timed_out(),
        FaultKind::Refuse500 => Answer::internal(),
        FaultKind::Refuse503 => Answer::unavailable(),
        FaultKind::RateLimit => Answer::too_many("Too many requests", fault.retry_after.as_deref()),
        FaultKind::ExpireToken if matches!(call, Call::Token) => answer_token(shared, head, body, Duration::ZERO),
        FaultKind::ExpireToken => shared.tokens.expire(&head.headers, shared.clock.now()),
        _ => return None,
    }))
}

/// The end of a request that is done.
fn accepted(fault: &Fault, answer: Answer) -> End {
    End::Answer(match fault.fault {
        FaultKind::AcceptThenDrop => return End::Close,
        FaultKind::AcceptThenHang => return End::Never,
        FaultKind::AcceptThen500 => Answer::internal(),
        FaultKind::AcceptThen503 => Answer::unavailable(),
        FaultKind::AcceptThenRateLimit => Answer::too_many("Too many requests", fault.retry_after.as_deref()),
        FaultKind::AcceptThen400 => Answer::malformed("Refused, it says."),
        FaultKind::AcceptThen401 => Answer::unauthenticated("Bearer"),
        FaultKind::AcceptThen404 => Answer::not_found("Refused, it says."),
        FaultKind::AcceptThen408 => Answer::timed_out(),
        FaultKind::AcceptThenHtml => {
            Answer::raw("text/html", "<!doctype html><title>Sign in</title><p>Please sign in to this network.")
        }
        FaultKind::AcceptThenEmpty => Answer::raw("application/json", ""),
        FaultKind::AcceptThenCut => {
            let text = answer.body.to_string();
            Answer::raw("application/json", text.chars().take(text.len() / 2).collect::<String>())
        }
        FaultKind::AcceptThenNoId => Answer::ok(json!({})),
        _ => answer,
    })
}

/// The response to a send under the id of the batch before it, if there is one.
fn with_earlier_id(shared: &Shared, call: &Call, body: &Value) -> Option<Answer> {
    let Call::Send { project_id } = call else { return None };
    let earlier = shared.store().earlier_id(project_id, body.get("batch_id")?.as_str()?)?;
    let mut body = body.clone();
    body["batch_id"] = Value::String(earlier);
    Some(Answer::ok(body))
}

/// The response to a look-up in another shape; nothing if the shape needs a match and there is none.
fn distort(shared: &Shared, kind: FaultKind, call: &Call, head: &Parts, body: Value) -> Option<Answer> {
    match kind {
        FaultKind::ShapeEmptyObject => return Some(Answer::ok(json!({}))),
        FaultKind::ShapeNull => return Some(Answer::ok(Value::Null)),
        FaultKind::ShapeError => {
            let answer = Answer::unavailable();
            return Some(Answer { status: StatusCode::OK, ..answer });
        }
        FaultKind::ShapeText => return Some(Answer::raw("text/plain", "OK")),
        FaultKind::ShapeEmpty => return Some(Answer::raw("application/json", "")),
        FaultKind::ShapeWrapped => return Some(Answer::ok(json!({"batches": body}))),
        _ => {}
    }
    let Call::Find { project_id } = call else { return None };
    let (key, value) = metadata_query(head).ok()?;
    let Value::Array(mut found) = body else { return None };
    let invented = seeded(shared.clock.now(), shared.config.seed, Kind::OtherBatch, hash(0, &value));
    let other = || {
        let other = shared.store().other(project_id, (&key, &value), shared.clock.now());
        let made_up = || json!({"batch_id": invented, "meta_data": {"other": "batch"}, "status": "PROCESSED"});
        other.unwrap_or_else(made_up)
    };
    match kind {
        FaultKind::ShapeNoId => {
            if found.is_empty() {
                found.push(json!({"meta_data": {&*key: value}, "status": "PROCESSED"}));
            }
            strip(&mut found, "batch_id");
        }
        FaultKind::ShapeNoMetadata | FaultKind::ShapeEmptyMetadata => {
            if found.is_empty() {
                found.push(other());
            }
            strip(&mut found, "meta_data");
            if kind == FaultKind::ShapeEmptyMetadata {
                found.iter_mut().for_each(|entry| entry["meta_data"] = json!({}));
            }
        }
        FaultKind::ShapeOtherMetadata => found = vec![other()],
        FaultKind::ShapeOne => return found.into_iter().next().map(Answer::ok),
        FaultKind::ShapeTwice => {
            let mut second = found.first()?.clone();
            second["batch_id"] = Value::String(invented);
            found.truncate(1);
            found.push(second);
        }
        _ => return None,
    }
    Some(Answer::ok(found.into()))
}

fn strip(entries: &mut [Value], field: &str) {
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.remove(field);
    }
}
