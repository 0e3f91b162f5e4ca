//! Where a callback goes: journal, ledger, and on to somebody else.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sinch_batch::ledger::{Ledger, LedgerError, ReceivedCallback};
use sinch_batch::models::{Callback, Timestamp};
use sinch_batch::webhook::{Received, WebhookSecret};

use super::arrivals::Arrivals;
use super::journal::{JournalWriter, NotKept};
use super::metrics::Metrics;
use super::notices::UnrelatedNotice;
use super::opt_outs::{OptOutNotKept, OptOutsKept};
use super::outcome::{is_by_key, word};
use super::spool::Spool;
use crate::fail::sentence;
use crate::post::{Poster, Unanswered};

/// All that has to have a callback before it is answered.
pub(super) struct Sink {
    pub(super) journal: Option<JournalWriter>,
    pub(super) opt_outs: Option<OptOutsKept>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) forward: Option<Forward>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) unrelated: Option<UnrelatedNotice>,
    pub(super) arrivals: Option<Arc<Arrivals>>,
    /// If callbacks are answered before they are in the ledger.
    pub(super) spool: Option<Arc<Spool>>,
}

/// Somebody who is told too.
pub(super) struct Forward {
    pub(super) poster: Poster,
    pub(super) secret: WebhookSecret,
}

/// Why a callback could not be applied. It shows nothing of the callback.
#[derive(Debug)]
pub(super) enum NotApplied {
    SpoolFull,
    Journal(NotKept),
    OptOuts(OptOutNotKept),
    Ledger(LedgerError),
    Unanswered(Unanswered),
    Refused(u16),
}

impl fmt::Display for NotApplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpoolFull => f.write_str("too much waits in the journal for the ledger: --spool-size allows more"),
            Self::Journal(why) => write!(f, "{why}"),
            Self::OptOuts(error) => write!(f, "the list of opt-outs could not be written: {error}"),
            Self::Ledger(error) => write!(f, "the ledger could not record it: {}", sentence(error)),
            Self::Unanswered(error) => write!(f, "it could not be sent on: {}", sentence(error)),
            Self::Refused(status) => write!(f, "it was sent on and answered {status}"),
        }
    }
}

impl Sink {
    /// Ends with `Ok` when the callback is safe with everybody.
    pub(super) async fn take(&self, received: Received) -> Result<(), NotApplied> {
        let _under_way = self.metrics.under_way();
        let began = Instant::now();
        let taken = self.hand_over(&received).await;
        if let Some(arrivals) = &self.arrivals {
            let (response, took) = (if taken.is_ok() { 200 } else { 503 }, began.elapsed());
            match &self.spool {
                None => arrivals.show(&received.callback, response, took).await,
                // It asks the ledger for a name, and the answer must not wait for the ledger.
                Some(_) => {
                    let (arrivals, callback) = (Arc::clone(arrivals), received.callback.clone());
                    tokio::spawn(async move { arrivals.show(&callback, response, took).await });
                }
            }
        }
        match &taken {
            Ok(()) => self.metrics.received(received.callback.trigger().as_ref().map(|trigger| trigger.as_str())),
            Err(why) => tracing::warn!("a callback was not applied: {why}"),
        }
        taken
    }

    async fn hand_over(&self, received: &Received) -> Result<(), NotApplied> {
        if self.spool.as_ref().is_some_and(|spool| spool.is_full()) {
            return Err(NotApplied::SpoolFull);
        }
        // First the bytes: whatever happens afterwards, they can be played again.
        if let Some(journal) = &self.journal {
            let kept = journal.keep(received.headers.clone(), received.body.clone()).await;
            kept.map_err(NotApplied::Journal)?;
        }
        if let Some(opt_outs) = &self.opt_outs {
            opt_outs.keep(&received.callback).await.map_err(NotApplied::OptOuts)?;
        }
        if self.spool.is_none() {
            let applied = apply(&*self.ledger, &received.callback).await.map_err(NotApplied::Ledger)?;
            self.metrics.applied(applied);
            if let Some(notice) = &self.unrelated {
                notice.see(applied);
            }
        }
        match &self.forward {
            Some(forward) => forward.send(received).await,
            None => Ok(()),
        }
    }
}

impl Forward {
    /// Under the nonce it came with, so that the receiver recognises a repeat.
    async fn send(&self, received: &Received) -> Result<(), NotApplied> {
        let second = Timestamp::now().as_second();
        let signature = self.secret.sign(&received.body, &received.verified.nonce, second);
        let answer = self.poster.post(&signature, received.body.clone()).await.map_err(NotApplied::Unanswered)?;
        if answer.is_success() { Ok(()) } else { Err(NotApplied::Refused(answer.status)) }
    }
}

/// Applies a callback to the ledger; what that did, in a word.
async fn apply(ledger: &dyn Ledger, callback: &Callback) -> Result<&'static str, LedgerError> {
    let received = ReceivedCallback::of(callback, Timestamp::now());
    let by_key = is_by_key(&received);
    Ok(word(ledger.apply_callback(received).await?, by_key))
}
