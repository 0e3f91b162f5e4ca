//! Signatures against the published vectors, and the router over real HTTP on loopback.

mod receiver;
mod signatures;
