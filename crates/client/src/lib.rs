#![doc = include_str!("../README.md")]
//!
//! The request comes from [`sinch_batch_models`], the token from [`sinch_batch_auth`]; what the
//! service says later comes as callbacks, which are not this crate's business.
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`client`] | [`Client`] and its operations |
//! | [`builder`] | [`ClientBuilder`]: how a client is made |
//! | [`wire`] | Requests and readers of responses, for programs that send by themselves |
//! | [`response`] | [`Response`]: a typed body, the status, the id of the request |
//! | [`look_up`] | [`Found`]: what a look-up by metadata proves |
//! | [`region`] | [`Region`]: the app's, and with it the host |
//! | [`operation`] | [`Operation`] and its [`Idempotency`]: what repeating it does |
//! | [`error`] | [`Error`]: what broke, and whether people may have got the message |
//! | [`retry`] | [`RetryPolicy`]: when a call is repeated, as a pure function |
//! | [`pace`] | [`Pace`]: how many requests leave in a second |
//! | [`transport`] | [`Transport`]: the one seam to the network; a closure is one too |
//!
//! | Feature | What it brings |
//! | --- | --- |
//! | `rustls` (default), `rustls-no-provider`, `native-tls` | TLS for `reqwest`: rustls with aws-lc, rustls with the provider your program installs, or the system's library |
//! | `test-util` | `test_util`: a scripted transport, and responses and errors made by hand |
//! | `reqwest` (default) | The HTTP client. Without it, give [`ClientBuilder::with_transport`] one of your own |
//! | `tower` | `transport::TowerTransport`: any tower service as a transport |
//! | `metrics` | Counts and durations for the `metrics` facade, see below |
//!
//! Timeouts and waits use tokio's timer, so a tokio runtime with time enabled is needed. Each call is a
//! span `sinch_batch_call` at level `debug` of `tracing`, with the operation, the path template, ids of
//! batches and requests, counts and statuses; never URLs, bodies, numbers or texts. With `metrics`:
//!
//! | Name | Kind | Labels |
//! | --- | --- | --- |
//! | `sinch_batch_client_calls_total` | counter | `operation`; `outcome`: `ok` or the kind of the error |
//! | `sinch_batch_client_requests_total` | counter | `operation`; `outcome`: the HTTP status, or the kind of the error if there is none |
//! | `sinch_batch_client_request_seconds` | histogram | `operation` |
//! | `sinch_batch_client_repeats_total` | counter | `operation` |
//!
//! This crate keeps no queue and no record, splits no list of recipients, and never repeats a send
//! whose outcome it does not know.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod builder;
pub mod client;
pub mod region;

pub mod error;
pub mod look_up;
pub mod operation;
pub mod pace;
pub mod response;
pub mod retry;

#[cfg(feature = "test-util")]
pub mod test_util;
pub mod transport;
pub mod wire;

mod budget;
mod endpoint;
mod executor;
mod limits;
mod metrics;
mod stop;

pub use {bytes, http};

pub use builder::ClientBuilder;
pub use client::Client;
pub use endpoint::BuildError;
pub use error::{Disposition, Error, ErrorKind, Reached};
pub use look_up::Found;
pub use operation::{Idempotency, Operation};
pub use pace::Pace;
pub use region::{Region, UnknownRegion};
pub use response::{Accepted, Response};
pub use retry::{Decision, RetryPolicy};
pub use stop::StopSignal;
pub use transport::{Transport, TransportError};
