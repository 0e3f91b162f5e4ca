//! The model of promise 1: [`step`](crate::step::step) and the real ledger in memory, with workers that
//! freeze and die, clocks that stop and are set, and a service that lies in its responses.
//!
//! A story is a pure function of its seed. `SEED=7` tells story 7 line by line; `SEEDS=100000` runs more.

mod actor;
mod recaller;
mod service;
mod story;
mod worker;
mod world;

use std::collections::BTreeMap;

use story::{Plot, tell};
use world::{Failure, Tally};

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Tells a story; if it ends badly, tells it again line by line.
fn story(seed: u64, plot: Plot) -> Result<Tally, Failure> {
    tell(seed, plot, false).or_else(|_| tell(seed, plot, true))
}

fn stories(plot: Plot, default: u64) -> Tally {
    let mut tally = Tally::default();
    let seeds = match number_of("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_of("SEEDS").unwrap_or(default),
    };
    for seed in seeds {
        match story(seed, plot) {
            Ok(one) => tally.add(&one),
            Err(failure) => panic!("{failure}"),
        }
    }
    tally
}

#[test]
fn promise_1_nothing_is_sent_twice_because_of_us_in_5000_stories() {
    let tally = stories(Plot::Troubles, 5000);
    if number_of("SEED").is_some() || number_of("SEEDS").is_some() {
        return;
    }
    // A model in which nothing happens proves nothing.
    for what in [
        "accepted",
        "accepted late",
        "sent again",
        "taken over",
        "froze",
        "died",
        "interrupted",
        "paused",
        "clock set",
        "receipt",
        "renewed",
        "too late",
        "fenced",
        "adopted",
        "contradicted",
        "left unknown",
        "held back",
        "campaign paused",
        "pause lifted",
    ] {
        assert!(tally.of(what) >= 20, "{what} hardly ever happened: {tally:?}");
    }
}

#[test]
fn cancel_at_any_moment_leaves_sums_that_are_those_of_the_service_in_2000_stories() {
    let tally = stories(Plot::Cancelled, 2000);
    if number_of("SEED").is_none() && number_of("SEEDS").is_none() {
        for what in [
            "campaign cancelled",
            "not running",
            "refused to begin",
            "recall died",
            "recall waited for a lease",
            "found by the recall",
            "absent to the recall",
            "recall answered amiss",
            "recalled in time",
            "had gone",
            "left while stopping",
            "pause lifted",
        ] {
            assert!(tally.of(what) >= 20, "{what} hardly ever happened: {tally:?}");
        }
    }
}

#[test]
fn probes_notice_an_old_ledger_in_1000_stories() {
    let tally = stories(Plot::OldLedger, 1000);
    if number_of("SEED").is_none() {
        assert!(tally.of("ledger behind") >= 50, "{tally:?}");
    }
}

#[test]
fn doubles_are_seen_when_the_service_breaks_its_bound() {
    let mut seen = BTreeMap::<&str, u32>::new();
    for seed in 0..1000 {
        let verdict = match tell(seed, Plot::BoundBroken, false) {
            Ok(_) => "none",
            Err(failure) if failure.is_double() => "double",
            Err(_) => "other",
        };
        *seen.entry(verdict).or_default() += 1;
    }
    assert!(seen.get("double").is_some_and(|doubles| *doubles >= 10), "the model is blind: {seen:?}");
}
