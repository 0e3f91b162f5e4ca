//! Our pages in Chromium: two widths, light and dark.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace::{cargo, obey, root, words};

/// Where pages, pictures and tools go.
const FOLDER: &str = "target/browser";

/// Checks accessibility; MPL-2.0, fetched for this and not shipped.
const AXE: &str = "axe-core@4.14.1";

/// The pictures that the README shows, and of what.
const SHOWN: [(&str, &str); 2] = [("inbox", "inbox.png"), ("report", "report.png")];

/// How large a picture of the README may be.
const LARGEST: u64 = 200 * 1024;

/// Makes a report as a user does, and looks at it; then at the inbox of a simulator.
///
/// # Errors
/// When Chromium, its driver or npm is missing, or a page breaks a rule; each breach is printed.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    let axe = axe(&folder)?;
    let report = report(&folder)?;
    let mut command = cargo();
    command.args(["run", "--locked", "--quiet", "--manifest-path", "browser/Cargo.toml", "--"]);
    command.env("CARGO_TARGET_DIR", &folder).arg(axe).arg(folder.join("pictures")).arg(binary()?).arg(report);
    obey(&mut command)?;
    println!("pictures: {FOLDER}/pictures");
    sizes(&folder.join("pictures"))
}

/// Puts the pictures that the README shows into `docs/images`, as `cargo xtask browser --keep` does.
///
/// # Errors
/// As [`run`].
pub(crate) fn keep() -> anyhow::Result<()> {
    run()?;
    let images = root().join("docs/images");
    std::fs::create_dir_all(&images).with_context(|| format!("cannot make {}", images.display()))?;
    for (name, picture) in SHOWN {
        let to = images.join(format!("{name}.png"));
        std::fs::copy(root().join(FOLDER).join("pictures").join(picture), &to)
            .with_context(|| format!("cannot write {}", to.display()))?;
        println!("wrote docs/images/{name}.png");
    }
    Ok(())
}

/// The pictures for the README are small.
fn sizes(pictures: &Path) -> anyhow::Result<()> {
    for (_, picture) in SHOWN {
        let size = std::fs::metadata(pictures.join(picture)).with_context(|| format!("no {picture}"))?.len();
        if size > LARGEST {
            bail!("{picture} has {size} bytes, and may have {LARGEST}");
        }
    }
    Ok(())
}

/// The binary, which cargo has built for the report.
fn binary() -> anyhow::Result<std::path::PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let binary = target.join("debug").join(format!("sinch-batch{}", std::env::consts::EXE_SUFFIX));
    if !binary.exists() {
        bail!("cargo did not build {}", binary.display());
    }
    Ok(binary)
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
