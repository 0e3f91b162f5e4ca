//! `simulate`: the local service alone.

use std::io::IsTerminal;

use serde::Serialize;
use sinch_batch::simulator::{Simulator, SimulatorConfig, StartError};

use crate::args::SimulateArgs;
use crate::fail::Failure;
use crate::output::write_json_line;
use crate::receiver::{SECRET, one_secret};
use crate::{exit, say, signals};

/// The simulator signs with any secret: unlike the service, it has no webhook with a secret of its own.
const ANY_SECRET: &str =
    "for the simulator any words will do, if listen is given the same: export SINCH_WEBHOOK_SECRET=a-secret";

#[derive(Serialize)]
struct Ready {
    ready: bool,
    api: String,
    auth: String,
    control: String,
    inbox: String,
}

pub(crate) async fn run(args: SimulateArgs) -> Result<u8, Failure> {
    let mut config = SimulatorConfig::default()
        .with_addr(args.addr)
        .with_control(args.control)
        .with_seed(args.seed)
        .with_fail_percent(f64::from(args.fail_percent))
        .with_read_percent(f64::from(args.read_percent))
        .with_realistic(args.realistic)
        .with_cancel_delay(args.cancel_delay)
        .with_visibility_delay(args.visibility_delay)
        .with_hold_callbacks(args.hold_callbacks)
        .with_callback_twice_percent(f64::from(args.callback_twice))
        .with_callback_shuffle(args.callback_shuffle)
        .with_block_opted_out(args.block_opted_out);
    for fault in args.faults {
        config = config.with_fault(fault);
    }
    for (identity, outcome) in args.outcomes {
        config = config.with_outcome(identity, outcome);
    }
    if let Some(url) = args.callback_url {
        config = config.with_callback_url(url).with_webhook_secret(one_secret(SECRET, ANY_SECRET)?);
    }
    if let Some(name) = args.control_name {
        config = config.with_control_name(name);
    }
    if args.key {
        config = config.with_control_key(random_bits());
    }
    let simulator = start(config).await?;
    write_json_line(&Ready {
        ready: true,
        api: simulator.api_url(),
        auth: simulator.auth_url(),
        control: simulator.control_url(),
        inbox: simulator.inbox_url(),
    })?;
    if std::io::stdout().is_terminal() {
        say!("\n{}", exports(&simulator.api_url(), &simulator.auth_url()));
    }
    signals::stop_asked().await;
    simulator.shutdown().await;
    Ok(exit::OK)
}

/// Lines for a shell that make the other commands talk to the simulator.
fn exports(api: &str, auth: &str) -> String {
    format!(
        "export SINCH_BATCH_BASE_URL={api}\nexport SINCH_AUTH_URL={auth}\nexport SINCH_PROJECT_ID=a-project\n\
         export SINCH_APP_ID=01KZ4EBHKN27EZJ4Q91V5C36G1\nexport SINCH_KEY_ID=a-key\n\
         export SINCH_KEY_SECRET=a-secret"
    )
}

/// 128 bits that nobody can guess. Six bits of each UUID are always the same, and not those of the other.
fn random_bits() -> u128 {
    let random = || uuid::Uuid::new_v4().as_u128();
    random() ^ random().rotate_left(64)
}

/// Starts a simulator, or says why not.
pub(crate) async fn start(config: SimulatorConfig) -> Result<Simulator, Failure> {
    Simulator::start(config).await.map_err(|error| {
        let hint = match error {
            StartError::CallbackUrl => "give --callback-url as http://HOST[:PORT]/PATH, such as listen prints it",
            _ => "choose free addresses: --addr 127.0.0.1:0 --control 127.0.0.1:0 take any free ports",
        };
        Failure::because(exit::USAGE, "the simulator cannot start", &error).hint(hint)
    })
}
