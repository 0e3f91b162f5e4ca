//! Where requests go: the base URL of a project, and paths and queries on it.

use std::fmt::Write as _;

use sinch_batch_auth::endpoint::{InsecureUrl, SecureUrl};
use sinch_batch_models::ProjectId;

use crate::Region;

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither a region nor a base URL was given.
    #[error("a client needs a region (us, eu or br) or a base URL")]
    NoRegion,
    /// A token may not be sent to the base URL.
    #[error("this base URL cannot be used: {0}")]
    InsecureUrl(InsecureUrl),
    /// The base URL carries a query.
    #[error("this base URL cannot be used: it carries a query")]
    Query,
    /// The project id is empty or a dot.
    #[error("a client needs a project id")]
    ProjectId,
    /// There is no transport: bring one or enable feature `reqwest`.
    #[error("a client without feature `reqwest` needs a transport")]
    NoTransport,
    /// The HTTP client cannot be set up, such as without root certificates.
    #[error("the HTTP client cannot be set up")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The base URL of a project: where [`wire`](crate::wire) writes its requests to.
///
/// ```
/// use sinch_batch_client::{Region, wire::Endpoint};
/// use sinch_batch_models::ProjectId;
///
/// let endpoint = Endpoint::of_region(Region::Eu, &ProjectId::new("my-project"))?;
/// assert_eq!(endpoint.base_url(), "https://eu.conversationbatch.api.sinch.com");
/// # Ok::<(), sinch_batch_client::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `{base}/v1/projects/{project_id}`, encoded, without a slash at its end.
    project: String,
    project_id: ProjectId,
    /// How many bytes of `project` are the base URL.
    base: usize,
    loopback: bool,
}

impl Endpoint {
    /// The endpoint of a project at the host of a region.
    ///
    /// # Errors
    /// [`BuildError::ProjectId`] if the project id is empty or a dot.
    pub fn of_region(region: Region, project: &ProjectId) -> Result<Self, BuildError> {
        Self::checked(region.base_url(), project, None)
    }

    /// The endpoint of a project at a base URL, whose path is kept.
    ///
    /// # Errors
    /// [`BuildError`] unless the URL is `https`, or `http` to this machine.
    pub fn new(base_url: &str, project: &ProjectId) -> Result<Self, BuildError> {
        Self::checked(base_url, project, None)
    }

    pub(crate) fn checked(
        base_url: &str,
        project: &ProjectId,
        plain_http_to: Option<&str>,
    ) -> Result<Self, BuildError> {
        let url = match plain_http_to {
            Some(host) => SecureUrl::parse_with_insecure_plain_http_to(base_url, host),
            None => SecureUrl::parse(base_url),
        };
        let url = url.map_err(BuildError::InsecureUrl)?;
        if url.has_query() {
            return Err(BuildError::Query);
        }
        let segment = segment(project.as_str()).ok_or(BuildError::ProjectId)?;
        let base = url.as_str().trim_end_matches('/');
        Ok(Self {
            project: format!("{base}/v1/projects/{segment}"),
            project_id: project.clone(),
            base: base.len(),
            loopback: url.is_loopback(),
        })
    }

    /// The project's URL with a path behind it, whose slashes and escapes are the caller's.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.project)
    }

    /// The base URL, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.project[..self.base]
    }

    /// The project.
    pub fn project_id(&self) -> &ProjectId {
        &self.project_id
    }

    /// Whether it leads to this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// An id as one segment of a path; `None` if it would be another path than it seems.
pub(crate) fn segment(id: &str) -> Option<String> {
    (!matches!(id, "" | "." | "..")).then(|| encode(id))
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            // Writing to a string cannot fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    fn at(base_url: &str) -> Result<String, BuildError> {
        Endpoint::new(base_url, &ProjectId::new("a/b")).map(|endpoint| endpoint.at("messages"))
    }

    #[test]
    fn endpoint_keeps_a_base_path_and_encodes_ids() {
        for (base_url, expected) in [
            ("https://eu.example", "https://eu.example/v1/projects/a%2Fb/messages"),
            ("https://eu.example/", "https://eu.example/v1/projects/a%2Fb/messages"),
            ("https://EU.example:443/base/path/", "https://eu.example/base/path/v1/projects/a%2Fb/messages"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/projects/a%2Fb/messages"),
            ("http://[::1]:8080", "http://[::1]:8080/v1/projects/a%2Fb/messages"),
            ("http://localhost", "http://localhost/v1/projects/a%2Fb/messages"),
        ] {
            assert_eq!(at(base_url).unwrap(), expected);
            let endpoint = Endpoint::new(base_url, &ProjectId::new("a/b")).unwrap();
            assert_eq!(expected.strip_prefix(endpoint.base_url()), Some("/v1/projects/a%2Fb/messages"));
            assert_eq!(endpoint.project_id(), &ProjectId::new("a/b"));
        }
    }

    #[test]
    fn endpoint_requires_https_or_loopback() {
        for base_url in [
            "",
            "eu",
            "eu.conversationbatch.api.sinch.com",
            "ftp://eu.example",
            "unix:/socket",
            "http://eu.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://[::2]",
            "http://127.0.0.1@eu.example",
            "https://user:password@eu.example",
            "https://eu.example?a=b",
            "https://eu.example#a",
        ] {
            assert!(matches!(at(base_url), Err(BuildError::InsecureUrl(_) | BuildError::Query)), "{base_url}");
        }
        for project in ["", ".", ".."] {
            assert!(matches!(
                Endpoint::new("https://eu.example", &ProjectId::new(project)),
                Err(BuildError::ProjectId)
            ));
        }
    }

    proptest! {
        #[test]
        fn encode_decodes_to_itself(text in ".*") {
            let url = Url::parse(&format!("https://eu.example/?k={}", encode(&text))).unwrap();
            let (_, value) = url.query_pairs().next().unwrap();
            prop_assert_eq!(value.into_owned(), text);
        }
    }
}
