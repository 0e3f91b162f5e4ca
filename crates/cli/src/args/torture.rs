//! What `torture` takes.

use clap::Args;

use super::Json;

#[derive(Debug, Args)]
#[command(after_help = "\
Each seed is one campaign against a simulator in this process: one or two senders and a receiver, as \
processes of their own, get KILL, TERM, INT, HUP, STOP and CONT at seeded moments, while the service \
fails in seeded ways and receipts are held back, repeated and shuffled. At the end the simulator's own \
list of messages is compared with the ledger.

Ends with 0 if nothing was doubled, lost or left unknown and no receipt was lost; else with 5, and the \
folder of each failed seed is kept. The same seed has the same plan; how it plays out depends on the \
machine too.")]
pub(crate) struct TortureArgs {
    /// How many seeds; 10 if neither this nor --minutes is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// The first seed.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Begin no further seed after so many minutes.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) minutes: Option<u64>,
    /// Check the judge: let the service break its bound, and remove one receipt. Ends with 0 if both are
    /// reported, else with 1.
    #[arg(long, conflicts_with_all = ["seeds", "seed", "minutes"])]
    pub(crate) prove: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}
