//! Where the time on the wall comes from.

use std::fmt;
use std::sync::Arc;

use sinch_batch_models::Timestamp;

/// The system's clock, or a simulation's.
#[derive(Clone, Default)]
pub(crate) struct Time(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

impl Time {
    pub(crate) fn simulated(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(wall)))
    }

    pub(crate) fn is_simulated(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |wall| wall())
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Time").field("simulated", &self.is_simulated()).finish()
    }
}
