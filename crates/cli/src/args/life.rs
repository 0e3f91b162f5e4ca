//! Arguments of `retry` and `pause`.

use std::path::PathBuf;

use clap::Args;

use super::{HaltArgs, Json, LedgerArgs, RunArgs, ScheduleArgs, ServiceArgs, SuppressArgs, Yes, campaign_name};

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Campaign whose failed rows are sent again
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) parent: String,
    /// Name of the new campaign [default: the old name with `-retry`, `-retry-2` and so on]
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) campaign: Option<String>,
    /// Only rows that failed for this reason, such as `CHANNEL_REJECT`; can be repeated
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Vec<String>,
    /// Include rows that may have arrived, or fail again unless something was fixed
    #[arg(long, conflicts_with = "reason")]
    pub(crate) all_classes: bool,
    /// Select what a cancelled campaign recalled or never sent, instead of failures
    #[arg(long, conflicts_with_all = ["reason", "all_classes"])]
    pub(crate) cancelled: bool,
    /// File of recipients, if it has moved since the campaign began
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Show which rows would be sent again, and why not the others; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take the rows that have failed so far, even if the campaign is unfinished
    #[arg(long)]
    pub(crate) only_settled: bool,
    /// Another message as JSON: the `message` object of the API [default: the campaign's own]
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) message: Option<PathBuf>,
    /// Another message, as plain text
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Send a kind of message that this release does not know
    #[arg(long, requires = "message")]
    pub(crate) allow_unknown_kind: bool,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArgs,
    #[command(flatten)]
    pub(crate) halt: HaltArgs,
    #[command(flatten)]
    pub(crate) suppress: SuppressArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Name of the campaign
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}
