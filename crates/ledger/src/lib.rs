#![doc = include_str!("../README.md")]
//!
//! What is recorded is durable when the call returns. At any moment
//! `rows = skipped + planned + accepted + unknown`, and the messages counted are those of accepted
//! batches, each in one place. A fact that cannot be true is refused
//! ([`LedgerErrorKind::Impossible`]).
//!
//! Any number of workers may send one campaign: the ledger decides which batch is whose
//! ([`Ledger::claim`]), and nothing leaves without an intent under a live lease. The same message to the
//! same recipients is refused when the campaign is created ([`LedgerErrorKind::Duplicate`]).
//!
//! A receiver gives every callback to [`Ledger::apply_callback`], or a web framework to
//! [`LedgerExt::sink`]. What it says about a batch or a message is applied as by [`Ledger::apply`]; of all
//! others the ledger knows how many of each kind were received, and when ([`Ledger::callbacks`]).
//!
//! Sending writes a few entries a batch, none a recipient; a message gets its place when its first
//! callback arrives. The ledger knows rows and the campaign's template, not people: it keeps no
//! identity, no parameter and no text that was made for somebody.
//!
//! A ledger of your own implements [`store::Store`] over its records, and [`Ledger`] by the functions of
//! [`decide`]; the contract is at [`store`], and the example `own_ledger` does it over one plain file.
//!
//! Reading order: [`rows`] (which rows are in a batch), [`campaign`] and [`plan`] (what is to be sent),
//! [`lease`] and [`worker`] (who may send it), [`entry`] (what is recorded), [`callback`] (what is
//! received), [`status`] (how it stands), [`ledger`] (the trait), [`error`], [`decide`] (what each
//! fact means), [`store`] (what the decisions need), [`memory`], `sqlite`, `postgres`, `copy` (one ledger into
//! another), [`conformance`] (the tests every
//! ledger has to pass).
//!
//! Features: `sqlite` adds `SqliteLedger`, a file that several processes can use at once. Off by
//! default, because only one crate in a program may link sqlite3. `postgres` adds `PostgresLedger`, which
//! several machines can use at once, and `postgres-tls` the way to a server elsewhere.
//!
//! This crate sends nothing, receives nothing by itself and, but for whether a worker's process is still
//! there, asks the system nothing.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod rows;

pub mod campaign;
pub mod plan;

pub mod lease;
pub mod worker;

pub mod entry;

pub mod callback;
pub mod status;
pub mod sums;

pub mod ledger;

pub mod error;

pub mod decide;
pub mod store;

pub mod memory;

#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "postgres")]
pub mod postgres;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod copy;

pub mod conformance;

pub use callback::{Applied, CallbackCount, DeferredCounts, ReceivedCallback};
pub use campaign::{CampaignId, CampaignRecord, Created, DuplicateOf, NewCampaign};
pub use entry::{BatchRecord, BatchStage, Entry, Exclusion, MessageFailure, RetryRow};
pub use error::{LedgerError, LedgerErrorKind};
pub use lease::{Claim, Claimed, Held, LEASE, Lease, Renewed, Run, Window};
pub use ledger::{BoxFuture, Ledger, LedgerExt, Pruned, Reclaimed};
pub use memory::MemoryLedger;
pub use plan::{Digest, MAX_BATCHES, Plan, PlannedRows};
#[cfg(feature = "postgres")]
pub use postgres::PostgresLedger;
pub use rows::{RowSpan, RowSpans, RowSpansError};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;
pub use status::{BatchCounts, CampaignStatus, Phase};
pub use sums::{OTHER_REASON, Pulse, ReasonCount};
pub use worker::{Presence, ProcessId, Worker};
