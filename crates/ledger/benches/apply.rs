//! How fast receipts become durable: 10,000 of them from many tasks, one SQLite file; and a large plan.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sinch_batch_ledger::{
    Claim, Entry, Ledger, NewCampaign, PlannedRows, ReceivedCallback, RowSpans, SqliteLedger, Worker,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Observation, Progress, RowKey};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const RECEIPTS: u64 = 10_000;
const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";

fn batch(first: u64) -> PlannedRows {
    let rows: RowSpans = (first..first + 1000).map(|row| (row, row + 1)).collect();
    PlannedRows { first_row: None, rows, at_byte: first * 20, n_bytes: 20_000, digest: first.to_be_bytes() }
}

async fn accepted_campaign() -> (TempDir, Arc<SqliteLedger>) {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = SqliteLedger::open(folder.path().join("ledger")).expect("a ledger");
    let now = Timestamp::UNIX_EPOCH;
    let plan: Vec<_> = (1..RECEIPTS).step_by(1000).map(batch).collect();
    let new = NewCampaign::new("bench", KEY, RECEIPTS, now);
    let campaign = ledger.create(new, Box::new(plan)).await.expect("a campaign").campaign;
    let claim = Claim::new(Worker::new("bench", None), 10, now);
    for lease in ledger.claim(campaign.id, claim).await.expect("a claim").leases {
        let (number, token) = (lease.number, lease.token);
        ledger.record(campaign.id, Entry::Intent { number, token, attempt: 1 }, now).await.expect("recorded");
        let batch_id = BatchId::new(format!("batch {number}"));
        ledger.record(campaign.id, Entry::Accepted { number, batch_id }, now).await.expect("recorded");
    }
    (folder, Arc::new(ledger))
}

fn receipt(row: u64) -> Observation {
    MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), MessageState::new(Progress::Delivered)).into()
}

async fn one_by_one((folder, ledger): (TempDir, Arc<SqliteLedger>), n_tasks: u64) -> TempDir {
    let tasks: Vec<_> = (0..n_tasks)
        .map(|task| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                for row in (1..=RECEIPTS).filter(|row| row % n_tasks == task) {
                    black_box(ledger.apply(receipt(row)).await.expect("applied"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    folder
}

async fn counted((folder, ledger): (TempDir, Arc<SqliteLedger>), n_tasks: u64) -> TempDir {
    let tasks: Vec<_> = (0..n_tasks)
        .map(|task| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                for row in (1..=RECEIPTS).filter(|row| row % n_tasks == task) {
                    let seen = ReceivedCallback::new(Some(&Trigger::MessageDelivery), Timestamp::UNIX_EPOCH);
                    let seen = seen.with_observation(receipt(row));
                    black_box(ledger.apply_callback(seen).await.expect("applied"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    folder
}

async fn in_hundreds((folder, ledger): (TempDir, Arc<SqliteLedger>)) -> TempDir {
    for first in (1..=RECEIPTS).step_by(100) {
        black_box(ledger.apply_many((first..first + 100).map(receipt).collect()).await.expect("applied"));
    }
    folder
}

fn apply(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("apply 10,000 receipts");
    group.sample_size(10).measurement_time(Duration::from_secs(10)).throughput(Throughput::Elements(RECEIPTS));
    for n_tasks in [1, 16, 256] {
        group.bench_function(format!("one by one, {n_tasks} tasks"), |bencher| {
            bencher.iter_batched(
                || runtime.block_on(accepted_campaign()),
                |campaign| runtime.block_on(one_by_one(campaign, n_tasks)),
                BatchSize::PerIteration,
            );
        });
    }
    group.bench_function("as callbacks, 256 tasks", |bencher| {
        bencher.iter_batched(
            || runtime.block_on(accepted_campaign()),
            |campaign| runtime.block_on(counted(campaign, 256)),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("in hundreds", |bencher| {
        bencher.iter_batched(
            || runtime.block_on(accepted_campaign()),
            |campaign| runtime.block_on(in_hundreds(campaign)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn create(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("create");
    group.sample_size(10).measurement_time(Duration::from_secs(10)).throughput(Throughput::Elements(10_000));
    let plan: Vec<_> = (0..10_000).map(|number| batch(number * 1000 + 1)).collect();
    group.bench_function("10,000 batches", |bencher| {
        bencher.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a folder");
                let ledger = SqliteLedger::open(folder.path().join("ledger")).expect("a ledger");
                (folder, ledger, plan.clone())
            },
            |(folder, ledger, plan)| {
                let new = NewCampaign::new("bench", KEY, 10_000_000, Timestamp::UNIX_EPOCH);
                black_box(runtime.block_on(ledger.create(new, Box::new(plan))).expect("a campaign"));
                (folder, ledger)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, apply, create);
criterion_main!(benches);
