use std::time::Duration;

/// Limits of one receiver. A request over a limit is answered 503 and comes again, except over that of the body.
///
/// How many connections there may be, and how long a request's head may take, is your server's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverLimits {
    /// The largest body, in bytes; 256 KiB. The sizes of callbacks are not published; the examples
    /// have less than 2 KiB. A larger one is answered 413 and not read any further.
    pub body: usize,
    /// How long a body may take to arrive; 10 s.
    pub read: Duration,
    /// How long the answer may take once the body is there; 10 s. How long the service waits is not
    /// published.
    pub answer: Duration,
    /// How many callbacks may be in the sink at once; 512.
    pub in_flight: usize,
    /// What `Retry-After` says, in whole seconds; 5 s.
    pub retry_after: Duration,
}

impl ReceiverLimits {
    /// Sets [`body`](Self::body).
    #[must_use]
    pub fn with_body(self, body: usize) -> Self {
        Self { body, ..self }
    }

    /// Sets [`read`](Self::read).
    #[must_use]
    pub fn with_read(self, read: Duration) -> Self {
        Self { read, ..self }
    }

    /// Sets [`answer`](Self::answer).
    #[must_use]
    pub fn with_answer(self, answer: Duration) -> Self {
        Self { answer, ..self }
    }

    /// Sets [`in_flight`](Self::in_flight).
    #[must_use]
    pub fn with_in_flight(self, in_flight: usize) -> Self {
        Self { in_flight, ..self }
    }

    /// Sets [`retry_after`](Self::retry_after).
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            body: 256 << 10,
            read: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            in_flight: 512,
            retry_after: Duration::from_secs(5),
        }
    }
}
