//! The suite for stores of nonces accepts ours and refuses faulty ones.

use std::convert::Infallible;
use std::sync::Arc;

use jiff::Timestamp;
use sinch_batch_webhook::{NonceClaim, NonceState, NonceStore, Nonces, conformance};

#[tokio::test]
async fn conformance_holds_for_the_store_in_memory() {
    conformance::run(async || NonceStore::new()).await;
    conformance::run(async || Arc::new(NonceStore::with_capacity(1))).await;
}

/// Does something else with a claim, a release or another body than it should.
#[derive(Default)]
struct Faulty {
    store: NonceStore,
    forgets: bool,
    keeps_released: bool,
    ignores_bodies: bool,
}

impl Nonces for Faulty {
    type Error = Infallible;

    async fn claim(&self, claim: NonceClaim, now: Timestamp) -> Result<NonceState, Infallible> {
        Ok(match self.store.claim(claim, now) {
            NonceState::Duplicate if self.forgets => NonceState::New,
            NonceState::Conflict if self.ignores_bodies => NonceState::Duplicate,
            state => state,
        })
    }

    async fn keep(&self, claim: NonceClaim) -> Result<(), Infallible> {
        self.store.keep(claim);
        Ok(())
    }

    async fn release(&self, claim: NonceClaim) -> Result<(), Infallible> {
        if self.keeps_released {
            self.store.keep(claim)
        } else {
            self.store.release(claim)
        }
        Ok(())
    }
}

#[tokio::test]
#[should_panic(expected = "what was kept is a duplicate")]
async fn conformance_refuses_a_store_that_forgets() {
    conformance::run(async || Faulty { forgets: true, ..Faulty::default() }).await;
}

#[tokio::test]
#[should_panic(expected = "what was released can be claimed again")]
async fn conformance_refuses_a_store_that_keeps_what_was_released() {
    conformance::run(async || Faulty { keeps_released: true, ..Faulty::default() }).await;
}

#[tokio::test]
#[should_panic(expected = "another body of a claim in progress is a conflict")]
async fn conformance_refuses_a_store_that_ignores_bodies() {
    conformance::run(async || Faulty { ignores_bodies: true, ..Faulty::default() }).await;
}
