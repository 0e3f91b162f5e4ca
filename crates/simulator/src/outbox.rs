//! Callbacks that have not been sent yet.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use crate::batch::Batch;
use crate::clock::{SimClock, later};
use crate::ids::mix;
use crate::people::Contact;
use crate::store::State;

/// One callback that has to go out.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) what: What,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// How often it was tried already.
    pub(crate) tries: u32,
    /// Whether it is sent a second time although nothing failed.
    pub(crate) copy: bool,
}

impl Post {
    /// One that was not tried yet.
    pub(crate) fn new(what: What, at: Timestamp) -> Self {
        Self { what, at, tries: 0, copy: false }
    }
}

#[derive(Clone)]
pub(crate) enum What {
    /// A receipt of the message at this place in the batch.
    Receipt(Arc<Batch>, usize, Stage),
    /// The batch has ended.
    Ended(Arc<Batch>, State),
    /// A contact was made.
    Made(Arc<Contact>),
    /// A contact was deleted.
    Deleted(Arc<Contact>),
    /// A person wrote, or opted out: the whole callback.
    Inbound(Arc<Value>),
}

/// What a receipt says.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    Queued,
    Delivered,
    Read,
    Failed(Box<str>),
    /// Failed before it reached a channel: a parameter is blank.
    Invalid,
}

/// What a worker gets to do.
pub(crate) enum Work {
    /// A message has left the queue: all that becomes of it.
    Message(Arc<Batch>, usize),
    /// One callback.
    Post(Post),
}

#[derive(Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    wake: Notify,
    quiet: Notify,
}

#[derive(Default)]
struct Inner {
    ready: VecDeque<Ready>,
    again: BinaryHeap<Reverse<Again>>,
    /// Breaks ties, so that what was planned first goes first.
    planned: u64,
    in_flight: usize,
    /// When the next callback may go out, at a pace.
    next_goes: Timestamp,
    held: bool,
    shuffle: Shuffle,
}

/// Callbacks that are sent in another order than they were queued.
#[derive(Default)]
struct Shuffle {
    /// From how many the next one is drawn; 0 and 1 keep the order.
    among: usize,
    seed: u64,
    drawn: u64,
    pool: Vec<Post>,
}

enum Ready {
    Messages { batch: Arc<Batch>, next: usize, end: usize },
    Post(Post),
}

struct Again {
    at: Timestamp,
    number: u64,
    post: Post,
}

impl Outbox {
    pub(crate) fn new(seed: u64, held: bool, shuffle: usize) -> Self {
        let outbox = Self::default();
        let mut inner = outbox.lock();
        inner.held = held;
        inner.shuffle = Shuffle { among: shuffle, seed, ..Shuffle::default() };
        drop(inner);
        outbox
    }

    /// Sends no more callbacks; those on their way arrive.
    pub(crate) fn hold(&self) {
        self.lock().held = true;
        self.quiet.notify_waiters();
    }

    /// Lets everything out again.
    pub(crate) fn release(&self) {
        self.lock().held = false;
        self.wake.notify_waiters();
    }

    pub(crate) fn is_held(&self) -> bool {
        self.lock().held
    }

    /// Draws the next callback from so many from now on.
    pub(crate) fn shuffle(&self, among: usize) {
        self.lock().shuffle.among = among;
    }

    pub(crate) fn is_shuffled(&self) -> bool {
        self.lock().shuffle.among > 1
    }

    /// Adds callbacks to those that the next one is drawn from.
    pub(crate) fn pool(&self, posts: impl Iterator<Item = Post>) {
        self.lock().shuffle.pool.extend(posts);
        self.wake.notify_waiters();
    }

    pub(crate) fn messages(&self, batch: &Arc<Batch>, range: std::ops::Range<usize>) {
        let batch = batch.clone();
        self.lock().ready.push_back(Ready::Messages { batch, next: range.start, end: range.end });
        self.wake.notify_waiters();
    }

    pub(crate) fn post(&self, post: Post) {
        self.lock().ready.push_back(Ready::Post(post));
        self.wake.notify_waiters();
    }

    /// Tries a callback again at that time.
    pub(crate) fn again(&self, post: Post, at: Timestamp) {
        let mut inner = self.lock();
        inner.planned += 1;
        let number = inner.planned;
        inner.again.push(Reverse(Again { at, number, post }));
        drop(inner);
        self.wake.notify_waiters();
    }

    /// Waits for something to do. Say [`done`](Self::done) afterwards.
    pub(crate) async fn next(&self, clock: &SimClock) -> Work {
        // With work at hand nobody has to be woken.
        if let Ok(work) = self.lock().take(clock.now()) {
            return work;
        }
        loop {
            let mut woken = pin!(self.wake.notified());
            woken.as_mut().enable();
            let due = match self.lock().take(clock.now()) {
                Ok(work) => return work,
                Err(due) => due,
            };
            match due {
                None => woken.await,
                Some(due) => tokio::select! {
                    () = woken => {}
                    () = clock.sleep_until(due) => {}
                },
            }
        }
    }

    /// What [`next`](Self::next) gave out is done.
    pub(crate) fn done(&self) {
        let mut inner = self.lock();
        inner.in_flight -= 1;
        if inner.is_quiet() {
            self.quiet.notify_waiters();
        }
    }

    /// The time at which one callback may go out, one per `gap`.
    pub(crate) fn slot(&self, now: Timestamp, gap: Duration) -> Timestamp {
        let mut inner = self.lock();
        let slot = inner.next_goes.max(now);
        inner.next_goes = later(slot, gap);
        slot
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.lock().is_quiet()
    }

    /// Notified whenever there is nothing left to do; what is held does not count.
    pub(crate) fn quiet(&self) -> &Notify {
        &self.quiet
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self, now: Timestamp) -> Result<Work, Option<Timestamp>> {
        if self.held {
            return Err(None);
        }
        let work = self.take_again(now).or_else(|| self.take_shuffled());
        match work {
            Some(work) => {
                self.in_flight += 1;
                Ok(work)
            }
            None => Err(self.again.peek().map(|Reverse(again)| again.at)),
        }
    }

    fn take_again(&mut self, now: Timestamp) -> Option<Work> {
        if self.again.peek()?.0.at > now {
            return None;
        }
        self.again.pop().map(|Reverse(again)| Work::Post(again.post))
    }

    /// The next callback, or a message that has to be turned into callbacks first.
    fn take_shuffled(&mut self) -> Option<Work> {
        if self.shuffle.among < 2 && self.shuffle.pool.is_empty() {
            return self.take_ready();
        }
        while self.shuffle.pool.len() < self.shuffle.among {
            match self.take_ready() {
                Some(Work::Post(post)) => self.shuffle.pool.push(post),
                Some(message) => return Some(message),
                None => break,
            }
        }
        self.shuffle.draw().map(Work::Post)
    }

    fn take_ready(&mut self) -> Option<Work> {
        match self.ready.front_mut()? {
            Ready::Messages { batch, next, end } if *next + 1 < *end => {
                *next += 1;
                Some(Work::Message(batch.clone(), *next - 1))
            }
            _ => match self.ready.pop_front()? {
                Ready::Messages { batch, next, .. } => Some(Work::Message(batch, next)),
                Ready::Post(post) => Some(Work::Post(post)),
            },
        }
    }

    fn is_quiet(&self) -> bool {
        let nothing_waits = self.ready.is_empty() && self.again.is_empty() && self.shuffle.pool.is_empty();
        (nothing_waits || self.held) && self.in_flight == 0
    }
}

impl Shuffle {
    fn draw(&mut self) -> Option<Post> {
        let count = self.pool.len() as u64;
        self.drawn += 1;
        let place = mix(self.seed ^ mix(self.drawn)).checked_rem(count)?;
        Some(self.pool.swap_remove(place as usize))
    }
}

impl Ord for Again {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Again {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Again {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Again {}
