//! Where tokens come from, as seen by those who need one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{AccessToken, AuthError};

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Gives the token for the next request.
///
/// Implemented by [`TokenCache`](crate::TokenCache), by a fixed [`AccessToken`], by an [`Arc`] of
/// any source, and by any `Fn() -> impl Future<Output = Result<AccessToken, AuthError>>`.
pub trait TokenSource: Send + Sync + 'static {
    /// A token to use now. It is asked for before each request, so it should be cheap when nothing
    /// has to be fetched.
    ///
    /// # Errors
    /// See [`AuthErrorKind`](crate::AuthErrorKind) for what to do about each.
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, AuthError>>;

    /// Called when a service answered 401 `expired` to this token. A source that keeps tokens
    /// forgets it, but only if it is still the one it keeps: another task may have renewed it.
    fn expired(&self, token: &AccessToken) {
        let _ = token;
    }
}

impl TokenSource for AccessToken {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, AuthError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

impl<T: TokenSource + ?Sized> TokenSource for Arc<T> {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, AuthError>> {
        (**self).token()
    }

    fn expired(&self, token: &AccessToken) {
        (**self).expired(token);
    }
}

impl<F, Fut> TokenSource for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<AccessToken, AuthError>> + Send + 'static,
{
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, AuthError>> {
        Box::pin(self())
    }
}

/// Gets a new token each time it is asked: what a [`TokenCache`](crate::TokenCache) stands in front of.
///
/// Implemented by [`ClientCredentials`](crate::ClientCredentials) and by any
/// `Fn() -> impl Future<Output = Result<IssuedToken, AuthError>>`.
pub trait FetchToken: Send + Sync + 'static {
    /// Gets a new token.
    ///
    /// # Errors
    /// See [`AuthErrorKind`](crate::AuthErrorKind). The cache does not try again by itself: a fetch
    /// that is worth repeating is repeated in here.
    fn fetch(&self) -> BoxFuture<'_, Result<IssuedToken, AuthError>>;
}

impl<F, Fut> FetchToken for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<IssuedToken, AuthError>> + Send + 'static,
{
    fn fetch(&self) -> BoxFuture<'_, Result<IssuedToken, AuthError>> {
        Box::pin(self())
    }
}

/// A new token, and how long it lives.
#[derive(Clone)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The token.
    pub token: AccessToken,
    /// How long it lives, counted from the request for it; `None` if the issuer does not say.
    pub lifetime: Option<Duration>,
}

impl IssuedToken {
    /// A token whose issuer says nothing of its lifetime.
    pub fn new(token: AccessToken) -> Self {
        Self { token, lifetime: None }
    }

    /// Sets how long the token lives.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}
