//! The control side: what was received, faults, outcomes, the clock; the inbox for browsers.
//!
//! Every request passes the guard first: a web page that somebody visits must not order anything here.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde::Deserialize;
use serde_json::{Value, json};
use sinch_batch_pages::layout::HEADERS;
use sinch_batch_pages::{assets, guard, layout};

use crate::answer::{Answer, Body, full};
use crate::assumptions::ASSUMPTIONS;
use crate::faults::{Fault, FaultKind, SimulatedOperation};
use crate::inbox::{self, InboundMessage, InboxError, OptOut};
use crate::outcome::{MessageOutcome, Outcomes};
use crate::queue;
use crate::server::{Closed, read};
use crate::shared::Shared;

pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let mut response = match guarded(&shared, &head) {
        Some(refused) => refused,
        None => {
            let Some(body) = read(body).await? else { return Ok(Answer::too_large().into_response()) };
            answer(&shared, &head, &body)
        }
    };
    for (name, value) in HEADERS {
        // What an asset says of itself stays.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The answer to a request that is not to be served, or that brings the key in its URL.
fn guarded(shared: &Shared, head: &Parts) -> Option<Response<Body>> {
    let target = head.uri.to_string();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let asked = guard::Head::new(head.method.as_str(), &target, headers);
    if let Err(refused) = guard::check(&asked, &shared.rules) {
        return Some(if is_browser(head) {
            html(StatusCode::FORBIDDEN, layout::refused(refused))
        } else {
            error(StatusCode::FORBIDDEN, &format!("{refused}; {}", refused.hint()))
        });
    }
    let visit = guard::first_visit(&asked, &shared.rules)?;
    let mut response = see_other(&visit.location);
    if let Ok(cookie) = HeaderValue::try_from(visit.set_cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Some(response)
}

fn is_browser(head: &Parts) -> bool {
    let accepts = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.into_iter().any(|value| value.contains("text/html"))
}

fn see_other(location: &str) -> Response<Body> {
    let mut response = html(StatusCode::SEE_OTHER, String::new());
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn html(status: StatusCode, page: String) -> Response<Body> {
    let mut response = Response::new(full(page));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn asset(asset: &'static assets::Asset) -> Response<Body> {
    let mut response = Response::new(full(asset.body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(assets::FOR_EVER));
    response
}

/// A page of the inbox, or one of its files.
fn page(shared: &Arc<Shared>, head: &Parts) -> Option<Response<Body>> {
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    match path {
        "/" if !is_browser(head) => None,
        "/" | "/inbox" | "/inbox/person" | "/inbox/message" | "/inbox/faults" => {
            let (status, page) = inbox::show(shared, path, query);
            Some(html(status, page))
        }
        "/inbox/live" => Some(inbox::live(shared, head, query)),
        _ => assets::find(path).map(asset),
    }
}

fn submitted(shared: &Shared, path: &str, body: &[u8]) -> Option<Response<Body>> {
    if !inbox::is_form(body) {
        return None;
    }
    Some(match inbox::form(shared, path, body)? {
        Ok(back) => see_other(&back),
        Err((status, page)) => html(status, page),
    })
}

fn answer(shared: &Arc<Shared>, head: &Parts, body: &Bytes) -> Response<Body> {
    let special = match head.method {
        Method::GET => page(shared, head),
        Method::POST => submitted(shared, head.uri.path(), body),
        _ => None,
    };
    if let Some(response) = special {
        return response;
    }
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/") => json_response(&index()),
        (&Method::GET, "/messages") => messages(shared.clone()),
        (&Method::GET, "/requests") => lines(shared.requests.all()),
        (&Method::GET, "/contacts") => lines(shared.people().contacts().iter().map(|contact| &contact.shown)),
        (&Method::GET, "/consents") => lines(shared.people().consents()),
        (&Method::GET, "/stats") => json_response(&shared.stats()),
        (&Method::GET, "/assumptions") => json_response(&ASSUMPTIONS),
        (&Method::POST, "/faults") => plan_fault(shared, body),
        (&Method::DELETE, "/faults") => {
            shared.faults.clear();
            json_response(&json!({}))
        }
        (&Method::POST, "/outcomes") => obey(body, |set: SetOutcome| {
            let mut outcomes = shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.insert(set.identity, set.outcomes);
            json!({})
        }),
        (&Method::POST, "/clock") => obey(body, |advance: Advance| {
            queue::advance(shared, Duration::from_secs(advance.advance_seconds));
            json!({"now": shared.clock.now().to_string()})
        }),
        (&Method::POST, "/inbox/message") => inbox_order(body, |message: InboundMessage| message.post(shared)),
        (&Method::POST, "/inbox/opt-out") => inbox_order(body, |opt_out: OptOut| opt_out.post(shared)),
        (&Method::POST, "/callbacks") => set_callbacks(shared, body),
        _ => error(StatusCode::NOT_FOUND, "no such path on the control side; GET / lists them"),
    }
}

fn plan_fault(shared: &Shared, body: &[u8]) -> Response<Body> {
    let fault: Fault = match serde_json::from_slice(body) {
        Ok(fault) => fault,
        Err(reason) => return error(StatusCode::BAD_REQUEST, &reason.to_string()),
    };
    if let Err(reason) = fault.check() {
        return error(StatusCode::BAD_REQUEST, &reason.to_string());
    }
    shared.faults.plan(fault);
    json_response(&json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetCallbacks {
    #[serde(default)]
    hold: bool,
    #[serde(default)]
    release: bool,
    twice_percent: Option<f64>,
    shuffle: Option<usize>,
}

fn inbox_order<T: for<'de> Deserialize<'de>>(
    body: &[u8],
    post: impl FnOnce(T) -> Result<String, InboxError>,
) -> Response<Body> {
    match serde_json::from_slice(body).map(post) {
        Ok(Ok(id)) => json_response(&json!({"id": id})),
        Ok(Err(reason)) => error(StatusCode::CONFLICT, &reason.to_string()),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason.to_string()),
    }
}

fn set_callbacks(shared: &Shared, body: &[u8]) -> Response<Body> {
    let set: SetCallbacks = match serde_json::from_slice(body) {
        Ok(set) => set,
        Err(reason) => return error(StatusCode::BAD_REQUEST, &reason.to_string()),
    };
    if set.hold && set.release {
        return error(StatusCode::BAD_REQUEST, "hold or release, not both");
    }
    if set.twice_percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
        return error(StatusCode::BAD_REQUEST, "twice_percent must be between 0 and 100");
    }
    if let Some(percent) = set.twice_percent {
        *shared.twice_percent.lock().unwrap_or_else(PoisonError::into_inner) = percent;
    }
    if let Some(among) = set.shuffle {
        shared.outbox.shuffle(among);
    }
    match (set.hold, set.release) {
        (true, _) => shared.outbox.hold(),
        (_, true) => shared.outbox.release(),
        _ => {}
    }
    json_response(&json!({"held": shared.outbox.is_held()}))
}

struct SetOutcome {
    identity: String,
    outcomes: Outcomes,
}

impl<'de> Deserialize<'de> for SetOutcome {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let Some(Value::String(identity)) = fields.remove("identity") else {
            return Err(Error::missing_field("identity"));
        };
        let outcomes = match fields.remove("outcomes") {
            Some(list) if fields.is_empty() => Vec::deserialize(list).map_err(Error::custom)?,
            Some(_) => return Err(Error::custom("give either `outcome` or `outcomes`")),
            None => vec![MessageOutcome::deserialize(Value::Object(fields)).map_err(Error::custom)?],
        };
        let outcomes = Outcomes::new(outcomes).ok_or_else(|| Error::custom("`outcomes` is an empty list"))?;
        Ok(Self { identity, outcomes })
    }
}

fn index() -> Value {
    json!({
        "GET /messages": "one line of JSON per message that was accepted, in order",
        "GET /requests": "one line of JSON per request: the last 10,000, in order",
        "GET /contacts": "one line of JSON per contact that is there, in the order they were made",
        "GET /consents": "one line of JSON per opt-out that was recorded, in order",
        "GET /stats": "requests by operation and answer, messages by status, callbacks, batches",
        "GET /assumptions": "what is taken for granted about the real service, and where from",
        "POST /faults": {
            "operation": SimulatedOperation::ALL.iter().map(|it| it.name()).collect::<Vec<_>>().join(" | "),
            "fault": FaultKind::ALL.iter().map(|it| it.name()).collect::<Vec<_>>().join(" | "),
            "after": "requests that pass first (0)",
            "times": "requests it happens to (1)",
            "retry_after": "with rate_limit",
            "seconds": "with delay, stale and visible_after; with others, how much later the response leaves",
            "hidden_seconds": "with an accepted send_batch: how long look-ups do not show its batch"},
        "DELETE /faults": "forgets the faults that have not happened yet",
        "POST /outcomes": {"identity": "a recipient", "outcome": "queued | delivered | delivered_then_read | read | failed",
            "code": "with failed: the reason's code",
            "outcomes": "instead: a list of objects with outcome and code, one a message; the last one stays"},
        "POST /callbacks": {"hold": "true holds callbacks back", "release": "true lets them go",
            "twice_percent": "callbacks of 100 that are sent twice", "shuffle": "among how many the next is drawn"},
        "POST /inbox/message": {"identity": "who writes", "text": "what", "channel": "SMS"},
        "POST /inbox/opt-out": {"identity": "who opts out", "channel": "SMS"},
        "POST /clock": {"advance_seconds": "how far to move the clock on"},
        "GET /inbox": "pages for a browser: who got what; GET / with Accept: text/html",
        "POST /inbox/receipt": "a form: at=BATCH.INDEX, status=delivered | read | failed | again | late, code",
        "POST /inbox/reply": "a form: at=BATCH.INDEX, text, or choice (what the button holds) and title",
    })
}

/// Reads an order and carries it out, or says what is wrong with it.
fn obey<T: for<'de> Deserialize<'de>>(body: &[u8], carry_out: impl FnOnce(T) -> Value) -> Response<Body> {
    match serde_json::from_slice(body) {
        Ok(order) => json_response(&carry_out(order)),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason.to_string()),
    }
}

fn json_response(value: &impl serde::Serialize) -> Response<Body> {
    let mut response = Response::new(full(serde_json::to_vec(value).unwrap_or_default()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn error(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = json_response(&json!({"error": message}));
    *response.status_mut() = status;
    response
}

/// One line of JSON per item.
fn lines(items: impl IntoIterator<Item = impl serde::Serialize>) -> Response<Body> {
    let mut lines = Vec::new();
    for item in items {
        if serde_json::to_writer(&mut lines, &item).is_ok() {
            lines.push(b'\n');
        }
    }
    let mut response = Response::new(full(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// The messages accepted so far, a batch at a time, as fast as the reader takes them.
fn messages(shared: Arc<Shared>) -> Response<Body> {
    let end = shared.store().batches().count();
    let batches = stream::unfold(0, move |number| {
        let batch = (number < end).then(|| shared.store().batch(number)).flatten();
        async move {
            let batch = batch?;
            let mut lines = Vec::new();
            for index in 0..batch.len() {
                if serde_json::to_writer(&mut lines, &batch.message(index)).is_ok() {
                    lines.push(b'\n');
                }
            }
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from(lines))), number + 1))
        }
    });
    let mut response = Response::new(StreamBody::new(batches).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}
