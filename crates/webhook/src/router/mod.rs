//! A router and an extractor for axum.
//!
//! # Guide
//!
#![doc = include_str!("../../docs/receiving.md")]

mod extract;
mod routes;

pub use extract::{FromSigned, Signed};
pub use routes::router;
