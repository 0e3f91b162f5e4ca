//! The receiver of callbacks: webhook in, ledger out, and what stands around it.

mod arrivals;
mod journal;
mod metrics;
mod nonces;
mod notices;
mod opt_outs;
mod outcome;
mod reload;
mod secrets;
mod server;
mod sink;
mod spool;
mod tls;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use sinch_batch::models::Timestamp;
use sinch_batch::webhook::{
    CallbackOutcome, CallbackReceiver, LateCallbacks, Received, ReceiverHandle, ReceiverLimits, Verifier, WebhookSecret,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub(crate) use self::secrets::{SECRET, all as all_secrets, one as one_secret, secret, verifier};

use self::arrivals::Arrivals;
use self::journal::JournalWriter;
use self::metrics::Metrics;
use self::nonces::ReceiverNonces;
use self::notices::UnrelatedNotice;
use self::opt_outs::OptOutsKept;
use self::reload::{Files, TlsAcceptorSlot};
use self::sink::{Forward, Sink};
use self::spool::{Drainer, Spool};
use crate::args::{AnswerAfter, ListenArgs, PrintAs};
use crate::exit;
use crate::fail::Failure;
use crate::ledgers::{AnyLedger, Place};
use crate::post::Poster;
use crate::say;

/// A receiver at its address.
#[derive(Debug)]
pub(crate) struct Receiver {
    url: String,
    stop: watch::Sender<bool>,
    /// Whether there are files that are read again when asked.
    files: Option<Files>,
    server: tokio::task::JoinHandle<()>,
    callbacks: ReceiverHandle,
    drainer: Option<Draining>,
}

/// What brings callbacks from the journal to the ledger.
#[derive(Debug)]
struct Draining {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    spool: Arc<Spool>,
}

/// What a receiver is made of.
struct Parts {
    address: SocketAddr,
    path: String,
    tls: Option<watch::Receiver<TlsAcceptorSlot>>,
    verifiers: watch::Receiver<Verifier>,
    files: Option<Files>,
    limits: ReceiverLimits,
    sink: Sink,
    nonces: ReceiverNonces,
    drainer: Option<Drainer>,
    /// Whether warnings go to standard error, even if there is no log.
    says: bool,
}

impl Receiver {
    /// Starts to receive: a callback is answered when what it says is in the ledger.
    pub(crate) async fn start(address: SocketAddr, secret: WebhookSecret, ledger: &AnyLedger) -> Result<Self, Failure> {
        let (nonces, ledger) = (ReceiverNonces::of(ledger), ledger.shared());
        // Its sender goes, the verifier stays.
        let (_, verifiers) = watch::channel(secrets::verifier(vec![secret])?);
        let metrics = Arc::new(Metrics::default());
        let sink = Sink {
            journal: None,
            opt_outs: None,
            ledger,
            forward: None,
            metrics,
            unrelated: None,
            arrivals: None,
            spool: None,
        };
        let parts = Parts {
            address,
            path: "/".to_owned(),
            tls: None,
            verifiers,
            files: None,
            limits: ReceiverLimits::default(),
            sink,
            nonces,
            drainer: None,
            says: false,
        };
        Self::of(parts).await
    }

    /// Starts to receive with all that was asked for, into the ledger at this path.
    pub(crate) async fn with(args: &ListenArgs, ledger: &AnyLedger, path: &Place) -> Result<Self, Failure> {
        let (files, verifiers, tls) = Files::open(args)?;
        let files = files.any().then_some(files);
        let forward = match &args.forward {
            Some(url) => Some(Forward {
                poster: Poster::new(url, args.limits.answer_timeout, None)?,
                secret: secrets::one(
                    secrets::FORWARD_SECRET,
                    "export the secret that the receiver behind --forward expects",
                )?,
            }),
            None => None,
        };
        let metrics = Arc::default();
        let (mut spool, mut drainer) = (None, None);
        let journal = match (&args.journal.journal, args.spool.answer_after) {
            (None, AnswerAfter::Journal) => {
                return Err(Failure::new(exit::USAGE, "--answer-after journal needs a journal")
                    .hint("name its folder: --journal DIR"));
            }
            (None, AnswerAfter::Ledger) => None,
            (Some(folder), AnswerAfter::Ledger) => Some(JournalWriter::open(folder, &args.journal)?),
            (Some(folder), AnswerAfter::Journal) => {
                let new = Arc::new(Spool::new(args.spool.spool_size << 20));
                let (journal, id) = JournalWriter::open_spool(folder, &args.journal, &new)?;
                let receiver = args.spool.receiver.as_deref();
                let metrics = Arc::clone(&metrics);
                drainer = Some(Drainer::open(new.clone(), folder, id, receiver, ledger, path, metrics).await?);
                spool = Some(new);
                Some(journal)
            }
        };
        // Receivers share nonces by the ledger, which may be away here.
        let nonces = if spool.is_some() { ReceiverNonces::own() } else { ReceiverNonces::of(ledger) };
        let ledger = ledger.shared();
        let opt_outs = args.opt_outs.as_deref().map(|path| OptOutsKept::open(path, args.stop_words.as_deref()));
        let opt_outs = opt_outs.transpose()?;
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let limits = ReceiverLimits::default()
            .with_body(size(args.limits.max_body))
            .with_in_flight(size(args.limits.max_in_flight))
            .with_read(args.limits.read_timeout)
            .with_answer(args.limits.answer_timeout);
        let unrelated = Some(UnrelatedNotice::new(path.clone()));
        let screen = if std::io::stdout().is_terminal() { PrintAs::Text } else { PrintAs::None };
        let arrivals = Arrivals::new(args.print.unwrap_or(screen), &args.events, ledger.clone()).map(Arc::new);
        let sink = Sink { journal, opt_outs, ledger, forward, metrics, unrelated, arrivals, spool };
        let (address, path) = (args.addr, args.path.clone());
        Self::of(Parts { address, path, tls, verifiers, files, limits, sink, nonces, drainer, says: true }).await
    }

    async fn of(parts: Parts) -> Result<Self, Failure> {
        let Parts { address, path, tls, verifiers, files, limits, sink, nonces, drainer, says } = parts;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::because(exit::USAGE, format!("cannot listen at {address}"), &error)
                .hint("choose a free address: --addr 127.0.0.1:0 takes any free port")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Failure::because(exit::UNEXPECTED, "the receiver has no address", &error))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}{path}");
        let (stop, stopping) = watch::channel(false);
        let head_timeout = limits.read;
        let drainer = drainer.zip(sink.spool.clone()).map(|(drainer, spool)| {
            let (stop, stopping) = watch::channel(false);
            Draining { stop, task: tokio::spawn(drainer.run(stopping)), spool }
        });
        let (app, callbacks) = app(&path, verifiers, limits, sink, nonces, says);
        let server = tokio::spawn(server::serve(listener, tls, app, head_timeout, stopping));
        Ok(Self { url, stop, files, server, callbacks, drainer })
    }

    /// Where callbacks go.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Reads secrets and certificates again from now on, when they change and when asked by the channel.
    pub(crate) fn follow_files(&mut self, ask: mpsc::Receiver<()>) {
        if let Some(files) = self.files.take() {
            // It ends with the program, as the receiver does.
            tokio::spawn(files.follow(ask));
        }
    }

    /// Whether there are secrets or certificates in files.
    pub(crate) fn has_files(&self) -> bool {
        self.files.is_some()
    }

    /// Finishes what is under way, and ends.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        self.server.await.map_err(|error| Failure::because(exit::UNEXPECTED, "the receiver failed", &error))?;
        // A sender that has gone away leaves its callback behind, half applied.
        if tokio::time::timeout(server::LAST_ANSWERS, self.callbacks.drained()).await.is_err() {
            say!("{} callbacks were not applied in time; they come again", self.callbacks.in_work());
        }
        if let Some(Draining { stop, task, spool }) = self.drainer {
            stop.send_replace(true);
            match tokio::time::timeout(server::LAST_ANSWERS, task).await {
                Ok(ended) => ended.map_err(|error| Failure::because(exit::UNEXPECTED, "the drainer failed", &error))?,
                Err(_) => {
                    say!("callbacks of {} bytes wait in the journal; the next start applies them", spool.bytes());
                }
            }
        }
        Ok(())
    }

    /// Completes only if the server fails.
    pub(crate) async fn failed(&mut self) -> Failure {
        let ended = match &mut self.drainer {
            // Without it callbacks would be answered, and never applied.
            Some(Draining { task, .. }) => tokio::select! {
                ended = &mut self.server => ended,
                ended = task => ended,
            },
            None => (&mut self.server).await,
        };
        match ended {
            Ok(()) => Failure::new(exit::UNEXPECTED, "the receiver ended"),
            Err(error) => Failure::because(exit::UNEXPECTED, "the receiver failed", &error),
        }
    }
}

fn app(
    path: &str,
    verifiers: watch::Receiver<Verifier>,
    limits: ReceiverLimits,
    sink: Sink,
    nonces: ReceiverNonces,
    says: bool,
) -> (Router, ReceiverHandle) {
    let metrics = sink.metrics.clone();
    let (met, lost) = (metrics.clone(), metrics.clone());
    let (spool, to_show) = (sink.spool.clone(), sink.spool.clone());
    let arrivals = sink.arrivals.clone();
    let sink = Arc::new(sink);
    let mut receiver = CallbackReceiver::new(verifiers)
        .with_nonces(nonces)
        .with_limits(limits)
        // What the ledger knows only grows, so an old callback does no harm, and may be all there is.
        .with_late_callbacks(LateCallbacks::Apply)
        .with_observer(move |outcome| {
            met.count(outcome);
            if let (Some(arrivals), CallbackOutcome::Rejected(rejection)) = (&arrivals, outcome) {
                arrivals.refused(rejection);
            }
        });
    if says {
        receiver = receiver.with_warnings(notices::warned);
    }
    let handle = receiver.handle();
    let callbacks = receiver.raw_service(move |received: Received| {
        let sink = sink.clone();
        async move { sink.take(received).await }
    });
    // A target may have been registered with a slash at its end or without.
    let twin = match path.strip_suffix('/') {
        Some("") => None,
        Some(without) => Some(without.to_owned()),
        None => Some(format!("{path}/")),
    };
    let mut app = Router::new().route_service(path, callbacks.clone());
    if let Some(twin) = twin {
        app = app.route_service(&twin, callbacks);
    }
    let app = app
        .route("/healthz", get("ok\n"))
        .route(
            "/readyz",
            get(move || {
                let is_full = spool.as_ref().is_some_and(|spool| spool.is_full());
                async move {
                    if is_full {
                        (StatusCode::SERVICE_UNAVAILABLE, "too much waits in the journal for the ledger\n")
                    } else {
                        (StatusCode::OK, "ok\n")
                    }
                }
            }),
        )
        .route(
            "/metrics",
            get(move || {
                let waiting = to_show.as_deref().map(|spool| spool.waiting(Timestamp::now()));
                let text = metrics.text(waiting);
                async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text) }
            }),
        )
        .fallback(move || {
            lost.not_found();
            async { StatusCode::NOT_FOUND }
        });
    (app, handle)
}
