//! The campaign's only door to the service.

use std::pin::Pin;
use std::time::Duration;

use sinch_batch_client::transport::SendUntil;
use sinch_batch_client::{Client, Disposition, Error, Found};
use sinch_batch_models::{BatchId, SendBatchRequest, Timestamp};
use sinch_batch_tracking::{BATCH_KEY, BatchKey};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where batches go: what is looked up elsewhere would seem absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The project.
    pub project: String,
    /// The base URL.
    pub url: String,
}

/// Sends batches, and finds them again by their key.
///
/// [`Client`] is the real one. A sender of your own has to be honest: what it calls refused is sent again,
/// and what it calls absent too.
pub trait BatchSender: Send + Sync + 'static {
    /// Where batches go.
    fn service(&self) -> Service;

    /// Sends one batch. Its last byte leaves before `until`, by both clocks, or never.
    fn send<'a>(
        &'a self,
        request: &'a SendBatchRequest,
        until: SendUntil,
    ) -> BoxFuture<'a, Result<SentBatch, SendFailure>>;

    /// Every batch the service holds under a key. None is an answer too, and only one that was understood:
    /// the batch is sent again because of it.
    fn look_up<'a>(&'a self, key: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>>;
}

impl<S: BatchSender + ?Sized> BatchSender for std::sync::Arc<S> {
    fn service(&self) -> Service {
        (**self).service()
    }

    fn send<'a>(
        &'a self,
        request: &'a SendBatchRequest,
        until: SendUntil,
    ) -> BoxFuture<'a, Result<SentBatch, SendFailure>> {
        (**self).send(request, until)
    }

    fn look_up<'a>(&'a self, key: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
        (**self).look_up(key)
    }
}

/// A batch that the service has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBatch {
    /// What the service calls it.
    pub batch_id: BatchId,
    /// When it leaves, if the service said so.
    pub send_after: Option<Timestamp>,
}

impl From<BatchId> for SentBatch {
    fn from(batch_id: BatchId) -> Self {
        Self { batch_id, send_after: None }
    }
}

/// Why a send has no batch id, by what may have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendFailure {
    /// The service may have taken the batch: look it up before anything else.
    Unknown {
        /// One sentence.
        why: String,
    },
    /// The service definitely did not accept it, and may do so later.
    NotNow {
        /// How long the service asked us to wait.
        retry_after: Option<Duration>,
        /// Whether the service is there and asks us to slow down; else it could not be reached.
        limited: bool,
        /// One sentence.
        why: String,
    },
    /// The service says that the token has expired, although it was new. It definitely did not accept the batch, and
    /// may do so with a later token; or the credentials are at fault.
    Expired {
        /// One sentence.
        why: String,
    },
    /// The service definitely did not accept it, and will not.
    Refused {
        /// What the refusal is about.
        about: Refusal,
        /// One sentence.
        why: String,
    },
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// This batch; another may pass.
    Batch,
    /// The project, the app or the region: no other batch will pass either.
    Service,
    /// The balance of the account: no other batch will pass either.
    Credit,
    /// The key or its secret: no other batch will pass either.
    Credentials,
}

/// Why a look-up has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUpFailure {
    /// Whether the key or its secret is at fault.
    pub credentials: bool,
    /// One sentence.
    pub why: String,
}

impl BatchSender for Client {
    fn service(&self) -> Service {
        Service { project: self.project_id().to_string(), url: self.base_url().to_owned() }
    }

    fn send<'a>(
        &'a self,
        request: &'a SendBatchRequest,
        until: SendUntil,
    ) -> BoxFuture<'a, Result<SentBatch, SendFailure>> {
        Box::pin(async move {
            match self.with_send_until(until).send_batch(request).await {
                Ok(sent) => Ok(SentBatch {
                    batch_id: sent.body.batch_id,
                    send_after: sent.body.send_after.and_then(|time| time.timestamp()),
                }),
                Err(error) => Err(failure(&error)),
            }
        })
    }

    fn look_up<'a>(&'a self, key: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
        Box::pin(async move {
            match self.look_up(BATCH_KEY, &key.to_string()).await.map(|answer| answer.body) {
                Ok(Found::Batches(ids)) => Ok(ids),
                Ok(Found::None) => Ok(Vec::new()),
                Ok(Found::Unclear { shape }) => Err(LookUpFailure {
                    credentials: false,
                    why: format!("the look-up was answered with {shape}, which proves nothing"),
                }),
                Err(error) => Err(LookUpFailure {
                    credentials: error.disposition() == Disposition::Credentials,
                    why: sentence(&error),
                }),
            }
        })
    }
}

fn failure(error: &Error) -> SendFailure {
    let why = sentence(error);
    let refused = |about| SendFailure::Refused { about, why: why.clone() };
    match error.disposition() {
        // Tokens that come and go, not a key that is refused: nothing was accepted, and it may pass.
        Disposition::TokenExpired => SendFailure::Expired { why },
        Disposition::Credentials => refused(Refusal::Credentials),
        Disposition::Later => {
            let limited = error.status() == Some(429) || error.retry_after().is_some();
            SendFailure::NotNow { retry_after: error.retry_after(), limited, why }
        }
        Disposition::Credit => refused(Refusal::Credit),
        Disposition::Request => refused(Refusal::Batch),
        Disposition::Service => refused(Refusal::Service),
        // What this release does not know may have arrived.
        _ => SendFailure::Unknown { why },
    }
}

/// The error and its causes. Not the service's own sentence, which may name a person: this goes into log and ledger.
pub(crate) fn sentence(error: &Error) -> String {
    error.chain().to_string()
}
