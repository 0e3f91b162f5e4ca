//! The message and the recipients, from files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sinch_batch::models::wire::{ParseError, parse};
use sinch_batch::models::{Message, Template};
use sinch_batch::recipients::{
    Finding, Fingerprint, Format, Preflight, Rows, SkippedWriter, Source, SourceError, preflight,
};

use crate::args::MessageArgs;
use crate::fail::Failure;
use crate::{exit, ledgers, say, signals};

/// A message and where it came from.
#[derive(Debug)]
pub(crate) struct MessageInput {
    pub(crate) message: Message,
    /// The file it was read from; none if it was typed.
    pub(crate) path: Option<PathBuf>,
    pub(crate) fingerprint: String,
}

/// The message of the command line.
pub(crate) fn message(args: &MessageArgs) -> Result<MessageInput, Failure> {
    if let Some(path) = &args.message {
        return message_file(path);
    }
    let text = args.text.as_deref().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Failure::new(exit::BAD_INPUT, "the text of the message is blank; nothing was sent")
            .hint("give the words: --text 'Hello ${name}'"));
    }
    let message = Message::text(text);
    let fingerprint = fingerprint(&message)?;
    Ok(MessageInput { message, path: None, fingerprint })
}

/// The message of a file.
pub(crate) fn message_file(path: &Path) -> Result<MessageInput, Failure> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("the message {shown} cannot be read"), &error)
            .hint("name a JSON file with the wire's `message` object, or give the words: --text 'Hello ${name}'")
    })?;
    let message = parse::<Message>(&text).map_err(|error| bad_message(path, &error))?;
    if message.extra.get("recipient_and_params").is_some() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown} holds a whole request, not its message"))
            .hint("put the request's `message` object into a file of its own; its recipients are the other file"));
    }
    for field in message.unknown_fields() {
        say!("note: {shown}, {field}: a field that this release does not know; it goes out as it is");
    }
    let broken: Vec<_> = message.broken_rules().iter().map(ToString::to_string).collect();
    if !broken.is_empty() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown}, {}", broken.join("; ")))
            .hint("the service refuses such a message: mend the places named"));
    }
    let fingerprint = fingerprint(&message)?;
    Ok(MessageInput { message, path: Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())), fingerprint })
}

fn bad_message(path: &Path, error: &ParseError) -> Failure {
    let at = if error.path().is_empty() { String::new() } else { format!(", {}", error.path()) };
    Failure::new(
        exit::BAD_INPUT,
        format!("{}, line {}, column {}{at}: {}", path.display(), error.line(), error.column(), error.message()),
    )
    .hint("the file holds one message object, such as {\"text_message\": {\"text\": \"Hello ${name}\"}}")
}

/// Of what the message says, not of how its file is laid out.
fn fingerprint(message: &Message) -> Result<String, Failure> {
    let text = serde_json::to_vec(message)
        .map_err(|error| Failure::because(exit::UNEXPECTED, "the message cannot be written", &error))?;
    Ok(Fingerprint::of(&text).to_string())
}

/// Keeps a typed message beside the ledger, so that a resume sends the same words.
pub(crate) fn keep_text(ledger: &Path, key: &str, message: &MessageInput) -> Result<PathBuf, Failure> {
    let path = ledgers::beside(ledger, &format!("{key}.message.json"));
    let failed = |error: &dyn std::error::Error| {
        Failure::because(exit::LEDGER, format!("the message cannot be kept in {}", path.display()), error)
            .hint("check that the folder of the ledger can be written")
    };
    let text = serde_json::to_vec(&message.message).map_err(|error| failed(&error))?;
    File::create(&path)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .map_err(|error| failed(&error))?;
    std::path::absolute(&path).map_err(|error| failed(&error))
}

/// A file that was looked through.
#[derive(Clone, Debug)]
pub(crate) struct Checked(pub(crate) Preflight);

impl Checked {
    pub(crate) fn may_be_sent(&self, skip_bad: bool) -> bool {
        self.0.is_ok() || (skip_bad && self.has_good_rows())
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.0.bad_rows
    }

    /// Whether some rows could go without the bad ones.
    pub(crate) fn has_good_rows(&self) -> bool {
        !self.0.is_fatal() && self.0.good_rows() > 0
    }

    /// How many mistakes the file has, as a sentence.
    pub(crate) fn mistakes(&self, file: &Path) -> String {
        match self.0.findings {
            1 => format!("{} has 1 mistake", file.display()),
            n => format!("{} has {n} mistakes", file.display()),
        }
    }

    pub(crate) fn refuse(&self, file: &Path, skip_bad: bool) -> Failure {
        let failure = Failure::new(exit::BAD_INPUT, format!("{}; nothing was sent", self.mistakes(file)));
        if skip_bad {
            failure.hint("mend the file: there is no good row that could be sent without the bad ones")
        } else if !self.has_good_rows() {
            failure.hint("mend the file; see every mistake again with: sinch-batch check")
        } else {
            failure.hint(format!(
                "mend them, or send the {} good rows and keep the rest in a file: --skip-bad",
                self.0.good_rows()
            ))
        }
    }
}

/// Looks through the whole file; each mistake goes to `each` as it is found.
pub(crate) async fn check(
    file: &Path,
    template: &Template,
    each: impl FnMut(Finding) + Send + 'static,
) -> Result<Checked, Failure> {
    let source = open(file, template)?;
    let look = tokio::task::spawn_blocking(move || preflight(source, each));
    let looked = tokio::select! {
        looked = look => looked,
        () = signals::stop_asked() => {
            return Err(Failure::new(exit::NOT_FINISHED, "stopped while checking; nothing was sent").hint("start it again"));
        }
    };
    match looked {
        Ok(Ok(preflight)) => Ok(Checked(preflight)),
        Ok(Err(error)) => Err(unreadable(file, &error)),
        Err(error) => Err(Failure::because(exit::UNEXPECTED, "checking failed", &error)),
    }
}

/// Says a mistake to a person, with the file.
pub(crate) fn say_finding(file: &Path) -> impl FnMut(Finding) + Send + 'static {
    let file = file.to_owned();
    move |finding| say!("{}, {finding}", file.display())
}

/// Opens a file of recipients.
pub(crate) fn open(file: &Path, template: &Template) -> Result<Source, Failure> {
    if file.is_dir() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{} is a folder", file.display()))
            .hint("name a CSV or JSON lines file of recipients"));
    }
    Source::open(file, Format::of_path(file), template).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &SourceError) -> Failure {
    Failure::because(exit::BAD_INPUT, file.display(), error)
        .hint("name a CSV or JSON lines file of recipients that can be read")
}

/// The rows to send of a file that was looked through.
pub(crate) fn good_rows(file: &Path, template: &Template, checked: &Checked) -> Result<Rows<'static>, Failure> {
    Ok(Rows::new(open(file, template)?, checked.0.skip.clone()))
}

/// Where skipped rows go if no file is named: beside the input, with its format.
pub(crate) fn skipped_path(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or_else(|| "csv".into(), |extension| extension.to_string_lossy());
    file.with_file_name(format!("{stem}.skipped.{extension}"))
}

/// Writes the bad rows with their reasons to a file that can be mended and sent.
pub(crate) async fn write_skipped(
    file: &Path,
    template: &Template,
    checked: &Checked,
    path: &Path,
) -> Result<(), Failure> {
    let source = open(file, template)?;
    let skip = checked.0.skip.clone();
    let shown = path.to_owned();
    let target = path.to_owned();
    let write = tokio::task::spawn_blocking(move || {
        let failed = |source| SourceError::Skipped { line: 1, source };
        let out = BufWriter::new(File::create(&target).map_err(failed)?);
        let mut writer = SkippedWriter::new(out, &source).map_err(failed)?;
        Rows::new(source, skip).on_skipped(|row| writer.write(row)).drain_skipped()?;
        let out = writer.finish().map_err(failed)?;
        out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)
    });
    let failed = |error: &dyn std::error::Error| {
        Failure::because(exit::BAD_INPUT, format!("the skipped rows cannot be written to {}", shown.display()), error)
            .hint("name a file that can be written: --skipped FILE; nothing was sent")
    };
    match write.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}
