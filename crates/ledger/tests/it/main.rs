//! The ledgers as their users see them.

mod agree;
#[cfg(feature = "sqlite")]
mod copy;
mod late;
mod memory;
mod outside;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
