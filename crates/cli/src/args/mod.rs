//! What can be typed.

mod api;
mod at;
mod callbacks;
mod duration;
mod life;
mod request;
mod simulate;
mod torture;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::api::{
    BatchArgs, BatchCommand, CancelArgs, ConsentsArgs, ConsentsCommand, ContactsArgs, ContactsCommand, DoctorArgs,
    ListArgs,
};
pub(crate) use self::at::SendAt;
use self::at::send_at;
pub(crate) use self::callbacks::{
    AboutArgs, Fault, JournalArgs, ListenArgs, ReplayArgs, SecretArgs, SignArgs, TriggerArgs,
};
use self::duration::duration;
pub(crate) use self::life::{PauseArgs, RetryArgs};
pub(crate) use self::request::RequestArgs;
pub(crate) use self::simulate::SimulateArgs;
pub(crate) use self::torture::TortureArgs;
use crate::exit;

/// Send this message to everyone in this file, never twice, and know who got it.
#[derive(Debug, Parser)]
#[command(name = "sinch-batch", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// Say less: errors and what was asked for, nothing else.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find every mistake in a file of recipients, by line and column; send nothing.
    Check(CheckArgs),
    /// Show the message as one recipient will see it.
    Preview(PreviewArgs),
    /// Send a message to everyone in a file, and report who got it.
    Send(Box<SendArgs>),
    /// Go on with a campaign that did not finish.
    Resume(Box<ResumeArgs>),
    /// Send the failed rows of a campaign again that may succeed, never to somebody who has it.
    Retry(Box<RetryArgs>),
    /// Let nothing more of a campaign leave until it is resumed.
    Pause(PauseArgs),
    /// End a campaign: nothing more of it leaves, what has not gone is recalled, and it cannot be resumed.
    Cancel(CancelCampaignArgs),
    /// List the campaigns, or show how one stands and what to do next.
    Status(StatusArgs),
    /// Show what became of a campaign: its batches, and each failure by row.
    Report(ReportArgs),
    /// Receive signed callbacks and keep them in the ledger.
    Listen(Box<ListenArgs>),
    /// Print the headers that sign a body as the service does.
    Sign(SignArgs),
    /// Send a signed callback of any kind to a URL, or one that must be refused.
    Trigger(Box<TriggerArgs>),
    /// Play a journal of callbacks again, to a URL or into a ledger.
    Replay(Box<ReplayArgs>),
    /// Run the local service that speaks the same wire.
    Simulate(SimulateArgs),
    /// Kill, stop and restart sends against a failing simulator, and count who got the message twice.
    Torture(TortureArgs),
    /// Show what the typed models understood of a file, and what they did not.
    Inspect(InspectArgs),
    /// Operations of the Batch API on single batches.
    Batch(BatchArgs),
    /// Make or delete contacts.
    Contacts(ContactsArgs),
    /// Record opt-outs.
    Consents(ConsentsArgs),
    /// Find out whether everything is set up to send: credentials, token, region, clock.
    Doctor(DoctorArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Recipients: CSV with a header line, or JSON lines (.jsonl, .ndjson).
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[group(id = "words", required = true, multiple = false)]
pub(crate) struct MessageArgs {
    /// The message, as the wire's `message` object.
    #[arg(long, value_name = "FILE")]
    pub(crate) message: Option<PathBuf>,
    /// A text message; its short form.
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Json {
    /// Print one JSON value on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LedgerArgs {
    /// The ledger: a SQLite file that remembers what was sent. Unless given, one in the user's state folder.
    #[arg(long, value_name = "FILE", env = "SINCH_BATCH_LEDGER")]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// The service, instead of the region's host.
    #[arg(long, value_name = "URL", env = "SINCH_BATCH_BASE_URL")]
    pub(crate) base_url: Option<String>,
    /// The token endpoint, as a whole URL.
    #[arg(long, value_name = "URL", env = "SINCH_AUTH_URL")]
    pub(crate) auth_url: Option<String>,
    /// The app's region: us, eu or br.
    #[arg(long, value_name = "REGION", env = "SINCH_REGION")]
    pub(crate) region: Option<String>,
    /// The project.
    #[arg(long, value_name = "ID", env = "SINCH_PROJECT_ID")]
    pub(crate) project: Option<String>,
    /// The app that sends.
    #[arg(long, value_name = "ID", env = "SINCH_APP_ID")]
    pub(crate) app: Option<String>,
    /// How long one request may take.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = at_least_a_second)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// End when every batch has its outcome, instead of waiting for receipts.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long a batch of unknown outcome must stay absent before it is sent again. The longest that any
    /// run of the campaign was given counts.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) resend_after: Duration,
    /// How much longer to wait for a batch that was tried by a worker that fell silent and may come back.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) takeover_grace: Duration,
    /// How many batches are under way at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) in_flight: u16,
    /// Stop waiting for receipts when none came for this long.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(crate) receipt_timeout: Duration,
    /// Receive callbacks in this process too, at this address; else run `sinch-batch listen`.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// How long a worker holds a batch without a sign of life. For tests.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = at_least_a_second, hide = true)]
    pub(crate) lease: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Yes {
    /// Answer every question with yes. Nothing is asked today.
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
    /// Which row, counted from 1.
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
    /// Names the campaign; else it gets an id, which is printed first.
    #[arg(long, value_name = "NAME", value_parser = campaign_name)]
    pub(crate) campaign: Option<String>,
    /// Try locally: start the simulator and a receiver on loopback, and send to them.
    #[arg(long)]
    pub(crate) simulate: bool,
    /// Keep the simulator's inbox open after the report, until Ctrl-C: a page with every message as its
    /// recipient would see it.
    #[arg(long, requires = "simulate")]
    pub(crate) inbox: bool,
    /// Send the valid rows, and write the others with their reasons to a file that can be fixed.
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// Where the skipped rows go; beside the input if not given.
    #[arg(long, value_name = "FILE", requires = "skip_invalid")]
    pub(crate) skipped_file: Option<PathBuf>,
    /// When the service lets the messages go, at most 7 days ahead: 2031-09-14T10:00, with +02:00 or [Europe/Berlin]
    /// behind it; else in this machine's zone. The service rounds up to 5 minutes.
    #[arg(long, value_name = "TIME", value_parser = send_at)]
    pub(crate) at: Option<SendAt>,
    /// Everything can be recalled for 2 minutes at least (`sinch-batch cancel`), and leaves up to 7 minutes later.
    #[arg(long, conflicts_with = "at")]
    pub(crate) recallable: bool,
    /// Send although an earlier campaign in this ledger sent this message to these recipients.
    #[arg(long)]
    pub(crate) allow_duplicate: bool,
    /// Recipients in one batch.
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
    /// The campaign's name.
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    /// The recipients, if their file has moved since the campaign began.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// What to do with a campaign whose time has passed: send the rest now, or skip it for good.
    #[arg(long, value_name = "WHAT")]
    pub(crate) late: Option<Late>,
    /// A worker that is known to be gone for good, by its name: what it holds is free at once.
    #[arg(long, value_name = "NAME")]
    pub(crate) dead: Vec<String>,
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
    /// The campaign's name.
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: String,
    /// Show what would be recalled; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait until the service tells what was recalled in time.
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
    /// The campaign's name; all of them if not given.
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: Option<String>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The campaign's name; the latest if not given.
    #[arg(value_name = "CAMPAIGN")]
    pub(crate) campaign: Option<String>,
    /// How to print it; csv lists the failures.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ReportFormat,
    /// Rows of the file instead, each with what became of it.
    #[arg(long, value_name = "WHICH", requires = "with_file")]
    pub(crate) rows: Option<RowsKind>,
    /// Copy each row as it stands in the file, with the columns #status, #code, #may_retry and #at behind it. `send`
    /// takes the result as it is.
    #[arg(long, requires = "rows")]
    pub(crate) with_file: bool,
    /// The recipients, if their file has moved since the campaign began.
    #[arg(long, value_name = "FILE", requires = "rows")]
    pub(crate) input: Option<PathBuf>,
    /// Write it to a file instead of standard output; a file that is there is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What becomes of rows whose time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Late {
    /// They go now.
    Send,
    /// They never go.
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsKind {
    /// Those whose message failed.
    Failed,
    /// Those whose receipt is still awaited.
    Awaiting,
    /// All of them, skipped ones too.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// The failures: row, line, code, description.
    Csv,
    /// One file for a browser, which opens anywhere and asks nobody for anything.
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// What the files hold.
    #[arg(value_name = "WHAT")]
    pub(crate) what: InspectKind,
    /// The files; `-` reads standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectKind {
    /// A callback.
    Callback,
    /// The wire's `message` object, alone or in the body of a send.
    Message,
    /// Recipients: CSV, JSON lines, or the wire's `recipient_and_params`: one entry, all, or the body of a send.
    Recipients,
}
