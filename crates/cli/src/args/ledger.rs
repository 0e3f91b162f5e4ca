//! `ledger`: the record itself.

use std::path::PathBuf;

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
    /// Copy a whole ledger into another: a file into Postgres, or back
    ///
    /// Campaigns, batches, messages and counts, so that what was sent is refused there too. Stop workers and receivers
    /// first. Use only one of the two afterwards: the other is like an old backup.
    Copy(CopyArgs),
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

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// Ledger to copy: a file, or postgres://user@host/database
    #[arg(value_name = "FROM")]
    pub(crate) from: PathBuf,
    /// Ledger to copy into; made if it is not there
    #[arg(value_name = "TO")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}
