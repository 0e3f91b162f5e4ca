//! `listen`: the receiver alone.

use serde::Serialize;

use crate::args::ListenArgs;
use crate::fail::Failure;
use crate::output::write_json_line;
use crate::receiver::{Receiver, secret};
use crate::{exit, ledgers, signals};

#[derive(Serialize)]
struct Ready {
    ready: bool,
    url: String,
}

pub(crate) async fn run(args: ListenArgs) -> Result<u8, Failure> {
    let secret = secret()?;
    let path = ledgers::path(&args.ledger);
    let ledger = ledgers::open(&path)?;
    let receiver = Receiver::start(args.addr, secret, ledger).await?;
    write_json_line(&Ready { ready: true, url: receiver.url() })?;
    tokio::select! {
        () = signals::stop_asked() => Ok(exit::OK),
        failure = receiver.failed() => Err(failure),
    }
}
