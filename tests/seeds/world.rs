//! What all parts of a story share: true time, the clock on the wall, choices, the story so far, and
//! what the judge has found.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sinch_batch::models::Timestamp;
use tokio::time::Instant;

use crate::choices::Choices;
use crate::faults::Faults;

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, count)| *self.0.entry(what).or_default() += count);
    }
}

#[derive(Debug)]
pub(crate) struct World {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) choices: Choices,
    pub(crate) faults: Faults,
    wall_off_by: i64,
    lines: Option<Vec<String>>,
    pub(crate) tally: Tally,
    /// The first promise that was broken.
    broken: Option<String>,
}

impl World {
    /// Must be called inside the runtime whose time is paused.
    pub(crate) fn new(seed: u64, with_lines: bool) -> Self {
        let state = State {
            choices: Choices::new(seed),
            faults: Faults::default(),
            wall_off_by: 0,
            lines: with_lines.then(Vec::new),
            tally: Tally::default(),
            broken: None,
        };
        Self { begun: Instant::now(), state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn choose<T>(&self, choose: impl FnOnce(&mut Choices) -> T) -> T {
        choose(&mut self.state().choices)
    }

    /// True time in milliseconds since the story began.
    pub(crate) fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    pub(crate) fn at(&self, time: u64) -> Instant {
        self.begun + Duration::from_millis(time)
    }

    pub(crate) async fn sleep_until(&self, time: u64) {
        tokio::time::sleep_until(self.at(time)).await;
    }

    /// The clock on the wall, which somebody may set.
    pub(crate) fn wall(&self) -> Timestamp {
        let since = 1_800_000_000_000_000_i64 + self.begun.elapsed().as_micros() as i64;
        Timestamp::from_microsecond(since + self.state().wall_off_by * 1000).unwrap()
    }

    pub(crate) fn set_wall(&self, by: i64) {
        self.count("clock set");
        self.say(|| format!("somebody sets the clock on the wall by {} s", by / 1000));
        self.state().wall_off_by += by;
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.state().tally.0.entry(what).or_default() += 1;
    }

    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        if self.state().lines.is_none() {
            return;
        }
        let line = format!("{:>9.3} {}", self.now() as f64 / 1000.0, line());
        self.state().lines.get_or_insert_default().push(line);
    }

    /// A promise was broken.
    pub(crate) fn break_promise(&self, why: String) {
        self.say(|| format!("BROKEN: {why}"));
        self.state().broken.get_or_insert(why);
    }

    pub(crate) fn judge(&self) -> Result<(), String> {
        self.state().broken.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.state().lines.take().unwrap_or_default()
    }
}
