//! A whole campaign: a file is checked, sent in batches, heard about, and accounted for by row.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
use sinch_batch::campaign::plan::Plan;
use sinch_batch::campaign::{Runner, Watch, fresh_key};
use sinch_batch::client::Client;
use sinch_batch::ledger::{Ledger, MemoryLedger, NewCampaign, ReceivedCallback};
use sinch_batch::models::{Template, Timestamp};
use sinch_batch::recipients::{Format, Rows, Source, preflight};
use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use sinch_batch::{AppId, Message, ProjectId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let message = Message::text("Hello ${name}");
    let template = Template::new(message.clone());
    let file = "SMS,name\n+15550100001,Ines\n+15550100002,Tomasz\n+15550100003,Oona\n";

    // Check the whole file before anything is sent.
    let source = Source::new(file.as_bytes(), Format::Csv, &template)?;
    let checked = preflight(source, |finding| println!("{finding}"))?;
    assert!(checked.is_ok());

    // A receiver that writes what it hears into the ledger, and a service to practise with.
    let ledger = Arc::new(MemoryLedger::new());
    let secret = || WebhookSecret::new("the secret of the webhook");
    let hears = ledger.clone();
    let hooks = router(Verifier::new(secret())?, move |callback| {
        let ledger = hears.clone();
        async move { ledger.apply_callback(ReceivedCallback::of(&callback, Timestamp::now())).await.map(drop) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, hooks).await });
    let config = SimulatorConfig::default().with_callback_url(url).with_webhook_secret(secret());
    let simulator = Simulator::start(config).await?;

    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())?;
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()?;

    // Plan, send, wait for receipts.
    let mut campaign = NewCampaign::new("autumn", fresh_key(), checked.rows, Timestamp::now());
    campaign.input_fingerprint = checked.fingerprint.to_string();
    let campaign = ledger.create(campaign).await?;
    let rows = Rows::new(Source::new(file.as_bytes(), Format::Csv, &template)?, checked.skip);
    let open = ledger.open_batches(campaign.id).await?;
    let plan = Plan::new(rows, &campaign, open, ledger.frontier(campaign.id).await?);
    let app = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
    let runner = Runner::new(ledger.clone(), Arc::new(client), campaign.clone(), app, message);
    let ended = runner.send(plan, std::future::pending(), |_| {}).await?;
    assert!(ended.is_complete());
    let watch = runner.wait_for_receipts(Duration::from_secs(60), std::future::pending(), |_| {}).await?;
    assert_eq!(watch, Watch::Settled);

    let standing = ledger.status(campaign.id).await?;
    println!("{} rows, {} accepted: {:?}", standing.rows, standing.accepted, standing.messages);
    simulator.shutdown().await;
    Ok(())
}
