//! `listen`: the receiver alone.

use serde::Serialize;
use tokio::sync::mpsc;

use crate::args::ListenArgs;
use crate::fail::Failure;
use crate::output::write_json_line;
use crate::receiver::Receiver;
use crate::{exit, ledgers, signals};

#[derive(Serialize)]
struct Ready {
    ready: bool,
    url: String,
    /// Where it writes, whatever folder it was started in.
    ledger: String,
}

pub(crate) async fn run(args: ListenArgs) -> Result<u8, Failure> {
    let path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open(&path).await?;
    let mut receiver = Receiver::with(&args, &ledger, &path).await?;
    // Before anybody knows that we are there, so that no signal finds us unprepared.
    let (ask, asked) = mpsc::channel(1);
    let stop = signals::stop_or_end(receiver.has_files().then_some(ask));
    receiver.follow_files(asked);
    write_json_line(&Ready { ready: true, url: receiver.url(), ledger: path.to_string() })?;
    tokio::select! {
        _ = signals::stopped(stop) => receiver.stop().await.map(|()| exit::OK),
        failure = receiver.failed() => Err(failure),
    }
}
