//! Arguments of `torture`.

use std::path::PathBuf;

use clap::Args;

use super::Json;

#[derive(Debug, Args)]
#[command(after_help = "\
Each seed is one campaign against a simulator in this process. One or two senders and a receiver, each a \
process of its own, get KILL, TERM, INT, HUP, STOP and CONT at seeded moments, while the service \
fails in seeded ways and receipts are held back, repeated and shuffled. Some campaigns are paused; some are \
cancelled, and what was recalled or never sent is sent by `retry --cancelled`; failures are sent again by \
`retry`, up to twice, under the same troubles. At the end the simulator's own list of messages is compared \
with the ledger and the reports of all these campaigns.

Exits with 0 if nothing was sent twice, lost or left unknown, no receipt was lost and all sums add up; else \
with 5, and keeps the folder of each failed seed. The same seed has the same plan; timing differs between machines.")]
pub(crate) struct TortureArgs {
    /// Number of seeds [default: 10, unless --minutes is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// First seed
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Start no further seed after M minutes
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) minutes: Option<u64>,
    /// Check the checker: break the service's time bound, and remove one receipt
    ///
    /// Exits with 0 if both are reported, else with 1.
    #[arg(long, conflicts_with_all = ["seeds", "seed", "minutes"])]
    pub(crate) prove: bool,
    /// Keep the ledgers in this Postgres, postgres://user@host/database, each seed in a schema of its own that stays
    #[arg(long, value_name = "URL", conflicts_with = "prove")]
    pub(crate) ledger: Option<PathBuf>,
    /// Number of machines that send: more than one join in with `work`, and are killed, or stopped beyond their leases
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "prove", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) workers: u8,
    #[command(flatten)]
    pub(crate) json: Json,
}
