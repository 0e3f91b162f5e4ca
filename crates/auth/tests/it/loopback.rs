//! The default transport against a real socket.

use sinch_batch_auth::{AuthErrorKind, ClientCredentials, FetchToken, KeyId, KeySecret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers each connection with the next of these texts, and gives back what it was asked.
async fn serve(answers: Vec<String>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oauth2/token", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"grant_type=client_credentials") {
                let mut chunk = [0; 4096];
                let read = socket.read(&mut chunk).await.unwrap();
                assert_ne!(read, 0, "the request ended early");
                request.extend_from_slice(&chunk[..read]);
            }
            seen.push(String::from_utf8(request).unwrap());
            // The client may hang up in the middle of an answer that is too long.
            let _ = socket.write_all(answer.as_bytes()).await;
        }
        seen
    });
    (url, task)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn credentials(url: &str) -> ClientCredentials {
    ClientCredentials::new(KeyId::new("id"), KeySecret::new("secret")).with_token_url(url).unwrap()
}

#[tokio::test]
async fn token_is_fetched_over_http() {
    let body = r#"{"access_token":"made-up","expires_in":3599,"token_type":"bearer"}"#;
    let (url, server) = serve(vec![answer("200 OK\r\ncontent-type: application/json", body)]).await;
    let issued = credentials(&url).fetch().await.unwrap();
    assert_eq!(issued.token.expose(), "made-up");
    let seen = server.await.unwrap();
    assert!(seen[0].starts_with("POST /oauth2/token HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[0].contains("authorization: Basic aWQ6c2VjcmV0\r\n"), "{}", seen[0]);
}

#[tokio::test]
async fn own_http_client_fetches_a_token_and_a_followed_redirect_is_refused() {
    let body = r#"{"access_token":"made-up","expires_in":3599,"token_type":"bearer"}"#;
    let (url, server) = serve(vec![answer("200 OK", body)]).await;
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(credentials(&url).with_http(http).fetch().await.unwrap().token.expose(), "made-up");
    server.await.unwrap();

    let (elsewhere, _) = serve(vec![answer("200 OK", body)]).await;
    let moved = format!("307 Temporary Redirect\r\nlocation: {elsewhere}");
    let (url, _) = serve(vec![answer(&moved, ""); 3]).await;
    let follows = reqwest::Client::builder().no_proxy().build().unwrap();
    tokio::time::pause();
    let error = credentials(&url).with_http(follows).fetch().await.unwrap_err();
    assert_eq!(error.kind(), &AuthErrorKind::Unreachable);
    assert!(!format!("{error:?}").contains("oauth2/token"), "{error:?}");
}

#[tokio::test]
async fn redirect_does_not_take_the_credentials_along() {
    let (url, server) = serve(vec![answer("307 Temporary Redirect\r\nlocation: /elsewhere", "")]).await;
    let error = credentials(&url).fetch().await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (&AuthErrorKind::InvalidResponse, Some(307)));
    assert_eq!(server.await.unwrap().len(), 1);
}

#[tokio::test]
async fn endless_response_is_not_read_to_its_end() {
    let endless = answer("200 OK", &"x".repeat(1024 * 1024));
    let (url, _server) = serve(vec![endless]).await;
    assert_eq!(credentials(&url).fetch().await.unwrap_err().kind(), &AuthErrorKind::InvalidResponse);
}

#[tokio::test(start_paused = true)]
async fn refused_connection_is_unreachable_and_the_url_is_not_in_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oauth2/token", listener.local_addr().unwrap());
    drop(listener);
    let error = credentials(&url).fetch().await.unwrap_err();
    assert_eq!(error.kind(), &AuthErrorKind::Unreachable);
    assert!(!format!("{error:?}").contains("oauth2/token"));
}
