//! A router and an extractor for axum.

mod extract;
mod router;

pub use extract::{FromSigned, Signed};
pub use router::router;
