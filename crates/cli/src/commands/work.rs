//! `work`: one of several machines that send a campaign.

use std::path::PathBuf;

use super::resume::{self, Work};
use crate::args::{ResumeArgs, WorkArgs, Yes};
use crate::fail::Failure;
use crate::{ledgers, signals, url_file};

pub(crate) async fn run(args: WorkArgs) -> Result<u8, Failure> {
    let stop = signals::watch();
    let ledger_path = ledgers::place(&args.ledger)?;
    let WorkArgs { campaign, input, worker, dead, suppress, ledger, service, run, json } = args;
    let (url, file) = match input {
        Some(input) if url_file::is_url(&input) => (Some(input), None),
        input => (None, input.map(PathBuf::from)),
    };
    let args = ResumeArgs {
        campaign,
        input: file,
        late: None,
        past_halt: false,
        dead,
        suppress,
        ledger,
        service,
        run,
        yes: Yes { yes: true },
        json,
    };
    resume::run_with(&args, Some(&Work { url, worker }), &ledger_path, stop).await
}
