//! The loop around one call: token, turn, request, response, and what the policy says of a failure.
//!
//! ```text
//!            ┌────────────────────── Wait(policy) ──────────────────────┐
//!            ▼                                                          │
//!   call ─▶ token ─▶ turn ─▶ request ─▶ response ─▶ read ─▶ failure ─▶ decide ─▶ GiveUp: the error
//!            ▲                             │          └───▶ success: the value
//!            └── 401 `expired`, once ──────┘
//! ```
//!
//! The time of the call bounds every arrow. A failure is [`Reached::Unknown`] as soon as one attempt was.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use jiff::Timestamp;
use sinch_batch_auth::{AccessToken, AuthError, AuthErrorKind, TokenSource, backoff, says_expired};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::budget::Budget;
use crate::limits::Limits;
use crate::response::request_id;
use crate::transport::{ConnectTimeout, Transport};
use crate::{Decision, Error, Operation, Pace, Reached, metrics};

/// Why a call whose stop was asked for sent nothing.
const STOPPED: &str = "it was stopped before a request left";

/// What all clones of a client share.
pub(crate) struct CallExecutor {
    pub(crate) tokens: Box<dyn TokenSource>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) budget: Budget,
    pub(crate) pace: Option<Pace>,
    pub(crate) chance: Chance,
}

/// What no two runs have in common: the time on the wall, and random numbers from 0 to 1.
pub(crate) struct Chance {
    pub(crate) clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) jitter: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Default for Chance {
    fn default() -> Self {
        Self { clock: Box::new(Timestamp::now), jitter: Box::new(backoff::jitter) }
    }
}

/// One call, on its way.
#[derive(Clone, Copy)]
struct Call<'a> {
    operation: Operation,
    limits: &'a Limits,
    /// `None` if it lies beyond the clock's range.
    deadline: Option<Instant>,
}

impl CallExecutor {
    /// Makes a call, again where the policy allows it, until its answer can be read or is final.
    ///
    /// Nothing is left behind when it is dropped: no task, no turn, no lock.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        limits: &Limits,
        about: About<'_>,
        request: Request<Bytes>,
        read: impl Fn(&http::Response<Bytes>, Timestamp) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let span = tracing::debug_span!(
            "sinch_batch_call",
            operation = operation.as_str(),
            method = operation.method().as_str(),
            path = operation.path_template(),
            batch_id = about.batch_id,
            items = about.items,
            bytes = request.body().len(),
            attempts = Empty,
            status = Empty,
            request_id = Empty,
        );
        let call = Call { operation, limits, deadline: Instant::now().checked_add(limits.call) };
        self.attempts(call, request, read).instrument(span).await
    }

    async fn attempts<T>(
        &self,
        call: Call<'_>,
        request: Request<Bytes>,
        read: impl Fn(&http::Response<Bytes>, Timestamp) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut last = Last::default();
        self.budget.earn();
        let mut reached = Reached::No;
        let mut attempt = 1;
        loop {
            let result = self.renewing(call, &request).await.and_then(|answer| {
                last.note(&answer);
                tracing::debug!(attempt, status = last.status, "answered");
                read(&answer, (self.chance.clock)())
            });
            let error = match result {
                Ok(value) => {
                    last.record(attempt);
                    metrics::call(call.operation, "ok");
                    return Ok(value);
                }
                // What an earlier attempt may have done is not undone by a later one.
                Err(error) => error.after(reached),
            };
            reached = error.reached_service();
            match self.decide(call, &error, attempt) {
                Decision::GiveUp => {
                    last.record(attempt);
                    metrics::call(call.operation, error.label());
                    tracing::debug!(attempt, kind = error.label(), reached = ?reached, "failed");
                    return Err(error);
                }
                Decision::Wait(wait) => {
                    metrics::repeat(call.operation);
                    tracing::debug!(attempt, kind = error.label(), wait_ms = wait.as_millis(), "will be repeated");
                    tokio::select! {
                        biased;
                        () = call.limits.stopped() => return Err(error),
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
            attempt += 1;
        }
    }

    /// What the policy says, if there is time for it and the budget allows it.
    fn decide(&self, call: Call<'_>, error: &Error, attempt: u32) -> Decision {
        let decision = call.limits.retry.decide(call.operation.idempotency(), error, attempt, (self.chance.jitter)());
        match decision {
            Decision::Wait(wait) if wait < call.left_to_leave() && self.budget.spend() => decision,
            _ => Decision::GiveUp,
        }
    }

    /// One request; a second one with a new token if the service says that the first has expired.
    /// That is safe for sends too: such a request was not accepted.
    async fn renewing(&self, call: Call<'_>, request: &Request<Bytes>) -> Result<http::Response<Bytes>, Error> {
        let token = self.token(call).await?;
        let answer = self.once(call, request, &token).await?;
        if !says_expired(answer.status(), answer.headers()) {
            return Ok(answer);
        }
        tracing::debug!("the token has expired");
        self.tokens.expired(&token);
        let token = self.token(call).await?;
        self.once(call, request, &token).await
    }

    async fn token(&self, call: Call<'_>) -> Result<AccessToken, Error> {
        match call.in_time(self.tokens.token()).await {
            Some(token) => token.map_err(|error| Error::auth(call.operation, error)),
            None => Err(self.late(call, "there was no token in time")),
        }
    }

    async fn once(
        &self,
        call: Call<'_>,
        request: &Request<Bytes>,
        token: &AccessToken,
    ) -> Result<http::Response<Bytes>, Error> {
        let Call { operation, limits, .. } = call;
        if let Some(pace) = &self.pace
            && call.in_time(pace.turn()).await.is_none()
        {
            return Err(self.late(call, "its turn did not come in time"));
        }
        if limits.is_stopped() {
            return Err(Error::late(operation, STOPPED));
        }
        let left = call.left();
        if left.is_zero() || limits.until.is_some_and(|until| until.is_over_at((self.chance.clock)())) {
            return Err(self.late(call, "its time was over"));
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| AuthError::with_source(AuthErrorKind::InvalidResponse, "the token does not fit into a header"))
            .map_err(|error| Error::auth(operation, error))?;
        bearer.set_sensitive(true);
        let mut request = request.clone();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request.extensions_mut().insert(ConnectTimeout(limits.connect(left)));
        if let Some(until) = limits.until {
            request.extensions_mut().insert(until);
        }
        let begun = Instant::now();
        let result = match tokio::time::timeout(limits.attempt(left), self.transport.call(request)).await {
            Ok(answer) => answer.map_err(|error| Error::transport(operation, error)),
            Err(_) => Err(Error::timeout(operation)),
        };
        let outcome = result.as_ref().map(|answer| answer.status().as_u16()).map_err(Error::label);
        metrics::request(operation, outcome, begun);
        result
    }

    /// The time was over before a request could leave: that of the call, or that to leave.
    fn late(&self, call: Call<'_>, why: &'static str) -> Error {
        match call.limits.until {
            _ if call.limits.is_stopped() => Error::late(call.operation, STOPPED),
            Some(until) if until.is_over_at((self.chance.clock)()) => Error::too_late(call.operation),
            _ => Error::late(call.operation, why),
        }
    }
}

impl Call<'_> {
    /// How much of its time is left.
    fn left(self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// How much time is left for a request to leave.
    fn left_to_leave(self) -> Duration {
        let until = self.limits.until.map(|until| until.steady.saturating_duration_since(Instant::now()));
        until.map_or(self.left(), |until| until.min(self.left()))
    }

    /// Waits for what must come before a request leaves, but not longer than that makes sense.
    async fn in_time<T>(self, waiting: impl Future<Output = T>) -> Option<T> {
        let waiting = async {
            tokio::select! {
                biased;
                () = self.limits.stopped() => None,
                done = waiting => Some(done),
            }
        };
        match self.deadline.into_iter().chain(self.limits.until.map(|until| until.steady)).min() {
            Some(deadline) => timeout_at(deadline, waiting).await.ok().flatten(),
            None => waiting.await,
        }
    }
}

/// What the span of a call learns of its last answer.
#[derive(Default)]
struct Last {
    status: Option<u16>,
    request_id: Option<Box<str>>,
}

impl Last {
    fn note(&mut self, answer: &http::Response<Bytes>) {
        self.status = Some(answer.status().as_u16());
        self.request_id = request_id(answer.headers());
    }

    fn record(&self, attempts: u32) {
        tracing::Span::current()
            .record("attempts", attempts)
            .record("status", self.status)
            .record("request_id", self.request_id.as_deref());
    }
}

/// What a call is about, as far as logs may know.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    batch_id: Option<&'a str>,
    items: Option<usize>,
}

impl<'a> About<'a> {
    /// One batch.
    pub(crate) fn batch(id: &'a sinch_batch_models::BatchId) -> Self {
        Self { batch_id: Some(id.as_str()), items: None }
    }

    /// So many recipients, contacts or records.
    pub(crate) fn items(count: usize) -> Self {
        Self { batch_id: None, items: Some(count) }
    }
}
