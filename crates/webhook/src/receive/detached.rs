use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that runs to its end even if its caller has gone away.
///
/// A request's future is dropped when its sender goes away, and here when its time is up. What has
/// begun by then is given to the runtime: work half done and an unsettled claim would be worse
/// than an unread response. Only the end of the runtime ends it.
#[must_use = "it does nothing unless polled"]
pub(super) struct Detached<F: Future + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future + Send + 'static> Detached<F> {
    pub(super) fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future + Send + 'static> Future for Detached<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out meanwhile: what panics or is done must not be polled again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<F: Future + Send + 'static> Drop for Detached<F> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { drop(work.await) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::sync::oneshot;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn detached_work_goes_on_to_its_end() {
        runtime().block_on(async {
            let (go, gone) = oneshot::channel::<()>();
            let (end, ended) = oneshot::channel();
            let mut work = Detached::new(async move {
                gone.await.unwrap();
                end.send(7).unwrap();
            });
            assert!(Pin::new(&mut work).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(work);
            go.send(()).unwrap();
            assert_eq!(ended.await, Ok(7));
        });
    }

    #[test]
    fn detached_work_that_is_done_is_not_begun_again() {
        runtime().block_on(async {
            let mut work = Detached::new(async { 7 });
            assert_eq!(Pin::new(&mut work).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(7));
            assert!(work.0.is_none());
        });
    }
}
