use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use sinch_batch_auth::{AuthError, AuthErrorKind, ClientCredentials, FetchToken, IssuedToken, KeyId, KeySecret};

const GOOD: &str = r#"{"access_token":"made-up","expires_in":3599,"scope":"","token_type":"bearer"}"#;

type Requests = Arc<Mutex<Vec<Request<Vec<u8>>>>>;

fn answer(status: u16, body: &str) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Credentials over a service that gives these answers in turn, the last one for ever.
fn over(answers: Vec<Response<Vec<u8>>>) -> (ClientCredentials, Requests) {
    let seen = Requests::default();
    let requests = Arc::clone(&seen);
    let credentials =
        ClientCredentials::new(KeyId::new("id"), KeySecret::new("a~b+c")).with_transport(move |request| {
            let mut requests = requests.lock().unwrap();
            let answer = answers[requests.len().min(answers.len() - 1)].clone();
            requests.push(request);
            std::future::ready(Ok::<_, std::io::Error>(answer))
        });
    (credentials, seen)
}

async fn fetch(answers: Vec<Response<Vec<u8>>>) -> (Result<IssuedToken, AuthError>, usize) {
    let (credentials, seen) = over(answers);
    let result = credentials.fetch().await;
    let requests = seen.lock().unwrap().len();
    (result, requests)
}

#[tokio::test]
async fn the_request_is_the_one_that_sinch_documents() {
    let (credentials, seen) = over(vec![answer(200, GOOD)]);
    credentials.fetch().await.unwrap();
    let seen = seen.lock().unwrap();
    let request = &seen[0];
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://auth.sinch.com/oauth2/token");
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    // "id:a~b+c", not form-encoded.
    assert_eq!(request.headers()["authorization"], "Basic aWQ6YX5iK2M=");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["user-agent"], concat!("sinch-batch/", env!("CARGO_PKG_VERSION")));
    assert_eq!(request.headers().get_all("authorization").iter().count(), 1);
    assert_eq!(request.body(), b"grant_type=client_credentials");
}

#[tokio::test]
async fn answers_are_read_generously() {
    let hour = Some(Duration::from_secs(3599));
    for (status, body, lifetime) in [
        (200, GOOD, hour),
        (201, GOOD, hour),
        (200, r#"{"access_token":"made-up","token_type":"Bearer","new":{"field":[1]}}"#, None),
        (200, r#"{"access_token":"made-up","token_type":"BEARER","expires_in":0}"#, Some(Duration::ZERO)),
        (
            200,
            r#"{"access_token":"made-up","token_type":"bearer","expires_in":18446744073709551615}"#,
            Some(Duration::from_secs(u64::MAX)),
        ),
    ] {
        let issued = fetch(vec![answer(status, body)]).await.0.unwrap();
        assert_eq!((issued.token.expose(), issued.lifetime), ("made-up", lifetime), "{body}");
    }
    let mut odd_type = answer(200, GOOD);
    odd_type.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    fetch(vec![odd_type]).await.0.unwrap();
}

#[tokio::test]
async fn what_is_no_token_is_said_so_without_a_second_try() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"access_token":"","token_type":"bearer"}"#,
        r#"{"access_token":"two\nlines","token_type":"bearer"}"#,
        r#"{"access_token":"made-up","token_type":"mac"}"#,
        r#"{"access_token":"made-up","token_type":"bearer","expires_in":"secret"}"#,
    ] {
        let (result, requests) = fetch(vec![answer(200, body)]).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), requests), (&AuthErrorKind::InvalidResponse, 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_status_has_its_kind_and_its_number_of_tries() {
    let refused = r#"{"error":"invalid_client","error_description":"quotes the secret"}"#;
    for (status, body, kind, tries, text) in [
        (
            401,
            refused,
            AuthErrorKind::Refused,
            1,
            "the key id or the key secret was refused by the token endpoint (401, invalid_client)",
        ),
        (
            400,
            "<html>secret",
            AuthErrorKind::Refused,
            1,
            "the key id or the key secret was refused by the token endpoint (400)",
        ),
        (429, "", AuthErrorKind::RateLimited { retry_after: None }, 4, "the token endpoint was asked too often (429)"),
        (500, "", AuthErrorKind::Server, 3, "the token endpoint failed (500)"),
        (
            302,
            "",
            AuthErrorKind::InvalidResponse,
            1,
            "the token endpoint gave an answer that is no token (302, redirects are not followed)",
        ),
        (404, "", AuthErrorKind::InvalidResponse, 1, "the token endpoint gave an answer that is no token (404)"),
    ] {
        let (result, requests) = fetch(vec![answer(status, body)]).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.status(), requests), (&kind, Some(status), tries));
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("quotes"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_or_broken_endpoint_is_tried_again() {
    let (result, requests) = fetch(vec![answer(429, ""), answer(503, ""), answer(200, GOOD)]).await;
    assert_eq!((result.unwrap().token.expose(), requests), ("made-up", 3));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_or_handed_on() {
    let mut busy = answer(429, "");
    busy.headers_mut().insert("retry-after", "7".parse().unwrap());
    let before = tokio::time::Instant::now();
    fetch(vec![busy.clone(), answer(200, GOOD)]).await.0.unwrap();
    assert!((7..8).contains(&before.elapsed().as_secs()));

    busy.headers_mut().insert("retry-after", "600".parse().unwrap());
    let (result, requests) = fetch(vec![busy]).await;
    assert_eq!((result.unwrap_err().retry_after(), requests), (Some(Duration::from_secs(600)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_ends_in_time() {
    let requests = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&requests);
    let credentials = ClientCredentials::new(KeyId::new("id"), KeySecret::new("secret"))
        .with_timeout(Duration::from_secs(2))
        .with_transport(move |_| {
            *seen.lock().unwrap() += 1;
            std::future::pending::<Result<_, std::io::Error>>()
        });
    let before = tokio::time::Instant::now();
    let error = credentials.fetch().await.unwrap_err();
    assert_eq!((error.kind(), *requests.lock().unwrap()), (&AuthErrorKind::Unreachable, 3));
    assert_eq!(error.to_string(), "the token endpoint could not be reached (it did not answer in time)");
    // Three requests of two seconds, and waits of up to one and up to four.
    assert!((6..=11).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_is_unreachable_and_its_error_is_the_source_only() {
    let credentials = ClientCredentials::new(KeyId::new("id"), KeySecret::new("s"))
        .with_transport(|_| async { Err::<Response<Vec<u8>>, _>("the cable is cut") });
    let error = credentials.fetch().await.unwrap_err();
    assert_eq!(error.kind(), &AuthErrorKind::Unreachable);
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "the token endpoint could not be reached");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the cable is cut");
}

#[test]
fn credentials_go_only_where_nobody_listens_in() {
    let check = |url: &str| ClientCredentials::new(KeyId::new("id"), KeySecret::new("s")).with_token_url(url);
    for good in [
        "https://us.auth.sinch.com/oauth2/token",
        "http://localhost:8080/oauth2/token",
        "http://127.0.0.1:1/t",
        "http://127.9.9.9/t",
        "http://[::1]:1/t",
    ] {
        assert!(check(good).is_ok(), "{good}");
    }
    for bad in [
        "http://auth.sinch.com/oauth2/token",
        "http://localhost.example.com/t",
        "http://128.0.0.1/t",
        "http://[::2]/t",
        "http://127.0.0.1@example.com/t",
        "https://user:password@auth.sinch.com/t",
        "ftp://auth.sinch.com/t",
        "auth.sinch.com/oauth2/token",
        "",
    ] {
        let error = check(bad).unwrap_err();
        assert_eq!(error.kind(), &AuthErrorKind::InsecureUrl, "{bad}");
        assert!(!error.to_string().contains("password@"), "{error}");
    }
}
