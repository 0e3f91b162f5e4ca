//! Verify and parse in memory, beside the least that would do: HMAC-SHA256 with a key that is ready, and
//! a struct with the fields of a delivery report and nothing else. The aim is 0.9 of its speed or better.
//! Then the whole path in memory: what a receiver does to a request between its server and its sink.
#![expect(clippy::print_stdout, reason = "it shows what it measured")]

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request};
use http_body_util::Full;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::Sha256;
use sinch_batch_webhook::{CallbackReceiver, Verifier, WebhookSecret, parse, sign};
use tower_service::Service;

const BODIES: [(&str, &str); 2] = [
    ("delivered", include_str!("../../../tests/wire/callback/message_delivery.delivered.json")),
    ("failed", include_str!("../../../tests/wire/callback/message_delivery.failed.channel.json")),
];
const SECRET: &str = "the secret of the webhook";
const THEN: i64 = 1_947_146_400;

mod floor {
    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    pub(super) struct Callback {
        app_id: Option<String>,
        project_id: Option<String>,
        accepted_time: Option<String>,
        event_time: Option<String>,
        message_metadata: Option<String>,
        correlation_id: Option<String>,
        message_delivery_report: Option<Report>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    struct Report {
        message_id: Option<String>,
        conversation_id: Option<String>,
        status: Option<String>,
        channel_identity: Option<Identity>,
        contact_id: Option<String>,
        reason: Option<Reason>,
        metadata: Option<String>,
        processing_mode: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    struct Identity {
        channel: Option<String>,
        identity: Option<String>,
        app_id: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "read, not used")]
    struct Reason {
        code: Option<String>,
        description: Option<String>,
        sub_code: Option<String>,
    }

    /// The age is checked, nothing else is: neither repeated headers nor the algorithm.
    pub(super) fn verify(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], now: i64) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(signature), Some(nonce), Some(timestamp)) = (
            text("x-sinch-webhook-signature"),
            text("x-sinch-webhook-signature-nonce"),
            text("x-sinch-webhook-signature-timestamp"),
        ) else {
            return false;
        };
        if !timestamp.parse::<i64>().is_ok_and(|then| now.abs_diff(then) <= 300) {
            return false;
        }
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let mut code = key.clone();
        for part in [body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()] {
            code.update(part);
        }
        code.verify_slice(&signature).is_ok()
    }
}

/// As it comes over the network: in one line.
fn compact(body: &str) -> String {
    serde_json::from_str::<serde_json::Value>(body).unwrap().to_string()
}

fn main() {
    for (name, body) in BODIES {
        verify_and_parse(name, compact(body).as_bytes());
    }
    whole_path(compact(BODIES[0].1).into());
}

fn verify_and_parse(name: &str, body: &[u8]) {
    let secret = WebhookSecret::new(SECRET);
    let signature = sign(&secret, body, "01KZZ9BN79T5GK1ZW8JMKVFHQ2", THEN);
    let mut headers: HeaderMap =
        signature.headers().into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
    // What else a request has.
    for (name, value) in [
        (http::header::HOST, "hooks.example.com"),
        (http::header::CONTENT_TYPE, "application/json"),
        (http::header::USER_AGENT, "a-service/1.0"),
        (http::header::ACCEPT, "*/*"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let verifier = Verifier::new(secret).unwrap();
    let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let now = Timestamp::from_second(THEN + 1).unwrap();

    let verify = || verifier.check(black_box(&headers), black_box(body), now).unwrap();
    let by_hand = || assert!(floor::verify(&key, black_box(&headers), black_box(body), now.as_second()));
    let [ours, floor] = medians([&mut || drop(black_box((verify(), parse(black_box(body)).unwrap()))), &mut || {
        by_hand();
        drop(black_box(serde_json::from_slice::<floor::Callback>(black_box(body)).unwrap()));
    }]);
    println!("{name}, verify and parse: {ours:.2} µs, by hand {floor:.2} µs: {:.3} of its speed", floor / ours);
    let [ours, floor] = medians([&mut || drop(black_box(verify())), &mut || by_hand()]);
    println!("{name}, verify alone:     {ours:.2} µs, by hand {floor:.2} µs: {:.3} of its speed", floor / ours);
}

/// Microseconds a call of each, the median of many short rounds that take turns: what else the machine
/// does then falls on all alike.
fn medians<const N: usize>(mut calls: [&mut dyn FnMut(); N]) -> [f64; N] {
    const ROUNDS: usize = 400;
    const CALLS: u32 = 500;
    let mut took = [(); N].map(|()| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (call, took) in calls.iter_mut().zip(&mut took) {
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            took.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
        }
    }
    took.map(|mut took| {
        took.sort_by(f64::total_cmp);
        took[ROUNDS / 2]
    })
}

fn whole_path(body: Bytes) {
    let secret = WebhookSecret::new(SECRET);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut service = CallbackReceiver::new(Verifier::new(secret.clone()).unwrap())
        .with_clock(|| Timestamp::from_second(THEN).unwrap())
        .service(async |callback| {
            black_box(callback);
            Ok::<_, Infallible>(())
        });
    let mut number = 0;
    let mut took: Vec<f64> = (0..4000)
        .map(|_| {
            // A few at a time, as a server has them.
            let requests: Vec<_> = (0..64).map(|_| request(&mut number, &secret, &body)).collect();
            runtime.block_on(async {
                let start = Instant::now();
                for request in requests {
                    assert_eq!(service.call(request).await.unwrap().status(), 200);
                }
                start.elapsed().as_secs_f64() * 1e6 / 64.0
            })
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("the whole path in memory: {:.2} µs", took[took.len() / 2]);
}

fn request(number: &mut u64, secret: &WebhookSecret, body: &Bytes) -> Request<Full<Bytes>> {
    *number += 1;
    let signature = sign(secret, body, &format!("01KZZ9BN79T5{number:014}"), THEN);
    let mut request = Request::post("/").body(Full::new(body.clone())).unwrap();
    for (name, value) in signature.headers() {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}
