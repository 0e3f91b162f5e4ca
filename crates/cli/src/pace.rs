//! The pace that all workers of a ledger share.
//!
//! A worker reserves some requests at a time, which are so far apart on average over all of them; one that the service
//! asks to slow down holds all the others too.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::campaign::sender::{BoxFuture, Service};
use sinch_batch::campaign::{BatchSender, LookUpFailure, SendFailure, SentBatch};
use sinch_batch::client::Client;
use sinch_batch::client::transport::SendUntil;
use sinch_batch::ledger::{LedgerError, PostgresLedger};
use sinch_batch::models::{BatchId, SendBatchRequest};
use sinch_batch::tracking::BatchKey;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::fail::sentence;
use crate::ledgers::AnyLedger;

/// The most requests that are reserved at once.
const TOGETHER: u32 = 20;

/// What is reserved at once lasts a fifth of a second, so that nobody waits long for others.
fn together(max_rate: u32) -> u32 {
    (max_rate / 5).clamp(1, TOGETHER)
}

/// What is reserved is used within this time, or lost: others may have been told to slow down since.
const FRESH: Duration = Duration::from_secs(1);

/// How long a send waits for its turn by itself. A longer wait is the campaign's, which looks after its leases.
const LONGEST: Duration = Duration::from_secs(2);

/// A client whose requests leave at the pace that all workers share, if they share a ledger.
pub(crate) fn paced(client: Client, ledger: &AnyLedger, max_rate: u32) -> Arc<dyn BatchSender> {
    match ledger {
        AnyLedger::Sqlite(_) => Arc::new(client),
        AnyLedger::Postgres(ledger) => Arc::new(SharedPace {
            project: BatchSender::service(&client).project,
            client,
            ledger: Arc::clone(ledger),
            together: together(max_rate),
            gap: FRESH / max_rate.max(1),
            reserved: Mutex::default(),
        }),
    }
}

struct SharedPace {
    client: Client,
    ledger: Arc<PostgresLedger>,
    project: String,
    together: u32,
    gap: Duration,
    reserved: Mutex<Option<Reserved>>,
}

/// Requests that may leave.
#[derive(Clone, Copy, Debug)]
struct Reserved {
    left: u32,
    from: Instant,
}

impl Reserved {
    /// From when on one more may leave, and what is left then; none if nothing is left, or it is too old.
    fn take(self, now: Instant) -> Option<(Instant, Self)> {
        (self.left > 0 && now < self.from + FRESH).then(|| (self.from, Self { left: self.left - 1, ..self }))
    }
}

impl SharedPace {
    /// From when on one more request may leave.
    async fn turn(&self) -> Result<Instant, LedgerError> {
        let mut reserved = self.reserved.lock().await;
        if let Some((from, rest)) = reserved.and_then(|reserved| reserved.take(Instant::now())) {
            *reserved = Some(rest);
            return Ok(from);
        }
        let wait = self.ledger.reserve(&self.project, self.together, self.gap).await?;
        let from = Instant::now() + wait;
        *reserved = Some(Reserved { left: self.together - 1, from });
        Ok(from)
    }

    /// The service asked for a rest: everybody takes it.
    async fn hold(&self, retry_after: Option<Duration>) {
        if let Err(error) = self.ledger.hold_pace(&self.project, retry_after.unwrap_or(FRESH)).await {
            tracing::warn!("other workers could not be told to slow down: {}", sentence(&error));
        }
    }
}

impl BatchSender for SharedPace {
    fn service(&self) -> Service {
        BatchSender::service(&self.client)
    }

    fn send<'a>(
        &'a self,
        request: &'a SendBatchRequest,
        until: SendUntil,
    ) -> BoxFuture<'a, Result<SentBatch, SendFailure>> {
        Box::pin(async move {
            let not_now = |retry_after, limited, why| Err(SendFailure::NotNow { retry_after, limited, why });
            let from = match self.turn().await {
                Ok(from) => from,
                Err(error) => return not_now(None, false, format!("no turn was reserved: {}", sentence(&error))),
            };
            let wait = from.saturating_duration_since(Instant::now());
            if wait > LONGEST {
                return not_now(Some(wait), true, "all workers of the project have to slow down".to_owned());
            }
            tokio::time::sleep_until(from).await;
            let sent = self.client.send(request, until).await;
            if let Err(SendFailure::NotNow { retry_after, limited: true, .. }) = &sent {
                self.hold(*retry_after).await;
            }
            sent
        })
    }

    fn look_up<'a>(&'a self, key: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
        Box::pin(async move {
            match self.turn().await {
                Ok(from) => tokio::time::sleep_until(from).await,
                Err(error) => {
                    let why = format!("no turn was reserved: {}", sentence(&error));
                    return Err(LookUpFailure { credentials: false, why });
                }
            }
            BatchSender::look_up(&self.client, key).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_are_small_where_the_rate_is() {
        assert_eq!([1, 4, 10, 50, 100, 800].map(together), [1, 1, 2, 10, 20, 20]);
    }

    #[test]
    fn what_is_reserved_is_used_up_or_grows_old() {
        let now = Instant::now();
        let reserved = Reserved { left: 1, from: now };
        let (from, rest) = reserved.take(now).unwrap();
        assert_eq!((from, rest.left), (now, 0));
        assert!(rest.take(now).is_none());
        assert!(reserved.take(now + FRESH).is_none());
        let later = Reserved { left: 1, from: now + FRESH * 5 };
        assert!(later.take(now).is_some(), "what was reserved for later is not old before");
    }
}
