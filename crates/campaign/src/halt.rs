//! A canary, and a halt: a wrong link reaches a hundred people, not a million.
//!
//! ```text
//! shut ──canary settled, or waited long enough──▶ too many failed? ── no ──▶ open ──▶ watched, if asked for
//!                                                       │                              │ too many of the last
//!                                                       └── yes ──▶ halted ◀───────────┘
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sinch_batch_ledger::CampaignStatus;

/// How many of a hundred canary messages have to be settled before the others leave.
const SETTLED_PERCENT: u64 = 80;

/// The share of failures after which a canary halts, if none is given.
const CANARY_PERCENT: u8 = 20;

/// How many settled messages a halt looks back.
const LOOK_BACK: u64 = 5000;

/// Whether a campaign begins with a canary, and when it halts. By default never.
///
/// Only failures count that more of the same would repeat: those of the message, the account and the service,
/// not those of one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HaltRules {
    /// The first batch, which has to do well before anything else leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Of the last 5,000 settled messages, how many in a hundred may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// How many of them have to fail besides.
    #[serde(default)]
    pub min: u64,
    /// Whether a halt was seen, and the campaign goes on all the same: a canary is waited for no longer, and only
    /// what is settled from now on is looked at.
    #[serde(skip)]
    pub is_past: bool,
}

/// The first batch of a campaign, which has to do well before anything else leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// How many rows it has.
    pub rows: u32,
    /// How long its receipts are waited for.
    pub wait: Duration,
}

impl HaltRules {
    /// No canary and no halt.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for the first batch: until 80 % of its messages are settled, or for that long.
    #[must_use]
    pub fn with_canary(mut self, canary: Option<Canary>) -> Self {
        self.canary = canary;
        self
    }

    /// Halts when more than so many in a hundred, and more than `min`, of the last 5,000 settled messages failed.
    #[must_use]
    pub fn with_halt(mut self, percent: Option<u8>, min: u64) -> Self {
        (self.percent, self.min) = (percent, min);
        self
    }

    /// Goes on although a halt was seen.
    #[must_use]
    pub fn with_past_halt(mut self, is_past: bool) -> Self {
        self.is_past = is_past;
        self
    }

    /// Whether there is nothing to wait for and nothing to watch.
    pub fn is_default(&self) -> bool {
        self.canary.is_none() && self.percent.is_none()
    }
}

/// Too many messages failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyFailed {
    pub(crate) failed: u64,
    pub(crate) settled: u64,
}

/// Whether batches may leave, by the sums of the ledger. Times are those of the steady clock.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    rules: HaltRules,
    is_shut: bool,
    /// Whether any batch was tried.
    has_begun: bool,
    /// Batches that were closed before they were tried: the first one may be among them.
    closed: u64,
    /// Since when the canary is accepted, as far as this run knows.
    waits_since: Option<Duration>,
    /// Settled messages, and how many of them failed in a way that counts; the first is what is looked back to.
    samples: VecDeque<(u64, u64)>,
}

impl Gate {
    pub(crate) fn new(rules: HaltRules) -> Self {
        let is_shut = rules.canary.is_some() && !rules.is_past;
        Self { rules, is_shut, has_begun: false, closed: 0, waits_since: None, samples: VecDeque::new() }
    }

    /// Whether only the canary may leave.
    pub(crate) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Whether any batch was tried, by any run.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether a batch may be the first of the campaign that has rows.
    pub(crate) fn is_first(&self, number: u32) -> bool {
        u64::from(number) <= self.closed + 1
    }

    /// Takes the sums of the ledger; whether the campaign halts.
    pub(crate) fn note(&mut self, status: &CampaignStatus, now: Duration) -> Option<TooManyFailed> {
        let (settled, failed) = (status.messages.settled(), status.systemic);
        self.has_begun = status.batches.tried() > 0;
        self.closed = status.batches.skipped;
        if self.is_shut {
            // While it is shut the sums are those of the canary.
            return self.judge_canary(status, now);
        }
        let percent = self.rules.percent?;
        if self.samples.is_empty() {
            // Of what was before this run nobody knows the order.
            let knows_all = settled <= LOOK_BACK && !self.rules.is_past;
            self.samples.push_back(if knows_all { (0, 0) } else { (settled, failed) });
        }
        if self.samples.back().is_none_or(|(before, _)| *before < settled) {
            self.samples.push_back((settled, failed));
        }
        while self.samples.get(1).is_some_and(|(before, _)| before + LOOK_BACK <= settled) {
            self.samples.pop_front();
        }
        let (settled_before, failed_before) = self.samples.front().copied().unwrap_or_default();
        let (settled, failed) = (settled.saturating_sub(settled_before), failed.saturating_sub(failed_before));
        (failed > self.rules.min && is_more_than(failed, settled, percent)).then_some(TooManyFailed { failed, settled })
    }

    fn judge_canary(&mut self, status: &CampaignStatus, now: Duration) -> Option<TooManyFailed> {
        let (settled, failed) = (status.messages.settled(), status.systemic);
        let has_gone_on = status.batches.tried() > 1;
        if has_gone_on || (status.planned == 0 && status.unknown == 0) {
            // Others have left before: an earlier run, or another worker, has seen it open. Or there are none.
            self.is_shut = false;
            return None;
        }
        if status.accepted == 0 {
            return None;
        }
        let wait = self.rules.canary.map_or(Duration::ZERO, |canary| canary.wait);
        let since = *self.waits_since.get_or_insert(now);
        let is_settled = settled * 100 >= status.accepted * SETTLED_PERCENT;
        if !is_settled && now < since + wait {
            return None;
        }
        if is_more_than(failed, settled, self.rules.percent.unwrap_or(CANARY_PERCENT)) {
            return Some(TooManyFailed { failed, settled });
        }
        self.is_shut = false;
        None
    }
}

fn is_more_than(part: u64, whole: u64, percent: u8) -> bool {
    u128::from(part) * 100 > u128::from(whole) * u128::from(percent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canary() -> HaltRules {
        HaltRules::new().with_canary(Some(Canary { rows: 100, wait: Duration::from_secs(600) }))
    }

    fn status(accepted: u64, delivered: u64, systemic: u64) -> CampaignStatus {
        let mut status = CampaignStatus::new(1_000_000, 0);
        status.accepted = accepted;
        status.planned = 1_000_000 - accepted;
        status.batches.accepted = accepted.div_ceil(1000);
        (status.messages.delivered, status.messages.failed, status.systemic) = (delivered, systemic, systemic);
        status
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn gate_opens_when_enough_of_the_canary_is_settled() {
        let mut gate = Gate::new(canary());
        assert!(gate.is_shut());
        for (settled, is_shut) in [(0, true), (79, true), (80, false)] {
            assert_eq!(gate.note(&status(100, settled, 0), seconds(1)), None);
            assert_eq!(gate.is_shut(), is_shut, "{settled}");
        }
    }

    #[test]
    fn gate_opens_after_the_wait_and_not_before() {
        let mut gate = Gate::new(canary());
        gate.note(&status(0, 0, 0), seconds(500));
        gate.note(&status(100, 10, 0), seconds(1000));
        gate.note(&status(100, 10, 0), seconds(1599));
        assert!(gate.is_shut(), "the wait begins with the acceptance");
        gate.note(&status(100, 10, 0), seconds(1600));
        assert!(!gate.is_shut());
    }

    #[test]
    fn canary_that_fails_halts_and_the_gate_stays_shut() {
        let mut gate = Gate::new(canary());
        assert_eq!(gate.note(&status(100, 60, 19), seconds(1)), None);
        let halted = gate.note(&status(100, 60, 21), seconds(2));
        assert_eq!(halted, Some(TooManyFailed { failed: 21, settled: 81 }));
        assert!(gate.is_shut());
        let mut strict = Gate::new(canary().with_halt(Some(5), 50));
        assert_eq!(strict.note(&status(100, 94, 6), seconds(2)), Some(TooManyFailed { failed: 6, settled: 100 }));
        let mut past = Gate::new(canary().with_past_halt(true));
        assert_eq!(past.note(&status(100, 0, 100), seconds(1)), None);
        assert!(!past.is_shut());
    }

    #[test]
    fn gate_of_a_campaign_that_has_gone_on_is_open() {
        let mut gate = Gate::new(canary());
        assert_eq!(gate.note(&status(1100, 0, 0), seconds(1)), None);
        assert!(!gate.is_shut());
    }

    #[test]
    fn halt_looks_at_the_last_settled_messages() {
        let mut gate = Gate::new(HaltRules::new().with_halt(Some(20), 50));
        for thousand in 1..=20 {
            assert_eq!(gate.note(&status(100_000, thousand * 1000, 0), seconds(thousand)), None);
        }
        // 1,000 of 21,000 are few, and of the last 5,000 a fifth.
        assert_eq!(gate.note(&status(100_000, 20_000, 1000), seconds(21)), None);
        let halted = gate.note(&status(100_000, 20_000, 1100), seconds(22));
        assert_eq!(halted.map(|halted| halted.failed), Some(1100), "{halted:?}");
        let mut few = Gate::new(HaltRules::new().with_halt(Some(20), 50));
        assert_eq!(few.note(&status(1000, 0, 50), seconds(1)), None, "too few to say");
        assert!(few.note(&status(1000, 0, 51), seconds(1)).is_some());
        let mut past = Gate::new(HaltRules::new().with_halt(Some(20), 50).with_past_halt(true));
        assert_eq!(past.note(&status(1000, 0, 500), seconds(1)), None, "what was seen before");
        assert!(past.note(&status(1000, 0, 600), seconds(2)).is_some(), "and what came after it");
    }

    proptest! {
        #[test]
        fn nothing_halts_while_no_failure_counts(
            settled in prop::collection::vec(0u64..3000, 1..50), percent in 0u8..100, with_canary: bool,
        ) {
            let rules = if with_canary { canary() } else { HaltRules::new() };
            let mut gate = Gate::new(rules.with_halt(Some(percent), 0));
            let mut sum = 0;
            for (second, more) in (0..).zip(settled) {
                sum += more;
                prop_assert_eq!(gate.note(&status(sum, sum, 0), seconds(second)), None);
            }
        }
    }
}
