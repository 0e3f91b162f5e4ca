use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Shows how many callbacks are being applied, and waits until none is: for a shutdown that cuts no sink
/// in half.
///
/// A sink runs to its end even if its sender has gone away, so a server that has answered all its
/// connections may still have sinks at work. Stop the server first, then wait:
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
///
/// use sinch_batch_webhook::{CallbackReceiver, Verifier, WebhookSecret};
///
/// # async fn serve(app: axum::Router) {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let receiver = CallbackReceiver::new(Verifier::new(WebhookSecret::new("the secret of the webhook"))?);
/// let handle = receiver.handle();
/// let app = receiver.router(async |_| Ok::<_, Infallible>(()));
/// serve(app).await; // until somebody asks it to stop
/// if tokio::time::timeout(Duration::from_secs(30), handle.drained()).await.is_err() {
///     eprintln!("{} callbacks were still being applied", handle.in_work());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReceiverHandle(Arc<Work>);

#[derive(Default)]
struct Work {
    count: AtomicUsize,
    none: Notify,
}

impl ReceiverHandle {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Number of callbacks being applied at this moment.
    pub fn in_work(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Waits until no callback is being applied. New ones are not kept out: stop the server first.
    pub async fn drained(&self) {
        loop {
            let mut none = pin!(self.0.none.notified());
            none.as_mut().enable();
            if self.in_work() == 0 {
                return;
            }
            none.await;
        }
    }

    /// Counts one more until what is returned is dropped.
    pub(super) fn working(&self) -> Working {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        Working(self.0.clone())
    }
}

impl fmt::Debug for ReceiverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverHandle").field("in_work", &self.in_work()).finish()
    }
}

/// One callback that is being applied.
pub(super) struct Working(Arc<Work>);

impl Drop for Working {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
