//! A router and an extractor for axum.
//!
//! # Guide
//!
#![doc = include_str!("../../../../docs/guide/receiving.md")]

mod extract;
mod router;

pub use extract::{FromSigned, Signed};
pub use router::router;
