//! A key pair that is exchanged for tokens by the OAuth2 client credentials grant.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use oauth2::TokenUrl;

use crate::endpoint::SecureUrl;
use crate::exchange::{self, Asked, Exchange};
use crate::source::{BoxFuture, FetchToken, IssuedToken};
use crate::{AuthError, AuthErrorKind, KeyId, KeySecret};
use crate::{backoff, retry};

/// Where tokens for all regions come from.
pub const TOKEN_URL: &str = "https://auth.sinch.com/oauth2/token";

/// An access key that is exchanged for tokens. Put a [`TokenCache`](crate::TokenCache) in front of it.
///
/// Responses 429, responses 5xx and failures of the network are repeated two or three times after a random wait;
/// that is safe, for an unused token does no harm. A refusal is final.
///
/// The key is sent as HTTP Basic, written plainly as all of Sinch's own SDKs do, without the
/// form-encoding that RFC 6749 asks for first. For keys of letters, digits, `-`, `.` and `_` both
/// are the same.
///
/// The default transport speaks HTTP/1.1 and HTTP/2, follows no redirect, gives a connection 10 s
/// and a response 30 s, unless [`with_timeout`](Self::with_timeout) says otherwise. It honours
/// `HTTPS_PROXY` and its like, but never for a URL on this machine.
///
/// # Other identity providers
///
/// Nothing in here is Sinch's alone but the default URL:
///
/// ```
/// # use sinch_batch_auth::{AuthError, ClientCredentials, KeyId, KeySecret};
/// # fn main() -> Result<(), AuthError> {
/// let credentials = ClientCredentials::new(KeyId::new("my-client"), KeySecret::new("my-secret"))
///     .with_token_url("https://login.example/oauth2/token")?
///     .with_scope("messages:send")
///     .with_parameter("audience", "https://api.example")
///     .with_secret_in_body();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientCredentials {
    key_id: KeyId,
    secret: KeySecret,
    token_url: TokenUrl,
    insecure_host: Option<String>,
    asked: Asked,
    exchange: Exchange,
    timeout: Duration,
}

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

impl ClientCredentials {
    /// A key pair for [`TOKEN_URL`].
    #[must_use]
    pub fn new(key_id: KeyId, secret: KeySecret) -> Self {
        let token_url = TokenUrl::new(TOKEN_URL.to_owned()).expect("the constant is a URL");
        Self {
            key_id,
            secret,
            token_url,
            insecure_host: None,
            asked: Asked::default(),
            exchange: exchange::default(),
            timeout: TIMEOUT,
        }
    }

    /// Sets the token endpoint, such as a simulator's.
    ///
    /// # Errors
    /// [`AuthErrorKind::InsecureUrl`] unless the URL is `https`, or `http` to `localhost`,
    /// `127.0.0.0/8` or `::1`; also if it carries a user, a password or a fragment.
    pub fn with_token_url(mut self, url: &str) -> Result<Self, AuthError> {
        let checked = match &self.insecure_host {
            Some(host) => SecureUrl::parse_with_insecure_plain_http_to(url, host),
            None => SecureUrl::parse(url),
        };
        let url = checked.map_err(|error| AuthError::because(AuthErrorKind::InsecureUrl, error.why()))?;
        self.token_url = TokenUrl::from_url(url.into_url());
        Ok(self)
    }

    /// Lets key and secret go over plain `http` to one host, named as in the URL and without a port. Call it before
    /// [`with_token_url`](Self::with_token_url).
    ///
    /// Anybody who can listen in on the way to that host can read the secret and all tokens. It is meant for a
    /// simulator in another container, and for nothing that holds real credentials.
    #[must_use]
    pub fn with_insecure_plain_http_to(mut self, host: impl Into<String>) -> Self {
        self.insecure_host = Some(host.into());
        self
    }

    /// Asks for a scope; several calls ask for several.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.asked.scopes.push(scope.into());
        self
    }

    /// Adds a parameter to the body of the request, such as `audience`. Do not put a secret into it.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.asked.parameters.push((name.into(), value.into()));
        self
    }

    /// Sends key and secret as `client_id` and `client_secret` in the body, instead of as HTTP Basic.
    #[must_use]
    pub fn with_secret_in_body(mut self) -> Self {
        self.asked.secret_in_body = true;
        self
    }

    /// Sends requests through an HTTP client of your own, such as one with a proxy or certificates of yours.
    ///
    /// Build it with [`redirect::Policy::none`](reqwest::redirect::Policy::none) and a connect timeout. A response
    /// from elsewhere than the token URL is refused, but by then a redirect has been followed.
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn with_http(mut self, http: reqwest::Client) -> Self {
        self.exchange = exchange::over(http);
        self
    }

    /// Sends requests through a closure instead of the default transport.
    ///
    /// It must not follow redirects, and should not read more than a few kilobytes of a response. Its
    /// error becomes the source of [`AuthErrorKind::Unreachable`] and must not hold the request's headers.
    #[must_use]
    pub fn with_transport<T, Fut, E>(mut self, transport: T) -> Self
    where
        T: Fn(Request<Vec<u8>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<Vec<u8>>, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.exchange = Arc::new(move |request| {
            let responding = transport(request);
            Box::pin(async move { responding.await.map_err(Into::into) })
        });
        self
    }

    /// Sets how long one request may take, whatever the transport; 30 s unless set. A request that takes longer
    /// counts as unanswered, and is repeated.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn fetch_with_tries(&self) -> Result<IssuedToken, AuthError> {
        let mut attempt = 1;
        loop {
            let fetching = exchange::fetch(&self.key_id, &self.secret, &self.token_url, &self.asked, &self.exchange);
            let error = match tokio::time::timeout(self.timeout, fetching).await {
                Ok(Ok(issued)) => return Ok(issued),
                Ok(Err(error)) => error,
                Err(_) => AuthError::because(AuthErrorKind::Unreachable, "no response in time"),
            };
            let Some(wait) = retry::wait(&error, attempt, backoff::jitter()) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
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
