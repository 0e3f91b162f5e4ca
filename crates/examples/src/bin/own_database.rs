//! Callbacks into a database of one's own, here SQLite: what a service with its own queue and tables does.
//!
//! A receipt comes more than once, and in any order. So its state is folded, in one transaction with what it changes.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use serde::Deserialize;
use sinch_batch::jiff::Timestamp;
use sinch_batch::tracking::MessageState;
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use sinch_batch::{Callback, CallbackKind};

const SCHEMA: &str = "CREATE TABLE message (order_id TEXT PRIMARY KEY, state TEXT NOT NULL)";

/// What the message was sent with: `BatchRecipient::with_message_metadata("order", …)`.
#[derive(Deserialize)]
struct Sent {
    order: String,
}

fn fold(transaction: &Transaction<'_>, order: &str, seen: &MessageState) -> Result<(), Box<dyn Error + Send + Sync>> {
    let known = "SELECT state FROM message WHERE order_id = ?1";
    let known: Option<String> = transaction.query_row(known, [order], |row| row.get(0)).optional()?;
    let mut state: MessageState = known.map_or(Ok(MessageState::default()), |state| serde_json::from_str(&state))?;
    if state.observe(seen) {
        let sql = "INSERT OR REPLACE INTO message VALUES (?1, ?2)";
        transaction.execute(sql, [order, &serde_json::to_string(&state)?])?;
        println!("{order} is {:?}", state.progress);
    } else {
        println!("{order}: nothing new");
    }
    Ok(())
}

/// Returns when it is committed: only then the callback is answered 200. An error is answered 503, and it comes again.
async fn apply(database: Arc<PathBuf>, callback: Callback) -> Result<(), Box<dyn Error + Send + Sync>> {
    let CallbackKind::MessageDelivery(report) = &callback.kind else { return Ok(()) };
    // Messages of somebody else have other metadata.
    let Some(Sent { order }) = callback.message_metadata.as_ref().and_then(|text| text.read()) else { return Ok(()) };
    let seen = MessageState::from_report(report);
    tokio::task::spawn_blocking(move || {
        let mut connection = Connection::open(&*database)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        fold(&transaction, &order, &seen)?;
        Ok(transaction.commit()?)
    })
    .await?
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let database = Arc::new(folder.path().join("shop.db"));
    Connection::open(&*database)?.execute_batch(SCHEMA)?;
    let secret = WebhookSecret::new("the secret of the webhook");
    let sink = Arc::clone(&database);
    let callbacks = router(Verifier::new(secret.clone())?, move |callback| apply(Arc::clone(&sink), callback));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, callbacks).await });
    // Out of order, and one twice.
    for (nonce, status) in ["QUEUED_ON_CHANNEL", "READ", "DELIVERED", "READ"].iter().enumerate() {
        let metadata = r#""message_metadata": "{\"order\": \"order-4711\"}""#;
        let body = format!(r#"{{"message_delivery_report": {{"status": "{status}"}}, {metadata}}}"#);
        let signature = secret.sign(body.as_bytes(), &nonce.to_string(), Timestamp::now().as_second());
        let mut request = reqwest::Client::new().post(&url);
        for (name, value) in signature.headers() {
            request = request.header(name, value);
        }
        println!("{status}: {}", request.body(body).send().await?.status().as_u16());
    }
    let rows: i64 = Connection::open(&*database)?.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
    println!("{rows} row in the table");
    Ok(())
}
