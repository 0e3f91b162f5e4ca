use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::detached::Detached;
use super::time::within;
use super::warning::Notice;
use super::{CallbackOutcome, CallbackReceiver, Rejection};
use crate::{NonceClaim, NonceState, Nonces};

/// How often a claim that somebody else holds is asked for again. In this process the end of his
/// work is notified at once; a shared store may be waiting for another.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What became of a callback that was admitted.
pub(super) enum Met<T, E> {
    /// Applied; its nonce may have come before with another body.
    Applied { done: T, conflict: bool },
    /// Applied before.
    Duplicate,
    /// What it was handed to failed.
    Failed(E),
    /// Not handed to anybody.
    Rejected(Rejection),
}

/// Applies a callback once: claims it, hands it over, and settles the claim by how that ended.
pub(super) async fn once<N, A, W, Fut, T, E>(
    receiver: &Arc<CallbackReceiver<N>>,
    claim: NonceClaim,
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
            Attempt::InProgress(admitted, work) => (admitted, work),
        };
        // The answer depends on how the other one ends.
        loop {
            let mut settled = pin!(receiver.settled.notified());
            settled.as_mut().enable();
            (admitted, work) = match attempt(admitted, work).await {
                Attempt::Met(met) => return met,
                Attempt::InProgress(admitted, work) => (admitted, work),
            };
            let _ = tokio::time::timeout(ASK_AGAIN, settled).await;
        }
    };
    within(receiver.limits.answer, met).await.unwrap_or(Met::Rejected(Rejection::TimedOut))
}

enum Attempt<A, W, T, E> {
    Met(Met<T, E>),
    InProgress(A, W),
}

async fn attempt<N, A, W, Fut, T, E>(
    receiver: Arc<CallbackReceiver<N>>,
    claim: NonceClaim,
    admitted: A,
    work: W,
) -> Attempt<A, W, T, E>
where
    N: Nonces,
    W: FnOnce(A) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let _working = receiver.handle.working();
    // Only somebody with the secret can sign another body under a nonce: it is genuine as well, and must
    // not be lost. The claim stays with the first.
    let conflict = match receiver.nonces.claim(claim, receiver.now()).await {
        Ok(NonceState::New) => false,
        Ok(NonceState::Conflict) => true,
        Ok(NonceState::InProgress) => return Attempt::InProgress(admitted, work),
        Ok(NonceState::Duplicate) => return Attempt::Met(Met::Duplicate),
        Err(error) => return Attempt::Met(Met::Rejected(unsaid(&error))),
    };
    // The place is held until the claim is settled.
    let place = receiver.places.try_acquire();
    let met = match &place {
        Ok(_) => match unpanicked(work, admitted).await {
            Some(Ok(done)) => Met::Applied { done, conflict },
            Some(Err(failed)) => Met::Failed(failed),
            None => Met::Rejected(Rejection::Panicked),
        },
        Err(_) => Met::Rejected(Rejection::Busy),
    };
    if !conflict {
        settle(&receiver, claim, matches!(met, Met::Applied { .. })).await;
    }
    drop(place);
    receiver.settled.notify_waiters();
    Attempt::Met(met)
}

/// A claim that cannot be settled lapses in the store; the callback's own fate is settled already.
async fn settle<N: Nonces>(receiver: &CallbackReceiver<N>, claim: NonceClaim, taken: bool) {
    let settled = if taken { receiver.nonces.keep(claim).await } else { receiver.nonces.release(claim).await };
    if settled.is_err() {
        tracing::warn!("the store of nonces did not record a callback");
    }
}

fn unsaid(error: &impl fmt::Display) -> Rejection {
    Rejection::Nonces(error.to_string().into())
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

impl<N: Nonces> CallbackReceiver<N> {
    /// Reports to the log and the observer.
    pub(super) fn report(&self, outcome: &CallbackOutcome) {
        match outcome {
            CallbackOutcome::Applied { secret, readable, late, conflict, .. } => {
                tracing::debug!(secret, late, "a callback was applied");
                if !readable {
                    self.warn(Notice::Unreadable);
                }
                if *conflict {
                    self.warn(Notice::Conflict);
                }
            }
            CallbackOutcome::Duplicate { secret, .. } => tracing::debug!(secret, "a callback was repeated"),
            CallbackOutcome::Rejected(rejection) => self.warn(Notice::Rejected(rejection.clone())),
        }
        if let Some(observer) = &self.observer {
            observer(outcome);
        }
    }
}
