//! The ledgers as their users see them.

mod memory;
