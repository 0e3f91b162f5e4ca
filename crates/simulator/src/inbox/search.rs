//! Looking for messages, newest first, for as long as there is time.

use std::sync::Arc;

use crate::batch::Batch;
use crate::inbox::place::Place;
use crate::stats::MessageStatus;

/// How many messages are looked at between two looks at the time.
const STEP: usize = 512;

/// Which messages are meant.
#[derive(Clone, Debug, Default)]
pub(crate) enum Wanted {
    /// Those of one person.
    Person(String),
    /// All, or some.
    #[default]
    All,
    /// By channel, status, beginning of the identity or part of a text; what is not given does not count.
    Some { channel: Option<String>, status: Option<MessageStatus>, q: Query },
}

/// What was typed into the search field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    typed: String,
    lower: String,
}

impl Query {
    pub(crate) fn new(typed: &str) -> Self {
        let typed = typed.trim();
        Self { typed: typed.to_owned(), lower: typed.to_lowercase() }
    }

    fn is_meant(&self, batch: &Batch, index: usize, identity: &str) -> bool {
        self.typed.is_empty() || identity.starts_with(&self.typed) || batch.contains(index, &self.lower)
    }
}

impl Wanted {
    pub(crate) fn is_meant(&self, batch: &Batch, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::Person(wanted) => batch.identity(index).1 == wanted,
            Self::Some { channel, status, q } => {
                // What costs least is asked first.
                if status.is_some_and(|status| status != batch.status(index)) {
                    return false;
                }
                let (on, identity) = batch.identity(index);
                channel.as_ref().is_none_or(|channel| channel == on) && q.is_meant(batch, index, identity)
            }
        }
    }
}

/// What was found, and how far the search got.
pub(crate) struct Found {
    pub(crate) messages: Vec<(Arc<Batch>, Place)>,
    /// Where to look on: older messages than this one. Nothing at the end.
    pub(crate) further: Option<Place>,
    /// Whether time was over before as many were found as were asked for.
    pub(crate) stopped: bool,
}

/// The newest messages that are meant and older than a place, so many at most.
pub(crate) fn backwards(
    batch_at: impl Fn(usize) -> Option<Arc<Batch>>,
    n_batches: usize,
    before: Option<Place>,
    wanted: &Wanted,
    limit: usize,
    mut has_time: impl FnMut() -> bool,
) -> Found {
    let mut found = Found { messages: Vec::new(), further: None, stopped: false };
    let (mut number, mut end) = match before {
        Some(place) if place.batch < n_batches => (place.batch + 1, Some(place.index)),
        _ => (n_batches, None),
    };
    let mut looked_at = 0_usize;
    while number > 0 {
        number -= 1;
        let Some(batch) = batch_at(number) else { continue };
        for index in (0..end.take().unwrap_or(usize::MAX).min(batch.len())).rev() {
            let place = Place { batch: number, index };
            if found.messages.len() == limit {
                found.further = found.messages.last().map(|(_, last)| *last);
                return found;
            }
            looked_at += 1;
            if looked_at.is_multiple_of(STEP) && !has_time() {
                (found.further, found.stopped) = (Some(Place { index: index + 1, ..place }), true);
                return found;
            }
            if wanted.is_meant(&batch, index) {
                found.messages.push((batch.clone(), place));
            }
        }
    }
    found
}

/// How many messages after a place are meant, and the last place that was looked at.
pub(crate) fn count_after(
    batch_at: impl Fn(usize) -> Option<Arc<Batch>>,
    n_batches: usize,
    after: Option<Place>,
    wanted: &Wanted,
    mut has_time: impl FnMut() -> bool,
) -> (u64, Option<Place>) {
    let (first, mut begin) = after.map_or((0, 0), |place| (place.batch, place.index.saturating_add(1)));
    let (mut n, mut last) = (0, after);
    let mut looked_at = 0_usize;
    for number in first..n_batches {
        let Some(batch) = batch_at(number) else { break };
        for index in std::mem::take(&mut begin)..batch.len() {
            looked_at += 1;
            if looked_at.is_multiple_of(STEP) && !has_time() {
                return (n, last);
            }
            n += u64::from(wanted.is_meant(&batch, index));
            last = Some(Place { batch: number, index });
        }
    }
    (n, last)
}
