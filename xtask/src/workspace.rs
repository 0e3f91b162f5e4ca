//! What cargo knows about our crates, and how cargo is called.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::package::is_published;

/// The folder of the root manifest.
pub(crate) fn root() -> PathBuf {
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}

/// Cargo at the root, without the variables `cargo run` set for this program: with them, build
/// scripts that watch the environment would run again after each change between us and a shell.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    clean(&mut command);
    command
}

/// The same for another toolchain, reached through rustup.
pub(crate) fn cargo_of(toolchain: &str) -> Command {
    let mut command = Command::new("rustup");
    clean(&mut command);
    for name in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
        command.env_remove(name);
    }
    command.args(["run", toolchain, "cargo"]);
    command
}

fn clean(command: &mut Command) {
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|start| name.starts_with(start))
        });
        if ours {
            command.env_remove(name);
        }
    }
}

/// Runs a command and fails if it does.
pub(crate) fn obey(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", words(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", words(command));
    }
    Ok(())
}

/// Runs a command and gives its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", words(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}\n{}", words(command), output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} did not print text", words(command)))
}

/// A command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    std::iter::once(program)
        .chain(command.get_args().map(|arg| arg.to_string_lossy().into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// One crate of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root, with forward slashes: `crates/client`.
    pub(crate) folder: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) has_library: bool,
    /// Whether it goes to a registry.
    pub(crate) publish: bool,
    pub(crate) benches: Vec<String>,
}

impl Package {
    /// The last part of the folder: the name used in tables and as the umbrella's feature.
    pub(crate) fn short(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or_default()
    }

    /// A library that people take: the crates of the road and the umbrella.
    pub(crate) fn is_published_library(&self) -> bool {
        self.publish && self.has_library
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
    pub(crate) default_features: bool,
    pub(crate) requirement: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// All crates of the workspace, in the order of cargo's answer.
pub(crate) fn packages() -> anyhow::Result<Vec<Package>> {
    read(&metadata()?)
}

/// What `cargo metadata` says about our crates.
pub(crate) fn metadata() -> anyhow::Result<Value> {
    let text = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    Ok(serde_json::from_str(&text)?)
}

fn read(metadata: &Value) -> anyhow::Result<Vec<Package>> {
    let root = text(metadata, "workspace_root")?.replace('\\', "/");
    let packages = list(metadata, "packages").context("cargo metadata names no packages")?;
    packages.iter().map(|package| read_package(package, &root)).collect()
}

fn read_package(package: &Value, root: &str) -> anyhow::Result<Package> {
    let manifest = text(package, "manifest_path")?.replace('\\', "/");
    let folder = manifest
        .strip_prefix(root)
        .and_then(|path| path.strip_suffix("Cargo.toml"))
        .with_context(|| format!("{manifest} lies outside the workspace"))?;
    let targets = list(package, "targets").unwrap_or_default();
    let of_kind = |kind: &str| {
        targets
            .iter()
            .filter(|target| list(target, "kind").is_some_and(|kinds| kinds.iter().any(|found| found == kind)))
            .filter_map(|target| Some(target.get("name")?.as_str()?.to_owned()))
            .collect::<Vec<_>>()
    };
    let mut features = BTreeMap::new();
    for (name, parts) in package.get("features").and_then(Value::as_object).into_iter().flatten() {
        let parts = parts.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        features.insert(name.clone(), parts);
    }
    Ok(Package {
        name: text(package, "name")?.to_owned(),
        folder: folder.trim_matches('/').to_owned(),
        version: text(package, "version")?.to_owned(),
        rust_version: package.get("rust_version").and_then(Value::as_str).map(str::to_owned),
        dependencies: list(package, "dependencies")
            .unwrap_or_default()
            .iter()
            .map(read_dependency)
            .collect::<anyhow::Result<_>>()?,
        features,
        has_library: !of_kind("lib").is_empty(),
        publish: is_published(package),
        benches: of_kind("bench"),
    })
}

fn read_dependency(dependency: &Value) -> anyhow::Result<Dependency> {
    let flag = |key: &str| dependency.get(key).and_then(Value::as_bool).unwrap_or_default();
    let kind = match dependency.get("kind").and_then(Value::as_str) {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => bail!("unknown kind of dependency: {other}"),
    };
    Ok(Dependency {
        name: text(dependency, "name")?.to_owned(),
        kind,
        optional: flag("optional"),
        default_features: flag("uses_default_features"),
        requirement: text(dependency, "req")?.to_owned(),
    })
}

fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("cargo metadata lacks \"{key}\""))
}

fn list<'a>(value: &'a Value, key: &str) -> Option<&'a [Value]> {
    value.get(key)?.as_array().map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read() -> anyhow::Result<()> {
        let packages = read(&serde_json::json!({
            "workspace_root": "/w",
            "packages": [{
                "name": "sinch-batch-ledger", "version": "0.1.0", "manifest_path": "/w/crates/ledger/Cargo.toml",
                "rust_version": "1.89",
                "features": {"sqlite": ["dep:rusqlite"]},
                "targets": [{"name": "sinch_batch_ledger", "kind": ["lib"]}, {"name": "fold", "kind": ["bench"]}],
                "dependencies": [{
                    "name": "rusqlite", "req": ">=0.39, <0.44", "kind": null,
                    "optional": true, "uses_default_features": false,
                }],
            }],
        }))?;
        let ledger = &packages[0];
        assert_eq!((ledger.folder.as_str(), ledger.short()), ("crates/ledger", "ledger"));
        assert_eq!(ledger.features["sqlite"], ["dep:rusqlite"]);
        assert_eq!(ledger.benches, ["fold"]);
        assert!(ledger.is_published_library() && ledger.dependencies[0].optional);
        assert_eq!(ledger.dependencies[0].kind, Kind::Normal);
        Ok(())
    }

    #[test]
    fn command_reads_as_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["fmt", "--check"]);
        assert_eq!(words(&command), "cargo fmt --check");
    }
}
