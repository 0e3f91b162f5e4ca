//! What repeats may cost: a storm of failures makes a client slower, not louder.

use std::sync::atomic::{AtomicU32, Ordering};

/// What one repeat costs, in units of what one call earns: five calls pay for one repeat.
const PRICE: u32 = 5;

/// What is there at first and at most: ten repeats.
const MOST: u32 = 10 * PRICE;

/// A budget for repeats, shared by the clones of a client.
///
/// Each call earns a fifth of a repeat, and a budget holds no more than ten repeats. So after any
/// number of calls, however they ended, the requests that left are at most 1.2 times the calls, and
/// ten more.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(MOST))
    }
}

impl Budget {
    /// A call begins.
    pub(crate) fn earn(&self) {
        // A budget that is full stays as it is; nothing else is guarded by it.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earned);
    }

    /// Takes the price of one repeat, if there is that much.
    pub(crate) fn spend(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok()
    }
}

/// The balance after a call has begun; `None` if it is full.
fn earned(balance: u32) -> Option<u32> {
    (balance < MOST).then(|| balance + 1)
}

/// The balance after a repeat; `None` if that cannot be paid.
fn spent(balance: u32) -> Option<u32> {
    balance.checked_sub(PRICE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn requests_stay_under_a_fifth_more_than_calls_and_ten(wishes in prop::collection::vec(0usize..6, 0..500)) {
            let budget = Budget::default();
            let (mut calls, mut repeats) = (0usize, 0usize);
            for wished in wishes {
                budget.earn();
                calls += 1;
                repeats += (0..wished).filter(|_| budget.spend()).count();
                prop_assert!(5 * repeats <= calls + 50, "{} repeats after {} calls", repeats, calls);
            }
        }
    }

    #[test]
    fn quiet_time_saves_no_more_than_ten_repeats() {
        let budget = Budget::default();
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        (0..4).for_each(|_| budget.earn());
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
    }
}
