use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// What comes of it in time; `None` if it takes longer. Most of what is awaited here is there at once
/// and needs no timer.
pub(super) async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(time, future).await.ok(),
    }
}
