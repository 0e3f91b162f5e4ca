//! The inbox: what people got, as pages; and what they do.
//!
//! ```text
//! control ── GET  ─ show  ─ search backwards from a cursor ─ view ─ HTML (crate pages)
//!         │         └ live ─ the newest, four times a second
//!         └─ POST ─ forms ─ people: replies, opt-outs │ receipts, outcomes, faults, clock ─ 303 back
//! ```

mod forms;
mod live;
mod log;
mod people;
mod place;
mod search;
mod show;

pub(crate) use self::forms::{form, is_form};
pub(crate) use self::live::live;
pub(crate) use self::log::InboundLog;
pub(crate) use self::people::{InboundMessage, InboxError, OptOut, consent};
pub(crate) use self::show::show;
