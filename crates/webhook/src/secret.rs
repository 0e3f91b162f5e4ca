//! The secret that a webhook shares with the service.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use sinch_batch_models::AppId;

use crate::Signature;

/// The secret that a webhook shares with the service, as UTF-8 text.
///
/// Kept as the state of HMAC that follows from it, made once; it is never printed, and wiped from
/// memory when dropped. An empty secret signs, as the service would, but no
/// [`Verifier`](crate::Verifier) can be made with it: anybody could sign.
#[derive(Clone)]
pub struct WebhookSecret {
    key: Hmac<Sha256>,
    empty: bool,
    name: Option<Arc<str>>,
    end: Option<Timestamp>,
    apps: Arc<[AppId]>,
}

impl WebhookSecret {
    /// A secret of this text, taken as it is.
    pub fn new(secret: impl Into<String>) -> Self {
        let secret = SecretString::from(secret.into());
        let text = secret.expose_secret();
        #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
        let key = Hmac::new_from_slice(text.as_bytes()).expect("any key length");
        Self { key, empty: text.is_empty(), name: None, end: None, apps: Arc::default() }
    }

    /// Names the secret, for logs and metrics: "of May". Not the secret itself.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the last moment at which a [`Verifier`](crate::Verifier) accepts its signatures, by the
    /// verifier's time: what a callback says of its own time would be a forger's choice.
    #[must_use]
    pub fn with_end(mut self, end: Timestamp) -> Self {
        self.end = Some(end);
        self
    }

    /// Binds the secret to an app; call it again for each further one.
    ///
    /// Where the webhooks of several apps share a path, anybody who knows one secret could otherwise sign
    /// a callback that names another's app. A callback that names no app, as those about contacts, is
    /// taken with any secret.
    #[must_use]
    pub fn with_app(mut self, app: impl Into<AppId>) -> Self {
        self.apps = self.apps.iter().cloned().chain([app.into()]).collect();
        self
    }

    /// The apps it is bound to; empty if any app may use it.
    pub fn apps(&self) -> &[AppId] {
        &self.apps
    }

    /// Whether the secret is empty.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The last moment at which it is accepted; `None` for no end.
    pub fn end(&self) -> Option<Timestamp> {
        self.end
    }

    pub(crate) fn shared_apps(&self) -> Arc<[AppId]> {
        self.apps.clone()
    }

    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    /// Signs a callback; see [`sign`](crate::sign).
    pub fn sign(&self, body: &[u8], nonce: &str, timestamp: i64) -> Signature {
        crate::sign(self, body, nonce, timestamp)
    }

    /// The code over `body "." nonce "." timestamp`, not finished yet.
    pub(crate) fn code(&self, body: &[u8], nonce: &str, timestamp: &str) -> Hmac<Sha256> {
        let mut code = self.key.clone();
        for part in [body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()] {
            code.update(part);
        }
        code
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecret").field("name", &self.name).field("end", &self.end).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verifier;

    #[test]
    fn secret_is_not_printed() {
        let secret = WebhookSecret::new("hunter2").with_name("of May");
        let all = format!("{secret:?} {secret:#?} {:?}", Verifier::new(secret.clone()));
        assert!(!all.contains("hunter2"), "{all}");
        assert!(all.contains("of May"), "{all}");
    }
}
