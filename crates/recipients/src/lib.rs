// The program of the README reads CSV.
#![cfg_attr(any(not(doctest), feature = "csv"), doc = include_str!("../README.md"))]
//!
//! # Files
//!
//! CSV in UTF-8 with a header and quotes as in RFC 4180, or `recipient_and_params` objects as JSON lines or one
//! JSON array. The first line of a CSV file shows its separator: commas, semicolons, tabs or vertical bars; a line
//! `sep=;` says so itself. Quotes stand around a whole cell and are doubled inside, and nothing else is guessed: a
//! quoted cell in which a line looks like a row of its own is a finding. What is not text in UTF-8 is named, with
//! the way out ([`NotText`]). A CSV row names its recipient in one of three ways:
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
//! White space around the names of columns does not count. [`ReadOptions`] change what a column is for.
//!
//! Rows count from 1, invalid ones included; lines count as in an editor. Blank lines are not rows, nor are
//! the lines of a JSON lines file that begin with `#`, nor rows of nothing but separators at the end of a file.
//!
//! # Findings
//!
//! A [`Finding`] is a mistake or a warning ([`Severity`]). A mistake stops a send; one of a row can be skipped with
//! it, one of the header, the message or the file cannot. A warning is counted and stops nothing, unless the check is
//! strict.
//!
//! # What is checked is what is sent
//!
//! A [`RecipientFile`] stays open from the check to the last batch. The plan says of each batch where it
//! lies in the file, and gives a digest of these bytes and of the head of the file. A batch is read from
//! there and compared before anything of it is returned, so a campaign can go on after a crash with one seek,
//! and an edited file is noticed at the first batch that has changed. Recipients that are not in a file:
//!
//! | They are | Take |
//! | --- | --- |
//! | a list, or a query that can be run again | [`Repeatable::new`], [`Repeatable::try_new`] |
//! | a table with a key, of any size | [`Repeatable::pages`] |
//! | an iterator that runs once | [`RecipientFile::spool`], [`RecipientFile::try_spool`] |
//! | an async stream | [`Spool`] |
//!
//! # Modules, in reading order
//!
//! `look` what a file is, [`finding`] what can be wrong, `identity` the one check of identities, [`source`] the file
//! row by row, `sms` the parts of a text, `summary` many findings in little room, `check` the first pass, `plan` where each
//! batch lies, `recipient_source` what a campaign reads from, `file`, `repeatable` and `spool` its three
//! kinds, [`skipped`] the file of skipped rows, [`fingerprint`] whether it is still the same file; and
//! [`lists`] for contacts and opt-outs. [`Suppression`] is who gets nothing, and [`opt_outs`] a list of it that
//! grows.
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
#![cfg_attr(
    not(feature = "csv"),
    expect(dead_code, unused_imports, unused_variables, reason = "some of it serves CSV alone")
)]

pub mod finding;
mod identity;
mod look;
mod reading;

pub mod source;

pub mod lists;

pub mod opt_outs;
mod suppression;

mod lines;
mod prices;
mod repeats;
mod sms;
mod sms_sums;
mod spreadsheet;
mod summary;

mod check;
mod plan;
mod skip;

mod file;
mod matcher;
mod original;
mod read;
mod rebatch;
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
pub use file::{ReadAt, RecipientFile};
pub use finding::{Finding, FindingKind, RowNumber, Severity};
pub use fingerprint::fingerprint_of;
pub use identity::identity_fault;
pub use lists::{List, ListCheck, ListRow, check_list};
pub use look::{NotText, text};
pub use matcher::IdentityMatcher;
pub use original::AnnotatedRows;
pub use plan::{BatchRange, PlannedBatch};
pub use preflight::{Preflight, preflight};
pub use prices::{Amount, BadPrices, Prices};
pub use reading::{IdentityColumn, ReadOptions, channel_named};
pub use recipient_source::RecipientSource;
pub use repeatable::Repeatable;
pub use rows::{Row, Rows, Skipped};
pub use skip::InvalidRows;
pub use skipped::SkippedWriter;
pub use sms_sums::{Culprit, LongRow, SmsEstimate};
pub use source::text::is_blank;
pub use source::{Format, MAX_ROW_BYTES, RowReader, SourceError};
pub use spool::Spool;
pub use spreadsheet::spreadsheet_cell;
pub use summary::{FindingGroup, FindingSummary};
pub use suppression::{SuppressedRows, Suppression, SuppressionError, SuppressionList};
