//! Measurements: the criterion benches of the workspace, and the whole road over a large file.

mod sink;

mod usage;

mod road;

mod client;

mod pages;

use crate::workspace::{cargo, obey, packages};

pub(crate) use client::run as client;
pub(crate) use pages::run as pages;
pub(crate) use road::run as road;

/// Measures durable acknowledgements of callbacks.
///
/// # Errors
/// When the bench cannot be built or run.
pub(crate) fn ack() -> anyhow::Result<()> {
    obey(cargo().args(["bench", "--package", "sinch-batch-tests", "--bench", "ack"]))
}

/// Runs the two benches of the webhook: the whole receive path over HTTP, and verify and parse in memory.
///
/// # Errors
/// When one cannot be built or run.
pub(crate) fn webhook() -> anyhow::Result<()> {
    for bench in ["receive", "memory"] {
        obey(cargo().args(["bench", "--package", "sinch-batch-webhook", "--bench", bench]))?;
    }
    Ok(())
}

/// Measures what the simulator takes, with and without receipts, and the pages of its inbox.
///
/// # Errors
/// When the bench cannot be built or run.
pub(crate) fn simulator() -> anyhow::Result<()> {
    obey(cargo().args(["bench", "--package", "sinch-batch-simulator", "--bench", "intake"]))
}

/// Measures receipts through the ledger beside the bare statement, in SQLite and Postgres.
///
/// # Errors
/// When the arguments are wrong, or the bench cannot be built or run.
pub(crate) fn ledger(args: &[&str]) -> anyhow::Result<()> {
    let mut bench = cargo();
    bench.args(["bench", "--package", "sinch-batch-ledger", "--features", "sqlite,postgres", "--bench", "beside"]);
    match args {
        [] => {}
        ["--rows", rows] => {
            bench.args(["--", *rows]);
        }
        other => anyhow::bail!("bench ledger takes --rows N, not {}", other.join(" ")),
    }
    obey(&mut bench)
}

/// Runs every bench of the crates.
///
/// # Errors
/// When one cannot be built or run.
pub(crate) fn criterion() -> anyhow::Result<()> {
    let mut any = false;
    for package in packages()? {
        for bench in &package.benches {
            any = true;
            obey(cargo().args(["bench", "--all-features", "--package", &package.name, "--bench", bench]))?;
        }
    }
    if !any {
        println!("no crate has a bench yet; `cargo xtask bench road` measures the release binary");
    }
    Ok(())
}
