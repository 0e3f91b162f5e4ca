//! The last requests to the service, as received, and how they ended.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// How many requests are kept.
const KEPT: usize = 10_000;
/// How much of one body is kept.
const BODY: usize = 64 << 10;
/// How much of all bodies together is kept.
const BODIES: usize = 64 << 20;

/// One request to the service; a line of `GET /requests` on the control side.
///
/// The last 10,000 are kept, with at most 64 KiB of each body and 64 MiB of all. `Debug` shows neither
/// path nor header nor body.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SimulatedRequest {
    /// When it was answered, by the simulator's clock; a delayed response leaves later.
    pub time: Timestamp,
    /// The operation, as [`Stats::requests`](crate::Stats::requests) names it.
    pub operation: &'static str,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query as received, without the question mark.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The headers. Of `authorization`, only the scheme is kept.
    pub head: BTreeMap<String, String>,
    /// The body: JSON, or else its text.
    pub body: Value,
    /// Whether only the beginning of the body was kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// The fault that happened to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// How it ended: a status, or `dropped` or `hung`.
    pub ended: String,
}

impl fmt::Debug for SimulatedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedRequest")
            .field("time", &self.time)
            .field("operation", &self.operation)
            .field("fault", &self.fault)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(crate) struct RequestLog(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    requests: VecDeque<(SimulatedRequest, Bytes)>,
    bytes: usize,
}

impl RequestLog {
    /// Keeps a request. No body means that it was too large to be read.
    pub(crate) fn add(
        &self,
        time: Timestamp,
        operation: &'static str,
        head: &Parts,
        body: Option<&Bytes>,
        fault: Option<&'static str>,
        ended: &str,
    ) {
        let cut = body.is_none_or(|body| body.len() > BODY);
        // A copy of the beginning, because a slice would keep the whole body.
        let body = body.map_or_else(Bytes::new, |body| Bytes::copy_from_slice(&body[..body.len().min(BODY)]));
        let request = SimulatedRequest {
            time,
            operation,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            head: headers(head),
            body: Value::Null,
            cut,
            fault,
            ended: ended.to_owned(),
        };
        let mut kept = self.lock();
        kept.bytes += body.len();
        kept.requests.push_back((request, body));
        while kept.requests.len() > KEPT || kept.bytes > BODIES {
            let Some((_, body)) = kept.requests.pop_front() else { break };
            kept.bytes -= body.len();
        }
    }

    pub(crate) fn all(&self) -> Vec<SimulatedRequest> {
        let kept: Vec<_> = self.lock().requests.iter().cloned().collect();
        let text = |body: &[u8]| Value::String(String::from_utf8_lossy(body).into_owned());
        kept.into_iter()
            .map(|(request, body)| {
                let body = serde_json::from_slice(&body).unwrap_or_else(|_| text(&body));
                SimulatedRequest { body, ..request }
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn headers(head: &Parts) -> BTreeMap<String, String> {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let mut value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if name == AUTHORIZATION {
            let scheme = value.split_once(' ').map_or("", |(scheme, _)| scheme);
            value = format!("{scheme} (not kept)");
        }
        (name.to_string(), value)
    };
    head.headers.iter().map(shown).collect()
}
