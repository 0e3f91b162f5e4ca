//! Callbacks in an axum application that was there before, with a state, paths and layers of its own.
//!
//! The three lines are marked. The rest is the application, and a sender to show that it works.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use sinch_batch::jiff::Timestamp;
use sinch_batch::webhook::{Verifier, WebhookSecret, router};
use sinch_batch::{Callback, CallbackKind};

/// The application's state: its messages, and what became of them.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<BTreeMap<String, String>>>);

impl Shop {
    /// Takes note of a receipt. A real shop would write it to its database before it returns `Ok`.
    async fn apply(self, callback: Callback) -> Result<(), Infallible> {
        if let CallbackKind::MessageDelivery(report) = callback.kind
            && let (Some(message), Some(status)) = (report.message_id, report.status)
        {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(message.to_string(), status.to_string());
        }
        Ok(())
    }
}

async fn messages(State(shop): State<Shop>) -> String {
    let messages = shop.0.lock().unwrap_or_else(PoisonError::into_inner);
    messages.iter().map(|(message, status)| format!("{message} is {status}\n")).collect()
}

/// A layer of the application's own.
async fn stamp(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-shop", HeaderValue::from_static("autumn"));
    response
}

fn with_callbacks(app: Router<Shop>, shop: Shop, secret: WebhookSecret) -> Result<Router, Box<dyn Error>> {
    let applies = shop.clone();
    let verifier = Verifier::new(secret)?; // one
    let callbacks = router(verifier, move |callback| applies.clone().apply(callback)); // two
    let app = app.nest("/sinch", callbacks); // three
    Ok(app.layer(from_fn(stamp)).with_state(shop))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = WebhookSecret::new("the secret of the webhook");
    let app = with_callbacks(Router::new().route("/messages", get(messages)), Shop::default(), secret.clone())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let shop = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let (http, now) = (reqwest::Client::new(), Timestamp::now().as_second());
    let body = r#"{"message_delivery_report": {"message_id": "m1", "status": "DELIVERED"}}"#;
    for (what, secret) in [("genuine", secret), ("forged", WebhookSecret::new("another"))] {
        let mut request = http.post(format!("{shop}/sinch")).body(body);
        for (name, value) in secret.sign(body.as_bytes(), what, now).headers() {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let (status, stamp) = (response.status().as_u16(), &response.headers()["x-shop"]);
        println!("a {what} callback: {status}, by the shop of {stamp:?}");
    }
    println!("{}", http.get(format!("{shop}/messages")).send().await?.text().await?);
    Ok(())
}
