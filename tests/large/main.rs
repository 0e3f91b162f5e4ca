//! Writes the ledger of a large campaign whose receipts have all come: `large LEDGER ROWS`.
//!
//! `cargo xtask bench pages` measures the report of it. One row of 100 has failed, for a reason of eight; the rest
//! is delivered, over two days.

use std::path::Path;
use std::sync::Arc;

use sinch_batch::ledger::{Claim, Entry, Ledger, NewCampaign, PlannedRows, RowSpans, SqliteLedger, Worker};
use sinch_batch::models::{BatchId, ReasonCode, Timestamp};
use sinch_batch::tracking::{MessageRef, MessageState, MessageUpdate, Progress, RowKey};

const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";
/// Rows of a batch, and receipts of a group.
const SIZE: u64 = 1000;
/// Over how many seconds the receipts came.
const SECONDS: u64 = 2 * 24 * 3600;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [ledger, rows] = &*args else { return Err("large LEDGER ROWS".into()) };
    let rows: u64 = rows.parse()?;
    let ledger = Arc::new(SqliteLedger::open(Path::new(ledger))?);
    let start: Timestamp = "2026-08-21T14:00:00Z".parse()?;
    let plan: Vec<PlannedRows> = (1..=rows).step_by(SIZE as usize).map(|first| planned(first, rows)).collect();
    let batches = u32::try_from(plan.len())?;
    let campaign = ledger.create(NewCampaign::new("large", KEY, rows, start), Box::new(plan)).await?.campaign.id;
    let claimed = ledger.claim(campaign, Claim::new(Worker::new("bench", None), batches, start)).await?;
    let mut tasks = Vec::new();
    for lease in claimed.leases {
        let ledger = ledger.clone();
        tasks.push(tokio::spawn(async move {
            let (number, token) = (lease.number, lease.token);
            ledger.record(campaign, Entry::Intent { number, token, attempt: 1 }, start).await?;
            let batch_id = BatchId::new(format!("batch-{number}"));
            ledger.record(campaign, Entry::Accepted { number, batch_id }, start).await
        }));
    }
    for task in tasks {
        task.await??;
    }
    for first in (1..=rows).step_by(SIZE as usize) {
        let group = (first..(first + SIZE).min(rows + 1)).map(|row| {
            let at = start.as_second() + (row * SECONDS / rows) as i64;
            let state = state(row).with_time(Timestamp::from_second(at).ok());
            MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), state).into()
        });
        ledger.apply_many(group.collect()).await?;
    }
    Ok(())
}

fn planned(first: u64, rows: u64) -> PlannedRows {
    let spans: RowSpans = (first..(first + SIZE).min(rows + 1)).map(|row| (row, row + 1)).collect();
    PlannedRows { first_row: None, rows: spans, at_byte: first * 20, n_bytes: 20_000, digest: first.to_be_bytes() }
}

fn state(row: u64) -> MessageState {
    if !row.is_multiple_of(100) {
        return MessageState::new(Progress::Delivered);
    }
    let code = ReasonCode::KNOWN.get((row / 100 % 8) as usize).copied();
    MessageState::failed(code, Some("The underlying channel reported: the recipient cannot be reached"))
}
