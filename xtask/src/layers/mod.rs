//! Arrows point to the words: the table in `docs/architecture.md` is the law, this reads it.
//!
//! [`table`] reads the page, [`check`] compares it with cargo's metadata, [`tree`] asks `cargo tree`
//! what a crate pulls in when its features are off.

mod table;

mod check;

mod tree;

use anyhow::{Context, bail};

use crate::workspace;

const PAGE: &str = "docs/architecture.md";

/// Checks all arrows.
///
/// # Errors
/// When one is not in the table; every breach is named.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut breaches = arrows()?;
    breaches.extend(tree::breaches()?);
    if breaches.is_empty() {
        println!("every arrow is in the table of {PAGE}");
        return Ok(());
    }
    for breach in &breaches {
        eprintln!("  {breach}");
    }
    bail!("{} breaches of the table in {PAGE}", breaches.len());
}

/// The part that needs nothing but the manifests.
fn arrows() -> anyhow::Result<Vec<String>> {
    let root = workspace::root();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"));
    let table = table::read(&read(PAGE)?).with_context(|| format!("cannot read the table of arrows in {PAGE}"))?;
    let packages = workspace::packages()?;
    Ok(check::breaches(&packages, &table, &read("Cargo.toml")?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_workspace_obeys_its_table() -> anyhow::Result<()> {
        assert_eq!(super::arrows()?, Vec::<String>::new());
        Ok(())
    }
}
