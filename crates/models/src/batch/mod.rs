//! Batches: the request that sends one, and the answers about it.

mod send;
mod status;

pub use send::{BatchSent, ProcessingStrategy, SendBatchRequest, Ttl, TtlError};
pub use status::{BatchState, BatchStatus, BatchStatuses};
