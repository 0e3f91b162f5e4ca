//! Callbacks without a web framework: a tower service in hyper, and a check by hand where headers are something else.
//!
//! The check by hand is for actix-web, whose headers are of another version of `http`, and for function runtimes.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sinch_batch::jiff::Timestamp;
use sinch_batch::webhook::{CallbackReceiver, SignatureError, Verified, Verifier, WebhookSecret, parse};
use tokio::net::TcpListener;
use tower_service::Service;

async fn serve(listener: TcpListener, verifier: Verifier) -> std::io::Result<()> {
    let callbacks = CallbackReceiver::new(verifier).service(async |callback| {
        println!("hyper received a callback of kind {:?}", callback.trigger());
        Ok::<_, Infallible>(())
    });
    loop {
        let (stream, _) = listener.accept().await?;
        let callbacks = callbacks.clone();
        let service = service_fn(move |request| callbacks.clone().call(request));
        // The timer bounds how long the head of a request may take.
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

/// `headers` has names in lower case. In actix-web the function is
/// `|name| request.headers().get_all(name).map(|value| value.as_bytes())`.
fn check(
    verifier: &Verifier,
    headers: &HashMap<String, String>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    verifier.check_with(|name| headers.get(name).map(String::as_bytes), body, now)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = WebhookSecret::new("the secret of the webhook");
    let verifier = Verifier::new(secret.clone())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(serve(listener, verifier.clone()));

    let body = r#"{"message_delivery_report": {"message_id": "m1", "status": "DELIVERED"}}"#;
    let now = Timestamp::now();
    let signature = secret.sign(body.as_bytes(), "a-nonce", now.as_second());
    let mut request = reqwest::Client::new().post(url).body(body);
    for (name, value) in signature.headers() {
        request = request.header(name, value);
    }
    println!("hyper answered {}", request.send().await?.status().as_u16());

    let headers = signature.headers().map(|(name, value)| (name.as_str().to_owned(), value.to_owned())).into();
    let verified = check(&verifier, &headers, body.as_bytes(), now)?;
    println!("by hand: nonce {}, kind {:?}", verified.nonce, parse(body.as_bytes())?.trigger());
    let forged = check(&verifier, &headers, b"{}", now);
    println!("forged: {}", forged.err().ok_or("it was taken")?);
    Ok(())
}
