//! The request path: from an HTTP request to a callback in a sink, and to the answer.
//!
//! ```text
//! request ─ choose the verifier ─ read ─ verify ─┐
//!             │ nobody's: 401                     │
//!                          ┌────────────────────────┘
//!                          ├─ 401 ◀ the signature does not hold, or the app is another's
//!                          ├─ 503 ◀ signed in the future, or before the window
//!                          ▼
//!                        claim ─┬─ Duplicate ─────▶ 200
//!                          ▲    ├─ New, Conflict ─▶ parse ─ sink ─┬─ Ok ──▶ keep ────▶ 200
//!                          │    │                                 └─ else ▶ release ─▶ 503
//!                          └────┴─ InProgress: wait for the other delivery
//! ```
//!
//! [`CallbackReceiver`] holds the parts; it becomes a service, a layer, or (feature `axum`) a router.

mod admit;
mod detached;
mod handle;
mod layer;
mod limits;
mod receiver;
mod rejection;
mod service;
mod time;
mod warning;
mod work;

pub use handle::ReceiverHandle;
pub use layer::{SignedLayer, SignedService};
pub use limits::ReceiverLimits;
pub use receiver::{CallbackOutcome, CallbackReceiver, LateCallbacks, Received};
pub use rejection::Rejection;
pub use service::CallbackService;
pub use warning::Warning;

#[cfg(feature = "axum")]
pub(crate) use admit::admit;
