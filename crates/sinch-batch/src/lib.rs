//! Send a message to everyone in a file through Sinch's Conversation Batch API, never twice, and know
//! who got it.
//!
//! This crate is the one door to the others: it re-exports each by feature and holds no code of its
//! own. Data comes in as rows of a file and goes out as a report by row.
//!
//! # A whole campaign
//!
#![cfg_attr(all(feature = "full", feature = "simulator"), doc = "```")]
#![cfg_attr(not(all(feature = "full", feature = "simulator")), doc = "```ignore")]
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use sinch_batch::auth::{ClientCredentials, KeyId, KeySecret, TokenCache};
//! use sinch_batch::campaign::{Campaign, CampaignRequest, Receipts};
//! use sinch_batch::client::Client;
//! use sinch_batch::ledger::{LedgerExt, MemoryLedger};
//! use sinch_batch::recipients::RecipientFile;
//! use sinch_batch::simulator::{Simulator, SimulatorConfig};
//! use sinch_batch::webhook::{Verifier, WebhookSecret, router};
//! use sinch_batch::{AppId, BatchRecipient, Channel, Message, ProjectId, Recipient};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // A receiver that applies callbacks to the ledger, and a service to try it with.
//!     let ledger = Arc::new(MemoryLedger::new());
//!     let secret = || WebhookSecret::new("the secret of the webhook");
//!     let hooks = router(Verifier::new(secret())?, ledger.sink());
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//!     let url = format!("http://{}/", listener.local_addr()?);
//!     tokio::spawn(async move { axum::serve(listener, hooks).await });
//!     let config = SimulatorConfig::default().with_callback_url(url).with_webhook_secret(secret());
//!     let simulator = Simulator::start(config).await?;
//!     let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
//!         .with_token_url(&simulator.auth_url())?;
//!     let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
//!         .with_base_url(&simulator.api_url())
//!         .build()?;
//!
//!     // Check everything, begin, send, wait for receipts. A file is opened with `RecipientFile::open`.
//!     let people = [("+15550100001", "Ines"), ("+15550100002", "Tomasz"), ("+15550100003", "Oona")];
//!     let recipients = RecipientFile::spool(people.map(|(number, name)| {
//!         BatchRecipient::new(Recipient::identity(Channel::Sms, number)).with_parameter("name", name)
//!     }))?;
//!     let request = CampaignRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"));
//!     let checked = request.check(recipients, |finding| println!("{finding}"))?;
//!     let campaign = Campaign::begin(ledger, "autumn", client, checked).await?;
//!     let outcome = campaign.send(std::future::pending(), |_| {}).await?;
//!     assert!(outcome.is_complete());
//!     let receipts = campaign.receipts(Duration::from_secs(60), std::future::pending(), |_| {}).await?;
//!     assert_eq!(receipts, Receipts::Settled);
//!
//!     let status = campaign.status().await?;
//!     println!("{} rows, {} accepted: {:?}", status.rows, status.accepted, status.messages);
//!     simulator.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! Each module is a crate of its own, called `sinch-batch-` and the module's name; each feature is
//! called as its module.
//!
//! | Feature | Module | What it is for |
//! | --- | --- | --- |
//! | always | [`models`] | The words on the wire: requests, answers, callbacks |
//! | `recipients` | `recipients` | Read a file of recipients, find its mistakes, cut it into batches |
//! | `auth` | `auth` | A bearer token that is always fresh |
//! | `client` (default) | `client` | Call the service; brings `auth` |
//! | `tower` | in `client` | Send through any tower service |
//! | `metrics` | in `client` | Count calls, requests and repeats for the `metrics` facade |
//! | `webhook` | `webhook` | Receive signed callbacks with axum |
//! | `journal` | in `webhook` | Keep raw callbacks in files, to look at or to play again; brings `webhook` |
//! | `tracking` | `tracking` | Know where each batch and message stands |
//! | `ledger` | `ledger` | Remember intent, outcome and callback; brings `tracking` |
//! | `sqlite` | in `ledger` | Keep the ledger in a SQLite file |
//! | `campaign` | `campaign` | Run whole campaigns; brings `client`, `ledger` and `recipients` |
//! | `pages` | `pages` | Show a campaign in a browser: HTML, and the guard of a page |
//! | `simulator` | `simulator` | Practise against a local service; brings `webhook` |
//! | `full` | | All but the simulator and the journal |
//!
//! There is no prelude: the few names people type are at the root, all others in their modules.

// In the order a newcomer should read them: the way of the data.
#[cfg(feature = "recipients")]
#[doc(inline)]
pub use sinch_batch_recipients as recipients;

#[doc(inline)]
pub use sinch_batch_models as models;

#[cfg(feature = "auth")]
#[doc(inline)]
pub use sinch_batch_auth as auth;

#[cfg(feature = "client")]
#[doc(inline)]
pub use sinch_batch_client as client;

#[cfg(feature = "webhook")]
#[doc(inline)]
pub use sinch_batch_webhook as webhook;

#[cfg(feature = "tracking")]
#[doc(inline)]
pub use sinch_batch_tracking as tracking;

#[cfg(feature = "ledger")]
#[doc(inline)]
pub use sinch_batch_ledger as ledger;

#[cfg(feature = "campaign")]
#[doc(inline)]
pub use sinch_batch_campaign as campaign;

#[cfg(feature = "pages")]
#[doc(inline)]
pub use sinch_batch_pages as pages;

#[cfg(feature = "simulator")]
#[doc(inline)]
pub use sinch_batch_simulator as simulator;

#[doc(inline)]
pub use sinch_batch_models::{
    AppId, BatchId, BatchRecipient, Callback, CallbackKind, Channel, Message, ProjectId, Recipient, Recipients,
    SendBatchRequest,
};
