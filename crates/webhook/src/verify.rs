//! Checking that a callback comes from the service, unaltered and of now.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use crate::WebhookSecret;
use crate::signature::{ALGORITHM, ALGORITHM_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// How far the time of signing may be from now, unless told otherwise.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(5 * 60);

/// Checks the signatures of callbacks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verifier {
    secrets: Arc<[WebhookSecret]>,
    window: Duration,
}

/// A callback whose signature holds: what else is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Unique per callback; see [`NonceStore`](crate::NonceStore).
    pub nonce: Box<str>,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The last moment at which this signature is taken.
    pub good_until: Timestamp,
}

/// Why a callback was refused. All are final: answer 401 and change nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing or empty.
    ///
    /// Does the webhook have a secret at the service? Without one it does not sign.
    #[error("the callback has no header {0}")]
    Missing(HeaderName),
    /// A header came more than once.
    #[error("the callback has several headers {0}")]
    Repeated(HeaderName),
    /// A header holds something that is never in it.
    #[error("the callback's header {0} is malformed")]
    Malformed(HeaderName),
    /// Another algorithm than HMAC-SHA256.
    #[error("the callback is signed with an unknown algorithm")]
    Algorithm,
    /// Signed too long ago.
    ///
    /// If genuine callbacks meet this, set the clock right or widen the window.
    #[error("the callback was signed too long ago")]
    Old,
    /// Signed too far in the future; see [`Old`](Self::Old).
    #[error("the callback was signed in the future")]
    Future,
    /// None of the secrets makes this signature of these bytes.
    ///
    /// If genuine callbacks meet this, compare the secret, and look for something on the way that
    /// rewrites bodies.
    #[error("the callback's signature does not match")]
    Mismatch,
}

impl SignatureError {
    /// The reason in one word, for an answer or a metric.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Repeated(_) => "repeated",
            Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::Old => "old",
            Self::Future => "future",
            Self::Mismatch => "mismatch",
        }
    }
}

impl Verifier {
    /// Takes callbacks signed with this secret within [`DEFAULT_WINDOW`] of now.
    pub fn new(secret: WebhookSecret) -> Self {
        Self::any_of([secret])
    }

    /// Takes callbacks signed with any of these secrets: several webhooks, or a secret that is being
    /// changed. Empty secrets are left out; without any, nothing is taken.
    pub fn any_of(secrets: impl IntoIterator<Item = WebhookSecret>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Self { secrets, window: DEFAULT_WINDOW }
    }

    /// How far the time of signing may be from now, either way, the bounds included.
    ///
    /// Whether a callback is signed again when it is sent again is not published. A window too
    /// narrow for the service's retries would refuse genuine ones.
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Checks the raw bytes of a callback against its headers. Compares in constant time.
    ///
    /// A nonce seen before is not refused here: see [`NonceStore`](crate::NonceStore).
    ///
    /// # Errors
    /// With the reason, if anything is not as the service would have it. Answer 401 and change
    /// nothing.
    pub fn check(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Verified, SignatureError> {
        match single(headers, ALGORITHM_HEADER) {
            Ok(name) if name.eq_ignore_ascii_case(ALGORITHM) => {}
            // One algorithm is published, so its name may be left out.
            Err(SignatureError::Missing(_)) if !headers.contains_key(ALGORITHM_HEADER) => {}
            Err(error @ SignatureError::Repeated(_)) => return Err(error),
            Ok(_) | Err(_) => return Err(SignatureError::Algorithm),
        }
        let signature = single(headers, SIGNATURE_HEADER)?;
        let timestamp = single(headers, TIMESTAMP_HEADER)?;
        let nonce = single(headers, NONCE_HEADER)?;
        // With a full stop in a nonce, part of a body could be passed off as nonce: the bytes that
        // are signed would be the same.
        if nonce.contains('.') {
            return Err(SignatureError::Malformed(NONCE_HEADER));
        }
        let signed_at = seconds(timestamp).ok_or(SignatureError::Malformed(TIMESTAMP_HEADER))?;
        let signature = STANDARD.decode(signature).map_err(|_| SignatureError::Malformed(SIGNATURE_HEADER))?;

        let matches = |secret: &WebhookSecret| secret.code(body, nonce, timestamp).verify_slice(&signature).is_ok();
        if !self.secrets.iter().any(matches) {
            return Err(SignatureError::Mismatch);
        }

        let window = i128::try_from(self.window.as_nanos()).unwrap_or(i128::MAX);
        let age = now.as_nanosecond() - signed_at.as_nanosecond();
        if age > window {
            return Err(SignatureError::Old);
        }
        if age < -window {
            return Err(SignatureError::Future);
        }
        let good_until = signed_at.as_nanosecond().saturating_add(window);
        Ok(Verified {
            nonce: nonce.into(),
            signed_at,
            good_until: Timestamp::from_nanosecond(good_until).unwrap_or(Timestamp::MAX),
        })
    }
}

/// The value of a header that must come exactly once.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<&str, SignatureError> {
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else { return Err(SignatureError::Missing(name)) };
    if values.next().is_some() {
        return Err(SignatureError::Repeated(name));
    }
    match value.to_str() {
        Ok("") => Err(SignatureError::Missing(name)),
        Ok(text) => Ok(text),
        Err(_) => Err(SignatureError::Malformed(name)),
    }
}

/// Unix time in seconds, written in decimal digits and nothing else.
fn seconds(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Timestamp::from_second(text.parse().ok()?).ok()
}
