//! Installs what the gate can use but does not need.

use crate::workspace::{cargo, obey, packages, words};

/// Optional tools: name, the version the gate was written with, what it is for.
pub(crate) const TOOLS: [(&str, &str, &str); 2] = [
    ("cargo-deny", "0.20.2", "licences, duplicates and sources of dependencies"),
    ("cargo-semver-checks", "0.51.0", "accidental breaks of the public API"),
];

/// Installs the tools, and the toolchain of the oldest supported Rust where rustup is there.
///
/// # Errors
/// When an installation fails.
pub(crate) fn run() -> anyhow::Result<()> {
    for (tool, version, purpose) in TOOLS {
        println!("{tool} {version}: {purpose}");
        obey(cargo().args(["install", "--locked", tool, "--version", version]))?;
    }
    let mut rustup = std::process::Command::new("rustup");
    rustup.args(["toolchain", "install", "--profile", "minimal", &oldest_rust()?]);
    println!("{}: the oldest Rust we support", words(&rustup));
    if rustup.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    eprintln!("rustup could not install it; the gate says SKIPPED there and goes on");
    Ok(())
}

/// The `rust-version` of the workspace.
pub(crate) fn oldest_rust() -> anyhow::Result<String> {
    let version = packages()?.into_iter().find_map(|package| package.rust_version);
    version.ok_or_else(|| anyhow::anyhow!("no crate states its rust-version"))
}
