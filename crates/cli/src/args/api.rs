//! The API's own operations, and what looks after the way there.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration::duration;
use super::{Json, ServiceArgs, Yes};

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    #[command(subcommand)]
    pub(crate) command: BatchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Send one request body as it stands on the wire, of 1 to 1000 recipients.
    Send {
        /// The body: JSON with `message`, `recipient_and_params` and so on; `-` reads standard input. If it
        /// lacks `app_id`, that is SINCH_APP_ID.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        service: ServiceArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Ask the service for the status of one batch.
    Status {
        /// The batch's id.
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        service: ServiceArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Find the batches whose batch metadata has a value under a key.
    Find {
        /// The key.
        #[arg(value_name = "KEY")]
        key: String,
        /// The value.
        #[arg(value_name = "VALUE")]
        value: String,
        #[command(flatten)]
        service: ServiceArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Cancel a batch that waits for its time, or all with some batch metadata, and tell what came of it.
    Cancel(CancelArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The batch's id.
    #[arg(value_name = "ID", conflicts_with = "metadata")]
    pub(crate) id: Option<String>,
    /// Every batch whose batch metadata has this value under this key.
    #[arg(long, num_args = 2, value_names = ["KEY", "VALUE"])]
    pub(crate) metadata: Vec<String>,
    /// How long to wait for the outcome: cancelling takes place in the background.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ContactsArgs {
    #[command(subcommand)]
    pub(crate) command: ContactsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContactsCommand {
    /// Make contacts. Each one really made causes a CONTACT_CREATE callback; nothing else tells.
    ///
    /// CSV columns: channel and identity, or one per channel (SMS, whatsapp, …); language; and if wanted
    /// display_name, email, external_id, metadata, channel_priority, app_id. JSON: the wire's objects, one a
    /// line, or one whole request body.
    Create(ListArgs),
    /// Delete contacts. Each one really deleted causes a CONTACT_DELETE callback; nothing else tells.
    ///
    /// CSV column: contact_id. JSON: {"contact_id": "…"} or the id alone, one a line, or one whole request
    /// body.
    Delete(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConsentsArgs {
    #[command(subcommand)]
    pub(crate) command: ConsentsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConsentsCommand {
    /// Record opt-outs in the consent lists of the app. Recording one again does no harm.
    ///
    /// CSV columns: identification, consent_type (OPT_OUT_ALL, OPT_OUT_NOTIFICATION, OPT_OUT_MARKETING).
    /// JSON: the wire's records, one a line, or one whole request body.
    Insert(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// CSV with a header line, or JSON: lines, an array or a request; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Go on at this line, because what stands before it was done.
    #[arg(long, value_name = "LINE", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from_line: u64,
    /// Rows in one call.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) batch_size: u16,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}
