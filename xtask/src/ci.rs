//! The whole gate, the same on every machine.
//!
//! Each step is named, timed, and repeatable alone: `cargo xtask ci NAME`. Cheap steps come first.
//! All of them share one target folder and one profile, so that nothing is compiled twice without need.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::setup::{TOOLS, oldest_rust};
use crate::workspace::{Package, cargo, cargo_of, obey, output, packages, words};
use crate::{docs, layers, seeds};

type Work = fn(&mut Tests) -> anyhow::Result<Outcome>;

/// Name, what it does, the work.
const STEPS: [(&str, &str, Work); 11] = [
    ("format", "rustfmt has nothing to say", |_| done(cargo().args(["fmt", "--all", "--check"]))),
    ("layers", "arrows between crates are in the table", |_| layers::run().map(|()| Outcome::Done)),
    ("docs", "links and commands of the pages", |_| docs::run().map(|()| Outcome::Done)),
    ("clippy", "lints on all targets", |_| {
        done(cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    }),
    ("features", "each library without features and with each single one", |_| features()),
    ("tests", docs::TESTS, |tests| tests.run()),
    ("seeds", "10,000 stories of the whole system", |_| seeds::tell(seeds::GATE, 0, None).map(|()| Outcome::Done)),
    ("rustdoc", "every page of the API, no warnings", |_| {
        let mut command = cargo();
        done(command.args(["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("deny", TOOLS[0].2, |_| deny()),
    ("msrv", "the oldest Rust we support", |_| msrv()),
    ("semver", TOOLS[1].2, |_| semver()),
];

enum Outcome {
    Done,
    Skipped(String),
}

/// Runs the gate, or only the named steps.
///
/// # Errors
/// At the first step that fails, naming the command that repeats it.
pub(crate) fn run(names: &[&str]) -> anyhow::Result<()> {
    if let Some(stranger) = names.iter().find(|name| !STEPS.iter().any(|(step, ..)| step == *name)) {
        let known: Vec<_> = STEPS.iter().map(|(name, ..)| *name).collect();
        bail!("no step is called {stranger}; there are: {}", known.join(" "));
    }
    let mut tests = Tests::default();
    let mut log: Vec<(&str, Duration, String)> = Vec::new();
    let mut failure = None;
    for (name, purpose, work) in STEPS.iter().filter(|(name, ..)| names.is_empty() || names.contains(name)) {
        println!("\n=== {name}: {purpose}");
        let start = Instant::now();
        let outcome = work(&mut tests);
        let word = match &outcome {
            Ok(Outcome::Done) => "ok".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("SKIPPED: {why}"),
            Err(_) => "FAILED".to_owned(),
        };
        println!("=== {name}: {word} after {:.1} s", start.elapsed().as_secs_f64());
        log.push((name, start.elapsed(), word));
        if let Err(error) = outcome {
            failure = Some(error.context(format!("the gate stops at `{name}`; repeat it with: cargo xtask ci {name}")));
            break;
        }
    }
    println!();
    for (name, time, word) in &log {
        println!("{name:>9} {:>7.1} s  {word}", time.as_secs_f64());
    }
    if tests.ran {
        println!("\n{} passed, {} failed", tests.passed, tests.failed);
    }
    failure.map_or(Ok(()), Err)
}

/// Every library alone, so that no neighbour in the workspace lends it a feature.
fn features() -> anyhow::Result<Outcome> {
    let packages = packages()?;
    for package in packages.iter().filter(|package| package.is_published_library()) {
        for feature in combinations(package) {
            let mut command = cargo();
            command.args([
                "clippy",
                "--quiet",
                "--locked",
                "--lib",
                "--package",
                &package.name,
                "--no-default-features",
            ]);
            if let Some(feature) = feature {
                command.args(["--features", feature]);
            }
            command.args(["--", "-D", "warnings"]);
            println!("    {}", words(&command));
            obey(&mut command)?;
        }
    }
    Ok(Outcome::Done)
}

/// No feature, then each by itself.
fn combinations(package: &Package) -> Vec<Option<&str>> {
    std::iter::once(None).chain(package.features.keys().map(|feature| Some(feature.as_str()))).collect()
}

/// The sums of what the test programs report.
#[derive(Default)]
struct Tests {
    ran: bool,
    passed: u64,
    failed: u64,
}

impl Tests {
    /// Runs the README's own test command, word for word.
    fn run(&mut self) -> anyhow::Result<Outcome> {
        self.ran = true;
        let mut command = cargo();
        command.args(docs::TESTS.split_whitespace().skip(1)).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", words(&command)))?;
        let output = child.stdout.take().context("the tests have no output")?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read what the tests print")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            self.count(&line);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{} ended with {status}", words(&command));
        }
        if self.passed == 0 {
            bail!("{} ran no test", words(&command));
        }
        Ok(Outcome::Done)
    }

    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; ..`.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let number = |label: &str| {
            let before = counts.split_once(label)?.0;
            before.split_whitespace().last()?.parse::<u64>().ok()
        };
        self.passed += number(" passed;").unwrap_or_default();
        self.failed += number(" failed;").unwrap_or_default();
    }
}

fn deny() -> anyhow::Result<Outcome> {
    if !answers(cargo().args(["deny", "--version"])) {
        return Ok(missing("cargo-deny"));
    }
    // Advisories need the network and change by the day: they are not the gate's business.
    done(cargo().args(["deny", "--offline", "--all-features", "check", "bans", "licenses", "sources"]))
}

fn msrv() -> anyhow::Result<Outcome> {
    let rust = oldest_rust()?;
    let installed = output(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    if !installed.lines().any(|line| line.starts_with(&format!("{rust}-")) || line.starts_with(&format!("{rust}."))) {
        return Ok(Outcome::Skipped(format!("Rust {rust} is not here (install with rustup toolchain install {rust})")));
    }
    done(cargo_of(&rust).args(["check", "--locked", "--workspace", "--all-targets"]))
}

fn semver() -> anyhow::Result<Outcome> {
    let tags = output(Command::new("git").args(["tag", "--list", "v*", "--sort=-v:refname"])).unwrap_or_default();
    let Some(newest) = tags.lines().next() else {
        return Ok(Outcome::Skipped("there is no release to compare with yet".to_owned()));
    };
    if !answers(cargo().args(["semver-checks", "--version"])) {
        return Ok(missing("cargo-semver-checks"));
    }
    done(cargo().args(["semver-checks", "--baseline-rev", newest]))
}

fn missing(tool: &str) -> Outcome {
    Outcome::Skipped(format!(
        "{tool} is not installed (install with cargo install --locked {tool}, or cargo xtask setup)"
    ))
}

fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn done(command: &mut Command) -> anyhow::Result<Outcome> {
    println!("    {}", words(command));
    obey(command).map(|()| Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_results_are_added_up() {
        let mut tests = Tests::default();
        tests.count("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        tests.count("test wire::round_trip ... ok");
        tests.count("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!((tests.passed, tests.failed), (15, 2));
    }

    #[test]
    fn each_feature_is_taken_alone() {
        let features = ["csv", "default"].map(|name| (name.to_owned(), Vec::new()));
        let package = Package { features: features.into(), ..Package::default() };
        assert_eq!(combinations(&package), [None, Some("csv"), Some("default")]);
    }

    #[test]
    fn an_unknown_step_is_refused() {
        let error = run(&["polish"]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("polish") && text.contains("clippy")));
    }
}
