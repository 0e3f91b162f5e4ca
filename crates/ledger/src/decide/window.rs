//! Whether an app has as many messages outstanding as it may have.

use sinch_batch_models::Timestamp;

use crate::campaign::CampaignRecord;
use crate::error::LedgerError;
use crate::lease::Window;
use crate::store::{LeftInMinute, Store};

/// After how many times the time it should take to leave the queue a message counts as gone.
const PATIENCE: f64 = 4.0;

/// For how many seconds a message is waited for at least: receipts have a way of their own.
const LEAST: f64 = 30.0 * PATIENCE;

/// Whether nothing new of a campaign may leave, for all campaigns of its app together.
pub(super) fn is_full<S: Store>(
    store: &mut S,
    of: &CampaignRecord,
    window: Window,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let all = store.outstanding(of)?;
    let unknown = all.iter().fold(0_u64, |sum, one| sum.saturating_add(one.unknown));
    let pending = all.iter().fold(0_u64, |sum, one| sum.saturating_add(one.pending));
    // Most of the time the sums say enough.
    if window.messages == 0 || unknown.saturating_add(pending) < window.messages {
        return Ok(false);
    }
    let slow = f64::from(window.drain.max(1)) / PATIENCE;
    let oldest = (unknown.saturating_add(pending) as f64 / slow).max(LEAST);
    // Microseconds; far enough away for any ledger.
    let from = now.as_microsecond().saturating_sub((oldest * 1e6) as i64);
    let from = Timestamp::from_microsecond(from).unwrap_or(Timestamp::MIN);
    // A storage that has to fetch them notes all that are missing at once.
    let left: Vec<_> = all.iter().map(|one| store.left_since(one.campaign, from, now)).collect();
    let mut outstanding = 0_u64;
    for (one, left) in all.iter().zip(left) {
        // What nobody looks up any more would take its part of the window for ever.
        let most = one.pending.saturating_add(one.unknown);
        outstanding = outstanding.saturating_add(most.min(level(&left?, slow, now)));
    }
    Ok(outstanding >= window.messages)
}

/// How many of them would still be in a queue from which so many leave in a second.
fn level(left: &[LeftInMinute], slow: f64, now: Timestamp) -> u64 {
    let now = now.as_microsecond() as f64 / 1e6;
    let (mut level, mut at, mut newest) = (0.0_f64, f64::MIN, 0);
    for LeftInMinute { minute, rows } in left {
        // As late as it may have been.
        let end = ((*minute as f64 + 1.0) * 60.0).min(now);
        level = (level - (end - at) * slow).max(0.0) + *rows as f64;
        at = end;
        if end > now - LEAST {
            newest += rows;
        }
    }
    newest.max((level - (now - at) * slow).max(0.0).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn left(minute: i64, rows: u64) -> LeftInMinute {
        LeftInMinute { minute, rows }
    }

    #[test]
    fn level_falls_four_times_more_slowly_than_the_queue_should_drain() {
        // 20 messages a second should leave the queue.
        let slow = 20.0 / PATIENCE;
        assert_eq!(level(&[left(0, 2000)], slow, after(60)), 2000);
        assert_eq!(level(&[left(0, 2000)], slow, after(60 + 200)), 1000);
        assert_eq!(level(&[left(0, 2000)], slow, after(60 + 400)), 0);
        // What left later waits behind what is still there.
        assert_eq!(level(&[left(0, 2000), left(2, 1000)], slow, after(60 + 400)), 1000);
        // What left after all was gone waits behind nothing.
        assert_eq!(level(&[left(0, 2000), left(99, 1000)], slow, after(100 * 60 + 120)), 400);
    }

    #[test]
    fn level_counts_what_has_just_left_whole() {
        assert_eq!(level(&[left(0, 10)], 1000.0, after(60 + 119)), 10);
        assert_eq!(level(&[left(0, 10)], 1000.0, after(60 + 120)), 0);
        assert_eq!(level(&[], 1000.0, after(60)), 0);
    }
}
