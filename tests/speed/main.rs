//! `speed bare|loop|client FILE URL`: reads recipients with two parameters from a CSV, and sends them.
//!
//! `bare` reads and serializes alone. `loop` is what one writes by hand with csv, serde and reqwest.
//! `client` is `recipients` and `client`. All send one batch after the other; `cargo xtask bench client`
//! runs them side by side and compares.
#![expect(clippy::print_stdout, reason = "a program whose figures are read by another")]

mod by_hand;

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use sinch_batch::auth::AccessToken;
use sinch_batch::client::{Client, RetryPolicy};
use sinch_batch::models::{AppId, Message, ProjectId, SendBatchRequest, Template};
use sinch_batch::recipients::{Cutter, Format, Rows, SkipSet, Source};

/// The message of all of them.
const TEXT: &str = "Hello ${name}, your code is ${code}.";
const APP: &str = "01BENCH0000000000000000APP";
const TOKEN: &str = "made-up";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [way, file, url] = args.as_slice() else { return Err("speed bare|loop|client FILE URL".into()) };
    let file = File::open(file)?;
    let start = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = match way.as_str() {
        "bare" => by_hand::serialize(file)?,
        "loop" => runtime.block_on(by_hand::send(file, url))?,
        "client" => runtime.block_on(send(file, url))?,
        other => return Err(format!("no such way: {other}").into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let (cpu, peak) = (cpu_seconds()?, peak_bytes()?);
    println!(r#"{{"rows": {rows}, "seconds": {seconds}, "cpu_seconds": {cpu}, "peak_bytes": {peak}}}"#);
    Ok(())
}

/// Through our crates.
async fn send(file: File, url: &str) -> Result<u64, Box<dyn Error>> {
    let client = Client::builder(ProjectId::new("bench-project"), AccessToken::new(TOKEN))
        .with_base_url(url)
        .with_retry(RetryPolicy::none())
        .without_pace()
        .build()?;
    let message = Message::text(TEXT);
    let source = Source::new(file, Format::Csv, &Template::new(message.clone()))?;
    let mut rows = 0;
    // A loop by hand takes no fingerprint either.
    let rows_of_file = Rows::new(source, SkipSet::none()).without_fingerprint();
    for batch in Cutter::new(rows_of_file, 1000) {
        let recipients = batch?.recipients;
        rows += recipients.len() as u64;
        client.send_batch(&SendBatchRequest::new(AppId::new(APP), message.clone(), recipients)).await?;
    }
    Ok(rows)
}

/// What all threads have used so far, of user and kernel.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(nanoseconds as f64 / 1e9)
}

fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
