//! The whole gate, the same on every machine.
//!
//! Each step is named, timed, and repeatable alone: `cargo xtask ci NAME`. Cheap steps come first.
//! All of them share one target folder and one profile, so that nothing is compiled twice without need.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::setup::{Tool, installed, oldest_rust};
use crate::workspace::{Package, cargo, cargo_of, obey, output, packages, words};
use crate::{api, browser as pages, docs, layers, minimal, package, seeds, setup, sql};

type Work = fn(&mut Tests) -> anyhow::Result<Outcome>;

/// Name, what it does, the work.
const STEPS: [(&str, &str, Work); 17] = [
    ("format", "rustfmt has nothing to say", |_| done(cargo().args(["fmt", "--all", "--check"]))),
    ("layers", "arrows between crates are in the table", |_| layers::run().map(|()| Outcome::Done)),
    ("docs", "links and commands of the pages", |_| docs::run().map(|()| Outcome::Done)),
    ("sql", "our SQL needs no session and no one engine", |_| sql::run().map(|()| Outcome::Done)),
    ("clippy", "lints on all targets with all features", |_| {
        let mut command = cargo();
        command.args(["clippy", "--locked", "--workspace", "--all-targets", "--all-features"]);
        done(command.args(["--", "-D", "warnings"]))
    }),
    ("api", "the public API is the one in docs/api, and shows only allowed types of others", |_| listing()),
    ("features", "each library without features and with each single one", |_| features()),
    ("wasm", "what knows no network builds for a browser", |_| wasm()),
    ("tests", "all tests and programs of the pages, with all features", |tests| tests.run()),
    ("browser", "the pages in Chromium: light and dark, narrow and wide, by keyboard, without scripts", |tests| {
        browser(tests.ran)
    }),
    ("seeds", "10,000 stories of the whole system", |_| seeds::tell(seeds::GATE, 0, None).map(|()| Outcome::Done)),
    ("rustdoc", "every page of the API, no warnings", |_| {
        let mut command = cargo();
        command.args(["doc", "--locked", "--workspace", "--no-deps", "--all-features"]);
        done(command.env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("package", "what is published builds from its package alone", |_| package::run().map(|()| Outcome::Done)),
    ("minimal", "the oldest versions our manifests allow", |_| minimal::run().map(|()| Outcome::Done)),
    ("deny", setup::DENY.purpose, |_| deny()),
    ("msrv", "the oldest Rust we support", |_| msrv()),
    ("semver", setup::SEMVER.purpose, |_| semver()),
];

enum Outcome {
    Done,
    /// There is nothing to do yet.
    Nothing(&'static str),
    /// Something is not on this machine.
    Skipped(String),
}

/// Runs the gate, or only the named steps.
///
/// # Errors
/// At the first step that fails, naming the command that repeats it.
pub(crate) fn run(names: &[&str]) -> anyhow::Result<()> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|(step, ..)| step == *name)) {
        let known: Vec<_> = STEPS.iter().map(|(name, ..)| *name).collect();
        bail!("no step is called {unknown}; there are: {}", known.join(" "));
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
            Ok(Outcome::Nothing(why)) => format!("ok: {why}"),
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

const WASM: &str = "wasm32-unknown-unknown";

/// What somebody would take into a browser or an edge function.
fn wasm() -> anyhow::Result<Outcome> {
    let is_installed = || {
        let installed = output(Command::new("rustup").args(["target", "list", "--installed"])).unwrap_or_default();
        installed.lines().any(|target| target == WASM)
    };
    if !is_installed() && is_ci() {
        // Where it cannot be had, the next look says so.
        let _ = output(Command::new("rustup").args(["target", "add", WASM]));
    }
    if !is_installed() {
        return absent(is_ci(), format!("{WASM} is not installed (install with rustup target add {WASM})"));
    }
    let mut command = cargo();
    command.args(["check", "--locked", "--lib", "--target", WASM, "--no-default-features"]);
    done(command.args(["-p", "sinch-batch-models", "-p", "sinch-batch-tracking", "-p", "sinch-batch-webhook"]))
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
    /// Runs the README's own test command, and with it what stands behind features.
    fn run(&mut self) -> anyhow::Result<Outcome> {
        self.ran = true;
        let mut command = cargo();
        command
            .args(docs::TESTS.split_whitespace().skip(1))
            .args(["--locked", "--all-features"])
            .stdout(Stdio::piped());
        println!("    {}", words(&command));
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
    let mut command = match tool(&setup::DENY)? {
        Ok(command) => command,
        Err(skipped) => return Ok(skipped),
    };
    // Advisories change by the day: they are not the gate's business.
    done(command.args(["--locked", "--all-features", "check", "bans", "licenses", "sources"]))
}

fn msrv() -> anyhow::Result<Outcome> {
    let rust = oldest_rust()?;
    if let Err(error) = setup::install_rust(&rust) {
        // The one step that may be missing even in CI: not every machine can fetch a toolchain.
        return Ok(Outcome::Skipped(format!("Rust {rust} cannot be had here: {error:#}")));
    }
    done(cargo_of(&rust).args(["check", "--workspace", "--locked"]))
}

fn semver() -> anyhow::Result<Outcome> {
    let tags = output(Command::new("git").args(["tag", "--list", "v*", "--sort=-v:refname"])).unwrap_or_default();
    let Some(newest) = tags.lines().next() else {
        return Ok(Outcome::Nothing("there is no release to compare with yet"));
    };
    let mut command = match tool(&setup::SEMVER)? {
        Ok(command) => command,
        Err(skipped) => return Ok(skipped),
    };
    done(command.args(["semver-checks", "--baseline-rev", newest]))
}

fn listing() -> anyhow::Result<Outcome> {
    match api::run(false) {
        Ok(()) => Ok(Outcome::Done),
        Err(api::Unlisted::UnknownFormat(why)) => absent(is_ci(), why),
        Err(api::Unlisted::Failed(error)) => Err(error),
    }
}

/// The pages in a real browser, with the binary that the tests have built, if they have run.
fn browser(is_built: bool) -> anyhow::Result<Outcome> {
    let missing = pages::missing();
    if !missing.is_empty() {
        let hint = "Debian: apt-get install chromium chromium-driver npm";
        return absent(is_ci(), format!("{} not installed ({hint})", missing.join(", ")));
    }
    pages::run(is_built).map(|()| Outcome::Done)
}

/// A tool of the gate. In CI it is installed if it is missing; a developer is told how.
fn tool(tool: &Tool) -> anyhow::Result<Result<Command, Outcome>> {
    if let Some(command) = installed(tool) {
        return Ok(Ok(command));
    }
    if is_ci() {
        println!("    {} is missing and is installed", tool.name);
        setup::install(tool)?;
        return installed(tool).map(Ok).with_context(|| format!("{} was installed, and does not run", tool.name));
    }
    absent(false, format!("{} is not installed (install with cargo xtask setup)", tool.name)).map(Err)
}

/// What is not here is a fault in CI; elsewhere the step is skipped.
fn absent(is_ci: bool, why: String) -> anyhow::Result<Outcome> {
    if is_ci { Err(anyhow::Error::msg(why)) } else { Ok(Outcome::Skipped(why)) }
}

/// Whether this is a gate nobody watches: services set `CI`, and `.ci/run` does.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
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
    fn features_are_checked_one_by_one() {
        let features = ["csv", "default"].map(|name| (name.to_owned(), Vec::new()));
        let package = Package { features: features.into(), ..Package::default() };
        assert_eq!(combinations(&package), [None, Some("csv"), Some("default")]);
    }

    #[test]
    fn what_is_missing_turns_ci_red_and_skips_elsewhere() {
        assert!(absent(true, "no cargo-deny".to_owned()).is_err());
        assert!(
            matches!(absent(false, "no cargo-deny".to_owned()), Ok(Outcome::Skipped(why)) if why == "no cargo-deny")
        );
    }

    #[test]
    fn unknown_step_is_refused() {
        let error = run(&["polish"]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("polish") && text.contains("clippy")));
    }
}
