//! Why a ledger could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::campaign::DuplicateOf;
use crate::status::Phase;

/// Why a ledger could not do what it was asked. Nothing of the call was written.
///
/// It can be cloned, because one fault of the storage may fail many calls at once.
#[derive(Clone, Debug)]
pub struct LedgerError {
    kind: LedgerErrorKind,
    message: Box<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    duplicate_of: Option<Arc<DuplicateOf>>,
}

/// The kinds of [`LedgerError`], each with its cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// The file is something else. Name another file; this one was not changed.
    NotALedger,
    /// The file was written by a newer release. Use that release.
    TooNew,
    /// The file was written by a release before the first one. Finish with the release that began it.
    TooOld,
    /// Another retry of the same campaign is unfinished. Go on with that one, or cancel it.
    RetryUnderWay,
    /// A campaign of that name exists. Choose another name, or resume that campaign.
    NameTaken,
    /// An earlier campaign sent this message to these recipients, or is about to:
    /// [`LedgerError::duplicate_of`] says which. Look at it, resume it, or cancel it.
    Duplicate,
    /// A plan of too many batches. Use a larger batch size.
    PlanTooLarge,
    /// The ledger has no such campaign.
    NoSuchCampaign,
    /// The fact contradicts what is known.
    Impossible,
    /// The batch is accepted already: a receipt may have proved it meanwhile. Do not send it.
    Accepted,
    /// The lease of the batch is over, or another worker has claimed it. Do not send it.
    Fenced,
    /// The campaign is paused or cancelled. Nothing may leave.
    NotRunning,
    /// The service has a batch that was never tried from this ledger: it is a copy, or an old backup. Go on
    /// with the ledger that sent the rest.
    Behind,
    /// The service gave one batch id to two batches. The second stays unknown; tell the service's people.
    IdTaken,
    /// The sums of a campaign do not agree with its batches: somebody altered the ledger, or it is
    /// damaged. Nothing is sent from it.
    Altered,
    /// Too many receipts wait for a batch whose id is not known. Ask for another delivery.
    DeferredFull,
    /// The campaign's messages, or those of a relative, were pruned: what needs to know each of them cannot be
    /// done any more. The sums are still there.
    Pruned,
    /// The campaign, or a retry of its rows, has not ended by the time given. Wait, or give a later time.
    NotEnded,
    /// This kind of ledger cannot do it.
    Unsupported,
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
        Self { kind, message: message.into(), source: None, duplicate_of: None }
    }

    /// Adds the cause, which the message does not repeat.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The kind, with its cure.
    pub fn kind(&self) -> LedgerErrorKind {
        self.kind
    }

    /// The earlier campaign, with kind [`Duplicate`](LedgerErrorKind::Duplicate).
    pub fn duplicate_of(&self) -> Option<&DuplicateOf> {
        self.duplicate_of.as_deref()
    }

    /// A campaign that would send what an earlier one has sent, or is about to send.
    pub fn duplicate(of: DuplicateOf) -> Self {
        let message = format!("campaign {} sent this message to these recipients", of.campaign.name);
        Self { duplicate_of: Some(Arc::new(of)), ..Self::new(LedgerErrorKind::Duplicate, message) }
    }

    pub(crate) fn not_running(phase: Phase) -> Self {
        Self::new(LedgerErrorKind::NotRunning, format!("the campaign is {phase}"))
    }

    pub(crate) fn behind() -> Self {
        Self::new(
            LedgerErrorKind::Behind,
            "the service has batches of the campaign that were never tried from this ledger: it is older than the truth",
        )
    }

    /// A receipt for which there is no room: [`Store::put_deferred`](crate::store::Store::put_deferred).
    pub fn deferred_full() -> Self {
        Self::new(LedgerErrorKind::DeferredFull, "too many receipts wait for batches whose id is not known")
    }

    /// A campaign of which each message is needed, and which was pruned.
    pub fn pruned(name: &str) -> Self {
        let message = format!("the messages of campaign {name} were pruned, so nothing is known of single rows");
        Self::new(LedgerErrorKind::Pruned, message)
    }

    /// What a kind of ledger or storage cannot do; the word completes "this ledger cannot".
    pub fn unsupported(what: &str) -> Self {
        Self::new(LedgerErrorKind::Unsupported, format!("this kind of ledger cannot {what}"))
    }

    pub(crate) fn impossible(message: impl Into<Box<str>>) -> Self {
        Self::new(LedgerErrorKind::Impossible, message)
    }

    /// A number that the ledger has not given.
    pub fn no_such_campaign() -> Self {
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
