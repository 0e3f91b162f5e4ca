//! A router and an extractor for axum.

mod extract;
mod receiver;
mod rejection;

pub use extract::Signed;
pub use receiver::{MAX_BODY, Receiver, Refusal, router};
pub use rejection::CallbackRejection;
