//! The layer, and the extractor's variety, in an application with a state of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, FromRef, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::Timestamp;
use sinch_batch_models::Callback;
use sinch_batch_webhook::{CallbackReceiver, ReceiverLimits, Signed, Verified, Verifier, router};

use crate::support::{BODY, NONCE, Request, serve, verifier};

#[derive(Clone)]
struct App {
    calls: Arc<AtomicUsize>,
    verifier: Verifier,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

fn app() -> App {
    App { calls: Arc::new(AtomicUsize::new(0)), verifier: verifier() }
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Fails at first.
async fn hear(State(app): State<App>, Extension(verified): Extension<Verified>, body: Bytes) -> (StatusCode, String) {
    assert_eq!(body, BODY);
    match app.calls.fetch_add(1, Ordering::SeqCst) {
        0 => (StatusCode::INTERNAL_SERVER_ERROR, "not now".to_owned()),
        _ => (StatusCode::ACCEPTED, verified.nonce.into()),
    }
}

#[tokio::test]
async fn layer_lets_a_callback_through_until_it_is_applied() {
    let app = app();
    let layer = CallbackReceiver::new(verifier()).layer();
    let routes = Router::new().route("/", post(hear).layer(layer)).with_state(app.clone());
    let addr = serve(routes).await;
    let request = Request::signed(BODY, NONCE, now());
    assert_eq!(request.clone().with("-nonce", "another").post(addr).await.status, 401);
    assert_eq!(app.calls.load(Ordering::SeqCst), 0);

    let answer = request.post(addr).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, "not now"), "the handler's own answer");
    let answer = request.post(addr).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, NONCE));
    let answer = request.post(addr).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "known");
    assert_eq!(app.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn router_lives_in_an_application_with_a_state_of_its_own() {
    let routes = Router::new()
        .route("/", get(async |State(app): State<App>| app.calls.load(Ordering::SeqCst).to_string()))
        .nest("/sinch", router(verifier(), async |_| Ok::<_, std::convert::Infallible>(())))
        .layer(Extension("a layer of the application"))
        .with_state(app());
    let addr = serve(routes).await;
    assert_eq!(Request::signed(BODY, NONCE, now()).to("POST /sinch").post(addr).await.status, 200);
    assert_eq!(Request::signed(BODY, NONCE, now()).to("GET /").post(addr).await.body, "0");
}

#[tokio::test]
async fn extractor_gives_what_is_asked_for() {
    async fn whole(Signed(callback): Signed<Callback>) -> String {
        format!("{:?}", callback.trigger())
    }
    async fn bytes(Signed(body): Signed<Bytes>) -> Bytes {
        body
    }
    async fn both(Signed((verified, callback)): Signed<(Verified, Callback)>) -> String {
        format!("{} {}", verified.nonce, callback.trigger().is_some())
    }
    let routes = Router::new()
        .route("/whole", post(whole))
        .route("/bytes", post(bytes))
        .route("/both", post(both))
        .route("/small", post(bytes).layer(Extension(ReceiverLimits::default().with_body(10))))
        .with_state(app());
    let addr = serve(routes).await;
    let request = Request::signed(BODY, NONCE, now());
    for (line, status, body) in [
        ("POST /whole", 200, "Some(MessageDelivery)"),
        ("POST /bytes", 200, std::str::from_utf8(BODY).unwrap()),
        ("POST /both", 200, &*format!("{NONCE} true")),
        ("POST /small", 413, ""),
        ("GET /bytes", 405, ""),
    ] {
        let answer = request.clone().to(line).post(addr).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{line}");
        let forged = request.clone().with("-nonce", "another").to(line).post(addr).await;
        assert_ne!(forged.status, 200, "{line}");
    }
}

/// The usual state, for which nobody can implement `FromRef`.
#[tokio::test]
async fn extractor_behind_a_layer_knows_repeats_in_an_application_with_arc_state() {
    async fn receive(State(calls): State<Arc<AtomicUsize>>, Signed(callback): Signed<Callback>) -> StatusCode {
        assert!(callback.trigger().is_some());
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        }
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let layer = CallbackReceiver::new(verifier()).layer();
    let routes = Router::new()
        .route("/layer", post(receive).layer(layer))
        .route("/extension", post(receive).layer(Extension(verifier())))
        .route("/nothing", post(receive))
        .with_state(calls.clone());
    let addr = serve(routes).await;
    let to = |line| Request::signed(BODY, NONCE, now()).to(line);
    assert_eq!(to("POST /layer").post(addr).await.status, 500, "the handler failed");
    assert_eq!(to("POST /layer").post(addr).await.status, 200, "it came again");
    assert_eq!(to("POST /layer").post(addr).await.status, 200, "a duplicate");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(to("POST /layer").with("-nonce", "another").post(addr).await.status, 401);
    assert_eq!(to("POST /extension").post(addr).await.status, 200);
    assert_eq!(to("POST /extension").with("-nonce", "another").post(addr).await.status, 401);
    assert_eq!(to("POST /nothing").post(addr).await.status, 503, "nothing to verify with");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}
