//! Our pages in a real browser: `cargo xtask browser` runs it.
//!
//! `sinch-batch-browser AXE FOLDER [REPORT..]`: AXE is axe-core's script, FOLDER takes the pictures, each
//! REPORT is a page in a file. A report full of hostile texts is looked at besides.
//!
//! Each page is opened at two widths, light and dark, and held to the same [`rules`].

mod browser;
mod hostile;
mod rules;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::browser::{Browser, Look};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match run(&args).await {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in &faults {
                eprintln!("  {fault}");
            }
            eprintln!("error: {} faults in the pages", faults.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let [axe, folder, reports @ ..] = args else { anyhow::bail!("usage: sinch-batch-browser AXE FOLDER [REPORT..]") };
    let axe = std::fs::read_to_string(axe).with_context(|| format!("cannot read {}", axe.display()))?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let hostile = folder.join("hostile.html");
    std::fs::write(&hostile, hostile::report()).with_context(|| format!("cannot write {}", hostile.display()))?;
    let mut browser = Browser::start().await?;
    let mut faults = Vec::new();
    for report in reports.iter().chain([&hostile]) {
        for look in Look::ALL {
            let found = look_at(&browser, report, look, &axe, folder).await?;
            let name = report.file_name().unwrap_or_default().to_string_lossy().into_owned();
            println!("{name}, {look}: {}", if found.is_empty() { "ok" } else { "FAULTS" });
            faults.extend(found.into_iter().map(|fault| format!("{name}, {look}: {fault}")));
        }
    }
    browser.end().await?;
    Ok(faults)
}

async fn look_at(
    browser: &Browser,
    report: &Path,
    look: Look,
    axe: &str,
    folder: &Path,
) -> anyhow::Result<Vec<String>> {
    let path = report.canonicalize().with_context(|| format!("no page {}", report.display()))?;
    let url = format!("file://{}", path.display());
    browser.open(&url, look).await?;
    let stem = report.file_stem().unwrap_or_default().to_string_lossy();
    browser.picture(&folder.join(format!("{stem}-{look}.png")), look).await?;
    let mut faults = rules::looks(browser, look, axe).await?;
    faults.extend(rules::is_quiet(browser, &url).await?);
    Ok(faults)
}
