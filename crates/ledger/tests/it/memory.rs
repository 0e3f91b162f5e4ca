//! The ledger in memory.

use std::sync::Arc;

use sinch_batch_ledger::{MemoryLedger, conformance};

#[tokio::test]
async fn memory_ledger_conforms() {
    conformance::run(async || MemoryLedger::new()).await;
    conformance::run(async || Arc::new(MemoryLedger::new())).await;
}
