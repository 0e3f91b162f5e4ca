//! Reading and sending a file through our crates, beside the same written by hand.
//!
//! All ways are run in turn, round after round, so that whatever else the machine does falls on all of them:
//! `csv` parses the file, `check` finds its mistakes and plans its batches, `bare` reads the CSV and writes the
//! JSON and sends nothing, `loop` sends it with reqwest as one would by hand, `client` goes through
//! `recipients` and `client`, `campaign` is a whole campaign with its ledger on disk. Each reports its own CPU
//! time and peak memory; the figures are medians.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::road::{BATCH, MOST_ROWS, write_recipients};
use super::sink::Sink;
use crate::workspace::{cargo, obey, root};

const WAYS: [&str; 6] = ["csv", "check", "bare", "loop", "client", "campaign"];
const ROWS: u64 = 1_000_000;
const ROUNDS: usize = 5;

/// Measures all ways, and the memory of `client` over ten times the rows.
///
/// # Errors
/// When the arguments are wrong, the program does not build, or a run fails.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let (rows, rounds) = arguments(args)?;
    ensure!(cfg!(target_os = "linux"), "CPU time and peak memory are read from /proc, so this wants Linux");
    let folder = root().join("target").join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("speed.csv");
    write_recipients(&file, rows)?;
    obey(cargo().args(["build", "--release", "--package", "sinch-batch-tests", "--example", "speed"]))?;

    let mut runs: [Vec<Figures>; WAYS.len()] = Default::default();
    for round in 0..rounds {
        for turn in 0..WAYS.len() {
            let way = (round + turn) % WAYS.len();
            runs[way].push(Figures::of(WAYS[way], &file, rows)?);
        }
    }
    println!(
        "\n{:<8} {:>14} {:>16} {:>10} {:>8} {:>8} {:>8}",
        "way", "recipients/s", "CPU s/million", "peak MiB", "x csv", "x bare", "x loop"
    );
    let cpu: Vec<f64> = runs.iter().map(|runs| median(runs.iter().map(|run| run.cpu))).collect();
    let of = |name| WAYS.iter().position(|way| *way == name).unwrap_or_default();
    for (way, name) in WAYS.iter().enumerate() {
        let million = rows as f64 / 1e6;
        println!(
            "{name:<8} {:>14.0} {:>16.3} {:>10.1} {:>8.2} {:>8.2} {:>8.2}",
            rows as f64 / median(runs[way].iter().map(|run| run.seconds)),
            cpu[way] / million,
            median(runs[way].iter().map(|run| run.peak)),
            cpu[way] / cpu[of("csv")],
            cpu[way] / cpu[of("bare")],
            cpu[way] / cpu[of("loop")],
        );
    }
    let peak = median(runs[of("client")].iter().map(|run| run.peak));
    let more = (rows * 10).min(MOST_ROWS);
    write_recipients(&file, more)?;
    let long = Figures::of("client", &file, more)?;
    println!("\nclient over {more} rows: {:.1} MiB at most, {:.2} times as much", long.peak, long.peak / peak);
    std::fs::remove_file(&file)?;
    Ok(())
}

fn arguments(args: &[&str]) -> anyhow::Result<(u64, usize)> {
    let (mut rows, mut rounds) = (ROWS, ROUNDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let number = args.next().with_context(|| format!("{arg} wants a number"))?.replace('_', "");
        match *arg {
            "--rows" => rows = number.parse().with_context(|| format!("--rows {number}"))?,
            "--rounds" => rounds = number.parse().with_context(|| format!("--rounds {number}"))?,
            other => bail!("no such option: {other}; there are --rows N and --rounds N"),
        }
    }
    ensure!((1..=MOST_ROWS).contains(&rows), "--rows goes from 1 to {MOST_ROWS}, not {rows}");
    ensure!(rounds > 0, "--rounds goes from 1");
    Ok((rows, rounds))
}

/// What one run says of itself.
struct Figures {
    seconds: f64,
    /// CPU seconds, of user and kernel.
    cpu: f64,
    /// MiB.
    peak: f64,
}

impl Figures {
    fn of(way: &str, file: &Path, rows: u64) -> anyhow::Result<Self> {
        let sink = Sink::start()?;
        let output = Command::new(root().join("target/release/examples/speed"))
            .arg(way)
            .arg(file)
            .arg(format!("http://{}", sink.address))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "{way} ended with {}", output.status);
        let batches = sink.counts.batches.load(Ordering::Relaxed);
        let expected = if ["csv", "check", "bare"].contains(&way) { 0 } else { rows.div_ceil(BATCH) };
        ensure!(batches == expected, "{way}: the sink got {batches} batches, the file makes {expected}");
        let said: Value = serde_json::from_slice(&output.stdout)?;
        let figure = |name: &str| said[name].as_f64().with_context(|| format!("{way} does not say its {name}"));
        ensure!(said["rows"].as_u64() == Some(rows), "{way} took {} rows of {rows}", said["rows"]);
        Ok(Self { seconds: figure("seconds")?, cpu: figure("cpu_seconds")?, peak: figure("peak_bytes")? / 1_048_576.0 })
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() -> anyhow::Result<()> {
        assert_eq!(arguments(&[])?, (ROWS, ROUNDS));
        assert_eq!(arguments(&["--rounds", "3", "--rows", "2_500"])?, (2500, 3));
        assert!(["--rows", "--rounds"].iter().all(|option| arguments(&[option, "0"]).is_err()));
        assert!(arguments(&["--fly", "1"]).is_err() && arguments(&["--rows"]).is_err());
        Ok(())
    }

    #[test]
    fn median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }
}
