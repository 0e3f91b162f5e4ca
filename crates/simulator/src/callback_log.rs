//! The last callbacks about messages, as they were sent and answered.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderName;
use jiff::Timestamp;

use crate::outbox::{Post, Stage, What};

/// How many attempts are kept.
const KEPT: usize = 10_000;

/// One attempt at a callback about a message.
#[derive(Clone)]
pub(crate) struct Attempt {
    batch: usize,
    index: usize,
    pub(crate) time: Timestamp,
    pub(crate) status: &'static str,
    pub(crate) attempt: u32,
    /// The status of the answer; nothing if there was none.
    pub(crate) answer: Option<u16>,
    pub(crate) signature: Vec<(HeaderName, String)>,
}

#[derive(Default)]
pub(crate) struct CallbackLog(Mutex<VecDeque<Attempt>>);

impl CallbackLog {
    pub(crate) fn add(&self, time: Timestamp, post: &Post, answer: Option<u16>, signature: Vec<(HeaderName, String)>) {
        let What::Receipt(batch, index, stage) = &post.what else { return };
        let status = match stage {
            Stage::Queued => "QUEUED_ON_CHANNEL",
            Stage::Delivered => "DELIVERED",
            Stage::Read => "READ",
            Stage::Failed(_) | Stage::Invalid => "FAILED",
        };
        let attempt =
            Attempt { batch: batch.number, index: *index, time, status, attempt: post.tries + 1, answer, signature };
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(attempt);
    }

    /// The attempts about one message, in order.
    pub(crate) fn about(&self, batch: usize, index: usize) -> Vec<Attempt> {
        self.lock().iter().filter(|it| (it.batch, it.index) == (batch, index)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
