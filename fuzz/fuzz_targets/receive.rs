//! Any request through the whole path: verify, claim, parse, answer. Each is signed first and then, by
//! its first byte, spoilt in one way; so the answer is known beforehand.
#![no_main]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sinch_batch_webhook::signature::{ALGORITHM, ALGORITHM_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use sinch_batch_webhook::{CallbackReceiver, Verifier, WebhookSecret};
use tower_service::Service;

const THEN: i64 = 1_947_146_400;
const NONCE: &str = "01KZZ9BN79T5GK1ZW8JMKVFHQ2";
const GOOD: &[u16] = &[200];

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
}

fuzz_target!(|input: &[u8]| {
    let [kind, length, rest @ ..] = input else { return };
    let Some((spoilt, body)) = rest.split_at_checked(usize::from(*length)) else { return };
    let secret = WebhookSecret::new("the secret");
    let verifier = Verifier::new(secret.clone()).expect("it is not empty");
    let signed = |body: &[u8]| -> HeaderMap {
        let signature = verifier.sign(body, NONCE, THEN);
        signature.headers().into_iter().map(|(name, value)| (name, value.parse().expect("a value"))).collect()
    };
    let mut headers = signed(body);
    let mut sent = body.to_vec();
    let mut expected = GOOD;
    let value = HeaderValue::from_bytes(spoilt);
    match kind % 9 {
        0 => {}
        turn @ 1..=4 => {
            let Ok(value) = value else { return };
            let name =
                [SIGNATURE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, ALGORITHM_HEADER][usize::from(turn) - 1].clone();
            let same = value.to_str().is_ok_and(|text| {
                let text = text.trim_matches([' ', '\t']);
                text == headers[&name] || (name == ALGORITHM_HEADER && text.eq_ignore_ascii_case(ALGORITHM))
            });
            headers.insert(name, value);
            if !same {
                expected = &[401];
            }
        }
        5 => {
            let (Some(place), Some(first)) = (spoilt.first(), spoilt.get(1)) else { return };
            let bits = sent.len() * 8;
            if bits == 0 {
                return;
            }
            let bit = (usize::from(*place) << 8 | usize::from(*first)) % bits;
            sent[bit / 8] ^= 1 << (bit % 8);
            expected = &[401];
        }
        6 => {
            let Ok(value) = value else { return };
            headers.append(SIGNATURE_HEADER, value);
            expected = &[401];
        }
        7 => {
            let Ok(value) = value else { return };
            headers.insert(CONTENT_TYPE, value);
            expected = &[200, 415];
        }
        _ => {
            sent.extend_from_slice(spoilt);
            if !spoilt.is_empty() {
                expected = &[401];
            }
        }
    }

    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let mut service = CallbackReceiver::new(verifier.clone())
        .with_clock(|| Timestamp::from_second(THEN).expect("a time"))
        .service(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, Infallible>(()) }
        });
    let mut post = |headers: &HeaderMap, body: &[u8]| {
        let mut request = Request::post("/").body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
        *request.headers_mut() = headers.clone();
        let answer = RUNTIME.with(|runtime| runtime.block_on(service.call(request)));
        answer.unwrap_or_else(|never| match never {}).status().as_u16()
    };

    let status = post(&headers, &sent);
    assert!(expected.contains(&status), "{status}, not one of {expected:?}");
    let readable = usize::from(sinch_batch_webhook::parse(body).is_ok());
    let applied = if status == 200 { readable } else { 0 };
    assert_eq!(calls.load(Ordering::Relaxed), applied);
    // The same again is answered the same, and not handed over again.
    assert_eq!(post(&headers, &sent), status);
    assert_eq!(calls.load(Ordering::Relaxed), applied);
    if status == 200 {
        // The nonce with another genuine body is applied as well.
        let other = [body, b" "].concat();
        assert_eq!(post(&signed(&other), &other), 200);
        assert_eq!(calls.load(Ordering::Relaxed), 2 * readable);
    } else {
        // And the genuine one is not kept out.
        assert_eq!(post(&signed(body), body), 200);
        assert_eq!(calls.load(Ordering::Relaxed), readable);
    }
});
