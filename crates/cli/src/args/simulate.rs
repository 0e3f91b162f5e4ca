//! What `simulate` takes.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use sinch_batch::simulator::{Fault, MessageOutcome};

use super::address::address;
use super::duration::duration;

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Address of the API; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090", value_parser = address)]
    pub(crate) addr: SocketAddr,
    /// Address of the control side and its inbox, a page for a browser
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8091", value_parser = address)]
    pub(crate) control: SocketAddr,
    /// Additional host name of the control side, NAME or NAME:PORT, such as behind a mapped port
    #[arg(long, value_name = "NAME")]
    pub(crate) control_name: Option<String>,
    /// Require a key on the control side: it is in the printed URL, and programs send it as bearer token
    #[arg(long)]
    pub(crate) key: bool,
    /// URL for signed callbacks; none are sent without it
    #[arg(long, value_name = "URL")]
    pub(crate) callback_url: Option<String>,
    /// Process 20 messages and send 25 callbacks per second, like the service
    #[arg(long)]
    pub(crate) realistic: bool,
    /// Seed of all random decisions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Percentage of messages that fail
    #[arg(long, value_name = "PERCENT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) fail_percent: u8,
    /// Percentage of delivered messages that are read
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) read_percent: u8,
    /// Outcome of messages to one recipient: queued, delivered, delivered_then_read, read or
    /// failed:CODE. Repeatable.
    #[arg(long = "outcome", value_name = "IDENTITY=OUTCOME[:CODE]", value_parser = outcome)]
    pub(crate) outcomes: Vec<(String, MessageOutcome)>,
    /// Fault to inject, such as send_batch:accept_then_500:2 for the next two sends. Repeatable;
    /// docs/guide/simulator.md lists all.
    #[arg(long = "fault", value_name = "OPERATION:KIND[=VALUE][:TIMES[:AFTER]]")]
    pub(crate) faults: Vec<Fault>,
    /// Let messages to people who opted out fail with RECIPIENT_NOT_OPTED_IN
    #[arg(long)]
    pub(crate) block_opted_out: bool,
    /// Delay until a cancel takes effect
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(crate) cancel_delay: Duration,
    /// Delay until an accepted batch can be looked up
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(crate) visibility_delay: Duration,
    /// Hold callbacks until the control side releases them
    #[arg(long)]
    pub(crate) hold_callbacks: bool,
    /// Percentage of callbacks sent twice
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) callback_twice: u8,
    /// Shuffle callbacks: draw the next one from up to N waiting
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) callback_shuffle: usize,
}

fn outcome(text: &str) -> Result<(String, MessageOutcome), String> {
    let (identity, outcome) = text.split_once('=').ok_or("expected IDENTITY=OUTCOME, such as +15550000003=read")?;
    if identity.is_empty() {
        return Err("the identity is missing before `=`".to_owned());
    }
    let outcome = outcome.parse().map_err(|error: sinch_batch::simulator::MessageOutcomeError| error.to_string())?;
    Ok((identity.to_owned(), outcome))
}
