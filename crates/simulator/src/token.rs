//! Access tokens: issued, looked at, expired.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use crate::answer::Answer;
use crate::clock::later;
use crate::server::{decode, pairs};

/// The tokens that were issued, and when each expires.
#[derive(Default)]
pub(crate) struct Tokens {
    issued: Mutex<HashMap<Box<str>, Timestamp>>,
}

/// More than anybody needs at once; beyond it, expired ones are forgotten.
const KEPT: usize = 10_000;

impl Tokens {
    pub(crate) fn issue(&self, now: Timestamp, lifetime: Duration) -> String {
        let expires = later(now, lifetime);
        let mut issued = self.lock();
        if issued.len() >= KEPT {
            issued.retain(|_, expires| *expires > now);
        }
        // Not for anybody to guess, and not the same after a restart: tokens do not follow from the
        // seed.
        let random = |number: u64| RandomState::new().hash_one(number);
        let claims = json!({"iat": now.as_second(), "exp": expires.as_second(), "jti": format!("{:016x}", random(1))});
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let seal: [u8; 16] = (u128::from(random(2)) << 64 | u128::from(random(3))).to_be_bytes();
        let token =
            [part(r#"{"alg":"none","typ":"JWT"}"#), part(&claims.to_string()), URL_SAFE_NO_PAD.encode(seal)].join(".");
        issued.insert(token.as_str().into(), expires);
        token
    }

    /// Looks at the header of a request.
    pub(crate) fn check(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Box<Answer>> {
        let refuse = |challenge: &str| Err(Box::new(Answer::unauthenticated(challenge)));
        let Some(token) = bearer(headers) else { return refuse("Bearer") };
        match self.lock().get(token) {
            None => refuse(r#"Bearer error="invalid_token", error_description="The token is not known""#),
            Some(expires) if *expires <= now => Err(Box::new(expired(*expires))),
            Some(_) => Ok(()),
        }
    }

    /// Expires the token of a request, if it is one.
    pub(crate) fn expire(&self, headers: &HeaderMap, now: Timestamp) -> Answer {
        if let Some(expires) = bearer(headers).and_then(|token| self.lock().get(token).copied())
            && expires > now
            && let Some(token) = bearer(headers)
        {
            self.lock().insert(token.into(), now);
        }
        expired(now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Timestamp>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expired(at: Timestamp) -> Answer {
    Answer::unauthenticated(&format!(r#"Bearer error="invalid_token", error_description="Jwt expired at {at}""#))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// What follows the scheme in the `Authorization` header.
fn credentials<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim())
}

/// Looks at a request for a token: the answer to refuse it with, if it is not in order.
pub(crate) fn check_request(
    headers: &HeaderMap,
    body: &[u8],
    expected: Option<&(String, String)>,
) -> Result<(), Box<Answer>> {
    let refuse = |status, error, description| Err(Box::new(Answer::token_error(status, error, description)));
    let form = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !form.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The body must be a form.");
    }
    let form = pairs(&String::from_utf8_lossy(body));
    match form.iter().find(|(name, _)| name == "grant_type") {
        None => return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The form has no grant_type."),
        Some((_, grant)) if grant != "client_credentials" => {
            return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Only client_credentials is granted.");
        }
        Some(_) => {}
    }
    let decoded = credentials(headers, "basic").and_then(|text| STANDARD.decode(text).ok());
    let known = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).is_some_and(|pair| {
        let Some((id, secret)) = pair.split_once(':') else { return false };
        match expected {
            None => !id.is_empty() && !secret.is_empty(),
            Some((want_id, want_secret)) => {
                // RFC 6749 wants both form-encoded; Sinch's own clients send them plain.
                let form = |text: &str| decode(&text.replace('+', " "));
                (id == want_id && secret == want_secret)
                    || (form(id).as_ref() == Some(want_id) && form(secret).as_ref() == Some(want_secret))
            }
        }
    });
    if known {
        Ok(())
    } else {
        refuse(StatusCode::UNAUTHORIZED, "invalid_client", "The client could not be authenticated.")
    }
}
