//! `simulate`: the local service alone.

use std::time::Duration;

use serde::Serialize;
use sinch_batch::simulator::{Simulator, SimulatorConfig, StartError};

use crate::args::SimulateArgs;
use crate::fail::Failure;
use crate::output::write_json_line;
use crate::receiver::secret;
use crate::{exit, signals};

#[derive(Serialize)]
struct Ready {
    ready: bool,
    api: String,
    auth: String,
    control: String,
}

pub(crate) async fn run(args: SimulateArgs) -> Result<u8, Failure> {
    let mut config = SimulatorConfig::default()
        .with_addr(args.addr)
        .with_control(args.control)
        .with_seed(args.seed)
        .with_fail_percent(f64::from(args.fail))
        .with_read_percent(f64::from(args.read))
        .with_realistic(args.realistic)
        .with_cancel_delay(Duration::from_secs_f64(args.cancel_delay));
    if let Some(url) = args.callback_url {
        config = config.with_callback_url(url).with_webhook_secret(secret()?);
    }
    let simulator = start(config).await?;
    write_json_line(&Ready {
        ready: true,
        api: simulator.api_url(),
        auth: simulator.auth_url(),
        control: simulator.control_url(),
    })?;
    signals::stop_asked().await;
    simulator.shutdown().await;
    Ok(exit::OK)
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
