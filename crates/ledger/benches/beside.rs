//! Receipts through the ledger beside the bare statement that writes them, in one run, and as the table grows.
//!
//! Both write the same 1000 scattered rows into tables of the same size, in turns: the ledger decides about each of
//! them, keeps the sums and counts the callback; the bare statement only writes. Postgres is a server of its own, from
//! the binaries of this machine.
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use sinch_batch_ledger::{
    CampaignId, Claim, Entry, Ledger, NewCampaign, PlannedRows, PostgresLedger, ReceivedCallback, RowSpans,
    SqliteLedger, Worker,
};
use sinch_batch_models::callback::Trigger;
use sinch_batch_models::{BatchId, Timestamp};
use sinch_batch_tracking::{MessageRef, MessageState, MessageUpdate, Progress, RowKey};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

#[cfg(unix)]
#[expect(dead_code, reason = "tests ask more of it")]
#[path = "../tests/it/postgres/server.rs"]
mod server;

const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";
/// Receipts in a group.
const GROUP: usize = 1000;
/// Groups of each kind in a run; a small table is through after fewer.
const ROUNDS: usize = 40;
/// How large a campaign is measured, unless `--rows` says it.
const SIZES: [u64; 2] = [10_000, 1_000_000];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        // `cargo test --benches` only asks whether it starts.
        return;
    }
    let named: Vec<u64> = args
        .iter()
        .filter(|arg| *arg != "--bench")
        .map(|arg| arg.replace('_', "").parse().expect("arguments are numbers of rows"))
        .collect();
    let sizes = if named.is_empty() { SIZES.to_vec() } else { named };
    let runtime = Runtime::new().expect("a runtime");
    for rows in sizes.iter().map(|rows| (*rows).max(10 * GROUP as u64)) {
        sqlite(&runtime, rows);
        postgres(&runtime, rows);
    }
}

/// Writes the rows with their progress, durably.
type Bare<'a> = dyn FnMut(&[u64], i16) + 'a;

fn sqlite(runtime: &Runtime, rows: u64) {
    const UPSERT: &str = "INSERT INTO message (campaign, row, progress, code, description, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (campaign, row) DO UPDATE SET progress = excluded.progress, \
         code = excluded.code, description = excluded.description, at = excluded.at";

    let folder = tempfile::tempdir().expect("a folder");
    let ledger = SqliteLedger::open(folder.path().join("ledger")).expect("a ledger");
    let campaign = runtime.block_on(accepted(&ledger, rows));
    drop(ledger);
    fill_sqlite(&folder.path().join("ledger"), campaign, rows, true);
    let bare = fill_sqlite(&folder.path().join("bare"), campaign, rows, false);
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(folder.path().join("ledger")).expect("a ledger"));
    let bare: &mut Bare<'_> = &mut |rows, progress| {
        bare.execute_batch("BEGIN IMMEDIATE").expect("begun");
        let mut upsert = bare.prepare_cached(UPSERT).expect("a statement");
        for row in rows {
            let none = None::<String>;
            upsert.execute(params![campaign.get(), small(*row), progress, none, none, 0]).expect("written");
        }
        bare.execute_batch("COMMIT").expect("committed");
    };
    measure("SQLite", 0.7, runtime, rows, &ledger, bare);
}

/// All messages are queued.
fn fill_sqlite(file: &Path, campaign: CampaignId, rows: u64, is_ledger: bool) -> Connection {
    let connection = Connection::open(file).expect("a file");
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").expect("as the ledger's");
    if !is_ledger {
        let table = "CREATE TABLE message (campaign INTEGER NOT NULL, row INTEGER NOT NULL, progress INTEGER NOT NULL, \
             code TEXT, description TEXT, at INTEGER, PRIMARY KEY (campaign, row)) STRICT, WITHOUT ROWID; \
             CREATE INDEX message_failed ON message (campaign, row) WHERE progress = 3";
        connection.execute_batch(table).expect("a table");
    }
    let numbers = "WITH RECURSIVE n (row) AS (SELECT 1 UNION ALL SELECT row + 1 FROM n WHERE row < ?2) \
         INSERT INTO message (campaign, row, progress, at) SELECT ?1, row, 2, 0 FROM n";
    connection.execute(numbers, params![campaign.get(), small(rows)]).expect("rows");
    if is_ledger {
        let sums = "UPDATE standing SET queued = pending, pending = 0 WHERE campaign = ?1";
        connection.execute(sums, [campaign.get()]).expect("sums");
    }
    connection
}

#[cfg(not(unix))]
fn postgres(_: &Runtime, _: u64) {
    println!("Postgres is measured on Unix only");
}

#[cfg(unix)]
fn postgres(runtime: &Runtime, rows: u64) {
    const UPSERT: &str = "INSERT INTO bare.message AS t (campaign, row, progress, code, description, at) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::bigint[]) \
         ON CONFLICT (campaign, row) DO UPDATE SET progress = excluded.progress, code = excluded.code, \
         description = excluded.description, at = excluded.at";

    let Some(server) = server::own_server() else { return };
    let ledger = runtime.block_on(PostgresLedger::open(&server.schema())).expect("a ledger");
    let campaign = runtime.block_on(accepted(&ledger, rows));
    let fill = format!("SELECT {}, row, 2, 0 FROM generate_series(1, {rows}) row", campaign.get());
    // A table with its keys, for both: neither is helped by an order of its own.
    server.psql(&format!(
        "INSERT INTO test_0.message (campaign, row, progress, at) {fill}; \
         UPDATE test_0.standing SET queued = pending, pending = 0; \
         CREATE SCHEMA bare; CREATE TABLE bare.message (LIKE test_0.message INCLUDING ALL) WITH (fillfactor = 80); \
         INSERT INTO bare.message (campaign, row, progress, at) {fill}"
    ));
    for work in ["VACUUM ANALYZE test_0.message", "VACUUM ANALYZE bare.message", "CHECKPOINT"] {
        server.psql(work);
    }
    let ledger: Arc<dyn Ledger> = Arc::new(ledger);
    let address = format!("host={} user=tester dbname=postgres", server.folder().display());
    let (client, connection) = runtime.block_on(tokio_postgres::connect(&address, NoTls)).expect("a connection");
    runtime.spawn(connection);
    let statement = runtime.block_on(client.prepare(UPSERT)).expect("a statement");
    let bare: &mut Bare<'_> = &mut |rows, progress| {
        let rows: Vec<i64> = rows.iter().map(|row| small(*row)).collect();
        let none = vec![None::<String>; rows.len()];
        let (campaigns, states, times) =
            (vec![campaign.get(); rows.len()], vec![progress; rows.len()], vec![0_i64; rows.len()]);
        let written = runtime.block_on(async {
            client.execute(&statement, &[&campaigns, &rows, &states, &none, &none, &times]).await.expect("written")
        });
        assert_eq!(written, rows.len() as u64);
    };
    measure("Postgres", 0.5, runtime, rows, &ledger, bare);
}

/// A campaign whose batches are all accepted.
async fn accepted(ledger: &dyn Ledger, rows: u64) -> CampaignId {
    let now = Timestamp::UNIX_EPOCH;
    let batch = |first: u64| {
        let spans: RowSpans = (first..first + 1000).map(|row| (row, row + 1)).collect();
        PlannedRows { first_row: None, rows: spans, at_byte: first * 20, n_bytes: 20_000, digest: first.to_be_bytes() }
    };
    let plan: Vec<_> = (1..=rows).step_by(1000).map(batch).collect();
    let room = u32::try_from(plan.len()).expect("not so many batches");
    let campaign = ledger.create(NewCampaign::new("bench", KEY, rows, now), Box::new(plan)).await;
    let campaign = campaign.expect("a campaign").campaign.id;
    let leases =
        ledger.claim(campaign, Claim::new(Worker::new("bench", None), room, now)).await.expect("leases").leases;
    for some in leases.chunks(500) {
        // Asked for before any is waited for, so that they are one transaction.
        let intents: Vec<_> = some
            .iter()
            .map(|lease| Entry::Intent { number: lease.number, token: lease.token, attempt: 1 })
            .map(|entry| ledger.record(campaign, entry, now))
            .collect();
        for intent in intents {
            intent.await.expect("recorded");
        }
        let accepted: Vec<_> = some
            .iter()
            .map(|lease| Entry::Accepted { number: lease.number, batch_id: batch_id(lease.number.into()) })
            .map(|entry| ledger.record(campaign, entry, now))
            .collect();
        for entry in accepted {
            entry.await.expect("recorded");
        }
    }
    campaign
}

fn small(row: u64) -> i64 {
    i64::try_from(row).expect("a small number")
}

fn batch_id(number: u64) -> BatchId {
    BatchId::new(format!("01K0000000000000{number:010}"))
}

fn callback(row: u64, progress: Progress) -> ReceivedCallback {
    let now = Timestamp::UNIX_EPOCH;
    let state = MessageState { at: Some(now), ..MessageState::new(progress) };
    let mut update = MessageUpdate::new(MessageRef::Row(RowKey::new(KEY, row)), state);
    update.batch_id = Some(batch_id((row - 1) / 1000 + 1));
    ReceivedCallback::new(Some(&Trigger::MessageDelivery), now).with_observation(update)
}

/// Groups of scattered rows: every row twice, first delivered, then read.
fn groups(rows: u64) -> impl Iterator<Item = (Vec<u64>, Progress)> {
    let groups_a_pass = usize::try_from(rows).expect("not so many rows") / GROUP;
    // Odd and no multiple of 5: it meets every row of a size that is a power of ten.
    let stride = rows / 3 * 2 + 1;
    let stride = if stride.is_multiple_of(5) { stride + 2 } else { stride };
    (0..2 * groups_a_pass).map(move |group| {
        let progress = if group < groups_a_pass { Progress::Delivered } else { Progress::Read };
        let first = (group % groups_a_pass * GROUP) as u64;
        let mut some: Vec<u64> = (first..first + GROUP as u64)
            .map(|n| u64::try_from(u128::from(n) * u128::from(stride) % u128::from(rows)).expect("below rows") + 1)
            .collect();
        some.sort_unstable();
        (some, progress)
    })
}

fn measure(name: &str, aim: f64, runtime: &Runtime, rows: u64, ledger: &Arc<dyn Ledger>, bare: &mut Bare<'_>) {
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut groups = groups(rows);
    for _ in 0..ROUNDS {
        let (Some((some, progress)), Some((others, next))) = (groups.next(), groups.next()) else { break };
        let many: Vec<_> = some.iter().map(|row| callback(*row, progress)).collect();
        let start = Instant::now();
        let applied = runtime.block_on(ledger.apply_callbacks(many)).expect("applied");
        times[1].push(start.elapsed());
        assert!(
            applied.iter().all(|applied| *applied == Some(sinch_batch_ledger::Applied::Updated)),
            "nothing was new"
        );

        let number = if progress == Progress::Read { 5 } else { 4 };
        let start = Instant::now();
        bare(&some, number);
        times[0].push(start.elapsed());

        let singly: Vec<_> = others.iter().map(|row| callback(*row, next)).collect();
        let start = Instant::now();
        runtime.block_on(async {
            let waiting: Vec<_> = singly.into_iter().map(|callback| ledger.apply_callback(callback)).collect();
            for one in waiting {
                one.await.expect("applied");
            }
        });
        times[2].push(start.elapsed());
    }
    println!("{name}, table of {rows} rows, {} groups of {GROUP} receipts each", times[0].len());
    let [bare, call, singly] = times.each_ref().map(|times| rate(times));
    println!("  the bare statement           {bare:>9.0} rows/s");
    for (what, rate) in [("ledger, one call a group", call), ("ledger, one call a receipt", singly)] {
        let ratio = rate / bare;
        let short = if ratio < aim { format!(", short of {aim}") } else { String::new() };
        println!("  {what:<28} {rate:>9.0} rows/s  {ratio:.2} of it{short}");
    }
}

/// Rows a second over all groups: the commits that take longer count too.
fn rate(times: &[Duration]) -> f64 {
    let total: Duration = times.iter().sum();
    (GROUP * times.len()) as f64 / total.as_secs_f64()
}
