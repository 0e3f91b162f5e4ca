//! Where requests go: the base URL, and paths and queries laid out on it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::AtomicUsize;

use sinch_batch_models::ProjectId;
use url::{Host, Url};

use crate::client::BuildError;

/// `{base}/v1/projects/{project_id}`, encoded, without a slash at its end.
#[derive(Debug)]
pub(crate) struct Endpoint {
    project: String,
    project_id: ProjectId,
    /// How many bytes of `project` are the base URL.
    base: usize,
    loopback: bool,
    /// How many bytes a recipient took in the last batch: what the next body will need.
    pub(crate) recipient_bytes: AtomicUsize,
}

impl Endpoint {
    /// Takes a base URL apart and checks that a token may be sent there.
    pub(crate) fn new(base_url: &str, project: &ProjectId) -> Result<Self, BuildError> {
        let refused = |why| BuildError::BaseUrl { why };
        let url = Url::parse(base_url).map_err(|_| refused("it is not a URL"))?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
            Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
            None => return Err(refused("it has no host")),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(refused("a token is sent over http to this machine only, elsewhere over https")),
            _ => return Err(refused("it is neither https nor http")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it carries a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it carries a query or a fragment"));
        }
        let segment = segment(project.as_str()).ok_or(BuildError::ProjectId)?;
        let base = url.as_str().trim_end_matches('/');
        Ok(Self {
            project: format!("{base}/v1/projects/{segment}"),
            project_id: project.clone(),
            base: base.len(),
            loopback,
            recipient_bytes: AtomicUsize::new(0),
        })
    }

    /// The project's URL with a path behind it, whose slashes and escapes are the caller's.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.project)
    }

    /// The base URL, without a slash at its end.
    pub(crate) fn base_url(&self) -> &str {
        &self.project[..self.base]
    }

    pub(crate) fn project_id(&self) -> &ProjectId {
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

    fn at(base_url: &str) -> Result<String, BuildError> {
        Endpoint::new(base_url, &ProjectId::new("a/b")).map(|endpoint| endpoint.at("messages"))
    }

    #[test]
    fn a_base_path_is_kept_and_ids_are_encoded() {
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
    fn a_token_goes_only_where_nobody_listens_in() {
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
            assert!(matches!(at(base_url), Err(BuildError::BaseUrl { .. })), "{base_url}");
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
        fn what_is_encoded_decodes_to_itself(text in ".*") {
            let url = Url::parse(&format!("https://eu.example/?k={}", encode(&text))).unwrap();
            let (_, value) = url.query_pairs().next().unwrap();
            prop_assert_eq!(value.into_owned(), text);
        }
    }
}
