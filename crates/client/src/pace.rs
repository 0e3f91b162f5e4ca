//! How many requests leave in a second.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A limit of requests per second, shared by all who hold a clone of it.
///
/// In any second, wherever it begins, no more requests leave than the figure says: repeats count, and
/// so do requests that carry a new token. Who comes too early waits in turn; a call that is dropped
/// while it waits has taken nothing.
///
/// The service's own limit is for a project, with all of its apps. Give clones of one `Pace` to all
/// clients of the project, see [`ClientBuilder::with_pace`](crate::ClientBuilder::with_pace).
#[derive(Clone, Debug)]
pub struct Pace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Held by the first in the queue while it waits.
    turn: tokio::sync::Mutex<()>,
    window: Mutex<Window>,
    start: Instant,
}

impl Pace {
    /// What a project may ask in a second, over all its apps: 800. Source: the published description
    /// of the Conversation API.
    pub const PER_PROJECT: NonZeroU32 = NonZeroU32::new(800).unwrap();

    /// At most so many requests in any second.
    pub fn per_second(requests: NonZeroU32) -> Self {
        let window = Mutex::new(Window::new(requests));
        Self(Arc::new(Shared { turn: tokio::sync::Mutex::new(()), window, start: Instant::now() }))
    }

    /// Waits until a request may leave; it is counted then.
    pub(crate) async fn turn(&self) {
        let _first = self.0.turn.lock().await;
        loop {
            let now = self.0.start.elapsed();
            // The window is whole between any two lines, so a poisoned lock holds nothing half done.
            let admitted = self.0.window.lock().unwrap_or_else(PoisonError::into_inner).admit(now);
            match admitted {
                Ok(()) => return,
                Err(at) => tokio::time::sleep_until(self.0.start + at).await,
            }
        }
    }
}

impl Default for Pace {
    /// [`PER_PROJECT`](Self::PER_PROJECT) requests a second.
    fn default() -> Self {
        Self::per_second(Self::PER_PROJECT)
    }
}

/// A second, and a little more: requests that leave a second apart may arrive closer together.
const SECOND: Duration = Duration::from_millis(1050);

/// The requests of the last second.
#[derive(Debug)]
struct Window {
    most: usize,
    /// When each left, oldest first; never more than `most`.
    left: VecDeque<Duration>,
}

impl Window {
    fn new(most: NonZeroU32) -> Self {
        Self { most: most.get() as usize, left: VecDeque::new() }
    }

    /// Counts a request that leaves now, or says from when on it may. `now` is the time since some
    /// start; one that lies before an earlier one is as good as that.
    fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let now = self.left.back().map_or(now, |last| now.max(*last));
        if self.left.len() == self.most {
            // The oldest must be a whole second away, for then a second holds only one of both.
            let from = self.left[0] + SECOND;
            if now < from {
                return Err(from);
            }
            self.left.pop_front();
        }
        self.left.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_second_holds_more_than_its_figure(
            most in 1u32..20,
            steps in prop::collection::vec(0u64..400, 1..400),
            backwards in prop::collection::vec(any::<bool>(), 400),
        ) {
            let mut window = Window::new(NonZeroU32::new(most).unwrap());
            let mut now = Duration::ZERO;
            let mut left = Vec::new();
            for (step, backwards) in steps.into_iter().zip(backwards) {
                let step = Duration::from_millis(step);
                now = if backwards { now.saturating_sub(step / 4) } else { now + step };
                match window.admit(now) {
                    Ok(()) => left.push(now.max(left.last().copied().unwrap_or_default())),
                    Err(from) => {
                        // It gets the first moment at which it may run: not a nanosecond earlier.
                        prop_assert!(window.admit(from - Duration::from_nanos(1)).is_err());
                        prop_assert!(window.admit(from).is_ok());
                        now = now.max(from);
                        left.push(from);
                    }
                }
            }
            for (at, first) in left.iter().enumerate() {
                let within = left[at..].iter().take_while(|later| **later < *first + Duration::from_secs(1)).count();
                prop_assert!(within <= most as usize, "{} from {:?}", within, first);
            }
        }
    }

    #[test]
    fn pace_below_the_limit_never_waits() {
        let mut window = Window::new(Pace::PER_PROJECT);
        for number in 0..10_000u32 {
            assert_eq!(window.admit(Duration::from_micros(1313) * number), Ok(()));
        }
        assert_eq!(window.left.len(), 800);
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_one_figure_and_take_turns() {
        let pace = Pace::per_second(NonZeroU32::new(10).unwrap());
        let start = Instant::now();
        let tasks: Vec<_> = (0..35)
            .map(|number| {
                let pace = pace.clone();
                tokio::spawn(async move {
                    pace.turn().await;
                    (start.elapsed().as_millis() / 1050, number)
                })
            })
            .collect();
        let mut turns = Vec::new();
        for task in tasks {
            turns.push(task.await.unwrap());
        }
        // First come, first served: ten in each second.
        assert_eq!(turns, (0..35).map(|number| (number / 10, number)).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn pace_abandoned_wait_takes_no_turn() {
        let pace = Pace::per_second(NonZeroU32::MIN);
        let start = Instant::now();
        pace.turn().await;
        assert!(tokio::time::timeout(Duration::from_millis(900), pace.turn()).await.is_err());
        pace.turn().await;
        assert!(start.elapsed() < Duration::from_millis(1100));
    }
}
