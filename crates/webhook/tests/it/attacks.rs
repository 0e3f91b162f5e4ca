//! Every way in which a request may be wrong, by name: what it is answered, that no answer says more
//! than its status, and that it changes nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sinch_batch_webhook::{CallbackReceiver, NonceStore, ReceiverLimits, Verifier, WebhookSecret};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{BODY, Listening, NONCE, Request, THEN, exchange, hear, verifier};

/// What stands under the signature besides the body must not be told apart by its answer.
const REFUSED: u16 = 401;

/// Genuine, but of another time: a clock may be wrong, so it is asked for again.
const AGAIN: u16 = 503;

type Turn = fn(Request) -> Request;
type Case = (&'static str, Turn, u16);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Headers.
    ("as it should be", |good| good, 200),
    ("no signature", |good| good.without(""), REFUSED),
    ("no timestamp", |good| good.without("-timestamp"), REFUSED),
    ("no nonce", |good| good.without("-nonce"), REFUSED),
    ("no algorithm", |good| good.without("-algorithm"), REFUSED),
    ("no header at all", |good| Request { headers: Vec::new(), ..good }, REFUSED),
    ("signature twice", |good| twice(good, ""), REFUSED),
    ("timestamp twice", |good| twice(good, "-timestamp"), REFUSED),
    ("nonce twice", |good| twice(good, "-nonce"), REFUSED),
    ("algorithm twice", |good| twice(good, "-algorithm"), REFUSED),
    ("a second signature that is another's", |good| good.and("", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), REFUSED),
    ("two signatures in one header", |good| { let both = format!("{0},{0}", good.value("")); good.with("", &both) }, REFUSED),
    ("signature empty", |good| good.with("", ""), REFUSED),
    ("timestamp empty", |good| good.with("-timestamp", ""), REFUSED),
    ("nonce empty", |good| good.with("-nonce", ""), REFUSED),
    ("algorithm empty", |good| good.with("-algorithm", ""), REFUSED),
    ("nonce of spaces", |good| good.with("-nonce", "   "), REFUSED),
    ("header names in upper case", |good| renamed(good, str::to_uppercase), 200),
    ("header names in odd case", |good| renamed(good, |name| name.replace('s', "S").replace('n', "N")), 200),
    ("values with spaces around them", spaced, 200),
    ("a space inside the nonce", |good| good.with("-nonce", &NONCE.replace('T', " ")), REFUSED),
    ("a full stop in the nonce", |good| good.with("-nonce", &NONCE.replace('T', ".")), REFUSED),
    ("the nonce in lower case", |good| good.with("-nonce", &NONCE.to_lowercase()), REFUSED),
    ("a nonce that is not ASCII", |good| good.with("-nonce", "ключ"), REFUSED),
    ("the signature in lower case", |good| { let low = good.value("").to_lowercase(); good.with("", &low) }, REFUSED),
    ("the signature without its padding", |good| { let bare = good.value("").trim_end_matches('=').to_owned(); good.with("", &bare) }, REFUSED),
    ("the signature for URLs", |good| good.with("", "__-_____________________________-----------="), REFUSED),
    ("the signature in hexadecimal", |good| good.with("", &"0f".repeat(32)), REFUSED),
    ("a signature that is too short", |good| good.with("", "AAAA"), REFUSED),
    ("a signature that is too long", |good| { let long = format!("AAAA{}", good.value("")); good.with("", &long) }, REFUSED),
    ("nonce and timestamp swapped", |good| { let then = good.value("-timestamp").to_owned(); good.with("-timestamp", NONCE).with("-nonce", &then) }, REFUSED),
    // Secrets.
    ("another secret", |_| Request::signed_with(&WebhookSecret::new("another"), BODY, NONCE, THEN), REFUSED),
    ("the empty secret", |_| Request::signed_with(&WebhookSecret::new(""), BODY, NONCE, THEN), REFUSED),
    ("the secret with a line feed", |_| Request::signed_with(&WebhookSecret::new("the secret\n"), BODY, NONCE, THEN), REFUSED),
    // Bodies that are not what was signed.
    ("one byte of the body altered", |good| { let mut body = good.body.clone(); body[40] ^= 1; good.over(body) }, REFUSED),
    ("a line feed after the body", |good| good.over([BODY, b"\n"].concat()), REFUSED),
    ("white space in the body", |good| good.over(text().replace(':', ": ")), REFUSED),
    ("the keys in another order", |good| good.over(r#"{"message_delivery_report":{"status":"DELIVERED","message_id":"m"}}"#), REFUSED),
    ("a byte order mark before the body", |good| good.over([b"\xef\xbb\xbf", BODY].concat()), REFUSED),
    ("the body in UTF-16", |good| good.over(text().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), REFUSED),
    ("the body with escapes", |good| good.over(text().replace("DELIVERED", "\\u0044ELIVERED")), REFUSED),
    ("no body", |good| good.over(""), REFUSED),
    ("half of the body", |good| good.over(&BODY[..20]), REFUSED),
    ("the body twice", |good| good.over(BODY.repeat(2)), REFUSED),
    ("nonce and timestamp in the body", |good| good.over(format!("{}.{NONCE}.{THEN}", text())), REFUSED),
    // Times.
    ("signed 301 s ago", |_| Request::signed(BODY, NONCE, THEN - 301), AGAIN),
    ("signed 300 s ago", |_| Request::signed(BODY, NONCE, THEN - 300), 200),
    ("signed in 300 s", |_| Request::signed(BODY, NONCE, THEN + 300), 200),
    ("signed in 301 s", |_| Request::signed(BODY, NONCE, THEN + 301), AGAIN),
    ("signed in the year 1", |_| Request::signed(BODY, NONCE, -62_135_596_800), REFUSED),
    ("signed at the beginning of time", |_| Request::signed(BODY, NONCE, 0), AGAIN),
    ("signed at -1", |_| Request::signed(BODY, NONCE, -1), REFUSED),
    ("signed at the end of time", |_| Request::signed(BODY, NONCE, i64::MAX), REFUSED),
    ("another time than was signed", |good| good.with("-timestamp", &(THEN + 1).to_string()), REFUSED),
    ("a time of twenty digits", |good| good.with("-timestamp", "99999999999999999999"), REFUSED),
    ("a time in milliseconds", |_| Request::signed(BODY, NONCE, THEN * 1000), REFUSED),
    ("a time with a sign", |good| good.with("-timestamp", &format!("+{THEN}")), REFUSED),
    ("a time with a zero before it", |good| good.with("-timestamp", &format!("0{THEN}")), REFUSED),
    ("a time with a fraction", |good| good.with("-timestamp", &format!("{THEN}.0")), REFUSED),
    ("a time in words", |good| good.with("-timestamp", "Sun, 14 Sep 2031 10:00:00 GMT"), REFUSED),
    // Algorithms.
    ("the algorithm in lower case", |good| good.with("-algorithm", "hmacsha256"), 200),
    ("the algorithm in upper case", |good| good.with("-algorithm", "HMACSHA256"), 200),
    ("HmacSHA1", |good| good.with("-algorithm", "HmacSHA1"), REFUSED),
    ("HmacSHA512", |good| good.with("-algorithm", "HmacSHA512"), REFUSED),
    ("HmacMD5", |good| good.with("-algorithm", "HmacMD5"), REFUSED),
    ("HMAC-SHA256", |good| good.with("-algorithm", "HMAC-SHA256"), REFUSED),
    ("the algorithm none", |good| good.with("-algorithm", "none"), REFUSED),
    ("a list of algorithms", |good| good.with("-algorithm", "HmacSHA256, none"), REFUSED),
    // Signed callbacks of which we know little.
    ("what is not UTF-8, signed", |_| Request::signed(b"{\"a\":\"\xff\xfe\"}", NONCE, THEN), 200),
    ("a byte order mark, signed", |_| Request::signed(b"\xef\xbb\xbf{}", NONCE, THEN), 200),
    ("half of an emoji", |_| Request::signed(br#"{"correlation_id":"\ud83d"}"#, NONCE, THEN), 200),
    ("a kind that nobody knows", |_| Request::signed(br#"{"brand_new_notification":{"a":1}}"#, NONCE, THEN), 200),
    ("a known kind in an unknown shape", |_| Request::signed(br#"{"message_delivery_report":7}"#, NONCE, THEN), 200),
    ("an object with nothing in it", |_| Request::signed(b"{}", NONCE, THEN), 200),
    // Requests.
    ("as large as may be", |_| Request::signed(&padded(256 << 10), NONCE, THEN), 200),
    ("one byte larger", |_| Request::signed(&padded((256 << 10) + 1), NONCE, THEN), 413),
    ("text", |good| good.and("content-type", "text/plain"), 415),
    ("a form", |good| good.and("content-type", "application/x-www-form-urlencoded"), 415),
    ("JSON, it says", |good| good.and("content-type", "application/json; charset=utf-8"), 200),
    ("read", |good| good.to("GET /"), 405),
    ("put", |good| good.to("PUT /"), 405),
    ("deleted", |good| good.to("DELETE /"), 405),
    ("elsewhere", |good| good.to("POST /elsewhere"), 404),
];

/// Signed, but no callback: sending it again would not help, so it is answered 200.
#[rustfmt::skip]
const UNREADABLE: &[(&str, Turn)] = &[
    ("an empty body, signed", |_| Request::signed(b"", NONCE, THEN)),
    ("half a body, signed", |_| Request::signed(&BODY[..20], NONCE, THEN)),
    ("what is not JSON, signed", |_| Request::signed(b"<callback/>", NONCE, THEN)),
    ("an array, signed", |_| Request::signed(b"[{}]", NONCE, THEN)),
    ("two objects, signed", |_| Request::signed(b"{} {}", NONCE, THEN)),
    ("deep arrays, signed", |_| Request::signed(&b"[".repeat(200_000), NONCE, THEN)),
    ("deep objects, signed", |_| Request::signed(&br#"{"a":"#.repeat(50_000), NONCE, THEN)),
    ("deep and whole, signed", |_| Request::signed(&[&br#"{"a":"#.repeat(9_000)[..], b"1", &b"}".repeat(9_000)].concat(), NONCE, THEN)),
];

fn twice(good: Request, header: &str) -> Request {
    let value = good.value(header).to_owned();
    good.and(header, &value)
}

fn renamed(mut good: Request, rename: impl Fn(&str) -> String) -> Request {
    for (name, _) in &mut good.headers {
        *name = rename(name);
    }
    good
}

fn spaced(mut good: Request) -> Request {
    for (_, value) in &mut good.headers {
        *value = format!(" \t {value} \t ");
    }
    good
}

fn text() -> &'static str {
    std::str::from_utf8(BODY).unwrap()
}

fn padded(length: usize) -> Vec<u8> {
    let mut body = BODY.to_vec();
    body.resize(length, b' ');
    body
}

#[tokio::test]
async fn each_case_by_its_name() {
    assert!(CASES.len() >= 40);
    for (name, turn, status) in CASES {
        let listening = Listening::start().await;
        let good = Request::signed(BODY, NONCE, THEN);
        let answer = turn(good.clone()).post(listening.addr).await;
        assert_eq!(answer.status, *status, "{name}");
        assert_eq!(answer.body, "", "{name}");
        assert_eq!(listening.n_received(), usize::from(*status == 200), "{name}");
        if *status != 200 {
            // It does not keep the genuine one out.
            assert_eq!(good.post(listening.addr).await.status, 200, "after: {name}");
            assert_eq!(listening.n_received(), 1, "after: {name}");
        }
    }
}

#[tokio::test]
async fn unreadable_bodies_get_200_and_are_not_applied() {
    for (name, turn) in UNREADABLE {
        let listening = Listening::start().await;
        let good = Request::signed(BODY, NONCE, THEN);
        let answer = turn(good.clone()).post(listening.addr).await;
        assert_eq!((answer.status, listening.n_received()), (200, 0), "{name}");
        // It does not keep another out, not even under its nonce.
        assert_eq!(good.post(listening.addr).await.status, 200, "after: {name}");
        assert_eq!(listening.n_received(), 1, "after: {name}");
    }
}

#[tokio::test]
async fn no_two_refusals_of_a_forger_differ() {
    let listening = Listening::start().await;
    let mut heads = Vec::new();
    for (_, turn, _) in CASES.iter().filter(|(_, _, status)| *status == REFUSED) {
        let answer = turn(Request::signed(BODY, NONCE, THEN)).post(listening.addr).await;
        // All but the date, which the server puts there.
        heads.push(answer.head.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n"));
    }
    heads.dedup();
    assert_eq!(heads.len(), 1, "{heads:?}");
}

#[tokio::test]
async fn response_names_the_allowed_methods() {
    let listening = Listening::start().await;
    let answer = Request::signed(BODY, NONCE, THEN).to("GET /").post(listening.addr).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn algorithm_may_be_missing_if_one_says_so() {
    let listening = Listening::with(CallbackReceiver::new(verifier().with_missing_algorithm_allowed())).await;
    let good = Request::signed(BODY, NONCE, THEN);
    for refused in [good.clone().with("-algorithm", "none"), good.clone().with("-algorithm", "")] {
        assert_eq!(refused.post(listening.addr).await.status, 401);
    }
    assert_eq!(good.without("-algorithm").post(listening.addr).await.status, 200);
}

#[tokio::test]
async fn two_secrets_during_a_rotation() {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let (new, old) = (WebhookSecret::new("new"), WebhookSecret::new("old"));
    let listening = Listening::with(CallbackReceiver::new(
        Verifier::any_of([new.clone(), old.clone().with_end(at(THEN))]).unwrap(),
    ))
    .await;
    let status = async |secret: &WebhookSecret, nonce| {
        Request::signed_with(secret, BODY, nonce, THEN).post(listening.addr).await.status
    };
    assert_eq!(status(&new, "a").await, 200);
    assert_eq!(status(&old, "b").await, 200, "at its last moment");
    listening.now.store(THEN + 1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(status(&old, "c").await, 401, "after its end, whatever the callback says of its time");
    assert_eq!(status(&new, "d").await, 200);
    assert_eq!(listening.n_received(), 3);
}

#[tokio::test]
async fn huge_body_is_refused_by_its_announcement() {
    let listening = Listening::start().await;
    let head = Request::signed(BODY, NONCE, THEN).head(10 << 30);
    // Not one byte of the body is sent.
    assert_eq!(exchange(listening.addr, &[head.as_bytes()]).await.status, 413);
}

#[tokio::test]
async fn huge_body_without_announcement_is_read_to_the_limit_only() {
    let patient = ReceiverLimits::default().with_read(Duration::from_secs(600));
    let listening = Listening::with(CallbackReceiver::new(verifier()).with_limits(patient)).await;
    let good = Request::signed(BODY, NONCE, THEN);
    let head = good.head(0).replace("content-length: 0", "transfer-encoding: chunked");
    let mut stream = TcpStream::connect(listening.addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
    // Far more than the limit and what the sockets between hold.
    let mut refused = None;
    for _ in 0..1024 {
        if let Err(error) = stream.write_all(&chunk).await {
            refused = Some(error);
            break;
        }
    }
    let error = refused.expect("it reads on and on");
    assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error}");
    assert_eq!(listening.n_received(), 0);
}

#[tokio::test]
async fn body_in_pieces_is_put_together() {
    let listening = Listening::start().await;
    let good = Request::signed(BODY, NONCE, THEN);
    let mut request = good.head(0).replace("content-length: 0", "transfer-encoding: chunked").into_bytes();
    for piece in BODY.chunks(7) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(exchange(listening.addr, &[&request]).await.status, 200);
    assert_eq!(listening.n_received(), 1);
}

#[tokio::test]
async fn body_that_breaks_off_changes_nothing() {
    let listening = Listening::start().await;
    let good = Request::signed(BODY, NONCE, THEN);
    let mut stream = TcpStream::connect(listening.addr).await.unwrap();
    stream.write_all(good.head(BODY.len()).as_bytes()).await.unwrap();
    stream.write_all(&BODY[..20]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(listening.n_received(), 0);
    assert_eq!(good.post(listening.addr).await.status, 200);
}

#[tokio::test]
async fn body_that_is_too_slow_may_come_again() {
    let limits =
        ReceiverLimits::default().with_read(Duration::from_millis(20)).with_retry_after(Duration::from_secs(7));
    let store = Arc::new(NonceStore::new());
    let hasty = Listening::with(CallbackReceiver::new(verifier()).with_limits(limits).with_nonces(store.clone())).await;
    let good = Request::signed(BODY, NONCE, THEN);
    let mut stream = TcpStream::connect(hasty.addr).await.unwrap();
    stream.write_all(good.head(BODY.len()).as_bytes()).await.unwrap();
    stream.write_all(&BODY[..20]).await.unwrap();
    let answer = hear(&mut stream).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    assert_eq!(hasty.n_received(), 0);
    let patient = Listening::with(CallbackReceiver::new(verifier()).with_nonces(store)).await;
    assert_eq!(good.post(patient.addr).await.status, 200);
    assert_eq!(patient.n_received(), 1);
}

#[tokio::test]
async fn bearer_token_is_demanded_beside_the_signature() {
    let asked = CallbackReceiver::new(verifier().with_bearer(|token| token == "the token"));
    let waited_for = CallbackReceiver::new(verifier()).with_bearer(async |token| token == "the token");
    for receiver in [asked, waited_for] {
        let listening = Listening::with(receiver).await;
        let good = Request::signed(BODY, NONCE, THEN);
        for refused in [
            good.clone(),
            good.clone().and("authorization", "Bearer another"),
            good.clone().and("authorization", "Bearer "),
            good.clone().and("authorization", "Basic dGhlIHRva2Vu"),
            good.clone().and("authorization", "the token"),
            good.clone().and("authorization", "Bearer the token").and("authorization", "Bearer the token"),
            good.clone().with("-nonce", "another").and("authorization", "Bearer the token"),
        ] {
            assert_eq!(refused.post(listening.addr).await.status, 401);
        }
        assert_eq!(listening.n_received(), 0);
        assert_eq!(good.and("authorization", "bearer the token").post(listening.addr).await.status, 200);
    }
}
