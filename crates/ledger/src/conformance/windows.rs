//! How much of an app may be outstanding, over all its campaigns.

use sinch_batch_models::Timestamp;
use sinch_batch_tracking::Progress;

use super::{Bench, LEASE, accepted, at, now, plan, refused, state};
use crate::campaign::NewCampaign;
use crate::entry::Entry;
use crate::lease::{Claim, Window};
use crate::ledger::Ledger;
use crate::worker::Worker;

pub(super) async fn run<L: Ledger>(make: &mut impl AsyncFnMut() -> L) {
    a_full_window_lets_nothing_new_of_its_app_leave(&make().await).await;
    a_full_window_gives_what_has_to_be_looked_up(&make().await).await;
    a_full_window_holds_up_nobody_who_has_nothing_to_send(&make().await).await;
    a_window_waits_no_longer_than_four_times_the_queue(&make().await).await;
    a_window_does_not_wait_for_what_nobody_looks_up(&make().await).await;
}

/// A campaign of an app.
async fn of_app<'a, L: Ledger>(ledger: &'a L, name: &str, app: &str, sizes: &[u64]) -> Bench<'a, L> {
    let mut new = NewCampaign::new(name, name, sizes.iter().sum(), now());
    app.clone_into(&mut new.app);
    Bench::of(ledger, new, plan(name, sizes)).await
}

/// The batches of a claim, and whether the window is full.
async fn within<L: Ledger>(bench: &Bench<'_, L>, worker: &str, window: Window, at: Timestamp) -> (Vec<u32>, bool) {
    let claim = Claim::new(Worker::new(worker, None), 1, at).with_lease(LEASE).with_window(window);
    let claimed = bench.ledger.claim(bench.id(), claim).await.expect("a claim");
    (claimed.leases.iter().map(|lease| lease.number).collect(), claimed.is_full)
}

async fn a_full_window_lets_nothing_new_of_its_app_leave<L: Ledger>(ledger: &L) {
    let first = of_app(ledger, "autumn", "A", &[3, 3, 3]).await;
    let second = of_app(ledger, "winter", "A", &[1; 4]).await;
    let other = of_app(ledger, "spring", "B", &[1]).await;
    first.try_batch(1).await;
    first.recorded(accepted(1, "A1")).await;
    first.try_batch(2).await;
    // Three rows are pending, three of unknown outcome.
    assert_eq!(within(&second, "one", Window::new(6, 20), at(1)).await, (vec![], true));
    assert_eq!(within(&first, "one", Window::new(6, 20), at(1)).await, (vec![], true));
    assert_eq!(within(&other, "one", Window::new(6, 20), at(1)).await, (vec![1], false));
    // Nothing was written.
    assert_eq!(first.batch(3).await.held_until, None);
    assert_eq!(within(&second, "one", Window::new(7, 20), at(1)).await, (vec![1], false));
    assert_eq!(within(&second, "one", Window::new(0, 20), at(1)).await, (vec![2], false));
    // What has left the queue makes room.
    first.applied(first.row(2, state(Progress::Queued))).await;
    assert_eq!(within(&second, "one", Window::new(6, 20), at(2)).await, (vec![3], false));
    assert_eq!(within(&second, "one", Window::new(5, 20), at(2)).await, (vec![], true));
}

async fn a_full_window_gives_what_has_to_be_looked_up<L: Ledger>(ledger: &L) {
    let bench = of_app(ledger, "autumn", "A", &[1, 3, 3]).await;
    bench.try_batch(2).await;
    bench.try_batch(3).await;
    bench.recorded(refused(3, 1, "no")).await;
    let window = Window::new(3, 20);
    assert_eq!(within(&bench, "one", window, at(1)).await, (vec![], true));
    // The worker fell silent. What was refused is as new as what was never tried.
    assert_eq!(within(&bench, "one", window, at(30)).await, (vec![2], true));
    assert_eq!(within(&bench, "one", window, at(31)).await, (vec![], true));
    bench.recorded(refused(2, 1, "no")).await;
    assert_eq!(within(&bench, "one", window, at(31)).await, (vec![1], false));
}

async fn a_full_window_holds_up_nobody_who_has_nothing_to_send<L: Ledger>(ledger: &L) {
    let done = of_app(ledger, "autumn", "A", &[3]).await;
    done.try_batch(1).await;
    done.recorded(accepted(1, "A1")).await;
    let unknown = of_app(ledger, "winter", "A", &[3]).await;
    unknown.try_batch(1).await;
    let window = Window::new(3, 20);
    assert_eq!(within(&done, "one", window, at(1)).await, (vec![], false));
    // All that is free of it is given.
    let claim = Claim::new(Worker::new("two", None), 4, at(30)).with_lease(LEASE).with_window(window);
    let claimed = ledger.claim(unknown.id(), claim).await.expect("a claim");
    assert_eq!((claimed.leases.len(), claimed.is_full), (1, false));
}

async fn a_window_does_not_wait_for_what_nobody_looks_up<L: Ledger>(ledger: &L) {
    let left = of_app(ledger, "autumn", "A", &[3, 3]).await;
    left.try_batch(1).await;
    left.try_batch(2).await;
    ledger.cancel(left.id()).await.expect("cancelled");
    let next = of_app(ledger, "winter", "A", &[1]).await;
    let window = Window::new(6, 20);
    assert_eq!(within(&next, "one", window, at(119)).await, (vec![], true));
    assert_eq!(within(&next, "one", window, at(121)).await, (vec![1], false));
}

async fn a_window_waits_no_longer_than_four_times_the_queue<L: Ledger>(ledger: &L) {
    let silent = of_app(ledger, "autumn", "A", &[600, 600, 600]).await;
    let next = of_app(ledger, "winter", "A", &[1; 9]).await;
    for (number, id) in [(1, "A1"), (2, "A2")] {
        silent.try_batch(number).await;
        silent.recorded(accepted(number, id)).await;
    }
    // 10 messages a second should leave, so 2.5 a second do at worst, from the end of their minute on.
    let window = Window::new(1000, 10);
    assert_eq!(within(&next, "one", window, at(60)).await, (vec![], true));
    assert_eq!(within(&next, "one", window, at(60 + 80)).await, (vec![], true));
    // Some are waited for at least two minutes, whatever the pace.
    assert_eq!(within(&next, "one", window, at(60 + 119)).await, (vec![], true));
    assert_eq!(within(&next, "one", window, at(60 + 120)).await, (vec![1], false));
    // What is to leave later is in no queue yet, and is waited for from then on.
    silent.recorded_at(Entry::Scheduled { number: 2, send_after: at(3600) }, at(120)).await;
    assert_eq!(within(&next, "one", Window::new(300, 10), at(60 + 120)).await, (vec![], true));
    assert_eq!(within(&next, "one", Window::new(301, 10), at(60 + 120)).await, (vec![2], false));
    assert_eq!(within(&next, "one", Window::new(600, 10), at(3601)).await, (vec![], true));
    assert_eq!(within(&next, "one", Window::new(601, 10), at(3601)).await, (vec![1], false));
}
