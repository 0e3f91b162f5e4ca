use std::sync::Arc;

use tokio::sync::watch;

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
#[derive(Clone, Debug)]
pub struct ReceiverHandle(Arc<watch::Sender<usize>>);

impl ReceiverHandle {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// How many callbacks are being applied at this moment.
    pub fn in_work(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no callback is being applied. New ones are not kept out: stop the server first.
    pub async fn drained(&self) {
        // The sender is here, so the channel is open and this cannot fail.
        let _ = self.0.subscribe().wait_for(|working| *working == 0).await;
    }

    /// Counts one more until what is returned is dropped.
    pub(super) fn working(&self) -> Working {
        self.0.send_modify(|working| *working += 1);
        Working(self.0.clone())
    }
}

/// One callback that is being applied.
pub(super) struct Working(Arc<watch::Sender<usize>>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.send_modify(|working| *working -= 1);
    }
}
