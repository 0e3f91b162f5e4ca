//! Arguments of the API's own operations, and of `doctor`.

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
    /// Send one request body of 1 to 1000 recipients as it is
    Send {
        /// Request body as JSON, with `message`, `recipient_and_params` and so on; `-` reads standard input
        ///
        /// If the body has no `app_id`, --app or SINCH_APP_ID is used.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        service: ServiceArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Show the status of one batch at the service
    Status {
        /// Batch id
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        service: ServiceArgs,
        #[command(flatten)]
        json: Json,
    },
    /// List the batches with a value under a key of their batch metadata
    Find {
        /// Key of the batch metadata
        #[arg(value_name = "KEY")]
        key: String,
        /// Value under the key
        #[arg(value_name = "VALUE")]
        value: String,
        #[command(flatten)]
        service: ServiceArgs,
        #[command(flatten)]
        json: Json,
    },
    /// Cancel a scheduled batch, or all with some batch metadata, and show the outcome
    Cancel(CancelArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Batch id
    #[arg(value_name = "ID", conflicts_with = "metadata")]
    pub(crate) id: Option<String>,
    /// Every batch with this value under this key of its batch metadata
    #[arg(long, num_args = 2, value_names = ["KEY", "VALUE"])]
    pub(crate) metadata: Vec<String>,
    /// How long to wait for the outcome; the service cancels in the background
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
    /// Create contacts
    ///
    /// Every created contact triggers a CONTACT_CREATE callback; the response does not list them.
    ///
    /// CSV columns: channel and identity, or one per channel (SMS, whatsapp, …); language; optional:
    /// display_name, email, external_id, metadata, channel_priority, app_id. JSON: the objects of the API, one per
    /// line, or a whole request body.
    Create(ListArgs),
    /// Delete contacts
    ///
    /// Every deleted contact triggers a CONTACT_DELETE callback; the response does not list them.
    ///
    /// CSV column: contact_id. JSON: {"contact_id": "…"} or the id alone, one per line, or a whole request
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
    /// Record opt-outs in the consent lists of the app
    ///
    /// Recording an opt-out twice is safe.
    ///
    /// CSV columns: identification, consent_type (OPT_OUT_ALL, OPT_OUT_NOTIFICATION, OPT_OUT_MARKETING).
    /// JSON: the records of the API, one per line, or a whole request body.
    Insert(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// CSV with a header line, or JSON: lines, an array or a request; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Line to start from; earlier lines were sent by a previous run
    #[arg(long, value_name = "LINE", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from_line: u64,
    /// Rows per call
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
