//! The ledger in Postgres, against a real server.

mod clock;
mod faults;
mod server;
mod shared;
mod tables;
#[cfg(feature = "postgres-tls")]
mod tls;

use sinch_batch_ledger::{PostgresLedger, conformance};

use server::{Server, server};

/// The URL of an empty schema; `None` if this machine has no Postgres.
pub(crate) fn schema() -> Option<String> {
    server().map(Server::schema)
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_ledger_conforms() {
    let Some(server) = server() else { return };
    conformance::run(async || PostgresLedger::open(&server.schema()).await.unwrap().by_clock_of_callers()).await;
}

#[tokio::test]
async fn limits_of_postgres_ledger_are_kept() {
    let Some(server) = server() else { return };
    conformance::limits(async |limits| PostgresLedger::open_with_limits(&server.schema(), limits).await.unwrap()).await;
}
