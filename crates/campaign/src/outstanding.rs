//! How many messages are outstanding: accepted by the service, and not known to have left its queue.
//!
//! Receipts that never come would hold a campaign up for ever, so what is outstanding for four times as long as
//! it should take counts as gone.

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
            since: 0,
            samples: VecDeque::new(),
        }
    }

    /// Takes the sums of the ledger.
    pub(crate) fn note(&mut self, status: &CampaignStatus, now: Duration) {
        let pending = status.messages.pending;
        self.sample(status.accepted.saturating_sub(pending), now);
        if self.accepted.is_none_or(|accepted| accepted < status.accepted) {
            let estimate = Duration::from_secs_f64((pending as f64 / self.rate()).min(1e9)).max(LEAST_ESTIMATE);
            self.deadlines.push_back((now + estimate * PATIENCE, status.accepted));
        }
        self.accepted = Some(status.accepted);
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
        self.window > 0 && self.waited_for().saturating_add(self.unknown).saturating_add(self.since) >= self.window
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
    fn receipts_teach_the_rate() {
        let mut outstanding = Outstanding::new(1, 20);
        assert_eq!(outstanding.rate(), 20.0);
        for second in 0..=60 {
            outstanding.note(&status(100_000, 100_000 - second * 200, 0), seconds(second));
        }
        assert_eq!(outstanding.rate(), 200.0);
    }
}
