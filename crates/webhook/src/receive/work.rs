use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::detached::Detached;
use super::time::within;
use super::{Outcome, Receiver, Refusal};
use crate::{Claim, Claimed, Nonces};

/// How often a claim that somebody else holds is asked for again. In this process the end of his
/// work is told at once; a shared store may be waiting for another.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How a callback was met that was admitted.
pub(super) enum Met<T, E> {
    /// Taken in.
    Taken(T),
    /// Taken in before.
    Repeated,
    /// What it was handed to failed.
    Failed(E),
    /// Not handed to anybody.
    Refused(Refusal),
}

/// Takes in a callback once: claims it, hands it over, and settles the claim by how that ended.
pub(super) async fn once<N, A, W, Fut, T, E>(
    receiver: &Arc<Receiver<N>>,
    claim: Claim,
    admitted: A,
    work: W,
) -> Met<T, E>
where
    N: Nonces,
    A: Send + 'static,
    W: FnOnce(A) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let met = async {
        let attempt = |admitted, work| Detached::new(attempt(receiver.clone(), claim, admitted, work));
        let (mut admitted, mut work) = match attempt(admitted, work).await {
            Attempt::Met(met) => return met,
            Attempt::InWork(admitted, work) => (admitted, work),
        };
        // The answer depends on how the other one ends.
        loop {
            let mut settled = pin!(receiver.settled.notified());
            settled.as_mut().enable();
            (admitted, work) = match attempt(admitted, work).await {
                Attempt::Met(met) => return met,
                Attempt::InWork(admitted, work) => (admitted, work),
            };
            let _ = tokio::time::timeout(ASK_AGAIN, settled).await;
        }
    };
    within(receiver.limits.answer, met).await.unwrap_or(Met::Refused(Refusal::Late))
}

enum Attempt<A, W, T, E> {
    Met(Met<T, E>),
    InWork(A, W),
}

async fn attempt<N, A, W, Fut, T, E>(
    receiver: Arc<Receiver<N>>,
    claim: Claim,
    admitted: A,
    work: W,
) -> Attempt<A, W, T, E>
where
    N: Nonces,
    W: FnOnce(A) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    match receiver.nonces.claim(claim, receiver.now()).await {
        Ok(Claimed::New) => {}
        Ok(Claimed::InWork) => return Attempt::InWork(admitted, work),
        Ok(Claimed::Known) => return Attempt::Met(Met::Repeated),
        Ok(Claimed::Altered) => return Attempt::Met(Met::Refused(Refusal::Altered)),
        Err(error) => return Attempt::Met(Met::Refused(unsaid(&error))),
    }
    let met = match receiver.places.try_acquire() {
        // The place is held until the claim is settled.
        Ok(_place) => {
            let met = match unpanicked(work, admitted).await {
                Some(Ok(done)) => Met::Taken(done),
                Some(Err(failed)) => Met::Failed(failed),
                None => Met::Refused(Refusal::Panicked),
            };
            settle(&receiver, claim, matches!(met, Met::Taken(_))).await;
            met
        }
        Err(_) => {
            settle(&receiver, claim, false).await;
            Met::Refused(Refusal::Busy)
        }
    };
    receiver.settled.notify_waiters();
    Attempt::Met(met)
}

/// A claim that cannot be settled lapses in the store; the callback's own fate is settled already.
async fn settle<N: Nonces>(receiver: &Receiver<N>, claim: Claim, taken: bool) {
    let settled = if taken { receiver.nonces.keep(claim).await } else { receiver.nonces.release(claim).await };
    if settled.is_err() {
        tracing::warn!("the store of nonces did not take note of a callback");
    }
}

fn unsaid(error: &impl fmt::Display) -> Refusal {
    Refusal::Nonces(error.to_string().into())
}

/// `None` if it panicked: a sink's panic must not keep its claim for ever.
async fn unpanicked<A, Fut: Future>(work: impl FnOnce(A) -> Fut, admitted: A) -> Option<Fut::Output> {
    let working = catch_unwind(AssertUnwindSafe(|| work(admitted))).ok()?;
    let mut working = pin!(working);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| working.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl<N> Receiver<N> {
    /// Tells the log and the observer.
    pub(super) fn tell(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Taken { secret } => tracing::debug!(secret, "a callback was taken in"),
            Outcome::Repeated { secret } => tracing::debug!(secret, "a callback came again"),
            Outcome::Refused(refusal) => refusal.log(),
        }
        if let Some(observer) = &self.observer {
            observer(outcome);
        }
    }
}
