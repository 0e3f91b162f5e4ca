//! Our pages in Chromium: two widths, light and dark.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace::{cargo, obey, root, words};

/// Where pages, pictures and tools go.
const FOLDER: &str = "target/browser";

/// Checks accessibility; MPL-2.0, fetched for this and not shipped.
const AXE: &str = "axe-core@4.14.1";

/// Makes a report as a user does, and looks at it.
///
/// # Errors
/// When Chromium, its driver or npm is missing, or a page breaks a rule; each breach is printed.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    let axe = axe(&folder)?;
    let report = report(&folder)?;
    let mut command = cargo();
    command.args(["run", "--locked", "--quiet", "--manifest-path", "browser/Cargo.toml", "--"]);
    command.env("CARGO_TARGET_DIR", &folder).arg(axe).arg(folder.join("pictures")).arg(report);
    obey(&mut command)?;
    println!("pictures: {FOLDER}/pictures");
    Ok(())
}

/// The script, fetched once.
fn axe(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if script.exists() {
        return Ok(script);
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = Command::new("npm");
    command.args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]).arg(folder).arg(AXE);
    obey(&mut command).with_context(|| format!("{AXE} could not be fetched (Debian: apt-get install npm)"))?;
    if !script.exists() {
        bail!("{} did not bring {}", words(&command), script.display());
    }
    Ok(script)
}

/// The report of the README's campaign.
fn report(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let ledger = folder.join("ledger.db");
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        match std::fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context(file),
            _ => {}
        }
    }
    let report = folder.join("report.html");
    let binary = || {
        let mut command = cargo();
        command.args(["run", "--locked", "--quiet", "-p", "sinch-batch-cli", "--"]);
        command
    };
    let mut send = binary();
    send.args(["send", "demo/recipients.csv", "--message", "demo/message.json", "--simulate", "--campaign", "demo"]);
    obey(send.arg("--ledger").arg(&ledger).stdout(std::process::Stdio::null()))?;
    let mut write = binary();
    write.args(["report", "demo", "--format", "html", "--output"]).arg(&report).arg("--ledger").arg(&ledger);
    obey(&mut write)?;
    Ok(report)
}
