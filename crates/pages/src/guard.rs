//! Who may see a page, and who may press a button: one decision over the head of a request.
//!
//! A web page the operator visits can send requests to this machine, under a name of its own that leads
//! here (DNS rebinding) or from a form. [`check`] refuses both, before anything else is done:
//!
//! ```text
//! path? ── Host is ours? ── changes something? ── key, if there is one ── served
//!                               │ Sec-Fetch-Site: same-origin
//!                               │ without it: Origin is our host
//!                               └ with neither: the key as bearer, or no key is asked for
//! ```

use std::fmt;

/// The parts of a request's head that are looked at.
///
/// Made of all headers, so that a repeated one is seen.
#[derive(Clone, Debug, Default)]
pub struct Head<'a> {
    method: &'a str,
    target: Private<'a>,
    host: Once<'a>,
    origin: Once<'a>,
    site: Once<'a>,
    authorization: Once<'a>,
    cookies: Vec<Private<'a>>,
}

/// A text that `Debug` does not show.
#[derive(Clone, Copy, Default)]
struct Private<'a>(&'a str);

impl fmt::Debug for Private<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

/// A header that may be there once.
#[derive(Clone, Copy, Debug, Default)]
enum Once<'a> {
    #[default]
    Absent,
    Given(Private<'a>),
    /// Repeated, or not text: nothing can be said by it.
    Unclear,
}

impl<'a> Once<'a> {
    fn add(&mut self, value: Option<&'a str>) {
        *self = match (&self, value) {
            (Self::Absent, Some(value)) => Self::Given(Private(value)),
            _ => Self::Unclear,
        };
    }
}

impl<'a> Head<'a> {
    /// The head of a request: its method and its target as they stood in the first line, and its headers.
    pub fn new(method: &'a str, target: &'a str, headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut head = Self { method, target: Private(target), ..Self::default() };
        for (name, value) in headers {
            let value = std::str::from_utf8(value).ok();
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("host") {
                head.host.add(value);
            } else if is("origin") {
                head.origin.add(value);
            } else if is("sec-fetch-site") {
                head.site.add(value);
            } else if is("authorization") {
                head.authorization.add(value);
            } else if is("cookie") {
                head.cookies.extend(value.map(Private));
            }
        }
        head
    }

    fn changes_something(&self) -> bool {
        !matches!(self.method, "GET" | "HEAD")
    }

    /// The value of `key` in the query.
    fn key_in_query(&self) -> Option<&'a str> {
        let (_, query) = self.target.0.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix("key="))
    }

    fn bearer(&self) -> Option<&'a str> {
        let Once::Given(Private(value)) = self.authorization else { return None };
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    fn cookies(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.cookies.iter().flat_map(|cookies| cookies.0.split(';'));
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(move |(have, value)| (have == name).then_some(value))
    }
}

/// 128 bits that only somebody who was shown the printed URL knows.
#[derive(Clone, PartialEq, Eq)]
pub struct PageKey(Box<str>);

impl PageKey {
    /// The key of these bits, which must come from the system's random numbers.
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("{bits:032x}").into())
    }

    /// The key as it stands in a URL: 32 hex digits. It is a secret.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Compared in the same time wherever they differ.
    fn is(&self, given: &str) -> bool {
        let (ours, given) = (self.0.as_bytes(), given.as_bytes());
        ours.len() == given.len() && ours.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageKey(..)")
    }
}

/// What a guard goes by: the port, further names, the key.
#[derive(Clone, Debug)]
pub struct Rules {
    port: u16,
    names: Vec<Box<str>>,
    key: Option<PageKey>,
}

impl Rules {
    /// Pages on that port of this machine, for everybody on it.
    pub fn new(port: u16) -> Self {
        Self { port, names: Vec::new(), key: None }
    }

    /// A further name by which the pages may be asked for: with the same port, or with the one it names, as
    /// `name:80`.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Asks for a key, which other users of this machine do not have.
    #[must_use]
    pub fn with_key(mut self, key: PageKey) -> Self {
        self.key = Some(key);
        self
    }

    fn cookie(&self) -> String {
        format!("sinch_batch_{}", self.port)
    }

    /// Whether an authority such as `localhost:40010` is ours.
    fn is_ours(&self, authority: &str) -> bool {
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok().filter(|_| is_number(port))),
            _ => (authority, Some(80)),
        };
        if self
            .names
            .iter()
            .any(|ours| authority.eq_ignore_ascii_case(ours) && ours.ends_with(&format!(":{}", port.unwrap_or(0))))
        {
            return true;
        }
        let names = ["localhost", "127.0.0.1", "[::1]"].into_iter().chain(self.names.iter().map(|ours| &**ours));
        port == Some(self.port) && names.into_iter().any(|ours| name.eq_ignore_ascii_case(ours))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why a request is refused, always with status 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// It asks for a host that is not ours, or for none.
    Host,
    /// It would change something, and does not come from one of our pages.
    Origin,
    /// The key is missing or wrong.
    Key,
}

impl Refused {
    /// The word for it: `host`, `origin`, `key`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Key => "key",
        }
    }

    /// Advice on what to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Host => "open the URL that the program printed, with localhost or 127.0.0.1 and its port",
            Self::Origin => "press the button on the page itself; from a program, send no Origin",
            Self::Key => "open the URL that the program printed, with its key",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "this host is not ours",
            Self::Origin => "the request comes from another page",
            Self::Key => "the key is missing or wrong",
        })
    }
}

impl std::error::Error for Refused {}

/// Decides whether a request may be served. To be called before anything else is done with it.
///
/// ```
/// use sinch_batch_pages::guard::{Head, Refused, Rules, check};
///
/// let rules = Rules::new(40010);
/// let ours = [("host", &b"localhost:40010"[..])];
/// assert_eq!(check(&Head::new("GET", "/", ours), &rules), Ok(()));
/// let rebound = [("host", &b"evil.example:40010"[..])];
/// assert_eq!(check(&Head::new("GET", "/", rebound), &rules), Err(Refused::Host));
/// ```
///
/// # Errors
/// [`Refused`] says which rule is broken.
pub fn check(head: &Head<'_>, rules: &Rules) -> Result<(), Refused> {
    // A target with a host in it, as a proxy is sent, would count more than `Host`.
    let Once::Given(Private(host)) = head.host else { return Err(Refused::Host) };
    if !head.target.0.starts_with('/') || !rules.is_ours(host) {
        return Err(Refused::Host);
    }
    let bearer = |key: &PageKey| head.bearer().is_some_and(|given| key.is(given));
    if head.changes_something() {
        let fine = match (head.site, head.origin) {
            (Once::Given(site), _) => site.0 == "same-origin",
            (Once::Absent, Once::Given(origin)) => is_origin_of(origin.0, host),
            (Once::Absent, Once::Absent) => rules.key.as_ref().is_none_or(bearer),
            _ => false,
        };
        if !fine {
            return Err(Refused::Origin);
        }
    }
    let Some(key) = &rules.key else { return Ok(()) };
    let by_url = !head.changes_something() && head.key_in_query().is_some_and(|given| key.is(given));
    if by_url || bearer(key) || head.cookies(&rules.cookie()).any(|given| key.is(given)) {
        return Ok(());
    }
    Err(Refused::Key)
}

/// Whether an origin is that of the host asked for.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// The answer to a first visit: a redirect (303) that takes the key out of the URL.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstVisit {
    /// The header `Set-Cookie`, which holds the key.
    pub set_cookie: String,
    /// The header `Location`.
    pub location: String,
}

impl fmt::Debug for FirstVisit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstVisit").field("location", &self.location).finish_non_exhaustive()
    }
}

/// What a request that [`check`] let pass is to be answered with, if its URL holds the key.
pub fn first_visit(head: &Head<'_>, rules: &Rules) -> Option<FirstVisit> {
    let key = rules.key.as_ref()?;
    if head.changes_something() || !key.is(head.key_in_query()?) {
        return None;
    }
    let (path, query) = head.target.0.split_once('?')?;
    // A path that begins with two slashes would be another host.
    let path = path.trim_start_matches(['/', '\\']);
    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("key=")).collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    Some(FirstVisit {
        set_cookie: format!("{}={}; HttpOnly; SameSite=Strict; Path=/", rules.cookie(), key.secret()),
        location: format!("/{path}{mark}{}", rest.join("&")),
    })
}
