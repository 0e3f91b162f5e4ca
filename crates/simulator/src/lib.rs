#![doc = include_str!("../README.md")]
//!
//! Requests come in over HTTP on loopback, from the client or from anything else; signed callbacks go
//! out to the webhook in [`SimulatorConfig`]. It is a second reading of the contract: it shares no
//! code with the client and looks at the JSON itself, so a misspelt field cannot agree with itself.
//!
//! | Module | What it holds |
//! | --- | --- |
//! | [`config`] | [`SimulatorConfig`]: who may call, how people behave, how fast it goes |
//! | [`simulator`] | [`Simulator`]: addresses, clock, faults, what it has received |
//! | [`outcome`] | [`MessageOutcome`]: what becomes of one message, by seed or by hand |
//! | [`faults`] | [`Fault`]: what goes wrong, with which operation, when |
//! | [`requests`] | [`SimulatedRequest`]: the last requests, as received, and how they ended |
//! | [`stats`] | [`Stats`]: requests, messages, callbacks, counted |
//! | [`assumptions`] | every behaviour it takes for granted about the real service, with its source |
//!
//! A second address has the control side: `GET /messages`, `GET /requests`, `GET /contacts`,
//! `GET /consents`, `GET /stats`, `POST` and `DELETE /faults`, `POST /outcomes`, `POST /callbacks`,
//! `POST /inbox/message`, `POST /inbox/opt-out`, `POST /clock`, `GET /assumptions`; `GET /` describes
//! them.
//!
//! A browser finds the inbox there: who got what, each message as on a phone, with receipts, replies and
//! opt-outs by a click. What comes from another web page, or asks for a host that is not this one, is
//! answered 403.
//!
//! It goes as fast as it can, or at the service's published rates
//! ([`SimulatorConfig::realistic`]). It keeps everything in memory, some 50 bytes a message beside
//! its parameters and metadata, and forgets it when it stops. It does not speak TLS, replies only when
//! the control side says so, does not simulate conversations, lets no opt-out stop a message, and answers 501 where it would have to guess.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod config;
pub mod simulator;

pub mod faults;
pub mod outcome;
pub mod requests;
pub mod stats;

pub mod assumptions;

mod answer;
mod api;
mod apply;
mod batch;
mod callback_client;
mod callback_log;
mod callbacks;
mod check;
mod clock;
mod control;
mod handle;
mod ids;
mod inbox;
mod outbox;
mod packed;
mod people;
mod queue;
mod server;
mod shared;
mod store;
mod template;
mod token;

pub use config::SimulatorConfig;
pub use faults::{Fault, FaultError, FaultKind, SimulatedOperation};
pub use ids::ulid;
pub use outcome::{MessageOutcome, MessageOutcomeError};
pub use requests::SimulatedRequest;
pub use simulator::{Simulator, StartError};
pub use stats::{MessageStatus, SimulatedMessage, Stats};
