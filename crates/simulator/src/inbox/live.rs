//! The event stream of the list: counts, and how many messages are new.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use sinch_batch_pages::inbox::Status;
use sinch_batch_pages::live::{CONTENT_TYPE as EVENTS, LiveState};
use sinch_batch_pages::text::{count, grouped};

use crate::answer::{Body, full};
use crate::inbox::place::Place;
use crate::inbox::search::{Wanted, count_after};
use crate::inbox::show::{Request, counts};
use crate::shared::Shared;

/// At most four events a second.
const GAP: Duration = Duration::from_millis(250);
/// How long one look at new messages may take.
const LOOK: Duration = Duration::from_millis(20);
/// After so many looks without news something is said all the same, so that a reader who left is noticed.
const SILENT: u32 = 60;

/// Where a stream has got to.
struct Follower {
    shared: Arc<Shared>,
    wanted: Wanted,
    seen: Option<Place>,
    new: u64,
    said: LiveState,
    silent: u32,
}

impl Follower {
    /// Looks at what has come since the last look.
    fn look(&mut self) -> LiveState {
        let n_batches = self.shared.store().len();
        let until = Instant::now() + LOOK;
        let batch_at = |number| self.shared.store().batch(number);
        let (new, seen) = count_after(batch_at, n_batches, self.seen, &self.wanted, || Instant::now() < until);
        self.seen = seen;
        self.new += new;
        state(&self.shared, self.new)
    }

    /// The next event that says something new.
    async fn next(mut self) -> (String, Self) {
        loop {
            let state = self.look();
            if state != self.said {
                self.said = state.clone();
                self.silent = 0;
                return (state.to_event(), self);
            }
            self.silent += 1;
            if self.silent == SILENT {
                self.silent = 0;
                return (":\n\n".to_owned(), self);
            }
            tokio::time::sleep(GAP).await;
        }
    }
}

fn state(shared: &Shared, new: u64) -> LiveState {
    let counts = counts(shared);
    let all: u64 = counts.iter().sum();
    let [pending, queued, delivered, read, failed] = counts;
    let line =
        format!("{}, {} failed", count(delivered + read, "message arrived", "messages arrived"), grouped(failed));
    Status::ALL
        .into_iter()
        .zip([pending, queued, delivered, read, failed])
        .fold(LiveState::new(), |state, (status, n)| state.with(status.word(), grouped(n)))
        .with("all", grouped(all))
        .with("new", grouped(new))
        .with("queue", grouped(pending))
        .with("clock", shared.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .with("line", line)
}

/// The stream; to those who ask for JSON, its state now.
pub(crate) fn live(shared: &Arc<Shared>, head: &Parts, query: &str) -> Response<Body> {
    let request = Request::read(query);
    let mut follower = Follower {
        shared: shared.clone(),
        wanted: request.wanted(),
        seen: request.after,
        new: 0,
        said: LiveState::new(),
        silent: 0,
    };
    let accept = head.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") {
        return with_type("application/json", full(follower.look().to_json()));
    }
    let events = stream::unfold((follower, true), |(follower, is_first)| async move {
        if !is_first {
            tokio::time::sleep(GAP).await;
        }
        let (event, follower) = follower.next().await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(event))), (follower, false)))
    });
    with_type(EVENTS, StreamBody::new(events).boxed_unsync())
}

fn with_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
