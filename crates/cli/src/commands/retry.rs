//! `retry`: the failed rows of a campaign that may succeed, as a new campaign over the same file.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sinch_batch::campaign::retry::RetryReason;
use sinch_batch::campaign::{Campaign, CampaignError, CampaignRequest, RetryError, RetryOptions, RetryPlan};
use sinch_batch::ledger::{CampaignRecord, Ledger, LedgerErrorKind, Phase};
use sinch_batch::recipients::{RecipientFile, SourceError};

use super::{resume, rows, send};
use crate::args::{MessageArgs, RetryArgs};
use crate::fail::{Failure, output};
use crate::ledgers::{AnyLedger, Place};
use crate::output::{count, grouped, out, write_json_line};
use crate::receiver::{Receiver, secret};
use crate::run::{Next, Run, limits};
use crate::service::Service;
use crate::settings::{BegunPace, Settings};
use crate::{exit, input, ledgers, message, pace, render, say, signals, suppress, terminal};

/// A line of attempts that is longer than this hardly gets better.
const LONG_LINE: usize = 5;

pub(crate) async fn run(args: RetryArgs) -> Result<u8, Failure> {
    let stop = signals::watch();
    let ledger_path = ledgers::place(&args.ledger)?;
    let ledger = ledgers::open_existing(&ledger_path).await?;
    let parent = ledgers::find(&*ledger, &ledger_path, Some(&args.parent)).await?;
    let options = RetryOptions::new()
        .with_reasons(&args.reason)
        .with_all_classes(args.all_classes)
        .with_only_settled(args.only_settled)
        .with_cancelled(args.cancelled);
    let plan = match RetryPlan::choose(&*ledger, &parent.name, &options).await {
        Ok(plan) => plan,
        Err(error) => {
            let status = ledger.status(parent.id).await.map_err(|error| ledgers::failed(&ledger_path, &error))?;
            return Err(not_chosen(&ledger_path, &parent, status.phase, error));
        }
    };
    if plan.n_attempts() >= LONG_LINE {
        say!(
            "warning: this is attempt {} on the same rows; what failed so often may need a fix",
            plan.n_attempts() + 1
        );
    }
    if args.dry_run || plan.rows() == 0 {
        show(&args, &plan)?;
        return Ok(exit::OK);
    }
    let prepared = signals::unless_stopped(&stop, Box::pin(prepare(&args, &ledger_path, &ledger, plan))).await?;
    let (campaign, receiver) = prepared;
    send::announce(campaign.record(), args.json.json)?;
    let run = Run {
        ledger_path: &ledger_path,
        keeps: true,
        ledger,
        campaign,
        receives: receiver.is_some(),
        waits: false,
        json: args.json.json,
        stop,
    };
    run.execute(&args.run).await
}

/// Everything up to the campaign's place in the ledger. Nothing is sent.
async fn prepare(
    args: &RetryArgs,
    ledger_path: &Place,
    ledger: &AnyLedger,
    plan: RetryPlan,
) -> Result<(Campaign, Option<Receiver>), Failure> {
    let parent = plan.parent().clone();
    let request = request(args, &parent)?;
    let file = rows::input_of(args.input.as_deref(), &parent)?;
    let source = input::open(&file).map_err(|failure| {
        failure.hint(format!("if the file has moved: sinch-batch retry {} --input FILE; nothing was sent", parent.name))
    })?;
    let mut settings = Settings::read(&parent.settings)?;
    let source = source.with_reading(settings.must_read.clone());
    let lists = suppress::read(&args.suppress).await?;
    let next = Next { campaign: &parent.name, ledger: ledger_path, keeps: true };
    suppress::require(&next, "retry", &settings.must_suppress, &lists)?;
    settings.must_suppress = suppress::kept(&lists);
    settings.must_halt = args.halt.rules();
    settings.pace = Some(BegunPace::of(&args.run));
    let plan = plan.with_settings(settings.to_text()?);
    let service = Service { resend_after: Some(args.run.resend_after), ..Service::read(&args.service)? };
    if let Some(app) = args.service.app.as_deref().map(str::trim).filter(|app| !app.is_empty() && *app != parent.app) {
        return Err(resume::other("app", &parent.app, app, "SINCH_APP_ID"));
    }
    let (source, plan, request) = check(&file, &parent, source, (plan, args.halt.canary), request).await?;
    let receiver = match args.run.listen {
        Some(address) => Some(Receiver::start(address, secret()?, ledger).await?),
        None => None,
    };
    let client = service.connect().await?;
    let name = match &args.campaign {
        Some(name) => name.clone(),
        None => free_name(&**ledger, ledger_path, &parent.name).await?,
    };
    let client = pace::paced(client, ledger, args.run.max_rate);
    let campaign = Campaign::retry(ledger.shared(), name, client, source, plan, request)
        .await
        .map_err(|error| not_begun(ledger_path, &file, &parent, error))?
        .with_limits(limits(&args.run).with_halt(args.halt.rules()))
        .with_suppression(lists);
    Ok((campaign, receiver))
}

/// What the campaign said, with another message if one is given.
fn request(args: &RetryArgs, parent: &CampaignRecord) -> Result<CampaignRequest, Failure> {
    let request = CampaignRequest::from_json(parent.request.as_bytes(), None).map_err(|error| {
        Failure::because(exit::LEDGER, "the request of the campaign cannot be read", &error)
            .hint("was it begun by another program?")
    })?;
    // What was scheduled has gone; a retry has times of its own.
    let request = send::schedule(&args.schedule, request.without_send_after())?;
    if args.message.is_none() && args.text.is_none() {
        return Ok(request);
    }
    let message = MessageArgs {
        message: args.message.clone(),
        text: args.text.clone(),
        allow_unknown_kind: args.allow_unknown_kind,
    };
    Ok(request.with_message(message::read(&message)?))
}

/// Reads all chosen rows once: what was checked is what is sent, and each row has what the message needs. The
/// canary is made of the first ones.
async fn check(
    file: &Path,
    parent: &CampaignRecord,
    mut source: RecipientFile,
    (plan, canary): (RetryPlan, Option<u16>),
    request: CampaignRequest,
) -> Result<(RecipientFile, RetryPlan, CampaignRequest), Failure> {
    let (file, parent): (PathBuf, _) = (file.to_owned(), parent.name.clone());
    let checked = move |source: &mut RecipientFile| {
        let plan = match canary {
            Some(rows) => plan.with_canary(source, rows.into())?,
            None => plan,
        };
        plan.check(source, &request)?;
        Ok((plan, request))
    };
    input::blocking(move || match checked(&mut source) {
        Ok((plan, request)) => Ok((source, plan, request)),
        Err(SourceError::Changed { .. }) => Err(changed(&file, &parent)),
        Err(SourceError::NoSuchRow { row }) => Err(Failure::new(
            exit::BAD_INPUT,
            format!("row {row} of {} lacks what the message needs; nothing was sent", file.display()),
        )
        .hint(format!(
            "fix the failed rows and send them as a file of their own: sinch-batch report {parent} --rows failed \
             --with-file -o failed.csv"
        ))),
        Err(SourceError::Unusable { .. }) => Err(Failure::new(
            exit::BAD_INPUT,
            format!("{} has no column for what the message needs; nothing was sent", file.display()),
        )
        .hint("see what it needs: sinch-batch check FILE --message FILE")),
        Err(error) => Err(input::unreadable(&file, &error)),
    })
    .await
}

fn changed(file: &Path, parent: &str) -> Failure {
    Failure::new(
        exit::BAD_INPUT,
        format!("{} has changed since campaign {parent} was sent; nothing was sent", file.display()),
    )
    .hint(format!(
        "put it back as it was; or fix failed.csv and send it: sinch-batch report {parent} --rows failed --with-file \
         --input FILE -o failed.csv"
    ))
}

/// `autumn-retry`, `autumn-retry-2` and so on, whichever is free.
async fn free_name(ledger: &dyn Ledger, path: &Place, parent: &str) -> Result<String, Failure> {
    let taken = ledger.campaigns().await.map_err(|error| ledgers::failed(path, &error))?;
    let stem: String = parent.chars().take(48).collect();
    let names = (1_u32..).map(|number| match number {
        1 => format!("{stem}-retry"),
        number => format!("{stem}-retry-{number}"),
    });
    let free = |name: &String| taken.iter().all(|campaign| campaign.name != *name);
    Ok(names.into_iter().find(free).unwrap_or(stem))
}

#[derive(Serialize)]
struct Shown<'a> {
    campaign: &'a str,
    dry_run: bool,
    /// Rows that are sent again.
    rows: u64,
    /// Failed rows whose recipients were reached by another attempt, or may have been.
    reached: u64,
    /// Rows that are sent before the others, if there is a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<u64>,
    reasons: &'a [RetryReason],
}

/// Shows what would be sent again.
fn show(args: &RetryArgs, plan: &RetryPlan) -> Result<(), Failure> {
    let parent = plan.parent().name.as_str();
    let canary = args.halt.canary.map(|rows| plan.rows().min(rows.into()));
    if args.json.json {
        return write_json_line(&Shown {
            campaign: parent,
            dry_run: args.dry_run,
            rows: plan.rows(),
            reached: plan.reached(),
            canary,
            reasons: plan.reasons(),
        });
    }
    let mut text = String::new();
    if !plan.reasons().is_empty() {
        let header = ["reason", "failed", "class", "sent again", "what to do"];
        let mut table = render::table(&header, terminal::width());
        for reason in plan.reasons() {
            table.add_row([
                &reason.code,
                &grouped(reason.failed),
                reason.class.as_str(),
                &grouped(reason.chosen),
                reason.advice,
            ]);
        }
        render::keep_whole(&mut table, 0, terminal::width());
        text = format!("{table}\n");
    }
    if plan.reached() > 0 {
        let rows = count(plan.reached(), "failed row was", "failed rows were");
        text.push_str(&format!("{rows} reached by another attempt, or may have been\n"));
    }
    let rows = plan.rows();
    if let Some(canary) = canary.filter(|canary| *canary > 0) {
        let first = if canary == rows { "all of them".to_owned() } else { count(canary, "row", "rows") };
        let rest = if canary == rows { "" } else { "; the others wait for their receipts" };
        text.push_str(&format!("canary: {first} first{rest}\n"));
    }
    text.push_str(&match (args.dry_run, rows) {
        (true, _) => format!("{} would be sent again; nothing was sent\n", count(rows, "row", "rows")),
        (false, _) => format!("no row of campaign {parent} is to be sent again; nothing was sent\n"),
    });
    out(text.as_bytes()).map_err(output)
}

fn not_chosen(ledger_path: &Place, parent: &CampaignRecord, phase: Phase, error: RetryError) -> Failure {
    let next = Next { campaign: &parent.name, ledger: ledger_path, keeps: true };
    match error {
        RetryError::Ledger(error) => ledgers::failed(ledger_path, &error),
        // It cannot be resumed, so what is not known stays so.
        RetryError::Unfinished { unknown, .. } if phase == Phase::Cancelled => Failure::new(
            exit::LOOK,
            format!(
                "campaign {} is cancelled, and whether {} got the message is not known; nothing was sent",
                parent.name,
                count(unknown, "row", "rows")
            ),
        )
        .hint("receipts may still tell; or leave these rows out: --only-settled"),
        RetryError::Unfinished { unknown, .. } if phase == Phase::Stopping => Failure::new(
            exit::LOOK,
            format!("campaign {} is being cancelled ({} unknown); nothing was sent", parent.name, grouped(unknown)),
        )
        .hint(next.command("finish that first", "cancel", "")),
        RetryError::Unfinished { planned, unknown, .. } => Failure::new(
            exit::LOOK,
            format!(
                "campaign {} is unfinished ({} rows planned, {} unknown); nothing was sent",
                parent.name,
                grouped(planned),
                grouped(unknown)
            ),
        )
        .hint(format!(
            "{}; or take what has failed by now: --only-settled",
            next.command("finish it first", "resume", "")
        )),
        RetryError::Never(code, advice) => Failure::new(
            exit::USAGE,
            format!("rows that failed for {code} are never sent again ({advice}); nothing was sent"),
        )
        .hint("leave that --reason out"),
        RetryError::NotCancelled(name) => Failure::new(
            exit::LOOK,
            format!("campaign {name} is not cancelled; nothing was sent"),
        )
        .hint(next.command("recall it first", "cancel", "")),
        RetryError::Practice(name) => Failure::new(
            exit::USAGE,
            format!("campaign {name} was tried locally with --simulate; it cannot be retried"),
        )
        .hint("send it: sinch-batch send FILE …"),
        error => Failure::because(exit::UNEXPECTED, "no retry", &error),
    }
}

/// Why a retry did not begin. Nothing was sent.
fn not_begun(ledger_path: &Place, file: &Path, parent: &CampaignRecord, error: CampaignError) -> Failure {
    match error {
        CampaignError::Changed => changed(file, &parent.name),
        CampaignError::OtherService { what, before, now } => {
            let flag = if what == "project" { "SINCH_PROJECT_ID" } else { "--base-url or SINCH_REGION" };
            resume::other(what, &before, &now, flag)
        }
        CampaignError::Ledger(error) if error.kind() == LedgerErrorKind::RetryUnderWay => {
            Failure::new(exit::LOOK, format!("{error}; nothing was sent"))
                .hint("finish it first (sinch-batch resume CAMPAIGN), or end it (sinch-batch cancel CAMPAIGN)")
        }
        CampaignError::Ledger(error) => ledgers::failed(ledger_path, &error),
        CampaignError::Source(error) => input::unreadable(file, &error),
        error => Failure::because(exit::BAD_INPUT, file.display(), &error).hint("nothing was sent"),
    }
}
