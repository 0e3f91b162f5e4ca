//! Rows of a file, checked and cut into batches of 1 to 1000 recipients.
//!
//! ```
//! # #[cfg(feature = "csv")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sinch_batch_models::{Message, Template};
//! use sinch_batch_recipients::{Cutter, Format, Rows, Source, preflight};
//!
//! let template = Template::new(Message::text("Hello ${name}"));
//! let file = "SMS,name\n+15550100001,Ines\n+15550100002,\n+15550100003,Tomas\n";
//!
//! // First pass: everything that is wrong, by row, line and column.
//! let mut findings = Vec::new();
//! let source = Source::new(file.as_bytes(), Format::Csv, &template)?;
//! let preflight = preflight(source, |finding| findings.push(finding.to_string()))?;
//! assert_eq!(findings, ["line 3, column name: it is empty, and the message needs a value for `name`"]);
//! assert!(!preflight.is_ok() && !preflight.is_fatal());
//!
//! // Second pass: the good rows, in batches. The first line of a file is its header.
//! let source = Source::new(file.as_bytes(), Format::Csv, &template)?;
//! let mut cutter = Cutter::new(Rows::new(source, preflight.skip), 1000);
//! for batch in &mut cutter {
//!     let batch = batch?;
//!     assert_eq!(batch.rows, [(1, 2), (3, 4)]);
//!     assert_eq!(batch.recipients.len(), 2);
//! }
//! assert_eq!(cutter.finish()?, preflight.fingerprint);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "csv"))]
//! # fn main() {}
//! ```
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
//! Rows count from 1, bad ones included; lines count as in an editor. Blank lines are no rows, nor are
//! the lines of a JSON lines file that begin with `#`.
//!
//! # Modules, in reading order
//!
//! [`finding`] what can be wrong, [`source`] the file, [`preflight`](mod@preflight) the first pass,
//! [`rows`] the second, [`cut`] batches, [`skipped`] what was left out, [`fingerprint`] whether it is
//! still the same file; and [`lists`](source::lists) for contacts and opt-outs.
//!
//! # Features
//!
//! `csv` (on by default): read CSV files. Without it there are JSON lines alone.
//!
//! # What this crate does not do
//!
//! It knows no network and no ledger, sends nothing, and does not ask whether a number exists. Between
//! the passes it keeps no recipient in memory: the file is read twice.

pub mod finding;
mod phone;

pub mod source;

mod lines;
pub mod preflight;
mod repeats;

pub mod cut;
pub mod rows;
pub mod skipped;

pub mod fingerprint;

pub use cut::{CutBatch, Cutter};
pub use finding::{Finding, FindingKind, RowNumber};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use preflight::{Preflight, SkipSet, preflight};
pub use rows::{Row, Rows, Skipped};
pub use skipped::SkippedWriter;
pub use source::lists::{List, ListCheck, ListRow, check_list};
pub use source::{Format, MAX_ROW_BYTES, Source, SourceError};
