//! What a story needs before it begins: recipients, a receiver, a simulator.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::webhook::WebhookSecret;
use tokio::time::sleep;

use super::processes::{PEOPLE, Process, SECRET};
use super::story::{FAIL_PERCENT, READ_PERCENT, Story};

/// How often processes and requests are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(2);
/// How long a receiver may take to begin, or to end.
pub(super) const RECEIVER: Duration = Duration::from_secs(20);

/// Why a story came to no end.
pub(super) type Wrong = String;

pub(super) fn write_people(story: &Story, folder: &Path) -> std::io::Result<()> {
    let mut csv = String::from("SMS,name\n");
    for (at, person) in story.people().iter().enumerate() {
        csv.push_str(&format!("{person},Person {}\n", at + 1));
    }
    fs::write(folder.join(PEOPLE), csv)
}

pub(super) async fn simulator(story: &Story, receiver: &str) -> Result<Simulator, Wrong> {
    let mut config = SimulatorConfig::default()
        .with_seed(story.seed)
        .with_fail_percent(FAIL_PERCENT)
        .with_read_percent(READ_PERCENT)
        .with_callback_url(receiver)
        .with_webhook_secret(WebhookSecret::new(SECRET))
        .with_visibility_delay(story.hidden)
        .with_hold_callbacks(story.receipts.held)
        .with_callback_twice_percent(story.receipts.twice.into())
        .with_callback_shuffle(story.receipts.shuffle)
        .with_callback_retries(1000, Duration::from_millis(100));
    if let Some(cancel) = &story.life.cancel {
        config = config.with_cancel_delay(cancel.delay);
    }
    let of_cancel = story.life.cancel.iter().flat_map(|cancel| &cancel.faults);
    for fault in story.faults.iter().chain(of_cancel) {
        config = config.with_fault(fault.clone());
    }
    if let Some(outcome) = &story.outcome {
        for person in story.people() {
            config = config.with_outcome(person, outcome.clone());
        }
    }
    let simulator = Simulator::start(config).await.map_err(|error| format!("no simulator: {error}"))?;
    for (row, outcomes) in &story.life.scripts {
        simulator.set_outcomes(Story::person(*row), outcomes.clone());
    }
    Ok(simulator)
}

pub(super) fn start(command: Command, folder: &Path, name: &str) -> Result<Process, Wrong> {
    Process::start(command, folder, name).map_err(|error| format!("{name} cannot be started: {error}"))
}

/// Where a receiver listens, once it says so; `None` if it ended before.
pub(super) async fn ready(receiver: &mut Process) -> Result<Option<String>, Wrong> {
    let began = Instant::now();
    while began.elapsed() < RECEIVER {
        let said = receiver.stdout();
        if let Some((line, _)) = said.split_once('\n') {
            let ready: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
            return Ok(ready["url"].as_str().map(str::to_owned));
        }
        if receiver.ended().is_some() {
            return Ok(None);
        }
        sleep(LOOK).await;
    }
    Err(format!("the receiver did not begin within {} s", RECEIVER.as_secs()))
}

/// The last error that a process told, or else the last line.
pub(super) fn last_line(process: &Process) -> String {
    let said = process.stderr();
    let error = said.lines().rev().find(|line| line.starts_with("error: "));
    error.or_else(|| said.lines().last()).unwrap_or_default().to_owned()
}
