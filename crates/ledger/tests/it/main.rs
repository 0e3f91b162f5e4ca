//! The ledgers as their users see them.

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
