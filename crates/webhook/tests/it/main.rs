//! Signatures against the published vectors, and the request path over real HTTP on loopback.

mod support;

mod attacks;
mod conformance;
mod genuine;
mod layer;
mod privacy;
mod receiver;
mod signatures;
mod tenants;
mod work;
