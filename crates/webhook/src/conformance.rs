//! What every implementation of [`Nonces`] must do, as a test to run over yours.

use std::pin::Pin;
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};

use crate::{NonceClaim, NonceState, Nonces};

/// Runs all checks, each over an empty store that `make` opens.
///
/// ```
/// use sinch_batch_webhook::{NonceStore, conformance};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// conformance::run(async || NonceStore::new()).await;
/// # });
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// If the store breaks a promise of [`Nonces`], with the promise.
pub async fn run<N: Nonces>(mut make: impl AsyncFnMut() -> N) {
    new_then_in_progress_then_duplicate(&make().await).await;
    released_is_new_again(&make().await).await;
    another_body_is_a_conflict(&make().await).await;
    kept_is_known_until_its_time(&make().await).await;
    keys_are_independent(&make().await).await;
    settling_again_changes_nothing(&make().await).await;
    one_of_many_claims_is_new(&make().await).await;
}

/// 2031-09-14T10:00:00Z
const START: i64 = 1_947_146_400;

fn now() -> Timestamp {
    Timestamp::from_second(START).unwrap_or_default()
}

fn claim(nonce: &str, body: &str) -> NonceClaim {
    NonceClaim::of(nonce, body.as_bytes(), now() + SignedDuration::from_mins(5))
}

async fn ask<N: Nonces>(store: &N, claim: NonceClaim, at: Timestamp, expected: NonceState, promise: &str) {
    match store.claim(claim, at).await {
        Ok(state) => assert_eq!(state, expected, "{promise}"),
        Err(error) => panic!("{promise}: the claim failed: {error}"),
    }
}

async fn keep<N: Nonces>(store: &N, claim: NonceClaim) {
    if let Err(error) = store.keep(claim).await {
        panic!("a claim could not be kept: {error}");
    }
}

async fn release<N: Nonces>(store: &N, claim: NonceClaim) {
    if let Err(error) = store.release(claim).await {
        panic!("a claim could not be released: {error}");
    }
}

async fn new_then_in_progress_then_duplicate<N: Nonces>(store: &N) {
    let one = claim("a", "body");
    ask(store, one, now(), NonceState::New, "the first claim is new").await;
    ask(store, one, now(), NonceState::InProgress, "a claim that is not settled is in progress").await;
    keep(store, one).await;
    ask(store, one, now(), NonceState::Duplicate, "what was kept is a duplicate").await;
}

async fn released_is_new_again<N: Nonces>(store: &N) {
    let one = claim("a", "body");
    ask(store, one, now(), NonceState::New, "the first claim is new").await;
    release(store, one).await;
    ask(store, one, now(), NonceState::New, "what was released can be claimed again").await;
    keep(store, one).await;
    ask(store, one, now(), NonceState::Duplicate, "what was kept after a release is a duplicate").await;
}

async fn another_body_is_a_conflict<N: Nonces>(store: &N) {
    let (first, second) = (claim("a", "body"), claim("a", "another body"));
    ask(store, first, now(), NonceState::New, "the first claim is new").await;
    ask(store, second, now(), NonceState::Conflict, "another body of a claim in progress is a conflict").await;
    ask(store, first, now(), NonceState::InProgress, "a conflict leaves the claim with the first").await;
    keep(store, first).await;
    ask(store, second, now(), NonceState::Conflict, "another body of a kept nonce is a conflict").await;
    ask(store, first, now(), NonceState::Duplicate, "a conflict changes nothing of what was kept").await;
}

async fn kept_is_known_until_its_time<N: Nonces>(store: &N) {
    let one = claim("a", "body");
    ask(store, one, now(), NonceState::New, "the first claim is new").await;
    keep(store, one).await;
    ask(store, one, one.until(), NonceState::Duplicate, "a nonce is known up to the last moment of its time").await;
}

async fn keys_are_independent<N: Nonces>(store: &N) {
    let (first, second) = (claim("a", "body"), claim("b", "body"));
    let elsewhere = first.with_namespace("elsewhere");
    ask(store, first, now(), NonceState::New, "the first claim is new").await;
    keep(store, first).await;
    ask(store, second, now(), NonceState::New, "the same body under another nonce is new").await;
    ask(store, elsewhere, now(), NonceState::New, "the same nonce in another namespace is new").await;
    release(store, second).await;
    ask(store, first, now(), NonceState::Duplicate, "a release is of one claim alone").await;
}

async fn settling_again_changes_nothing<N: Nonces>(store: &N) {
    let one = claim("a", "body");
    ask(store, one, now(), NonceState::New, "the first claim is new").await;
    keep(store, one).await;
    keep(store, one).await;
    release(store, one).await;
    ask(store, one, now(), NonceState::Duplicate, "a release does not undo what was kept").await;
}

async fn one_of_many_claims_is_new<N: Nonces>(store: &N) {
    let one = claim("a", "body");
    let claims = (0..20).map(|_| Box::pin(store.claim(one, now())) as Pin<Box<dyn Future<Output = _> + Send>>);
    let states = all(claims.collect()).await;
    let new = states.iter().filter(|state| matches!(state, Ok(NonceState::New))).count();
    assert_eq!(new, 1, "of many claims at once exactly one is new");
}

/// Polls all futures until each has ended; their outputs in the order of their ends.
async fn all<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut outputs = Vec::new();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(output) => {
                outputs.push(output);
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs
}
