//! The client and its operations.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use sinch_batch_models::batch::CancelWhich;
use sinch_batch_models::{
    BatchId, BatchSent, BatchStatus, BatchStatuses, CancelBatchRequest, ConsentsInserted, CreateContactsRequest,
    DeleteContactsRequest, InsertConsentsRequest, ProjectId, SendBatchRequest,
};

use crate::endpoint::Endpoint;
use crate::executor::{About, CallExecutor};
use crate::limits::Limits;
use crate::look_up::{self, Entry, Found, Judged};
use crate::transport::SendUntil;
use crate::{Accepted, Error, Operation, Response, RetryPolicy, StopSignal, wire};

/// The Batch API of one project in one region.
///
/// Clones are cheap and share connections, tokens, the pace and the budget for repeats. What is set by
/// [`with_timeout`](Self::with_timeout) and its like is the clone's own, so it can be set for one call:
///
/// ```
/// # use std::time::Duration;
/// # use sinch_batch_client::{Response, Client, Error};
/// # use sinch_batch_models::{BatchId, BatchStatus};
/// # async fn ask(client: &Client, id: &BatchId) -> Result<Response<BatchStatus>, Error> {
/// client.with_timeout(Duration::from_secs(5)).batch_status(id).await
/// # }
/// ```
///
/// # Dropping a call
///
/// Any call may be dropped before it ends, as a timeout or a `select!` of your own does. The client
/// and its clones go on as if nothing had been. But what has left is not called back: after a send or
/// a creation of contacts that was dropped, the outcome is as unknown as after
/// [`Reached::Unknown`](crate::Reached::Unknown), so look it up before you repeat it. Where you can, set
/// [`with_timeout`](Self::with_timeout) instead and get an error that knows more.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    limits: Limits,
}

struct Shared {
    endpoint: Endpoint,
    executor: CallExecutor,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, executor: CallExecutor, limits: Limits) -> Self {
        Self { shared: Arc::new(Shared { endpoint, executor }), limits }
    }

    /// Returns a clone with another time limit per call; see [`ClientBuilder::with_timeout`](crate::ClientBuilder::with_timeout).
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        self.limited(|limits| limits.call = timeout)
    }

    /// Returns a clone with another time limit per attempt; see [`ClientBuilder::with_attempt_timeout`](crate::ClientBuilder::with_attempt_timeout).
    #[must_use]
    pub fn with_attempt_timeout(&self, timeout: Duration) -> Self {
        self.limited(|limits| limits.attempt = timeout)
    }

    /// Returns a clone with another time limit per connection; see [`ClientBuilder::with_connect_timeout`](crate::ClientBuilder::with_connect_timeout).
    #[must_use]
    pub fn with_connect_timeout(&self, timeout: Duration) -> Self {
        self.limited(|limits| limits.connect = timeout)
    }

    /// Returns a clone with another retry policy.
    #[must_use]
    pub fn with_retry(&self, policy: RetryPolicy) -> Self {
        self.limited(|limits| limits.retry = policy)
    }

    /// Returns a clone whose requests leave before a moment or not at all, such as before the lease of a worker ends.
    ///
    /// It is over as soon as *either* clock of [`SendUntil`] says so. After it no attempt begins. The default
    /// transport holds the last byte of a body back until the rest was written, looks at both clocks, and lets
    /// that byte go or breaks the request off, so that the service has an incomplete one. A call that ended, or
    /// was dropped, before its last byte was given out never completes its request either. Both fail with
    /// [`ErrorKind::TooLate`](crate::ErrorKind::TooLate), unless they were dropped. What was given out in time
    /// may arrive later: see [`ClientBuilder::with_tcp_user_timeout`](crate::ClientBuilder::with_tcp_user_timeout). How long an answer is waited for is not
    /// touched.
    ///
    /// A transport of your own has to do the same, see [`SendUntil`].
    #[must_use]
    pub fn with_send_until(&self, until: SendUntil) -> Self {
        self.limited(|limits| limits.until = Some(until))
    }

    /// Returns a clone whose calls end early when the signal is given: no wait outlives it, whether for a token, for a
    /// turn or between two attempts, and no attempt begins after it. An attempt under way runs to its end,
    /// so that its outcome is known.
    #[must_use]
    pub fn with_stop(&self, stop: StopSignal) -> Self {
        self.limited(|limits| limits.stop = Some(stop))
    }

    /// The project whose batches these are.
    pub fn project_id(&self) -> &ProjectId {
        self.shared.endpoint.project_id()
    }

    /// Where requests go, without a slash at its end: a region's host, or the base URL that was given. It
    /// holds no credentials; a base URL with some is refused.
    pub fn base_url(&self) -> &str {
        self.shared.endpoint.base_url()
    }

    fn limited(&self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limited = self.clone();
        change(&mut limited.limits);
        limited
    }

    async fn call<T>(
        &self,
        operation: Operation,
        about: About<'_>,
        request: Request<Bytes>,
        read: impl Fn(&http::Response<Bytes>, Timestamp) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.shared.executor.call(operation, &self.limits, about, request, read).await
    }

    /// Sends one message to up to 1000 recipients. Success means *accepted*; what became of each
    /// message comes later, as callbacks.
    ///
    /// It is repeated only where no recipient can have got anything, see [`RetryPolicy`]. If the future is
    /// dropped, people may get the message all the same: look the batch up, as after a timeout.
    ///
    /// # Errors
    /// Ask [`Error::reached_service`] first. If it is unknown, people may get the message: look
    /// the batch up with [`look_up`](Self::look_up) before you send it again, which takes
    /// a value in `batch_metadata` that no other batch has.
    pub async fn send_batch(&self, request: &SendBatchRequest) -> Result<Response<BatchSent>, Error> {
        let http = wire::send_batch(&self.shared.endpoint, request)?;
        let about = About::items(request.recipients.len());
        self.call(Operation::SendBatch, about, http, wire::read_batch_sent).await
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
    pub async fn cancel_batch(&self, request: &CancelBatchRequest) -> Result<Response<Accepted>, Error> {
        let http = wire::cancel_batch(&self.shared.endpoint, request)?;
        let about = match &request.which {
            CancelWhich::Batch(id) => About::batch(id),
            _ => About::default(),
        };
        let read = |answer: &_, now| wire::read_accepted(Operation::CancelBatch, answer, now);
        self.call(Operation::CancelBatch, about, http, read).await
    }

    /// The status of one batch.
    ///
    /// # Errors
    /// 404 for a batch that this project and region do not know.
    pub async fn batch_status(&self, batch_id: &BatchId) -> Result<Response<BatchStatus>, Error> {
        let http = wire::batch_status(&self.shared.endpoint, batch_id)?;
        let about = About::batch(batch_id);
        self.call(Operation::BatchStatus, about, http, wire::read_batch_status).await
    }

    /// The batches whose `batch_metadata` has this value under this key, as the service names them: all entries,
    /// whatever their id and metadata.
    ///
    /// It is for people and lists. No entries do not prove that there is no such batch, as answers such as `{}`
    /// have none either; before you send again, use [`look_up`](Self::look_up).
    ///
    /// # Errors
    /// An error says nothing about whether there is such a batch.
    pub async fn find_batches(&self, key: &str, value: &str) -> Result<Response<BatchStatuses>, Error> {
        let http = wire::find_batches(&self.shared.endpoint, key, value)?;
        self.call(Operation::FindBatches, About::default(), http, wire::read_batches_found).await
    }

    /// Whether a batch was accepted: what the service proves of the batches with this value under this key.
    ///
    /// An absence is an empty array and nothing else; a presence is a batch that shows the key and the value.
    /// Up to five batches in the answer that do not show them are asked for by id, each in a call of its own.
    /// A batch that was accepted a moment ago may not be found yet, so an absence counts only if this question
    /// left late enough after the send.
    ///
    /// ```
    /// # use sinch_batch_client::{Client, Error, Found};
    /// # async fn may_be_sent_again(client: &Client) -> Result<bool, Error> {
    /// Ok(match client.look_up("order", "order-4711").await?.body {
    ///     Found::Batches(_) => false,
    ///     Found::None => true, // if the send was long enough ago
    ///     Found::Unclear { .. } => false, // ask again later, or ask a person
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// An error says nothing about whether there is such a batch. One of a question by id is returned only if
    /// nothing was found.
    pub async fn look_up(&self, key: &str, value: &str) -> Result<Response<Found>, Error> {
        let http = wire::find_batches(&self.shared.endpoint, key, value)?;
        let read = |answer: &_, now| look_up::read(answer, key, value, now);
        let mut judged = self.call(Operation::FindBatches, About::default(), http, read).await?;
        let (entries, mut unclear) = match std::mem::replace(&mut judged.body, Judged::None) {
            Judged::None => return Ok(judged.map(|_| Found::None)),
            Judged::Entries { entries, unclear } => (entries, unclear),
        };
        let mut found: Vec<BatchId> = Vec::new();
        let mut asked: Vec<BatchId> = Vec::new();
        let mut failed = None;
        for entry in entries {
            match entry {
                Entry::Ours(id) if found.contains(&id) => {}
                Entry::Ours(id) => found.push(id),
                Entry::Ask(id) if found.contains(&id) || asked.contains(&id) => {}
                Entry::Ask(_) if asked.len() == look_up::MOST_QUESTIONS => {
                    unclear = unclear.or(Some(look_up::WITHOUT_OUR_KEY));
                }
                Entry::Ask(id) => {
                    match self.is_ours(&id, key, value).await {
                        Ok(true) => found.push(id.clone()),
                        Ok(false) => unclear = unclear.or(Some(look_up::WITHOUT_OUR_KEY)),
                        // It is in the list, but not known: no proof of anything.
                        Err(error) if error.is_not_found() || error.is_bad_request() => {
                            unclear = unclear.or(Some(look_up::WITHOUT_OUR_KEY));
                        }
                        Err(error) => failed = failed.or(Some(error)),
                    }
                    asked.push(id);
                }
            }
        }
        match (found.is_empty(), failed) {
            (false, _) => Ok(judged.map(|_| Found::Batches(found))),
            (true, Some(error)) => Err(error),
            (true, None) => {
                let shape = unclear.unwrap_or(look_up::WITHOUT_OUR_KEY).to_owned();
                Ok(judged.map(|_| Found::Unclear { shape }))
            }
        }
    }

    /// Whether the status of a batch shows the value under the key.
    async fn is_ours(&self, id: &BatchId, key: &str, value: &str) -> Result<bool, Error> {
        let http = wire::batch_status(&self.shared.endpoint, id)?;
        let read = |answer: &_, now| look_up::read_status(answer, id, key, value, now);
        self.call(Operation::BatchStatus, About::batch(id), http, read).await
    }

    /// Makes up to 1000 contacts, in the background: one `CONTACT_CREATE` callback comes for each that
    /// is really made. There is no result per contact, so compare the `external_id`s of the callbacks
    /// with those sent.
    ///
    /// It is repeated only where nothing can have been made, see [`RetryPolicy`].
    ///
    /// # Errors
    /// Ask [`Error::reached_service`] first. If it is unknown, contacts may have been made, and
    /// would be made twice by another call: wait for the callbacks before you decide.
    pub async fn create_contacts(&self, request: &CreateContactsRequest) -> Result<Response<Accepted>, Error> {
        let http = wire::create_contacts(&self.shared.endpoint, request)?;
        let about = About::items(request.contacts.len());
        let read = |answer: &_, now| wire::read_accepted(Operation::CreateContacts, answer, now);
        self.call(Operation::CreateContacts, about, http, read).await
    }

    /// Deletes up to 1000 contacts, in the background: one `CONTACT_DELETE` callback, with the whole
    /// former contact, comes for each that is really deleted. It is repeated freely.
    ///
    /// # Errors
    /// An error does not say that nothing was deleted; delete again.
    pub async fn delete_contacts(&self, request: &DeleteContactsRequest) -> Result<Response<Accepted>, Error> {
        let http = wire::delete_contacts(&self.shared.endpoint, request)?;
        let about = About::items(request.contact_ids.len());
        let read = |answer: &_, now| wire::read_accepted(Operation::DeleteContacts, answer, now);
        self.call(Operation::DeleteContacts, about, http, read).await
    }

    /// Records opt-outs in the consent lists of an app. No limit of their number is published; 1000 a
    /// call is what the other operations take. It is repeated freely.
    ///
    /// # Errors
    /// It is not atomic: after an error none, some or all may be recorded. Record all of them again.
    pub async fn insert_consents(&self, request: &InsertConsentsRequest) -> Result<Response<ConsentsInserted>, Error> {
        let http = wire::insert_consents(&self.shared.endpoint, request)?;
        let about = About::items(request.consent_records.len());
        self.call(Operation::InsertConsents, about, http, wire::read_consents_inserted).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.shared.endpoint)
            .field("limits", &self.limits)
            .field("pace", &self.shared.executor.pace)
            .finish_non_exhaustive()
    }
}
