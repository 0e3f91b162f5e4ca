//! A server that misbehaves on the wire, step by step, and counts what arrives.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does next on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the head of a request, which is then counted as arrived.
    Head,
    /// Reads the body that the head announced.
    Body,
    /// Writes these bytes.
    Say(Vec<u8>),
    /// Writes these bytes one by one, each in a packet of its own.
    Drip(Vec<u8>),
    /// Writes a space every few milliseconds, for ever.
    Trickle,
    /// Closes its own side only, and waits for the other.
    HalfClose,
    /// Does nothing more until the other side hangs up.
    Stall,
    /// Closes the connection.
    Close,
    /// Throws the connection away.
    Reset,
}

/// What it does with one request. A connection that is not ended serves the next request.
pub(crate) type Turn = Vec<Step>;

/// Reads a whole request and then does this.
pub(crate) fn after_all(steps: impl IntoIterator<Item = Step>) -> Turn {
    [Step::Head, Step::Body].into_iter().chain(steps).collect()
}

/// Reads a whole request and says this.
pub(crate) fn say(answer: impl Into<Vec<u8>>) -> Turn {
    after_all([Step::Say(answer.into())])
}

/// A well-made answer.
pub(crate) fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub(crate) struct Wild {
    pub(crate) url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    turns: Mutex<VecDeque<Turn>>,
    arrived: AtomicUsize,
    connections: AtomicUsize,
    open: AtomicUsize,
}

impl Wild {
    /// Takes these turns, one a request; after the last it answers well.
    pub(crate) async fn start(turns: impl IntoIterator<Item = Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { turns: Mutex::new(turns.into_iter().collect()), ..Shared::default() });
        let state = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                state.connections.fetch_add(1, Ordering::SeqCst);
                state.open.fetch_add(1, Ordering::SeqCst);
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    // The other side may break off whenever it likes.
                    let _ = serve(socket, &state).await;
                    state.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, shared, accepting }
    }

    /// How many requests have arrived, judged by their heads.
    pub(crate) fn arrived(&self) -> usize {
        self.shared.arrived.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many turns are unclaimed.
    pub(crate) fn turns_left(&self) -> usize {
        self.shared.turns.lock().unwrap().len()
    }

    /// Waits until no connection is held any more, then ends.
    pub(crate) async fn deserted(self) {
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        self.accepting.abort();
        assert!(self.accepting.await.unwrap_err().is_cancelled());
    }
}

async fn serve(mut socket: TcpStream, shared: &Shared) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    loop {
        let at_once = shared.turns.lock().unwrap().front().is_some_and(|turn| !matches!(turn[0], Step::Head));
        if !at_once {
            // A turn is for a request, not for a connection that is kept.
            if socket.peek(&mut [0]).await? == 0 {
                return Ok(());
            }
        }
        let turn = shared.turns.lock().unwrap().pop_front();
        let healthy = turn.is_none();
        let mut request = Request::default();
        for step in turn.unwrap_or_else(|| after_all([])) {
            match step {
                Step::Head => {
                    if !request.read_head(&mut socket).await? {
                        return Ok(());
                    }
                    shared.arrived.fetch_add(1, Ordering::SeqCst);
                }
                Step::Body => request.read_body(&mut socket).await?,
                Step::Say(bytes) => socket.write_all(&bytes).await?,
                Step::Drip(bytes) => {
                    for byte in bytes {
                        socket.write_all(&[byte]).await?;
                        tokio::task::yield_now().await;
                    }
                }
                Step::Trickle => {
                    let mut beat = tokio::time::interval(Duration::from_millis(5));
                    loop {
                        beat.tick().await;
                        socket.write_all(b" ").await?;
                    }
                }
                Step::HalfClose => {
                    socket.shutdown().await?;
                    return stall(&mut socket).await;
                }
                Step::Stall => return stall(&mut socket).await,
                Step::Close => return Ok(()),
                Step::Reset => return socket.set_zero_linger(),
            }
        }
        if healthy {
            let body = if request.head.starts_with(b"POST") { r#"{"batch_id":"b"}"# } else { "[]" };
            socket.write_all(&answer("200 OK", body)).await?;
        }
    }
}

async fn stall(socket: &mut TcpStream) -> std::io::Result<()> {
    while socket.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

#[derive(Default)]
struct Request {
    head: Vec<u8>,
    /// How many bytes of the body are still to come.
    left: usize,
}

impl Request {
    /// Byte by byte, so that the body stays where it is; `false` if no other request is sent.
    async fn read_head(&mut self, socket: &mut TcpStream) -> std::io::Result<bool> {
        while !self.head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if socket.read(&mut byte).await? == 0 {
                assert!(self.head.is_empty(), "a request broke off");
                return Ok(false);
            }
            self.head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&self.head).to_lowercase();
        self.left = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("our own length is a number"));
        Ok(true)
    }

    async fn read_body(&mut self, socket: &mut TcpStream) -> std::io::Result<()> {
        socket.read_exact(&mut vec![0; self.left]).await?;
        self.left = 0;
        Ok(())
    }
}
