//! `prune`: the results of single rows of old campaigns are removed from the ledger; sums stay.

use serde::Serialize;
use sinch_batch::ledger::{CampaignRecord, Ledger, LedgerError, LedgerErrorKind, Reclaimed};
use sinch_batch::models::Timestamp;

use crate::args::PruneArgs;
use crate::fail::{Failure, output};
use crate::ledgers::{self, Place};
use crate::output::{count, grouped, out, write_json_line};
use crate::{exit, input, say};

/// How many messages go in one transaction, so that senders and receivers wait for little.
const CHUNK: u32 = 10_000;

/// A campaign that is old enough.
struct Old {
    campaign: CampaignRecord,
    ended: Timestamp,
    /// Messages of which something was received.
    messages: u64,
}

#[derive(Serialize)]
struct Pruned<'a> {
    dry_run: bool,
    campaigns: Vec<Line<'a>>,
    /// Bytes that the file gave back to the system.
    reclaimed_bytes: u64,
    /// Bytes that are free in the file, and stay there until it is vacuumed.
    kept_bytes: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    campaign: &'a str,
    /// When the last thing happened to it, or to a retry of its rows.
    ended: Timestamp,
    messages: u64,
}

pub(crate) async fn run(args: PruneArgs) -> Result<u8, Failure> {
    let path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open_existing(&path).await?;
    let failed = |error| ledgers::failed(&path, &error);
    let before = Timestamp::now().checked_sub(args.older_than).unwrap_or(Timestamp::MIN);
    let mut old = match &args.campaign {
        Some(name) => vec![the_one(&*ledger, &path, name, before).await?],
        None => old_ones(&*ledger, before).await.map_err(failed)?,
    };
    if args.dry_run || old.is_empty() {
        tell(&args, &old, &Reclaimed::default(), &path)?;
        return Ok(exit::OK);
    }
    if !args.yes.yes {
        confirm(&old).await?;
    }
    for one in &mut old {
        one.messages = prune(&*ledger, &one.campaign, before).await.map_err(failed)?;
    }
    let mut given_back = Reclaimed::default();
    loop {
        let reclaimed = ledger.reclaim().await.map_err(failed)?;
        given_back.bytes += reclaimed.bytes;
        given_back.kept = reclaimed.kept;
        if !reclaimed.left {
            break;
        }
    }
    tell(&args, &old, &given_back, &path)?;
    Ok(exit::OK)
}

/// All campaigns that are old enough, and have something to remove.
async fn old_ones(ledger: &dyn Ledger, before: Timestamp) -> Result<Vec<Old>, LedgerError> {
    let mut old = Vec::new();
    for campaign in ledger.campaigns().await? {
        let Some(ended) = ledger.ended(campaign.id).await?.filter(|ended| *ended < before) else { continue };
        if ledger.messages(campaign.id, 0, 1).await?.is_empty() {
            continue;
        }
        let messages = received(ledger, &campaign).await?;
        old.push(Old { campaign, ended, messages });
    }
    Ok(old)
}

async fn the_one(ledger: &dyn Ledger, path: &Place, name: &str, before: Timestamp) -> Result<Old, Failure> {
    let failed = |error| ledgers::failed(path, &error);
    let campaign = ledgers::find(ledger, path, Some(name)).await?;
    let status = format!("see how it stands: sinch-batch status {name}{}", ledgers::option(path));
    match ledger.ended(campaign.id).await.map_err(failed)? {
        None => Err(Failure::new(
            exit::LOOK,
            format!("campaign {name}, or a retry of it, is unfinished; nothing was removed"),
        )
        .hint(status)),
        Some(ended) if ended >= before => Err(Failure::new(
            exit::LOOK,
            format!(
                "the last thing happened to campaign {name}, or to a retry of it, at {ended:.0}; nothing was removed"
            ),
        )
        .hint("give a shorter --older-than")),
        Some(ended) => {
            let messages = received(ledger, &campaign).await.map_err(failed)?;
            Ok(Old { campaign, ended, messages })
        }
    }
}

/// How many messages there are to remove: those of which something was received.
async fn received(ledger: &dyn Ledger, campaign: &CampaignRecord) -> Result<u64, LedgerError> {
    if ledger.messages(campaign.id, 0, 1).await?.is_empty() {
        return Ok(0);
    }
    let tally = ledger.status(campaign.id).await?.messages;
    Ok(tally.queued + tally.delivered + tally.read + tally.failed)
}

async fn prune(ledger: &dyn Ledger, campaign: &CampaignRecord, before: Timestamp) -> Result<u64, LedgerError> {
    let mut messages = 0;
    loop {
        match ledger.prune(campaign.id, before, CHUNK).await {
            Ok(pruned) => {
                messages += pruned.messages;
                if !pruned.left {
                    return Ok(messages);
                }
            }
            // A receipt came meanwhile: it is young again, and keeps what it has.
            Err(error) if error.kind() == LedgerErrorKind::NotEnded => return Ok(messages),
            Err(error) => return Err(error),
        }
    }
}

async fn confirm(old: &[Old]) -> Result<(), Failure> {
    let messages = old.iter().map(|one| one.messages).sum();
    let question = format!(
        "The results of {} of {} are removed for good; sums stay. Go on? [y/N]",
        count(messages, "row", "rows"),
        count(old.len() as u64, "campaign", "campaigns")
    );
    if input::confirmed(&question).await? {
        return Ok(());
    }
    Err(Failure::new(exit::USAGE, "not confirmed; nothing was removed").hint("--dry-run shows what would be removed"))
}

fn tell(args: &PruneArgs, old: &[Old], reclaimed: &Reclaimed, path: &Place) -> Result<(), Failure> {
    if args.json.json {
        let lines = old.iter().map(|Old { campaign, ended, messages }| Line {
            campaign: &campaign.name,
            ended: *ended,
            messages: *messages,
        });
        return write_json_line(&Pruned {
            dry_run: args.dry_run,
            campaigns: lines.collect(),
            reclaimed_bytes: reclaimed.bytes,
            kept_bytes: reclaimed.kept,
        });
    }
    let mut text: String = old
        .iter()
        .map(|Old { campaign, ended, messages }| {
            let date = ended.strftime("%Y-%m-%d");
            format!("{}: results of {}, the last of {date}\n", campaign.name, count(*messages, "row", "rows"))
        })
        .collect();
    text.push_str(match (old.is_empty(), args.dry_run) {
        (true, _) => "no campaign is old enough, or none has anything left to remove\n",
        (false, true) => "would be removed; nothing was changed\n",
        (false, false) => "removed; sums, batches and guards against duplicates stay\n",
    });
    if reclaimed.bytes > 0 {
        text.push_str(&format!("the ledger gave back {} kB\n", grouped(reclaimed.bytes / 1000)));
    }
    out(text.as_bytes()).map_err(output)?;
    if reclaimed.kept > 0 {
        say!(
            "note: {} kB are free in the ledger, and stay in the file: an earlier release made it. With no program \
             using it: sqlite3 {} 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM'",
            grouped(reclaimed.kept / 1000),
            path
        );
    }
    Ok(())
}
