//! Where each batch and each message stands, as a fold over callbacks.
//!
//! ```
//! use sinch_batch_models::Callback;
//! use sinch_batch_tracking::{Observation, MessageRef, Progress, observe};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let body = r#"{
//!     "message_delivery_report": {
//!         "status": "DELIVERED",
//!         "metadata": "{\"sinch_batch_row\":\"0192f3c6a1b27c3d8e4f5a6b7c8d9e0f.17\",\"_batch_id\":\"01KZ2D9R6AYBT8DN9B4MPA14Y8\"}"
//!     }
//! }"#;
//! let callback: Callback = sinch_batch_models::wire::parse(body.as_bytes())?;
//!
//! let Some(Observation::Message(seen)) = observe(&callback) else { panic!("a receipt of ours") };
//! let MessageRef::Row(key) = &seen.message else { panic!("it carries our row key") };
//! assert_eq!(key.row, 17);
//!
//! let mut message = seen.state.clone();
//! assert_eq!(message.progress, Progress::Delivered);
//! assert!(!message.observe(&seen.state), "a repeat changes nothing");
//! # Ok(())
//! # }
//! ```
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

pub mod key;

pub mod observation;

pub mod message;

pub mod batch;

pub mod tally;

pub mod scrub;

pub mod retry;

mod metadata;

pub use batch::join_state;
pub use key::{BATCH_KEY, BatchKey, KeyError, ROW_KEY, RowKey};
pub use message::{MessageState, Progress};
pub use observation::{BatchUpdate, MessageRef, MessageUpdate, Observation, observe};
pub use retry::{Fix, RetryClass, advice, class, class_of, fix};
pub use scrub::scrub;
pub use tally::Tally;
