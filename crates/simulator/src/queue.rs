//! The queue of an app: messages leave it when they may, and what happened goes to the outbox.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use crate::batch::Receipts;
use crate::callbacks::{pass_silently, receipts_target};
use crate::outbox::{Post, What};
use crate::shared::Shared;
use crate::store::Event;

/// The published rate at which the queue of an app drains: 20 messages per second.
const REALISTIC_GAP: Duration = Duration::from_millis(50);

/// Hands what happened to the outbox. Called with the store locked, so that what has left the one is in the other.
pub(crate) fn report(shared: &Shared, event: Event<'_>, now: Timestamp) {
    match event {
        Event::Left(batch, range) => {
            if receipts_target(shared, batch).is_some() {
                return shared.outbox.messages(batch, range);
            }
            if matches!(batch.receipts, Receipts::Outside) {
                shared.counters.not_sent.fetch_add(range.len() as u64, Ordering::Relaxed);
            }
            range.for_each(|index| pass_silently(shared, batch, index));
        }
        Event::Ended(batch, state) => {
            if shared.callback_url.is_some() {
                shared.outbox.post(Post::new(What::Ended(batch.clone(), state), now));
            }
        }
    }
}

/// Drains what may leave by now. Returns when to look again.
fn drain_now(shared: &Shared) -> Option<Timestamp> {
    let gap = shared.config.realistic.then_some(REALISTIC_GAP);
    let next = {
        let now = shared.clock.now();
        shared.store().drain(now, gap, &mut |event| report(shared, event, now))
    };
    shared.outbox.quiet().notify_waiters();
    next
}

/// Moves the clock on, and drains everything that is due by then.
pub(crate) fn advance(shared: &Shared, by: Duration) {
    shared.clock.advance(by);
    drain_now(shared);
}

/// Drains the queue, for ever.
pub(crate) async fn drain(shared: Arc<Shared>) {
    loop {
        match drain_now(&shared) {
            None => shared.wait_for_arrival().await,
            Some(next) => tokio::select! {
                () = shared.wait_for_arrival() => {}
                () = shared.clock.sleep_until(next) => {}
            },
        }
    }
}
