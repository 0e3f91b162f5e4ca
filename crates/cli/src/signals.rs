//! Ctrl-C and its kin.

use crate::exit;

/// Completes when somebody asks the program to stop: Ctrl-C, or the termination signal.
pub(crate) async fn stop_asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without the signal's handler the system's own way to end the program stays in force.
    let _ = tokio::signal::ctrl_c().await;
}

/// Turns the first ask into a message on the channel, and the second into an end at once: the ledger
/// knows what was under way.
pub(crate) fn watch() -> tokio::sync::watch::Receiver<bool> {
    let (sender, receiver) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        stop_asked().await;
        crate::say!("stopping: what is under way is finished first; once more ends at once");
        sender.send_replace(true);
        stop_asked().await;
        std::process::exit(exit::NOT_FINISHED.into());
    });
    receiver
}

/// Completes when the channel says stop.
pub(crate) async fn stopped(mut stop: tokio::sync::watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
