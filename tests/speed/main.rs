//! `speed csv|check|bare|loop|client|campaign FILE URL`: reads recipients with two parameters from a CSV,
//! and sends them.
//!
//! `csv` only parses the file, `check` finds its mistakes and plans its batches. `bare` reads and serializes
//! alone. `loop` is what one writes by hand with csv, serde and reqwest. `client` is `recipients` and
//! `client`. These send one batch after the other. `campaign` is all of it: check, a ledger on disk, leases,
//! digests, four batches under way. `cargo xtask bench client` runs them side by side and compares.
#![expect(clippy::print_stdout, reason = "a program whose figures are read by another")]

mod by_hand;

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sinch_batch::auth::AccessToken;
use sinch_batch::campaign::{Campaign, CampaignRequest, SendLimits};
use sinch_batch::client::{Client, RetryPolicy};
use sinch_batch::ledger::SqliteLedger;
use sinch_batch::models::{AppId, Message, ProjectId, SendBatchRequest, Template};
use sinch_batch::recipients::{Batcher, Format, InvalidRows, RecipientFile, RowReader, Rows};

/// The message of all of them.
const TEXT: &str = "Hello ${name}, your code is ${code}.";
const APP: &str = "01BENCH0000000000000000APP";
const TOKEN: &str = "made-up";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [way, file, url] = args.as_slice() else {
        return Err("speed csv|check|bare|loop|client|campaign FILE URL".into());
    };
    let path = Path::new(file);
    let file = File::open(path)?;
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = match way.as_str() {
        "csv" => by_hand::parse(file)?,
        "check" => request().check(RecipientFile::open(path)?, |_| {})?.checked().valid_rows(),
        "bare" => by_hand::serialize(file)?,
        "loop" => runtime.block_on(by_hand::send(file, url))?,
        "client" => runtime.block_on(send(file, url))?,
        "campaign" => {
            let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            threads.block_on(campaign(path, url))?
        }
        other => return Err(format!("no such way: {other}").into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let (cpu, peak) = (cpu_seconds()?, peak_bytes()?);
    println!(r#"{{"rows": {rows}, "seconds": {seconds}, "cpu_seconds": {cpu}, "peak_bytes": {peak}}}"#);
    Ok(())
}

fn request() -> CampaignRequest {
    CampaignRequest::new(AppId::new(APP), Message::text(TEXT))
}

/// A whole campaign, with its ledger on disk.
async fn campaign(file: &Path, url: &str) -> Result<u64, Box<dyn Error>> {
    let client =
        Client::builder(ProjectId::new("bench-project"), AccessToken::new(TOKEN)).with_base_url(url).build()?;
    let folder = tempfile::tempdir()?;
    let ledger = Arc::new(SqliteLedger::open(folder.path().join("ledger.db"))?);
    let checked = request().check(RecipientFile::open(file)?, |_| {})?;
    // No receipts come, so nothing waits for them.
    let limits = SendLimits::default().with_window(0).with_max_rate(800);
    let campaign = Campaign::begin(ledger, "bench", client, checked).await?.with_limits(limits);
    let outcome = campaign.send(std::future::pending(), |_| {}).await?;
    if !outcome.is_complete() {
        return Err(format!("the campaign did not finish: {outcome:?}").into());
    }
    Ok(campaign.status().await?.accepted)
}

/// Through our crates.
async fn send(file: File, url: &str) -> Result<u64, Box<dyn Error>> {
    let client = Client::builder(ProjectId::new("bench-project"), AccessToken::new(TOKEN))
        .with_base_url(url)
        .with_retry(RetryPolicy::none())
        .without_pace()
        .build()?;
    let message = Message::text(TEXT);
    let source = RowReader::new(file, Format::Csv, &Template::new(message.clone()))?;
    let mut rows = 0;
    // A loop by hand takes no fingerprint either.
    let rows_of_file = Rows::new(source, InvalidRows::none()).without_fingerprint();
    for batch in Batcher::new(rows_of_file, 1000) {
        let recipients = batch?.recipients;
        rows += recipients.len() as u64;
        client.send_batch(&SendBatchRequest::new(AppId::new(APP), message.clone(), recipients)).await?;
    }
    Ok(rows)
}

/// What the process has used so far, of user and kernel, in ticks of which Linux has a hundred a second;
/// threads that have ended count too.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("an odd stat")?;
    let ticks: Vec<u64> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() as f64 / 100.0)
}

fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
