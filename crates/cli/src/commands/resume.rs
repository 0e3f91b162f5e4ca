//! `resume`: go on with a campaign, never twice.

mod late;

use std::path::{Path, PathBuf};

use sinch_batch::campaign::{Campaign, CampaignError};
use sinch_batch::ledger::{self, LedgerErrorKind, Phase};
use sinch_batch::models::Timestamp;
use sinch_batch::recipients::RecipientFile;

use crate::args::{Late, ResumeArgs};
use crate::fail::Failure;
use crate::ledgers::{AnyLedger, Place};
use crate::output::count;
use crate::receiver::{Receiver, secret};
use crate::run::{Next, Run, limits};
use crate::service::Service;
use crate::settings::Settings;
use crate::signals::Stop;
use crate::{exit, input, ledgers, pace, say, signals, suppress, url_file};

pub(crate) async fn run(args: ResumeArgs) -> Result<u8, Failure> {
    let stop = signals::watch();
    let ledger_path = ledgers::place(&args.ledger)?;
    run_with(&args, None, &ledger_path, stop).await
}

/// What `work` has besides.
pub(super) struct Work {
    /// Where the recipients are, if it is not a file.
    pub(super) url: Option<String>,
    pub(super) worker: Option<String>,
}

/// A run on a campaign that is there: alone, or one of several that wait for a pause to be lifted.
pub(super) async fn run_with(
    args: &ResumeArgs,
    work: Option<&Work>,
    ledger_path: &Place,
    stop: Stop,
) -> Result<u8, Failure> {
    let prepared = signals::unless_stopped(&stop, Box::pin(prepare(args, work, ledger_path, &stop))).await?;
    let (ledger, campaign, receiver) = prepared;
    let (receives, waits) = (receiver.is_some(), work.is_some());
    let json = args.json.json;
    let run = Run { ledger_path, keeps: true, ledger, campaign, receives, waits, json, stop };
    run.execute(&args.run).await
}

/// Everything up to the first batch. Nothing is sent.
async fn prepare(
    args: &ResumeArgs,
    work: Option<&Work>,
    ledger_path: &Place,
    stop: &Stop,
) -> Result<(AnyLedger, Campaign, Option<Receiver>), Failure> {
    let ledger = ledgers::open_existing(ledger_path).await?;
    let record = ledgers::find(&*ledger, ledger_path, Some(&args.campaign)).await?;
    let status = ledger.status(record.id).await.map_err(|error| ledgers::failed(ledger_path, &error))?;
    let next = Next { campaign: &record.name, ledger: ledger_path, keeps: true };
    if matches!(status.phase, Phase::Stopping | Phase::Cancelled) {
        return Err(Failure::new(
            exit::LOOK,
            format!("campaign {} was cancelled and cannot be resumed; nothing was sent", record.name),
        )
        .hint(next.command("see how it stands", "status", "")));
    }
    if status.phase == Phase::Halted {
        if !args.past_halt {
            return Err(crate::run::halted(&next, None, &status));
        }
        ledger.unpause(record.id).await.map_err(|error| ledgers::failed(ledger_path, &error))?;
    }
    let late = late::find(&*ledger, &record, status.batches.total(), Timestamp::now()).await;
    let late = late.map_err(|error| ledgers::failed(ledger_path, &error))?;
    if let Some(at) = late.since.filter(|_| status.planned > 0) {
        let rows = count(late.rows, "row", "rows");
        match args.late {
            Some(Late::Send) => {}
            Some(Late::Skip) if late.is_spread => {
                let skipped = late::skip(&*ledger, &record, &late, Timestamp::now()).await;
                skipped.map_err(|error| ledgers::failed(ledger_path, &error))?;
                say!("{rows} whose time has passed skipped for good");
            }
            Some(Late::Skip) => {
                ledger.cancel(record.id).await.map_err(|error| ledgers::failed(ledger_path, &error))?;
                return Err(Failure::new(
                    exit::LOOK,
                    format!("campaign {} was to go at {at:.0}: {rows} skipped for good", record.name),
                )
                .hint(next.command("see who got it", "report", "")));
            }
            None => {
                return Err(Failure::new(
                    exit::LOOK,
                    format!(
                        "campaign {} was to go at {at:.0}, which has passed ({rows} planned); nothing was sent",
                        record.name
                    ),
                )
                .hint(match work {
                    None => "the service sends past times at once: --late send sends the rest now, --late skip never \
                             does"
                        .to_owned(),
                    Some(_) => format!("{} --late send, or --late skip", next.command("decide once", "resume", "")),
                }));
            }
        }
    }
    let url = work.and_then(|work| work.url.as_deref());
    let file = match url {
        Some(url) => PathBuf::from(url_file::shown(url)),
        None => super::rows::input_of(args.input.as_deref(), &record)?,
    };
    let Settings { must_read, must_halt, must_suppress, pace: _ } = Settings::read(&record.settings)?;
    let lists = suppress::read(&args.suppress).await?;
    // Batches that were tried keep their rows.
    if status.planned > 0 {
        suppress::require(&next, if work.is_some() { "work" } else { "resume" }, &must_suppress, &lists)?;
    }
    let source = match url {
        Some(url) => url_file::open(url).await?,
        None => open(&file, &record)?,
    }
    .with_reading(must_read);
    let service = Service { resend_after: Some(args.run.resend_after), ..Service::read(&args.service)? };
    if let Some(app) = args.service.app.as_deref().map(str::trim).filter(|app| !app.is_empty() && *app != record.app) {
        return Err(other("app", &record.app, app, "SINCH_APP_ID"));
    }
    let receiver = match args.run.listen {
        Some(address) => Some(Receiver::start(address, secret()?, &ledger).await?),
        None => None,
    };
    let client = service.connect().await?.with_stop(signals::stop_calls(stop));
    for worker in &args.dead {
        let released = ledger.release(record.id, worker, Timestamp::now()).await;
        released.map_err(|error| ledgers::failed(ledger_path, &error))?;
    }
    let client = pace::paced(client, &ledger, args.run.max_rate);
    let campaign = match work {
        None => Campaign::resume(ledger.shared(), &record.name, client, source).await,
        Some(_) => Campaign::join(ledger.shared(), &record.name, client, source).await,
    };
    let campaign = campaign
        .map_err(|error| not_resumed(ledger_path, &file, &next, error))?
        .with_limits(limits(&args.run).with_halt(must_halt.with_past_halt(args.past_halt)))
        .with_suppression(lists);
    let campaign = match work.and_then(|work| work.worker.as_deref()) {
        Some(name) => campaign.with_worker(name),
        None => campaign,
    };
    Ok((ledger, campaign, receiver))
}

fn open(file: &Path, record: &ledger::CampaignRecord) -> Result<RecipientFile, Failure> {
    input::open(file).map_err(|failure| {
        failure
            .hint(format!("if the file has moved: sinch-batch resume {} --input FILE; nothing was sent", record.name))
    })
}

/// Why a campaign does not go on. Nothing was sent.
fn not_resumed(ledger_path: &Place, file: &Path, next: &Next<'_>, error: CampaignError) -> Failure {
    match error {
        CampaignError::Changed => Failure::new(
            exit::BAD_INPUT,
            format!("{} has changed since campaign {} began; nothing was sent", file.display(), next.campaign),
        )
        .hint("put it back as it was; or name the file that was checked: --input FILE"),
        CampaignError::OtherService { what, before, now } => {
            let flag = if what == "project" { "SINCH_PROJECT_ID" } else { "--base-url or SINCH_REGION" };
            other(what, &before, &now, flag)
        }
        CampaignError::Practice(name) => Failure::new(
            exit::USAGE,
            format!("campaign {name} was tried locally with --simulate; it cannot be resumed"),
        )
        .hint("send it: sinch-batch send FILE …"),
        CampaignError::Ledger(error) if error.kind() == LedgerErrorKind::NotRunning => {
            Failure::new(exit::LOOK, error.to_string()).hint(next.command("see how it stands", "status", ""))
        }
        CampaignError::Ledger(error) => ledgers::failed(ledger_path, &error),
        CampaignError::Source(error) => input::unreadable(file, &error),
        error => {
            Failure::because(exit::LEDGER, "the campaign cannot go on", &error).hint("was it begun by another program?")
        }
    }
}

/// A batch of unknown outcome is looked up where it was sent: elsewhere it would seem absent, and be sent
/// again.
pub(super) fn other(what: &str, before: &str, now: &str, flag: &str) -> Failure {
    Failure::new(
        exit::USAGE,
        format!("the campaign was begun with {what} {before}, and this is {now}; nothing was sent"),
    )
    .hint(format!("set {flag} as before"))
}
