//! Plan, send, reconcile and resume a campaign.

pub mod key;
pub mod plan;
pub mod report;
pub mod runner;
pub mod sender;
pub mod step;
pub mod watch;

mod error;

pub use error::CampaignError;
pub use key::fresh_key;
pub use plan::{BatchSource, PlannedBatch};
pub use runner::Runner;
pub use sender::{LookUpFailure, Refusal, SendFailure, Sender};
pub use step::{Ended, Limits, Stop};
pub use watch::{Watch, Watcher};
