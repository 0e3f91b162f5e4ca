//! `send`: check the file, then send it and report.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use sinch_batch::campaign::fresh_key;
use sinch_batch::ledger::{Campaign, Ledger, NewCampaign, SqliteLedger};
use sinch_batch::models::{AppId, Template, Timestamp};
use sinch_batch::simulator::SimulatorConfig;
use sinch_batch::webhook::WebhookSecret;

use crate::args::SendArgs;
use crate::fail::{Failure, output};
use crate::input::{self, Checked};
use crate::ledgers::{self, CampaignLock};
use crate::output::out;
use crate::receiver::{Receiver, secret};
use crate::run::{Run, Settings};
use crate::service::{Service, app_id};
use crate::{exit, say};

pub(crate) async fn run(args: SendArgs) -> Result<u8, Failure> {
    let message = input::message(&args.message)?;
    let template = Template::new(message.message.clone());
    let file = std::path::absolute(&args.input.file).unwrap_or_else(|_| args.input.file.clone());
    let shown = args.input.file.clone();
    let checked = input::check(&shown, &template, input::say_finding(&shown)).await?;
    if !checked.may_be_sent(args.skip_bad) {
        if args.json.json {
            super::check::print_json(&shown, &template).await?;
        }
        return Err(checked.refuse(&shown, args.skip_bad));
    }

    let settings = if args.simulate { None } else { Some((Service::read(&args.service)?, app_id(&args.service)?)) };
    let scratch = match (&args.ledger.ledger, args.simulate) {
        (None, true) => Some(
            tempfile::tempdir()
                .map_err(|error| Failure::because(exit::LEDGER, "no temporary folder for the ledger", &error))?,
        ),
        _ => None,
    };
    let ledger_path = match &scratch {
        Some(folder) => folder.path().join("ledger.db"),
        None => ledgers::path(&args.ledger),
    };
    let ledger = ledgers::open(&ledger_path)?;
    let stage = match settings {
        Some((service, app_id)) => {
            let receiver = match args.run.listen {
                Some(address) => Some(Receiver::start(address, secret()?, ledger.clone()).await?),
                None => None,
            };
            Stage { service, app_id, receiver, simulator: None }
        }
        None => practise(&ledger).await?,
    };
    let client = stage.service.connect().await?;
    if !args.again {
        refuse_twice(&ledger, &ledger_path, &checked, &message.fingerprint).await?;
    }
    let key = fresh_key();
    let name = args.campaign.clone().unwrap_or_else(|| short_id(&key));
    let message_path = match &message.path {
        Some(path) => path.clone(),
        None => input::keep_text(&ledger_path, &key, &message)?,
    };
    let settings = Settings {
        app_id: stage.app_id.to_string(),
        project_id: stage.service.project_id.clone(),
        base_url: stage.service.base_url.clone(),
        skip_bad: args.skip_bad,
    };
    let mut new = NewCampaign::new(name, key, checked.0.rows, Timestamp::now());
    new.input = text_of(&file)?;
    new.input_fingerprint = checked.0.fingerprint.to_string();
    new.message = text_of(&message_path)?;
    new.message_fingerprint = message.fingerprint.clone();
    new.skipped = checked.skipped();
    new.batch_size = u32::from(args.batch_size);
    new.settings = serde_json::to_string(&settings).unwrap_or_default();
    if checked.skipped() > 0 {
        let path = args.skipped.clone().unwrap_or_else(|| input::skipped_path(&shown));
        input::write_skipped(&shown, &template, &checked, &path).await?;
        say!("{} rows are skipped; mend them in {} and send that file", checked.skipped(), path.display());
        if checked.0.repeats > 0 {
            let repeats = match checked.0.repeats {
                1 => "1 of them repeats a recipient".to_owned(),
                n => format!("{n} of them repeat recipients"),
            };
            say!("{repeats} of an earlier row: delete it there or name somebody else, or they get the message twice");
        }
    }
    let campaign = ledger.create(new).await.map_err(|error| ledgers::failed(&ledger_path, &error))?;
    let _lock = CampaignLock::take(&ledger_path, &campaign)?;
    announce(&campaign, args.json.json)?;

    let rows = input::good_rows(&file, &template, &checked)?;
    let run = Run {
        ledger_path,
        keeps: scratch.is_none(),
        ledger,
        campaign,
        client,
        app_id: stage.app_id.clone(),
        message: message.message,
        rows,
        hears: stage.receiver.is_some(),
        json: args.json.json,
    };
    let result = run.execute(&args.run).await;
    if let Some(simulator) = stage.simulator {
        simulator.shutdown().await;
    }
    result
}

/// Where the campaign is played.
struct Stage {
    service: Service,
    app_id: AppId,
    receiver: Option<Receiver>,
    simulator: Option<sinch_batch::simulator::Simulator>,
}

/// The simulator and a receiver on loopback, with credentials and a secret made up for this run.
async fn practise(ledger: &std::sync::Arc<SqliteLedger>) -> Result<Stage, Failure> {
    let secret = uuid::Uuid::new_v4().to_string();
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let receiver = Receiver::start(loopback, WebhookSecret::new(secret.clone()), ledger.clone()).await?;
    let config = SimulatorConfig::default()
        .with_callback_url(receiver.url())
        .with_webhook_secret(WebhookSecret::new(secret))
        .with_seed(1);
    let simulator = super::simulate::start(config).await?;
    let service = Service {
        base_url: simulator.api_url(),
        auth_url: simulator.auth_url(),
        project_id: "practice-project".to_owned(),
        key_id: "practice-key".to_owned(),
        key_secret: uuid::Uuid::new_v4().to_string(),
        timeout: Duration::from_secs(30),
    };
    // A made-up app in the form of a ULID, which is all that the service can check of it.
    let app_id = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
    Ok(Stage { service, app_id, receiver: Some(receiver), simulator: Some(simulator) })
}

/// Sending the same file with the same message while an earlier campaign with both is unfinished is
/// nearly always a slip for `resume`.
async fn refuse_twice(ledger: &SqliteLedger, path: &Path, checked: &Checked, message: &str) -> Result<(), Failure> {
    let failed = |error| ledgers::failed(path, &error);
    let fingerprint = checked.0.fingerprint.to_string();
    for campaign in ledger.campaigns().await.map_err(failed)? {
        if campaign.input_fingerprint != fingerprint || campaign.message_fingerprint != message {
            continue;
        }
        let standing = ledger.status(campaign.id).await.map_err(failed)?;
        if standing.planned + standing.unknown > 0 {
            let name = &campaign.name;
            return Err(Failure::new(
                exit::NOT_FINISHED,
                format!("campaign {name} has the same recipients and message, and did not finish; nothing was sent"),
            )
            .hint(format!(
                "go on with it: sinch-batch resume {name} --ledger {}; or send to everyone again: --again",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The name comes first, so that whoever kills us knows what to resume.
fn announce(campaign: &Campaign, json: bool) -> Result<(), Failure> {
    if json {
        say!("campaign {}", campaign.name);
        return Ok(());
    }
    out(format!("campaign {}\n", campaign.name).as_bytes()).map_err(output)
}

/// A short name for people: the day is in the ledger, the rest of the key too.
fn short_id(key: &str) -> String {
    format!("c{}", &key[key.len().saturating_sub(10)..])
}

fn text_of(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(exit::USAGE, format!("the path {} is not UTF-8, and the ledger could not keep it", path.display()))
            .hint("rename the file")
    })
}
