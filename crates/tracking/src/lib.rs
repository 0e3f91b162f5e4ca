#![doc = include_str!("../README.md")]
//!
//! Callbacks come late, twice and out of order. What is known about a message only grows, so order
//! and repetition cannot matter: [`MessageState::observe`] keeps the greater of two states.
//!
//! Reading order: [`key`] (our marks in the metadata), [`observation`] (what a callback says about
//! which message), [`message`] and [`batch`] (the folds), [`tally`] (the sums), [`scrub`](mod@scrub)
//! (what may be kept of a description), [`retry`] (which failures may be sent again).
//!
//! This crate reads no clock, opens no file and spawns no task. It keeps no phone number: see
//! [`scrub()`].
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod key;

pub mod observation;

pub mod message;

pub mod batch;

pub mod tally;

pub mod scrub;

pub mod retry;

mod metadata;

pub use batch::join_state;
pub use key::{BATCH_KEY, BatchKey, CampaignKey, KeyError, ROW_KEY, RowKey};
pub use message::{MessageState, Progress};
pub use observation::{BatchUpdate, MessageRef, MessageUpdate, Observation, observe};
pub use retry::{Fix, RetryClass, advice, class, class_of, fix, is_systemic};
pub use scrub::scrub;
pub use tally::Tally;
