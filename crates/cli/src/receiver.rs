//! The receiver of callbacks: webhook in, ledger out.

use std::net::SocketAddr;
use std::sync::Arc;

use sinch_batch::ledger::{Heard, Ledger, LedgerError};
use sinch_batch::tracking::observe;
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use tokio::net::TcpListener;

use crate::exit;
use crate::fail::Failure;

/// Where the secret comes from.
pub(crate) const SECRET: &str = "SINCH_WEBHOOK_SECRET";

/// A receiver at its address.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Receiver {
    /// Starts to receive: a callback is answered when what it says is in the ledger.
    pub(crate) async fn start(
        address: SocketAddr,
        secret: WebhookSecret,
        ledger: Arc<dyn Ledger>,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::because(exit::USAGE, format!("cannot listen at {address}"), &error)
                .hint("choose a free address: --addr 127.0.0.1:0 takes any free port")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Failure::because(exit::UNEXPECTED, "the receiver has no address", &error))?;
        let verifier = Verifier::new(secret).map_err(|error| {
            Failure::because(exit::BAD_CREDENTIALS, format!("{SECRET} is of no use"), &error)
                .hint("export the secret that the webhook was made with")
        })?;
        let app = router(verifier, move |callback| {
            let ledger = ledger.clone();
            async move {
                let Some(observation) = observe(&callback) else {
                    tracing::debug!("a callback about no message and no batch of ours");
                    return Ok::<(), LedgerError>(());
                };
                if ledger.hear(observation).await? == Heard::Stranger {
                    tracing::debug!("a callback about a campaign that this ledger does not know");
                }
                Ok(())
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, server })
    }

    /// Where callbacks go.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Completes only if the server fails.
    pub(crate) async fn failed(self) -> Failure {
        match self.server.await {
            Ok(Err(error)) => Failure::because(exit::UNEXPECTED, "the receiver failed", &error),
            Ok(Ok(())) => Failure::new(exit::UNEXPECTED, "the receiver ended"),
            Err(error) => Failure::because(exit::UNEXPECTED, "the receiver failed", &error),
        }
    }
}

/// The secret from the environment.
pub(crate) fn secret() -> Result<WebhookSecret, Failure> {
    match std::env::var(SECRET) {
        Ok(secret) if !secret.is_empty() => Ok(WebhookSecret::new(secret)),
        _ => Err(Failure::new(exit::BAD_CREDENTIALS, format!("{SECRET} is not set"))
            .hint("export the secret that the webhook was made with")),
    }
}
