//! The request path: from an HTTP request to a callback in a sink, and to the answer.
//!
//! [`Receiver`] holds the parts; it becomes a service, a layer, or (feature `axum`) a router.

mod admit;
mod detached;
mod layer;
mod limits;
mod receiver;
mod refusal;
mod service;
mod time;
mod work;

pub use layer::{SignedLayer, SignedService};
pub use limits::Limits;
pub use receiver::{Outcome, Received, Receiver};
pub use refusal::Refusal;
pub use service::CallbackService;

#[cfg(feature = "axum")]
pub(crate) use admit::admit;
