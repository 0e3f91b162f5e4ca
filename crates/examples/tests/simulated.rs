//! Tests of a program against the simulator, in the test's own process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sinch_batch::client::RetryPolicy;
use sinch_batch::simulator::{Fault, FaultKind, MessageOutcome, SimulatedOperation, SimulatorConfig};
use sinch_batch::webhook::{WebhookSecret, router};
use sinch_batch::{
    AppId, BatchRecipient, CallbackKind, Channel, Client, ClientCredentials, KeyId, KeySecret, Message, ProjectId,
    Reached, Recipient, Recipients, SendBatchRequest, Simulator, TokenCache, Verifier,
};

fn client(simulator: &Simulator) -> Client {
    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())
        .unwrap();
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials));
    client.with_base_url(&simulator.api_url()).build().unwrap()
}

fn hello(numbers: &[&str]) -> SendBatchRequest {
    let person = |number: &&str| BatchRecipient::new(Recipient::identity(Channel::Sms, *number));
    let recipients = Recipients::try_from(numbers.iter().map(person).collect::<Vec<_>>()).unwrap();
    SendBatchRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello"), recipients)
}

#[tokio::test]
async fn lost_response_is_an_unknown_outcome() {
    let simulator = Simulator::start(SimulatorConfig::default()).await.unwrap();
    simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop));
    let error = client(&simulator).send_batch(&hello(&["+15550100001"])).await.unwrap_err();
    assert_eq!(error.reached_service(), Reached::Unknown);
    assert_eq!(simulator.messages().len(), 1);
}

#[tokio::test]
async fn refused_send_reaches_nobody() {
    let simulator = Simulator::start(SimulatorConfig::default()).await.unwrap();
    simulator.inject(Fault::new(SimulatedOperation::SendBatch, FaultKind::RateLimit));
    let client = client(&simulator).with_retry(RetryPolicy::none());
    let error = client.send_batch(&hello(&["+15550100001"])).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!((error.reached_service(), simulator.messages().len()), (Reached::No, 0));
}

#[tokio::test]
async fn due_batch_leaves_and_its_receipts_arrive() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let secret = || WebhookSecret::new("the secret of the webhook");
    let sink = Arc::clone(&received);
    let callbacks = router(Verifier::new(secret()).unwrap(), move |callback| {
        if let CallbackKind::MessageDelivery(report) = callback.kind {
            let status = report.status.map(|status| status.to_string()).unwrap_or_default();
            sink.lock().unwrap_or_else(PoisonError::into_inner).push(status);
        }
        std::future::ready(Ok::<_, std::convert::Infallible>(()))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, callbacks).await });
    let config = SimulatorConfig::default().with_callback_url(url).with_webhook_secret(secret());
    let simulator = Simulator::start(config).await.unwrap();
    simulator.set_outcome("+15550100001", MessageOutcome::Delivered);

    let in_an_hour = sinch_batch::jiff::Timestamp::now() + sinch_batch::jiff::SignedDuration::from_hours(1);
    client(&simulator).send_batch(&hello(&["+15550100001"]).with_send_after(in_an_hour)).await.unwrap();
    assert_eq!(received.lock().unwrap().len(), 0, "it is not due");
    simulator.advance(Duration::from_secs(4000));
    simulator.idle().await;
    assert_eq!(*received.lock().unwrap(), ["QUEUED_ON_CHANNEL", "DELIVERED"]);
}
