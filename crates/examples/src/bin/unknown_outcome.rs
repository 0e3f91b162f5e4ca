//! A send whose outcome is unknown: it is looked up before anything is sent again.
//!
//! The service has no idempotency key. What it has is batch metadata, which a look-up finds: so each batch carries a
//! key of its own, written down before the send. A campaign does all of this by itself.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use sinch_batch::client::{Error, Found};
use sinch_batch::simulator::{Fault, FaultKind, SimulatedOperation, SimulatorConfig};
use sinch_batch::{
    AppId, BatchId, BatchRecipient, Channel, Client, ClientCredentials, KeyId, KeySecret, Message, ProjectId, Reached,
    Recipient, Recipients, SendBatchRequest, Simulator, TokenCache,
};

/// What a program of its own does next.
enum Next {
    Done(BatchId),
    SendAgain(&'static str),
    AskAgainLater(String),
}

async fn send(client: &Client, request: &SendBatchRequest, order: &str) -> Result<Next, Error> {
    let error = match client.send_batch(request).await {
        Ok(sent) => return Ok(Next::Done(sent.body.batch_id)),
        Err(error) => error,
    };
    println!("{order}: {error}");
    match error.reached_service() {
        // Nobody has got anything.
        Reached::No if error.is_transient() => Ok(Next::SendAgain("after a pause")),
        Reached::No => Err(error),
        // Somebody may have.
        Reached::Unknown => Ok(match client.look_up("order", order).await?.body {
            Found::Batches(mut ids) => Next::Done(ids.swap_remove(0)),
            Found::None => Next::SendAgain("if the send was long enough ago: a new batch is not found at once"),
            Found::Unclear { shape } => Next::AskAgainLater(shape.to_string()),
        }),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The first batch is accepted and its response is lost; the second is dropped unread.
    let lost = Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop);
    let dropped = Fault::new(SimulatedOperation::SendBatch, FaultKind::Drop);
    let simulator = Simulator::start(SimulatorConfig::default().with_fault(lost).with_fault(dropped)).await?;
    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())?;
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()?;

    for order in ["order-4711", "order-4712"] {
        let ines = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001"));
        let app = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
        let request = SendBatchRequest::new(app, Message::text("It is here"), Recipients::try_from(vec![ines])?)
            .with_batch_metadata("order", order);
        match send(&client, &request, order).await? {
            Next::Done(batch) => println!("{order}: accepted as {batch}"),
            Next::SendAgain(when) => println!("{order}: not accepted; send it again {when}"),
            Next::AskAgainLater(shape) => println!("{order}: unclear; ask again later ({shape})"),
        }
    }
    println!("{} message at the service", simulator.messages().len());
    simulator.shutdown().await;
    Ok(())
}
