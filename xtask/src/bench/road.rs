//! The release binary over a file of many rows: time and peak memory of each run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use anyhow::{Context, bail, ensure};

use super::sink::Sink;
use super::usage::{Usage, measure};
use crate::workspace::{cargo, obey, root};

const RUNS: [&str; 3] = ["check", "send", "simulate"];
const ROWS: u64 = 1_000_000;
/// Seven digits follow +1555.
pub(super) const MOST_ROWS: u64 = 10_000_000;
/// What one call carries.
pub(super) const BATCH: u64 = 1000;

/// Measures `check`, `send` (to a bare local sink) and `simulate` (`send --simulate`), or those named.
///
/// # Errors
/// When the arguments are wrong, the binary does not build, or a run fails.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let (runs, rows) = arguments(args)?;
    let folder = root().join("target").join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let input = Input::write(&folder, rows)?;
    obey(cargo().args(["build", "--release", "--package", "sinch-batch-cli"]))?;
    if !cfg!(target_os = "linux") {
        println!("peak memory is read from /proc and so is known on Linux only");
    }
    println!("\n{:<10} {:>10} {:>9} {:>12} {:>10}", "run", "rows", "seconds", "rows/second", "peak MiB");
    for name in runs {
        let usage = input.run(name)?;
        let seconds = usage.time.as_secs_f64();
        let peak = usage.peak.map_or("?".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1_048_576.0));
        println!("{name:<10} {rows:>10} {seconds:>9.2} {:>12.0} {peak:>10}", rows as f64 / seconds);
    }
    Ok(())
}

fn arguments<'a>(args: &[&'a str]) -> anyhow::Result<(Vec<&'a str>, u64)> {
    let mut runs = Vec::new();
    let mut rows = ROWS;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--rows" => {
                let number = args.next().context("--rows wants a number")?;
                rows = number.replace('_', "").parse().with_context(|| format!("--rows {number}"))?;
            }
            name if RUNS.contains(&name) => runs.push(name),
            other => bail!("no such run: {other}; there are {} and --rows N", RUNS.join(", ")),
        }
    }
    ensure!((1..=MOST_ROWS).contains(&rows), "--rows goes from 1 to {MOST_ROWS}, not {rows}");
    if runs.is_empty() {
        runs.extend(RUNS);
    }
    Ok((runs, rows))
}

/// An invented file of recipients and its message.
struct Input {
    folder: PathBuf,
    rows: u64,
}

impl Input {
    fn write(folder: &Path, rows: u64) -> anyhow::Result<Self> {
        let input = Self { folder: folder.to_owned(), rows };
        std::fs::write(input.message(), r#"{"text_message": {"text": "Hello ${name}, your code is ${code}."}}"#)?;
        write_recipients(&input.recipients(), rows)?;
        Ok(input)
    }

    fn recipients(&self) -> PathBuf {
        self.folder.join(format!("recipients-{}.csv", self.rows))
    }

    fn message(&self) -> PathBuf {
        self.folder.join("message.json")
    }

    /// A ledger that nobody has used.
    fn ledger(&self) -> anyhow::Result<PathBuf> {
        for end in ["", "-wal", "-shm"] {
            let old = self.folder.join(format!("road.db{end}"));
            if old.exists() {
                std::fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
            }
        }
        Ok(self.folder.join("road.db"))
    }

    fn run(&self, name: &str) -> anyhow::Result<Usage> {
        let mut command =
            Command::new(root().join("target/release").join(format!("sinch-batch{}", std::env::consts::EXE_SUFFIX)));
        command.arg(if name == "check" { "check" } else { "send" });
        command.arg(self.recipients()).arg("--message").arg(self.message()).arg("--json");
        let mut sink = None;
        if name != "check" {
            command.arg("--ledger").arg(self.ledger()?);
        }
        match name {
            "send" => {
                let started = Sink::start()?;
                let url = format!("http://{}", started.address);
                // No receipts come, so nothing waits for them.
                command.args(["--window", "0", "--max-rate", "800"]);
                command.args(["--no-wait", "--base-url", &url, "--auth-url", &format!("{url}/oauth2/token")]);
                sink = Some(started);
            }
            "simulate" => {
                command.arg("--simulate");
            }
            _ => {}
        }
        for (key, value) in [
            ("SINCH_PROJECT_ID", "bench-project"),
            ("SINCH_KEY_ID", "bench-key"),
            ("SINCH_KEY_SECRET", "bench-secret"),
            ("SINCH_APP_ID", "01BENCH0000000000000000APP"),
            ("SINCH_WEBHOOK_SECRET", "bench-webhook-secret"),
        ] {
            command.env(key, value);
        }
        for inherited in ["SINCH_BATCH_BASE_URL", "SINCH_AUTH_URL", "SINCH_REGION"] {
            command.env_remove(inherited);
        }
        // The answer lists every batch: it is kept for people who want to look, not shown.
        let answer = self.folder.join(format!("{name}.json"));
        command.stdin(Stdio::null()).stdout(File::create(&answer)?);
        let usage = measure(&mut command)?;
        ensure!(usage.status.success(), "{name} ended with {}; it printed {}", usage.status, answer.display());
        if let Some(sink) = sink {
            self.judge(&sink)?;
        }
        Ok(usage)
    }

    /// Whether the sink got what the file holds.
    fn judge(&self, sink: &Sink) -> anyhow::Result<()> {
        let batches = sink.counts.batches.load(Ordering::Relaxed);
        let expected = self.rows.div_ceil(BATCH);
        ensure!(batches == expected, "the sink got {batches} batches, the file makes {expected}");
        println!(
            "           the sink gave {} tokens and took {batches} batches, {:.1} MiB",
            sink.counts.tokens.load(Ordering::Relaxed),
            sink.counts.body_bytes.load(Ordering::Relaxed) as f64 / 1_048_576.0
        );
        Ok(())
    }
}

/// A file of invented recipients, each with two parameters.
pub(super) fn write_recipients(path: &Path, rows: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "SMS,name,code")?;
    for row in 0..rows {
        writeln!(file, "+1555{row:07},Person {row},{:06x}", row.wrapping_mul(2_654_435_761) & 0xff_ffff)?;
    }
    file.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() -> anyhow::Result<()> {
        assert_eq!(arguments(&[])?, (RUNS.to_vec(), ROWS));
        assert_eq!(arguments(&["check", "--rows", "2_500"])?, (vec!["check"], 2500));
        assert!(
            arguments(&["--rows", "0"]).is_err() && arguments(&["fly"]).is_err() && arguments(&["--rows"]).is_err()
        );
        Ok(())
    }
}
