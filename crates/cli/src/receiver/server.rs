//! Connections: a bounded number of them, none for ever, all finished before the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::reload::TlsAcceptorSlot;
use crate::say;

/// How many connections there may be; more wait in the system's queue. The service's rate is some 25
/// callbacks per second.
const CONNECTIONS: usize = 4096;

/// How long what is under way may take after somebody asked to stop: longer than a request may take by
/// the limits of a receiver, unless those were set higher.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(60);

/// Serves until asked to stop, then finishes what is under way.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<watch::Receiver<TlsAcceptorSlot>>,
    app: Router,
    head_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // Never closed, so there is always a place at some time.
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            (accepted, place) = next => match accepted {
                Ok((stream, _)) => {
                    let connection = Connection { app: app.clone(), head_timeout, stop: stop.clone() };
                    let tls = tls.as_ref().map(|latest| latest.borrow().0.clone());
                    connections.spawn(async move {
                        connection.accept(stream, tls).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Too many open files, most likely: some will be closed soon.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_ANSWERS, finish).await.is_err() {
        say!(
            "{} connections were not finished in time; the service sends unanswered callbacks again",
            connections.len()
        );
    }
}

struct Connection {
    app: Router,
    head_timeout: Duration,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn accept(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.serve(stream).await };
        match tokio::time::timeout(self.head_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection did not come to speak TLS"),
            Err(_) => tracing::debug!("a connection took too long to speak TLS"),
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.app));
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => Some(ended),
            () = stopped(&mut self.stop) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

/// Completes when the channel says stop, or when nobody is left to say it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error tells that the sender is gone, and with it the receiver's owner.
    let _ = stop.wait_for(|stop| *stop).await;
}
