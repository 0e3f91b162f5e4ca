//! A campaign to the rows of a table instead of a file, which dies midway and goes on.
//!
//! The rows are read by pages, in the order of a key, so that memory does not grow with them. Two more ways:
//! `RecipientFile::spool` and `try_spool` copy an iterator that runs once, such as the rows of a statement, into a
//! temporary file; `Spool` does so for an async stream.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, Row};
use sinch_batch::campaign::CampaignRequest;
use sinch_batch::ledger::MemoryLedger;
use sinch_batch::recipients::Repeatable;
use sinch_batch::simulator::SimulatorConfig;
use sinch_batch::{
    AppId, BatchRecipient, Campaign, Channel, Client, ClientCredentials, KeyId, KeySecret, Message, ProjectId,
    Recipient, Simulator, TokenCache,
};

const PAGE: &str = "SELECT id, phone, name FROM person WHERE id > ?1 ORDER BY id LIMIT 500";

/// A row of the table. Its id may be anything: it comes back in the metadata of each receipt.
fn person(row: &Row<'_>) -> rusqlite::Result<(i64, BatchRecipient)> {
    let id: i64 = row.get(0)?;
    let recipient = Recipient::identity(Channel::Sms, row.get::<_, String>(1)?);
    let person = BatchRecipient::new(recipient).with_parameter("name", row.get::<_, String>(2)?);
    Ok((id, person.with_message_metadata("person", id.to_string())))
}

fn page(database: &Path, after: i64) -> rusqlite::Result<Vec<(i64, BatchRecipient)>> {
    Connection::open(database)?.prepare(PAGE)?.query_map([after], person)?.collect()
}

/// The table as recipients, from its start each time. In production the rows are those of a snapshot: those that
/// change between check and send are noticed, and nothing of them is sent.
fn people(database: PathBuf) -> Repeatable {
    Repeatable::pages(move |after| page(&database, after.copied().unwrap_or(i64::MIN)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("shop.db");
    Connection::open(&database)?.execute_batch(
        "CREATE TABLE person (id INTEGER PRIMARY KEY, phone TEXT, name TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO person SELECT i * 3, '+1555' || (1000000 + i), 'Person ' || i FROM n;",
    )?;
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&simulator.auth_url())?;
    let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
        .with_base_url(&simulator.api_url())
        .build()?;

    let ledger = Arc::new(MemoryLedger::new());
    let request = CampaignRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"));
    let checked = request.check(people(database.clone()), |finding| println!("{finding}"))?;
    drop(Campaign::begin(ledger.clone(), "autumn", client.clone(), checked).await?);

    // Later, perhaps in another process: the same rows are read again, and compared with the plan.
    let campaign = Campaign::resume(ledger, "autumn", client, people(database)).await?;
    campaign.send(std::future::pending(), |_| {}).await?;
    let status = campaign.status().await?;
    println!("{} rows, {} accepted in {} batches", status.rows, status.accepted, simulator.stats().batches);
    let receipt = simulator.messages().into_iter().find(|message| message.identity == "+15551002500");
    println!("the last one is for person {}", receipt.ok_or("no message")?.metadata["person"]);
    simulator.shutdown().await;
    Ok(())
}
