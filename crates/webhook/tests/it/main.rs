//! Signatures against the published vectors, and the router over real HTTP on loopback.

#[cfg(feature = "journal")]
mod journal;
mod receiver;
mod signatures;
