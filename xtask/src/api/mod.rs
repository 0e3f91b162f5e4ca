//! The public API of each library, one item a line, in `docs/api`; and the types of others in it.
//!
//! A change of surface is then a change of a file that a reviewer sees. The listing is made from the JSON
//! of rustdoc, which has a format of its own for each few toolchains: [`json`] reads it, [`mod@print`] writes
//! types, [`listing`] writes items, [`foreign`] compares the types of others with the table in
//! `docs/stability.md`, [`difference`] tells what changed.

mod difference;
mod foreign;
mod json;
mod listing;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use crate::workspace::{Package, cargo, obey, packages, root, words};
use json::Crate;

const FOLDER: &str = "docs/api";
const TABLE: &str = "docs/stability.md";

/// The variable that turns this program into a rustdoc that takes unstable options.
///
/// `RUSTC_BOOTSTRAP` for all of cargo would build every dependency anew.
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Why there is no listing.
pub(crate) enum Unlisted {
    /// The rustdoc of this toolchain writes a format that is not known here.
    UnknownFormat(String),
    /// Everything else.
    Failed(anyhow::Error),
}

impl Unlisted {
    pub(crate) fn into_error(self) -> anyhow::Error {
        match self {
            Self::UnknownFormat(why) => anyhow::Error::msg(why),
            Self::Failed(error) => error,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Unlisted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Compares the API with the files, or writes them.
///
/// # Errors
/// When the API is not the one in the files, or shows a type of others that is not in the table.
pub(crate) fn run(bless: bool) -> Result<(), Unlisted> {
    let packages: Vec<Package> = packages()?.into_iter().filter(Package::is_published_library).collect();
    let crates = documents(&packages)?;
    let mut listings = BTreeMap::new();
    let mut foreign_types = Vec::new();
    for (package, document) in packages.iter().zip(&crates) {
        let listing =
            listing::of(document).with_context(|| format!("cannot list the public API of {}", package.name))?;
        foreign_types.extend(listing.foreign.into_iter().map(|path| (package.short().to_owned(), path)));
        listings.insert(format!("{}.txt", package.short()), listing.text);
    }
    if bless {
        write(&listings)?;
    } else {
        compare(&listings)?;
    }
    let page = std::fs::read_to_string(root().join(TABLE)).with_context(|| format!("cannot read {TABLE}"))?;
    let faults = foreign::faults(&foreign::read(&page)?, &foreign_types);
    for fault in &faults {
        eprintln!("  {fault}");
    }
    if !faults.is_empty() {
        return Err(anyhow::anyhow!("the types of others in the API are not those of the table in {TABLE}").into());
    }
    println!("{} listings in {FOLDER} are as the code is", listings.len());
    Ok(())
}

fn write(listings: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    for file in files(&folder)?.iter().filter(|name| !listings.contains_key(*name)) {
        std::fs::remove_file(folder.join(file)).with_context(|| format!("cannot remove {FOLDER}/{file}"))?;
    }
    for (file, text) in listings {
        std::fs::write(folder.join(file), text).with_context(|| format!("cannot write {FOLDER}/{file}"))?;
    }
    Ok(())
}

fn compare(listings: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    let there = if folder.is_dir() { files(&folder)? } else { BTreeSet::new() };
    let names: BTreeSet<&String> = there.iter().chain(listings.keys()).collect();
    let mut changed = 0;
    for name in names {
        let old = if there.contains(name) { read(&folder.join(name))? } else { String::new() };
        let lines = difference::of(&old, listings.get(name).map_or("", String::as_str));
        if !lines.is_empty() {
            changed += 1;
            eprintln!("{FOLDER}/{name}");
            for line in lines {
                eprintln!("  {line}");
            }
        }
    }
    if changed > 0 {
        bail!(
            "the public API of {changed} {} is not the one in {FOLDER} (- there, + in the code). hint: if that is meant, cargo xtask api --bless, and a line in CHANGELOG.md",
            if changed == 1 { "crate" } else { "crates" }
        );
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let names: Vec<String> = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()
        .with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(names.into_iter().filter(|name| name.ends_with(".txt")).collect())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.replace("\r\n", "\n"))
}

/// Has rustdoc write its JSON for all libraries with all features, and reads it.
fn documents(packages: &[Package]) -> Result<Vec<Crate>, Unlisted> {
    let mut command = cargo();
    command.args(["doc", "--quiet", "--locked", "--no-deps", "--workspace", "--lib", "--all-features"]);
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    command
        .env("RUSTDOC", program)
        .env(AS_RUSTDOC, std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into()))
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    println!("    {} (as JSON)", words(&command));
    obey(&mut command)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    packages
        .iter()
        .map(|package| {
            let path = target.join("doc").join(format!("{}.json", package.name.replace('-', "_")));
            let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let value = serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))?;
            Crate::new(value)
        })
        .collect()
}

/// Runs the real rustdoc with unstable options if this program was called in its place.
pub(crate) fn as_rustdoc() -> Option<ExitCode> {
    let rustdoc = std::env::var_os(AS_RUSTDOC)?;
    let status = Command::new(&rustdoc)
        .args(std::env::args_os().skip(1))
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTDOC")
        .env_remove(AS_RUSTDOC)
        .status();
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot run {}: {error}", Path::new(&rustdoc).display());
            ExitCode::FAILURE
        }
    })
}
