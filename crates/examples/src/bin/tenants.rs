//! One receiver for many tenants, each with a webhook and a secret of its own, which change while it runs.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use sinch_batch::http::request::Parts;
use sinch_batch::jiff::{SignedDuration, Timestamp};
use sinch_batch::webhook::{CallbackReceiver, Received, Verifier, WebhookSecret};

/// The verifier of each path. A database is one too: see the trait `Verifiers`.
#[derive(Clone, Default)]
struct Tenants(Arc<RwLock<HashMap<String, Verifier>>>);

impl Tenants {
    fn set(&self, path: &str, verifier: Verifier) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), verifier);
    }

    fn of(&self, head: &Parts) -> Option<Verifier> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(head.uri.path()).cloned()
    }
}

async fn apply(received: Received) -> Result<(), Infallible> {
    println!("{}: a callback signed with the secret {:?}", received.uri, received.verified.secret_name);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenants = Tenants::default();
    let north = WebhookSecret::new("the secret of north").with_name("north");
    tenants.set("/north", Verifier::new(north.clone())?);
    // Of two apps that share a path, neither can sign for the other.
    tenants.set(
        "/south",
        Verifier::any_of([
            WebhookSecret::new("the secret of south one").with_name("south one").with_app("01KZ4EBHKN27EZJ4Q91V5C36G1"),
            WebhookSecret::new("the secret of south two").with_name("south two").with_app("01KZ4EBHKN27EZJ4Q91V5C36G2"),
        ])?,
    );

    let chosen = tenants.clone();
    let receiver = CallbackReceiver::new(move |head: &Parts| chosen.of(head));
    let app = Router::new().fallback_service(receiver.raw_service(apply));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let south = WebhookSecret::new("the secret of south one");
    println!("north: {}", send(&url, "/north", &north, "").await?);
    println!("south, its own app: {}", send(&url, "/south", &south, "01KZ4EBHKN27EZJ4Q91V5C36G1").await?);
    println!("south, another app: {}", send(&url, "/south", &south, "01KZ4EBHKN27EZJ4Q91V5C36G2").await?);
    println!("nobody: {}", send(&url, "/west", &south, "").await?);

    // Rotation: both secrets for a while, for what is on its way. Nothing is restarted.
    let new = WebhookSecret::new("the new secret of north").with_name("north, new");
    let until = Timestamp::now() + SignedDuration::from_hours(72);
    tenants.set("/north", Verifier::any_of([new.clone(), north.clone().with_end(until)])?);
    println!("north, new secret: {}", send(&url, "/north", &new, "").await?);
    println!("north, old secret: {}", send(&url, "/north", &north, "").await?);
    Ok(())
}

/// The status that a signed callback is answered with.
async fn send(url: &str, path: &str, secret: &WebhookSecret, app: &str) -> Result<u16, Box<dyn Error>> {
    let body = format!(r#"{{"app_id": "{app}", "message_delivery_report": {{"status": "DELIVERED"}}}}"#);
    let now = Timestamp::now();
    let signature = secret.sign(body.as_bytes(), &now.as_nanosecond().to_string(), now.as_second());
    let request = reqwest::Client::new().post(format!("{url}{path}"));
    let request = signature.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
    Ok(request.body(body).send().await?.status().as_u16())
}
