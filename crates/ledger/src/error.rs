//! Why a ledger could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a ledger could not do what it was asked. Nothing of the call was written.
///
/// It can be cloned, because one fault of the storage may fail many calls at once.
#[derive(Clone, Debug)]
pub struct LedgerError {
    kind: LedgerErrorKind,
    message: Box<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds of [`LedgerError`], each with its cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// The file is something else. Name another file; this one was not changed.
    NotALedger,
    /// The file was written by a newer release. Use that release.
    TooNew,
    /// A campaign of that name exists. Choose another name, or resume that campaign.
    NameTaken,
    /// The ledger has no such campaign.
    NoSuchCampaign,
    /// The fact contradicts what is known. Read the batch again: a receipt may have proved meanwhile
    /// that it was accepted.
    Impossible,
    /// The disk is full. Make room and go on.
    Full,
    /// Another process held the ledger for too long. Try again.
    Busy,
    /// The file cannot be written.
    ReadOnly,
    /// The file cannot be opened.
    Open,
    /// Anything else; the source says more.
    Other,
}

impl LedgerError {
    /// An error of a kind; the message is one sentence without a full stop, in lower case.
    pub fn new(kind: LedgerErrorKind, message: impl Into<Box<str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause, which the message does not repeat.
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The kind, with its cure.
    pub fn kind(&self) -> LedgerErrorKind {
        self.kind
    }

    pub(crate) fn impossible(message: impl Into<Box<str>>) -> Self {
        Self::new(LedgerErrorKind::Impossible, message)
    }

    pub(crate) fn no_such_campaign() -> Self {
        Self::new(LedgerErrorKind::NoSuchCampaign, "the ledger has no such campaign")
    }

    pub(crate) fn key_taken() -> Self {
        Self::impossible("the ledger already has a campaign with that key")
    }

    pub(crate) fn name_taken(name: &str) -> Self {
        Self::new(LedgerErrorKind::NameTaken, format!("the ledger already has a campaign named {name:?}"))
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for LedgerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
