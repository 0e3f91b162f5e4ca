//! `send`: check the file, then send it and report.

mod heading;
mod one;
mod schedule;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use sinch_batch::campaign::{Campaign, CampaignError, CheckedCampaign};
use sinch_batch::ledger::{self, DuplicateOf};
use sinch_batch::models::AppId;
use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::webhook::WebhookSecret;

use self::heading::Heading;
pub(super) use self::schedule::schedule;
use crate::args::SendArgs;
use crate::fail::{Failure, output};
use crate::findings::{self, Collected};
use crate::ledgers::{AnyLedger, Place};
use crate::output::{count, grouped, out};
use crate::outputs::NewFile;
use crate::receiver::{Receiver, secret};
use crate::run::{Next, Run, limits};
use crate::service::{Service, app_id};
use crate::settings::{BegunPace, Settings};
use crate::signals::Stop;
use crate::{exit, input, ledgers, outputs, pace, say, signals, suppress};

/// A made-up app in the form of a ULID, which is all that the simulator can check of it.
const PRACTICE_APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";

pub(crate) async fn run(args: SendArgs) -> Result<u8, Failure> {
    if let Some(number) = &args.to {
        return one::run(&args, number).await;
    }
    let stop = signals::watch();
    let prepared = Box::pin(signals::unless_stopped(&stop, prepare(&args, &stop))).await?;
    let Prepared { ledger_path, scratch, ledger, stage, campaign } = prepared;
    announce(campaign.record(), args.json.json)?;
    let inbox = stage.simulator.as_ref().filter(|_| args.inbox).map(Simulator::inbox_url);
    if let Some(url) = &inbox {
        say!("inbox {url}");
    }
    if let Some(other) = campaign.same_input() {
        say!("warning: campaign {other} is unfinished, and sends another message to this file");
    }
    let run = Run {
        ledger_path: &ledger_path,
        keeps: scratch.is_none(),
        ledger,
        campaign,
        receives: stage.receiver.is_some(),
        waits: false,
        json: args.json.json,
        stop: stop.clone(),
    };
    let result = run.execute(&args.run).await;
    // What came in between, a reply by a click say, is still received: the receiver stays up, too.
    if let (Some(url), Ok(_)) = (&inbox, &result)
        && stop.borrow().is_none()
    {
        say!("the inbox stays open at {url} until Ctrl-C");
        signals::end_at_once_with(None);
        signals::stopped(stop).await;
    }
    if let Some(simulator) = stage.simulator {
        simulator.shutdown().await;
    }
    result
}

/// What was made ready before anything is sent.
struct Prepared {
    ledger_path: Place,
    /// The folder of a ledger that is thrown away at the end.
    scratch: Option<tempfile::TempDir>,
    ledger: AnyLedger,
    stage: Stage,
    campaign: Campaign,
}

/// Everything up to the campaign's place in the ledger. Nothing is sent.
async fn prepare(args: &SendArgs, stop: &Stop) -> Result<Prepared, Failure> {
    let file = args.input.file.as_path();
    let service = match args.simulate {
        true => None,
        false => Some((Service::read(&args.service), app_id(&args.service))),
    };
    if let Some(skipped) = &args.skipped_file {
        if outputs::is_dash(skipped) {
            return Err(Failure::new(exit::USAGE, "standard output has the report, so skipped rows cannot go there")
                .hint("name a new file: --skipped-file FILE"));
        }
        let read = [
            ("input", Some(file)),
            ("message", args.message.message.as_deref()),
            ("request", args.request.request.as_deref()),
            ("price file", args.judge.prices.as_deref()),
        ];
        outputs::is_none_of(
            skipped,
            "--skipped-file",
            read.into_iter().filter_map(|(what, path)| Some((what, path?))).chain(suppress::paths(&args.suppress)),
        )?;
        if args.ledger.ledger.is_some() || !args.simulate {
            let files = ledgers::files(&ledgers::place(&args.ledger)?);
            let files = files.iter().map(|(what, path)| (*what, path.as_path()));
            outputs::is_none_of(skipped, "--skipped-file", files)?;
        }
    }
    // What is wrong with the file is said first: it is what people are at.
    let app = match &service {
        Some((_, Ok(app))) => app.clone(),
        _ => AppId::new(PRACTICE_APP),
    };
    let checked = check(args, &app).await?;
    let service = match service {
        Some((service, app)) => {
            let service = Service { resend_after: Some(args.run.resend_after), ..service? };
            is_of_app(&checked, &app?)?;
            Some(service)
        }
        None => None,
    };
    let scratch = match (&args.ledger.ledger, args.simulate) {
        (None, true) => Some(
            tempfile::tempdir()
                .map_err(|error| Failure::because(exit::LEDGER, "no temporary folder for the ledger", &error))?,
        ),
        _ => None,
    };
    let ledger_path = match &scratch {
        Some(folder) => Place::File(folder.path().join("ledger.db")),
        None => ledgers::place(&args.ledger)?,
    };
    let ledger = ledgers::open(&ledger_path).await?;
    let stage = match service {
        Some(service) => {
            let receiver = match args.run.listen {
                Some(address) => Some(Receiver::start(address, secret()?, &ledger).await?),
                None => None,
            };
            Stage { service, receiver, simulator: None }
        }
        None => try_locally(&ledger).await?,
    };
    let client = stage.service.connect().await?.with_stop(signals::stop_calls(stop));
    let heading = Heading::of(args, &checked);
    match &scratch {
        Some(_) => say!("ledger: none is kept; --ledger FILE keeps one"),
        None => say!("ledger {}", ledger_path),
    }
    say!("{}", heading.line());
    if !args.simulate && !args.yes.yes {
        heading.ask().await?;
    }
    let (checked, skipped) = skip(args, checked).await?;
    let checked = if args.simulate { checked.with_practice() } else { checked };
    let checked = if args.allow_duplicate { checked.with_duplicate_allowed() } else { checked };
    let name = args.campaign.clone().unwrap_or_else(short_name);
    let client = pace::paced(client, &ledger, args.run.max_rate);
    let campaign = Campaign::begin(ledger.shared(), name, client, checked)
        .await
        .map_err(|error| not_begun(&ledger_path, file, error))?
        .with_limits(limits(&args.run).with_halt(args.halt.rules()));
    if let Some(skipped) = skipped {
        skipped.keep()?;
    }
    Ok(Prepared { ledger_path, scratch, ledger, stage, campaign })
}

/// A request FILE that names its app names the one that is meant.
fn is_of_app(checked: &CheckedCampaign, app: &AppId) -> Result<(), Failure> {
    let named = checked.request().app();
    if named == app {
        return Ok(());
    }
    Err(Failure::new(exit::USAGE, format!("the request is for app {named}, and the command for app {app}"))
        .hint("take `app_id` out of the file, or name the same app with --app; nothing was sent"))
}

/// Checks the whole file; a file with mistakes is not sent unless they are skipped.
async fn check(args: &SendArgs, app: &AppId) -> Result<CheckedCampaign, Failure> {
    let file = args.input.file.clone();
    let (message, request) = (args.message.message.as_deref(), args.request.request.as_deref());
    input::one_stdin(&[Some(file.as_path()), message, request, args.judge.prices.as_deref()])?;
    let request = schedule(&args.schedule, input::request(&args.message, &args.request, app)?)?;
    let again = request.clone();
    let options =
        input::judge(&args.judge)?.with_batch_size(usize::from(args.batch_size)).with_skip_invalid(args.skip_invalid);
    let options = options.with_first_batch(args.halt.canary.map(usize::from));
    let lists = suppress::read(&args.suppress).await?;
    let must_suppress = suppress::kept(&lists);
    let options = options.with_suppression(lists);
    let reading = args.read.options();
    let (must_halt, pace) = (args.halt.rules(), Some(BegunPace::of(&args.run)));
    let settings = Settings { must_read: reading.clone(), must_halt, must_suppress, pace }.to_text()?;
    let found = Collected::new();
    let (collect, once_more) = (found.collector(), (reading.clone(), options.clone()));
    let checked = input::blocking(move || {
        let source = input::open(&file)?.with_reading(reading);
        request.check_with(source, &options, collect).map_err(|error| input::unreadable(&file, &error))
    })
    .await?;
    let file = &args.input.file;
    let text = found.text(file, &input::see_all(file, &args.message));
    if !text.is_empty() {
        say!("{}", text.trim_end());
    }
    if checked.checked().blank_rows > 0 || checked.checked().warnings > 0 {
        say!("{}", findings::counts(checked.checked()).trim_end());
    }
    let suppressed = findings::suppressed(checked.checked());
    if !suppressed.is_empty() {
        say!("{}", suppressed.trim_end());
    }
    if checked.may_be_sent() {
        let (valid, left_out) = (checked.checked().valid_rows(), checked.checked().suppressed_rows);
        if left_out == valid {
            let rows = count(valid, "valid row is", "valid rows are");
            return Err(Failure::new(
                exit::BAD_INPUT,
                format!("nobody is left to send to: {rows} suppressed; nothing was sent"),
            )
            .hint("is it the right list? leave out that --suppress, or name another file"));
        }
        return Ok(checked.with_settings(settings));
    }
    // What can be read only once cannot be listed once more.
    if args.json.json && file.is_file() {
        super::check::print_request_json(file, again, once_more).await?;
    }
    Err(input::refuse(checked.checked(), &found, file, args.skip_invalid, &args.message))
}

/// Writes away the rows that are skipped; nobody's file is replaced before the campaign has begun.
async fn skip(args: &SendArgs, mut checked: CheckedCampaign) -> Result<(CheckedCampaign, Option<NewFile>), Failure> {
    let rows = checked.checked().invalid_rows;
    if rows == 0 {
        return Ok((checked, None));
    }
    let is_typed = args.skipped_file.is_some();
    let path = args.skipped_file.clone().unwrap_or_else(|| input::skipped_path(&args.input.file));
    let repeats = checked.checked().repeats;
    let (checked, skipped, path) = input::blocking(move || {
        let mut skipped = input::write_skipped(&path, is_typed, |out| checked.write_skipped(out))?;
        let path = skipped.settle()?.to_owned();
        Ok((checked, skipped, path))
    })
    .await?;
    say!("{} skipped; fix them in {} and send that file", count(rows, "row is", "rows are"), path.display());
    if repeats > 0 {
        let repeats = match repeats {
            1 => "1 of them repeats a recipient".to_owned(),
            n => format!("{} of them repeat recipients", grouped(n)),
        };
        say!("{repeats} of an earlier row: delete it there or name somebody else, or they get the message twice");
    }
    Ok((checked, Some(skipped)))
}

/// Where the campaign is played.
struct Stage {
    service: Service,
    receiver: Option<Receiver>,
    simulator: Option<Simulator>,
}

/// The simulator and a receiver on loopback, with credentials and a secret made up for this run.
async fn try_locally(ledger: &AnyLedger) -> Result<Stage, Failure> {
    let secret = uuid::Uuid::new_v4().to_string();
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let receiver = Receiver::start(loopback, WebhookSecret::new(secret.clone()), ledger).await?;
    let config = SimulatorConfig::default()
        .with_callback_url(receiver.url())
        .with_webhook_secret(WebhookSecret::new(secret))
        .with_seed(1);
    let simulator = super::simulate::start(config).await?;
    let service = Service {
        base_url: simulator.api_url(),
        auth_url: simulator.auth_url(),
        insecure_host: None,
        project_id: "practice-project".to_owned(),
        key_id: "practice-key".to_owned(),
        key_secret: uuid::Uuid::new_v4().to_string(),
        timeout: Duration::from_secs(30),
        resend_after: None,
    };
    Ok(Stage { service, receiver: Some(receiver), simulator: Some(simulator) })
}

/// Why a campaign did not begin. Nothing was sent.
fn not_begun(ledger_path: &Place, file: &Path, error: CampaignError) -> Failure {
    match &error {
        CampaignError::Duplicate(error) => match error.duplicate_of() {
            Some(of) => duplicate(ledger_path, of),
            None => ledgers::failed(ledger_path, error),
        },
        CampaignError::Ledger(error) => ledgers::failed(ledger_path, error),
        CampaignError::Source(error) => input::unreadable(file, error),
        other => Failure::because(exit::BAD_INPUT, file.display(), other),
    }
}

fn duplicate(ledger_path: &Place, of: &DuplicateOf) -> Failure {
    let name = &of.campaign.name;
    let next = Next { campaign: name, ledger: ledger_path, keeps: true };
    let command = |lead: &str, verb: &str| next.command(lead, verb, "");
    let accepted = grouped(of.status.accepted);
    let when = of.campaign.created.strftime("%-d %b %H:%M UTC");
    let mut ways = vec![command("see how it stands", "status")];
    if of.status.is_unfinished() {
        ways.push(command("go on with it", "resume"));
        ways.push(command("end it", "cancel"));
    } else {
        ways.push(command("see who got it", "report"));
    }
    Failure::new(
        exit::LOOK,
        format!(
            "campaign {name} sent this message to these recipients on {when} ({accepted} accepted); nothing was sent"
        ),
    )
    .hint(format!("{}; send it to them again: --allow-duplicate", ways.join("; ")))
}

/// The name comes first, so that it is known what to resume after a kill.
pub(super) fn announce(campaign: &ledger::CampaignRecord, json: bool) -> Result<(), Failure> {
    if json {
        say!("campaign {}", campaign.name);
        return Ok(());
    }
    out(format!("campaign {}\n", campaign.name).as_bytes()).map_err(output)
}

/// A short name for people, which no other campaign has.
fn short_name() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("c{}", &id[..10])
}
