//! The whole receive path over HTTP on loopback, beside a bare axum handler that reads the body and
//! answers 200. Each server is this program again, on one core of its own where `taskset` is there; what
//! is compared is requests per second of its CPU time, user and system. The rounds alternate.
//!
//! `cargo bench -p sinch-batch-webhook --bench receive [-- --rounds N --seconds N]`
#![expect(clippy::print_stdout, reason = "it shows what it measured")]

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use jiff::Timestamp;
use sinch_batch_webhook::{Verifier, WebhookSecret, router, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BODY: &str = include_str!("../../../tests/wire/callback/message_delivery.delivered.json");
const SECRET: &str = "the secret of the webhook";
const CONNECTIONS: usize = 32;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    if let Some(kind) = value("--serve") {
        return serve(kind);
    }
    if let Some(address) = value("--load") {
        println!("{} answered", load(address.parse()?, Duration::from_secs(5))?);
        return Ok(());
    }
    let rounds = value("--rounds").map_or(Ok(5), |text| text.parse())?;
    let seconds = value("--seconds").map_or(Ok(4), |text| text.parse())?;

    println!("{} bytes a callback, {CONNECTIONS} connections, {seconds} s a round", compact()?.len());
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let bare = measure("bare", Duration::from_secs(seconds))?;
        let ours = measure("ours", Duration::from_secs(seconds))?;
        ratios.push(ours / bare);
        println!("round {round}: bare {bare:.0}, ours {ours:.0} a CPU second: {:.3}", ours / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median: {:.3} of the bare handler", ratios[ratios.len() / 2]);
    Ok(())
}

/// A callback as it comes over the network: in one line.
fn compact() -> Result<String, serde_json::Error> {
    serde_json::from_str::<serde_json::Value>(BODY).map(|body| body.to_string())
}

/// Serves until its input ends.
fn serve(kind: &str) -> Result<(), Failure> {
    let app: Router = match kind {
        "bare" => Router::new().route("/", post(async |body: Bytes| drop(body))),
        _ => router(Verifier::new(WebhookSecret::new(SECRET))?, async |_| Ok::<_, Infallible>(())),
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_line(&mut String::new());
            std::process::exit(0);
        });
        axum::serve(listener, app).await?;
        Ok(())
    })
}

/// Requests per second of the server's CPU time.
fn measure(kind: &str, time: Duration) -> Result<f64, Failure> {
    let this = std::env::current_exe()?;
    let pinned = Command::new("taskset").arg("-V").output().is_ok_and(|output| output.status.success());
    let mut command = if pinned { Command::new("taskset") } else { Command::new(&this) };
    if pinned {
        command.args(["-c", "0"]).arg(&this);
    }
    let mut child = command.args(["--serve", kind]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let address = address(&mut child)?;
    let before = cpu(&child)?;
    let sent = load(address, time)?;
    let used = cpu(&child)? - before;
    drop(child.stdin.take());
    child.wait()?;
    Ok(sent as f64 / used)
}

fn address(child: &mut Child) -> Result<SocketAddr, Failure> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

/// Seconds of CPU time, from the clock ticks the kernel keeps: a hundredth of a second each.
fn cpu(child: &Child) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no such format")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// Sends genuine callbacks, each one new, and counts those that were answered 200.
fn load(address: SocketAddr, time: Duration) -> Result<usize, Failure> {
    let answered = Arc::new(AtomicUsize::new(0));
    let number = Arc::new(AtomicUsize::new(0));
    let body: Arc<str> = compact()?.into();
    let end = Instant::now() + time;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (answered, number, body) = (answered.clone(), number.clone(), body.clone());
            connections.push(tokio::spawn(async move {
                let secret = WebhookSecret::new(SECRET);
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (mut request, mut answer) = (Vec::new(), [0; 1024]);
                while Instant::now() < end {
                    let nonce = format!("01KZZ9BN79T5{:014}", number.fetch_add(1, Ordering::Relaxed));
                    write_request(&mut request, &secret, body.as_bytes(), &nonce)?;
                    stream.write_all(&request).await?;
                    let read = stream.read(&mut answer).await?;
                    if !answer[..read].starts_with(b"HTTP/1.1 200 ") {
                        return Err(std::io::Error::other("an answer that is not 200"));
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, std::io::Error>(())
            }));
        }
        for connection in connections {
            connection.await??;
        }
        Ok::<_, Failure>(())
    })?;
    Ok(answered.load(Ordering::Relaxed))
}

fn write_request(request: &mut Vec<u8>, secret: &WebhookSecret, body: &[u8], nonce: &str) -> std::io::Result<()> {
    request.clear();
    request.extend_from_slice(b"POST / HTTP/1.1\r\nhost: hooks.example.com\r\ncontent-type: application/json\r\n");
    request.extend_from_slice(b"user-agent: a-service/1.0\r\naccept: */*\r\n");
    let signature = sign(secret, body, nonce, Timestamp::now().as_second());
    for (name, value) in signature.headers() {
        write!(request, "{name}: {value}\r\n")?;
    }
    write!(request, "content-length: {}\r\n\r\n", body.len())?;
    request.extend_from_slice(body);
    Ok(())
}
