//! `ledger copy`: one ledger into another, guards and all.

use serde::Serialize;
use sinch_batch::ledger::LedgerErrorKind;
use sinch_batch::ledger::copy::copy;

use crate::args::CopyArgs;
use crate::fail::{Failure, output, sentence};
use crate::ledgers::{self, Place};
use crate::output::{count, out, write_json_line};
use crate::{exit, say};

#[derive(Serialize)]
struct Written {
    from: String,
    to: String,
    campaigns: u64,
    batches: u64,
    messages: u64,
}

pub(crate) async fn run(args: &CopyArgs) -> Result<u8, Failure> {
    let (from, to) = (Place::read(&args.from)?, Place::read(&args.to)?);
    if from == to {
        return Err(Failure::new(exit::USAGE, "the two ledgers are one").hint("name another one to copy into"));
    }
    let source = ledgers::open_existing(&from).await?;
    let target = ledgers::open(&to).await?;
    let copied = copy(source.whole(), target.whole()).await.map_err(|error| {
        let hint = match error.kind() {
            LedgerErrorKind::Busy => "stop it, then try again; nothing was copied".to_owned(),
            LedgerErrorKind::NameTaken => "name an empty ledger; nothing was copied".to_owned(),
            _ => "nothing was copied; try again".to_owned(),
        };
        Failure::new(exit::LEDGER, format!("{from} cannot be copied to {to}: {}", sentence(&error))).hint(hint)
    })?;
    if args.json.json {
        let (campaigns, batches, messages) = (copied.campaigns, copied.batches, copied.messages);
        write_json_line(&Written { from: from.to_string(), to: to.to_string(), campaigns, batches, messages })?;
    } else {
        let text = format!(
            "{}, {} and {} copied to {to}\n",
            count(copied.campaigns, "campaign", "campaigns"),
            count(copied.batches, "batch", "batches"),
            count(copied.messages, "message", "messages"),
        );
        out(text.as_bytes()).map_err(output)?;
    }
    say!("from now on use one of the two: the other is like an old backup");
    Ok(exit::OK)
}
