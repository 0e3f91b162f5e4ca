//! What may not be printed: the key's secret and the tokens it buys.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// Names an access key of a Sinch project. It is not a secret, and useless without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// Takes the id as it is.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret of an access key. Hidden from `Debug`, wiped from memory when dropped. It can be neither
/// printed nor compared nor serialized.
#[derive(Clone)]
pub struct KeySecret(SecretString);

impl KeySecret {
    /// Takes the secret as it is; spaces and line ends count.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(SecretString::from(secret.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret([hidden])")
    }
}

/// A bearer token. Hidden from `Debug`, wiped from memory when its last clone is dropped. It can be
/// neither printed nor compared nor serialized. Clones share one text, so they are cheap.
#[derive(Clone)]
pub struct AccessToken(Arc<SecretString>);

impl AccessToken {
    /// Takes a token as it is.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Arc::new(SecretString::from(token.into())))
    }

    /// The token's text, for the `Authorization` header and nothing else: with it, anybody can send
    /// messages on your account until it expires. Mark the header value as sensitive.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same token. Only for tokens that we hold ourselves: it takes longer the
    /// more they agree.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.expose() == other.expose()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([hidden])")
    }
}
