//! Arguments of `prune` and `forget`: how long what was received is kept.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::duration::duration;
use super::{Json, LedgerArgs, Yes};

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Remove the results of single rows of campaigns in which nothing has happened for this long, such as `90d`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) older_than: Duration,
    /// Only this campaign [default: all that are old enough]
    #[arg(long, value_name = "NAME")]
    pub(crate) campaign: Option<String>,
    /// Show what would be removed; remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("places").required(true).multiple(true))]
#[group(skip)]
pub(crate) struct ForgetArgs {
    /// Phone number, contact id or other identity; `-` reads it from standard input, so that no shell keeps it
    #[arg(value_name = "IDENTITY", allow_hyphen_values = true)]
    pub(crate) identity: String,
    /// File of recipients, as it was sent, or of skipped or failed rows: its rows with the identity are listed, and
    /// the ledger's results of them keep no descriptions; can be repeated
    #[arg(long, value_name = "FILE", group = "places")]
    pub(crate) input: Vec<PathBuf>,
    /// Journal of `listen --journal`: callbacks that name the identity are removed
    #[arg(long, value_name = "FOLDER", group = "places")]
    pub(crate) journal: Option<PathBuf>,
    /// List of opt-outs: it is left as it is, since it keeps the promise
    #[arg(long, value_name = "FILE", group = "places")]
    pub(crate) opt_outs: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}
