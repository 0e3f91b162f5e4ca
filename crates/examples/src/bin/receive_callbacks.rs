//! Receives signed callbacks in an axum app, and says what each one is about.
//!
//! The simulator plays the service: it sends to two people and calls back.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use axum::Router;
use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
use sinch_batch::client::Client;
use sinch_batch::simulator::{Simulator, SimulatorConfig};
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use sinch_batch::{
    AppId, BatchRecipient, Callback, CallbackKind, Channel, Message, ProjectId, Recipient, Recipients, SendBatchRequest,
};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The receiver: an answer of 2xx only once the callback is safe, here in a channel.
    let (sender, mut callbacks) = mpsc::channel::<Callback>(100);
    let verifier = Verifier::new(WebhookSecret::new("the secret of the webhook"))?;
    let hooks = router(verifier, move |callback| {
        let sender = sender.clone();
        async move { sender.send(callback).await }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/sinch", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().nest("/sinch", hooks)).await });

    // Something to hear about.
    let config = SimulatorConfig::default()
        .with_callback_url(url)
        .with_webhook_secret(WebhookSecret::new("the secret of the webhook"));
    let simulator = Simulator::start(config).await?;
    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())?;
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()?;
    let person = |number| BatchRecipient::new(Recipient::identity(Channel::Sms, number));
    let recipients = Recipients::try_from(vec![person("+15550100001"), person("+15550100002")])?;
    let app = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
    client.send_batch(&SendBatchRequest::new(app, Message::text("Hello"), recipients)).await?;

    // Two messages, each queued and then settled.
    let mut reports = 0;
    while reports < 4 {
        match callbacks.recv().await.ok_or("the receiver ended")?.kind {
            CallbackKind::MessageDelivery(report) => {
                reports += 1;
                println!("a message is {}", report.status.ok_or("no status")?);
            }
            CallbackKind::BatchStatusUpdate(update) => {
                println!("a batch is {}", update.batch_status.ok_or("no status")?.as_str());
            }
            _ => println!("something else, which is answered all the same"),
        }
    }
    simulator.shutdown().await;
    Ok(())
}
