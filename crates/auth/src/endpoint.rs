//! The rule for where secrets may be sent: over https, or over http to this machine.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use oauth2::url::{Host, Url};

/// A URL that a secret may be sent to: `https`, or `http` to this machine.
///
/// The rule is judged by the text of the URL and resolves no name.
///
/// ```
/// use sinch_batch_auth::endpoint::SecureUrl;
///
/// assert!(SecureUrl::parse("https://auth.sinch.com/oauth2/token").is_ok());
/// assert!(SecureUrl::parse("http://127.0.0.1:8080").is_ok_and(|url| url.is_loopback()));
/// assert!(SecureUrl::parse("http://auth.sinch.com/oauth2/token").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecureUrl {
    url: Url,
    loopback: bool,
}

impl SecureUrl {
    /// Parses a URL and checks that secrets may be sent to it.
    ///
    /// # Errors
    /// [`InsecureUrl`] unless it is `https`, or `http` to `localhost`, `127.0.0.0/8` or `::1`; also if it
    /// carries a user, a password or a fragment.
    pub fn parse(url: &str) -> Result<Self, InsecureUrl> {
        Self::check(url, None)
    }

    /// Like [`parse`](Self::parse), but also takes plain `http` to one named host.
    ///
    /// Anybody who can listen in on the way to that host can read the secrets. It is meant for a simulator in
    /// another container.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_insecure_plain_http_to(url: &str, host: &str) -> Result<Self, InsecureUrl> {
        Self::check(url, Some(host))
    }

    fn check(url: &str, plain_http_to: Option<&str>) -> Result<Self, InsecureUrl> {
        let url = Url::parse(url).map_err(|_| InsecureUrl("it is not a URL"))?;
        let Some(host) = url.host_str() else { return Err(InsecureUrl("it has no host")) };
        let loopback = is_loopback(host);
        match url.scheme() {
            "https" => {}
            "http" if loopback || plain_http_to.is_some_and(|allowed| allowed.eq_ignore_ascii_case(host)) => {}
            "http" => return Err(InsecureUrl("it is http to another machine, where https is needed")),
            _ => return Err(InsecureUrl("it is neither https nor http")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InsecureUrl("it carries a user or a password"));
        }
        if url.fragment().is_some() {
            return Err(InsecureUrl("it carries a fragment"));
        }
        Ok(Self { url, loopback })
    }

    /// The URL, normalized: lower-case scheme and host, no default port.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Whether it has a query.
    pub fn has_query(&self) -> bool {
        self.url.query().is_some()
    }

    /// Whether it leads to this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    pub(crate) fn into_url(self) -> Url {
        self.url
    }
}

impl fmt::Debug for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecureUrl").field(&self.as_str()).finish()
    }
}

/// Why no secret may be sent to a URL. Its text does not repeat the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsecureUrl(&'static str);

impl InsecureUrl {
    pub(crate) fn why(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for InsecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InsecureUrl {}

/// Whether the host of a URL is this machine: `localhost`, `127.0.0.0/8` or `::1`, in brackets or without.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare.map_or_else(|| Host::parse(host), |address| Host::parse(&format!("[{address}]"))) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Ok(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        Err(_) => host.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_judged_by_the_text_of_the_host() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "localhost.example", "128.0.0.1", "[::2]", "::2", "[127.0.0.1", "a b"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn plain_http_goes_to_the_named_host_only() {
        let check = |url| SecureUrl::parse_with_insecure_plain_http_to(url, "simulator").map(|url| url.is_loopback());
        assert_eq!(check("http://simulator:8080/oauth2/token"), Ok(false));
        assert_eq!(check("http://SIMULATOR"), Ok(false));
        assert_eq!(check("http://localhost"), Ok(true));
        for url in ["http://simulator.example", "http://other", "ftp://simulator", "http://a:b@simulator"] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
