//! What goes to a registry: each package has what its page there needs, and builds from what is in it.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::workspace::{cargo, metadata, obey, root, words};

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Checks the packages and has cargo build each from its archive.
///
/// # Errors
/// When a package lacks something, each lack named, or does not build.
pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("cargo metadata names no packages")?;
    let published: Vec<&Value> = packages.iter().filter(|package| is_published(package)).collect();
    let mut faults = Vec::new();
    for package in &published {
        let manifest = package.get("manifest_path").and_then(Value::as_str).context("a package without a manifest")?;
        let folder = Path::new(manifest).parent().context("a manifest without a folder")?;
        faults.extend(faults_of(
            package,
            |name| std::fs::read_to_string(folder.join(name)).ok(),
            |name| std::fs::read_to_string(root().join(name)).ok(),
        ));
    }
    for fault in &faults {
        eprintln!("  {fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults in the packages", faults.len());
    }
    let mut command = cargo();
    // The same debug information as in the workspace: dependencies that are built already are taken.
    command.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only").args([
        "package",
        "--quiet",
        "--locked",
        "--allow-dirty",
    ]);
    for package in &published {
        command.args(["--package", name(package)]);
    }
    println!("    {}", words(&command));
    obey(&mut command).context(
        "a package does not build from what is in it. hint: files from outside a crate's folder are not in its package",
    )
}

/// Whether `publish` is left out: `publish = false` is an empty list.
pub(crate) fn is_published(package: &Value) -> bool {
    package.get("publish").is_none_or(Value::is_null)
}

fn name(package: &Value) -> &str {
    package.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// What one package lacks. `read` gives a file of its folder, `shared` one of the root.
fn faults_of(
    package: &Value,
    read: impl Fn(&str) -> Option<String>,
    shared: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for field in ["description", "license", "rust_version", "readme"] {
        if package.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            faults.push(format!("no {} in its manifest", field.replace('_', "-")));
        }
    }
    for field in ["keywords", "categories"] {
        let n = package.get(field).and_then(Value::as_array).map_or(0, Vec::len);
        if !(1..=5).contains(&n) {
            faults.push(format!("{n} {field} in its manifest; a registry takes 1 to 5"));
        }
    }
    for licence in LICENCES {
        match (read(licence), shared(licence)) {
            (Some(own), Some(root)) if own == root => {}
            (Some(_), _) => faults.push(format!("its {licence} is not the one of the project")),
            (None, _) => faults.push(format!("no {licence} in its folder")),
        }
    }
    let is_library = package.get("targets").and_then(Value::as_array).is_some_and(|targets| {
        targets.iter().any(|target| target.pointer("/kind/0").is_some_and(|kind| kind == "lib"))
    });
    match read("README.md") {
        Some(readme) => faults.extend(readme_faults(package, &readme, is_library)),
        None => faults.push("no README.md in its folder".to_owned()),
    }
    if is_library {
        let docs = package.pointer("/metadata/docs/rs");
        if docs.and_then(|docs| docs.get("all-features")) != Some(&Value::Bool(true)) {
            faults.push("no `all-features = true` in [package.metadata.docs.rs]".to_owned());
        }
        let lib = read("src/lib.rs").unwrap_or_default();
        if !lib.contains("include_str!(\"../README.md\")") {
            faults.push("src/lib.rs does not include its README.md, so nothing runs the program in it".to_owned());
        }
        if !lib.contains("#![cfg_attr(docsrs, feature(doc_cfg))]") {
            faults.push("src/lib.rs asks for no feature badges (doc_cfg)".to_owned());
        }
    }
    faults.into_iter().map(|fault| format!("{}: {fault}", name(package))).collect()
}

/// It opens with a sentence and the command that brings the crate; a library goes on with a program.
fn readme_faults(package: &Value, readme: &str, is_library: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let first = readme.lines().next().unwrap_or_default();
    if !first.starts_with(char::is_alphabetic) || !first.ends_with('.') {
        faults.push(format!("README.md opens with {first:?}, which is no sentence"));
    }
    let command = format!("{} {}", if is_library { "cargo add" } else { "cargo install" }, name(package));
    let line = readme.lines().map(|line| line.trim_start_matches("$ ")).find(|line| line.starts_with("cargo "));
    let Some(line) =
        line.filter(|line| line.strip_prefix(&command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    else {
        faults.push(format!("the first command in README.md is {:?}, not `{command}`", line.unwrap_or_default()));
        return faults;
    };
    let features = line.split_once("--features ").map_or("", |(_, features)| features);
    for feature in features.split(',').filter(|feature| !feature.is_empty()) {
        if package.get("features").and_then(|known| known.get(feature)).is_none() {
            faults.push(format!("README.md asks for a feature {feature} that is not there"));
        }
    }
    if is_library && !readme.contains("```rust\n") {
        faults.push("README.md shows no program".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const README: &str =
        "A till that counts.\n\n```sh\ncargo add shop --features till\n```\n\n```rust\nfn main() {}\n```\n";
    const LIB: &str = "#![doc = include_str!(\"../README.md\")]\n#![cfg_attr(docsrs, feature(doc_cfg))]\n";

    fn package() -> Value {
        json!({
            "name": "shop", "description": "A till.", "license": "MIT OR Apache-2.0", "rust_version": "1.89",
            "readme": "README.md", "keywords": ["till"], "categories": ["simulation"], "publish": null,
            "features": {"till": []}, "metadata": {"docs": {"rs": {"all-features": true}}},
            "targets": [{"kind": ["lib"], "name": "shop"}],
        })
    }

    fn told(package: &Value, change: impl Fn(&str, String) -> Option<String>) -> Vec<String> {
        let file = |name: &str| match name {
            "README.md" => README.to_owned(),
            "src/lib.rs" => LIB.to_owned(),
            licence => licence.to_lowercase(),
        };
        faults_of(package, |name| change(name, file(name)), |name| Some(file(name)))
    }

    #[test]
    fn whole_package_has_no_faults() {
        assert_eq!(told(&package(), |_, text| Some(text)), Vec::<String>::new());
    }

    #[test]
    fn each_lack_in_a_manifest_is_named() {
        for (field, word) in [
            ("description", "description"),
            ("readme", "readme"),
            ("rust_version", "rust-version"),
            ("keywords", "keywords"),
            ("categories", "categories"),
            ("license", "license"),
            ("metadata", "docs.rs"),
        ] {
            let mut package = package();
            package[field] = Value::Null;
            let faults = told(&package, |_, text| Some(text));
            assert!(
                faults.len() == 1 && faults[0].starts_with("shop: ") && faults[0].contains(word),
                "{field}: {faults:?}"
            );
        }
    }

    #[test]
    fn each_lack_among_the_files_is_named() {
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            let faults = told(&package(), |name, text| (name != file).then_some(text));
            assert!(faults.len() == 1 && faults[0].contains(file), "{faults:?}");
            let faults = told(&package(), |name, text| Some(if name == file { "another".to_owned() } else { text }));
            assert!(!faults.is_empty() && faults.iter().all(|fault| fault.contains(file)), "{faults:?}");
        }
        let faults = told(&package(), |name, text| Some(if name == "src/lib.rs" { String::new() } else { text }));
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn readme_brings_this_crate_with_features_it_has() {
        let other = |from: &str, to: &str| readme_faults(&package(), &README.replace(from, to), true);
        assert!(other("cargo add shop ", "cargo add shopping ")[0].contains("`cargo add shop`"));
        assert!(other("features till", "features till,cellar")[0].contains("cellar"));
        assert!(other("A till", "# A till")[0].contains("no sentence"));
        assert!(other("```rust", "```text")[0].contains("no program"));
    }

    #[test]
    fn what_says_publish_false_is_left_out() {
        assert!(is_published(&package()));
        assert!(!is_published(&json!({"name": "xtask", "publish": []})));
    }
}
