//! The durable record of intent, outcome and callback.
//!
//! ```
//! use sinch_batch_ledger::{Entry, Applied, Ledger, MemoryLedger, NewCampaign, RowSpans};
//! use sinch_batch_models::BatchId;
//! use sinch_batch_tracking::{MessageUpdate, MessageState, MessageRef, Progress, RowKey};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = MemoryLedger::new();
//! let now = "2031-09-14T10:05:00Z".parse()?;
//! let key = "0192f3c6a1b27c3d8e4f5a6b7c8d9e0f";
//! let campaign = ledger.create(NewCampaign::new("autumn", key, 2, now)).await?;
//!
//! // Intent before the call, outcome after.
//! let rows: RowSpans = [(1, 2), (2, 3)].into_iter().collect(); // row, line
//! ledger.record(campaign.id, Entry::Intent { number: 1, rows }, now).await?;
//! let batch_id = BatchId::new("01KZ2D9R6AYBT8DN9B4MPA14Y8");
//! ledger.record(campaign.id, Entry::Accepted { number: 1, batch_id }, now).await?;
//!
//! // A receipt for row 2.
//! let seen = MessageUpdate::new(MessageRef::Row(RowKey::new(key, 2)), MessageState::new(Progress::Delivered));
//! assert_eq!(ledger.apply(seen.into()).await?, Applied::Updated);
//!
//! let standing = ledger.status(campaign.id).await?;
//! assert_eq!((standing.accepted, standing.unknown, standing.planned), (2, 0, 0));
//! assert_eq!((standing.messages.pending, standing.messages.delivered), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! What is recorded is durable when the call returns. At any moment
//! `rows = skipped + planned + accepted + unknown`, and the messages counted are those of accepted
//! batches, each in one place. A fact that cannot be true is refused
//! ([`LedgerErrorKind::Impossible`]).
//!
//! A receiver gives every callback to [`Ledger::apply_callback`]. What it says about a batch or a message is
//! taken in as by [`Ledger::apply`]; of all others the ledger knows how many of each kind were heard, and
//! when the first and the last ([`Ledger::callbacks`]).
//!
//! Sending writes one entry a batch, not one a recipient; a message gets its place when its first
//! callback arrives. The ledger knows rows, not people: it keeps no identity, no parameter and no
//! text of a message.
//!
//! Reading order: [`rows`] (which rows are in a batch), [`entry`] (what is recorded and read),
//! [`ledger`] (the trait), [`error`], [`memory`], `sqlite`, [`conformance`] (the tests every ledger
//! has to pass).
//!
//! Features: `sqlite` adds `SqliteLedger`, a file that several processes can use at once. Off by
//! default, because only one crate in a program may link sqlite3.
//!
//! This crate sends nothing, hears nothing by itself and reads no clock.

pub mod rows;

pub mod entry;

pub mod ledger;

pub mod error;

mod decide;
mod store;

pub mod memory;

#[cfg(feature = "sqlite")]
pub mod sqlite;

pub mod conformance;

pub use entry::{
    Applied, BatchCounts, BatchRecord, BatchStage, CallbackCount, Campaign, CampaignId, CampaignStatus, Entry, Failure,
    Frontier, NewCampaign, ReceivedCallback,
};
pub use error::{LedgerError, LedgerErrorKind};
pub use ledger::{BoxFuture, Ledger};
pub use memory::MemoryLedger;
pub use rows::{RowSpan, RowSpans, RowSpansError};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;
