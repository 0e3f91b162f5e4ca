//! Callbacks in an axum application that was there before, with a state, paths and layers of its own.
//!
//! The three lines are marked. The rest is the application, and a sender to show that it works.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use sinch_batch::models::Timestamp;
use sinch_batch::webhook::{Signature, Verifier, WebhookSecret, router};
use sinch_batch::{Callback, CallbackKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The application's state: its messages, and what became of them.
#[derive(Clone, Default)]
struct Shop {
    messages: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Shop {
    /// Takes note of a receipt. A real shop would write it to its database before it returns `Ok`.
    async fn apply(self, callback: Callback) -> Result<(), Infallible> {
        if let CallbackKind::MessageDelivery(report) = callback.kind
            && let (Some(message), Some(status)) = (report.message_id, report.status)
        {
            let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            messages.insert(message.to_string(), status.to_string());
        }
        Ok(())
    }
}

async fn messages(State(shop): State<Shop>) -> String {
    let messages = shop.messages.lock().unwrap_or_else(PoisonError::into_inner);
    messages.iter().map(|(message, status)| format!("{message} is {status}\n")).collect()
}

/// A layer of the application's own.
async fn stamp(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-shop", HeaderValue::from_static("autumn"));
    response
}

/// The application as it was.
fn shop() -> Router<Shop> {
    Router::new().route("/messages", get(messages))
}

fn with_callbacks(shop: Shop, secret: WebhookSecret) -> Result<Router, Box<dyn Error>> {
    let applies = shop.clone();
    let app = self::shop();

    let verifier = Verifier::new(secret)?; // one
    let callbacks = router(verifier, move |callback| applies.clone().apply(callback)); // two
    let app = app.nest("/sinch", callbacks); // three

    Ok(app.layer(from_fn(stamp)).with_state(shop))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = WebhookSecret::new("the secret of the webhook");
    let app = with_callbacks(Shop::default(), secret.clone())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    let body = r#"{"message_delivery_report": {"message_id": "m1", "status": "DELIVERED"}}"#;
    let now = Timestamp::now().as_second();
    let genuine = secret.sign(body.as_bytes(), "a-nonce", now);
    println!("a genuine callback: {}", send(address, "POST /sinch", Some(&genuine), body).await?);
    let forged = WebhookSecret::new("another").sign(body.as_bytes(), "another-nonce", now);
    println!("a forged one: {}", send(address, "POST /sinch", Some(&forged), body).await?);
    println!("{}", send(address, "GET /messages", None, "").await?);
    Ok(())
}

/// The status of the answer and its last line, by hand: this program has no HTTP client.
async fn send(to: SocketAddr, what: &str, signed: Option<&Signature>, body: &str) -> Result<String, Box<dyn Error>> {
    let mut request = format!("{what} HTTP/1.0\r\nhost: {to}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in signed.map(Signature::headers).into_iter().flatten() {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).ok_or("no answer")?;
    let stamped = if answer.contains("x-shop: autumn") { ", by the shop" } else { "" };
    let text = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    Ok(format!("{status}{stamped} {text}").trim().to_owned())
}
