//! The crate as its users see it: the cache over closures, the credentials over closures and over
//! real HTTP on loopback.

mod cache;
mod credentials;
#[cfg(feature = "reqwest")]
mod loopback;
mod secrets;
