//! How a client is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sinch_batch_auth::TokenSource;
use sinch_batch_models::ProjectId;

use crate::budget::Budget;
use crate::client::Client;
use crate::endpoint::{BuildError, Endpoint};
use crate::executor::{CallExecutor, Chance};
use crate::limits::Limits;
use crate::transport::Transport;
use crate::{Pace, Region, RetryPolicy};

/// Builder of a [`Client`]. A region or a base URL is needed; the rest has defaults.
pub struct ClientBuilder {
    project_id: ProjectId,
    tokens: Box<dyn TokenSource>,
    base_url: Option<String>,
    insecure_host: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    limits: Limits,
    pace: Option<Pace>,
    tcp_user_timeout: Duration,
    chance: Chance,
}

impl Client {
    /// A builder for the client of a project, with a source of tokens such as an `Arc<TokenCache<_>>`.
    pub fn builder(project_id: ProjectId, tokens: impl TokenSource) -> ClientBuilder {
        ClientBuilder::new(project_id, tokens)
    }
}

impl ClientBuilder {
    fn new(project_id: ProjectId, tokens: impl TokenSource) -> Self {
        Self {
            project_id,
            tokens: Box::new(tokens),
            base_url: None,
            insecure_host: None,
            transport: None,
            limits: Limits::default(),
            pace: Some(Pace::default()),
            tcp_user_timeout: Duration::from_secs(30),
            chance: Chance::default(),
        }
    }

    /// Sets the region of the app, and with it the host. The last of this and
    /// [`with_base_url`](Self::with_base_url) counts.
    #[must_use]
    pub fn with_region(self, region: Region) -> Self {
        self.with_base_url(region.base_url())
    }

    /// Sets another host, such as a simulator's: `https`, or `http` to `localhost`,
    /// `127.0.0.0/8` or `::1`. A path is kept and comes before the API's own.
    #[must_use]
    pub fn with_base_url(mut self, url: &str) -> Self {
        self.base_url = Some(url.to_owned());
        self
    }

    /// Lets requests and tokens go over plain `http` to one host, named as in the base URL and without a port.
    ///
    /// Anybody who can listen in on the way to that host can read the token and everything that is sent. It is meant
    /// for a simulator in another container, and for nothing that holds real data.
    #[must_use]
    pub fn with_insecure_plain_http_to(mut self, host: impl Into<String>) -> Self {
        self.insecure_host = Some(host.into());
        self
    }

    /// Sends requests through an HTTP client of your own, such as one with a proxy, certificates or a TLS library
    /// of yours; see [`ReqwestTransport`](crate::transport::ReqwestTransport) for what it must not do.
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn with_http(self, http: reqwest::Client) -> Self {
        self.with_transport(crate::transport::ReqwestTransport::new(http))
    }

    /// Sends requests through a transport of your own.
    #[must_use]
    pub fn with_transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets when calls are repeated.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.limits.retry = policy;
        self
    }

    /// Sets how long a call may take in all: its token, its turn, its attempts and the waits between
    /// them. 2 minutes unless set. A wait that would end after it is not begun.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.limits.call = timeout;
        self
    }

    /// Sets how long one attempt may take, from connecting to the last byte of the response. 30 s unless
    /// set; never longer than what is left of the call.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt = timeout;
        self
    }

    /// Sets how long a new connection may take: name, TCP and TLS. 10 s unless set; never longer than
    /// half of the attempt, so that "no connection" and "no response" differ. A transport of your own
    /// finds it in the request, see [`ConnectTimeout`](crate::transport::ConnectTimeout).
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect = timeout;
        self
    }

    /// Sets how long the system keeps sending bytes that the other side does not confirm, before it
    /// gives the connection up (`TCP_USER_TIMEOUT`). 30 s unless set; only on Linux, Android and Fuchsia, and
    /// only for the default transport.
    ///
    /// What the system holds may still arrive within this time after a call has ended. So it must never be
    /// more than the time after which a campaign sends a batch again that it cannot find (its `resend_after`).
    #[must_use]
    pub fn with_tcp_user_timeout(mut self, timeout: Duration) -> Self {
        self.tcp_user_timeout = timeout;
        self
    }

    /// Sets how many requests may leave in a second: [`Pace::PER_PROJECT`] unless set. Give the same
    /// pace to all clients of a project.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Sends as fast as it can, for callers that keep the pace themselves.
    #[must_use]
    pub fn without_pace(mut self) -> Self {
        self.pace = None;
        self
    }

    /// For tests and simulations: takes the time on the wall and random numbers from 0 to 1 from here, so that
    /// equal seeds make equal calls. The steady clock is tokio's, which can be paused.
    #[doc(hidden)]
    #[must_use]
    pub fn with_chance(
        mut self,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        jitter: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.chance = Chance { clock: Box::new(clock), jitter: Box::new(jitter) };
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// The default transport speaks HTTP/2 where the service offers it, else HTTP/1.1, keeps connections
    /// for further calls, takes responses in gzip, follows no redirect and reads responses of at most 8 MiB.
    /// It honours `HTTPS_PROXY`, `NO_PROXY` and their like, but never for a base URL on this machine.
    ///
    /// # Errors
    /// [`BuildError`] names the setting to fix.
    pub fn build(self) -> Result<Client, BuildError> {
        let base_url = self.base_url.ok_or(BuildError::NoRegion)?;
        let endpoint = Endpoint::checked(&base_url, &self.project_id, self.insecure_host.as_deref())?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&endpoint, self.tcp_user_timeout)?,
        };
        let executor = CallExecutor {
            tokens: self.tokens,
            transport,
            budget: Budget::default(),
            pace: self.pace,
            chance: self.chance,
        };
        Ok(Client::new(endpoint, executor, self.limits))
    }
}

#[cfg(feature = "reqwest")]
fn default_transport(endpoint: &Endpoint, tcp_user_timeout: Duration) -> Result<Arc<dyn Transport>, BuildError> {
    match crate::transport::ReqwestTransport::by_default(endpoint.is_loopback(), tcp_user_timeout) {
        Ok(transport) => Ok(Arc::new(transport)),
        Err(error) => Err(BuildError::Transport(error.into())),
    }
}

#[cfg(not(feature = "reqwest"))]
fn default_transport(endpoint: &Endpoint, tcp_user_timeout: Duration) -> Result<Arc<dyn Transport>, BuildError> {
    let _ = (endpoint.is_loopback(), tcp_user_timeout);
    Err(BuildError::NoTransport)
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("project_id", &self.project_id)
            .field("limits", &self.limits)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
