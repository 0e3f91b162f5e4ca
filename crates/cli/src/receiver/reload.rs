//! Secrets and certificates that are read again while the receiver runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sinch_batch::webhook::Verifier;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{secrets, tls};
use crate::args::ListenArgs;
use crate::fail::Failure;
use crate::say;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The files of a receiver, and where what is read from them goes.
#[derive(Debug)]
pub(super) struct Files {
    args: ListenArgs,
    verifier: watch::Sender<Verifier>,
    tls: Option<watch::Sender<TlsAcceptorSlot>>,
}

/// An acceptor that can be shown.
#[derive(Clone)]
pub(super) struct TlsAcceptorSlot(pub(super) TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptorSlot")
    }
}

/// When a file was written last, and how long it is; `None` if it cannot be looked at.
type Stamp = Option<(SystemTime, u64)>;

/// The files, the verifiers made of them, and the TLS acceptors if there is TLS.
type Opened = (Files, watch::Receiver<Verifier>, Option<watch::Receiver<TlsAcceptorSlot>>);

impl Files {
    /// Reads all for the first time.
    pub(super) fn open(args: &ListenArgs) -> Result<Opened, Failure> {
        let (verifier, verifiers) = watch::channel(verifier(args)?);
        let (tls, acceptors) = acceptor(args)?.map(|acceptor| watch::channel(TlsAcceptorSlot(acceptor))).unzip();
        Ok((Self { args: args.clone(), verifier, tls }, verifiers, acceptors))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.args.secrets.secret_file, &self.args.tls_cert, &self.args.tls_key]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }

    /// Whether there is anything to read again.
    pub(super) fn any(&self) -> bool {
        self.paths().next().is_some()
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        };
        self.paths().map(stamp).collect()
    }

    /// Reads everything again, now and whenever a file changes; for ever. What cannot be used is reported,
    /// and what was in use before stays.
    pub(super) async fn follow(self, mut ask: tokio::sync::mpsc::Receiver<()>) {
        let mut seen = self.stamps();
        loop {
            let asked = tokio::select! {
                Some(()) = ask.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let stamps = self.stamps();
            if !asked && stamps == seen {
                continue;
            }
            seen = stamps;
            match self.read_again() {
                Ok(()) => say!("secrets and certificates were read again"),
                Err(failure) => {
                    say!("secrets and certificates were not read again, those in use stay: {failure}");
                }
            }
        }
    }

    /// Both or nothing.
    fn read_again(&self) -> Result<(), Failure> {
        let verifier = verifier(&self.args)?;
        if let (Some(tls), Some(acceptor)) = (&self.tls, acceptor(&self.args)?) {
            tls.send_replace(TlsAcceptorSlot(acceptor));
        }
        self.verifier.send_replace(verifier);
        Ok(())
    }
}

fn verifier(args: &ListenArgs) -> Result<Verifier, Failure> {
    let verifier = secrets::verifier(secrets::all(&args.secrets)?)?.with_window(args.window);
    Ok(if args.algorithm_optional { verifier.with_missing_algorithm_allowed() } else { verifier })
}

fn acceptor(args: &ListenArgs) -> Result<Option<TlsAcceptor>, Failure> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => tls::acceptor(certificate, key).map(Some),
        _ => Ok(None),
    }
}
