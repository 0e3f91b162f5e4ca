//! A process that may die at a named await, or freeze and go on later.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;

use tokio::time::Sleep;

use crate::world::World;

/// Where a process can die.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// Something is about to be written into the ledger.
    BeforeEntry,
    /// It was written, and the process does not know yet.
    AfterEntry,
    /// A call begins, and nothing has left.
    CallBegins,
    /// The last byte has left.
    CallLeft,
    /// The response is there, and nobody has looked at it.
    CallEnds,
}

impl Place {
    pub(crate) const ALL: [Self; 5] =
        [Self::BeforeEntry, Self::AfterEntry, Self::CallBegins, Self::CallLeft, Self::CallEnds];
}

/// Ends a process, or freezes it, when it comes to a place for the n-th time.
#[derive(Debug)]
pub(crate) struct Fuse {
    name: String,
    place: Option<Place>,
    left: AtomicU32,
    blown: AtomicBool,
    /// For how many milliseconds it freezes there, instead of dying.
    freezes_for: Option<u64>,
    freeze: AtomicU64,
}

impl Fuse {
    pub(crate) fn new(name: impl Into<String>, at: Option<(Place, u32)>) -> Self {
        let (place, left) = at.map_or((None, 0), |(place, times)| (Some(place), times));
        let (left, blown, freeze) = (AtomicU32::new(left), AtomicBool::new(false), AtomicU64::new(0));
        Self { name: name.into(), place, left, blown, freezes_for: None, freeze }
    }

    /// Freezes there for so many milliseconds, instead of dying.
    pub(crate) fn that_freezes(self, freezes_for: Option<u64>) -> Self {
        Self { freezes_for, ..self }
    }

    /// Goes by this place, or no further.
    pub(crate) async fn pass(&self, place: Place) {
        if self.place == Some(place) && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            match self.freezes_for {
                Some(long) => {
                    self.freeze.store(long, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
                None => self.blown.store(true, Ordering::Relaxed),
            }
        }
        if self.blown.load(Ordering::Relaxed) {
            std::future::pending().await
        }
    }
}

impl fmt::Display for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What may happen to a process beside its own work, in true time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) dies_at: Option<u64>,
    /// From when until when it does nothing.
    pub(crate) freezes: Vec<(u64, u64)>,
}

/// Runs it until it ends or dies. Dropping it is its death: nothing of it is left but what it has written.
pub(crate) async fn live<T>(world: &World, fuse: &Fuse, fate: &Fate, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut death = fate.dies_at.map(|at| Box::pin(tokio::time::sleep_until(world.at(at))));
    let mut thaw: Option<Pin<Box<Sleep>>> = None;
    let mut freezes = fate.freezes.clone();
    std::future::poll_fn(|context| {
        if let Some(death) = &mut death
            && death.as_mut().poll(context).is_ready()
        {
            world.say(|| format!("{fuse} is killed"));
            world.count("died");
            return Poll::Ready(None);
        }
        loop {
            if let Some(sleep) = &mut thaw {
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                thaw = None;
                world.say(|| format!("{fuse} goes on"));
            }
            let now = world.now();
            let Some(at) = freezes.iter().position(|(from, until)| *from <= now && now < *until) else { break };
            let (_, until) = freezes.swap_remove(at);
            world.say(|| format!("{fuse} freezes for {:.1} s", (until - now) as f64 / 1000.0));
            world.count("froze");
            thaw = Some(Box::pin(tokio::time::sleep_until(world.at(until))));
        }
        let polled = work.as_mut().poll(context);
        let long = fuse.freeze.swap(0, Ordering::Relaxed);
        if long > 0 && polled.is_pending() {
            world.say(|| format!("{fuse} freezes at {:?} for {:.1} s", fuse.place, long as f64 / 1000.0));
            world.count("froze at a place");
            let mut sleep = Box::pin(tokio::time::sleep_until(world.at(world.now() + long)));
            if sleep.as_mut().poll(context).is_pending() {
                thaw = Some(sleep);
            }
        }
        if fuse.blown.load(Ordering::Relaxed) {
            world.say(|| format!("{fuse} dies at {:?}", fuse.place.unwrap_or(Place::CallBegins)));
            world.count("died at a place");
            return Poll::Ready(None);
        }
        polled.map(Some)
    })
    .await
}
