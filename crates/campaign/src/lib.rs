//! Send a campaign, never twice, and know who got it.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use std::time::Duration;
//!
//! use sinch_batch_campaign::{BatchSender, BoxFuture, Campaign, CampaignRequest, LookUpFailure, SendFailure, Service};
//! use sinch_batch_client::transport::SendUntil;
//! use sinch_batch_ledger::MemoryLedger;
//! use sinch_batch_models::{AppId, BatchId, Message, SendBatchRequest};
//! use sinch_batch_recipients::{Format, RecipientFile};
//! use sinch_batch_tracking::BatchKey;
//!
//! /// Accepts everything; `sinch_batch_client::Client` is the real one.
//! #[derive(Default)]
//! struct Acceptor(AtomicUsize);
//!
//! impl BatchSender for Acceptor {
//!     fn service(&self) -> Service {
//!         Service { project: "a-project".to_owned(), url: "https://example.com".to_owned() }
//!     }
//!     fn send<'a>(&'a self, request: &'a SendBatchRequest, _: SendUntil) -> BoxFuture<'a, Result<BatchId, SendFailure>> {
//!         let before = self.0.fetch_add(request.recipients.len(), Ordering::Relaxed);
//!         Box::pin(async move { Ok(BatchId::new(format!("batch-{before}"))) })
//!     }
//!     fn look_up<'a>(&'a self, _: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
//!         Box::pin(async { Ok(Vec::new()) })
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     # let folder = tempfile::tempdir()?;
//!     # let path = folder.path().join("customers.csv");
//!     # std::fs::write(&path, "SMS,name\n+15550100001,Ines\n+15550100002,Tomasz\n+15550100003,Oona\n")?;
//!     let ledger = Arc::new(MemoryLedger::new());
//!     let acceptor = Arc::new(Acceptor::default());
//!     let request = CampaignRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"));
//!
//!     let file = RecipientFile::open_as(&path, Format::Csv)?;
//!     let checked = request.check(file, |finding| eprintln!("{finding}"))?;
//!     let campaign = Campaign::begin(ledger, "autumn", acceptor.clone(), checked).await?;
//!     let outcome = campaign.send(std::future::pending(), |_| {}).await?;
//!
//!     assert!(outcome.is_complete());
//!     assert_eq!(acceptor.0.load(Ordering::Relaxed), 3);
//!     // Receipts reach the ledger by way of a webhook; here there is none.
//!     let receipts = campaign.receipts(Duration::ZERO, std::future::pending(), |_| {}).await?;
//!     assert_eq!((receipts, campaign.status().await?.awaiting()), (sinch_batch_campaign::Receipts::TimedOut, 3));
//!     Ok(())
//! }
//! ```
//!
//! [`CampaignRequest`] says what is sent, its [`check`](CampaignRequest::check) finds everything that is
//! wrong with the recipients and plans their batches, [`Campaign::begin`] writes both into the ledger unless
//! the same was sent before, and [`Campaign::send`] sends. After a crash [`Campaign::resume`] goes on.
//!
//! All guards are in here and in the ledger: batches leave only under a lease and after their intent is
//! durable; what left with an unknown outcome is looked up, and sent again only when it is proved absent;
//! bytes that were checked are the bytes that leave.
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`campaign`] | [`Campaign`], the one door |
//! | [`request`], [`checked`] | what is sent, and to whom |
//! | [`outcome`], [`receipts`] | how sending and waiting ended |
//! | [`sender`] | [`BatchSender`], the seam to the service, and failures told by what may have happened |
//! | [`report`] | what became of a campaign, as JSON |
//!
//! This crate knows no web framework, no terminal and no file format, and starts no receiver.

pub mod campaign;

pub mod checked;
pub mod request;

pub mod outcome;
pub mod receipts;

pub mod sender;

pub mod recall;
pub mod report;
pub mod retry;
pub mod rows;

mod error;
mod moment;
mod runner;
mod step;
mod time;

#[cfg(test)]
mod model;

pub use campaign::Campaign;
pub use checked::CheckedCampaign;
pub use error::CampaignError;
pub use outcome::{SendOutcome, StopReason};
pub use receipts::Receipts;
pub use request::{CampaignRequest, RequestError};
pub use retry::{RetryError, RetryOptions, RetryPlan};
pub use runner::CampaignProgress;
pub use sender::{BatchSender, BoxFuture, LookUpFailure, Refusal, SendFailure, Service};
pub use step::SendLimits;
