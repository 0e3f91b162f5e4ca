//! The secret that a webhook shares with the service.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The secret that a webhook shares with the service, as UTF-8 text.
///
/// It is never printed and is wiped from memory when dropped. An empty secret signs, as the service
/// would, but a [`Verifier`](crate::Verifier) takes nothing signed with it: anybody could do that.
#[derive(Clone)]
pub struct WebhookSecret(SecretString);

impl WebhookSecret {
    /// Takes a secret as it is.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(SecretString::from(secret.into()))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }

    /// The code over `body "." nonce "." timestamp`, not finished yet.
    pub(crate) fn code(&self, body: &[u8], nonce: &str, timestamp: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
        let mut code = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("any key length");
        for part in [body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()] {
            code.update(part);
        }
        code
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verifier;

    #[test]
    fn the_secret_is_not_printed() {
        let secret = WebhookSecret::new("hunter2");
        let all = format!("{secret:?} {secret:#?} {:?}", Verifier::new(secret.clone()));
        assert!(!all.contains("hunter2"), "{all}");
    }
}
