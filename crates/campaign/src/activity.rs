//! Whether somebody works on a campaign, as far as its ledger knows.

use sinch_batch_ledger::{CampaignStatus, Held, Phase};

use crate::limits::SendLimits;

/// What a campaign is at, as far as its ledger knows: leases tell who works on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// A worker holds batches.
    Sending,
    /// Nobody holds a batch, and nothing may leave before receipts come: of the canary, or of what is outstanding. A
    /// worker may wait for them, or none is there.
    MayWait,
    /// Nobody works on it, and it is unfinished.
    Stopped,
    /// It is paused.
    Paused,
    /// It has halted.
    Halted,
    /// Nothing more leaves: everything is accepted, or it was cancelled.
    Ended,
}

impl Activity {
    /// The activity of a campaign with this status, these holders of its batches and these limits.
    pub fn of(status: &CampaignStatus, held: &[Held], limits: &SendLimits) -> Self {
        let waits_for_canary = limits.halt.canary.is_some() && status.batches.tried() == 1 && status.accepted > 0;
        let is_full = limits.window > 0 && status.outstanding() >= limits.window;
        match status.phase {
            _ if !status.is_unfinished() => Self::Ended,
            // What is under way ends first.
            _ if !held.is_empty() => Self::Sending,
            Phase::Paused => Self::Paused,
            Phase::Halted => Self::Halted,
            _ if waits_for_canary || is_full => Self::MayWait,
            _ => Self::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sinch_batch_models::Timestamp;

    use super::*;
    use crate::halt::{Canary, HaltRules};

    #[test]
    fn activity_follows_from_leases_phase_and_what_is_waited_for() {
        let mut status = CampaignStatus::new(1000, 0);
        let held = [Held::new("w", 1, Timestamp::UNIX_EPOCH)];
        let plain = SendLimits::default();
        assert_eq!(Activity::of(&status, &[], &plain), Activity::Stopped);
        assert_eq!(Activity::of(&status, &held, &plain), Activity::Sending);
        (status.accepted, status.planned, status.batches.accepted, status.messages.pending) = (100, 900, 1, 100);
        assert_eq!(Activity::of(&status, &[], &plain), Activity::Stopped);
        let canary = HaltRules::new().with_canary(Some(Canary { rows: 100, wait: Duration::from_secs(600) }));
        for limits in [SendLimits::default().with_halt(canary), SendLimits::default().with_window(100)] {
            assert_eq!(Activity::of(&status, &[], &limits), Activity::MayWait);
            assert_eq!(Activity::of(&status, &held, &limits), Activity::Sending);
        }
        for (phase, activity) in
            [(Phase::Paused, Activity::Paused), (Phase::Halted, Activity::Halted), (Phase::Cancelled, Activity::Ended)]
        {
            status.phase = phase;
            assert_eq!(Activity::of(&status, &[], &plain), activity);
        }
        (status.phase, status.accepted, status.planned) = (Phase::Done, 1000, 0);
        assert_eq!(Activity::of(&status, &held, &plain), Activity::Ended);
    }
}
