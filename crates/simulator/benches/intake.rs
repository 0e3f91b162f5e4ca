//! How many batches of 1000 a minute a simulator takes while it keeps their messages and sends receipts, and how
//! quickly its inbox answers then: `cargo xtask bench simulator`.
//!
//! One process holds all: callers, simulator, and a webhook that does nothing but answer. Set `BATCHES` for
//! another number of batches than 1000.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;
use sinch_batch_simulator::{Simulator, SimulatorConfig};
use sinch_batch_webhook::WebhookSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Recipients of a batch.
const SIZE: usize = 1000;
/// Requests to send at once.
const CALLERS: usize = 4;
/// How often each page is asked for; the slowest counts.
const VISITS: usize = 20;
/// A person in the first batch: whoever looks for them goes through everything.
const FIRST: &str = "%2B15550000001";

fn main() {
    let batches = std::env::var("BATCHES").map_or(1000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("{batches} batches of {SIZE}, {} cores", std::thread::available_parallelism().unwrap());
        let silent = Simulator::start(SimulatorConfig::default()).await.unwrap();
        let taken = fill(&silent, batches).await;
        say("intake without receipts", batches, taken);
        visit(&silent).await;
        silent.shutdown().await;

        let webhook = webhook().await;
        let config = SimulatorConfig::default()
            .with_callback_url(webhook)
            .with_webhook_secret(WebhookSecret::new("a secret of the bench"));
        let simulator = Simulator::start(config).await.unwrap();
        let (start, before) = (Instant::now(), processor_time());
        let taken = fill(&simulator, batches).await;
        say("intake with receipts", batches, taken);
        simulator.idle().await;
        let all = start.elapsed();
        say("until the last receipt", batches, all);
        let sent = simulator.stats().callbacks.acknowledged as f64;
        println!(
            "{:<24} {sent:>8} in {:.1} s, {:.0} a second",
            "receipts",
            all.as_secs_f64(),
            sent / all.as_secs_f64()
        );
        if let (Some(before), Some(after)) = (before, processor_time()) {
            let each = (after - before) / batches as f64;
            let most = std::thread::available_parallelism().unwrap().get() as f64 * 60.0 / each;
            println!(
                "{:<24} {:>8.0} ms a batch: {most:.0} batches a minute if all cores were ours",
                "processor time",
                each * 1000.0
            );
        }
    });
}

fn say(what: &str, batches: usize, time: Duration) {
    let seconds = time.as_secs_f64();
    println!("{what:<24} {:>8.0} batches a minute ({seconds:.1} s)", batches as f64 * 60.0 / seconds);
}

/// Sends all batches; how long it took until the last was accepted.
async fn fill(simulator: &Simulator, batches: usize) -> Duration {
    let http = client();
    let answer = http
        .post(simulator.auth_url())
        .basic_auth("key", Some("secret"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let answer: Value = serde_json::from_str(&answer.send().await.unwrap().text().await.unwrap()).unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let url = format!("{}/v1/projects/bench/messages", simulator.api_url());
    let start = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let (http, token, url) = (http.clone(), token.clone(), url.clone());
        tokio::spawn(async move {
            for number in (caller..batches).step_by(CALLERS) {
                loop {
                    let request = http.post(&url).bearer_auth(&token).body(body(number));
                    match request.send().await.unwrap().status().as_u16() {
                        200 => break,
                        // The queue of the app is full, as it may be.
                        429 => tokio::task::yield_now().await,
                        other => panic!("a batch was answered {other}"),
                    }
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    start.elapsed()
}

/// As a campaign sends it: two parameters and our metadata. Written by hand, so that it hardly counts.
fn body(number: usize) -> String {
    let mut body = String::with_capacity(SIZE * 256);
    body.push_str(r#"{"app_id":"01KZ4EBHKN27EZJ4Q91V5C36G1","#);
    body.push_str(r#""message":{"text_message":{"text":"Hello ${name}, your code is ${code}."}},"#);
    write!(body, r#""batch_metadata":{{"sinch_batch_key":"bench-{number}"}},"recipient_and_params":["#).unwrap();
    for row in number * SIZE..(number + 1) * SIZE {
        let comma = if row % SIZE == 0 { "" } else { "," };
        write!(
            body,
            r#"{comma}{{"recipient":{{"identified_by":{{"channel_identities":[{{"channel":"SMS","identity":"+1555{row:07}"}}]}}}},"parameters":{{"name":"Person {row}","code":"{:06x}"}},"message_metadata":{{"sinch_batch_row":"{row}"}}}}"#,
            (row * 2_654_435) & 0xff_ffff,
        )
        .unwrap();
    }
    body.push_str("]}");
    body
}

/// Processor time of this process so far, in seconds, where the system tells.
fn processor_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which is in brackets; the kernel counts hundredths.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// Asks for each page, and says how long the slowest took and how large it was.
async fn visit(simulator: &Simulator) {
    let http = client();
    simulator.idle().await;
    for (name, path) in [
        ("list", "inbox".to_owned()),
        ("list, oldest", "inbox?after=0.60".to_owned()),
        ("person of the first batch", format!("inbox/person?identity={FIRST}")),
        ("search: a number", format!("inbox?q={FIRST}")),
        ("search: in no message", "inbox?q=not%20in%20any%20message".to_owned()),
        ("filter: failed", "inbox?status=failed".to_owned()),
        ("filter: no such channel", "inbox?channel=LINE".to_owned()),
        ("message", "inbox/message?at=0.1".to_owned()),
    ] {
        let url = format!("{}/{path}", simulator.control_url());
        let (mut slowest, mut bytes) = (Duration::ZERO, 0);
        for _ in 0..VISITS {
            let start = Instant::now();
            let answer = http.get(&url).header("accept", "text/html").send().await.unwrap();
            slowest = slowest.max(start.elapsed());
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            bytes = answer.bytes().await.unwrap().len();
        }
        let millis = slowest.as_secs_f64() * 1000.0;
        println!("{name:<26} first byte {millis:>6.1} ms at most, {:>5.1} KB", bytes as f64 / 1000.0);
        assert!(bytes <= 100_000, "{path} is larger than 100 KB");
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().unwrap()
}

/// A webhook that answers 200 to every request, and does nothing else.
async fn webhook() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer(stream));
        }
    });
    url
}

async fn answer(mut stream: TcpStream) {
    let mut had = Vec::new();
    loop {
        while let Some(end) = request(&had) {
            had.drain(..end);
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut had).await, Ok(1..)) {
            return;
        }
    }
}

/// Where a whole request ends, if there is one.
fn request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let lines = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = lines.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let end = head + length.parse::<usize>().ok()?;
    (bytes.len() >= end).then_some(end)
}
