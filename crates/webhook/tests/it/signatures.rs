//! The signature: vectors, the window, headers, and every altered byte.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;
use sinch_batch_webhook::signature::{ALGORITHM_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use sinch_batch_webhook::{SignatureError, Verifier, VerifierError, WebhookSecret, sign};

const NONCE: &str = "01KZZ9BN79T5GK1ZW8JMKVFHQ2";
const THEN: i64 = 1_947_146_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn headers_of(body: &[u8]) -> HeaderMap {
    let signature = sign(&WebhookSecret::new("s"), body, NONCE, THEN);
    signature.headers().into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
}

fn verifier() -> Verifier {
    Verifier::new(WebhookSecret::new("s")).unwrap()
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    secret: String,
    body: String,
    nonce: String,
    timestamp: String,
    algorithm: String,
    signature: String,
    valid: bool,
}

#[test]
fn published_formula_is_ours() {
    let vectors = sinch_batch_wire::text("signature_vectors.json");
    let vectors: Vec<Vector> = serde_json::from_str(&vectors).unwrap();
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_HEADER, vector.signature.parse().unwrap());
        headers.insert(NONCE_HEADER, vector.nonce.parse().unwrap());
        headers.insert(TIMESTAMP_HEADER, vector.timestamp.parse().unwrap());
        headers.insert(ALGORITHM_HEADER, vector.algorithm.parse().unwrap());
        let secret = WebhookSecret::new(&*vector.secret);
        let answer = Verifier::new(secret.clone()).unwrap().check(&headers, vector.body.as_bytes(), at(THEN));
        assert_eq!(answer.is_ok(), vector.valid, "{}: {answer:?}", vector.name);
        if vector.valid {
            let again = sign(&secret, vector.body.as_bytes(), &vector.nonce, vector.timestamp.parse().unwrap());
            assert_eq!(again.as_str(), vector.signature, "{}", vector.name);
        }
    }
}

#[test]
fn window_includes_its_bounds() {
    let headers = headers_of(b"{}");
    let check = |verifier: Verifier, now| verifier.check(&headers, b"{}", now).map(|_| ());
    for (seconds, expected) in [
        (0, Ok(())),
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(SignatureError::Old)),
        (-301, Err(SignatureError::Future)),
    ] {
        assert_eq!(check(verifier(), at(THEN + seconds)), expected, "{seconds}");
    }
    // The time of signing has whole seconds, so a second counts until it is over.
    let late = |millisecond| Timestamp::from_millisecond(THEN * 1000 + millisecond).unwrap();
    assert_eq!(check(verifier(), late(300_999)), Ok(()));
    assert_eq!(check(verifier(), late(-300_001)), Err(SignatureError::Future));
    let wide = verifier().with_window(Duration::MAX);
    assert_eq!(check(wide, at(0)), Ok(()));
    let none = verifier().with_window(Duration::ZERO);
    assert_eq!(check(none.clone(), at(THEN)), Ok(()));
    assert_eq!(check(none, at(THEN + 1)), Err(SignatureError::Old));
}

#[test]
fn headers_missing_repeated_or_strange_are_refused() {
    let check = |headers: &HeaderMap| verifier().check(headers, b"{}", at(THEN)).map(|_| ());
    let good = headers_of(b"{}");
    assert_eq!(check(&good), Ok(()));

    for name in [SIGNATURE_HEADER, NONCE_HEADER, TIMESTAMP_HEADER] {
        let mut headers = good.clone();
        headers.remove(&name);
        assert_eq!(check(&headers), Err(SignatureError::Missing(name.clone())));
        headers.insert(&name, "".parse().unwrap());
        assert_eq!(check(&headers), Err(SignatureError::Missing(name.clone())));
    }
    for name in [SIGNATURE_HEADER, NONCE_HEADER, TIMESTAMP_HEADER, ALGORITHM_HEADER] {
        let mut headers = good.clone();
        headers.append(&name, good[&name].clone());
        assert_eq!(check(&headers), Err(SignatureError::Repeated(name)));
    }
    for timestamp in ["+1947146400", "-1", "1947146400.0", "01947146400", "0x1", "99999999999999999999", "٣"] {
        let mut headers = good.clone();
        headers.insert(TIMESTAMP_HEADER, http::HeaderValue::from_bytes(timestamp.as_bytes()).unwrap());
        assert_eq!(check(&headers), Err(SignatureError::Malformed(TIMESTAMP_HEADER)), "{timestamp}");
    }
}

#[test]
fn algorithm_may_be_left_out_or_written_in_any_case() {
    let mut headers = headers_of(b"{}");
    let check = |headers: &HeaderMap| verifier().check(headers, b"{}", at(THEN)).map(|_| ());
    headers.insert(ALGORITHM_HEADER, "hmacsha256".parse().unwrap());
    assert_eq!(check(&headers), Ok(()));
    headers.remove(ALGORITHM_HEADER);
    assert_eq!(check(&headers), Err(SignatureError::Missing(ALGORITHM_HEADER)));
    let lenient = verifier().with_missing_algorithm_allowed();
    assert!(lenient.check(&headers, b"{}", at(THEN)).is_ok());
    for name in ["HmacSHA1", "none", "HmacSHA512", "HmacSHA256,none"] {
        headers.insert(ALGORITHM_HEADER, name.parse().unwrap());
        assert_eq!(check(&headers), Err(SignatureError::Algorithm), "{name}");
    }
}

#[test]
fn any_of_several_secrets_will_do_but_never_an_empty_one() {
    let headers = headers_of(b"{}");
    let secrets = ["old", "s"].map(WebhookSecret::new);
    assert!(Verifier::any_of(secrets).unwrap().check(&headers, b"{}", at(THEN)).is_ok());

    assert_eq!(Verifier::new(WebhookSecret::new("")).unwrap_err(), VerifierError::EmptySecret(0));
    assert_eq!(Verifier::any_of(["s", ""].map(WebhookSecret::new)).unwrap_err(), VerifierError::EmptySecret(1));
    assert_eq!(Verifier::any_of([]).unwrap_err(), VerifierError::NoSecret);
}

#[test]
fn no_part_of_a_body_passes_for_nonce() {
    // The same signed bytes, cut elsewhere: body `{}`, nonce `tail.NONCE`.
    let mut headers = headers_of(b"{}.tail");
    headers.insert(NONCE_HEADER, format!("tail.{NONCE}").parse().unwrap());
    assert_eq!(verifier().check(&headers, b"{}", at(THEN)), Err(SignatureError::Malformed(NONCE_HEADER)));
}

#[test]
fn every_single_bit_counts() {
    let body = br#"{"message_delivery_report":{"message_id":"m","status":"DELIVERED"}}"#;
    let good = headers_of(body);
    // A window without bounds: the signature alone must do it.
    let verifier = verifier().with_window(Duration::MAX);
    assert!(verifier.check(&good, body, at(THEN)).is_ok());
    for bit in 0..body.len() * 8 {
        let mut body = *body;
        body[bit / 8] ^= 1 << (bit % 8);
        assert!(verifier.check(&good, &body, at(THEN)).is_err(), "bit {bit} of the body");
    }
    for name in [SIGNATURE_HEADER, NONCE_HEADER, TIMESTAMP_HEADER] {
        for bit in 0..good[&name].len() * 8 {
            let mut value = good[&name].as_bytes().to_vec();
            value[bit / 8] ^= 1 << (bit % 8);
            // What is no header value cannot come at all.
            let Ok(value) = http::HeaderValue::from_bytes(&value) else { continue };
            let mut headers = good.clone();
            headers.insert(&name, value);
            assert!(verifier.check(&headers, body, at(THEN)).is_err(), "bit {bit} of {name}");
        }
    }
}

#[test]
fn one_that_verifies_signs_too() {
    let [new, old] = ["new", "old"].map(WebhookSecret::new);
    let verifier = Verifier::any_of([new.clone(), old.clone().with_name("of May")]).unwrap();
    assert_eq!(verifier.sign(b"{}", NONCE, THEN), sign(&new, b"{}", NONCE, THEN));
    let signature = old.sign(b"{}", NONCE, THEN);
    let headers = signature.headers().into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
    let verified = verifier.check(&headers, b"{}", at(THEN)).unwrap();
    assert_eq!((verified.secret, verified.secret_name.as_deref()), (1, Some("of May")));
}

#[test]
fn ended_secret_is_distinguished_from_an_unknown_one() {
    let ended = WebhookSecret::new("s").with_end(at(THEN - 1));
    let verifier = Verifier::any_of([WebhookSecret::new("new"), ended]).unwrap();
    let headers = headers_of(b"{}");
    assert_eq!(verifier.check(&headers, b"{}", at(THEN)), Err(SignatureError::Ended));
    assert_eq!(verifier.check(&headers, b"[]", at(THEN)), Err(SignatureError::Mismatch));
    assert!(verifier.check(&headers, b"{}", at(THEN - 1)).is_ok());
}

proptest! {
    #[test]
    fn signed_body_is_accepted(body: Vec<u8>, secret in ".+", nonce in "[!-\\-/-~]{1,40}", second in 0_i64..4_000_000_000) {
        let secret = WebhookSecret::new(secret);
        let signature = sign(&secret, &body, &nonce, second);
        let headers = signature.headers().into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
        let verified = Verifier::new(secret).unwrap().check(&headers, &body, at(second)).unwrap();
        prop_assert_eq!(&*verified.nonce, &*nonce);
        prop_assert_eq!(verified.signed_at, at(second));
    }

    #[test]
    fn changed_byte_anywhere_is_refused(
        body in prop::collection::vec(any::<u8>(), 1..200),
        part in 0_usize..4,
        place: prop::sample::Index,
        change in 1_u8..=255,
    ) {
        let mut headers = headers_of(&body);
        let mut body = body;
        if part == 3 {
            let at = place.index(body.len());
            body[at] ^= change;
        } else {
            let name = [SIGNATURE_HEADER, NONCE_HEADER, TIMESTAMP_HEADER][part].clone();
            let mut value = headers[&name].as_bytes().to_vec();
            let at = place.index(value.len());
            value[at] ^= change;
            // What is no header value cannot come at all.
            let Ok(value) = http::HeaderValue::from_bytes(&value) else { return Ok(()) };
            headers.insert(name, value);
        }
        // A window without bounds: the signature alone must do it.
        let verifier = verifier().with_window(Duration::MAX);
        prop_assert!(verifier.check(&headers, &body, at(THEN)).is_err());
    }

    #[test]
    fn byte_more_or_less_is_refused(body in prop::collection::vec(any::<u8>(), 1..200), place: prop::sample::Index, byte: u8) {
        let headers = headers_of(&body);
        let (mut longer, mut shorter) = (body.clone(), body.clone());
        longer.insert(place.index(body.len() + 1), byte);
        shorter.remove(place.index(body.len()));
        prop_assert!(verifier().check(&headers, &longer, at(THEN)).is_err());
        prop_assert!(verifier().check(&headers, &shorter, at(THEN)).is_err());
    }
}
