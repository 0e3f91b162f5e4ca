//! A bearer token for Sinch's APIs that is always fresh.
//!
//! ```
//! use sinch_batch_auth::{ClientCredentials, KeyId, KeySecret, TokenCache, TokenSource};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A transport that answers by itself; leave `with_transport` out to ask Sinch over HTTPS.
//! let credentials = ClientCredentials::new(KeyId::new("my-key-id"), KeySecret::new("my-key-secret"))
//!     .with_transport(|request| async move {
//!         assert_eq!(request.uri(), sinch_batch_auth::TOKEN_URL);
//!         let body = r#"{"access_token": "made-up", "expires_in": 3599, "token_type": "bearer"}"#;
//!         Ok::<_, std::io::Error>(http::Response::new(body.into()))
//!     });
//!
//! // Ask the cache before each request: it fetches when it has to, once for all who ask.
//! let tokens = TokenCache::new(credentials);
//! let token = tokens.token().await?;
//! assert_eq!(token.expose(), "made-up");
//! assert_eq!(format!("{token:?}"), "AccessToken([hidden])");
//! # Ok(())
//! # }
//! ```
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`secret`] | [`KeyId`], [`KeySecret`], [`AccessToken`]: none of them can be printed by accident |
//! | [`source`] | [`TokenSource`], what a client asks; a fixed token or a closure is one too |
//! | [`cache`] | [`TokenCache`], one fetch for any number of tasks, early, without a background task |
//! | [`credentials`] | [`ClientCredentials`], the key pair that is exchanged for tokens |
//! | [`endpoint`] | [`SecureUrl`](endpoint::SecureUrl), the rule for where secrets may be sent |
//! | [`backoff`] | Growing random waits between repeats |
//! | [`retry_after`] | How long a service asks to be left alone |
//! | [`error`] | [`AuthError`], told apart by what to do next |
//!
//! Feature `reqwest` (default) brings the HTTP client, feature `rustls` (default), `rustls-no-provider` or
//! `native-tls` its TLS. Without `reqwest`, give [`ClientCredentials::with_transport`] one of your own.
//!
//! The waits between tries use tokio's timer, so a tokio runtime with time enabled is needed.
//!
//! This crate does not know what a batch is, which host or region a token is for, or how the
//! process gets its credentials. It writes no log.

pub mod secret;
pub mod source;

pub mod cache;
pub mod credentials;

pub mod backoff;
pub mod endpoint;
pub mod error;
pub mod retry_after;

mod exchange;
mod expired;
mod response;
mod retry;

pub use cache::TokenCache;
pub use credentials::{ClientCredentials, TOKEN_URL};
pub use error::{AuthError, AuthErrorKind};
pub use expired::says_expired;
pub use secret::{AccessToken, KeyId, KeySecret};
pub use source::{BoxFuture, FetchToken, IssuedToken, TokenSource};
