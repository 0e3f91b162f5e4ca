//! Every fault of the wire: what the error says, what may have happened, and how many requests arrived.
//!
//! Each fault is played to a send and to a look-up. A send is made once unless nothing can have been
//! taken; a look-up is made three times. Afterwards the same client works, and nothing is left open.

use std::error::Error as _;
use std::time::Duration;

use sinch_batch_auth::AccessToken;
use sinch_batch_client::{Client, Error, ErrorKind, Reached, RetryPolicy};
use sinch_batch_models::ProjectId;
use tokio::time::Instant;

use crate::batch;
use crate::hostile_server::{Step, Turn, Wild, after_all, answer, say};
use Reached::{No, Unknown};
use Step::{Close, Drip, HalfClose, Head, Reset, Say, Stall, Trickle};

/// How long one attempt may take where nothing will come, and where something will.
const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(20);

fn client(url: &str, attempt: Duration) -> Client {
    Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_base_url(url)
        .with_retry(RetryPolicy::default().with_max_attempts(3).with_first_wait(Duration::from_millis(2)))
        .with_attempt_timeout(attempt)
        .build()
        .unwrap()
}

/// How a call ends: with the kind of its error, or well.
type Outcome = Result<(), (&'static str, Reached)>;

fn outcome<T>(result: Result<T, Error>) -> (Outcome, String) {
    let Err(error) = result else { return (Ok(()), String::new()) };
    let kind = match error.kind() {
        ErrorKind::Connect => "connect",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Transport => "transport",
        ErrorKind::Api { .. } => "api",
        ErrorKind::UnexpectedResponse { .. } => "answer",
        other => panic!("no fault of the wire: {other:?}"),
    };
    (Err((kind, error.reached_service())), told(&error))
}

/// The sentence of an error and of its causes; none repeats the next.
fn told(error: &Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    assert!(texts.windows(2).all(|pair| !pair[0].contains(&pair[1])), "{texts:?}");
    assert!(!texts[0].ends_with('.') && texts[0].starts_with(char::is_lowercase), "{texts:?}");
    let text = texts.join(": ");
    assert!(!text.contains("5550100001") && !text.contains("projects/"), "{text}");
    text
}

struct Fault {
    name: &'static str,
    turns: Vec<Turn>,
    /// How the send ends, and how many requests of it arrive.
    send: (Outcome, usize),
    find: (Outcome, usize),
    /// What the error of the send says.
    says: &'static str,
}

/// Plays each fault in a runtime of its own, all at once.
fn play(faults: Vec<Fault>, attempt: Duration) {
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    // Where nothing will come, time passes as soon as nothing else can.
                    if attempt == SHORT {
                        tokio::time::pause();
                    }
                    fault.play(attempt).await;
                });
            });
        }
    });
}

impl Fault {
    async fn play(&self, attempt: Duration) {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        for is_send in [true, false] {
            let name = format!("{}, {}", self.name, if is_send { "send" } else { "find" });
            let server = Wild::start(self.turns.clone()).await;
            let client = client(&server.url, attempt);
            let start = Instant::now();
            let ended = if is_send {
                outcome(client.send_batch(&batch()).await)
            } else {
                outcome(client.find_batches("k", "v").await)
            };
            let (expected, arrived) = if is_send { self.send } else { self.find };
            assert_eq!(ended.0, expected, "{name}: {}", ended.1);
            if is_send {
                assert!(ended.1.contains(self.says), "{name}: {}", ended.1);
            }
            assert_eq!(server.arrived(), arrived, "{name}");
            assert!(start.elapsed() < 3 * attempt + Duration::from_secs(2), "{name}: {:?}", start.elapsed());
            // The client continues as soon as the service does.
            let patient = client.with_attempt_timeout(LONG);
            for _ in 0..server.turns_left() {
                let once = client.with_retry(RetryPolicy::none()).with_attempt_timeout(attempt);
                // Whatever a look-up on the rest of the turns comes to, it ends.
                let _ = outcome(once.find_batches("k", "v").await);
            }
            assert!(patient.find_batches("k", "v").await.is_ok(), "{name}");
            assert_eq!(patient.send_batch(&batch()).await.unwrap().batch_id.as_str(), "b", "{name}");
            drop((client, patient));
            // Who looks again and again leaves a paused clock no time to go on.
            if attempt == SHORT {
                tokio::time::resume();
            }
            let all_gone = async {
                server.deserted().await;
                while tasks() > before {
                    tokio::task::yield_now().await;
                }
            };
            assert!(
                tokio::time::timeout(Duration::from_secs(5), all_gone).await.is_ok(),
                "{name}: something stays open"
            );
            if attempt == SHORT {
                tokio::time::pause();
            }
        }
    }
}

/// A fault after which the outcome is unknown: a send is made once, a look-up three times.
fn unknown(name: &'static str, turn: Turn, kind: &'static str, says: &'static str) -> Fault {
    let reads = turn.contains_head();
    Fault {
        name,
        turns: vec![turn; 3],
        send: (Err((kind, Unknown)), usize::from(reads)),
        find: (Err((kind, Unknown)), 3 * usize::from(reads)),
        says,
    }
}

/// An answer that is final for both.
fn last(
    name: &'static str,
    bytes: impl Into<Vec<u8>>,
    kind: &'static str,
    reached: Reached,
    says: &'static str,
) -> Fault {
    let ends = Err((kind, reached));
    Fault { name, turns: vec![say(bytes)], send: (ends, 1), find: (ends, 1), says }
}

/// A fault that is overcome.
fn overcome(name: &'static str, turns: Vec<Turn>) -> Fault {
    let arrived = turns.len() + 1;
    Fault { name, turns, send: (Ok(()), arrived), find: (Ok(()), arrived), says: "" }
}

/// An answer that is odd and good.
fn good(name: &'static str, turn: Turn) -> Fault {
    Fault { name, turns: vec![turn], send: (Ok(()), 1), find: (Ok(()), 1), says: "" }
}

trait Reads {
    fn contains_head(&self) -> bool;
}

impl Reads for Turn {
    fn contains_head(&self) -> bool {
        self.iter().any(|step| matches!(step, Head))
    }
}

const BATCH: &str = r#"{"batch_id":"b"}"#;

fn page(bytes: usize) -> String {
    let start = "<html><head><title>502 Bad Gateway</title></head><body>";
    format!("{start}{}", "to +15550100001, ".repeat(bytes / 17))
}

#[test]
fn faults_of_connections_that_end_too_early() {
    let half_head = || Say(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec());
    let half_body = || Say(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"batch_id\":".to_vec());
    let half_chunk = || Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"batch_id\":".to_vec());
    let broke = "sending a batch failed because the connection broke: ";
    let faults = vec![
        unknown("reset at once", vec![Reset], "transport", broke),
        unknown("closed at once", vec![Close], "transport", broke),
        unknown("reset before the body", vec![Head, Reset], "transport", broke),
        unknown("closed before the body", vec![Head, Close], "transport", broke),
        unknown("reset after the body", after_all([Reset]), "transport", broke),
        unknown("closed after the body", after_all([Close]), "transport", "connection closed before message completed"),
        unknown("half-closed after the body", after_all([HalfClose]), "transport", broke),
        unknown("reset in the head", after_all([half_head(), Reset]), "transport", broke),
        unknown("closed in the head", after_all([half_head(), Close]), "transport", broke),
        unknown("reset in the answer", after_all([half_body(), Reset]), "transport", broke),
        unknown("closed in the answer", after_all([half_body(), Close]), "transport", broke),
        unknown("half-closed in the answer", after_all([half_body(), HalfClose]), "transport", broke),
        unknown("closed in a chunk", after_all([half_chunk(), Close]), "transport", broke),
    ];
    play(faults, LONG);
}

#[test]
fn faults_of_stalls() {
    let late = "sending a batch was not answered in time";
    let start = || Say(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n".to_vec());
    let faults = vec![
        unknown("before reading", vec![Stall], "timeout", late),
        unknown("before the body", vec![Head, Stall], "timeout", late),
        unknown("before the answer", after_all([Stall]), "timeout", late),
        unknown("in the head", after_all([Say(b"HTTP/1.1 200".to_vec()), Stall]), "timeout", late),
        unknown("after the head", after_all([start(), Stall]), "timeout", late),
        unknown("in the answer", after_all([start(), Say(b"{\"batch".to_vec()), Stall]), "timeout", late),
        unknown(
            "drop by drop without an end",
            after_all([Say(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Trickle]),
            "timeout",
            late,
        ),
        unknown(
            "a promise and no more",
            after_all([Say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n".to_vec()), Stall]),
            "timeout",
            late,
        ),
    ];
    play(faults, SHORT);
}

#[test]
fn faults_of_odd_responses() {
    let close_ends = b"HTTP/1.1 200 OK\r\n\r\n{\"batch_id\":\"b\"}".to_vec();
    let hints =
        [&b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n"[..], &answer("200 OK", BATCH)];
    let gzip = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 36\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x4a\x2c\x49\xce\x88\xcf\x4c\x51\xb2\x52\x4a\x52\xaa\x05\x00\x16\x70\xf4\xaf\x10\x00\x00\x00";
    let unread = "sending a batch was answered 200 in a form that cannot be read";
    let way = "answered 403 in a form that is not the API's, perhaps by something on the way";
    let faults = vec![
        good("byte by byte", after_all([Drip(answer("200 OK", BATCH))])),
        good("after other news", say(hints.concat())),
        good("ended by the close", after_all([Say(close_ends.clone()), Close])),
        good("ended by the half-close", after_all([Say(close_ends), HalfClose])),
        good("in gzip", say(*gzip)),
        unknown(
            "in broken gzip",
            say(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n[]"),
            "transport",
            "",
        ),
        last(
            "another protocol",
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            "answer",
            Unknown,
            "101",
        ),
        unknown(
            "no HTTP",
            after_all([Say(b"SSH-2.0-made-up\r\n".to_vec()), Close]),
            "transport",
            "invalid HTTP version",
        ),
        unknown(
            "endless head",
            after_all([Say([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 1 << 20]].concat()), Stall]),
            "transport",
            "",
        ),
        unknown(
            "too long a promise",
            after_all([Say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]".to_vec()), Close]),
            "transport",
            "",
        ),
        unknown("no length", say(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n[]"), "transport", ""),
        unknown(
            "two lengths",
            say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n[]"),
            "transport",
            "",
        ),
        last("too short a promise", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n[]", "answer", Unknown, unread),
        last("no UTF-8", &answer_bytes("200 OK", b"{\"batch_id\":\"\xff\xfe\"}")[..], "answer", Unknown, unread),
        last("cut JSON", answer("200 OK", "{\"batch_id\": \"01"), "answer", Unknown, unread),
        last("nothing", answer("200 OK", ""), "answer", Unknown, "the body is empty"),
        last("less than nothing", "HTTP/1.1 204 No Content\r\n\r\n", "answer", Unknown, "the body is empty"),
        last("a page", answer("200 OK", "<html><title>Log in, please</title>"), "answer", Unknown, unread),
        last("10 MB of a page", answer("200 OK", &page(10_000_000)), "answer", Unknown, unread),
        last(
            "a page instead of 404",
            answer("404 Not Found", "<h1>nginx</h1>"),
            "api",
            No,
            "answered 404 in a form that is not the API's",
        ),
        last("10 MB of 403", answer("403 Forbidden", &page(10_000_000)), "api", No, way),
        unknown(
            "10 MB of 502",
            say(answer("502 Bad Gateway", &page(10_000_000))),
            "api",
            "answered 502 in a form that is not the API's",
        ),
        unknown(
            "500 without UTF-8",
            say(answer_bytes("500 Oops", b"\xff\xff")),
            "api",
            "answered 500 in a form that is not the API's",
        ),
        unknown("504 without a word", say(answer("504 Gateway Timeout", "")), "api", "answered 504"),
        last(
            "a redirect",
            answer("307 Temporary Redirect\r\nlocation: /elsewhere", ""),
            "answer",
            Unknown,
            "a redirect, 307",
        ),
    ];
    play(faults, LONG);
}

fn answer_bytes(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[test]
fn faults_of_storms_and_tokens() {
    let busy = |headers: &str| say(answer(&format!("429 Too Many Requests{headers}"), ""));
    let expired = || say(answer("401 Unauthorized\r\nwww-authenticate: Bearer error=\"expired\"", ""));
    let storm = |name, headers, arrived| Fault {
        name,
        turns: vec![busy(headers); 3],
        send: (Err(("api", No)), arrived),
        find: (Err(("api", No)), arrived),
        says: "answered 429, too many requests, or the queue of the app is full",
    };
    let faults = vec![
        storm("a storm", "", 3),
        storm("a storm that asks for nothing", "\r\nretry-after: 0", 3),
        storm("a storm that asks for the past", "\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT", 3),
        storm("a storm with an absurd retry-after", "\r\nretry-after: 99999999999999999999", 3),
        storm("a storm that asks for an hour", "\r\nretry-after: 3600", 1),
        storm("a storm that mumbles", "\r\nretry-after: soon", 3),
        storm("a storm that mumbles a number", "\r\nretry-after: -1", 3),
        overcome("a gust", vec![busy(""), busy("\r\nretry-after: 0")]),
        overcome("a token that has expired", vec![expired()]),
        Fault {
            name: "tokens that expire at once",
            turns: vec![expired(), expired()],
            send: (Err(("api", No)), 2),
            find: (Err(("api", No)), 2),
            says: "answered 401, the token was not accepted",
        },
        Fault {
            name: "a token that expires, and then no answer",
            turns: vec![expired(), after_all([Close]), after_all([Close]), after_all([Close])],
            send: (Err(("transport", Unknown)), 2),
            find: (Err(("transport", Unknown)), 4),
            says: "the connection broke",
        },
        last("a token that is wrong", answer("401 Unauthorized\r\nwww-authenticate: Bearer", ""), "api", No, "401"),
    ];
    play(faults, LONG);
}

#[tokio::test]
async fn nobody_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(&url, LONG);
    let (ended, text) = outcome(client.send_batch(&batch()).await);
    assert_eq!(ended, Err(("connect", No)));
    assert!(text.starts_with("sending a batch failed because the service could not be connected to: "), "{text}");
    assert_eq!(outcome(client.find_batches("k", "v").await).0, Err(("connect", No)));
}

/// A queue of connections that is full drops the next one without a word: the stall before the accept.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn connection_that_fails_definitely_sent_nothing() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(100), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 100, "the queue has no end");
    }
    let client = client(&format!("http://{address}"), SHORT).with_retry(RetryPolicy::none());
    let start = Instant::now();
    let (ended, text) = outcome(client.send_batch(&batch()).await);
    assert_eq!((ended, text.contains("no connection within 250ms")), (Err(("connect", No)), true), "{text}");
    assert!(start.elapsed() < SHORT, "{:?}", start.elapsed());

    // For one call it may be less.
    let hasty = client.with_connect_timeout(Duration::from_millis(20));
    let text = outcome(hasty.send_batch(&batch()).await).1;
    assert!(text.contains("no connection within 20ms"), "{text}");
}

#[tokio::test]
async fn connection_serves_many_calls_and_clones() {
    let refusals = [400, 404, 429, 500].map(|status| say(answer(&format!("{status} No"), "{}")));
    let server = Wild::start(refusals).await;
    let client = client(&server.url, LONG).with_retry(RetryPolicy::none());
    for number in 0..20 {
        let client = client.with_timeout(Duration::from_secs(number + 1));
        assert_eq!(client.send_batch(&batch()).await.is_ok(), number >= 4);
    }
    assert_eq!((server.arrived(), server.connections()), (20, 1));
}

#[tokio::test]
async fn dropped_call_leaves_the_client_usable() {
    for turn in
        [vec![Stall], vec![Head, Stall], after_all([Stall]), after_all([Say(b"HTTP/1.1 200 OK\r\n".to_vec()), Stall])]
    {
        let server = Wild::start([turn]).await;
        let client = client(&server.url, LONG).with_attempt_timeout(Duration::from_secs(60));
        let connected = async {
            while server.turns_left() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = async { client.send_batch(&batch()).await } => panic!("nothing was answered: {ended:?}"),
            () = connected => {}
        }
        // The connection of the dropped call is not used again: who answers last would answer wrong.
        assert_eq!(client.send_batch(&batch()).await.unwrap().batch_id.as_str(), "b");
        assert_eq!(server.connections(), 2);
        drop(client);
        server.deserted().await;
    }
}
