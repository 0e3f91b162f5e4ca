//! TLS for those without a proxy.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::exit;
use crate::fail::Failure;

/// Reads certificate and key: TLS 1.2 and 1.3, HTTP/1.1.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| unusable("the certificate", certificate, &error))?;
    if chain.is_empty() {
        return Err(unusable("the certificate", certificate, &"there is none in it"));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("the key", key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key_der))
        .map_err(|error| unusable("the key", key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unusable(what: &str, path: &Path, why: &dyn Display) -> Failure {
    Failure::new(exit::USAGE, format!("{what} in {} cannot be used: {why}", path.display())).hint(
        "--tls-cert and --tls-key name PEM files that belong together: the chain, own certificate first, and its key",
    )
}
