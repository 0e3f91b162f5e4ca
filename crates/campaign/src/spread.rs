//! When each batch of a spread campaign leaves.

use std::time::Duration;

use sinch_batch_models::Timestamp;

/// The grid of the service's schedule.
const GRID: i64 = 300;

/// When batch `number` of `n_batches`, counted from 1, is to leave: the first at `at`, the others evenly behind
/// it within `spread`, down to the grid of 5 minutes.
///
/// Never before `at`; the service rounds that up to its grid.
pub(crate) fn send_after(at: Timestamp, spread: Duration, number: u32, n_batches: u64) -> Timestamp {
    let before = u128::from(number.saturating_sub(1));
    let offset = spread.as_micros() * before / u128::from(n_batches.max(1));
    let offset = Duration::from_micros(u64::try_from(offset).unwrap_or(u64::MAX));
    let Ok(ideal) = at.checked_add(offset) else { return at };
    let on_grid = ideal.as_second().div_euclid(GRID) * GRID;
    Timestamp::from_second(on_grid).map_or(at, |on_grid| on_grid.max(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn batches_leave_evenly_on_the_grid() {
        let at = time("2031-09-14T10:02:00Z");
        let of = |number| send_after(at, Duration::from_secs(3600), number, 8).to_string();
        let times: Vec<_> = (1..=8).map(of).collect();
        assert_eq!(
            times,
            [
                "2031-09-14T10:02:00Z",
                "2031-09-14T10:05:00Z",
                "2031-09-14T10:15:00Z",
                "2031-09-14T10:20:00Z",
                "2031-09-14T10:30:00Z",
                "2031-09-14T10:35:00Z",
                "2031-09-14T10:45:00Z",
                "2031-09-14T10:50:00Z",
            ]
        );
    }

    proptest! {
        #[test]
        fn no_batch_leaves_before_its_time_begins_nor_later_than_asked_by_more_than_the_grid(
            at in 0i64..4_000_000_000, spread in 0u64..604_800, n_batches in 1u32..100_000, number in 1u32..100_000,
        ) {
            let number = number.min(n_batches);
            let at = Timestamp::from_second(at).unwrap();
            let spread = Duration::from_secs(spread);
            let leaves = send_after(at, spread, number, n_batches.into());
            let ideal = at + spread * (number - 1) / n_batches;
            prop_assert!(at <= leaves && leaves <= ideal);
            prop_assert!(ideal.duration_since(leaves).as_secs() < 300);
            // As the service rounds it up.
            let effective = (leaves.as_second() + 299) / 300 * 300;
            prop_assert!(effective <= ideal.as_second() + 300);
            if number > 1 {
                prop_assert!(send_after(at, spread, number - 1, n_batches.into()) <= leaves);
            }
        }
    }
}
