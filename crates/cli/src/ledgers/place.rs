//! Where a ledger is: a file, or the URL of a server, whose password nobody sees.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::environment;
use crate::exit;
use crate::fail::Failure;

/// The variable that names a ledger.
const VARIABLE: &str = "SINCH_BATCH_LEDGER";

/// What may be seen of the options of a URL.
const SHOWN: [&str; 8] = ["schema", "sslmode", "sslrootcert", "host", "hostaddr", "port", "user", "dbname"];

/// Where a ledger is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A SQLite file, by its absolute path.
    File(PathBuf),
    /// A Postgres server.
    Postgres(ServerUrl),
}

/// The URL of a server, with its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl(String);

impl Place {
    /// Reads what was typed.
    pub(crate) fn read(typed: &Path) -> Result<Self, Failure> {
        let is_url = |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
        match typed.to_str() {
            Some(text) if is_url(text) => Ok(Self::Postgres(ServerUrl(text.to_owned()))),
            Some(text) if text.contains("://") => Err(Failure::new(
                exit::USAGE,
                format!("a ledger is not kept at {}:// addresses", text.split("://").next().unwrap_or_default()),
            )
            .hint("name a file, or a server: --ledger postgres://user@host/database")),
            _ => Ok(Self::File(std::path::absolute(typed).unwrap_or_else(|_| typed.to_owned()))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => f.write_str(&shown(&url.0)),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl ServerUrl {
    /// The URL as it was given, with its password.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The same with one more option; none if it names that one already.
    pub(crate) fn with_option(&self, name: &str, value: &str) -> Option<Self> {
        let (_, options) = self.0.split_once('?').unwrap_or_default();
        if options.split('&').any(|option| option.split('=').next() == Some(name)) {
            return None;
        }
        let joint = if self.0.contains('?') { '&' } else { '?' };
        Some(Self(format!("{}{joint}{name}={value}", self.0)))
    }

    /// Whether the environment names it, so that it need not be typed.
    pub(crate) fn is_of_environment(&self) -> bool {
        environment::var(VARIABLE).is_some_and(|text| text == self.0)
    }

    /// As it can be typed in a shell, without the password.
    pub(crate) fn quoted(&self) -> String {
        let shown = shown(&self.0);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:/@,%".contains(letter);
        if shown.chars().all(plain) { shown } else { format!("'{}'", shown.replace('\'', "'\\''")) }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({})", shown(&self.0))
    }
}

/// A URL without its password, and without options that are not known to be harmless.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    if options.contains('@') {
        // A password with a question mark in it, which nothing can read.
        return format!("{scheme}://…");
    }
    // A password may hold anything that its writer forgot to encode.
    let (user, host) = match place.rsplit_once('@') {
        Some((user, host)) => (user.split_once(':').map_or(user, |(user, _)| user), Some(host)),
        None => ("", None),
    };
    let mut text = match host {
        Some(host) => format!("{scheme}://{user}@{host}"),
        None => format!("{scheme}://{place}"),
    };
    let known = |option: &&str| SHOWN.contains(&option.split('=').next().unwrap_or_default());
    let options: Vec<&str> = options.split('&').filter(known).collect();
    if !options.is_empty() {
        text.push('?');
        text.push_str(&options.join("&"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_shown_without_its_password() {
        for (url, expected) in [
            ("postgres://u:geheim@h/db", "postgres://u@h/db"),
            (
                "postgres://u@h:5433/db?schema=s&sslmode=verify-full",
                "postgres://u@h:5433/db?schema=s&sslmode=verify-full",
            ),
            ("postgres://u:ge/he@im@h/db", "postgres://u@h/db"),
            ("postgres://u:ge?heim@h/db", "postgres://…"),
            ("postgres://:geheim@h/db", "postgres://@h/db"),
            ("postgresql:///db?host=/run/x&user=u&password=geheim", "postgresql:///db?host=/run/x&user=u"),
            ("postgres://h/db", "postgres://h/db"),
        ] {
            let place = Place::read(Path::new(url)).unwrap();
            assert_eq!(place.to_string(), expected);
            assert!(!format!("{place:?}").contains("heim"));
        }
    }

    #[test]
    fn url_is_quoted_where_a_shell_would_take_it_apart() {
        let quoted = |url: &str| ServerUrl(url.to_owned()).quoted();
        assert_eq!(quoted("postgres://u:p@h/db"), "postgres://u@h/db");
        assert_eq!(
            quoted("postgres://u@h/db?schema=s&sslmode=require"),
            "'postgres://u@h/db?schema=s&sslmode=require'"
        );
    }

    #[test]
    fn address_of_another_kind_is_not_a_file() {
        assert!(Place::read(Path::new("mysql://h/db")).is_err());
        assert!(matches!(Place::read(Path::new("ledger.db")), Ok(Place::File(path)) if path.is_absolute()));
    }
}
