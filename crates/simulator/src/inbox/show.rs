//! The pages: views filled from what the simulator holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use sinch_batch_pages::inbox::{
    BubbleView, CallbackView, FaultKindView, FaultView, FaultsView, Filter, InboundView, LineView, ListView,
    MessageView, OperationView, PersonView, RowView, Status, problem,
};
use sinch_batch_pages::phone;

use crate::batch::Batch;
use crate::callbacks::receipts_target;
use crate::faults::{Fault, FaultKind, SimulatedOperation};
use crate::inbox::place::Place;
use crate::inbox::search::{Query, Wanted, backwards};
use crate::outcome::MessageOutcome;
use crate::server::pairs;
use crate::shared::Shared;
use crate::stats::MessageStatus;

/// How many messages a page shows.
const PAGE: usize = 50;
/// How long one page may be looked for.
const SEARCH: Duration = Duration::from_millis(50);

/// What a query asks for.
#[derive(Default)]
pub(crate) struct Request {
    filter: Filter,
    identity: String,
    at: String,
    pub(crate) after: Option<Place>,
}

impl Request {
    pub(crate) fn read(query: &str) -> Self {
        let mut request = Self::default();
        for (name, value) in pairs(query) {
            match &*name {
                "channel" => request.filter.channel = value,
                "status" => request.filter.status = value,
                "q" => request.filter.q = value,
                "identity" => request.identity = value,
                "at" => request.at = value,
                "after" => request.after = value.parse().ok(),
                _ => {}
            }
        }
        request
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let Filter { channel, status, q } = &self.filter;
        if self.filter == Filter::default() {
            return Wanted::All;
        }
        Wanted::Some {
            channel: match &**channel {
                "" => None,
                "contact" => Some(String::new()),
                other => Some(other.to_owned()),
            },
            status: status_of_word(status),
            q: Query::new(q),
        }
    }
}

/// A page by its path, with its status.
pub(crate) fn show(shared: &Shared, path: &str, query: &str) -> (StatusCode, String) {
    let request = Request::read(query);
    match path {
        "/inbox/person" => (StatusCode::OK, person(shared, &request)),
        "/inbox/message" => message(shared, &request),
        "/inbox/faults" => (StatusCode::OK, faults(shared)),
        _ => (StatusCode::OK, list(shared, request)),
    }
}

/// How many messages there are by status.
pub(crate) fn counts(shared: &Shared) -> [u64; 5] {
    let counts = shared.tally.counts();
    [counts.pending, counts.queued, counts.delivered, counts.read, counts.failed]
}

/// The message at a place.
pub(crate) fn find(shared: &Shared, at: &str) -> Option<(Arc<Batch>, Place)> {
    let place: Place = at.parse().ok()?;
    let batch = shared.store().batch(place.batch)?;
    (place.index < batch.len()).then_some((batch, place))
}

fn list(shared: &Shared, request: Request) -> String {
    let n_batches = shared.store().len();
    let newest = newest(shared, n_batches);
    let found = search(shared, n_batches, request.after, &request.wanted());
    let rows = found.messages.iter().map(|(batch, place)| row(batch, *place)).collect();
    let channels = crate::check::CHANNELS.into_iter().filter(|channel| shared.store().has_channel(channel));
    ListView {
        rows,
        older: found.further.map(|place| place.to_string()),
        stopped: found.stopped,
        is_older: request.after.is_some(),
        newest: newest.map(|place| place.to_string()).unwrap_or_default(),
        counts: counts(shared),
        channels: channels.collect(),
        now: shared.clock.now(),
        calls_back: shared.callback_url.is_some(),
        filter: request.filter,
    }
    .render()
}

fn search(shared: &Shared, n_batches: usize, before: Option<Place>, wanted: &Wanted) -> super::search::Found {
    let until = Instant::now() + SEARCH;
    let batch_at = |number| shared.store().batch(number);
    backwards(batch_at, n_batches, before, wanted, PAGE, || Instant::now() < until)
}

fn newest(shared: &Shared, n_batches: usize) -> Option<Place> {
    let last = n_batches.checked_sub(1)?;
    let batch = shared.store().batch(last)?;
    Some(Place { batch: last, index: batch.len().saturating_sub(1) })
}

fn row(batch: &Batch, place: Place) -> RowView {
    let (channel, identity) = batch.identity(place.index);
    RowView {
        at: place.to_string(),
        channel,
        identity: identity.to_owned(),
        line: phone::summary(&batch.shown(place.index), channel),
        status: status(batch.status(place.index)),
        accepted: batch.accepted,
    }
}

fn status(status: MessageStatus) -> Status {
    match status {
        MessageStatus::Pending => Status::Pending,
        MessageStatus::Queued => Status::Queued,
        MessageStatus::Delivered => Status::Delivered,
        MessageStatus::Read => Status::Read,
        MessageStatus::Failed => Status::Failed,
    }
}

fn status_of_word(word: &str) -> Option<MessageStatus> {
    MessageStatus::ALL.into_iter().find(|it| status(*it).word() == word)
}

fn person(shared: &Shared, request: &Request) -> String {
    let identity = &request.identity;
    let n_batches = shared.store().len();
    let found = search(shared, n_batches, request.after, &Wanted::Person(identity.clone()));
    let mut phones: Vec<(&'static str, Vec<(Timestamp, LineView)>)> = Vec::new();
    for (batch, place) in found.messages.iter().rev() {
        let (channel, _) = batch.identity(place.index);
        let bubble = BubbleView {
            at: place.to_string(),
            message: batch.shown(place.index),
            status: status(batch.status(place.index)),
        };
        let line = (batch.accepted, LineView::Message(bubble));
        match phones.iter_mut().find(|(on, _)| *on == channel) {
            Some((_, lines)) => lines.push(line),
            None => phones.push((channel, vec![line])),
        }
    }
    let inbound = shared.inbound_log.of(identity);
    let mut opted_out: Vec<String> = Vec::new();
    for inbound in inbound {
        let what = match inbound.text {
            Some(text) => InboundView::Wrote(text),
            None => {
                if !opted_out.contains(&inbound.channel) {
                    opted_out.push(inbound.channel.clone());
                }
                InboundView::OptedOut
            }
        };
        let at = phones.iter().position(|(on, _)| *on == inbound.channel).unwrap_or(0);
        if let Some((_, lines)) = phones.get_mut(at) {
            lines.push((inbound.time, LineView::Inbound(what)));
        }
    }
    for (_, lines) in &mut phones {
        lines.sort_by_key(|(time, _)| *time);
    }
    PersonView {
        identity: identity.clone(),
        phones,
        older: found.further.map(|place| place.to_string()),
        opted_out,
        outcome: outcome(shared.coming_outcome(identity)),
        calls_back: shared.callback_url.is_some(),
    }
    .render()
}

fn outcome(outcome: MessageOutcome) -> (String, String) {
    let word = match outcome {
        MessageOutcome::Queued => "queued",
        MessageOutcome::Delivered => "delivered",
        MessageOutcome::DeliveredThenRead => "delivered_then_read",
        MessageOutcome::Read => "read",
        MessageOutcome::Failed { code } => return ("failed".to_owned(), code),
    };
    (word.to_owned(), String::new())
}

fn message(shared: &Shared, request: &Request) -> (StatusCode, String) {
    let Some((batch, place)) = find(shared, &request.at) else {
        let page = problem("No such message", "There is no message at this place.", "go back to the inbox");
        return (StatusCode::NOT_FOUND, page);
    };
    let index = place.index;
    let (channel, identity) = batch.identity(index);
    let body = batch.request(index);
    let callbacks = shared.callbacks.about(place.batch, index).into_iter().map(|it| CallbackView {
        time: it.time,
        status: it.status.to_owned(),
        attempt: it.attempt,
        answer: it.answer.map_or_else(|| "no answer".to_owned(), |status| status.to_string()),
        signature: it.signature.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
    });
    let view = MessageView {
        at: place.to_string(),
        id: batch.message_id(index),
        batch_id: batch.id.clone(),
        channel,
        identity: identity.to_owned(),
        message: batch.shown(index),
        status: status(batch.status(index)),
        accepted: batch.accepted,
        parameters: batch.message(index).parameters.into_iter().collect(),
        metadata: Value::Object(batch.metadata(index)),
        callbacks: callbacks.collect(),
        curl: curl(&shared.api_url, &batch.project_id, &body),
        request: body,
        calls_back: receipts_target(shared, &batch).is_some(),
    };
    (StatusCode::OK, view.render())
}

fn curl(api_url: &str, project_id: &str, body: &Value) -> String {
    // A quote ends what a shell takes as one word; it begins again after it.
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    format!(
        "curl {} \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d {}",
        quoted(&format!("{api_url}/v1/projects/{project_id}/messages")),
        quoted(&body.to_string())
    )
}

fn faults(shared: &Shared) -> String {
    let operations = SimulatedOperation::ALL.iter().map(|operation| OperationView {
        name: operation.name().to_owned(),
        kinds: FaultKind::ALL
            .iter()
            .filter(|kind| kind.fits(*operation))
            .map(|kind| FaultKindView { name: kind.name().to_owned(), needs_seconds: kind.needs_seconds() })
            .collect(),
    });
    FaultsView {
        planned: shared.faults.planned().iter().map(planned).collect(),
        operations: operations.collect(),
        now: shared.clock.now(),
        held: shared.outbox.is_held(),
    }
    .render()
}

fn planned(fault: &Fault) -> FaultView {
    let seconds = |name: &str, time: Option<Duration>| time.map(|time| format!("{name} {} s", time.as_secs_f64()));
    let settings = [
        fault.retry_after.as_ref().map(|value| format!("Retry-After {value}")),
        seconds("for", fault.seconds),
        seconds("hidden for", fault.hidden_seconds),
    ];
    FaultView {
        operation: fault.operation.name().to_owned(),
        fault: fault.fault.name().to_owned(),
        after: fault.after,
        times: fault.times,
        settings: settings.into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quote_in_a_message_does_not_end_the_command() {
        let command = curl("http://127.0.0.1:1", "p", &json!({"text": "it's $(rm)"}));
        assert!(command.ends_with(r#"-d '{"text":"it'\''s $(rm)"}'"#), "{command}");
    }
}
