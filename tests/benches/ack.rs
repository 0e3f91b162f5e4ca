//! How fast callbacks are acknowledged durably: over real HTTP on loopback, into a SQLite ledger, beside
//! a receiver that calls fdatasync once for each callback.
//!
//! `cargo xtask bench ack`. The numbers are those of the disk as much as of the program, so the raw
//! rate of fdatasync on the same disk is measured before and after each run.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use sinch_batch::ledger::{
    Entry, Ledger, LedgerError, NewCampaign, PlannedRows, ReceivedCallback, RowSpans, SqliteLedger,
};
use sinch_batch::models::{BatchId, Callback, Timestamp};
use sinch_batch::tracking::RowKey;
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "a secret for benches";
const KEY: &str = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";
const ROWS: u64 = 60_000;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    println!("{:<38} {:>12} {:>9} {:>9}", "", "per second", "p50 ms", "p99 ms");
    let each = Synced::open(&folder.path().join("each"))?;
    let one = measure(32, 3000, move |_| {
        let each = each.clone();
        async move { tokio::task::spawn_blocking(move || each.append()).await? }
    })?;
    one.show("one fdatasync a callback, 32 at once");

    for connections in [1, 32, 256] {
        let path = folder.path().join(format!("ledger-{connections}"));
        let runtime = tokio::runtime::Runtime::new()?;
        let ledger = Arc::new(runtime.block_on(prepared(&path))?);
        let callbacks = if connections == 1 { 1000 } else { ROWS };
        let applied_to = ledger.clone();
        let before = bare_fdatasync(folder.path())?;
        let run = measure(connections, callbacks, move |callback: Callback| {
            let ledger = applied_to.clone();
            async move {
                ledger.apply_callback(ReceivedCallback::of(&callback, Timestamp::now())).await?;
                Ok::<(), LedgerError>(())
            }
        })?;
        run.show(&format!("SQLite ledger, {connections} at once"));
        let n_received = runtime.block_on(async {
            let campaign = ledger.campaign("bench").await?.ok_or("no campaign")?;
            Ok::<_, Error>(ledger.status(campaign.id).await?.messages.delivered)
        })?;
        assert_eq!(n_received, callbacks, "each callback that was answered is in the ledger");
        // The disk is rarely alone: what it did better of before and after counts.
        let bare = before.max(bare_fdatasync(folder.path())?);
        println!(
            "  {:.1} times fdatasync alone, one after another ({bare:.0} per second), and {:.1} times one a callback",
            run.rate / bare,
            run.rate / one.rate
        );
    }
    Ok(())
}

/// What a callback costs that is written and synced alone, without HTTP.
fn bare_fdatasync(folder: &Path) -> Result<f64, Error> {
    let sync = Synced::open(&folder.join("bare"))?;
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < Duration::from_secs(1) {
        sync.append()?;
        n += 1;
    }
    Ok(f64::from(n) / start.elapsed().as_secs_f64())
}

/// A file that is synced with every record.
#[derive(Clone)]
struct Synced(Arc<Mutex<File>>);

impl Synced {
    fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(File::create(path)?))))
    }

    fn append(&self) -> Result<(), Error> {
        let mut file = self.0.lock().map_err(|error| error.to_string())?;
        file.write_all(&[b'x'; 400])?;
        file.sync_data()?;
        Ok(())
    }
}

async fn prepared(path: &Path) -> Result<SqliteLedger, Error> {
    let ledger = SqliteLedger::open(path)?;
    let now = Timestamp::now();
    let plan: Vec<_> = (1..=ROWS)
        .step_by(1000)
        .map(|first| {
            let rows: RowSpans = (first..first + 1000).map(|row| (row, row + 1)).collect();
            PlannedRows { first_row: None, rows, at_byte: first, n_bytes: 1, digest: first.to_be_bytes() }
        })
        .collect();
    let n_batches = u32::try_from(plan.len())?;
    let new = NewCampaign::new("bench", KEY, ROWS, now);
    let campaign = ledger.create(new, Box::new(plan)).await?.campaign;
    for number in 1..=n_batches {
        let batch_id = BatchId::new(format!("batch-{number}"));
        ledger.record(campaign.id, Entry::Accepted { number, batch_id }, now).await?;
    }
    Ok(ledger)
}

struct Run {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl Run {
    fn show(&self, what: &str) {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        println!("{what:<38} {:>12.0} {:>9.2} {:>9.2}", self.rate, ms(self.p50), ms(self.p99));
    }
}

/// Sends so many callbacks over so many connections to a receiver with this sink.
fn measure<F, Fut, E>(connections: usize, callbacks: u64, sink: F) -> Result<Run, Error>
where
    F: Fn(Callback) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + 'static,
{
    let requests: Arc<[Vec<u8>]> = (1..=callbacks).map(request).collect();
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let app: Router = router(Verifier::new(WebhookSecret::new(SECRET))?, sink);
    let listener = server.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    server.spawn(async move { axum::serve(listener, app).await });

    let client = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut latencies = client.block_on(async {
        let tasks: Vec<_> =
            (0..connections).map(|_| tokio::spawn(send(address, requests.clone(), next.clone()))).collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        Ok::<_, Error>(latencies)
    })?;
    let took = start.elapsed();
    server.shutdown_background();
    latencies.sort_unstable();
    assert_eq!(latencies.len() as u64, callbacks);
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    Ok(Run { rate: callbacks as f64 / took.as_secs_f64(), p50: at(50), p99: at(99) })
}

/// One connection: a callback after another, each answered before the next.
async fn send(address: SocketAddr, requests: Arc<[Vec<u8>]>, next: Arc<AtomicU64>) -> Result<Vec<Duration>, Error> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut answer = vec![0; 1024];
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
        let start = Instant::now();
        stream.write_all(request).await?;
        let mut length = 0;
        // The answer has no body, so it ends with its head.
        while !answer[..length].ends_with(b"\r\n\r\n") {
            match stream.read(&mut answer[length..]).await? {
                0 => return Err("the connection was closed".into()),
                n => length += n,
            }
        }
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(String::from_utf8_lossy(&answer[..length]).into());
        }
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

/// A signed receipt for a row.
fn request(row: u64) -> Vec<u8> {
    let key = RowKey::new(KEY, row);
    let body = format!(
        r#"{{"app_id":"01KZ4EBHKN27EZJ4Q91V5C36G1","accepted_time":"2031-09-14T10:05:02.118Z","event_time":"2031-09-14T10:05:04.902377Z","project_id":"6c1f0d52-8a37-4f0e-9b64-2f1d7f3f9a10","message_delivery_report":{{"message_id":"01KZ4QJ38K8C1AVZA3F56M7JYD","conversation_id":"","status":"DELIVERED","channel_identity":{{"channel":"SMS","identity":"+15550100011","app_id":""}},"contact_id":"","metadata":"{{\"sinch_batch_row\":\"{key}\",\"_batch_id\":\"batch-1\"}}","processing_mode":"DISPATCH"}},"message_metadata":""}}"#
    );
    let second = Timestamp::now().as_second();
    let signature =
        sinch_batch::webhook::sign(&WebhookSecret::new(SECRET), body.as_bytes(), &format!("nonce-{row}"), second);
    let mut request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in signature.headers() {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{request}\r\n{body}").into_bytes()
}
