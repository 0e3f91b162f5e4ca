//! What can be typed about callbacks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sinch_batch::models::Timestamp;
use sinch_batch::models::callback::Trigger;

use super::address::address;
use super::duration::duration;
use super::{Json, LedgerArgs, at_least_a_second};

/// [`StopWords::COMMON`](sinch_batch::recipients::opt_outs::StopWords::COMMON), as they are typed.
const COMMON_STOP_WORDS: &str = "STOP,STOPALL,UNSUBSCRIBE,CANCEL,END,QUIT";

#[derive(Clone, Debug, Args)]
pub(crate) struct SecretArgs {
    /// File of webhook secrets, one per line: `SECRET` or `SECRET until 2031-09-14T10:00:00Z`.
    ///
    /// Blank lines and lines beginning with # are ignored. SINCH_WEBHOOK_SECRET holds one more secret,
    /// SINCH_WEBHOOK_SECRETS more lines. Every secret verifies; the first one, in the order
    /// SINCH_WEBHOOK_SECRET, SINCH_WEBHOOK_SECRETS, file, signs.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
#[command(after_long_help = "\
Responds 200 only once a callback is recorded in the ledger, and in the journal, the list of --opt-outs and by the receiver behind \
--forward if they are used; otherwise 503, and Sinch sends it again. With --answer-after journal the ledger gets it \
afterwards. Refused callbacks are reported on \
standard error, once per reason and minute. Also serves /healthz, /readyz and /metrics (Prometheus). SIGTERM and \
Ctrl-C exit with 0 after the requests in progress; a second one exits at once. The files of --secret-file, \
--tls-cert and --tls-key are reloaded when they change and on SIGHUP; without such files SIGHUP acts like \
SIGTERM.")]
pub(crate) struct ListenArgs {
    /// Address to listen on; port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) addr: SocketAddr,
    /// Path of the webhook
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = path)]
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    /// Maximum difference between the signing time and now
    ///
    /// An older genuine callback is applied nevertheless, because Sinch may retry with the time of the first
    /// delivery. One further in the future gets 503: a clock is wrong.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = at_least_a_second)]
    pub(crate) window: Duration,
    /// Accept callbacks without the algorithm header, if a proxy drops it
    #[arg(long)]
    pub(crate) algorithm_optional: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    pub(crate) journal: JournalArgs,
    #[command(flatten)]
    pub(crate) spool: SpoolArgs,
    /// Keep opt-outs and opt-ins in this list, for `--suppress`; needs SINCH_BATCH_IDENTITY_KEY
    ///
    /// The list holds digests under that key, and nobody can be found in it without the key.
    #[arg(long, value_name = "FILE")]
    pub(crate) opt_outs: Option<PathBuf>,
    /// Replies that count as an opt-out, whatever their case and spaces
    ///
    /// Without words: STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT.
    #[arg(long, value_name = "WORDS", value_delimiter = ',', num_args = 0..=1, default_missing_value = COMMON_STOP_WORDS, requires = "opt_outs")]
    pub(crate) stop_words: Option<Vec<String>>,
    /// Forward each callback to this URL, signed with SINCH_WEBHOOK_FORWARD_SECRET
    #[arg(long, value_name = "URL")]
    pub(crate) forward: Option<String>,
    /// TLS certificate and chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How callbacks are shown as they arrive; text on a terminal, else none
    #[arg(long, value_name = "FORMAT")]
    pub(crate) print: Option<PrintAs>,
    /// Show only these kinds, such as MESSAGE_DELIVERY,BATCH_STATUS_UPDATE
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = trigger)]
    pub(crate) events: Vec<Trigger>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// How callbacks are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrintAs {
    /// One line for people
    Text,
    /// One JSON object in a line
    Json,
    /// Not at all
    None,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct JournalArgs {
    /// Folder that keeps every verified callback byte for byte, personal data included; see `replay`
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    /// Size limit of one journal file, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_048_576), requires = "journal")]
    pub(crate) journal_file_size: u64,
    /// Number of journal files to keep
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "journal")]
    pub(crate) journal_files: u32,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SpoolArgs {
    /// What has to have a callback before it gets 200: the ledger, or the journal alone
    ///
    /// With `journal` callbacks get 200 also while the ledger is away, and are applied in the background as soon as
    /// it is back, after a restart too. They are lost if this disk dies before.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = AnswerAfter::Ledger)]
    pub(crate) answer_after: AnswerAfter,
    /// With --answer-after journal: how much may wait for the ledger, in MiB; then callbacks get 503
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1_048_576), requires = "journal")]
    pub(crate) spool_size: u64,
    /// With --answer-after journal: name of this receiver in Postgres [default: host and folder]
    ///
    /// For containers, whose host has another name each time. No two receivers may have the same name.
    #[arg(long, value_name = "NAME", value_parser = receiver_name, requires = "journal")]
    pub(crate) receiver: Option<String>,
}

/// What has to have a callback before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerAfter {
    /// The ledger, and the journal if there is one
    Ledger,
    /// The journal; the ledger follows
    Journal,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LimitArgs {
    /// Largest body in bytes; a larger one gets 413
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_body: u32,
    /// Number of callbacks handled at once; more get 503
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_in_flight: u32,
    /// Timeout for reading a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = some_time)]
    pub(crate) read_timeout: Duration,
    /// Timeout for recording and forwarding a callback; then it gets 503
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = some_time)]
    pub(crate) answer_timeout: Duration,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SignArgs {
    /// Body to sign; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Nonce [default: a fresh one]
    #[arg(long, value_name = "TEXT", value_parser = nonce)]
    pub(crate) nonce: Option<String>,
    /// Signing time in Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) timestamp: Option<i64>,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exits with 0 if every sample got the expected response: 2xx, or with --fault the one listed there. \
Exits with 7 otherwise, or if the URL cannot be reached.")]
pub(crate) struct TriggerArgs {
    /// Kind of callback, such as MESSAGE_DELIVERY; see --list
    #[arg(value_name = "KIND", value_parser = trigger, required_unless_present_any = ["all", "body", "list"], conflicts_with = "all")]
    pub(crate) kind: Option<Trigger>,
    /// Where to send it
    #[arg(long, value_name = "URL", required_unless_present_any = ["print", "list"])]
    pub(crate) url: Option<String>,
    /// Set a field of the body, such as message.contact_message.text_message.text=STOP; the value is JSON, else text
    #[arg(long, value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// Send the body in this file as it is; `-` reads standard input. A KIND only names it
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub(crate) body: Option<PathBuf>,
    /// Print the body instead of sending it
    #[arg(long, conflicts_with = "url")]
    pub(crate) print: bool,
    /// Send it N times, each time as a new callback
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) repeat: u32,
    /// List the kinds
    #[arg(long, conflicts_with_all = ["kind", "all", "body", "url", "print"])]
    pub(crate) list: bool,
    /// Send one callback of every kind
    #[arg(long)]
    pub(crate) all: bool,
    /// Add a fault: forged callbacks must be refused, genuine ones must not be lost
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Option<Fault>,
    /// Age for `--fault old`, distance for `--fault future`
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = at_least_a_second, requires = "fault")]
    pub(crate) skew: Duration,
    #[command(flatten)]
    pub(crate) about: AboutArgs,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What a sample is about; invented where nothing is said.
#[derive(Clone, Debug, Args)]
pub(crate) struct AboutArgs {
    /// Batch id in the samples
    #[arg(long, value_name = "ID")]
    pub(crate) batch_id: Option<String>,
    /// Index of the message in its batch, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) index: u32,
    /// Status in a receipt: QUEUED_ON_CHANNEL, DELIVERED, READ, FAILED, SWITCHING_CHANNEL
    #[arg(long, value_name = "STATUS", default_value = "DELIVERED", value_parser = name)]
    pub(crate) status: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Timeout of one response
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = some_time)]
    pub(crate) timeout: Duration,
    /// Trust this CA certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
}

/// What may be wrong with a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Signed too long ago: genuine, so 2xx, or 5xx to be sent again
    Old,
    /// Signed in the future: genuine, but a clock is wrong, so 5xx to be sent again
    Future,
    /// Signed with another secret: 4xx
    WrongSecret,
    /// A genuine callback, and then another genuine one under its nonce: 2xx
    RepeatedNonce,
    /// One byte is not what was signed: 4xx
    AlteredByte,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exits with 0 if every record was accepted; with 3 if the journal cannot be read or has damaged records (the \
others are replayed); with 6 if the ledger cannot be used; with 7 if a record got no 2xx response.")]
pub(crate) struct ReplayArgs {
    /// Folder of the journal, or one of its files
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,
    #[command(flatten)]
    pub(crate) target: ReplayTarget,
    /// Skip records received before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Attempts per record after 5xx, 429 or no response
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100), requires = "to")]
    pub(crate) attempts: u32,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ReplayTarget {
    /// Send each record to this URL, freshly signed
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// Apply each record to this ledger
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) ledger: Option<PathBuf>,
}

fn path(text: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    if !text.starts_with('/') || text.contains("//") || !text.bytes().all(fine) {
        return Err("expected a path such as /sinch: letters, digits, '/', '-', '_', '.', '~'".to_owned());
    }
    match text {
        "/healthz" | "/readyz" | "/metrics" => Err("that path is taken".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn receiver_name(text: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || text.len() > 100 || !text.bytes().all(fine) {
        return Err("expected at most 100 letters, digits, '-', '_' and '.'".to_owned());
    }
    Ok(text.to_owned())
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&time) => Ok(time),
        _ => Err("expected a duration from 1ms to 1d".to_owned()),
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() && path.split('.').all(|name| !name.is_empty()) => {
            Ok((path.to_owned(), value.to_owned()))
        }
        _ => Err("expected PATH=VALUE, such as message_delivery_report.status=READ".to_owned()),
    }
}

fn nonce(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
        return Err("a nonce is visible ASCII without a full stop".to_owned());
    }
    Ok(text.to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("expected a name in letters, digits and '_'".to_owned());
    }
    Ok(text.to_ascii_uppercase())
}

fn trigger(text: &str) -> Result<Trigger, String> {
    let known = Trigger::KNOWN.iter().filter(|name| **name != Trigger::Unspecified.as_str());
    let wanted = text.replace('-', "_");
    match known.clone().find(|name| name.eq_ignore_ascii_case(&wanted)) {
        Some(name) => Ok(Trigger::from(*name)),
        None => {
            Err(format!("there is no kind {text:?}; the kinds are {}", known.copied().collect::<Vec<_>>().join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_may_be_written_in_any_case() {
        for text in ["MESSAGE_DELIVERY", "message_delivery", "Message-Delivery"] {
            assert_eq!(trigger(text), Ok(Trigger::MessageDelivery), "{text}");
        }
        for text in ["", "MESSAGE", "UNSPECIFIED_TRIGGER", "message_delivery_report"] {
            assert!(trigger(text).unwrap_err().contains("BATCH_STATUS_UPDATE"), "{text}");
        }
    }

    #[test]
    fn path_is_a_plain_one_that_is_free() {
        for good in ["/", "/sinch", "/hooks/v1/sinch-batch", "/sinch/"] {
            assert_eq!(path(good).as_deref(), Ok(good));
        }
        for bad in ["", "sinch", "/healthz", "/readyz", "/metrics", "/a b", "//", "/a//b", "/{x}", "/a?b", "/*"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }
}
