//! The last byte over real sockets, with servers that count what is complete.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Waker;
use std::time::Duration;

use http::Request;
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::{ReqwestTransport, Transport, TransportError};
use super::*;
use crate::{Error, ErrorKind, Operation, Reached};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    Http1,
    Http2,
}
use Version::{Http1, Http2};

/// What a server saw on one connection, until its end.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// How long the body was said to be.
    said: Option<usize>,
    bytes: usize,
    complete: usize,
}

/// What a server does before it reads a body, and after it has read one.
struct Plan {
    /// Notified when the head of a request was received.
    arrived: oneshot::Sender<()>,
    /// Reads on when it is notified.
    go_on: oneshot::Receiver<()>,
    answers: bool,
}

struct Server {
    url: String,
    arrived: oneshot::Receiver<()>,
    go_on: oneshot::Sender<()>,
    seen: JoinHandle<Seen>,
}

async fn serve(version: Version, answers: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/messages", listener.local_addr().unwrap());
    let (arrived, has_arrived) = oneshot::channel();
    let (goes_on, go_on) = oneshot::channel();
    let plan = Plan { arrived, go_on, answers };
    let seen = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        match version {
            Http1 => http1(socket, plan).await,
            Http2 => http2(socket, plan).await,
        }
    });
    Server { url, arrived: has_arrived, go_on: goes_on, seen }
}

async fn http1(mut socket: TcpStream, plan: Plan) -> Seen {
    let mut seen = Seen::default();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = socket.read_u8().await else { return seen };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    seen.said = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let _ = plan.arrived.send(());
    let _ = plan.go_on.await;
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = socket.read(&mut chunk).await {
        seen.bytes += length;
        if Some(seen.bytes) == seen.said {
            seen.complete += 1;
            if !plan.answers {
                break;
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        }
    }
    seen
}

/// As much of HTTP/2 as it takes to count one request.
async fn http2(mut socket: TcpStream, plan: Plan) -> Seen {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const END_STREAM: u8 = 1;
    async fn write(socket: &mut TcpStream, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let frame = [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream][..], payload].concat();
        let _ = socket.write_all(&frame).await;
    }
    let mut seen = Seen::default();
    let mut plan = (Some(plan.arrived), Some(plan.go_on), plan.answers);
    let mut preface = [0; 24];
    if socket.read_exact(&mut preface).await.is_err() {
        return seen;
    }
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write(&mut socket, SETTINGS, 0, 0, &[]).await;
    let mut head = [0; 9];
    while socket.read_exact(&mut head).await.is_ok() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if socket.read_exact(&mut payload).await.is_err() {
            break;
        }
        let (kind, flags) = (head[3], head[4]);
        match kind {
            SETTINGS if flags & 1 == 0 => write(&mut socket, SETTINGS, 1, 0, &[]).await,
            HEADERS => {
                let _ = plan.0.take().unwrap().send(());
                // Until now no more than the 65,535 bytes that all may send may come.
                let _ = plan.1.take().unwrap().await;
                for stream in [0, head[8]] {
                    write(&mut socket, WINDOW_UPDATE, 0, stream, &(1_u32 << 30).to_be_bytes()).await;
                }
            }
            DATA => {
                seen.bytes += length;
                if flags & END_STREAM != 0 {
                    seen.complete += 1;
                    if !plan.2 {
                        break;
                    }
                    write(&mut socket, HEADERS, 4, head[8], &[0x88]).await; // :status 200
                    write(&mut socket, DATA, END_STREAM, head[8], b"{}").await;
                }
            }
            _ => {}
        }
    }
    seen
}

fn transport(version: Version) -> ReqwestTransport {
    match version {
        Http1 => ReqwestTransport::by_default(true, Duration::from_secs(30)).unwrap(),
        Http2 => ReqwestTransport::http2(Duration::from_secs(30)).unwrap(),
    }
}

fn request(url: &str, length: usize, until: SendUntil) -> Request<Bytes> {
    Request::post(url).extension(until).body(Bytes::from(vec![b'x'; length])).unwrap()
}

fn in_an_hour() -> SendUntil {
    SendUntil { steady: Instant::now() + HOUR, wall: Timestamp::now() + SignedDuration::from_hours(1) }
}

/// What is too late by one clock only.
fn over() -> [SendUntil; 2] {
    let later = in_an_hour();
    [SendUntil { wall: Timestamp::UNIX_EPOCH, ..later }, SendUntil { steady: Instant::now(), ..later }]
}

#[track_caller]
fn check(result: Result<http::Response<Bytes>, TransportError>, expected: &str, reached: Reached) {
    let error = Error::transport(Operation::SendBatch, result.unwrap_err());
    assert_eq!((error.label(), error.reached_service()), (expected, reached), "{error:?}");
    assert_eq!(matches!(error.kind(), ErrorKind::TooLate), expected == "too_late");
}

/// Lets the connection of a call that has ended end too.
async fn seen(server: JoinHandle<Seen>) -> Seen {
    server.await.unwrap()
}

#[tokio::test]
async fn body_in_time_arrives_once_and_whole() {
    for version in [Http1, Http2] {
        for length in [1, 2, 300_000] {
            let server = serve(version, true).await;
            server.go_on.send(()).unwrap();
            let transport = transport(version);
            let answer = transport.call(request(&server.url, length, in_an_hour())).await.unwrap();
            assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"{}"[..]));
            drop(transport);
            let said = (version == Http1).then_some(length);
            assert_eq!(seen(server.seen).await, Seen { said, bytes: length, complete: 1 }, "{version:?}");
        }
    }
}

#[tokio::test]
async fn request_without_a_body_has_no_last_byte() {
    assert!(hold(Bytes::new(), in_an_hour()).is_none());
}

#[tokio::test]
async fn body_that_is_late_by_either_clock_stays_incomplete() {
    for version in [Http1, Http2] {
        let [by_wall, by_steady] = over();
        // Nothing keeps the connection from being made; but the last byte is looked at behind the rest.
        let server = serve(version, true).await;
        server.go_on.send(()).unwrap();
        let late = transport(version);
        check(late.call(request(&server.url, 300_000, by_wall)).await, "too_late", Reached::No);
        drop(late);
        let seen = seen(server.seen).await;
        assert_eq!(seen.complete, 0, "{version:?}");
        assert!(seen.bytes < 300_000, "{version:?} {seen:?}");
        // It ends before there is a connection.
        let mut server = serve(version, true).await;
        check(transport(version).call(request(&server.url, 300_000, by_steady)).await, "too_late", Reached::No);
        assert!(server.arrived.try_recv().is_err(), "{version:?}");
    }
}

#[tokio::test]
async fn body_that_the_service_does_not_read_in_time_stays_incomplete() {
    for version in [Http1, Http2] {
        let server = serve(version, true).await;
        // More than the buffers of a system, or the window of HTTP/2, take in.
        let length = if version == Http1 { 64 << 20 } else { 100_000 };
        let transport = Arc::new(transport(version));
        let call = tokio::spawn({
            let (transport, request) = (Arc::clone(&transport), request(&server.url, length, in_an_hour()));
            async move { transport.call(request).await }
        });
        server.arrived.await.unwrap();
        tokio::time::pause();
        tokio::time::advance(HOUR).await;
        check(call.await.unwrap(), "too_late", Reached::No);
        tokio::time::resume();
        server.go_on.send(()).unwrap();
        drop(transport);
        let seen = seen(server.seen).await;
        assert!(seen.complete == 0 && seen.bytes < length, "{version:?} {seen:?}");
    }
}

#[tokio::test]
async fn call_that_is_dropped_never_completes_its_body() {
    for version in [Http1, Http2] {
        let server = serve(version, true).await;
        let length = if version == Http1 { 64 << 20 } else { 100_000 };
        let transport = Arc::new(transport(version));
        let call = tokio::spawn({
            let (transport, request) = (Arc::clone(&transport), request(&server.url, length, in_an_hour()));
            async move { transport.call(request).await }
        });
        server.arrived.await.unwrap();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        server.go_on.send(()).unwrap();
        drop(transport);
        assert_eq!(seen(server.seen).await.complete, 0, "{version:?}");
    }
}

#[tokio::test]
async fn last_byte_given_out_makes_the_outcome_unknown() {
    for version in [Http1, Http2] {
        let server = serve(version, false).await;
        server.go_on.send(()).unwrap();
        let transport = transport(version);
        check(transport.call(request(&server.url, 1000, in_an_hour())).await, "transport", Reached::Unknown);
        assert_eq!(seen(server.seen).await.complete, 1, "{version:?}");
    }
}

#[tokio::test]
async fn connection_that_breaks_for_another_reason_stays_unknown() {
    let server = serve(Http1, true).await;
    let transport = Arc::new(transport(Http1));
    let call = tokio::spawn({
        let (transport, request) = (Arc::clone(&transport), request(&server.url, 64 << 20, in_an_hour()));
        async move { transport.call(request).await }
    });
    server.arrived.await.unwrap();
    server.seen.abort();
    check(call.await.unwrap(), "transport", Reached::Unknown);
}

#[tokio::test]
async fn last_byte_waits_until_the_rest_was_written() {
    let mut cx = Context::from_waker(Waker::noop());
    let (body, hold) = hold(Bytes::from_static(b"hello"), in_an_hour()).unwrap();
    let mut body = pin!(body);
    assert_eq!(body.size_hint().exact(), Some(5));
    let rest = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!((&rest[..], body.size_hint().exact(), body.is_end_stream()), (&b"hell"[..], Some(1), false));
    let part = rest.slice(1..);
    drop(rest);
    assert!(body.as_mut().poll_frame(&mut cx).is_pending());
    drop(part);
    let last = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!((&last[..], body.size_hint().exact(), body.is_end_stream()), (&b"o"[..], Some(0), true));
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
    assert!(!hold.lapse(), "what was given out cannot be kept");
}

#[tokio::test]
async fn last_byte_is_kept_for_ever_once_it_was_kept() {
    for lapse in [true, false] {
        let (body, hold) = hold(Bytes::from_static(b"o"), in_an_hour()).unwrap();
        if lapse {
            assert!(hold.lapse() && hold.was_too_late());
        }
        drop(hold);
        let mut body = pin!(body);
        for _ in 0..2 {
            assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().is_err());
        }
    }
    for until in over() {
        let (body, hold) = hold(Bytes::from_static(b"o"), until).unwrap();
        let mut body = pin!(body);
        assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().is_err());
        assert!(hold.was_too_late());
    }
}
