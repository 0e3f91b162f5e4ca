//! Requests over real HTTP on loopback, and a receiver at a time of ours.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use jiff::Timestamp;
use sinch_batch_models::Callback;
use sinch_batch_webhook::{CallbackReceiver, Nonces, Verifier, WebhookSecret, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const THEN: i64 = 1_947_146_400;
pub(crate) const BODY: &[u8] = br#"{"message_delivery_report":{"message_id":"m","status":"DELIVERED"}}"#;
pub(crate) const NONCE: &str = "01KZZ9BN79T5GK1ZW8JMKVFHQ2";

pub(crate) fn secret() -> WebhookSecret {
    WebhookSecret::new("the secret")
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(secret()).unwrap()
}

pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr
}

/// One request: what a forger may turn to his liking.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) line: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn signed(body: &[u8], nonce: &str, second: i64) -> Self {
        Self::signed_with(&secret(), body, nonce, second)
    }

    pub(crate) fn signed_with(secret: &WebhookSecret, body: &[u8], nonce: &str, second: i64) -> Self {
        let signature = sign(secret, body, nonce, second);
        let headers = signature.headers().into_iter().map(|(name, value)| (name.to_string(), value.to_owned()));
        Self { line: "POST /", headers: headers.collect(), body: body.to_vec() }
    }

    /// Sets a header; the prefix that the four have in common may be left out, as in `-nonce`.
    pub(crate) fn with(self, header: &str, value: &str) -> Self {
        self.without(header).and(header, value)
    }

    /// Adds a header.
    pub(crate) fn and(mut self, header: &str, value: &str) -> Self {
        self.headers.push((full(header), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != full(header));
        self
    }

    pub(crate) fn value(&self, header: &str) -> &str {
        &self.headers.iter().find(|(name, _)| *name == full(header)).unwrap().1
    }

    pub(crate) fn over(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn to(self, line: &'static str) -> Self {
        Self { line, ..self }
    }

    /// The head as it goes over the wire.
    pub(crate) fn head(&self, length: usize) -> String {
        let mut head = format!("{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n", self.line);
        head.push_str(&format!("content-length: {length}\r\n"));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }

    pub(crate) async fn post(&self, to: SocketAddr) -> Answer {
        exchange(to, &[self.head(self.body.len()).as_bytes(), &self.body]).await
    }
}

fn full(header: &str) -> String {
    let prefix = "x-sinch-webhook-signature";
    if header.is_empty() || header.starts_with('-') { format!("{prefix}{header}") } else { header.to_owned() }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (said, value) = line.split_once(':')?;
            said.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends bytes over a connection of its own and reads to the end.
pub(crate) async fn exchange(to: SocketAddr, parts: &[&[u8]]) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    for part in parts {
        // A body that is too large is refused before it is read to its end.
        let _ = stream.write_all(part).await;
    }
    hear(&mut stream).await
}

/// Reads an answer to its end.
pub(crate) async fn hear(stream: &mut TcpStream) -> Answer {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A receiver at a time of ours, and what it has let through.
pub(crate) struct Listening {
    pub(crate) addr: SocketAddr,
    pub(crate) callbacks: Arc<Mutex<Vec<Callback>>>,
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) failing: Arc<AtomicBool>,
}

impl Listening {
    pub(crate) async fn start() -> Self {
        Self::with(CallbackReceiver::new(verifier())).await
    }

    pub(crate) async fn with<N: Nonces>(receiver: CallbackReceiver<N>) -> Self {
        let callbacks = Arc::new(Mutex::new(Vec::new()));
        let now = Arc::new(AtomicI64::new(THEN));
        let failing = Arc::new(AtomicBool::new(false));
        let (sink, broken, clock) = (callbacks.clone(), failing.clone(), now.clone());
        let receiver = receiver.with_clock(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        let addr = serve(receiver.router(move |callback| {
            let broken = broken.load(Ordering::SeqCst);
            if !broken {
                sink.lock().unwrap().push(callback);
            }
            async move { if broken { Err("disk full at /home/someone") } else { Ok(()) } }
        }))
        .await;
        Self { addr, callbacks, now, failing }
    }

    pub(crate) fn n_received(&self) -> usize {
        self.callbacks.lock().unwrap().len()
    }
}
