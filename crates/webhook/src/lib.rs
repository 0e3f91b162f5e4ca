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
//! | [`replay`] | [`NonceStore`]: what was applied already; [`Nonces`], to share that |
//! | [`callback`] | [`parse`]: bytes that were verified, as types, leniently where it must |
//! | `receive` | `CallbackReceiver`, the whole request path, as a service and a layer; `ReceiverLimits`, `Rejection`, `Warning` |
//! | `router` | `router` and the extractor `Signed`, for axum |
//! | `journal` | Raw callbacks in files, to look at or to play again |
//!
//! # Features
//!
//! | Feature | What it brings |
//! | --- | --- |
//! | none | All but the last three modules: no web framework, no runtime, time is an argument |
//! | `tower` (default) | `receive`, for any framework on `http` and tokio |
//! | `axum` (default) | `router` |
//! | `journal` | `journal`, with no runtime either |
//!
//! This crate keeps nothing on disk unless a program opens a journal, does not fetch OAuth2 tokens or
//! check them itself, and never parses a body it has not verified.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod secret;
pub mod signature;

pub mod verify;

pub mod replay;

pub mod callback;

#[cfg(feature = "tower")]
pub mod receive;

#[cfg(feature = "axum")]
pub mod router;

#[cfg(feature = "journal")]
pub mod journal;

#[cfg(feature = "axum")]
pub use crate::router::{FromSigned, Signed, router};
pub use callback::parse;
#[cfg(feature = "tower")]
pub use receive::{
    CallbackOutcome, CallbackReceiver, CallbackService, LateCallbacks, Received, ReceiverLimits, Rejection,
    SignedLayer, SignedService, Warning,
};
pub use replay::{NonceClaim, NonceState, NonceStore, Nonces};
pub use secret::WebhookSecret;
pub use signature::{Signature, sign};
pub use verify::{SignatureError, Verified, Verifier, VerifierError};
