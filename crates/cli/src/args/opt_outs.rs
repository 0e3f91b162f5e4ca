//! Arguments about people who get nothing: `--suppress`, and the commands of `opt-outs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sinch_batch::models::Channel;

use super::Json;
use super::file::channel;

#[derive(Clone, Debug, Args)]
pub(crate) struct SuppressArgs {
    /// List of people who get nothing; can be repeated
    ///
    /// CSV with the columns of recipients, one identity per line, or a list of `listen --opt-outs`, which needs
    /// SINCH_BATCH_IDENTITY_KEY and is read again before each batch. Without a channel an identity counts on all of
    /// them. Rows of these people are skipped, and counted as suppressed.
    #[arg(long, value_name = "FILE")]
    pub(crate) suppress: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OptOutsArgs {
    #[command(subcommand)]
    pub(crate) command: OptOutsCommand,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct OptOutsFile {
    /// List of opt-outs, as `listen --opt-outs` writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) opt_outs: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OptOutsCommand {
    /// Add an opt-out to a list, such as one that came by mail
    Add {
        /// Phone number, contact id or other identity; `-` reads one per line from standard input
        #[arg(value_name = "IDENTITY", allow_hyphen_values = true)]
        identity: String,
        /// Channel of the opt-out, such as SMS [default: all]
        #[arg(long, value_name = "NAME", value_parser = channel)]
        channel: Option<Channel>,
        /// They opted in again
        #[arg(long = "in")]
        is_in: bool,
        #[command(flatten)]
        list: OptOutsFile,
    },
    /// Count the opt-outs of a list by channel; it names nobody
    List {
        #[command(flatten)]
        list: OptOutsFile,
    },
    /// Show whether somebody has opted out
    Check {
        /// Phone number, contact id or other identity; `-` reads it from standard input
        #[arg(value_name = "IDENTITY", allow_hyphen_values = true)]
        identity: String,
        /// Channel to look at, such as SMS [default: any]
        #[arg(long, value_name = "NAME", value_parser = channel)]
        channel: Option<Channel>,
        #[command(flatten)]
        list: OptOutsFile,
    },
}
