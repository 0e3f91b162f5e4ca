//! Plan, send, reconcile and resume a campaign.
//!
//! Rows come from `recipients` as batches; each batch's intent is in the ledger before its call and
//! its outcome after it; receipts reach the ledger by way of a webhook, and tell when all is done.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! use sinch_batch_campaign::plan::Plan;
//! use sinch_batch_campaign::sender::BoxFuture;
//! use sinch_batch_campaign::{LookUpFailure, Runner, SendFailure, Sender, fresh_key};
//! use sinch_batch_ledger::{Ledger, MemoryLedger, NewCampaign};
//! use sinch_batch_models::{AppId, BatchId, Message, SendBatchRequest, Template, Timestamp};
//! use sinch_batch_recipients::{Format, Rows, SkipSet, Source};
//! use sinch_batch_tracking::BatchKey;
//!
//! /// Takes everything; `sinch_batch_client::Client` is the real one.
//! struct Taker(AtomicUsize);
//!
//! impl Sender for Taker {
//!     fn send<'a>(&'a self, request: &'a SendBatchRequest) -> BoxFuture<'a, Result<BatchId, SendFailure>> {
//!         let taken = self.0.fetch_add(request.recipients.len(), Ordering::Relaxed);
//!         Box::pin(async move { Ok(BatchId::new(format!("batch-{taken}"))) })
//!     }
//!     fn look_up<'a>(&'a self, _: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
//!         Box::pin(async { Ok(Vec::new()) })
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let message = Message::text("Hello ${name}");
//!     let file = "SMS,name\n+15550100001,Ines\n+15550100002,Tomasz\n+15550100003,Oona\n";
//!
//!     let ledger = Arc::new(MemoryLedger::new());
//!     let mut campaign = NewCampaign::new("autumn", fresh_key(), 3, Timestamp::now());
//!     campaign.batch_size = 2;
//!     let campaign = ledger.create(campaign).await?;
//!
//!     let source = Source::new(file.as_bytes(), Format::Csv, &Template::new(message.clone()))?;
//!     let open = ledger.open_batches(campaign.id).await?;
//!     let frontier = ledger.frontier(campaign.id).await?;
//!     let plan = Plan::new(Rows::new(source, SkipSet::none()), &campaign, open, frontier);
//!
//!     let app = AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1");
//!     let taker = Arc::new(Taker(AtomicUsize::new(0)));
//!     let runner = Runner::new(ledger.clone(), taker.clone(), campaign.clone(), app, message);
//!     let ended = runner.send(plan, std::future::pending(), |_| {}).await?;
//!
//!     assert!(ended.is_complete());
//!     assert_eq!(taker.0.load(Ordering::Relaxed), 3);
//!     assert_eq!(ledger.status(campaign.id).await?.batches.accepted, 2);
//!     Ok(())
//! }
//! ```
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`step`] | what a campaign does next: a pure function |
//! | [`watch`] | when to stop waiting for receipts: pure too |
//! | [`sender`] | the one door to the service, and failures told by what may have happened |
//! | [`plan`] | the rows of a file as batches, at first and on a resume |
//! | [`runner`] | the loop that obeys |
//! | [`report`] | what became of it, as JSON |
//! | [`key`] | what names a campaign to the service |
//!
//! This crate knows no web framework, no terminal and no file format, and starts no receiver.

pub mod step;
pub mod watch;

pub mod sender;

pub mod plan;
pub mod runner;

pub mod report;

pub mod key;

mod error;

pub use error::CampaignError;
pub use key::fresh_key;
pub use plan::{BatchSource, PlannedBatch};
pub use runner::Runner;
pub use sender::{LookUpFailure, Refusal, SendFailure, Sender};
pub use step::{Ended, Limits, Stop};
pub use watch::{Watch, Watcher};
