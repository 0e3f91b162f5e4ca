//! What can be typed.

mod address;
mod api;
mod at;
mod callbacks;
mod duration;
mod file;
mod halt;
mod keep;
mod ledger;
mod life;
mod opt_outs;
mod parse;
mod request;
mod simulate;
mod torture;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::api::{
    BatchArgs, BatchCommand, CancelArgs, ConsentsArgs, ConsentsCommand, ContactsArgs, ContactsCommand, DoctorArgs,
    ListArgs,
};
pub(crate) use self::at::{ScheduleArgs, SendAt};
pub(crate) use self::callbacks::{
    AboutArgs, AnswerAfter, Fault, JournalArgs, ListenArgs, PrintAs, ReplayArgs, SecretArgs, SignArgs, TriggerArgs,
};
use self::duration::duration;
pub(crate) use self::file::{JudgeArgs, ReadArgs};
pub(crate) use self::halt::HaltArgs;
pub(crate) use self::keep::{ForgetArgs, PruneArgs};
pub(crate) use self::ledger::{CopyArgs, LedgerCommand, LedgerCommandArgs, MigrateArgs};
pub(crate) use self::life::{PauseArgs, RetryArgs};
pub(crate) use self::opt_outs::{OptOutsArgs, OptOutsCommand, OptOutsFile, SuppressArgs};
pub(crate) use self::parse::{asks_for_json, command, parse};
pub(crate) use self::request::RequestArgs;
pub(crate) use self::simulate::SimulateArgs;
pub(crate) use self::torture::TortureArgs;
pub(crate) use self::work::WorkArgs;
use crate::exit;

/// Send a message to everyone in a file, never twice, and know who got it
#[derive(Debug, Parser)]
#[command(name = "sinch-batch", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// Print errors and results only
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// When to use colors on standard error; NO_COLOR turns them off
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, hide_possible_values = true)]
    #[arg(help_heading = "Global options")]
    pub(crate) color: Color,
    /// Read environment variables from a file of NAME=VALUE lines; variables already set win
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub(crate) env_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When colors are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that completes
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a file of recipients, line by line, without sending
    Check(CheckArgs),
    /// Show the message as one recipient will see it
    Preview(PreviewArgs),
    /// Send a message to everyone in a file, and report who got it
    Send(Box<SendArgs>),
    /// Continue an unfinished campaign
    Resume(Box<ResumeArgs>),
    /// Send a campaign together with other machines
    Work(Box<WorkArgs>),
    /// Send the failed rows of a campaign that may succeed again
    Retry(Box<RetryArgs>),
    /// Pause a campaign: nothing more is sent until it is resumed
    Pause(PauseArgs),
    /// End a campaign for good: nothing more is sent, and scheduled batches are recalled
    Cancel(CancelCampaignArgs),
    /// List campaigns, or show the state of one and its next step
    Status(StatusArgs),
    /// Report the result of a campaign, with each failure by row
    Report(ReportArgs),
    /// Receive signed callbacks and record them in the ledger
    Listen(Box<ListenArgs>),
    /// Print the signature headers of a body
    Sign(SignArgs),
    /// Send a signed sample callback to a URL, valid or with a fault
    Trigger(Box<TriggerArgs>),
    /// Replay a journal of callbacks to a URL or into a ledger
    Replay(Box<ReplayArgs>),
    /// Run a local simulator of the service
    Simulate(SimulateArgs),
    /// Kill and restart sends against a failing simulator, and count duplicates
    Torture(TortureArgs),
    /// Show how a file is parsed, and its unknown fields
    Inspect(InspectArgs),
    /// Send, look up or cancel single batches
    Batch(BatchArgs),
    /// Create or delete contacts
    Contacts(ContactsArgs),
    /// Record opt-outs
    Consents(ConsentsArgs),
    /// Keep a list of people who opted out, for `--suppress`
    OptOuts(OptOutsArgs),
    /// Remove old results of single rows from the ledger; sums stay
    Prune(PruneArgs),
    /// Find one person in files, ledger and journal, and forget what can be forgotten
    Forget(ForgetArgs),
    /// Copy a ledger, or make its tables
    Ledger(LedgerCommandArgs),
    /// Check the setup: credentials, token, region, clock
    Doctor(DoctorArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Recipients: CSV with a header line, JSON lines or a JSON array; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("words").required(true))]
#[group(skip)]
pub(crate) struct MessageArgs {
    /// Message as JSON: the `message` object of the API; `-` reads standard input
    #[arg(long, value_name = "FILE", group = "words")]
    pub(crate) message: Option<PathBuf>,
    /// Message as plain text
    #[arg(long, value_name = "TEXT", group = "words")]
    pub(crate) text: Option<String>,
    /// Send a kind of message that this release does not know
    #[arg(long)]
    pub(crate) allow_unknown_kind: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Json {
    /// Print JSON on standard output, errors included
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LedgerArgs {
    /// Ledger, the record of what was sent: a file, or postgres://user@host/database for several machines
    /// [default: a file in the user's state folder]
    #[arg(long, value_name = "FILE|URL", env = "SINCH_BATCH_LEDGER")]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// Base URL of the service, instead of the region's host
    #[arg(long, value_name = "URL", env = "SINCH_BATCH_BASE_URL")]
    pub(crate) base_url: Option<String>,
    /// URL of the token endpoint
    #[arg(long, value_name = "URL", env = "SINCH_AUTH_URL")]
    pub(crate) auth_url: Option<String>,
    /// Let the token and all data go over plain http to this host, such as a simulator in another container.
    /// Never for real data: anybody who listens in can read them
    #[arg(long, value_name = "HOST", env = "SINCH_INSECURE_PLAIN_HTTP_TO", hide = true)]
    pub(crate) insecure_plain_http_to: Option<String>,
    /// Region of the app: us, eu or br
    #[arg(long, value_name = "REGION", env = "SINCH_REGION")]
    pub(crate) region: Option<String>,
    /// Project id
    #[arg(long, value_name = "ID", env = "SINCH_PROJECT_ID")]
    pub(crate) project: Option<String>,
    /// App id
    #[arg(long, value_name = "ID", env = "SINCH_APP_ID")]
    pub(crate) app: Option<String>,
    /// Timeout of one request
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = at_least_a_second)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Do not wait for receipts
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long a batch of unknown outcome must stay absent before it is sent again; the longest value of
    /// all runs of the campaign applies
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) resend_after: Duration,
    /// Extra wait before taking over the batches of a silent worker
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) takeover_grace: Duration,
    /// Number of batches in flight
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) in_flight: u16,
    /// Maximum number of outstanding messages, accepted but still queued by the service; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 400_000)]
    pub(crate) window: u64,
    /// Messages per second assumed to leave that queue, until receipts show the real rate
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) drain: u32,
    /// Maximum requests per second; halved when the service reports too many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=800))]
    pub(crate) max_rate: u32,
    /// Stop waiting when no receipt arrived for this long
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) receipt_timeout: Duration,
    /// Receive callbacks in this process, at this address; otherwise run `sinch-batch listen`
    #[arg(long, value_name = "ADDR", value_parser = address::address)]
    pub(crate) listen: Option<SocketAddr>,
    /// How long a worker holds a batch without a sign of life. For tests.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = at_least_a_second, hide = true)]
    pub(crate) lease: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Yes {
    /// Skip the confirmation prompt; without a terminal there is none
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

pub(crate) fn at_least_a_second(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_secs(1) => Err("expected at least 1s".to_owned()),
        time => Ok(time),
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) suppress: SuppressArgs,
    /// Show every finding, in the order of the file
    #[arg(long, conflicts_with = "json")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Prices of an SMS part: a CSV file `prefix,currency,price`
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// Row number, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) row: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    #[command(flatten)]
    pub(crate) suppress: SuppressArgs,
    /// Name of the campaign; a generated one if omitted
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) campaign: Option<String>,
    /// Try locally: send to a simulator and receive its callbacks, all in this process
    #[arg(long)]
    pub(crate) simulate: bool,
    /// Keep the simulator's inbox open after the report, until Ctrl-C
    #[arg(long, requires = "simulate")]
    pub(crate) inbox: bool,
    /// Send the valid rows, and write invalid rows with their reasons to a file; forgives rows and nothing else
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// New file for skipped rows [default: beside the input]
    #[arg(long, value_name = "FILE", requires = "skip_invalid")]
    pub(crate) skipped_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArgs,
    #[command(flatten)]
    pub(crate) halt: HaltArgs,
    /// Send one message to this number instead, as row N would see it, outside of any campaign
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["campaign", "skip_invalid", "allow_duplicate", "listen", "suppress"])]
    pub(crate) to: Option<String>,
    /// Which row `--to` takes its values from, counted from 1
    #[arg(long, value_name = "N", requires = "to", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) row: Option<u64>,
    /// Send even if a campaign in this ledger sent the same message to the same recipients
    #[arg(long)]
    pub(crate) allow_duplicate: bool,
    /// Recipients per batch
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) batch_size: u16,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) json: Json,
}

fn campaign_name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    match text.chars().count() {
        1..=64 if text.chars().all(fine) && !text.starts_with(['-', '.']) => Ok(text.to_owned()),
        _ => Err("a campaign's name has 1 to 64 letters, digits, '-', '_' or '.', and begins with neither '-' nor '.'"
            .to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Name of the campaign
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    /// File of recipients, if it has moved since the campaign began
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// If the scheduled time has passed: send the rest now, or skip it for good
    #[arg(long, value_name = "WHAT")]
    pub(crate) late: Option<Late>,
    /// Go on although the campaign halted because too many messages failed
    #[arg(long)]
    pub(crate) past_halt: bool,
    /// Name of a worker that is gone for good: its batches are free at once
    #[arg(long, value_name = "NAME")]
    pub(crate) dead: Vec<String>,
    #[command(flatten)]
    pub(crate) suppress: SuppressArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct CancelCampaignArgs {
    /// Name of the campaign
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    /// Show what would be recalled, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait for the service to report what was recalled in time
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Name of the campaign; all campaigns if omitted
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: Option<String>,
    /// Watch the campaign until every receipt has arrived; Ctrl-C stops watching, not the campaign
    #[arg(long, requires = "campaign", conflicts_with = "json")]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Name of the campaign [default: the latest]
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: Option<String>,
    /// Output format; csv lists the failures
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ReportFormat,
    /// Print rows of the file instead, each with its result
    #[arg(long, value_name = "WHICH", requires = "with_file")]
    pub(crate) rows: Option<RowsKind>,
    /// Copy each row as it is in the file and append the columns #status, #code, #may_retry and #at
    ///
    /// `send` reads the result without changes.
    #[arg(long, requires = "rows")]
    pub(crate) with_file: bool,
    /// File of recipients, if it has moved since the campaign began
    #[arg(long, value_name = "FILE", requires = "rows")]
    pub(crate) input: Option<PathBuf>,
    /// Write to a new file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing output file
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What becomes of rows whose time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Late {
    /// Send them now
    Send,
    /// Never send them
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsKind {
    /// Rows whose message failed
    Failed,
    /// Rows still awaiting a receipt
    Awaiting,
    /// All rows, skipped ones too
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// The failures: row, line, code, description
    Csv,
    /// One self-contained file for a browser
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Content of the files
    #[arg(value_name = "WHAT")]
    pub(crate) what: InspectKind,
    /// Files to read; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectKind {
    /// A callback
    Callback,
    /// The wire's `message` object, alone or in the body of a send
    Message,
    /// Recipients: CSV, JSON lines, or the wire's `recipient_and_params`: one entry, all, or the body of a send
    Recipients,
}
