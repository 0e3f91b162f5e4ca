//! The report as one file, of a campaign of many rows: how quick, how large, and how much memory it takes.

use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::usage::measure;
use crate::workspace::{cargo, obey, root};

const ROWS: u64 = 10_000_000;
/// How large a report may be.
const LARGEST: u64 = 1_000_000;

/// Writes the ledger of such a campaign, unless it is there, and measures `report --format html`.
///
/// # Errors
/// When the arguments are wrong, something does not build or run, or the report is too large.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let rows = match args {
        [] => ROWS,
        ["--rows", rows] => rows.replace('_', "").parse().with_context(|| format!("--rows {rows}"))?,
        other => bail!("bench pages takes --rows N, not {}", other.join(" ")),
    };
    let folder = root().join("target").join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let ledger = folder.join(format!("large-{rows}.db"));
    if !ledger.exists() {
        // Under another name until it is whole.
        let part = folder.join("large-part.db");
        for end in ["", "-wal", "-shm"] {
            let old = folder.join(format!("large-part.db{end}"));
            if old.exists() {
                std::fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
            }
        }
        let mut write = cargo();
        write.args(["run", "--release", "--quiet", "--package", "sinch-batch-tests", "--example", "large", "--"]);
        println!("writing a ledger of {rows} rows");
        obey(write.arg(&part).arg(rows.to_string()))?;
        std::fs::rename(&part, &ledger).with_context(|| format!("cannot write {}", ledger.display()))?;
    }
    obey(cargo().args(["build", "--release", "--package", "sinch-batch-cli"]))?;
    let report = folder.join("large.html");
    let binary = root().join("target/release").join(format!("sinch-batch{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(binary);
    command.args(["report", "large", "--format", "html", "--ledger"]).arg(&ledger);
    let usage = measure(command.arg("--output").arg(&report).stdin(Stdio::null()))?;
    ensure!(usage.status.success(), "the report ended with {}", usage.status);
    let bytes = std::fs::metadata(&report).with_context(|| format!("no {}", report.display()))?.len();
    let peak = usage.peak.map_or("?".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1_048_576.0));
    println!("report of {rows} rows: {:.2} s, {bytes} bytes, peak {peak} MiB", usage.time.as_secs_f64());
    ensure!(bytes <= LARGEST, "the report is larger than {LARGEST} bytes");
    Ok(())
}
