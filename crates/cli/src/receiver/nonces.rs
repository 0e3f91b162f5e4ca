//! Nonces that receivers of one ledger share, with a store of this process in front.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::ledger::postgres::{SharedNonce, SharedNonceState};
use sinch_batch::ledger::{LedgerError, PostgresLedger};
use sinch_batch::models::Timestamp;
use sinch_batch::webhook::{NonceClaim, NonceState, NonceStore, Nonces};

use crate::ledgers::AnyLedger;

/// How long a receiver that dies keeps a callback from the others: longer than any sink takes.
const HOLD: Duration = Duration::from_secs(60);

/// How often what is old is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The nonces of a receiver.
#[derive(Debug)]
pub(super) struct ReceiverNonces {
    own: NonceStore,
    shared: Option<Arc<PostgresLedger>>,
}

impl ReceiverNonces {
    /// Those of this process alone, which need no ledger.
    pub(super) fn own() -> Self {
        Self { own: NonceStore::new(), shared: None }
    }

    /// Those of the ledger, if it is one that receivers share.
    pub(super) fn of(ledger: &AnyLedger) -> Self {
        let shared = match ledger {
            AnyLedger::Sqlite(_) => None,
            AnyLedger::Postgres(ledger) => Some(Arc::clone(ledger)),
        };
        if let Some(ledger) = shared.clone() {
            // It ends with the program, as the receiver does.
            tokio::spawn(sweep(ledger));
        }
        Self { own: NonceStore::new(), shared }
    }
}

async fn sweep(ledger: Arc<PostgresLedger>) {
    let mut turn = tokio::time::interval(SWEEP_EVERY);
    loop {
        turn.tick().await;
        if let Err(error) = ledger.sweep_once().await {
            tracing::debug!(%error, "old nonces were not forgotten");
        }
    }
}

fn shared_nonce(claim: &NonceClaim) -> SharedNonce {
    SharedNonce::new(claim.key(), claim.body(), claim.until())
}

impl Nonces for ReceiverNonces {
    type Error = LedgerError;

    async fn claim(&self, claim: NonceClaim, now: Timestamp) -> Result<NonceState, LedgerError> {
        let own = self.own.claim(claim, now);
        let (NonceState::New, Some(ledger)) = (own, &self.shared) else { return Ok(own) };
        match ledger.claim_once(&shared_nonce(&claim), HOLD).await {
            Ok(SharedNonceState::New) => Ok(NonceState::New),
            Ok(SharedNonceState::Duplicate) => {
                self.own.keep(claim);
                Ok(NonceState::Duplicate)
            }
            Ok(SharedNonceState::InProgress) => {
                self.own.release(claim);
                Ok(NonceState::InProgress)
            }
            Ok(SharedNonceState::Conflict) => {
                self.own.release(claim);
                Ok(NonceState::Conflict)
            }
            Err(error) => {
                self.own.release(claim);
                Err(error)
            }
        }
    }

    async fn keep(&self, claim: NonceClaim) -> Result<(), LedgerError> {
        self.own.keep(claim);
        match &self.shared {
            Some(ledger) => ledger.keep_once(&shared_nonce(&claim)).await,
            None => Ok(()),
        }
    }

    async fn release(&self, claim: NonceClaim) -> Result<(), LedgerError> {
        self.own.release(claim);
        match &self.shared {
            Some(ledger) => ledger.release_once(&shared_nonce(&claim)).await,
            None => Ok(()),
        }
    }
}
