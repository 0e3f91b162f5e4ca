//! Many stories on all cores.
#![expect(clippy::print_stderr, reason = "progress of a long run")]

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::story::{Failure, Plot, story, tell};
use crate::world::Tally;

/// Which stories are told: `SEED=7`, or `SEEDS=100000` from `FROM=0` on.
#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    range: Range<u64>,
    with_progress: bool,
}

impl Seeds {
    pub(crate) fn from_env(few: u64) -> Self {
        let number = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
        let from = number("FROM").unwrap_or(0);
        match (number("SEED"), number("SEEDS")) {
            (Some(seed), _) => Self { range: seed..seed + 1, with_progress: true },
            (None, Some(count)) => Self { range: from..from.saturating_add(count), with_progress: true },
            (None, None) => Self { range: from..from + few, with_progress: false },
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// Tells them all, or up to the first that ends badly; a single one line by line.
pub(crate) fn tell_all(seeds: &Seeds, plot: Plot) -> Result<Tally, Box<Failure>> {
    if seeds.count() == 1 {
        let (told, lines) = tell(seeds.range.start, plot, true);
        if told.is_ok() {
            lines.iter().for_each(|line| eprintln!("{line}"));
        }
        return told.map_err(Box::new);
    }
    let next = AtomicU64::new(seeds.range.start);
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let sums = Mutex::new((Tally::default(), None::<Box<Failure>>));
    let begun = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let tell_some = || {
        let mut told = Tally::default();
        let mut said = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.range.end {
                break;
            }
            match story(seed, plot) {
                Ok(one) => told.add(&one),
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
                    // The least of those that were found together.
                    if sums.1.as_ref().is_none_or(|other| failure.seed < other.seed) {
                        sums.1 = Some(Box::new(failure));
                    }
                }
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if seeds.with_progress && said.elapsed() > Duration::from_secs(5) {
                said = Instant::now();
                say(done, seeds.count(), begun);
            }
        }
        sums.lock().unwrap_or_else(PoisonError::into_inner).0.add(&told);
    };
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(tell_some))));
    if seeds.with_progress {
        say(done.into_inner(), seeds.count(), begun);
    }
    let (tally, failure) = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(tally), Err)
}

fn say(done: u64, of: u64, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{done} of {of} stories in {seconds:.1} s, {:.0} a second", done as f64 / seconds);
}
