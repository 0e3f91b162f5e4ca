//! Signatures against the published vectors, the request path over real HTTP on loopback, and the journal
//! on a real disk.

mod support;

mod attacks;
mod conformance;
mod genuine;
#[cfg(feature = "journal")]
mod journal;
mod layer;
mod privacy;
mod receiver;
mod signatures;
mod tenants;
mod work;
