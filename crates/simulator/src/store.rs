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

/// What happened to a batch, for the outbox.
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
    /// The channels that messages were for.
    channels: BTreeSet<&'static str>,
    scheduled: BTreeSet<(Timestamp, usize)>,
    /// Cancels that take effect later, soonest first.
    cancels: VecDeque<(Timestamp, String, Cancel)>,
    /// When the next message may leave, at a pace.
    next_leaves: Timestamp,
}

struct Entry {
    batch: Arc<Batch>,
    state: State,
    /// Since when it is in each state it has been in: a look-up may be answered with what was true.
    history: Vec<(Timestamp, State)>,
    /// When look-ups begin to show it.
    visible: Timestamp,
    left: usize,
}

/// The queue has no room for so many messages.
#[derive(Debug)]
pub(crate) struct QueueFull;

impl Store {
    /// Whether the queue has room for so many messages.
    pub(crate) fn has_room(&self, messages: usize, limit: usize) -> bool {
        self.queued + messages <= limit
    }

    /// Puts a batch into the queue, or on the timetable; its id. Numbers are given in the order in which batches
    /// are listed.
    pub(crate) fn accept(
        &mut self,
        mut batch: Batch,
        scheduled: Option<Timestamp>,
        hidden: Duration,
        limit: usize,
    ) -> Result<String, QueueFull> {
        if scheduled.is_none() && !self.has_room(batch.len(), limit) {
            return Err(QueueFull);
        }
        let number = self.batches.len();
        batch.accept(number);
        let id = batch.id.clone();
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
        self.channels.extend(batch.channels());
        self.by_id.insert(batch.id.clone(), number);
        let (accepted, visible) = (batch.accepted, later(batch.accepted, hidden));
        let history = vec![(accepted, state)];
        self.batches.push(Entry { batch: Arc::new(batch), state, history, visible, left: 0 });
        Ok(id)
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
        report: &mut impl FnMut(Event<'_>),
    ) -> Option<Timestamp> {
        loop {
            // What comes first happens first: a batch that is due before its cancel is sent.
            let due = self.scheduled.first().copied().filter(|(time, _)| *time <= now);
            if let Some(at) = self.cancels.front().map(|(at, ..)| *at)
                && at <= now
                && due.is_none_or(|(time, _)| at <= time)
            {
                if let Some((_, project_id, what)) = self.cancels.pop_front() {
                    self.cancel_now(&project_id, &what, at, report);
                }
                continue;
            }
            let Some((time, number)) = due else { break };
            self.scheduled.pop_first();
            if let Some(entry) = self.batches.get_mut(number) {
                entry.enter(State::Ready, time);
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
                report(Event::Left(&entry.batch, entry.left..end));
            }
            self.queued -= end - entry.left;
            entry.left = end;
            if end < entry.batch.len() {
                break;
            }
            entry.enter(State::Processed, now);
            report(Event::Ended(&entry.batch, State::Processed));
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
        report: &mut impl FnMut(Event<'_>),
    ) {
        if at <= now {
            return self.cancel_now(&project_id, &what, now, report);
        }
        self.cancels.push_back((at, project_id, what));
    }

    fn cancel_now(&mut self, project_id: &str, what: &Cancel, now: Timestamp, report: &mut impl FnMut(Event<'_>)) {
        let meant = |batch: &Batch| match what {
            Cancel::Batch(id) => batch.id == *id,
            Cancel::Metadata { key, value } => batch.batch_metadata.get(key).is_some_and(|have| same(have, value)),
        };
        for entry in &mut self.batches {
            if entry.state == State::Scheduled && entry.batch.project_id == project_id && meant(&entry.batch) {
                entry.enter(State::Cancelled, now);
                let number = entry.batch.number;
                self.scheduled.retain(|(_, scheduled)| *scheduled != number);
                report(Event::Ended(&entry.batch, State::Cancelled));
            }
        }
    }

    /// The status response for one batch of a project, as of a time.
    pub(crate) fn status(&self, project_id: &str, id: &str, at: Timestamp) -> Option<Value> {
        let entry = self.batches.get(*self.by_id.get(id)?)?;
        if entry.batch.project_id == project_id { entry.status(at) } else { None }
    }

    /// The status responses for all batches of a project with this pair of batch metadata, as of a
    /// time.
    pub(crate) fn find(&self, project_id: &str, (key, value): (&str, &str), at: Timestamp) -> Vec<Value> {
        let meant = |entry: &&Entry| entry.batch.project_id == project_id && entry.batch.has(key, value);
        self.batches.iter().filter(meant).filter_map(|entry| entry.status(at)).collect()
    }

    /// The status response for the last batch of a project without this pair of batch metadata.
    pub(crate) fn other(&self, project_id: &str, (key, value): (&str, &str), at: Timestamp) -> Option<Value> {
        let meant = |entry: &&Entry| entry.batch.project_id == project_id && !entry.batch.has(key, value);
        self.batches.iter().rev().filter(meant).find_map(|entry| entry.status(at))
    }

    /// The id of the last batch of a project but this one.
    pub(crate) fn earlier_id(&self, project_id: &str, id: &str) -> Option<String> {
        let number = self.by_id.get(id)?;
        let before = self.batches.get(..*number)?;
        before.iter().rev().find(|entry| entry.batch.project_id == project_id).map(|entry| entry.batch.id.clone())
    }

    pub(crate) fn batch(&self, number: usize) -> Option<Arc<Batch>> {
        self.batches.get(number).map(|entry| entry.batch.clone())
    }

    /// Whether a message was for that channel.
    pub(crate) fn has_channel(&self, channel: &str) -> bool {
        self.channels.contains(channel)
    }

    /// How many batches there are.
    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    pub(crate) fn batches(&self) -> impl Iterator<Item = &Arc<Batch>> {
        self.batches.iter().map(|entry| &entry.batch)
    }

    /// Whether a batch or a cancel is due that was not dealt with yet.
    pub(crate) fn has_due(&self, now: Timestamp) -> bool {
        self.scheduled.first().is_some_and(|(time, _)| *time <= now)
            || self.cancels.front().is_some_and(|(at, ..)| *at <= now)
    }

    pub(crate) fn is_queue_empty(&self) -> bool {
        self.line.is_empty()
    }
}

impl Entry {
    fn enter(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.history.push((now, state));
    }

    /// What a look-up says that sees what was true at that time; nothing if the batch was not there yet.
    fn status(&self, at: Timestamp) -> Option<Value> {
        if self.visible > at {
            return None;
        }
        // A batch that was accepted is in the state it was accepted in, even if clocks disagree.
        let (_, state) = self.history.iter().rev().find(|(since, _)| *since <= at).or(self.history.first())?;
        let mut status = json!({
            "batch_id": self.batch.id,
            "meta_data": self.batch.batch_metadata,
            "status": state.name(),
        });
        if let Some(time) = self.batch.send_after {
            status["send_after"] = Value::String(time.to_string());
        }
        Some(status)
    }
}

impl Batch {
    fn has(&self, key: &str, value: &str) -> bool {
        let value = Value::String(value.to_owned());
        self.batch_metadata.get(key).is_some_and(|have| same(have, &value))
    }
}

/// Metadata is compared as text: a query has nothing else.
fn same(have: &Value, wanted: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text(have) == text(wanted)
}
