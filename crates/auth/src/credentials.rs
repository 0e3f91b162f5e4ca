//! A key pair, exchanged for tokens by the OAuth2 client credentials grant.

use std::fmt;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use oauth2::TokenUrl;
use oauth2::url::{Host, Url};

use crate::exchange::{self, Exchange};
use crate::retry;
use crate::source::{BoxFuture, FetchToken, IssuedToken};
use crate::{AuthError, AuthErrorKind, KeyId, KeySecret};

/// Where tokens for all regions come from.
pub const TOKEN_URL: &str = "https://auth.sinch.com/oauth2/token";

/// An access key that is exchanged for tokens. Put a [`TokenCache`](crate::TokenCache) in front of it.
///
/// Answers 429, answers 5xx and failures of the network are tried again two or three times with a
/// random wait; that is safe, for a token that nobody uses does no harm. A refusal is final.
///
/// The key goes out as HTTP Basic, written plainly as all of Sinch's own SDKs do, without the
/// form-encoding that RFC 6749 asks for first. For keys of letters, digits, `-`, `.` and `_` both
/// are the same.
///
/// The default transport speaks HTTP/1.1 and HTTP/2, follows no redirect, gives a connection 10 s
/// and an answer 30 s, unless [`with_timeout`](Self::with_timeout) says otherwise. It honours
/// `HTTPS_PROXY` and its like, but never for a URL on this machine.
#[derive(Clone)]
pub struct ClientCredentials {
    key_id: KeyId,
    secret: KeySecret,
    token_url: TokenUrl,
    exchange: Exchange,
    timeout: Duration,
}

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

impl ClientCredentials {
    /// A key pair for [`TOKEN_URL`].
    pub fn new(key_id: KeyId, secret: KeySecret) -> Self {
        let token_url = TokenUrl::new(TOKEN_URL.to_owned()).expect("the constant is a URL");
        Self { key_id, secret, token_url, exchange: exchange::default(), timeout: TIMEOUT }
    }

    /// Asks another token endpoint, such as a simulator's.
    ///
    /// # Errors
    /// [`AuthErrorKind::InsecureUrl`] unless the URL is `https`, or `http` to `localhost`,
    /// `127.0.0.0/8` or `::1`; also if it carries a user, a password or a fragment.
    pub fn with_token_url(mut self, url: &str) -> Result<Self, AuthError> {
        let refused = |why| AuthError::because(AuthErrorKind::InsecureUrl, why);
        let url = Url::parse(url).map_err(|_| refused("this is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refused("the URL carries a user, a password or a fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(refused("the URL is http to another machine")),
            _ => return Err(refused("the URL is neither https nor http")),
        }
        self.token_url = TokenUrl::from_url(url);
        Ok(self)
    }

    /// Sends requests through a closure instead of the default transport.
    ///
    /// It must not follow redirects, and should not read more than a few kilobytes of an answer. Its
    /// error becomes the source of
    /// [`AuthErrorKind::Unreachable`] and must not hold the request's headers.
    #[must_use]
    pub fn with_transport<T, Fut, E>(mut self, transport: T) -> Self
    where
        T: Fn(Request<Vec<u8>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<Vec<u8>>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.exchange = Arc::new(move |request| {
            let answer = transport(request);
            Box::pin(async move { answer.await.map_err(Into::into) })
        });
        self
    }

    /// How long one request may take, whatever the transport; 30 s if not given. A request that takes longer
    /// is as one without an answer, and is tried again.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn fetch_with_tries(&self) -> Result<IssuedToken, AuthError> {
        let mut attempt = 1;
        loop {
            let fetching = exchange::fetch(&self.key_id, &self.secret, &self.token_url, &self.exchange);
            let error = match tokio::time::timeout(self.timeout, fetching).await {
                Ok(Ok(issued)) => return Ok(issued),
                Ok(Err(error)) => error,
                Err(_) => AuthError::because(AuthErrorKind::Unreachable, "it did not answer in time"),
            };
            let Some(wait) = retry::wait(&error, attempt, retry::jitter()) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

/// Whether the URL leads to this machine, judged by its text.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        None => false,
    }
}

impl FetchToken for ClientCredentials {
    fn fetch(&self) -> BoxFuture<'_, Result<IssuedToken, AuthError>> {
        Box::pin(self.fetch_with_tries())
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("key_id", &self.key_id)
            .field("secret", &self.secret)
            .field("token_url", &self.token_url.as_str())
            .finish_non_exhaustive()
    }
}
