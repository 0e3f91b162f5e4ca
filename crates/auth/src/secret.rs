//! What may not be printed: the key's secret and the tokens it buys.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Names an access key of a Sinch project. It is no secret, but useless without one.
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

/// The secret of an access key. Hidden from `Debug`, wiped from memory when dropped.
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

/// A bearer token. Hidden from `Debug`, wiped from memory when dropped; copies share nothing.
#[derive(Clone)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Takes a token as it is.
    pub fn new(token: impl Into<String>) -> Self {
        Self(SecretString::from(token.into()))
    }

    /// The token's text, for the `Authorization` header and nothing else: whoever has it can send
    /// messages on your account until it expires. Mark the header value as sensitive.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same token.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([hidden])")
    }
}
