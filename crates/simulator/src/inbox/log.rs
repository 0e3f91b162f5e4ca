//! What people have done last, for the page of a person.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// How much is kept.
const KEPT: usize = 10_000;

/// One thing that a person did.
#[derive(Clone)]
pub(crate) struct Inbound {
    pub(crate) time: Timestamp,
    pub(crate) channel: String,
    pub(crate) identity: String,
    /// What was written, or on the button; nothing for an opt-out.
    pub(crate) text: Option<String>,
}

#[derive(Default)]
pub(crate) struct InboundLog(Mutex<VecDeque<Inbound>>);

impl InboundLog {
    pub(crate) fn add(&self, inbound: Inbound) {
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(inbound);
    }

    /// What one person did, in order.
    pub(crate) fn of(&self, identity: &str) -> Vec<Inbound> {
        self.lock().iter().filter(|it| it.identity == identity).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Inbound>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
