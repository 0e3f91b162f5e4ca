//! Sending callbacks to a URL.

use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use sinch_batch::auth::endpoint::is_loopback;
use sinch_batch::webhook::Signature;
use url::Url;

use crate::exit;
use crate::fail::Failure;

/// Sends callbacks to one URL.
#[derive(Clone, Debug)]
pub(crate) struct Poster {
    http: reqwest::Client,
    url: Url,
}

/// How a callback was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// When to come again, if the answer says so in seconds.
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    pub(crate) fn is_success(self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the service would send the callback again.
    pub(crate) fn is_temporary(self) -> bool {
        self.status == 429 || (500..600).contains(&self.status)
    }
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) struct Unanswered(reqwest::Error);

impl Unanswered {
    /// No connection could be made.
    pub(crate) fn is_connect(&self) -> bool {
        self.0.is_connect()
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_connect() {
            "no connection could be made"
        } else if self.0.is_timeout() {
            "there was no answer in time"
        } else {
            "the connection broke"
        })
    }
}

impl std::error::Error for Unanswered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // reqwest's own sentence says what ours does; its cause says more.
        std::error::Error::source(&self.0)
    }
}

impl Poster {
    /// Sends to this URL; an answer may take that long. Trusts the certificates in the file too.
    pub(crate) fn new(url: &str, timeout: Duration, ca: Option<&Path>) -> Result<Self, Failure> {
        let url = Url::parse(url).map_err(|error| {
            Failure::because(exit::USAGE, "the URL for callbacks cannot be used", &error).hint(FORM)
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Failure::new(exit::USAGE, "the URL for callbacks is not one of HTTP").hint(FORM));
        }
        // As the service does: no redirects, and nothing again unless we say so.
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10).min(timeout))
            .timeout(timeout);
        if url.host_str().is_some_and(is_loopback) {
            builder = builder.no_proxy();
        }
        if let Some(path) = ca {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        let http = builder
            .build()
            .map_err(|error| Failure::because(exit::UNEXPECTED, "no HTTP client could be made", &error))?;
        Ok(Self { http, url })
    }

    /// Sends a body with the headers of its signature.
    pub(crate) async fn post(&self, signature: &Signature, body: Bytes) -> Result<Answer, Unanswered> {
        let mut request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        for (name, value) in signature.headers() {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| Unanswered(error.without_url()))?;
        let retry_after = answer.headers().get(RETRY_AFTER).map(HeaderValue::to_str);
        let retry_after = retry_after.and_then(|text| text.ok()?.trim().parse().ok()).map(Duration::from_secs);
        Ok(Answer { status: answer.status().as_u16(), retry_after })
    }

    /// The URL without what may be secret in it.
    pub(crate) fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        // It has a host, so these cannot fail.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.into()
    }
}

const FORM: &str = "give a whole URL: http(s)://HOST[:PORT]/PATH";

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, Failure> {
    let unusable = |error: &dyn std::error::Error| {
        Failure::because(exit::USAGE, format!("the certificate in {} cannot be used", path.display()), error)
            .hint("--tls-ca names a PEM file of certificates to trust")
    };
    let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))
}
