//! The tools of the gate that are no part of the toolchain, and how they are installed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::workspace::{cargo, obey, output, packages, root, words};

/// A cargo plugin.
#[derive(Debug)]
pub(crate) struct Tool {
    /// `cargo-deny` is called as such, without cargo, so that it need not be on the path.
    pub(crate) name: &'static str,
    /// The version the gate was written with.
    pub(crate) version: &'static str,
    pub(crate) purpose: &'static str,
    /// How it is built: quickly, for it runs a few seconds.
    options: &'static [&'static str],
}

pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    purpose: "licences, duplicates and sources of dependencies",
    options: &["--debug", "--no-default-features"],
};

pub(crate) const SEMVER: Tool = Tool {
    name: "cargo-semver-checks",
    version: "0.51.0",
    purpose: "accidental breaks of the public API",
    options: &[],
};

/// Installs the tools, and the toolchain of the oldest supported Rust where rustup is there.
///
/// # Errors
/// When an installation of a tool fails.
pub(crate) fn run() -> anyhow::Result<()> {
    for tool in [&DENY, &SEMVER] {
        println!("{} {}: {}", tool.name, tool.version, tool.purpose);
        if installed(tool).is_none() {
            install(tool)?;
        }
    }
    let rust = oldest_rust()?;
    println!("Rust {rust}: the oldest we support");
    if let Err(error) = install_rust(&rust) {
        eprintln!("{error:#}; the gate says SKIPPED there and goes on");
    }
    Ok(())
}

/// How a tool is called, if it is here: from the path, or from `target/tools`.
pub(crate) fn installed(tool: &Tool) -> Option<Command> {
    let ours = folder().join("bin").join(format!("{}{}", tool.name, std::env::consts::EXE_SUFFIX));
    [ours, PathBuf::from(tool.name)].into_iter().find_map(|program| {
        let mut ask = Command::new(&program);
        // As cargo calls its plugins: some want their own name first.
        ask.args(["--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success()).then(|| {
            let mut command = Command::new(&program);
            command.current_dir(root());
            command
        })
    })
}

/// Builds a tool into `target/tools`.
///
/// # Errors
/// When cargo cannot.
pub(crate) fn install(tool: &Tool) -> anyhow::Result<()> {
    let mut command = cargo();
    let build = folder().join("build");
    command.args(["install", "--quiet", "--locked", tool.name, "--version", tool.version]).args(tool.options);
    command.arg("--root").arg(folder()).env("CARGO_TARGET_DIR", &build);
    println!("    {}", words(&command));
    obey(&mut command).with_context(|| format!("{} cannot be installed", tool.name))?;
    std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
}

fn folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("tools")
}

/// Has rustup fetch a toolchain, unless it is here.
///
/// # Errors
/// When there is no rustup, or it cannot.
pub(crate) fn install_rust(rust: &str) -> anyhow::Result<()> {
    let list = output(Command::new("rustup").args(["toolchain", "list"])).context("there is no rustup")?;
    if list.lines().any(|line| line.starts_with(&format!("{rust}-"))) {
        return Ok(());
    }
    output(Command::new("rustup").args(["toolchain", "install", rust, "--profile", "minimal"])).map(drop)
}

/// The `rust-version` of the workspace with all three numbers, as a toolchain is called.
///
/// # Errors
/// When no crate states one.
pub(crate) fn oldest_rust() -> anyhow::Result<String> {
    let version = packages()?.into_iter().find_map(|package| package.rust_version);
    version.map(|version| three(&version)).context("no crate states its rust-version")
}

fn three(version: &str) -> String {
    if version.matches('.').count() == 1 { format!("{version}.0") } else { version.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_that_is_not_here_is_not_called() {
        let tool = Tool { name: "cargo-of-no-use", version: "1.0.0", purpose: "none", options: &[] };
        assert!(installed(&tool).is_none());
    }

    #[test]
    fn toolchain_has_three_numbers() {
        assert_eq!((three("1.89").as_str(), three("1.89.1").as_str()), ("1.89.0", "1.89.1"));
    }
}
