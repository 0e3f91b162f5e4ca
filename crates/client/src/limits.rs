//! How long a call may take, and how often it is tried.

use std::time::Duration;

use crate::transport::SendUntil;
use crate::{RetryPolicy, StopSignal};

/// What a call is held to; each clone of a client has its own.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// One connection: name, TCP and TLS.
    pub(crate) connect: Duration,
    /// One attempt, from its connection to the last byte of its answer.
    pub(crate) attempt: Duration,
    /// Everything: token, turn, attempts and the waits between them.
    pub(crate) call: Duration,
    /// The last moment at which the last byte of any request may leave.
    pub(crate) until: Option<SendUntil>,
    /// What ends waits early.
    pub(crate) stop: Option<StopSignal>,
    pub(crate) retry: RetryPolicy,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_secs(30),
            call: Duration::from_secs(120),
            until: None,
            stop: None,
            retry: RetryPolicy::default(),
        }
    }
}

impl Limits {
    /// Whether nothing new may begin.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(StopSignal::is_stopped)
    }

    /// Completes when nothing new may begin.
    pub(crate) async fn stopped(&self) {
        match &self.stop {
            Some(stop) => stop.stopped().await,
            None => std::future::pending().await,
        }
    }

    /// How long one attempt may take when so much is left of the call.
    pub(crate) fn attempt(&self, left: Duration) -> Duration {
        self.attempt.min(left)
    }

    /// How long its connection may take: at most half of the attempt, so that "no connection", after
    /// which nothing was sent, is distinct from "no answer", after which the outcome is unknown.
    pub(crate) fn connect(&self, left: Duration) -> Duration {
        self.connect.min(self.attempt(left) / 2)
    }
}
