//! The ledgers as their users see them.

mod agree;
mod memory;
mod outside;
#[cfg(feature = "sqlite")]
mod sqlite;
