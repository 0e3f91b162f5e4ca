#![doc = include_str!("../README.md")]
//!
#![cfg_attr(feature = "axum", doc = include_str!("router/example.md"))]
//!
//! Callbacks come from the service over HTTP; what they say goes to a sink of yours, a closure.
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`secret`] | [`WebhookSecret`], which cannot be printed, may have a name and an end |
//! | [`signature`] | [`sign`] and the headers it makes |
//! | [`verify`] | [`Verifier`]: secrets, window, bearer token, every reason to refuse |
//! | [`verifiers`] | [`Verifiers`]: the verifier of a request, by tenant or as secrets change |
//! | [`replay`] | [`NonceStore`]: what was applied already; [`Nonces`], to share that |
//! | [`conformance`] | The checks that every store of nonces must pass |
//! | [`parse`] | A verified body as a typed callback, leniently: a re-export of `models` |
//! | `receive` | `CallbackReceiver`, the whole request path, as a service and a layer; `ReceiverLimits`, `Rejection`, `Warning` |
//! | `router` | `router` and the extractor `Signed`, for axum |
//!
//! # Features
//!
//! | Feature | What it brings |
//! | --- | --- |
//! | none | All but the last two modules: no web framework, no runtime, time is an argument |
//! | `tower` (default) | `receive`, for any framework on `http` and tokio |
//! | `axum` (default) | `router` |
//!
//! This crate keeps nothing on disk (`sinch-batch-journal` does), does not fetch OAuth2 tokens or
//! check them itself, and never parses a body it has not verified.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod secret;
pub mod signature;

pub mod verify;

pub mod verifiers;

pub mod replay;

pub mod conformance;

#[cfg(feature = "tower")]
pub mod receive;

#[cfg(feature = "axum")]
pub mod router;

#[cfg(feature = "tower")]
pub use bytes;
pub use http;

#[cfg(feature = "axum")]
pub use crate::router::{FromSigned, Signed, router};
#[cfg(feature = "tower")]
pub use receive::{
    CallbackOutcome, CallbackReceiver, CallbackService, LateCallbacks, Received, ReceiverHandle, ReceiverLimits,
    Rejection, SignedLayer, SignedService, Warning,
};
pub use replay::{NonceClaim, NonceState, NonceStore, Nonces};
pub use secret::WebhookSecret;
pub use signature::{Signature, sign};
pub use sinch_batch_models::callback::parse;
pub use verifiers::Verifiers;
pub use verify::{SignatureError, Verified, Verifier, VerifierError};
