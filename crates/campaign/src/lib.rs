#![doc = include_str!("../README.md")]
//!
//! [`CampaignRequest`] says what is sent, its [`check`](CampaignRequest::check) finds everything that is
//! wrong with the recipients and plans their batches, [`Campaign::begin`] writes both into the ledger unless
//! the same was sent before, and [`Campaign::send`] sends. After a crash, [`Campaign::resume`] continues.
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
//! | [`sender`] | [`BatchSender`], the seam to the service, and failures by what may have happened |
//! | [`report`] | what became of a campaign, as JSON |
//!
//! This crate knows no web framework, no terminal and no file format, and starts no receiver.
#![cfg_attr(docsrs, feature(doc_cfg))]

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

mod activity;
mod earlier;
mod error;
mod halt;
mod limits;
mod moment;
mod outstanding;
mod pace;
mod runner;
mod spread;
mod step;
mod time;

#[cfg(test)]
mod model;

pub use activity::Activity;
pub use campaign::Campaign;
pub use checked::CheckedCampaign;
pub use error::CampaignError;
pub use halt::{Canary, HaltRules};
pub use limits::SendLimits;
pub use outcome::{SendOutcome, StopReason};
pub use receipts::Receipts;
pub use request::{CampaignRequest, RequestError};
pub use retry::{RetryError, RetryOptions, RetryPlan};
pub use runner::CampaignProgress;
pub use sender::{BatchSender, BoxFuture, LookUpFailure, Refusal, SendFailure, SentBatch, Service};
