//! `ledger`: the record itself, rather than the campaigns in it.

mod copy;
mod migrate;

use crate::args::LedgerCommand;
use crate::fail::Failure;

pub(crate) async fn run(command: LedgerCommand) -> Result<u8, Failure> {
    match command {
        LedgerCommand::Copy(args) => copy::run(&args).await,
        LedgerCommand::Migrate(args) => migrate::run(&args).await,
    }
}
