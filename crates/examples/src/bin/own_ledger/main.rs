//! A ledger of your own, over one plain file, that passes the tests every ledger has to pass.
//!
//! `log.rs` keeps keys and JSON values, with transactions that are durable; `store.rs` keeps the records
//! behind the decisions as such; `ledger.rs` is the ledger: each method that writes is one decision in one
//! transaction. What a fact means is decided by the library, as for its own ledgers.
//!
//! It reads well before it is fast: a file for one process, which grows with every call and is read whole
//! when it is opened. Over a database, `store.rs` is the file that changes.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

mod ledger;
mod log;
mod store;

use std::time::Duration;

use ledger::FileLedger;
use sinch_batch::ledger::{
    Claim, Entry, Ledger, LedgerErrorKind, NewCampaign, PlannedRows, Presence, RowSpans, conformance,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;

    let mut count = 0;
    conformance::run(async || {
        count += 1;
        FileLedger::open(folder.path().join(format!("ledger-{count}"))).expect("an empty ledger")
    })
    .await;
    conformance::limits(async |limits| {
        FileLedger::open(folder.path().join("limited")).expect("an empty ledger").with_limits(limits)
    })
    .await;
    println!("{count} tests passed, and that of limits");

    // What was recorded is there after a crash, and a line that was cut off counts for nothing.
    let path = folder.path().join("ledger");
    let ledger = FileLedger::open(&path)?;
    let now = "2031-09-14T10:05:00Z".parse()?;
    let rows: RowSpans = [(1, 2), (2, 3)].into_iter().collect();
    let plan = vec![PlannedRows { first_row: None, rows, at_byte: 5, n_bytes: 26, digest: *b"8 bytes." }];
    let campaign = ledger.create(NewCampaign::new("autumn", "key", 2, now), Box::new(plan)).await?.campaign;
    ledger.begin_run(campaign.id, Duration::from_secs(30)).await?;
    let worker = Presence::new();
    let lease = ledger.claim(campaign.id, Claim::new(worker.worker().clone(), 1, now)).await?.leases.remove(0);
    let intent = Entry::Intent { number: lease.number, token: lease.token, attempt: 1 };
    ledger.record(campaign.id, intent, now).await?;
    let status = ledger.status(campaign.id).await?;

    let second = FileLedger::open(&path).map(drop).map_err(|error| error.kind());
    assert_eq!(second, Err(LedgerErrorKind::Busy), "one process at a time");
    drop(ledger);
    let whole = std::fs::read(&path)?;
    std::fs::write(&path, [&whole[..], b"{\"sums/0000000000000000001\":{\"pha"].concat())?;
    let ledger = FileLedger::open(&path)?;
    assert_eq!(ledger.status(campaign.id).await?, status);
    println!("after a crash: {} rows of unknown outcome", status.unknown);
    Ok(())
}
