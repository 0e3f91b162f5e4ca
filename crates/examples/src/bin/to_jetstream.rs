//! Callbacks to a stream of NATS JetStream: two receivers behind one address, and each callback is in it once.
//!
//! It starts a `nats-server` of its own, and says so if this machine has none.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::process::Stdio;
use std::time::Duration;

use async_nats::jetstream::context::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, stream};
use sinch_batch::jiff::Timestamp;
use sinch_batch::webhook::{CallbackReceiver, Received, Verifier, WebhookSecret};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Returns when the stream has it: only then the callback is answered 200. An error is answered 503, and it comes again.
async fn publish(nats: Context, received: Received) -> Result<(), BoxError> {
    // A repeat has the same nonce, whichever receiver it comes to.
    let message = PublishMessage::build().payload(received.body).message_id(&received.verified.nonce);
    let kept = nats.send_publish("callbacks", message).await?.await?;
    println!("callback {} of the stream{}", kept.sequence, if kept.duplicate { ", again" } else { "" });
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let Some((_server, address)) = nats_server(folder.path()).await? else {
        println!("not run: this machine has no nats-server");
        return Ok(());
    };
    let nats = jetstream::new(async_nats::connect(&address).await?);
    // How long a repeat is known as such: the service may repeat a callback for hours.
    let duplicate_window = Duration::from_secs(24 * 60 * 60);
    let config = stream::Config { name: "callbacks".to_owned(), duplicate_window, ..stream::Config::default() };
    nats.create_stream(config).await?;
    let secret = WebhookSecret::new("the secret of the webhook");
    for _receiver in ["one", "two"] {
        let nats = nats.clone();
        let callbacks = CallbackReceiver::new(Verifier::new(secret.clone())?)
            .raw_router(move |received: Received| publish(nats.clone(), received));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, callbacks).await });
        let signature = secret.sign(b"{}", "a-nonce", Timestamp::now().as_second());
        let mut request = reqwest::Client::new().post(&url);
        for (name, value) in signature.headers() {
            request = request.header(name, value);
        }
        println!("answered {}", request.body("{}").send().await?.status().as_u16());
    }
    println!("{} message in the stream", nats.get_stream("callbacks").await?.cached_info().state.messages);
    Ok(())
}

/// A server at a free port, and its address; it ends with the handle.
async fn nats_server(folder: &std::path::Path) -> Result<Option<(Child, String)>, BoxError> {
    let mut command = Command::new("nats-server");
    command.args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"]).arg(folder).stderr(Stdio::piped()).kill_on_drop(true);
    let mut server = match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        started => started?,
    };
    let mut lines = BufReader::new(server.stderr.take().ok_or("no output")?).lines();
    let mut address = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, at)) = line.split_once("client connections on ") {
            at.clone_into(&mut address);
        } else if line.ends_with("Server is ready") {
            // It ends when it writes to a pipe that is closed.
            server.stderr = Some(lines.into_inner().into_inner());
            return Ok(Some((server, address)));
        }
    }
    Err("the nats-server did not start".into())
}
