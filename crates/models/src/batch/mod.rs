//! Batches: the requests that send and cancel them, and the answers about them.

mod cancel;
mod send;
mod status;
mod write;

pub use cancel::{CancelBatchRequest, CancelWhich};
pub use send::{BatchSent, ProcessingStrategy, SendBatchRequest, Ttl, TtlError};
pub use status::{BatchState, BatchStatus, BatchStatuses};
