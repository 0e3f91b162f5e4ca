//! Arguments of `work`.

use clap::Args;

use super::{Json, LedgerArgs, RunArgs, ServiceArgs, SuppressArgs};

/// Another machine joins in: the recipients may be at a URL, and a pause is somebody else's to lift.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Name of the campaign
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    /// The same recipients on this machine, or at an https URL that answers ranges; the ledger keeps no URL
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) input: Option<String>,
    /// Name of this worker, which no other has at the same time [default: host, process and a random number]
    #[arg(long, value_name = "NAME", value_parser = worker_name)]
    pub(crate) worker: Option<String>,
    /// Name of a worker that is gone for good: its batches are free at once
    #[arg(long, value_name = "NAME")]
    pub(crate) dead: Vec<String>,
    #[command(flatten)]
    pub(crate) suppress: SuppressArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

fn worker_name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match text.len() {
        1..=64 if text.chars().all(fine) && !text.starts_with('-') => Ok(text.to_owned()),
        _ => {
            Err("a worker's name has 1 to 64 letters, digits, '-', '_' or '.', and does not begin with '-'".to_owned())
        }
    }
}
