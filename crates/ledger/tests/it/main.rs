//! The ledgers as their users see them.

mod agree;
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
