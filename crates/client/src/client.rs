//! The client, and how one is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_auth::TokenSource;
use sinch_batch_models::{
    BatchId, BatchSent, BatchStatus, BatchStatuses, CancelBatchRequest, ConsentsInserted, CreateContactsRequest,
    DeleteContactsRequest, InsertConsentsRequest, ProjectId, SendBatchRequest,
};

use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::transport::Transport;
use crate::{Answer, Error, Operation, Region, RetryPolicy, Taken, wire};

/// The Batch API of one project in one region. Clones share connections and tokens.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    exchange: Exchange,
}

impl Client {
    /// Starts a client of a project, with a source of tokens such as an `Arc<TokenCache<_>>`.
    pub fn builder(project_id: ProjectId, tokens: impl TokenSource) -> ClientBuilder {
        ClientBuilder {
            project_id,
            tokens: Box::new(tokens),
            base_url: None,
            transport: None,
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(30),
        }
    }

    /// Sends one message to up to 1000 recipients. Success means *accepted*; what became of each
    /// message comes later, as callbacks.
    ///
    /// It is repeated only where nobody can have got anything, see [`RetryPolicy`].
    ///
    /// # Errors
    /// Ask [`Error::reached_service`] first. If it says perhaps, people may get the message: look
    /// the batch up with [`find_batches`](Self::find_batches) before you send it again, which takes
    /// a value in `batch_metadata` that no other batch has.
    pub async fn send_batch(&self, request: &SendBatchRequest) -> Result<Answer<BatchSent>, Error> {
        let request = wire::send_batch(&self.0.endpoint, request)?;
        self.0.exchange.call(Operation::SendBatch, request, wire::batch_sent).await
    }

    /// Asks for a batch, or for all with some batch metadata, not to be sent.
    ///
    /// It works only before `send_after`, and only for batches that have one. Success means *taken*,
    /// even when nothing gets cancelled: ask [`batch_status`](Self::batch_status) afterwards, more
    /// than once, or wait for the batch status callback. It is repeated freely.
    ///
    /// That batches can be cancelled by metadata is documented; the names of the two fields in the
    /// request, `metadata_key` and `metadata_value`, are inferred and unconfirmed.
    ///
    /// # Errors
    /// An error does not say that nothing was cancelled; cancel again.
    pub async fn cancel_batch(&self, request: &CancelBatchRequest) -> Result<Answer<Taken>, Error> {
        let request = wire::cancel_batch(&self.0.endpoint, request)?;
        let read = |answer: &_, now| wire::taken(Operation::CancelBatch, answer, now);
        self.0.exchange.call(Operation::CancelBatch, request, read).await
    }

    /// The status of one batch.
    ///
    /// # Errors
    /// 404 for a batch that this project and region do not know.
    pub async fn batch_status(&self, batch_id: &BatchId) -> Result<Answer<BatchStatus>, Error> {
        let request = wire::batch_status(&self.0.endpoint, batch_id)?;
        self.0.exchange.call(Operation::BatchStatus, request, wire::status_of_batch).await
    }

    /// The batches whose `batch_metadata` has this value under this key.
    ///
    /// Only batches with an id count, and those whose metadata, if the service shows it, really has
    /// the value. A batch that was accepted a moment ago may not be found yet.
    ///
    /// # Errors
    /// An error says nothing about whether there is such a batch.
    pub async fn find_batches(&self, key: &str, value: &str) -> Result<Answer<BatchStatuses>, Error> {
        let request = wire::find_batches(&self.0.endpoint, key, value)?;
        let read = |answer: &_, now| wire::batches_found(answer, key, value, now);
        self.0.exchange.call(Operation::FindBatches, request, read).await
    }

    /// Makes up to 1000 contacts, in the background: one `CONTACT_CREATE` callback comes for each that
    /// is really made. There is no result per contact, so compare the `external_id`s of the callbacks
    /// with those sent.
    ///
    /// It is repeated only where nothing can have been made, see [`RetryPolicy`].
    ///
    /// # Errors
    /// Ask [`Error::reached_service`] first. If it says perhaps, contacts may have been made, and
    /// would be made twice by another call: wait for the callbacks before you decide.
    pub async fn create_contacts(&self, request: &CreateContactsRequest) -> Result<Answer<Taken>, Error> {
        let request = wire::create_contacts(&self.0.endpoint, request)?;
        let read = |answer: &_, now| wire::taken(Operation::CreateContacts, answer, now);
        self.0.exchange.call(Operation::CreateContacts, request, read).await
    }

    /// Deletes up to 1000 contacts, in the background: one `CONTACT_DELETE` callback, with the whole
    /// former contact, comes for each that is really deleted. It is repeated freely.
    ///
    /// # Errors
    /// An error does not say that nothing was deleted; delete again.
    pub async fn delete_contacts(&self, request: &DeleteContactsRequest) -> Result<Answer<Taken>, Error> {
        let request = wire::delete_contacts(&self.0.endpoint, request)?;
        let read = |answer: &_, now| wire::taken(Operation::DeleteContacts, answer, now);
        self.0.exchange.call(Operation::DeleteContacts, request, read).await
    }

    /// Records opt-outs in the consent lists of an app. No limit of their number is published; 1000 a
    /// call is what the other operations take. It is repeated freely.
    ///
    /// # Errors
    /// It is not atomic: after an error none, some or all may be recorded. Record all of them again.
    pub async fn insert_consents(&self, request: &InsertConsentsRequest) -> Result<Answer<ConsentsInserted>, Error> {
        let request = wire::insert_consents(&self.0.endpoint, request)?;
        self.0.exchange.call(Operation::InsertConsents, request, wire::consents_inserted).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.0.endpoint)
            .field("retry", &self.0.exchange.retry)
            .field("timeout", &self.0.exchange.timeout)
            .finish_non_exhaustive()
    }
}

/// Makes a [`Client`]. A region or a base URL is needed; the rest has defaults.
pub struct ClientBuilder {
    project_id: ProjectId,
    tokens: Box<dyn TokenSource>,
    base_url: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    retry: RetryPolicy,
    timeout: Duration,
}

impl ClientBuilder {
    /// Talks to the host of a region, which is the app's. The last of this and
    /// [`base_url`](Self::base_url) counts.
    #[must_use]
    pub fn region(self, region: Region) -> Self {
        self.base_url(region.base_url())
    }

    /// Talks to another host, such as a simulator's: `https`, or `http` to `localhost`,
    /// `127.0.0.0/8` or `::1`. A path is kept and comes before the API's own.
    #[must_use]
    pub fn base_url(mut self, url: &str) -> Self {
        self.base_url = Some(url.to_owned());
        self
    }

    /// Sends requests through a transport of your own.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets when calls are repeated.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how long one attempt may take, from connecting to the last byte of the answer; 30 s
    /// unless set. With the default transport, connecting may take half of it, at most 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// The default transport speaks HTTP/1.1 and HTTP/2, follows no redirect and reads answers of at
    /// most 8 MiB. It honours `HTTPS_PROXY` and its like, but never for a base URL on this machine.
    ///
    /// # Errors
    /// [`BuildError`] names the setting to mend.
    pub fn build(self) -> Result<Client, BuildError> {
        let base_url = self.base_url.ok_or(BuildError::NoRegion)?;
        let endpoint = Endpoint::new(&base_url, &self.project_id)?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(self.timeout, &endpoint)?,
        };
        let exchange = Exchange { tokens: self.tokens, transport, retry: self.retry, timeout: self.timeout };
        Ok(Client(Arc::new(Inner { endpoint, exchange })))
    }
}

#[cfg(feature = "reqwest")]
fn default_transport(timeout: Duration, endpoint: &Endpoint) -> Result<Arc<dyn Transport>, BuildError> {
    match crate::transport::ReqwestTransport::new(timeout, endpoint.is_loopback()) {
        Ok(transport) => Ok(Arc::new(transport)),
        Err(error) => Err(BuildError::Transport(error.into())),
    }
}

#[cfg(not(feature = "reqwest"))]
fn default_transport(_: Duration, endpoint: &Endpoint) -> Result<Arc<dyn Transport>, BuildError> {
    let _ = endpoint.is_loopback();
    Err(BuildError::NoTransport)
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("project_id", &self.project_id)
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither a region nor a base URL was given.
    #[error("a client needs a region (us, eu or br) or a base URL")]
    NoRegion,
    /// The base URL is none that a token may be sent to.
    #[error("this base URL cannot be used: {why}")]
    BaseUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The project id is empty or a dot.
    #[error("a client needs a project id")]
    ProjectId,
    /// There is no transport: bring one or enable feature `reqwest`.
    #[error("a client without feature `reqwest` needs a transport")]
    NoTransport,
    /// The default transport cannot be set up, such as for want of root certificates.
    #[error("the HTTP client cannot be set up")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
}
