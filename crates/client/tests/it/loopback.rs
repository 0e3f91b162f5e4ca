//! The default transport against real sockets: what may have left, and what definitely has not.

use std::time::Duration;

use sinch_batch_auth::AccessToken;
use sinch_batch_client::{Client, ErrorKind, Reached, RetryPolicy};
use sinch_batch_models::{BatchId, ProjectId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::batch;

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    (listener, base_url)
}

pub(crate) fn client(base_url: &str) -> Client {
    patient(base_url, Duration::from_secs(30))
}

fn patient(base_url: &str, timeout: Duration) -> Client {
    Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_base_url(base_url)
        .with_retry(RetryPolicy::none())
        .with_timeout(timeout)
        .build()
        .unwrap()
}

/// Reads one whole request; empty if the other side has hung up.
pub(crate) async fn request(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return text.into_owned();
            }
        }
        let mut chunk = [0; 4096];
        match socket.read(&mut chunk).await.unwrap() {
            0 => return String::new(),
            length => read.extend_from_slice(&chunk[..length]),
        }
    }
}

pub(crate) async fn answer(socket: &mut TcpStream, head: &str, body: &str) {
    let text = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    socket.write_all(text.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn batch_is_sent_and_found_on_one_connection() {
    let (listener, base_url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let sent = request(&mut socket).await;
        answer(&mut socket, "200 OK", r#"{"batch_id":"b"}"#).await;
        let found = request(&mut socket).await;
        answer(&mut socket, "200 OK", "[]").await;
        (sent, found)
    });
    let client = client(&format!("{base_url}/base/"));
    assert_eq!(client.send_batch(&batch()).await.unwrap().batch_id, BatchId::new("b"));
    assert!(client.find_batches("a key", "a/value").await.unwrap().is_empty());
    let (sent, found) = server.await.unwrap();
    assert!(sent.starts_with("POST /base/v1/projects/p/messages HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: Bearer made-up\r\n"), "{sent}");
    assert!(sent.contains("content-type: application/json\r\n"), "{sent}");
    assert!(
        found.starts_with("GET /base/v1/projects/p/messages?metadataKey=a%20key&metadataValue=a%2Fvalue HTTP/1.1\r\n"),
        "{found}"
    );
}

#[tokio::test]
async fn connection_refused_definitely_sent_nothing() {
    let (listener, base_url) = listen().await;
    drop(listener);
    let error = client(&base_url).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect), "{error:?}");
    assert_eq!(error.reached_service(), Reached::No);
    assert!(!format!("{error:?}").contains("projects"), "{error:?}");
}

#[tokio::test]
async fn handshake_failure_definitely_sent_nothing() {
    let (listener, base_url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut chunk = [0; 1024];
        let _ = socket.read(&mut chunk).await.unwrap();
        // Anything but a TLS record.
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let error = client(&base_url.replace("http:", "https:")).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connect), "{error:?}");
    assert_eq!(error.reached_service(), Reached::No);
    server.await.unwrap();
}

#[tokio::test]
async fn connection_that_ends_after_the_request_may_have_sent_it() {
    for reset in [false, true] {
        let (listener, base_url) = listen().await;
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert!(request(&mut socket).await.ends_with('}'));
            if reset {
                socket.set_zero_linger().unwrap();
            }
        });
        let error = client(&base_url).send_batch(&batch()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Transport), "{error:?}");
        assert_eq!(error.reached_service(), Reached::Unknown);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn pooled_connection_that_ends_on_the_next_request_may_have_sent_it() {
    let (listener, base_url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        answer(&mut socket, "200 OK", r#"{"batch_id":"b"}"#).await;
        // The second request arrives whole on the same connection, and is never answered.
        assert!(request(&mut socket).await.ends_with('}'));
        drop(socket);
        // If it were repeated, it would come here.
        listener
    });
    let client = client(&base_url);
    client.send_batch(&batch()).await.unwrap();
    let error = client.send_batch(&batch()).await.unwrap_err();
    assert_eq!(error.reached_service(), Reached::Unknown, "{error:?}");
    let listener = server.await.unwrap();
    let accepted = tokio::select! {
        biased;
        _ = listener.accept() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!accepted);
}

#[tokio::test]
async fn response_that_breaks_off_may_have_accepted_the_batch() {
    let (listener, base_url) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"batch_id\":").await.unwrap();
    });
    let error = client(&base_url).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport), "{error:?}");
    assert_eq!(error.reached_service(), Reached::Unknown);
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout_and_may_have_sent_it() {
    let (listener, base_url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        // Until the client hangs up.
        request(&mut socket).await
    });
    let error = patient(&base_url, Duration::from_secs(60)).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout), "{error:?}");
    assert_eq!(error.reached_service(), Reached::Unknown);
    assert_eq!(server.await.unwrap(), "");
}

#[tokio::test]
async fn endless_body_is_not_read_to_its_end() {
    let (listener, base_url) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while socket.write_all(&[b' '; 64 * 1024]).await.is_ok() {}
    });
    let error = client(&base_url).find_batches("k", "v").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Transport), "{error:?}");
}

#[tokio::test]
async fn own_http_client_keeps_whether_a_request_left() {
    let (listener, base_url) = listen().await;
    drop(listener);
    let refused = |builder: sinch_batch_client::ClientBuilder| builder.with_retry(RetryPolicy::none()).build().unwrap();
    let builder = || Client::builder(ProjectId::new("p"), AccessToken::new("made-up")).with_base_url(&base_url);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let error = refused(builder().with_http(http.clone())).find_batches("order", "order-4711").await.unwrap_err();
    assert!(error.is_connect() && error.reached_service() == Reached::No, "{error:?}");
    assert!(!format!("{error:?} {}", error.chain()).contains("4711"), "{error:?}");
    // The same by hand, through a closure.
    let by_hand = move |request: http::Request<bytes::Bytes>| {
        let http = http.clone();
        async move {
            let response = http.execute(reqwest::Request::try_from(request)?).await?;
            Ok(http::Response::new(response.bytes().await?))
        }
    };
    let error = refused(builder().with_transport(by_hand)).find_batches("order", "order-4711").await.unwrap_err();
    assert!(error.is_connect() && error.reached_service() == Reached::No, "{error:?}");
    assert!(!format!("{error:?} {}", error.chain()).contains("4711"), "{error:?}");
}

#[tokio::test]
async fn own_http_client_that_follows_a_redirect_is_an_unknown_outcome() {
    let (listener, base_url) = listen().await;
    let elsewhere = format!("307 Temporary Redirect\r\nlocation: {base_url}/elsewhere");
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        answer(&mut socket, &elsewhere, "").await;
        request(&mut socket).await;
        answer(&mut socket, "200 OK", r#"{"batch_id":"b"}"#).await;
    });
    let follows = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_base_url(&base_url)
        .with_retry(RetryPolicy::none())
        .with_http(follows)
        .build()
        .unwrap();
    let error = client.send_batch(&batch()).await.unwrap_err();
    assert_eq!((error.is_transient(), error.reached_service()), (true, Reached::Unknown), "{error:?}");
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let (listener, base_url) = listen().await;
    let elsewhere = format!("307 Temporary Redirect\r\nlocation: {base_url}/elsewhere");
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        answer(&mut socket, &elsewhere, "").await;
        assert_eq!(request(&mut socket).await, "", "the token went along");
    });
    let error = client(&base_url).send_batch(&batch()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedResponse { status: 307 }), "{error:?}");
    assert_eq!(error.reached_service(), Reached::Unknown);
}

#[tokio::test]
async fn expired_token_is_renewed_over_real_http() {
    let (listener, base_url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let first = request(&mut socket).await;
        let head =
            "401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"Jwt expired\"";
        answer(&mut socket, head, "").await;
        let second = request(&mut socket).await;
        answer(&mut socket, "200 OK", r#"{"batch_id":"b"}"#).await;
        (first, second)
    });
    let client = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
        .with_base_url(&base_url)
        .with_retry(RetryPolicy::none())
        .build()
        .unwrap();
    client.send_batch(&batch()).await.unwrap();
    let (first, second) = server.await.unwrap();
    assert!(!first.is_empty());
    assert_eq!(first, second);
}

/// The environment belongs to a whole process, so this test runs itself once more in another one.
#[tokio::test]
async fn proxy_of_the_environment_is_used_but_never_for_loopback() {
    const ROLE: &str = "SINCH_BATCH_TEST_BEHIND_A_PROXY";
    const NAME: &str = "loopback::proxy_of_the_environment_is_used_but_never_for_loopback";
    if let Ok(service) = std::env::var(ROLE) {
        let far = Client::builder(ProjectId::new("p"), AccessToken::new("made-up"))
            .with_region(sinch_batch_client::Region::Eu)
            .with_retry(RetryPolicy::none())
            .build()
            .unwrap();
        let error = far.send_batch(&batch()).await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(error.reached_service(), Reached::No);
        client(&service).send_batch(&batch()).await.unwrap();
        return;
    }
    let (proxy, proxy_url) = listen().await;
    let (service, service_url) = listen().await;
    let asked = tokio::spawn(async move {
        let (mut socket, _) = proxy.accept().await.unwrap();
        let asked = request(&mut socket).await;
        answer(&mut socket, "403 Forbidden", "").await;
        asked
    });
    tokio::spawn(async move {
        let (mut socket, _) = service.accept().await.unwrap();
        request(&mut socket).await;
        answer(&mut socket, "200 OK", r#"{"batch_id":"b"}"#).await;
    });
    let again = tokio::task::spawn_blocking(move || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(ROLE, service_url)
            .env("HTTPS_PROXY", &proxy_url)
            .env("HTTP_PROXY", &proxy_url)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .unwrap()
    });
    let output = again.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("CONNECT eu.conversationbatch.api.sinch.com:443 HTTP/1.1\r\n"), "{asked}");
    assert!(!asked.contains("made-up"), "the proxy saw the token: {asked}");
}
