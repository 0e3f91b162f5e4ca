//! How many messages are outstanding: accepted by the service, and not known to have left its queue.
//!
//! Receipts that never come would hold a campaign up for ever, so what is outstanding for four times as long as
//! it should take counts as gone; so do rows of unknown outcome to which nothing happens for as long.

use std::collections::VecDeque;
use std::time::Duration;

use sinch_batch_ledger::{CampaignStatus, Window};

/// How far back the rate looks at which messages leave the queue.
const LOOK_BACK: Duration = Duration::from_secs(300);

/// The least time after which a rate is more than chance.
const LEAST_SPAN: Duration = Duration::from_secs(30);

/// How often the rate is looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// No batch takes less than this, by its estimate: receipts have a way of their own.
const LEAST_ESTIMATE: Duration = Duration::from_secs(30);

/// After how many times its estimate a batch counts as gone.
const PATIENCE: u32 = 4;

/// What is outstanding, by the sums of the ledger. Times are those of the steady clock.
#[derive(Clone, Debug)]
pub(crate) struct Outstanding {
    window: u64,
    /// Messages per second, before receipts teach better.
    drain: f64,
    /// Until when rows are waited for: all rows up to this many accepted ones.
    deadlines: VecDeque<(Duration, u64)>,
    /// Accepted rows that are waited for no longer.
    overdue: u64,
    accepted: Option<u64>,
    pending: u64,
    unknown: u64,
    /// Since when there are so many of unknown outcome.
    unknown_since: Duration,
    /// Rows of unknown outcome that are waited for no longer.
    forgotten: u64,
    /// Rows that nobody has tried.
    planned: Option<u64>,
    /// Rows of batches that left since the sums were read.
    since: u64,
    /// How many messages had left the queue when.
    samples: VecDeque<(Duration, u64)>,
}

impl Outstanding {
    /// At most so many outstanding messages; 0 for any number.
    pub(crate) fn new(window: u64, drain: u32) -> Self {
        Self {
            window,
            drain: f64::from(drain.max(1)),
            deadlines: VecDeque::new(),
            overdue: 0,
            accepted: None,
            pending: 0,
            unknown: 0,
            unknown_since: Duration::ZERO,
            forgotten: 0,
            planned: None,
            since: 0,
            samples: VecDeque::new(),
        }
    }

    /// Takes the sums of the ledger.
    pub(crate) fn note(&mut self, status: &CampaignStatus, now: Duration) {
        let pending = status.messages.pending;
        self.sample(status.accepted.saturating_sub(pending), now);
        if self.accepted.is_none_or(|accepted| accepted < status.accepted) {
            self.deadlines.push_back((now + self.patience_for(pending), status.accepted));
        }
        if self.unknown != status.unknown {
            self.unknown_since = now;
        }
        let is_over = now >= self.unknown_since + self.patience_for(status.unknown);
        self.forgotten = if is_over { status.unknown } else { self.forgotten.min(status.unknown) };
        (self.accepted, self.planned) = (Some(status.accepted), Some(status.planned));
        (self.pending, self.unknown, self.since) = (pending, status.unknown, 0);
        while let Some((_, accepted)) = self.deadlines.front().filter(|(deadline, _)| *deadline <= now) {
            self.overdue = self.overdue.max(*accepted);
            self.deadlines.pop_front();
        }
    }

    /// A batch of so many rows is about to leave.
    pub(crate) fn leave(&mut self, n_rows: u64) {
        self.since = self.since.saturating_add(n_rows);
    }

    /// Whether nothing new may leave.
    pub(crate) fn is_full(&self) -> bool {
        let unknown = self.unknown.saturating_sub(self.forgotten);
        self.window > 0 && self.waited_for().saturating_add(unknown).saturating_add(self.since) >= self.window
    }

    /// Whether nothing new has to be asked for: it may not leave, and there may be some.
    pub(crate) fn holds_up(&self) -> bool {
        self.is_full() && self.planned != Some(0)
    }

    /// What bounds all campaigns of the app together, if anything does. The ledger looks at that with each claim; what is
    /// looked at here is this campaign alone, and with each batch.
    pub(crate) fn shared(&self) -> Option<Window> {
        // Fewer than one in a second is one.
        (self.window > 0).then(|| Window::new(self.window, self.rate().max(1.0) as u32))
    }

    /// Whether rows of batches without a known outcome take a part of the window.
    pub(crate) fn has_unknown(&self) -> bool {
        self.unknown > 0
    }

    /// Whether messages are outstanding that should long have left.
    pub(crate) fn is_late(&self) -> bool {
        self.waited_for() < self.pending
    }

    /// Pending messages, at most as many as there are rows whose time is not over.
    fn waited_for(&self) -> u64 {
        self.pending.min(self.accepted.unwrap_or(0).saturating_sub(self.overdue))
    }

    /// For how long so many rows are waited for.
    fn patience_for(&self, n_rows: u64) -> Duration {
        Duration::from_secs_f64((n_rows as f64 / self.rate()).min(1e9)).max(LEAST_ESTIMATE) * PATIENCE
    }

    fn sample(&mut self, gone: u64, now: Duration) {
        if self.samples.back().is_none_or(|(at, _)| now >= *at + SAMPLE_EVERY) {
            self.samples.push_back((now, gone));
        }
        while self.samples.front().is_some_and(|(at, _)| now > *at + LOOK_BACK) {
            self.samples.pop_front();
        }
    }

    /// Messages per second that leave the queue.
    fn rate(&self) -> f64 {
        let span = self.samples.front().zip(self.samples.back());
        let learned = span.and_then(|((from, before), (to, after))| {
            let span = to.checked_sub(*from).filter(|span| *span >= LEAST_SPAN)?;
            let gone = after.checked_sub(*before).filter(|gone| *gone > 0)?;
            Some(gone as f64 / span.as_secs_f64())
        });
        learned.unwrap_or(self.drain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(accepted: u64, pending: u64, unknown: u64) -> CampaignStatus {
        let mut status = CampaignStatus::new(1_000_000, 0);
        (status.accepted, status.messages.pending, status.unknown) = (accepted, pending, unknown);
        status
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn window_counts_pending_unknown_and_what_has_just_left() {
        let mut outstanding = Outstanding::new(5000, 20);
        outstanding.note(&status(3000, 3000, 1000), seconds(1));
        assert!(!outstanding.is_full());
        outstanding.leave(1000);
        assert!(outstanding.is_full());
        // Queued on the channel is out of the queue.
        outstanding.note(&status(4000, 2000, 1000), seconds(2));
        assert!(!outstanding.is_full());
        let mut off = Outstanding::new(0, 20);
        off.note(&status(1_000_000, 1_000_000, 0), seconds(1));
        assert!(!off.is_full());
    }

    #[test]
    fn pending_counts_as_gone_after_four_times_its_estimate() {
        let mut outstanding = Outstanding::new(2000, 20);
        outstanding.note(&status(2000, 2000, 0), seconds(0));
        assert!(outstanding.is_full() && !outstanding.is_late());
        // 2,000 messages take 100 s.
        outstanding.note(&status(2000, 2000, 0), seconds(399));
        assert!(outstanding.is_full() && !outstanding.is_late());
        outstanding.note(&status(2000, 2000, 0), seconds(400));
        assert!(!outstanding.is_full() && outstanding.is_late());
        // What leaves then is waited for by itself.
        outstanding.note(&status(4000, 4000, 0), seconds(401));
        assert!(outstanding.is_full());
        outstanding.note(&status(4000, 0, 0), seconds(402));
        assert!(!outstanding.is_full() && !outstanding.is_late());
    }

    #[test]
    fn unknown_counts_as_gone_when_nothing_happens_to_it() {
        let mut outstanding = Outstanding::new(2000, 20);
        outstanding.note(&status(0, 0, 2000), seconds(10));
        outstanding.note(&status(0, 0, 2000), seconds(409));
        assert!(outstanding.is_full());
        // 2,000 messages take 100 s.
        outstanding.note(&status(0, 0, 2000), seconds(410));
        assert!(!outstanding.is_full() && outstanding.has_unknown());
        // What leaves then counts by itself, and what turns up is waited for as everything else.
        outstanding.note(&status(0, 0, 4000), seconds(411));
        assert!(outstanding.is_full());
        outstanding.note(&status(2000, 2000, 2000), seconds(412));
        assert!(outstanding.is_full());
    }

    #[test]
    fn window_holds_up_only_what_is_planned() {
        let mut outstanding = Outstanding::new(2000, 20);
        let mut all = status(2000, 2000, 0);
        all.planned = 1;
        outstanding.note(&all, seconds(1));
        assert!(outstanding.is_full() && outstanding.holds_up());
        all.planned = 0;
        outstanding.note(&all, seconds(2));
        assert!(outstanding.is_full() && !outstanding.holds_up());
    }

    #[test]
    fn receipts_teach_the_rate() {
        let mut outstanding = Outstanding::new(1, 20);
        assert_eq!(outstanding.rate(), 20.0);
        for second in 0..=60 {
            outstanding.note(&status(100_000, 100_000 - second * 200, 0), seconds(second));
        }
        assert_eq!(outstanding.rate(), 200.0);
    }
}
