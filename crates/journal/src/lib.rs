#![doc = include_str!("../README.md")]
//!
//! For looking at callbacks afterwards, or replaying them: after a fault of a program, into a new one, into
//! a ledger. Nothing writes a journal unless asked to; the command line does with `listen --journal`.
//!
//! **A journal holds personal data**: phone numbers and other identities, names, texts that people
//! wrote, and whatever a program put into the metadata of its messages. Keep it as you keep a database
//! of customers: who may read it, how long it stays, how it is deleted. Folder and files are made
//! for their owner alone (modes 0700 and 0600 on Unix). Secrets are not in it: a signature cannot be
//! turned back into its secret, and the values of the headers `authorization`, `proxy-authorization`
//! and `cookie` are left out.
//!
//! # Format
//!
//! A folder of files `callbacks-00000001.jsonl`, `callbacks-00000002.jsonl`, …, oldest first. Each
//! line is a record, one JSON object:
//!
//! ```json
//! {"v":1,"received":"2031-09-14T10:05:02.118Z","headers":[["content-type","application/json"],["authorization",null]],"body":"{\"app_id\":\"\"}"}
//! ```
//!
//! | Key | What it holds |
//! | --- | --- |
//! | `v` | The version of the format, 1. A reader refuses what is newer than itself |
//! | `received` | When it was received: RFC 3339, UTC |
//! | `headers` | Pairs of name and value in the order received; a name may occur twice. Values are read as ISO 8859-1, so any byte is kept; `null` stands for a value that was left out |
//! | `body` | The body as text, if it is UTF-8: not one byte is changed but for the escapes of JSON |
//! | `body_base64` | Instead of `body`, if it is not |
//!
//! Readers ignore keys they do not know. So `jq -r .body callbacks-*.jsonl` shows every body.
//!
//! A record is whole or torn: a crash may leave the beginning of one at the end of a file. It was
//! never answered, so the service sends that callback again; a reader passes over it, and the writer
//! cuts it off when it continues that file. Beside the files lies `lock`, by which a folder has
//! one writer at a time, and `id` if somebody keeps a [`Position`] of it: rewriting the journal
//! ([`Journal::remove`]) gives it another, so that no place of before is taken for one of now.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod position;
mod read;
mod record;
mod write;

pub use error::JournalError;
pub use position::Position;
pub use read::{Records, read, read_between};
pub use record::Record;
pub use write::{Bounds, Journal, Line, Removed};
