#![doc = include_str!("../README.md")]
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
//! | [`error`] | [`AuthError`], by what to do next |
//!
//! Feature `reqwest` (default) brings the HTTP client, feature `rustls` (default), `rustls-no-provider` or
//! `native-tls` its TLS. Without `reqwest`, give [`ClientCredentials::with_transport`] one of your own.
//!
//! The waits between tries use tokio's timer, so a tokio runtime with time enabled is needed.
//!
//! This crate does not know what a batch is, which host or region a token is for, or how the
//! process gets its credentials. It writes no log.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
