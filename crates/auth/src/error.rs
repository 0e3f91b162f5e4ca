//! Why there is no token, by what to do next.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no token. Its text and its sources hold no secret and no body of a response.
///
/// It can be cloned, because all tasks that waited for one fetch get its error.
#[derive(Clone)]
pub struct AuthError(Arc<Inner>);

struct Inner {
    kind: AuthErrorKind,
    status: Option<u16>,
    why: Option<&'static str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of error, and with it what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// The key id or its secret is wrong, or the key was deleted. Do not try again: fix the credentials.
    Refused,
    /// Too many requests for tokens, still so after a few repeats. Try again later; share one
    /// [`TokenCache`](crate::TokenCache) between all that send.
    RateLimited {
        /// The wait that the service asks for before the next try, if any.
        retry_after: Option<Duration>,
    },
    /// No response: no network, a wrong token URL, or a timeout. Try again when the network is back.
    Unreachable,
    /// The token endpoint failed, still so after a few repeats. Try again later.
    Server,
    /// The response is not a token. Check the token URL: something else may be listening there.
    InvalidResponse,
    /// Credentials may not be sent to this URL: use `https`, or `http` to this machine.
    InsecureUrl,
}

impl AuthError {
    /// An error of this kind, for token sources of your own.
    pub fn new(kind: AuthErrorKind) -> Self {
        Self(Arc::new(Inner { kind, status: None, why: None, source: None }))
    }

    /// An error of this kind with its cause. The cause must not hold a secret.
    pub fn with_source(kind: AuthErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::new(Inner { kind, status: None, why: None, source: Some(source.into()) }))
    }

    pub(crate) fn from_status(kind: AuthErrorKind, status: http::StatusCode, why: Option<&'static str>) -> Self {
        Self(Arc::new(Inner { kind, status: Some(status.as_u16()), why, source: None }))
    }

    pub(crate) fn because(kind: AuthErrorKind, why: &'static str) -> Self {
        Self(Arc::new(Inner { kind, status: None, why: Some(why), source: None }))
    }

    /// The kind of error, and with it what to do.
    pub fn kind(&self) -> &AuthErrorKind {
        &self.0.kind
    }

    /// The HTTP status of the token endpoint's response, if that is what went wrong.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Whether the same call may succeed later without any change.
    ///
    /// # What to do
    /// If so, wait: a fetch has already been repeated where that made sense.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.kind, AuthErrorKind::RateLimited { .. } | AuthErrorKind::Unreachable | AuthErrorKind::Server)
    }

    /// The wait that the service asks for before the next try, if any.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.kind {
            AuthErrorKind::RateLimited { retry_after } => retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind {
            AuthErrorKind::Refused => "the token endpoint refused the key id or the key secret",
            AuthErrorKind::RateLimited { .. } => "too many requests to the token endpoint",
            AuthErrorKind::Unreachable => "the token endpoint could not be reached",
            AuthErrorKind::Server => "the token endpoint failed",
            AuthErrorKind::InvalidResponse => "the response of the token endpoint is not a token",
            AuthErrorKind::InsecureUrl => "credentials may not be sent to this URL",
        })?;
        match (self.0.status, self.0.why) {
            (Some(status), Some(why)) => write!(f, " ({status}, {why})"),
            (Some(status), None) => write!(f, " ({status})"),
            (None, Some(why)) => write!(f, " ({why})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthError")
            .field("kind", &self.0.kind)
            .field("status", &self.0.status)
            .field("why", &self.0.why)
            .field("source", &self.0.source.as_ref().map(|source| source.to_string()))
            .finish()
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
