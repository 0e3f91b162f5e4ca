//! What became of a campaign, as one file that opens anywhere.
//!
//! The file asks nobody for anything and runs nothing. It shows rows and codes; nobody's number, name or
//! text is in it, because none is in [`ReportView`].

mod render;
mod sections;
mod view;

pub use view::{
    AttemptsView, BatchView, BatchesView, FailureView, MessagesView, PulseView, ReasonView, ReportView, RetryAdvice,
};
