//! The crate as its users see it: calls over closures, calls over real sockets, and what the logs
//! of both may show.

mod calls;
#[cfg(feature = "reqwest")]
mod contract;
#[cfg(feature = "reqwest")]
mod faults;
#[cfg(feature = "reqwest")]
mod hostile_server;
mod limits;
mod log;
mod look_up;
#[cfg(feature = "reqwest")]
mod loopback;
mod privacy;
mod send_until;
mod telemetry;
#[cfg(feature = "tower")]
mod tower;

use sinch_batch_models::{AppId, BatchRecipient, Channel, Message, Recipient, Recipients, SendBatchRequest};

/// A batch with a text, a number and a parameter that must not show anywhere.
fn batch() -> SendBatchRequest {
    let ines = BatchRecipient::new(Recipient::identity(Channel::Sms, "+15550100001")).with_parameter("name", "Ines");
    SendBatchRequest::new(
        AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"),
        Message::text("Hello ${name}"),
        Recipients::try_from(vec![ines]).unwrap(),
    )
    .with_batch_metadata("order", "order-4711")
}
