//! `status`: the campaigns of a ledger, or how one stands and what to do next.

pub(crate) mod pace;
mod schedule;

use serde::Serialize;
use sinch_batch::campaign::report::{failures_by_reason, write_json_with};
use sinch_batch::ledger::{CallbackCount, CampaignRecord, CampaignStatus, Phase};
use sinch_batch::models::Timestamp;

use self::pace::Pace;
use crate::args::StatusArgs;
use crate::fail::{Failure, output};
use crate::output::{count, json_out, out, write_json_line};
use crate::run::{Next, next_command};
use crate::{exit, ledgers, render, terminal};

/// All campaigns of a ledger.
#[derive(Serialize)]
struct Campaigns<'a> {
    campaigns: Vec<Line<'a>>,
    /// Only if there is no campaign: then it is the ledger of a receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    callbacks: Option<Vec<CallbackCount>>,
}

#[derive(Serialize)]
struct Line<'a> {
    campaign: &'a str,
    created: Timestamp,
    input: &'a str,
    rows: u64,
    accepted: u64,
    planned: u64,
    unknown: u64,
    phase: Phase,
}

/// What is said of one campaign besides its report.
#[derive(Serialize)]
struct More<'a> {
    callbacks: &'a [CallbackCount],
    /// Workers that are sending it.
    workers: &'a [WorkerLine],
    /// What bounds its pace.
    pace: &'a Pace,
    /// The command that it needs next.
    next: Option<&'a str>,
}

/// A worker, and what it holds.
#[derive(Serialize)]
struct WorkerLine {
    worker: String,
    batches: u32,
    /// When its leases lapse, unless it renews them.
    until: Timestamp,
}

pub(crate) async fn run(args: StatusArgs) -> Result<u8, Failure> {
    let path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open_existing(&path).await?;
    let failed = |error| ledgers::failed(&path, &error);
    let callbacks = ledger.callbacks().await.map_err(failed)?;
    let Some(name) = &args.campaign else {
        let mut campaigns = Vec::new();
        for campaign in ledger.campaigns().await.map_err(failed)? {
            let status = ledger.status(campaign.id).await.map_err(failed)?;
            campaigns.push((campaign, status));
        }
        return list(&campaigns, callbacks, args.json.json);
    };
    let campaign = ledgers::find(&*ledger, &path, Some(name)).await?;
    if args.watch {
        super::watch::until_end(&*ledger, &path, &campaign).await?;
    }
    let status = ledger.status(campaign.id).await.map_err(failed)?;
    let next = Next { campaign: &campaign.name, ledger: &path, keeps: true };
    let next = next_command(&next, &status).filter(|_| !campaign.practice);
    let held = ledger.held(campaign.id, Timestamp::now()).await.map_err(failed)?;
    let pace = Pace::of(&ledger, &campaign, &status).await.map_err(failed)?;
    let activity = pace::activity(&campaign, &status, &held);
    let held =
        held.into_iter().map(|held| WorkerLine { worker: held.worker, batches: held.batches, until: held.until });
    let workers: Vec<WorkerLine> = held.collect();
    if args.json.json {
        let more = More { callbacks: &callbacks, workers: &workers, pace: &pace, next: next.as_deref() };
        write_json_with(&*ledger, &campaign, &more, json_out())
            .await
            .map_err(|error| render::report_failed(&path, error))?;
        return Ok(exit::OK);
    }
    let phase = match status.phase {
        Phase::Running => String::new(),
        phase => format!(", {phase}"),
    };
    let width = terminal::width();
    let next = next.map(|command| format!("next: {command}\n")).unwrap_or_default();
    let reasons = failures_by_reason(&*ledger, &campaign).await.map_err(|error| render::report_failed(&path, error))?;
    let reasons = render::reasons(&reasons, width);
    let schedule = schedule::line(&*ledger, &campaign).await.map_err(|error| render::report_failed(&path, error))?;
    let (sums, callbacks) = (render::status(&status, None, width), render::callbacks(&callbacks, width));
    let workers: String = workers.iter().map(worker_line).collect();
    // What is over has no pace.
    let pace = if status.is_unfinished() { pace.text(width) } else { String::new() };
    let activity = pace::activity_text(activity);
    let name = &campaign.name;
    out(format!("campaign {name}{phase}\n{schedule}{sums}{pace}{workers}{activity}{reasons}{callbacks}{next}")
        .as_bytes())
    .map_err(output)?;
    Ok(exit::OK)
}

fn worker_line(line: &WorkerLine) -> String {
    let WorkerLine { worker, batches, until } = line;
    format!("worker {worker} holds {} until {until:.0}\n", count(u64::from(*batches), "batch", "batches"))
}

fn list(
    campaigns: &[(CampaignRecord, CampaignStatus)],
    callbacks: Vec<CallbackCount>,
    json: bool,
) -> Result<u8, Failure> {
    if json {
        let lines = campaigns.iter().map(|(campaign, status)| Line {
            campaign: &campaign.name,
            created: campaign.created,
            input: &campaign.input,
            rows: status.rows,
            accepted: status.accepted,
            planned: status.planned,
            unknown: status.unknown,
            phase: status.phase,
        });
        let callbacks = (campaigns.is_empty() && !callbacks.is_empty()).then_some(callbacks);
        write_json_line(&Campaigns { campaigns: lines.collect(), callbacks })?;
        return Ok(exit::OK);
    }
    let text = if campaigns.is_empty() {
        format!("no campaigns\n{}", render::callbacks(&callbacks, terminal::width()))
    } else {
        render::campaigns(campaigns, terminal::width())
    };
    out(text.as_bytes()).map_err(output)?;
    Ok(exit::OK)
}
