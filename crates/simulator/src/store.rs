//! Batches, the queue of the app, and the timetable.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::check::cancel::Cancel;
use crate::clock::later;

/// Where a batch stands, as status answers spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Scheduled,
    Processed,
    Cancelled,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Scheduled => "SCHEDULED",
            Self::Processed => "PROCESSED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// What happened to a batch, for whoever has to tell.
pub(crate) enum Event<'a> {
    /// These messages have left the queue, towards the channel.
    Left(&'a Arc<Batch>, std::ops::Range<usize>),
    /// It is in a final state.
    Ended(&'a Arc<Batch>, State),
}

#[derive(Default)]
pub(crate) struct Store {
    batches: Vec<Entry>,
    by_id: HashMap<String, usize>,
    /// Numbers of the batches whose messages are in the queue, first come first served.
    line: VecDeque<usize>,
    queued: usize,
    scheduled: BTreeSet<(Timestamp, usize)>,
    /// Cancels that take effect later, soonest first.
    cancels: VecDeque<(Timestamp, String, Cancel)>,
    /// When the next message may leave, at a pace.
    next_leaves: Timestamp,
}

struct Entry {
    batch: Arc<Batch>,
    state: State,
    left: usize,
}

/// The queue has no room for so many messages.
#[derive(Debug)]
pub(crate) struct QueueFull;

impl Store {
    /// The number that the next batch gets, if the queue has room for its messages.
    pub(crate) fn room(&self, messages: usize, limit: usize) -> Result<usize, QueueFull> {
        if self.queued + messages > limit { Err(QueueFull) } else { Ok(self.batches.len()) }
    }

    /// Puts a batch into the queue, or on the timetable.
    pub(crate) fn accept(&mut self, batch: Batch, scheduled: Option<Timestamp>) {
        let number = self.batches.len();
        let state = match scheduled {
            Some(time) => {
                self.scheduled.insert((time, number));
                State::Scheduled
            }
            None => {
                self.enqueue(number, batch.len(), batch.accepted);
                State::Ready
            }
        };
        self.by_id.insert(batch.id.clone(), number);
        self.batches.push(Entry { batch: Arc::new(batch), state, left: 0 });
    }

    fn enqueue(&mut self, number: usize, messages: usize, now: Timestamp) {
        if self.line.is_empty() {
            // Time without messages earns nothing.
            self.next_leaves = self.next_leaves.max(now);
        }
        self.line.push_back(number);
        self.queued += messages;
    }

    /// Lets leave what may leave by now, one message per `gap` if there is one. Says when to look
    /// again.
    pub(crate) fn drain(
        &mut self,
        now: Timestamp,
        gap: Option<Duration>,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Option<Timestamp> {
        loop {
            // What comes first happens first: a batch that is due before its cancel is sent.
            let due = self.scheduled.first().copied().filter(|(time, _)| *time <= now);
            if let Some((at, ..)) = self.cancels.front()
                && *at <= now
                && due.is_none_or(|(time, _)| *at <= time)
            {
                if let Some((_, project_id, what)) = self.cancels.pop_front() {
                    self.cancel_now(&project_id, &what, tell);
                }
                continue;
            }
            let Some((time, number)) = due else { break };
            self.scheduled.pop_first();
            if let Some(entry) = self.batches.get_mut(number) {
                entry.state = State::Ready;
                let messages = entry.batch.len();
                self.enqueue(number, messages, time);
            }
        }
        while let Some(&number) = self.line.front() {
            let Some(entry) = self.batches.get_mut(number) else { break };
            let end = match gap {
                None => entry.batch.len(),
                Some(gap) => {
                    let mut end = entry.left;
                    while end < entry.batch.len() && self.next_leaves <= now {
                        end += 1;
                        self.next_leaves = later(self.next_leaves, gap);
                    }
                    end
                }
            };
            if entry.left < end {
                tell(Event::Left(&entry.batch, entry.left..end));
            }
            self.queued -= end - entry.left;
            entry.left = end;
            if end < entry.batch.len() {
                break;
            }
            entry.state = State::Processed;
            tell(Event::Ended(&entry.batch, State::Processed));
            self.line.pop_front();
        }
        let leaves = (!self.line.is_empty()).then_some(self.next_leaves);
        let scheduled = self.scheduled.first().map(|(time, _)| *time);
        let cancels = self.cancels.front().map(|(time, ..)| *time);
        [scheduled, cancels, leaves].into_iter().flatten().min()
    }

    /// Cancels what is scheduled and meant: at once, or when its time has come.
    pub(crate) fn cancel(
        &mut self,
        project_id: String,
        what: Cancel,
        (now, at): (Timestamp, Timestamp),
        tell: &mut impl FnMut(Event<'_>),
    ) {
        if at <= now {
            return self.cancel_now(&project_id, &what, tell);
        }
        self.cancels.push_back((at, project_id, what));
    }

    fn cancel_now(&mut self, project_id: &str, what: &Cancel, tell: &mut impl FnMut(Event<'_>)) {
        let meant = |batch: &Batch| match what {
            Cancel::Batch(id) => batch.id == *id,
            Cancel::Metadata { key, value } => batch.batch_metadata.get(key).is_some_and(|have| same(have, value)),
        };
        for entry in &mut self.batches {
            if entry.state == State::Scheduled && entry.batch.project_id == project_id && meant(&entry.batch) {
                entry.state = State::Cancelled;
                let number = entry.batch.number;
                self.scheduled.retain(|(_, scheduled)| *scheduled != number);
                entry.batch.close(entry.batch.len());
                tell(Event::Ended(&entry.batch, State::Cancelled));
            }
        }
    }

    /// The status answer for one batch of a project.
    pub(crate) fn status(&self, project_id: &str, id: &str) -> Option<Value> {
        let entry = self.batches.get(*self.by_id.get(id)?)?;
        (entry.batch.project_id == project_id).then(|| entry.status())
    }

    /// The status answers for all batches of a project with this pair of batch metadata.
    pub(crate) fn find(&self, project_id: &str, key: &str, value: &str) -> Vec<Value> {
        let value = Value::String(value.to_owned());
        let meant = |batch: &Batch| {
            batch.project_id == project_id && batch.batch_metadata.get(key).is_some_and(|have| same(have, &value))
        };
        self.batches.iter().filter(|entry| meant(&entry.batch)).map(Entry::status).collect()
    }

    pub(crate) fn batch(&self, number: usize) -> Option<Arc<Batch>> {
        self.batches.get(number).map(|entry| entry.batch.clone())
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &Arc<Batch>> {
        self.batches.iter().map(|entry| &entry.batch)
    }

    pub(crate) fn is_queue_empty(&self) -> bool {
        self.line.is_empty()
    }
}

impl Entry {
    fn status(&self) -> Value {
        let mut status = json!({
            "batch_id": self.batch.id,
            "meta_data": self.batch.batch_metadata,
            "status": self.state.name(),
        });
        if let Some(time) = self.batch.send_after {
            status["send_after"] = Value::String(time.to_string());
        }
        status
    }
}

/// Metadata is compared as text: a query has nothing else.
fn same(have: &Value, wanted: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text(have) == text(wanted)
}
