//! A whole campaign: recipients are checked, sent in batches, and accounted for by row.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
use sinch_batch::campaign::{Campaign, CampaignRequest, Receipts};
use sinch_batch::client::Client;
use sinch_batch::ledger::{LedgerExt, MemoryLedger};
use sinch_batch::recipients::RecipientFile;
use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use sinch_batch::{AppId, BatchRecipient, Channel, Message, ProjectId, Recipient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A receiver that applies callbacks to the ledger, and a service to try it with.
    let ledger = Arc::new(MemoryLedger::new());
    let secret = || WebhookSecret::new("the secret of the webhook");
    let hooks = router(Verifier::new(secret())?, ledger.sink());
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

    // Check everything, begin, send, wait for receipts. A file is opened with `RecipientFile::open`.
    let people = [("+15550100001", "Ines"), ("+15550100002", "Tomasz"), ("+15550100003", "Oona")];
    let recipients = RecipientFile::spool(people.map(|(number, name)| {
        BatchRecipient::new(Recipient::identity(Channel::Sms, number)).with_parameter("name", name)
    }))?;
    let request = CampaignRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"));
    let checked = request.check(recipients, |finding| println!("{finding}"))?;
    let campaign = Campaign::begin(ledger, "autumn", client, checked).await?;
    let outcome = campaign.send(std::future::pending(), |_| {}).await?;
    assert!(outcome.is_complete());
    let receipts = campaign.receipts(Duration::from_secs(60), std::future::pending(), |_| {}).await?;
    assert_eq!(receipts, Receipts::Settled);

    let status = campaign.status().await?;
    println!("{} rows, {} accepted: {:?}", status.rows, status.accepted, status.messages);
    simulator.shutdown().await;
    Ok(())
}
