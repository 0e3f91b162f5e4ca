//! A genuine callback is never lost: every case of that rule, through the service as it is.

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response};
use jiff::Timestamp;
use proptest::prelude::*;
use sinch_batch_webhook::{
    CallbackOutcome, CallbackReceiver, CallbackService, LateCallbacks, Received, Verifier, WebhookSecret, sign,
};
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::support::{BODY, THEN, secret, verifier};

/// What a receiver has applied and said, at a time of ours.
#[derive(Clone, Default)]
struct Seen {
    now: Arc<AtomicI64>,
    applied: Arc<Mutex<Vec<Received>>>,
    warned: Arc<Mutex<Vec<String>>>,
    outcomes: Arc<Mutex<Vec<CallbackOutcome>>>,
}

impl Seen {
    fn receiver(&self, late: LateCallbacks) -> CallbackReceiver {
        self.now.store(THEN, Ordering::SeqCst);
        let (now, warned, outcomes) = (self.now.clone(), self.warned.clone(), self.outcomes.clone());
        CallbackReceiver::new(verifier())
            .with_late_callbacks(late)
            .with_clock(move || Timestamp::from_second(now.load(Ordering::SeqCst)).unwrap())
            .with_warnings(move |warning| warned.lock().unwrap().push(warning.to_string()))
            .with_observer(move |outcome| outcomes.lock().unwrap().push(outcome.clone()))
    }

    fn raw(
        &self,
        late: LateCallbacks,
    ) -> CallbackService<impl Fn(Received) -> std::future::Ready<Result<(), Infallible>> + Send + Sync + 'static> {
        let applied = self.applied.clone();
        self.receiver(late).raw_service(move |received| {
            applied.lock().unwrap().push(received);
            std::future::ready(Ok(()))
        })
    }

    fn applied(&self) -> usize {
        self.applied.lock().unwrap().len()
    }

    fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warned.lock().unwrap())
    }
}

fn request(secret: &WebhookSecret, body: &[u8], nonce: &str, second: i64) -> Request<Body> {
    let mut request = Request::post("/").body(Body::from(body.to_vec())).unwrap();
    for (name, value) in sign(secret, body, nonce, second).headers() {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

async fn post<S, B>(service: &S, request: Request<Body>) -> u16
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
{
    service.clone().call(request).await.unwrap_or_else(|never| match never {}).status().as_u16()
}

struct Case {
    name: &'static str,
    late: LateCallbacks,
    body: &'static [u8],
    signed: i64,
    genuine: bool,
    /// What is answered, how many are applied, and whether the one is readable and late.
    expected: (u16, usize, bool, bool),
}

fn cases() -> Vec<Case> {
    use LateCallbacks::{Apply, AskAgain};
    let case = |name, late, body, signed, genuine, expected| Case { name, late, body, signed, genuine, expected };
    let mut cases = Vec::new();
    for late in [AskAgain, Apply] {
        cases.extend([
            case("in time", late, BODY, THEN, true, (200, 1, true, false)),
            case("a kind of tomorrow", late, br#"{"brand_new":1}"#, THEN, true, (200, 1, true, false)),
            case("not UTF-8", late, b"{\"correlation_id\":\"\xff\"}", THEN, true, (200, 1, true, false)),
            case("half an emoji", late, br#"{"correlation_id":"\ud83d"}"#, THEN, true, (200, 1, true, false)),
            case("a field of another type", late, br#"{"event":7}"#, THEN, true, (200, 1, true, false)),
            case("not JSON", late, b"<html>", THEN, true, (200, 1, false, false)),
            case("an array", late, b"[{}]", THEN, true, (200, 1, false, false)),
            case("a scalar", late, b"7", THEN, true, (200, 1, false, false)),
            case("empty", late, b"", THEN, true, (200, 1, false, false)),
            case("old by a bound", late, BODY, THEN - 300, true, (200, 1, true, false)),
            case("in the future by a bound", late, BODY, THEN + 300, true, (200, 1, true, false)),
            case("in the future", late, BODY, THEN + 301, true, (503, 0, false, false)),
            case("far in the future", late, BODY, THEN + 1_000_000, true, (503, 0, false, false)),
            case("forged", late, BODY, THEN, false, (401, 0, false, false)),
            case("forged and old", late, BODY, THEN - 301, false, (401, 0, false, false)),
            case("forged and in the future", late, BODY, THEN + 301, false, (401, 0, false, false)),
            case("forged and not JSON", late, b"[", THEN, false, (401, 0, false, false)),
        ]);
    }
    cases.extend([
        case("old, asked for again", AskAgain, BODY, THEN - 301, true, (503, 0, false, false)),
        case("old, applied", Apply, BODY, THEN - 301, true, (200, 1, true, true)),
        case("of long ago, applied", Apply, BODY, 0, true, (200, 1, true, true)),
        case("old and not JSON, asked for again", AskAgain, b"7", THEN - 301, true, (503, 0, false, false)),
        case("old and not JSON, applied", Apply, b"7", THEN - 301, true, (200, 1, false, true)),
    ]);
    cases
}

#[tokio::test]
async fn promise_7_each_case_of_a_genuine_or_forged_callback() {
    for Case { name, late, body, signed, genuine, expected } in cases() {
        let seen = Seen::default();
        let service = seen.raw(late);
        let secret = if genuine { secret() } else { WebhookSecret::new("another") };
        let status = post(&service, request(&secret, body, "nonce", signed)).await;
        {
            let applied = seen.applied.lock().unwrap();
            let first = applied.first();
            assert!(first.is_none_or(|received| received.body == body), "{name}");
            let met = (
                status,
                applied.len(),
                first.is_some_and(|received| received.readable),
                first.is_some_and(Received::is_late),
            );
            assert_eq!(met, expected, "{name}, {late:?}");
        }
        // A copy is known if it was applied, and is as it was if it was not.
        assert_eq!(post(&service, request(&secret, body, "nonce", signed)).await, status, "{name}, {late:?}");
        assert_eq!(seen.applied(), expected.1, "{name}, {late:?}");
    }
}

#[tokio::test]
async fn late_callback_is_applied_again_when_its_nonce_is_forgotten() {
    let seen = Seen::default();
    let service = seen.raw(LateCallbacks::Apply);
    let old = || request(&secret(), BODY, "nonce", THEN - 1000);
    for (second, applied) in [(0, 1), (300, 1), (301, 2), (302, 2)] {
        seen.now.store(THEN + second, Ordering::SeqCst);
        assert_eq!((post(&service, old()).await, seen.applied()), (200, applied), "{second}");
    }
}

#[tokio::test]
async fn nonce_of_another_genuine_body_is_applied_with_a_warning() {
    let seen = Seen::default();
    let service = seen.raw(LateCallbacks::AskAgain);
    for (body, applied) in [(BODY, 1), (b"{}", 2), (BODY, 2)] {
        assert_eq!(post(&service, request(&secret(), body, "nonce", THEN)).await, 200);
        assert_eq!(seen.applied(), applied);
    }
    assert!(matches!(seen.outcomes.lock().unwrap()[1], CallbackOutcome::Applied { conflict: true, .. }));
    let warned = seen.warnings();
    assert_eq!(warned.len(), 1);
    assert!(warned[0].contains("nonce was used before with another body"), "{warned:?}");
}

/// The claim is the first one's: what becomes of the other body must not free it.
#[tokio::test]
async fn nonce_of_another_body_leaves_the_first_claim_alone() {
    let gate = Arc::new(Semaphore::new(0));
    let calls = Arc::new(AtomicI64::new(0));
    let (hold, count) = (gate.clone(), calls.clone());
    let service = Seen::default().receiver(LateCallbacks::AskAgain).raw_service(move |received| {
        let (hold, count) = (hold.clone(), count.clone());
        async move {
            if received.body != BODY {
                return Err("not this one");
            }
            count.fetch_add(1, Ordering::SeqCst);
            hold.acquire().await.unwrap().forget();
            Ok(())
        }
    });
    let first = || tokio::spawn(service.clone().call(request(&secret(), BODY, "nonce", THEN)));
    let settle = async || {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    };
    let one = first();
    settle().await;
    assert_eq!(post(&service, request(&secret(), b"{}", "nonce", THEN)).await, 503);
    let copy = first();
    settle().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1, "one at a time");
    gate.add_permits(2);
    for delivery in [one, copy] {
        assert_eq!(delivery.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn warnings_come_once_per_reason_and_minute() {
    let seen = Seen::default();
    let service = seen.raw(LateCallbacks::AskAgain);
    let forged = || request(&WebhookSecret::new("another"), BODY, "nonce", THEN);
    for _ in 0..1000 {
        assert_eq!(post(&service, forged()).await, 401);
    }
    for _ in 0..3 {
        assert_eq!(post(&service, request(&secret(), BODY, "nonce", THEN + 450)).await, 503);
    }
    let warned = seen.warnings();
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[0].starts_with("1 callback refused: the signature does not match"), "{warned:?}");
    assert!(warned[1].contains("the clock here is 7 min behind the service's (set it right)"), "{warned:?}");
    seen.now.store(THEN + 60, Ordering::SeqCst);
    post(&service, forged()).await;
    post(&service, forged()).await;
    let warned = seen.warnings();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].starts_with("1000 callbacks refused in the last minute: "), "{warned:?}");
}

#[tokio::test]
async fn sink_of_callbacks_gets_only_what_can_be_read() {
    let seen = Seen::default();
    let calls = Arc::new(Mutex::new(0));
    let count = calls.clone();
    let service = seen.receiver(LateCallbacks::AskAgain).service(move |_| {
        *count.lock().unwrap() += 1;
        async { Ok::<_, Infallible>(()) }
    });
    for (nonce, body) in [("a", BODY), ("b", b"[]"), ("c", b"7")] {
        assert_eq!(post(&service, request(&secret(), body, nonce, THEN)).await, 200);
    }
    assert_eq!(*calls.lock().unwrap(), 1);
    let outcomes = seen.outcomes.lock().unwrap();
    let readable = outcomes.iter().map(|outcome| matches!(outcome, CallbackOutcome::Applied { readable: true, .. }));
    assert_eq!(readable.collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(
        seen.warnings(),
        ["1 genuine callback received that cannot be read (only its bytes are kept, by a sink that keeps them)"]
    );
}

#[tokio::test]
async fn late_callback_may_be_refused_by_its_sink() {
    let service = Seen::default()
        .receiver(LateCallbacks::Apply)
        .raw_service(async |received: Received| if received.is_late() { Err("not after its time") } else { Ok(()) });
    assert_eq!(post(&service, request(&secret(), BODY, "a", THEN)).await, 200);
    assert_eq!(post(&service, request(&secret(), BODY, "b", THEN - 301)).await, 503);
}

/// A wrong token is refused whatever the time: it is asked for before the time is looked at.
#[tokio::test]
async fn wrong_token_of_an_old_callback_is_refused_for_good() {
    let old = request(&secret(), BODY, "a", THEN - 301);
    let seen = Seen::default();
    let waited_for = seen.receiver(LateCallbacks::AskAgain).with_bearer(async |_| false).service(nothing);
    let asked = Verifier::new(secret()).unwrap().with_bearer(|_| false);
    let asked = CallbackReceiver::new(asked).service(nothing);
    for status in [post(&waited_for, old).await, post(&asked, request(&secret(), BODY, "a", 0)).await] {
        assert_eq!(status, 401);
    }
}

async fn nothing(_: sinch_batch_models::Callback) -> Result<(), Infallible> {
    Ok(())
}

proptest! {
    #[test]
    fn promise_7_any_genuine_bytes_are_answered_200_or_503(
        body in prop_oneof![
            any::<Vec<u8>>(),
            "\\PC*".prop_map(String::into_bytes),
            r#"\{"(event|message_delivery_report|app_id)":(\{\}|\[\]|7|null|"x"|\{"(metadata|status|id)":("\\ud83d"|\{\}|9)\})\}"#.prop_map(String::into_bytes),
        ],
        away in -1_000_000_i64..1_000_000,
        late in prop::bool::ANY,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let seen = Seen::default();
        let late = if late { LateCallbacks::Apply } else { LateCallbacks::AskAgain };
        let service = seen.raw(late);
        let in_time = away <= 300 && (late == LateCallbacks::Apply || -300 <= away);
        let status = runtime.block_on(post(&service, request(&secret(), &body, "nonce", THEN + away)));
        prop_assert_eq!(status, if in_time { 200 } else { 503 });
        prop_assert_eq!(seen.applied(), usize::from(in_time));
    }
}
