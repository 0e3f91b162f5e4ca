//! Sends one batch of two recipients to the simulator, and asks how it stands.
//!
//! Against the real service, take the region instead of the simulator's URLs, and your own ids.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
use sinch_batch::client::Client;
use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::{AppId, BatchRecipient, Channel, Message, ProjectId, Recipient, Recipients, SendBatchRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::start(SimulatorConfig::default()).await?;

    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())?;
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()?;

    let person = |number: &str, name: &str| {
        BatchRecipient::new(Recipient::identity(Channel::Sms, number)).with_parameter("name", name)
    };
    let recipients = Recipients::try_from(vec![person("+15550100001", "Ines"), person("+15550100002", "Tomasz")])?;
    let request =
        SendBatchRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"), recipients);

    let sent = client.send_batch(&request).await?;
    println!("accepted as batch {}", sent.batch_id);
    let status = client.batch_status(&sent.batch_id).await?;
    println!("it is {}", status.body.status.ok_or("no status")?);

    simulator.shutdown().await;
    Ok(())
}
