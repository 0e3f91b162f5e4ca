//! Stories of the whole system, many or one.

use anyhow::{Context, bail, ensure};

use crate::workspace::{cargo, obey};

/// How many the gate tells.
pub(crate) const GATE: u64 = 10_000;

/// `N [--from S]`, or `--seed S`.
///
/// # Errors
/// When the arguments are wrong, the stories do not build, or one of them ends badly; it was printed then.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let (mut count, mut from, mut seed) = (None, None, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let place = match *arg {
            "--from" => &mut from,
            "--seed" => &mut seed,
            number if number.starts_with(|digit: char| digit.is_ascii_digit()) && count.is_none() => {
                count = Some(parse(number)?);
                continue;
            }
            other => bail!("seeds takes a number of stories, --from SEED and --seed SEED, not {other}"),
        };
        *place = Some(parse(args.next().with_context(|| format!("{arg} wants a number"))?)?);
    }
    ensure!(seed.is_none() || (count.is_none() && from.is_none()), "--seed tells one story and goes with nothing else");
    tell(count.unwrap_or(GATE), from.unwrap_or(0), seed)
}

fn parse(number: &str) -> anyhow::Result<u64> {
    number.replace('_', "").parse().with_context(|| format!("{number} is not a number"))
}

/// Tells so many stories from a seed on, or just one.
///
/// # Errors
/// When one of them ends badly.
pub(crate) fn tell(count: u64, from: u64, seed: Option<u64>) -> anyhow::Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--quiet", "--locked", "--release", "--package", "sinch-batch-tests", "--test", "seeds", "--"])
        .args(["--exact", "promise_1_whole_system_sends_once_and_loses_nothing_in_every_story", "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .env("SEEDS", count.to_string())
        .env("FROM", from.to_string())
        .env_remove("SEED");
    if let Some(seed) = seed {
        command.env("SEED", seed.to_string());
    }
    obey(&mut command)
}
