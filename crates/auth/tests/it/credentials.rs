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
async fn request_is_the_one_that_sinch_documents() {
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
async fn request_carries_scopes_parameters_and_the_secret_where_asked() {
    let (credentials, seen) = over(vec![answer(200, GOOD)]);
    let credentials = credentials.with_scope("read").with_scope("send all").with_parameter("audience", "https://a?b=c");
    credentials.fetch().await.unwrap();
    credentials.with_secret_in_body().fetch().await.unwrap();
    let seen = seen.lock().unwrap();
    let form = |request: &Request<Vec<u8>>| String::from_utf8(request.body().clone()).unwrap();
    let asked = "scope=read+send+all&audience=https%3A%2F%2Fa%3Fb%3Dc";
    assert_eq!(form(&seen[0]), format!("grant_type=client_credentials&{asked}"));
    assert!(seen[0].headers().contains_key("authorization"));
    let secret = "scope=read+send+all&client_id=id&client_secret=a%7Eb%2Bc&audience=https%3A%2F%2Fa%3Fb%3Dc";
    assert_eq!(form(&seen[1]), format!("grant_type=client_credentials&{secret}"));
    assert!(!seen[1].headers().contains_key("authorization"));
}

#[tokio::test]
async fn response_is_read_generously() {
    let hour = Some(Duration::from_secs(3599));
    let body = |rest: &str| format!(r#"{{"access_token":"made-up"{rest}}}"#);
    for (status, body, lifetime) in [
        (200, GOOD.to_owned(), hour),
        (201, GOOD.to_owned(), hour),
        (200, body(r#","token_type":"Bearer","new":{"field":[1]}"#), None),
        (200, body(r#","token_type":"BEARER","expires_in":0"#), Some(Duration::ZERO)),
        (200, body(r#","expires_in":18446744073709551615"#), Some(Duration::from_secs(u64::MAX))),
        (200, body(r#","expires_in":"3599""#), hour),
        (200, body(r#","expires_in":3599.0"#), hour),
        (200, body(r#","expires_in":" 0.5 ""#), Some(Duration::from_millis(500))),
        (200, body(r#","expires_in":null,"token_type":null"#), None),
        (200, body(""), None),
    ] {
        let issued = fetch(vec![answer(status, &body)]).await.0.unwrap();
        assert_eq!((issued.token.expose(), issued.lifetime), ("made-up", lifetime), "{body}");
    }
    let mut odd_type = answer(200, GOOD);
    odd_type.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    fetch(vec![odd_type]).await.0.unwrap();
}

#[tokio::test]
async fn response_that_is_not_a_token_names_the_field_and_is_final() {
    for (body, why) in [
        ("", "the body is empty"),
        ("<html>", "the body is not JSON"),
        (r#"{"access_token":"secret"#, "the body is not JSON"),
        ("[]", "the body is not a JSON object"),
        ("7", "the body is not a JSON object"),
        ("{}", "`access_token` is missing"),
        (r#"{"access_token":7}"#, "`access_token` is not a text"),
        (r#"{"access_token":"","token_type":"bearer"}"#, "`access_token` does not fit into a header"),
        (r#"{"access_token":"two\nlines","token_type":"bearer"}"#, "`access_token` does not fit into a header"),
        (r#"{"access_token":"made-up","token_type":"mac"}"#, "`token_type` is not bearer"),
        (r#"{"access_token":"made-up","token_type":["secret"]}"#, "`token_type` is not a text"),
        (r#"{"access_token":"made-up","expires_in":"secret"}"#, "`expires_in` is not a number of seconds"),
        (r#"{"access_token":"made-up","expires_in":-1}"#, "`expires_in` is not a number of seconds"),
        (r#"{"access_token":"made-up","expires_in":1e300}"#, "`expires_in` is not a number of seconds"),
        (r#"{"access_token":"made-up","expires_in":"NaN"}"#, "`expires_in` is not a number of seconds"),
    ] {
        let (result, requests) = fetch(vec![answer(200, body)]).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), requests), (&AuthErrorKind::InvalidResponse, 1), "{body}");
        assert_eq!(error.to_string(), format!("the response of the token endpoint is not a token ({why})"), "{body}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn status_decides_the_kind_and_the_number_of_tries() {
    let refused = r#"{"error":"invalid_client","error_description":"quotes the secret"}"#;
    for (status, body, kind, tries, text) in [
        (
            401,
            refused,
            AuthErrorKind::Refused,
            1,
            "the token endpoint refused the key id or the key secret (401, invalid_client)",
        ),
        (
            400,
            "<html>secret",
            AuthErrorKind::Refused,
            1,
            "the token endpoint refused the key id or the key secret (400)",
        ),
        (429, "", AuthErrorKind::RateLimited { retry_after: None }, 4, "too many requests to the token endpoint (429)"),
        (500, "", AuthErrorKind::Server, 3, "the token endpoint failed (500)"),
        (
            302,
            "",
            AuthErrorKind::InvalidResponse,
            1,
            "the response of the token endpoint is not a token (302, redirects are not followed)",
        ),
        (404, "", AuthErrorKind::InvalidResponse, 1, "the response of the token endpoint is not a token (404)"),
    ] {
        let (result, requests) = fetch(vec![answer(status, body)]).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.status(), requests), (&kind, Some(status), tries));
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("quotes"));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_follows_a_busy_or_broken_endpoint() {
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
async fn timeout_ends_a_request_without_a_response() {
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
    assert_eq!(error.to_string(), "the token endpoint could not be reached (no response in time)");
    // Three requests of two seconds, and waits of up to one and up to four.
    assert!((6..=11).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn transport_failure_is_unreachable_and_its_error_is_the_source_only() {
    let credentials = ClientCredentials::new(KeyId::new("id"), KeySecret::new("s"))
        .with_transport(|_| async { Err::<Response<Vec<u8>>, _>("the cable is cut") });
    let error = credentials.fetch().await.unwrap_err();
    assert_eq!(error.kind(), &AuthErrorKind::Unreachable);
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "the token endpoint could not be reached");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the cable is cut");
}

#[test]
fn token_url_requires_https_or_loopback() {
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
    let loud = ClientCredentials::new(KeyId::new("id"), KeySecret::new("s")).with_insecure_plain_http_to("simulator");
    assert!(loud.clone().with_token_url("http://simulator:8080/oauth2/token").is_ok());
    assert!(loud.with_token_url("http://other:8080/oauth2/token").is_err());
}
