//! What can be typed about a campaign that has begun: retry, pause.

use std::path::PathBuf;

use clap::Args;

use super::{Json, LedgerArgs, RunArgs, ServiceArgs, Yes, campaign_name};

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The campaign whose failed rows are sent again.
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) parent: String,
    /// Names the new campaign; else it is named after the old one.
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) campaign: Option<String>,
    /// Only rows that failed for this reason, such as `CHANNEL_REJECT`; can be given several times.
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Vec<String>,
    /// Rows of every class but never: also those that may have arrived, or fail again unless something was fixed.
    #[arg(long, conflicts_with = "reason")]
    pub(crate) all_classes: bool,
    /// Instead of failures: what a cancelled campaign recalled in time, and what it never sent.
    #[arg(long, conflicts_with_all = ["reason", "all_classes"])]
    pub(crate) cancelled: bool,
    /// The recipients, if their file has moved since the campaign began.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Show which rows would be sent again, and why not the others; send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take the rows that have failed by now, although the campaign is unfinished.
    #[arg(long)]
    pub(crate) only_settled: bool,
    /// Another message, as the wire's `message` object; else the campaign's own.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) message: Option<PathBuf>,
    /// Another text message; its short form.
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
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
    /// The campaign's name.
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}
