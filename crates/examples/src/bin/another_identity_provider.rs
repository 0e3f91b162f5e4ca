//! Tokens of another identity provider, for another API: `auth` alone.
//!
//! It asks for a scope and an audience, with the secret in the body, and its provider answers a little wrong.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use axum::Router;
use axum::routing::post;
use sinch_batch::auth::{TokenSource, says_expired};
use sinch_batch::http::{HeaderMap, StatusCode};
use sinch_batch::{ClientCredentials, KeyId, KeySecret, TokenCache};

/// A provider that writes `expires_in` as a text and leaves `token_type` out.
async fn provider(form: String) -> Result<&'static str, StatusCode> {
    let fields = ["grant_type=client_credentials", "audience=orders", "client_id=a-key-id", "client_secret="];
    if fields.iter().all(|field| form.contains(field)) {
        println!("the provider was asked");
        return Ok(r#"{"access_token": "a-token", "expires_in": "3600"}"#);
    }
    Err(StatusCode::BAD_REQUEST)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/token", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/token", post(provider))).await });

    let credentials = ClientCredentials::new(KeyId::new("a-key-id"), KeySecret::new("a-key-secret"))
        .with_token_url(&url)?
        .with_scope("orders.read")
        .with_parameter("audience", "orders")
        .with_secret_in_body();
    let tokens = TokenCache::new(credentials);

    // Fetched once, kept until it is about to expire.
    let token = tokens.token().await?;
    assert_eq!(token.expose(), tokens.token().await?.expose());
    println!("a token that is never shown: {token:?}");

    // A response of the API says that the token has expired: a new one is fetched.
    let headers =
        HeaderMap::from_iter([("www-authenticate".parse()?, r#"Bearer error="invalid_token", expired"#.parse()?)]);
    if says_expired(StatusCode::UNAUTHORIZED, &headers) {
        tokens.expired(&token);
    }
    tokens.token().await?;
    Ok(())
}
