//! Ctrl-C and its kin.

use crate::exit;

/// Completes when somebody asks the program to stop: Ctrl-C, or the termination signal.
pub(crate) async fn stop_asked() {
    Asks::listen().next().await;
}

/// Asks to stop, heard from the moment this is made.
struct Asks {
    #[cfg(unix)]
    signals: Option<[tokio::signal::unix::Signal; 2]>,
}

impl Asks {
    fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let signals =
                signal(SignalKind::terminate()).and_then(|terminate| Ok([terminate, signal(SignalKind::interrupt())?]));
            Self { signals: signals.ok() }
        }
        #[cfg(not(unix))]
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some([terminate, interrupt]) = &mut self.signals {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        // Without the signal's handler the system's own way to end the program stays in force.
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Turns the first ask into a message on the channel, and the second into an end at once: the ledger
/// knows what was under way.
pub(crate) fn watch() -> tokio::sync::watch::Receiver<bool> {
    stop_then_end(exit::NOT_FINISHED)
}

/// The same for a receiver: what it has not answered comes again, so an end at once is unclean and no
/// more.
pub(crate) fn stop_or_end() -> tokio::sync::watch::Receiver<bool> {
    stop_then_end(exit::UNEXPECTED)
}

fn stop_then_end(code: u8) -> tokio::sync::watch::Receiver<bool> {
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let mut asks = Asks::listen();
    tokio::spawn(async move {
        asks.next().await;
        crate::say!("stopping: what is under way is finished first; once more ends at once");
        sender.send_replace(true);
        asks.next().await;
        std::process::exit(code.into());
    });
    receiver
}

/// Completes when the channel says stop.
pub(crate) async fn stopped(mut stop: tokio::sync::watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
