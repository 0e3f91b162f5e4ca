// The program of the README reads CSV.
#![cfg_attr(any(not(doctest), feature = "csv"), doc = include_str!("../README.md"))]
//!
//! # Files
//!
//! CSV in UTF-8 with a header, commas and quotes as in RFC 4180, or JSON lines of
//! `recipient_and_params` objects. A CSV row names its recipient in one of three ways:
//!
//! | Columns | Recipient |
//! | --- | --- |
//! | `contact_id` | a contact of the app |
//! | `channel` and `identity` | one identity on one channel |
//! | named after channels: `SMS`, `whatsapp`, … | the identities on these channels, tried from left to right; an empty cell is none |
//!
//! The other columns:
//!
//! | Column | Becomes |
//! | --- | --- |
//! | `metadata.NAME` | an entry of the recipient's `message_metadata`; an empty cell is none |
//! | `conversation_metadata.NAME` | an entry of the recipient's `conversation_metadata`; an empty cell is none |
//! | `param.NAME` | the parameter of that name |
//! | beginning with `#` | nothing: a remark |
//! | any other | the parameter of that name |
//!
//! Rows count from 1, invalid ones included; lines count as in an editor. Blank lines are no rows, nor are
//! the lines of a JSON lines file that begin with `#`.
//!
//! # What is checked is what is sent
//!
//! A [`RecipientFile`] stays open from the check to the last batch. The plan says of each batch where it
//! lies in the file, and gives a digest of these bytes and of the head of the file. A batch is read from
//! there and compared before anything of it is returned, so a campaign can go on after a crash with one seek,
//! and an edited file is noticed at the first batch that has changed. Recipients that are not in a file come
//! from a [`Repeatable`], or from a [`Spool`] if they can be had only once.
//!
//! # Modules, in reading order
//!
//! [`finding`] what can be wrong, [`source`] the file row by row, `check` the first pass, `plan` where each
//! batch lies, `recipient_source` what a campaign reads from, `file`, `repeatable` and `spool` its three
//! kinds, [`skipped`] the file of skipped rows, [`fingerprint`] whether it is still the same file; and
//! [`lists`](source::lists) for contacts and opt-outs.
//!
//! # Features
//!
//! `csv` (on by default): read CSV files. Without it there are JSON lines alone.
//!
//! # What this crate does not do
//!
//! It knows no network and no ledger, sends nothing, and does not ask whether a number exists. It keeps no
//! recipient in memory but those of one batch.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod finding;
mod phone;

pub mod source;

mod lines;
mod repeats;

mod check;
mod plan;
mod skip;

mod file;
mod original;
mod read;
mod recipient_source;
mod repeatable;
mod spool;

pub mod cut;
pub mod preflight;
pub mod rows;
pub mod skipped;

pub mod fingerprint;

pub use check::{CheckOptions, Checked};
pub use cut::{Batcher, RowBatch};
pub use file::RecipientFile;
pub use finding::{Finding, FindingKind, RowNumber};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use original::AnnotatedRows;
pub use plan::{BatchRange, PlannedBatch};
pub use preflight::{Preflight, preflight};
pub use recipient_source::RecipientSource;
pub use repeatable::Repeatable;
pub use rows::{Row, Rows, Skipped};
pub use skip::InvalidRows;
pub use skipped::SkippedWriter;
pub use source::lists::{List, ListCheck, ListRow, check_list};
pub use source::{Format, MAX_ROW_BYTES, Source, SourceError};
pub use spool::Spool;
