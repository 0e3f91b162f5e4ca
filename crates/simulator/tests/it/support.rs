//! A caller, and a webhook that checks every signature.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::Timestamp;
use serde_json::{Value, json};
use sinch_batch_simulator::{Simulator, SimulatorConfig};
use sinch_batch_webhook::{Verifier, WebhookSecret};
use tokio::net::TcpListener;

pub(crate) const APP: &str = "01KZ4EBHKN27EZJ4Q91V5C36G1";

pub(crate) fn secret() -> WebhookSecret {
    WebhookSecret::new("the secret")
}

/// A simulator and somebody who calls it.
pub(crate) struct Caller {
    pub(crate) simulator: Simulator,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

/// Status, headers that matter, body.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) challenge: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Caller {
    pub(crate) async fn start(config: SimulatorConfig) -> Self {
        let simulator = Simulator::start(config).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut caller = Self { simulator, http, token: String::new() };
        caller.renew().await;
        caller
    }

    pub(crate) async fn renew(&mut self) {
        let said = self.ask_token("key", "secret").await.unwrap();
        assert_eq!(said.status, 200, "{said:?}");
        self.token = said.body["access_token"].as_str().unwrap().to_owned();
    }

    pub(crate) async fn ask_token(&self, id: &str, secret: &str) -> reqwest::Result<Said> {
        let form = "application/x-www-form-urlencoded";
        let request = self.http.post(self.simulator.auth_url()).header("content-type", form);
        said(request.basic_auth(id, Some(secret)).body("grant_type=client_credentials")).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> reqwest::Result<Said> {
        let url = format!("{}/v1/projects/p{path}", self.simulator.api_url());
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        said(request.body(body.to_owned())).await
    }

    pub(crate) async fn send(&self, body: &Value) -> Said {
        self.call("POST", "/messages", &body.to_string()).await.unwrap()
    }

    pub(crate) async fn status(&self, id: &str) -> Said {
        self.call("GET", &format!("/messages/{id}"), "").await.unwrap()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Said {
        let url = format!("{}{path}", self.simulator.control_url());
        said(self.http.request(method.parse().unwrap(), url).body(body.to_string())).await.unwrap()
    }
}

pub(crate) async fn said(request: reqwest::RequestBuilder) -> reqwest::Result<Said> {
    let answer = request.send().await?;
    let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, challenge, retry_after) =
        (answer.status().as_u16(), header("www-authenticate").unwrap_or_default(), header("retry-after"));
    let body = answer.text().await?;
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    Ok(Said { status, challenge, retry_after, body })
}

/// A send request: a text for these numbers, each with these parameters.
pub(crate) fn batch(text: &str, people: &[(&str, Value)]) -> Value {
    let people: Vec<Value> = people
        .iter()
        .map(|(identity, parameters)| {
            json!({
                "recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": identity}]}},
                "parameters": parameters,
            })
        })
        .collect();
    json!({"app_id": APP, "message": {"text_message": {"text": text}}, "recipient_and_params": people})
}

/// A send request to so many invented numbers, from that one on.
pub(crate) fn crowd(first: usize, count: usize) -> Value {
    let numbers: Vec<String> = (first..first + count).map(|number| format!("+1555{number:07}")).collect();
    let people: Vec<(&str, Value)> = numbers.iter().map(|number| (&**number, json!({}))).collect();
    batch("Hello", &people)
}

/// A webhook. It keeps what it has received and refuses what is not signed.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Value>>>,
    status: Arc<AtomicU16>,
}

impl Webhook {
    pub(crate) async fn start(clock: fn() -> Timestamp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let webhook = Self { url, received: Arc::default(), status: Arc::new(AtomicU16::new(200)) };
        let (received, status) = (webhook.received.clone(), webhook.status.clone());
        let verifier = Verifier::new(secret()).unwrap().with_window(Duration::from_secs(5));
        let handler = move |headers: HeaderMap, body: Bytes| {
            if let Err(error) = verifier.check(&headers, &body, clock()) {
                panic!("{error}");
            }
            received.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            std::future::ready(StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap())
        };
        let router = Router::new().route("/hook", post(handler));
        tokio::spawn(async move { axum::serve(listener, router).await });
        webhook
    }

    /// From now on, answers with this status.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }

    /// Status and reason's code of each receipt for a number, in the order they came.
    pub(crate) fn receipts(&self, identity: &str) -> Vec<String> {
        let of = |it: &Value| {
            let report = &it["message_delivery_report"];
            (report["channel_identity"]["identity"] == identity).then(|| report["status"].as_str().unwrap().to_owned())
        };
        self.received().iter().filter_map(of).collect()
    }
}

/// A simulator whose callbacks go to that webhook.
pub(crate) fn to(webhook: &Webhook) -> SimulatorConfig {
    SimulatorConfig::default().with_callback_url(&*webhook.url).with_webhook_secret(secret())
}
