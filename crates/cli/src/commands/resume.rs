//! `resume`: go on with a campaign, never twice.

use std::path::Path;

use sinch_batch::ledger::{Campaign, Ledger};
use sinch_batch::models::{AppId, Template};

use crate::args::ResumeArgs;
use crate::fail::Failure;
use crate::ledgers::{self, CampaignLock};
use crate::receiver::{Receiver, secret};
use crate::run::{Run, Settings};
use crate::service::Service;
use crate::{exit, input};

pub(crate) async fn run(args: ResumeArgs) -> Result<u8, Failure> {
    let ledger_path = ledgers::path(&args.ledger);
    let ledger = ledgers::open_existing(&ledger_path)?;
    let campaign = ledgers::find(&*ledger, &ledger_path, Some(&args.campaign)).await?;
    let _lock = CampaignLock::take(&ledger_path, &campaign)?;
    let settings: Settings = serde_json::from_str(&campaign.settings).map_err(|error| {
        Failure::because(exit::LEDGER, format!("the settings of campaign {} cannot be read", campaign.name), &error)
            .hint("was the campaign sent by another program?")
    })?;

    let message = input::message_file(Path::new(&campaign.message))?;
    if message.fingerprint != campaign.message_fingerprint {
        return Err(changed("message", &campaign.message, &campaign));
    }
    let template = Template::new(message.message.clone());
    let file = Path::new(&campaign.input);
    let checked = input::check(file, &template, |_| {}).await?;
    if checked.0.fingerprint.to_string() != campaign.input_fingerprint {
        return Err(changed("file of recipients", &campaign.input, &campaign));
    }
    if !checked.may_be_sent(settings.skip_bad) {
        return Err(checked.refuse(file, settings.skip_bad));
    }

    let service = Service::read(&args.service)?;
    let standing = ledger.status(campaign.id).await.map_err(|error| ledgers::failed(&ledger_path, &error))?;
    if standing.batches.total() > 0 {
        same("project", "SINCH_PROJECT_ID", &settings.project_id, &service.project_id)?;
        same("service", "--base-url or SINCH_REGION", &settings.base_url, &service.base_url)?;
    }
    let app_id = match &args.service.app {
        Some(app) if !app.trim().is_empty() => {
            if standing.batches.total() > 0 {
                same("app", "SINCH_APP_ID", &settings.app_id, app.trim())?;
            }
            AppId::new(app.trim())
        }
        _ => AppId::new(settings.app_id.as_str()),
    };
    let receiver = match args.run.listen {
        Some(address) => Some(Receiver::start(address, secret()?, ledger.clone()).await?),
        None => None,
    };
    let client = service.connect().await?;
    let rows = input::good_rows(file, &template, &checked)?;
    let run = Run {
        ledger_path,
        keeps: true,
        ledger,
        campaign,
        client,
        app_id,
        message: message.message,
        rows,
        hears: receiver.is_some(),
        json: args.json.json,
    };
    run.execute(&args.run).await
}

fn changed(what: &str, path: &str, campaign: &Campaign) -> Failure {
    Failure::new(
        exit::BAD_INPUT,
        format!("the {what} {path} has changed since campaign {} began; nothing was sent", campaign.name),
    )
    .hint("put it back as it was; or send the new one as a campaign of its own")
}

/// A batch of unknown outcome is looked up where it was sent: elsewhere it would seem absent, and be
/// sent again.
fn same(what: &str, flag: &str, before: &str, now: &str) -> Result<(), Failure> {
    if before.trim_end_matches('/') == now.trim_end_matches('/') {
        return Ok(());
    }
    Err(Failure::new(
        exit::USAGE,
        format!("the campaign was begun with {what} {before}, and this is {now}; nothing was sent"),
    )
    .hint(format!("set {flag} as before")))
}
