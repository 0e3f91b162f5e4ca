//! Our pages in Chromium: two widths, light and dark.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::workspace::{cargo, obey, root, words};

/// Where pages, pictures and tools go.
const FOLDER: &str = "target/browser";

/// Checks accessibility; MPL-2.0, fetched for this and not shipped.
const AXE: &str = "axe-core@4.14.1";

/// The report of a seeded campaign that took 40 minutes.
const SEEDED: &str = "crates/pages/tests/golden/report.html";

/// The pictures that the README shows.
const SHOWN: [&str; 2] = ["inbox.png", "report.png"];

/// The programs that this needs, beside cargo.
const NEEDED: [&str; 3] = ["chromium", "chromedriver", "npm"];

/// How large a picture of the README may be.
const LARGEST: u64 = 200 * 1024;

/// The programs that this needs and that are not here.
pub(crate) fn missing() -> Vec<&'static str> {
    let is_here = |program: &&str| {
        let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    NEEDED.into_iter().filter(|program| !is_here(program)).collect()
}

/// Makes a report as a user does, and looks at it; then at the inbox of a simulator. `is_built` when the binary
/// was built a moment ago, as the tests do.
///
/// # Errors
/// When Chromium, its driver or npm is missing, or a page breaks a rule; each breach is printed.
pub(crate) fn run(is_built: bool) -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    let axe = axe(&folder)?;
    let binary = binary(is_built)?;
    let report = report(&folder, &binary)?;
    let pictures = folder.join("pictures");
    let mut command = cargo();
    command.args(["run", "--locked", "--quiet", "--manifest-path", "browser/Cargo.toml", "--"]);
    // In one folder with everything else, so that what both need is compiled once.
    command.env("CARGO_TARGET_DIR", target());
    obey(command.arg(axe).arg(&pictures).arg(binary).arg(report).arg(root().join(SEEDED)))?;
    println!("pictures: {FOLDER}/pictures");
    sizes(&pictures)
}

/// Puts the pictures that the README shows into `docs/images`, as `cargo xtask browser --keep` does.
///
/// # Errors
/// As [`run`].
pub(crate) fn keep() -> anyhow::Result<()> {
    run(false)?;
    let images = root().join("docs/images");
    std::fs::create_dir_all(&images).with_context(|| format!("cannot make {}", images.display()))?;
    for picture in SHOWN {
        let to = images.join(picture);
        std::fs::copy(root().join(FOLDER).join("pictures").join(picture), &to)
            .with_context(|| format!("cannot write {}", to.display()))?;
        println!("wrote docs/images/{picture}");
    }
    Ok(())
}

/// The pictures for the README are small.
fn sizes(pictures: &Path) -> anyhow::Result<()> {
    for picture in SHOWN {
        let size = std::fs::metadata(pictures.join(picture)).with_context(|| format!("no {picture}"))?.len();
        if size > LARGEST {
            bail!("{picture} has {size} bytes, and may have {LARGEST}");
        }
    }
    Ok(())
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into)
}

/// The binary, built unless it is.
fn binary(is_built: bool) -> anyhow::Result<PathBuf> {
    if !is_built {
        obey(cargo().args(["build", "--locked", "--quiet", "-p", "sinch-batch-cli"]))?;
    }
    let binary = target().join("debug").join(format!("sinch-batch{}", std::env::consts::EXE_SUFFIX));
    if !binary.exists() {
        bail!("cargo did not build {}", binary.display());
    }
    Ok(binary)
}

/// The script, fetched once.
fn axe(folder: &Path) -> anyhow::Result<PathBuf> {
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
fn report(folder: &Path, binary: &Path) -> anyhow::Result<PathBuf> {
    let ledger = folder.join("ledger.db");
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        match std::fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context(file),
            _ => {}
        }
    }
    let report = folder.join("demo.html");
    let mut send = Command::new(binary);
    send.args(["send", "demo/recipients.csv", "--message", "demo/message.json", "--simulate", "--campaign", "demo"]);
    obey(send.arg("--ledger").arg(&ledger).current_dir(root()).stdout(Stdio::null()))?;
    let mut write = Command::new(binary);
    write.args(["report", "demo", "--format", "html", "--output"]).arg(&report).arg("--ledger").arg(&ledger);
    obey(&mut write)?;
    Ok(report)
}
