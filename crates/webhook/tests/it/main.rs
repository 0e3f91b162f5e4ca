//! Signatures against the published vectors, and the request path over real HTTP on loopback.

mod support;

mod attacks;
mod layer;
mod privacy;
mod receiver;
mod signatures;
mod work;
