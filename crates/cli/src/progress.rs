//! The progress of a campaign on a screen: what is said is a pure function, drawing it is the thin edge.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use sinch_batch::ledger::CampaignStatus;

use crate::output::{can_show_progress, grouped, set_bar};
use crate::{bar, say, terminal};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How far back the recent rate looks.
const RECENT: Duration = Duration::from_secs(300);

/// How far back the mean rate looks.
const LONG: Duration = Duration::from_secs(1800);

/// How often the counts are kept.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// The least time after which a rate is more than chance.
const LEAST_SPAN: Duration = Duration::from_secs(3);

/// How far a campaign is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    rows: u64,
    accepted: u64,
    settled: u64,
    failed: u64,
    /// Sent, and it is not known yet whether it arrived.
    unknown: u64,
}

impl Counts {
    fn of(status: &CampaignStatus) -> Self {
        Self {
            rows: status.rows - status.skipped,
            accepted: status.accepted,
            settled: status.messages.settled(),
            failed: status.messages.failed,
            unknown: status.unknown,
        }
    }

    /// Half of the work is sending, the other half receipts.
    fn done(self) -> u64 {
        self.accepted + self.settled
    }

    fn percent(self) -> u64 {
        match self.rows {
            0 => 100,
            rows => self.done() * 100 / (rows * 2),
        }
    }
}

/// Measures how fast it goes. Times are those since the start.
#[derive(Debug, Default)]
struct Pace {
    samples: VecDeque<(Duration, Counts)>,
}

impl Pace {
    fn note(&mut self, now: Duration, counts: Counts) {
        if self.samples.back().is_none_or(|(last, _)| now.saturating_sub(*last) >= SAMPLE_EVERY) {
            self.samples.push_back((now, counts));
        }
        while self.samples.front().is_some_and(|(then, _)| now.saturating_sub(*then) > LONG) {
            self.samples.pop_front();
        }
    }

    /// Messages per second by this count: over the last 5 minutes, and over the last 30.
    fn rates(&self, now: Duration, counts: Counts, count: fn(Counts) -> u64) -> Option<(f64, f64)> {
        let rate = |(then, before): (Duration, Counts)| {
            let span = now.checked_sub(then).filter(|span| *span >= LEAST_SPAN)?;
            let done = count(counts).saturating_sub(count(before));
            Some(done as f64 / span.as_secs_f64())
        };
        let whole = rate(*self.samples.front()?)?;
        let recent = self.samples.iter().find(|(then, _)| now.saturating_sub(*then) <= RECENT);
        Some((recent.copied().and_then(rate).unwrap_or(whole), whole))
    }
}

/// How many messages go through in a second, and how long the rest takes at least and at most.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outlook {
    rate: f64,
    left: (Duration, Duration),
}

fn outlook(pace: &Pace, now: Duration, counts: Counts) -> Option<Outlook> {
    // What is slower decides: receipts while they come, else sending.
    let by_receipts = pace.rates(now, counts, |counts| counts.settled).filter(|(_, whole)| *whole > 0.0);
    let (recent, whole) = match by_receipts {
        Some(rates) => rates,
        None => pace.rates(now, counts, |counts| counts.accepted).filter(|(_, whole)| *whole > 0.0)?,
    };
    let left = match by_receipts {
        Some(_) => counts.rows.saturating_sub(counts.settled),
        None => counts.rows.saturating_sub(counts.accepted),
    };
    let (fast, slow) = (recent.max(whole), recent.min(whole));
    let seconds = |rate: f64| Duration::from_secs_f64((left as f64 / rate.max(0.01)).min(1e8));
    Some(Outlook { rate: if recent > 0.0 { recent } else { whole }, left: (seconds(fast), seconds(slow)) })
}

/// How long it takes until so many messages have left the service's queue, at so many in a second.
pub(crate) fn estimate(rows: u64, drain: u32) -> String {
    rough(Duration::from_secs_f64(rows as f64 / f64::from(drain.max(1))))
}

/// A duration to two places: `40s`, `42 min`, `3h 10m`.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..90 => format!("{}s", seconds.max(1)),
        seconds @ 90..5400 => format!("{}m", (seconds + 30) / 60),
        seconds @ 5400..172_800 => match (seconds / 3600, seconds % 3600 / 60) {
            (hours, 0) => format!("{hours}h"),
            (hours, minutes) => format!("{hours}h {minutes}m"),
        },
        seconds => format!("{}d", (seconds + 43_200) / 86_400),
    }
}

/// What a screen of that width shows, one or two lines; the last part is what is waited for.
fn shown(counts: Counts, outlook: Option<Outlook>, waits_for: &str, width: usize) -> String {
    const BAR: usize = 16;
    let percent = usize::try_from(counts.percent()).unwrap_or(100).min(100);
    let full = BAR * percent / 100;
    let mut parts = vec![format!("[{}{}] {percent}%", "#".repeat(full), "-".repeat(BAR - full))];
    parts.push(format!("{} of {} accepted", grouped(counts.accepted), grouped(counts.rows)));
    parts.push(format!("{} receipts", grouped(counts.settled)));
    if counts.failed > 0 {
        parts.push(format!("{} failed", grouped(counts.failed)));
    }
    if let Some(Outlook { rate, left: (least, most) }) = outlook {
        parts.push(if rate < 10.0 { format!("{rate:.1}/s") } else { format!("{}/s", grouped(rate as u64)) });
        let (least, most) = (rough(least), rough(most));
        parts.push(if least == most { format!("{least} left") } else { format!("{least} to {most} left") });
    }
    parts.push(waits_for.to_owned());
    fill(&parts, width)
}

/// Puts parts into as many lines as they need.
pub(crate) fn fill(parts: &[String], width: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let part: String = part.chars().take(width).collect();
        let length = part.chars().count();
        match used {
            0 => {}
            used if used + 2 + length <= width => text.push_str(", "),
            _ => {
                text.push('\n');
                used = 0;
            }
        }
        used += if used == 0 { length } else { length + 2 };
        text.push_str(&part);
    }
    text
}

/// What is waited for when nothing special is.
fn waits_for(counts: Counts, sending: bool) -> &'static str {
    if sending && counts.unknown > 0 {
        "waiting for responses"
    } else if sending && counts.accepted < counts.rows {
        "sending"
    } else {
        "waiting for receipts"
    }
}

/// Shows progress: lines that stay in place on a terminal, elsewhere one line in half a minute.
pub(crate) struct Progress {
    began: Instant,
    state: RefCell<State>,
}

struct State {
    bar: Option<ProgressBar>,
    pace: Pace,
    last_line: Duration,
}

impl Progress {
    pub(crate) fn start() -> Self {
        let style = ProgressStyle::with_template("{msg}").ok().filter(|_| can_show_progress());
        let bar = style.map(|style| ProgressBar::with_draw_target(Some(1), bar::target()).with_style(style));
        set_bar(bar.clone());
        let state = State { bar, pace: Pace::default(), last_line: Duration::ZERO };
        Self { began: Instant::now(), state: RefCell::new(state) }
    }

    /// Shows how the campaign stands, and what it waits for if that is known.
    pub(crate) fn show(&self, status: &CampaignStatus, sending: bool, known: Option<&str>) {
        let now = self.began.elapsed();
        let counts = Counts::of(status);
        let mut state = self.state.borrow_mut();
        state.pace.note(now, counts);
        let outlook = outlook(&state.pace, now, counts);
        let waits_for = known.unwrap_or_else(|| waits_for(counts, sending));
        match &state.bar {
            Some(bar) => {
                let width = usize::from(terminal::progress_width()) - 1;
                bar.set_message(shown(counts, outlook, waits_for, width));
                bar.tick();
            }
            None if now.saturating_sub(state.last_line) >= LINE_EVERY => {
                state.last_line = now;
                say!("{}", shown(counts, outlook, waits_for, usize::MAX));
            }
            None => {}
        }
    }

    pub(crate) fn end(&self) {
        self.state.borrow_mut().bar = None;
        set_bar(None);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(accepted: u64, settled: u64) -> Counts {
        Counts { rows: 50_000, accepted, settled, failed: settled / 100, unknown: 0 }
    }

    #[test]
    fn time_left_is_a_range_between_the_recent_and_the_mean_rate() {
        let second = Duration::from_secs;
        let mut pace = Pace::default();
        pace.note(second(0), counts(0, 0));
        assert_eq!(outlook(&pace, second(1), counts(5000, 20)), None, "too early to say");
        for at in 1..=1000 {
            // Ten a second for a while, then twenty.
            let settled = if at <= 500 { at * 10 } else { 5000 + (at - 500) * 20 };
            pace.note(second(at), counts(50_000, settled));
        }
        let Outlook { rate, left: (least, most) } = outlook(&pace, second(1000), counts(50_000, 15_000)).unwrap();
        assert_eq!(rate, 20.0);
        assert_eq!((rough(least), rough(most)), ("29m".to_owned(), "39m".to_owned()));
        // What was half an hour ago says nothing any more.
        for at in 1001..=3000 {
            pace.note(second(at), counts(50_000, 15_000 + (at - 1000) * 5));
        }
        let Outlook { rate, left: (least, most) } = outlook(&pace, second(3000), counts(50_000, 25_000)).unwrap();
        assert_eq!((rate, least, most), (5.0, second(5000), second(5000)));
    }

    #[test]
    fn durations_are_rough() {
        for (seconds, text) in [(0, "1s"), (89, "89s"), (2478, "41m"), (5400, "1h 30m"), (7200, "2h"), (864_000, "10d")]
        {
            assert_eq!(rough(Duration::from_secs(seconds)), text);
        }
        assert_eq!(estimate(49_564, 20), "41m");
    }

    #[test]
    fn screens_of_60_80_and_200_columns() {
        let outlook = Some(Outlook { rate: 19.6, left: (Duration::from_secs(1700), Duration::from_secs(2200)) });
        let screens: Vec<String> = [60, 80, 200]
            .map(|width| format!("{width}\n{}", shown(counts(31_000, 12_400), outlook, "waiting for receipts", width)))
            .into();
        insta::assert_snapshot!(screens.join("\n\n"));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_screen(
            accepted in 0u64..1_000_000_000, settled in 0u64..1_000_000_000, width in 20usize..250, seconds in 0u64..1_000_000,
        ) {
            let counts = Counts { rows: 1_000_000_000, accepted, settled, failed: settled, unknown: 0 };
            let outlook = Some(Outlook { rate: 0.1, left: (Duration::from_secs(seconds), Duration::from_secs(seconds * 2)) });
            let text = shown(counts, outlook, "waiting for worker a-very-long-name-of-a-worker, which holds 4 batches", width);
            prop_assert!(text.lines().all(|line| line.chars().count() <= width), "{}", text);
        }
    }
}
