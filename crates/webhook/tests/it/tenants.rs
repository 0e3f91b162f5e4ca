//! Several webhooks behind one receiver: verifiers by request, secrets that change, secrets bound to apps.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use jiff::Timestamp;
use sinch_batch_webhook::{
    CallbackReceiver, NonceStore, Received, SignatureError, Verifier, Verifiers, WebhookSecret, router,
};
use tokio::sync::watch;

use crate::support::{BODY, Request, secret, serve, verifier};

fn now() -> i64 {
    Timestamp::now().as_second()
}

fn other() -> WebhookSecret {
    WebhookSecret::new("another secret")
}

#[tokio::test]
async fn verifiers_by_path_keep_tenants_apart() {
    let tenants = HashMap::from([
        ("/hooks/north".to_owned(), verifier()),
        ("/hooks/south".to_owned(), Verifier::new(other()).unwrap()),
    ]);
    let choose = move |head: &Parts| tenants.get(head.extensions.get::<OriginalUri>()?.path()).cloned();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let seen = seen.clone();
        move |received: Received| {
            let uri = received.extensions.get::<OriginalUri>().unwrap().0.clone();
            seen.lock().unwrap().push((uri.to_string(), received.uri.to_string()));
            async { Ok::<_, Infallible>(()) }
        }
    };
    let hooks = CallbackReceiver::new(choose).raw_router(sink);
    let addr = serve(Router::new().nest("/hooks/{tenant}", hooks)).await;

    let north = |nonce| Request::signed(BODY, nonce, now());
    let south = |nonce| Request::signed_with(&other(), BODY, nonce, now());
    assert_eq!(north("a").to("POST /hooks/north").post(addr).await.status, 200);
    assert_eq!(south("b").to("POST /hooks/south").post(addr).await.status, 200);
    assert_eq!(north("c").to("POST /hooks/south").post(addr).await.status, 401);
    assert_eq!(north("d").to("POST /hooks/nobody").post(addr).await.status, 401, "as a forged one");
    let expected = [("/hooks/north", "/"), ("/hooks/south", "/")];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(original, left)| (original.to_owned(), left.to_owned())));
}

#[tokio::test]
async fn verifiers_of_a_channel_follow_a_rotation_without_a_restart() {
    let (sender, receiver) = watch::channel(verifier());
    let addr = serve(router(receiver, async |_| Ok::<_, Infallible>(()))).await;
    let old = |nonce| Request::signed(BODY, nonce, now());
    let new = |nonce| Request::signed_with(&other(), BODY, nonce, now());
    assert_eq!((old("a").post(addr).await.status, new("b").post(addr).await.status), (200, 401));
    sender.send_replace(Verifier::new(other()).unwrap());
    assert_eq!((old("c").post(addr).await.status, new("b").post(addr).await.status), (401, 200));
    drop(sender);
    assert_eq!(new("d").post(addr).await.status, 200, "the last verifier stays");
}

#[tokio::test]
async fn verifiers_that_fail_ask_for_the_callback_again() {
    struct Database;
    impl Verifiers for Database {
        type Error = &'static str;
        async fn verifier(&self, _: &Parts) -> Result<Option<Verifier>, &'static str> {
            Err("the database is away")
        }
    }
    let addr = serve(router(Database, async |_| Ok::<_, Infallible>(()))).await;
    let answer = Request::signed(BODY, "a", now()).post(addr).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
}

#[tokio::test]
async fn secret_bound_to_an_app_signs_for_no_other() {
    let north = secret().with_app("NORTH");
    let south = other().with_app("SOUTH").with_app("SOUTH-TEST");
    let verifier = Verifier::any_of([north, south]).unwrap();
    let addr = serve(router(verifier.clone(), async |_| Ok::<_, Infallible>(()))).await;
    let of = |app: &str| format!(r#"{{"app_id":{app},"message_delivery_report":{{"status":"READ"}}}}"#);
    for (number, (secret, app, status)) in [
        (secret(), r#""NORTH""#, 200),
        (other(), r#""SOUTH""#, 200),
        (other(), r#""SOUTH-TEST""#, 200),
        (secret(), r#""SOUTH""#, 401),
        (other(), r#""NORTH""#, 401),
        (other(), r#""""#, 200),
        (other(), "null", 200),
    ]
    .into_iter()
    .enumerate()
    {
        let request = Request::signed_with(&secret, of(app).as_bytes(), &number.to_string(), now());
        assert_eq!(request.post(addr).await.status, status, "{number}: {app}");
    }

    // By hand.
    let body = of(r#""NORTH""#);
    let at = Timestamp::now();
    let signature = other().sign(body.as_bytes(), "n", at.as_second());
    let values = |name: &str| {
        let found = signature.headers().into_iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_bytes())
    };
    let verified = verifier.check_with(values, body.as_bytes(), at).unwrap();
    let callback = sinch_batch_webhook::parse(body.as_bytes()).unwrap();
    assert_eq!(verified.check_app(&callback), Err(SignatureError::OtherApp));
}

#[tokio::test]
async fn nonce_namespace_keeps_receivers_with_one_store_apart() {
    let store = Arc::new(NonceStore::new());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let receiver = |name: &'static str, namespace: Option<&'static str>| {
        let calls = calls.clone();
        let receiver = CallbackReceiver::new(verifier()).with_nonces(store.clone());
        let receiver = match namespace {
            Some(namespace) => receiver.with_nonce_namespace(namespace),
            None => receiver,
        };
        receiver.router(move |_| {
            calls.lock().unwrap().push(name);
            async { Ok::<_, Infallible>(()) }
        })
    };
    let app: Router = Router::new()
        .nest("/a", receiver("a", Some("a")))
        .nest("/b", receiver("b", Some("b")))
        .nest("/c", receiver("c", None))
        .nest("/d", receiver("d", None));
    let addr = serve(app).await;
    for line in ["POST /a", "POST /b", "POST /c", "POST /d", "POST /a"] {
        assert_eq!(Request::signed(BODY, "n", now()).to(line).post(addr).await.status, 200, "{line}");
    }
    assert_eq!(*calls.lock().unwrap(), ["a", "b", "c"], "without a namespace d is a duplicate of c");
}
