//! Compares the manifests with the table.

use std::collections::BTreeSet;

use super::table::{Allowed, Cell, Row, Table};
use crate::workspace::{Dependency, Kind, Package};

const UMBRELLA: &str = "sinch-batch";
/// Crates every library may use without a line in the table.
const EVERYBODYS: [&str; 2] = ["serde", "thiserror"];

/// Every breach, as a sentence.
pub(crate) fn breaches(packages: &[Package], table: &Table, root_manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        found.extend(name_breach(package));
        match table.get(package.short()) {
            Some(row) => {
                found.extend(arrow_breaches(package, row, packages));
                found.extend(unused_arrows(package, row));
            }
            None => found.push(format!("{} has no row in the table", package.folder)),
        }
    }
    let known: BTreeSet<&str> = packages.iter().map(Package::short).collect();
    for name in table.keys().filter(|name| !known.contains(name.as_str())) {
        found.push(format!("the table has a row for `{name}`, but there is no such crate"));
    }
    found.extend(umbrella_breaches(packages));
    found.extend(root_manifest_breaches(root_manifest));
    found
}

/// One word per thing: the folder says the package's name.
fn name_breach(package: &Package) -> Option<String> {
    let expected = match package.folder.split_once('/') {
        Some(("crates", UMBRELLA)) => UMBRELLA.to_owned(),
        Some(("crates", name)) if !name.contains('/') => format!("{UMBRELLA}-{name}"),
        None if package.folder == "xtask" => "xtask".to_owned(),
        None if package.folder == "tests" => format!("{UMBRELLA}-tests"),
        Some(("tests", "wire")) => format!("{UMBRELLA}-wire"),
        _ => return Some(format!("{} lies in {}, where no crate belongs", package.name, package.folder)),
    };
    (package.name != expected)
        .then(|| format!("the package in {} is called {}, by the rule it is {expected}", package.folder, package.name))
}

fn arrow_breaches(package: &Package, row: &Row, packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let target = packages.iter().find(|other| other.name == dependency.name);
        let breach = match target {
            Some(target) => {
                found.extend(lock_step_breaches(package, dependency, target));
                breach(package, dependency, target.short(), &row.ours)
            }
            // What tests need from outside reaches nobody, so the table does not list it.
            None if dependency.kind == Kind::Dev || EVERYBODYS.contains(&dependency.name.as_str()) => None,
            None => breach(package, dependency, &dependency.name, &row.outside),
        };
        found.extend(breach);
    }
    found
}

/// What the table allows and the manifest does not use: the row has grown old.
fn unused_arrows(package: &Package, row: &Row) -> Vec<String> {
    let ours = |rule: &Allowed| match rule.name.as_str() {
        UMBRELLA => UMBRELLA.to_owned(),
        name => format!("{UMBRELLA}-{name}"),
    };
    let of = |cell: &Cell, full: &dyn Fn(&Allowed) -> String| match cell {
        Cell::Only(allowed) => allowed.iter().map(|rule| (rule.name.clone(), full(rule))).collect(),
        Cell::Any => Vec::new(),
    };
    let allowed = of(&row.ours, &ours).into_iter().chain(of(&row.outside, &|rule| rule.name.clone()));
    allowed
        .filter(|(_, name)| !package.dependencies.iter().any(|dependency| dependency.name == *name))
        .map(|(name, _)| format!("the table lets {} depend on `{name}`, and it does not", package.folder))
        .collect()
}

fn breach(package: &Package, dependency: &Dependency, target: &str, cell: &Cell) -> Option<String> {
    let Cell::Only(allowed) = cell else { return None };
    let from = &package.folder;
    let dev = dependency.kind == Kind::Dev;
    let Some(rule) = allowed.iter().find(|rule| rule.name == target && (dev || !rule.dev)) else {
        let kind = match dependency.kind {
            Kind::Normal => "",
            Kind::Build => "build-",
            Kind::Dev => "dev-",
        };
        return Some(format!("{from} {kind}depends on `{target}`, an arrow the table does not have"));
    };
    if dev { None } else { feature_breach(package, dependency, rule) }
}

fn feature_breach(package: &Package, dependency: &Dependency, rule: &Allowed) -> Option<String> {
    let from = &package.folder;
    let name = &rule.name;
    let Some(feature) = &rule.feature else {
        return dependency
            .optional
            .then(|| format!("{from} has `{name}` behind a feature, the table does not say which"));
    };
    let switch = format!("dep:{}", dependency.name);
    if !dependency.optional || !has(package, feature, &switch) {
        return Some(format!("{from} does not keep `{name}` behind its feature `{feature}`, as the table says"));
    }
    (enables(package, "default", feature) != rule.default)
        .then(|| format!("{from} and the table disagree whether `{feature}` (for `{name}`) is a default feature"))
}

/// Whether one feature brings the other, directly or through others.
fn enables(package: &Package, from: &str, feature: &str) -> bool {
    from == feature
        || package.features.get(from).is_some_and(|parts| parts.iter().any(|part| enables(package, part, feature)))
}

fn has(package: &Package, feature: &str, part: &str) -> bool {
    package.features.get(feature).is_some_and(|parts| parts.iter().any(|found| found == part))
}

/// One version for all, features asked for where they are used.
///
/// A crate that is not published is for tests alone, and has no version: cargo leaves a dev-dependency
/// without one out of the package, and refuses a package that could not be built for want of it.
fn lock_step_breaches(package: &Package, dependency: &Dependency, target: &Package) -> Vec<String> {
    let mut found = Vec::new();
    if !target.publish {
        if dependency.kind != Kind::Dev || dependency.requirement != "*" {
            found.push(format!(
                "{} needs {}, which is not published: only as a dev-dependency without a version",
                package.folder, target.name
            ));
        }
        return found;
    }
    if dependency.default_features {
        found.push(format!("{} takes the default features of {}; ask for them by name", package.folder, target.name));
    }
    let pinned = format!("={}", target.version);
    if dependency.requirement != pinned {
        found.push(format!(
            "{} asks for {} {}, lock step is {pinned}",
            package.folder, target.name, dependency.requirement
        ));
    }
    found
}

/// The umbrella has one feature per library, called as its folder; `models` is always there.
fn umbrella_breaches(packages: &[Package]) -> Vec<String> {
    let Some(umbrella) = packages.iter().find(|package| package.name == UMBRELLA) else {
        return vec![format!("there is no umbrella crate {UMBRELLA}")];
    };
    packages
        .iter()
        .filter(|package| package.is_published_library() && package.name != UMBRELLA && package.short() != "models")
        .filter(|package| !has(umbrella, package.short(), &format!("dep:{}", package.name)))
        .map(|package| format!("the umbrella's feature `{}` does not bring {} in", package.short(), package.name))
        .collect()
}

/// In `[workspace.dependencies]`, default features of our crates are off: a member can only add. Crates
/// without a version are for tests alone.
fn root_manifest_breaches(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[workspace.dependencies]" && line.starts_with(UMBRELLA) && line.contains("version =") {
            let name = line.split([' ', '=']).next().unwrap_or_default();
            if !line.contains("default-features = false") {
                found.push(format!("Cargo.toml leaves the default features of {name} on"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::layers::table;

    const PAGE: &str = "\
<!-- arrows: begin -->
| Crate | May depend on (ours) | Outside | Must not know |
| --- | --- | --- | --- |
| `models` | – | `jiff` | HTTP |
| `ledger` | `models`, `simulator` (dev) | `rusqlite` (feature `sqlite`) | client |
| `simulator` | `models` | `axum` | client |
| `sinch-batch` | `models`, `ledger` (feature `ledger`), `simulator` (feature `simulator`, default) | – | code |
<!-- arrows: end -->
";
    const MANIFEST: &str = "[workspace.dependencies]\nsinch-batch-models = { path = \"crates/models\", version = \"=0.1.0\", default-features = false }\n";

    fn package(folder: &str, dependencies: &[Dependency]) -> Package {
        let short = folder.rsplit('/').next().unwrap_or_default();
        let name = if short == UMBRELLA { short.to_owned() } else { format!("{UMBRELLA}-{short}") };
        Package {
            name,
            folder: folder.to_owned(),
            version: "0.1.0".to_owned(),
            dependencies: dependencies.to_vec(),
            has_library: true,
            publish: folder.starts_with("crates/"),
            ..Package::default()
        }
    }

    fn on(name: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            kind: Kind::Normal,
            optional: false,
            default_features: false,
            requirement: "=0.1.0".to_owned(),
        }
    }

    fn optional(name: &str) -> Dependency {
        Dependency { optional: true, ..on(name) }
    }

    fn for_tests(name: &str) -> Dependency {
        Dependency { kind: Kind::Dev, ..on(name) }
    }

    fn features(list: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        list.iter()
            .map(|(name, parts)| ((*name).to_owned(), parts.iter().map(|part| (*part).to_owned()).collect()))
            .collect()
    }

    /// A small workspace that obeys the table.
    fn good() -> Vec<Package> {
        let mut ledger = package(
            "crates/ledger",
            &[on("sinch-batch-models"), optional("rusqlite"), on("serde"), for_tests("sinch-batch-simulator")],
        );
        ledger.features = features(&[("sqlite", &["dep:rusqlite"])]);
        let mut umbrella = package(
            "crates/sinch-batch",
            &[on("sinch-batch-models"), optional("sinch-batch-ledger"), optional("sinch-batch-simulator")],
        );
        umbrella.features = features(&[
            ("default", &["simulator"]),
            ("ledger", &["dep:sinch-batch-ledger"]),
            ("simulator", &["dep:sinch-batch-simulator"]),
        ]);
        vec![
            package("crates/models", &[on("jiff")]),
            ledger,
            package("crates/simulator", &[on("sinch-batch-models"), on("axum")]),
            umbrella,
        ]
    }

    /// Plants one breach and expects exactly one sentence, holding these words.
    #[track_caller]
    fn planted(plant: impl FnOnce(&mut Vec<Package>), words: &str) {
        let mut packages = good();
        plant(&mut packages);
        expect_one(&packages, PAGE, MANIFEST, words);
    }

    #[track_caller]
    fn expect_one(packages: &[Package], page: &str, manifest: &str, words: &str) {
        let table = table::read(page).unwrap_or_default();
        let found = breaches(packages, &table, manifest);
        assert!(found.len() == 1 && found[0].contains(words), "expected one breach with {words:?}: {found:#?}");
    }

    #[test]
    fn workspace_that_obeys_has_no_breach() -> anyhow::Result<()> {
        assert_eq!(breaches(&good(), &table::read(PAGE)?, MANIFEST), Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn arrow_outside_the_table_is_found() {
        planted(|all| all[2].dependencies.push(on("sinch-batch-ledger")), "crates/simulator depends on `ledger`");
        let build = Dependency { kind: Kind::Build, ..on("sinch-batch-ledger") };
        planted(|all| all[2].dependencies.push(build), "build-depends on `ledger`");
        let dev = Dependency { kind: Kind::Dev, ..on("sinch-batch-ledger") };
        planted(|all| all[2].dependencies.push(dev), "dev-depends on `ledger`");
    }

    #[test]
    fn arrow_for_tests_is_for_tests_only() {
        planted(|all| all[1].dependencies.push(on("sinch-batch-simulator")), "depends on `simulator`");
    }

    #[test]
    fn unused_arrow_is_found() {
        planted(|all| _ = all[0].dependencies.pop(), "the table lets crates/models depend on `jiff`, and it does not");
        planted(|all| _ = all[1].dependencies.remove(0), "lets crates/ledger depend on `models`");
        planted(|all| _ = all[1].dependencies.pop(), "lets crates/ledger depend on `simulator`");
    }

    #[test]
    fn outside_dependency_needs_its_line() {
        planted(|all| all[0].dependencies.push(on("tokio")), "crates/models depends on `tokio`");
        let mut packages = good();
        packages[0].dependencies.push(Dependency { kind: Kind::Dev, ..on("proptest") });
        let table = table::read(PAGE).unwrap_or_default();
        assert!(breaches(&packages, &table, MANIFEST).is_empty(), "tests may use what they like");
    }

    #[test]
    fn caged_dependency_stays_behind_its_feature() {
        planted(|all| all[1].dependencies[1].optional = false, "does not keep `rusqlite` behind");
        planted(|all| all[1].features.clear(), "does not keep `rusqlite` behind");
        planted(|all| all[0].dependencies[0].optional = true, "the table does not say which");
        planted(
            |all| all[1].features.extend(features(&[("default", &["sqlite"])])),
            "disagree whether `sqlite` (for `rusqlite`)",
        );
        planted(
            |all| all[1].features.extend(features(&[("default", &["files"]), ("files", &["sqlite"])])),
            "disagree whether `sqlite` (for `rusqlite`)",
        );
    }

    #[test]
    fn names_follow_folders() {
        planted(|all| all[0].folder = "libs/models".to_owned(), "where no crate belongs");
        let mut packages = vec![package("crates/models", &[]), package("crates/sinch-batch", &[])];
        packages[0].name = "batch-models".to_owned();
        let page = "<!-- arrows: begin -->\n|h|\n|-|\n| `models`, `sinch-batch` | – | – | – |\n<!-- arrows: end -->";
        expect_one(&packages, page, MANIFEST, "by the rule it is sinch-batch-models");
    }

    #[test]
    fn table_and_workspace_name_the_same_crates() {
        let unknown = Package { name: "xtask".to_owned(), ..package("xtask", &[]) };
        planted(|all| all.push(unknown), "xtask has no row");
        let more = PAGE.replace("<!-- arrows: end", "| `ghost` | – | – | – |\n<!-- arrows: end");
        expect_one(&good(), &more, MANIFEST, "`ghost`, but there is no such crate");
    }

    #[test]
    fn umbrella_calls_features_as_folders() {
        let mut packages = good();
        packages[3].features = features(&[
            ("default", &["practice"]),
            ("ledger", &["dep:sinch-batch-ledger"]),
            ("practice", &["dep:sinch-batch-simulator"]),
        ]);
        let found = umbrella_breaches(&packages);
        assert!(found.len() == 1 && found[0].contains("feature `simulator` does not bring"), "{found:#?}");
    }

    #[test]
    fn unpublished_crates_serve_tests_without_a_version() {
        let page = PAGE.replace("<!-- arrows: end", "| `wire` | – | – | – |\n<!-- arrows: end");
        let page = page.replace("`simulator` (dev)", "`simulator` (dev), `wire` (dev)");
        let with = |dependency: Dependency| {
            let mut packages = good();
            packages[1].dependencies.push(dependency);
            packages.push(package("tests/wire", &[]));
            packages
        };
        let bare = Dependency { requirement: "*".to_owned(), default_features: true, ..for_tests("sinch-batch-wire") };
        let found = breaches(&with(bare), &table::read(&page).unwrap_or_default(), MANIFEST);
        assert_eq!(found, Vec::<String>::new());
        expect_one(&with(for_tests("sinch-batch-wire")), &page, MANIFEST, "dev-dependency without a version");
    }

    #[test]
    fn versions_and_features_go_in_lock_step() {
        planted(|all| all[1].dependencies[0].default_features = true, "takes the default features");
        planted(|all| all[1].dependencies[0].requirement = "^0.1".to_owned(), "lock step is =0.1.0");
        let left_on = MANIFEST.replace(", default-features = false", "");
        expect_one(&good(), PAGE, &left_on, "default features of sinch-batch-models on");
    }
}
