//! The oldest versions of what we depend on directly: do our crates compile with what they ask for?
//!
//! In a copy, so that nobody's `Cargo.lock` changes. The copy has a target folder of its own, because
//! other versions are other builds.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workspace::{cargo, obey, packages, root, words};

/// Checks all that is published with the oldest direct dependencies.
///
/// # Errors
/// When no such set of versions exists, or the crates do not compile with it.
pub(crate) fn run() -> anyhow::Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let copy = target.join("minimal/source");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    for part in ["Cargo.toml", "Cargo.lock", "crates", "xtask", "tests"] {
        copy_all(&root().join(part), &copy.join(part))?;
    }
    let mut update = cargo();
    // The choice of versions is unstable in name only; no compiler is called, so nothing is built with it.
    update.current_dir(&copy).env("RUSTC_BOOTSTRAP", "1").args(["update", "--quiet", "-Z", "direct-minimal-versions"]);
    println!("    {}", words(&update));
    obey(&mut update).context(
        "no set of oldest versions exists. hint: raise the versions named above in [workspace.dependencies]",
    )?;
    let mut check = cargo();
    check.current_dir(&copy).env("CARGO_TARGET_DIR", target.join("minimal/target"));
    check.args(["check", "--quiet", "--locked", "--lib", "--bins", "--all-features"]);
    let published: Vec<_> = packages()?.into_iter().filter(|package| package.publish).collect();
    if published.is_empty() {
        bail!("no crate is published");
    }
    for package in &published {
        check.args(["--package", &package.name]);
    }
    println!("    {}", words(&check));
    obey(&mut check).context("with the oldest versions it does not compile. hint: raise the version of what is missed in [workspace.dependencies]")
}

fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    let why = || format!("cannot copy {}", from.display());
    if !from.is_dir() {
        let folder = to.parent().context("no folder")?;
        std::fs::create_dir_all(folder).with_context(why)?;
        std::fs::copy(from, to).with_context(why)?;
        return Ok(());
    }
    for entry in std::fs::read_dir(from).with_context(why)? {
        let entry = entry.with_context(why)?;
        if entry.file_name() != "target" {
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_copied_with_what_is_in_it() -> anyhow::Result<()> {
        let to = std::env::temp_dir().join(format!("sinch-batch-xtask-copy-{}", std::process::id()));
        copy_all(&root().join(".ci"), &to.join("ci"))?;
        let (ours, copy) = (std::fs::read(root().join(".ci/run"))?, std::fs::read(to.join("ci/run"))?);
        std::fs::remove_dir_all(&to)?;
        assert!(!ours.is_empty() && ours == copy);
        assert!(copy_all(Path::new("no-such-folder"), &to).is_err());
        Ok(())
    }
}
