//! Where the server is, and whether the way to it is encrypted.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

use crate::error::{LedgerError, LedgerErrorKind};

/// The schema in which a ledger is, if the URL names no other.
const SCHEMA: &str = "sinch_batch";

/// Connections that are kept: one writes, the others read.
const CONNECTIONS: usize = 8;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// What a URL says.
pub(super) struct Target {
    config: Config,
    pub(super) schema: String,
    tls: Option<Roots>,
}

/// Who vouches for the server's name.
struct Roots {
    /// A file of certificates, instead of those that the system trusts.
    file: Option<PathBuf>,
}

impl Target {
    pub(super) fn read(url: &str) -> Result<Self, LedgerError> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(open("the ledger's address is not a postgres:// URL"));
        }
        let (place, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut mode, mut file, mut others) = (SCHEMA.to_owned(), None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("schema", name)) => schema = name.to_owned(),
                Some(("sslmode", word)) => mode = Some(word),
                Some(("sslrootcert", path)) => file = Some(PathBuf::from(decode(path)?)),
                _ => others.push(option),
            }
        }
        if !is_name(&schema) {
            return Err(open("a schema is named with lower-case letters, digits and _, at most 63 of them"));
        }
        let rest = others.join("&");
        let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{rest}") };
        // Its error may show what is wrong with a password.
        let mut config: Config = url.parse().map_err(|_| open("the postgres:// URL cannot be read"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(open("the postgres:// URL names no host"));
        }
        let tls = match mode {
            Some("disable") => None,
            None | Some("prefer" | "allow") if is_here(&config) => None,
            None | Some("prefer" | "allow" | "require" | "verify-ca" | "verify-full") => Some(Roots { file }),
            Some(_) => return Err(open("sslmode is one of disable, prefer, require, verify-full")),
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        if config.get_application_name().is_none() {
            config.application_name("sinch-batch");
        }
        Ok(Self { config, schema, tls })
    }

    /// Connections to the server, none of which is made yet.
    ///
    /// One that is found to be closed when it is taken up again is counted among the losses.
    pub(super) fn pool(&self, losses: Arc<AtomicU64>) -> Result<Pool, LedgerError> {
        let manager = match &self.tls {
            None => Manager::from_config(self.config.clone(), NoTls, recycling()),
            Some(roots) => with_tls(self.config.clone(), roots)?,
        };
        let count = Hook::sync_fn(move |client: &mut ClientWrapper, _| {
            if client.is_closed() {
                losses.fetch_add(1, Ordering::SeqCst);
                return Err(HookError::message("closed"));
            }
            Ok(())
        });
        Pool::builder(manager)
            .pre_recycle(count)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(super::fault::PATIENCE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| open("there is no tokio runtime for the ledger").with_source(error))
    }
}

fn recycling() -> ManagerConfig {
    ManagerConfig { recycling_method: RecyclingMethod::Fast }
}

#[cfg(feature = "postgres-tls")]
fn with_tls(config: Config, roots: &Roots) -> Result<Manager, LedgerError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, RootCertStore, crypto};
    use rustls_platform_verifier::BuilderVerifierExt;

    let provider = crypto::CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(crypto::aws_lc_rs::default_provider()));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| open("TLS cannot be set up").with_source(error))?;
    let tls = match &roots.file {
        None => builder
            .with_platform_verifier()
            .map_err(|error| open("the certificates of this system cannot be read").with_source(error))?
            .with_no_client_auth(),
        Some(file) => {
            let unreadable = |error: rustls::pki_types::pem::Error| {
                open("the file of sslrootcert cannot be read").with_source(error)
            };
            let mut store = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                store
                    .add(certificate)
                    .map_err(|error| open("the file of sslrootcert holds a broken certificate").with_source(error))?;
            }
            builder.with_root_certificates(store).with_no_client_auth()
        }
    };
    Ok(Manager::from_config(config, tokio_postgres_rustls::MakeRustlsConnect::new(tls), recycling()))
}

#[cfg(not(feature = "postgres-tls"))]
fn with_tls(_: Config, roots: &Roots) -> Result<Manager, LedgerError> {
    let what = if roots.file.is_some() { "sslrootcert" } else { "a server elsewhere" };
    Err(open(format!("{what} needs TLS, which this build has not (feature postgres-tls, or sslmode=disable)")))
}

/// Whether all hosts are this machine.
fn is_here(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(is_here) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// Whether it can be a schema without quotes around it.
fn is_name(schema: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=63).contains(&schema.len()) && schema.bytes().all(word) && !schema.as_bytes()[0].is_ascii_digit()
}

/// A path with `%2F` and the like as they are meant.
fn decode(text: &str) -> Result<String, LedgerError> {
    let wrong = || open("the path of sslrootcert cannot be read");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn open(message: impl Into<Box<str>>) -> LedgerError {
    LedgerError::new(LedgerErrorKind::Open, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> &'static str {
        let target = Target::read(url).map_err(|error| error.to_string());
        match target {
            Ok(target) if target.tls.is_some() => "verified",
            Ok(_) => "plain",
            Err(_) => "refused",
        }
    }

    #[test]
    fn url_of_another_machine_means_verified_tls() {
        for (url, expected) in [
            ("postgres://u@db.example.com/x", "verified"),
            ("postgres://u@db.example.com/x?sslmode=prefer", "verified"),
            ("postgres://u@db.example.com/x?sslmode=verify-full&schema=other", "verified"),
            ("postgres://u@10.0.0.7/x", "verified"),
            ("postgres://u@localhost,db.example.com/x", "verified"),
            ("postgres://u@localhost/x?hostaddr=10.0.0.7", "verified"),
            ("postgres://u@db.example.com/x?sslmode=disable", "plain"),
            ("postgresql://u@localhost/x", "plain"),
            ("postgres://u@127.0.0.1/x?sslmode=prefer", "plain"),
            ("postgres://u@127.0.0.1/x?sslmode=require", "verified"),
            ("postgres:///x?host=/run/postgresql", "plain"),
            ("postgres://u@localhost/x?sslmode=verify", "refused"),
            ("postgres://u@localhost/x?schema=Other", "refused"),
            ("postgres://u@localhost/x?schema=a\"b", "refused"),
            ("postgres://u@localhost/x?unheard=of", "refused"),
            ("postgres:///x", "refused"),
            ("mysql://localhost/x", "refused"),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn url_names_a_schema_and_a_file_of_certificates() {
        let url = "postgres://u@db.example.com/x?schema=teams_2&sslrootcert=%2Fetc%2Fca%20one.pem";
        let target = Target::read(url).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(target.schema, "teams_2");
        assert_eq!(target.tls.and_then(|roots| roots.file), Some(PathBuf::from("/etc/ca one.pem")));
    }

    #[test]
    fn url_that_cannot_be_read_is_not_shown() {
        let error = Target::read("postgres://u:geheim@local host:x/y").err().unwrap();
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }
}
