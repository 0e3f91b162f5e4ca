//! How far a batch has got, in the service's words.

use std::cmp::Ordering;

use sinch_batch_models::BatchState;

/// The further of two states of one batch.
///
/// Order and number of batch callbacks are not promised, so states are folded with a maximum:
/// an unspecified state, `SCHEDULED`, `READY`, any name newer than this release (an error status may
/// be one), `CANCELLED`, `PROCESSED`. If both last ones were ever seen, people may have the message.
pub fn join_state(have: Option<BatchState>, seen: BatchState) -> BatchState {
    match have {
        Some(have) if order(&have, &seen) != Ordering::Less => have,
        _ => seen,
    }
}

fn order(a: &BatchState, b: &BatchState) -> Ordering {
    rank(a).cmp(&rank(b)).then_with(|| a.as_str().cmp(b.as_str()))
}

fn rank(state: &BatchState) -> u8 {
    match state {
        BatchState::Scheduled => 1,
        BatchState::Ready => 2,
        BatchState::Cancelled => 4,
        BatchState::Processed => 5,
        unknown if matches!(unknown.as_str(), "" | "UNSPECIFIED") => 0,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(names: &[&str]) -> Option<BatchState> {
        names.iter().fold(None, |have, name| Some(join_state(have, BatchState::from(*name))))
    }

    #[test]
    fn further_state_stays() {
        assert_eq!(fold(&["PROCESSED", "READY"]), Some(BatchState::Processed));
        assert_eq!(fold(&["READY", "FAILED"]), Some(BatchState::from("FAILED")));
        assert_eq!(fold(&["UNSPECIFIED", "SCHEDULED"]), Some(BatchState::Scheduled));
        assert_eq!(fold(&["CANCELLED", "SCHEDULED"]), Some(BatchState::Cancelled));
    }

    proptest! {
        #[test]
        fn order_and_repetition_of_batch_states_do_not_matter(
            (names, other) in prop::collection::vec(
                prop::sample::select(vec!["READY", "SCHEDULED", "PROCESSED", "CANCELLED", "FAILED", "ERROR", "", "UNSPECIFIED"]),
                1..12,
            ).prop_flat_map(|names| {
                let twice: Vec<_> = names.iter().chain(&names).copied().collect();
                (Just(names), Just(twice).prop_shuffle())
            })
        ) {
            prop_assert_eq!(fold(&names), fold(&other));
        }
    }
}
