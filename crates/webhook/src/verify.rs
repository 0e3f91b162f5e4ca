//! Signature verification: a callback comes from the service, unaltered, and was signed just now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sinch_batch_models::{AppId, Callback};

use crate::signature::{ALGORITHM, ALGORITHM_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::{Signature, WebhookSecret};

/// Default limit between the time of signing and now, either way: 5 minutes.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(5 * 60);

/// Verifies the signatures of callbacks, and signs. Cheap to clone.
///
/// | Header | What is accepted |
/// | --- | --- |
/// | all | exactly once each, not empty; spaces and tabs around a value are not part of it, as in HTTP |
/// | `x-sinch-webhook-signature` | base64 with padding, of 32 bytes |
/// | `…-timestamp` | whole seconds in decimal digits: no sign, no leading zero, within the window |
/// | `…-nonce` | visible ASCII without a full stop |
/// | `…-algorithm` | `HmacSHA256` in any case, and nothing else |
#[derive(Clone)]
pub struct Verifier {
    secrets: Arc<[WebhookSecret]>,
    window: Duration,
    algorithm_may_be_missing: bool,
    bearer: Option<Arc<BearerCheck>>,
}

type BearerCheck = dyn Fn(&str) -> bool + Send + Sync;

/// What is known of a callback whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Unique per callback; see [`NonceStore`](crate::NonceStore).
    pub nonce: Box<str>,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The last moment at which this signature is in time; it has passed if the callback is late.
    pub good_until: Timestamp,
    /// Whether it was signed before the window, and is accepted all the same: by a receiver that was
    /// asked to, never by [`Verifier::check`].
    pub late: bool,
    /// Which secret made the signature: its place among those of the verifier, from 0.
    pub secret: usize,
    /// What that secret is called, if it has a name.
    pub secret_name: Option<Arc<str>>,
    /// The apps that secret is [for](WebhookSecret::with_app); none if it is for any.
    pub apps: Arc<[AppId]>,
}

impl Verified {
    /// Checks that a callback names an app its secret is [for](WebhookSecret::with_app).
    ///
    /// A callback that names no app, as those about contacts, passes.
    ///
    /// # Errors
    /// [`SignatureError::OtherApp`] if it names another app: answer 401.
    pub fn check_app(&self, callback: &Callback) -> Result<(), SignatureError> {
        match &callback.app_id {
            Some(app) if !self.apps.is_empty() && !app.is_empty() && !self.apps.contains(app) => {
                Err(SignatureError::OtherApp)
            }
            _ => Ok(()),
        }
    }
}

/// How the time of signing stands to the window around now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    InTime,
    /// So long ago.
    Old(Duration),
    /// So far in the future.
    Future(Duration),
}

/// An invalid set of secrets for a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// No secret: no callback could be verified.
    #[error("a verifier needs at least one secret")]
    NoSecret,
    /// An empty secret: anybody could sign. Is the environment variable set?
    #[error("the webhook secret at place {0}, counted from 0, is empty")]
    EmptySecret(usize),
}

/// Why a signature was rejected.
///
/// [`Old`](Self::Old) and [`Future`](Self::Future) mean a genuine callback at a wrong time: answer 503,
/// since a clock may be set right until it comes again. All others are final: answer 401, the same for
/// all. Change nothing either way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A header is missing or empty.
    ///
    /// Does the webhook have a secret at the service? Without one it does not sign.
    #[error("the callback has no header {0}")]
    Missing(HeaderName),
    /// A header occurs more than once.
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
    /// The signature held. Set the clock right or widen the window.
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
    /// Signed with a secret whose [end](WebhookSecret::with_end) has passed.
    ///
    /// If genuine callbacks meet this, the webhook still has the old secret at the service.
    #[error("the callback is signed with a secret that has ended")]
    Ended,
    /// Signed, but its bearer token is not an accepted one.
    #[error("the callback's bearer token was refused")]
    Bearer,
    /// Signed with the secret of one app, but the callback names another.
    #[error("the callback names an app that its secret is not for")]
    OtherApp,
}

impl SignatureError {
    /// The reason as a code, for logs and metrics; a response must not contain it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Repeated(_) => "repeated",
            Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::Old => "old",
            Self::Future => "future",
            Self::Mismatch => "mismatch",
            Self::Ended => "ended",
            Self::Bearer => "bearer",
            Self::OtherApp => "other_app",
        }
    }
}

impl Verifier {
    /// Accepts callbacks signed with this secret within [`DEFAULT_WINDOW`] of now.
    ///
    /// # Errors
    /// If the secret is empty.
    pub fn new(secret: WebhookSecret) -> Result<Self, VerifierError> {
        Self::any_of([secret])
    }

    /// Accepts callbacks signed with any of these secrets: several webhooks, or a secret that is being
    /// changed, the new one first and the old one [with an end](WebhookSecret::with_end).
    ///
    /// Each secret costs one more HMAC per callback: all are always tried, so that the time taken
    /// does not reveal which one holds.
    ///
    /// # Errors
    /// If there is no secret, or one of them is empty.
    pub fn any_of(secrets: impl IntoIterator<Item = WebhookSecret>) -> Result<Self, VerifierError> {
        let secrets: Arc<[WebhookSecret]> = secrets.into_iter().collect();
        if secrets.is_empty() {
            return Err(VerifierError::NoSecret);
        }
        if let Some(place) = secrets.iter().position(WebhookSecret::is_empty) {
            return Err(VerifierError::EmptySecret(place));
        }
        Ok(Self { secrets, window: DEFAULT_WINDOW, algorithm_may_be_missing: false, bearer: None })
    }

    /// Sets the limit between the time of signing and now, either way, in whole seconds, bounds included.
    ///
    /// Whether a callback is signed again when it is sent again is not published. With a window too
    /// narrow for the service's retries genuine ones are old; with a wider one a captured callback can
    /// be repeated for longer, once the [`NonceStore`](crate::NonceStore) has forgotten it.
    #[must_use]
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Accepts callbacks without the algorithm's header, which a proxy may strip. If it is there, it must
    /// still name the one algorithm.
    #[must_use]
    pub fn with_missing_algorithm_allowed(mut self) -> Self {
        self.algorithm_may_be_missing = true;
        self
    }

    /// Requires a bearer token too, for webhooks with OAuth2 credentials, and asks this whether it is
    /// good. It is asked only after the signature held. Compare in constant time.
    #[must_use]
    pub fn with_bearer(mut self, check: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.bearer = Some(Arc::new(check));
        self
    }

    /// The limit between the time of signing and now.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// Signs a callback with the first of the secrets; see [`sign`](crate::sign).
    pub fn sign(&self, body: &[u8], nonce: &str, timestamp: i64) -> Signature {
        crate::sign(&self.secrets[0], body, nonce, timestamp)
    }

    /// Verifies the raw bytes of a callback against its headers, in constant time.
    ///
    /// A nonce seen before is not refused here: see [`NonceStore`](crate::NonceStore).
    ///
    /// # Errors
    /// With the reason, if anything is not as the service would have it. Change nothing, and answer
    /// as [`SignatureError`] says. `Old` and `Future` are returned only for a callback whose signature holds.
    pub fn check(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Verified, SignatureError> {
        in_time(self.verify(in_map(headers), body, now)?)
    }

    /// Verifies the raw bytes of a callback against headers of any type, in constant time: `values` gives all values of the
    /// header of that name, which is in lower case.
    ///
    /// For frameworks with other header types, such as actix-web 4 (`http` 0.2), and for functions that
    /// get their headers as a map of strings:
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use sinch_batch_webhook::{Verified, SignatureError, Verifier};
    ///
    /// fn check(
    ///     verifier: &Verifier,
    ///     headers: &HashMap<String, String>, // with names in lower case
    ///     body: &[u8],
    ///     now: jiff::Timestamp,
    /// ) -> Result<Verified, SignatureError> {
    ///     verifier.check_with(|name| headers.get(name).map(String::as_bytes), body, now)
    /// }
    /// ```
    ///
    /// In actix-web: `|name| request.headers().get_all(name).map(|value| value.as_bytes())`.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_with<'h, I>(
        &self,
        values: impl Fn(&str) -> I,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Verified, SignatureError>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        in_time(self.verify(|name| values(name.as_str()), body, now)?)
    }

    /// Checks everything but the time, which is returned.
    pub(crate) fn verify<'h, I>(
        &self,
        values: impl Fn(&HeaderName) -> I,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Verified, Signing), SignatureError>
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        match single(&values, ALGORITHM_HEADER) {
            Ok(name) if name.eq_ignore_ascii_case(ALGORITHM) => {}
            Err(SignatureError::Missing(_))
                if self.algorithm_may_be_missing && values(&ALGORITHM_HEADER).into_iter().next().is_none() => {}
            Ok(_) => return Err(SignatureError::Algorithm),
            Err(error) => return Err(error),
        }
        let signature = single(&values, SIGNATURE_HEADER)?;
        let timestamp = single(&values, TIMESTAMP_HEADER)?;
        let nonce = single(&values, NONCE_HEADER)?;
        // With a full stop in a nonce, part of a body could be passed off as nonce: the bytes that
        // are signed would be the same.
        if !nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
            return Err(SignatureError::Malformed(NONCE_HEADER));
        }
        let signed_at = seconds(timestamp).ok_or(SignatureError::Malformed(TIMESTAMP_HEADER))?;
        let code = code(signature).ok_or(SignatureError::Malformed(SIGNATURE_HEADER))?;

        let secret = self.secret_of(&code, body, nonce, timestamp, now)?;
        if let Some(check) = &self.bearer
            && !bearer(&values).is_some_and(check.as_ref())
        {
            return Err(SignatureError::Bearer);
        }
        let (secret_name, apps) = (self.secrets[secret].shared_name(), self.secrets[secret].shared_apps());
        let (signing, good_until) = self.signing(signed_at, now);
        let late = matches!(signing, Signing::Old(_));
        Ok((Verified { nonce: nonce.into(), signed_at, good_until, late, secret, secret_name, apps }, signing))
    }

    /// The place of the secret that makes this code of these bytes.
    fn secret_of(
        &self,
        code: &[u8; 32],
        body: &[u8],
        nonce: &str,
        timestamp: &str,
        now: Timestamp,
    ) -> Result<usize, SignatureError> {
        let mut found = Err(SignatureError::Mismatch);
        for (place, secret) in self.secrets.iter().enumerate() {
            let holds = secret.code(body, nonce, timestamp).verify_slice(code).is_ok();
            if holds && found.is_err() {
                let ended = secret.end().is_some_and(|end| end < now);
                found = if ended { Err(SignatureError::Ended) } else { Ok(place) };
            }
        }
        found
    }

    /// How the time of signing stands to the window; until when it is in time.
    ///
    /// Whole seconds are compared, for the time of signing has no others: a callback signed "300 s
    /// ago" is in time during all of that second.
    fn signing(&self, signed_at: Timestamp, now: Timestamp) -> (Signing, Timestamp) {
        let window = self.window.as_secs();
        let age = now.as_nanosecond().div_euclid(1_000_000_000) - i128::from(signed_at.as_second());
        // Two times are never so far apart that the seconds between them would not fit.
        let apart = u64::try_from(age.unsigned_abs()).unwrap_or(u64::MAX);
        let signing = match (apart > window, age > 0) {
            (false, _) => Signing::InTime,
            (true, true) => Signing::Old(Duration::from_secs(apart)),
            (true, false) => Signing::Future(Duration::from_secs(apart)),
        };
        let window = i64::try_from(window).unwrap_or(i64::MAX);
        let last_second = signed_at.as_second().saturating_add(window);
        (signing, Timestamp::new(last_second, 999_999_999).unwrap_or(Timestamp::MAX))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("secrets", &self.secrets)
            .field("window", &self.window)
            .field("algorithm_may_be_missing", &self.algorithm_may_be_missing)
            .field("bearer", &self.bearer.is_some())
            .finish()
    }
}

/// Only what was signed within the window.
fn in_time((verified, signing): (Verified, Signing)) -> Result<Verified, SignatureError> {
    match signing {
        Signing::InTime => Ok(verified),
        Signing::Old(_) => Err(SignatureError::Old),
        Signing::Future(_) => Err(SignatureError::Future),
    }
}

/// The token of `Authorization: Bearer …`, if there is exactly one such header.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    bearer(&in_map(headers))
}

fn bearer<'h, I: IntoIterator<Item = &'h [u8]>>(values: &impl Fn(&HeaderName) -> I) -> Option<&'h str> {
    let (scheme, token) = single(values, AUTHORIZATION).ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The value of a header that must come exactly once, without the spaces around it.
fn single<'h, I>(values: &impl Fn(&HeaderName) -> I, name: HeaderName) -> Result<&'h str, SignatureError>
where
    I: IntoIterator<Item = &'h [u8]>,
{
    let mut values = values(&name).into_iter();
    let Some(value) = values.next() else { return Err(SignatureError::Missing(name)) };
    if values.next().is_some() {
        return Err(SignatureError::Repeated(name));
    }
    match visible(value).map(|text| text.trim_matches([' ', '\t'])) {
        Some("") => Err(SignatureError::Missing(name)),
        Some(text) => Ok(text),
        None => Err(SignatureError::Malformed(name)),
    }
}

/// A header's value as text, if it is visible ASCII, spaces and tabs.
fn visible(value: &[u8]) -> Option<&str> {
    // A fold without a branch is done on many bytes at once.
    let plain = value.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\t'));
    plain.then(|| std::str::from_utf8(value).ok()).flatten()
}

/// The values of a header in a map of the crate `http` 1. By its name rather than its text, which the map would
/// have to parse at each look.
pub(crate) fn in_map<'h>(headers: &'h HeaderMap) -> impl Fn(&HeaderName) -> InMap<'h> {
    |name| headers.get_all(name).iter().map(HeaderValue::as_bytes as fn(&'h HeaderValue) -> &'h [u8])
}

type InMap<'h> = std::iter::Map<http::header::ValueIter<'h, HeaderValue>, fn(&'h HeaderValue) -> &'h [u8]>;

/// Unix time in seconds, written in decimal digits and nothing else, in the one way there is.
fn seconds(text: &str) -> Option<Timestamp> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if !plain {
        return None;
    }
    Timestamp::from_second(text.parse().ok()?).ok()
}

/// The 32 bytes of a code, written in base64 in the one way there is.
fn code(text: &str) -> Option<[u8; 32]> {
    // The decoder wants room for three whole groups more than 32 bytes may need.
    let mut bytes = [0; 36];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}
