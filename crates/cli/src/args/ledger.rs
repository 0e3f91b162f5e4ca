//! `ledger`: the record itself.

use clap::{Args, Subcommand};

use super::{Json, LedgerArgs};

#[derive(Debug, Args)]
pub(crate) struct LedgerCommandArgs {
    #[command(subcommand)]
    pub(crate) command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Make the tables of a ledger, or bring them up to date for this release
    Migrate(MigrateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Print the SQL instead of running it, for an administrator who runs it by hand
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}
