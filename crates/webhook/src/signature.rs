//! Signing of callbacks, as the service does it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use http::HeaderName;

use crate::WebhookSecret;

/// Header of the signature: base64 of the code, with padding.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("x-sinch-webhook-signature");
/// Header of the time of signing: Unix time in seconds.
pub const TIMESTAMP_HEADER: HeaderName = HeaderName::from_static("x-sinch-webhook-signature-timestamp");
/// Header of the nonce: unique per callback.
pub const NONCE_HEADER: HeaderName = HeaderName::from_static("x-sinch-webhook-signature-nonce");
/// Header of the algorithm: always [`ALGORITHM`] so far.
pub const ALGORITHM_HEADER: HeaderName = HeaderName::from_static("x-sinch-webhook-signature-algorithm");
/// The name of the only algorithm.
pub const ALGORITHM: &str = "HmacSHA256";

/// Signs a callback: `base64(HMAC-SHA256(secret, body "." nonce "." timestamp))`.
///
/// `body` is what goes over the wire, byte for byte; `nonce` must be new for each callback, in
/// visible ASCII without a full stop; `timestamp` is Unix time in seconds.
pub fn sign(secret: &WebhookSecret, body: &[u8], nonce: &str, timestamp: i64) -> Signature {
    let timestamp = timestamp.to_string();
    let code = secret.code(body, nonce, &timestamp).finalize().into_bytes();
    Signature { value: STANDARD.encode(code), nonce: nonce.to_owned(), timestamp }
}

/// The signature of one callback and what went into it beside the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    value: String,
    nonce: String,
    timestamp: String,
}

impl Signature {
    /// The signature itself, in base64.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The four headers that go with the body.
    pub fn headers(&self) -> [(HeaderName, &str); 4] {
        [
            (SIGNATURE_HEADER, &self.value),
            (TIMESTAMP_HEADER, &self.timestamp),
            (NONCE_HEADER, &self.nonce),
            (ALGORITHM_HEADER, ALGORITHM),
        ]
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("nonce", &self.nonce).field("timestamp", &self.timestamp).finish()
    }
}
