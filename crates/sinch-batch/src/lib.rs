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
//! use sinch_batch::campaign::plan::Plan;
//! use sinch_batch::campaign::{Runner, Watch, fresh_key};
//! use sinch_batch::client::Client;
//! use sinch_batch::ledger::{ReceivedCallback, Ledger, MemoryLedger, NewCampaign};
//! use sinch_batch::models::{Template, Timestamp};
//! use sinch_batch::recipients::{Format, Rows, Source, preflight};
//! use sinch_batch::simulator::{Simulator, SimulatorConfig};
//! use sinch_batch::webhook::{Verifier, WebhookSecret, router};
//! use sinch_batch::{AppId, Message, ProjectId};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let message = Message::text("Hello ${name}");
//!     let template = Template::new(message.clone());
//!     let file = "SMS,name\n+15550100001,Ines\n+15550100002,Tomasz\n+15550100003,Oona\n";
//!
//!     // Check the whole file before anything is sent.
//!     let source = Source::new(file.as_bytes(), Format::Csv, &template)?;
//!     let checked = preflight(source, |finding| println!("{finding}"))?;
//!     assert!(checked.is_ok());
//!
//!     // A receiver that writes what it hears into the ledger, and a service to practise with.
//!     let ledger = Arc::new(MemoryLedger::new());
//!     let secret = || WebhookSecret::new("the secret of the webhook");
//!     let hears = ledger.clone();
//!     let hooks = router(Verifier::new(secret())?, move |callback| {
//!         let ledger = hears.clone();
//!         async move { ledger.apply_callback(ReceivedCallback::of(&callback, Timestamp::now())).await.map(drop) }
//!     });
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//!     let url = format!("http://{}/", listener.local_addr()?);
//!     tokio::spawn(async move { axum::serve(listener, hooks).await });
//!     let config = SimulatorConfig::default().with_callback_url(url).with_webhook_secret(secret());
//!     let simulator = Simulator::start(config).await?;
//!
//!     let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
//!         .with_token_url(&simulator.auth_url())?;
//!     let client = Client::builder(ProjectId::new("a-project"), TokenCache::new(credentials))
//!         .with_base_url(&simulator.api_url())
//!         .build()?;
//!
//!     // Plan, send, wait for receipts.
//!     let mut campaign = NewCampaign::new("autumn", fresh_key(), checked.rows, Timestamp::now());
//!     campaign.input_fingerprint = checked.fingerprint.to_string();
//!     let campaign = ledger.create(campaign).await?;
//!     let rows = Rows::new(Source::new(file.as_bytes(), Format::Csv, &template)?, checked.skip);
//!     let open = ledger.open_batches(campaign.id).await?;
//!     let plan = Plan::new(rows, &campaign, open, ledger.frontier(campaign.id).await?);
//!     let app = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
//!     let runner = Runner::new(ledger.clone(), Arc::new(client), campaign.clone(), app, message);
//!     let ended = runner.send(plan, std::future::pending(), |_| {}).await?;
//!     assert!(ended.is_complete());
//!     let watch = runner.wait_for_receipts(Duration::from_secs(60), std::future::pending(), |_| {}).await?;
//!     assert_eq!(watch, Watch::Settled);
//!
//!     let standing = ledger.status(campaign.id).await?;
//!     println!("{} rows, {} accepted: {:?}", standing.rows, standing.accepted, standing.messages);
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

#[cfg(feature = "simulator")]
#[doc(inline)]
pub use sinch_batch_simulator as simulator;

#[doc(inline)]
pub use sinch_batch_models::{
    AppId, BatchId, BatchRecipient, Callback, CallbackKind, Channel, Message, ProjectId, Recipient, Recipients,
    SendBatchRequest,
};
