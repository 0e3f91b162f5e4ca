//! The message and the recipients, from files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::batch::ProcessingStrategy;
use sinch_batch::models::wire::{ParseError, parse};
use sinch_batch::models::{AppId, Message, Template, Ttl};
use sinch_batch::recipients::{CheckOptions, Checked, Finding, RecipientFile, RecipientSource, SourceError};
use tempfile::NamedTempFile;

use crate::args::{MessageArgs, RequestArgs};
use crate::fail::Failure;
use crate::output::{count, grouped};
use crate::{exit, say};

/// The message of the command line.
pub(crate) fn message(args: &MessageArgs) -> Result<Message, Failure> {
    if let Some(path) = &args.message {
        return message_file(path);
    }
    let text = args.text.as_deref().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Failure::new(exit::BAD_INPUT, "the text of the message is blank; nothing was sent")
            .hint("give the words: --text 'Hello ${name}'"));
    }
    Ok(Message::text(text))
}

/// The message of a file.
fn message_file(path: &Path) -> Result<Message, Failure> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("the message {shown} cannot be read"), &error)
            .hint("name a JSON file with the wire's `message` object, or give the words: --text 'Hello ${name}'")
    })?;
    let message = parse::<Message>(&text).map_err(|error| bad_message(path, &error))?;
    if message.unknown_fields.get("recipient_and_params").is_some() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown} holds a whole request, not its message"))
            .hint("put the request's `message` object into a file of its own; its recipients are the other file"));
    }
    for field in message.unknown_fields() {
        say!("note: {shown}, {field}: a field that this release does not know; it goes out as it is");
    }
    let broken: Vec<_> = message.violations().iter().map(ToString::to_string).collect();
    if !broken.is_empty() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{shown}, {}", broken.join("; ")))
            .hint("the service refuses such a message: fix the places named"));
    }
    Ok(message)
}

fn bad_message(path: &Path, error: &ParseError) -> Failure {
    let at = if error.path().is_empty() { String::new() } else { format!(", {}", error.path()) };
    Failure::new(
        exit::BAD_INPUT,
        format!("{}, line {}, column {}{at}: {}", path.display(), error.line(), error.column(), error.message()),
    )
    .hint("the file holds one message object, such as {\"text_message\": {\"text\": \"Hello ${name}\"}}")
}

/// What each request of a campaign says. Nothing is sent that the service would refuse for its form.
pub(crate) fn request(message: &MessageArgs, request: &RequestArgs, app: &AppId) -> Result<CampaignRequest, Failure> {
    let mut campaign = match &request.request {
        Some(path) => request_file(path, app)?,
        None => CampaignRequest::new(app.clone(), self::message(message)?),
    };
    if let Some(sender) = &request.sender {
        campaign = campaign.with_channel_property("SMS_SENDER", sender.as_str());
    }
    for (name, value) in &request.channel_property {
        campaign = campaign.with_channel_property(name.as_str(), value.as_str());
    }
    for (name, value) in &request.metadata {
        campaign = campaign
            .with_batch_metadata(name.as_str(), value.as_str())
            .with_message_metadata(name.as_str(), value.as_str());
    }
    if let Some(ttl) = request.ttl {
        let hint = "give whole seconds, such as --ttl 2h; nothing was sent";
        if ttl.subsec_nanos() > 0 {
            return Err(Failure::new(exit::USAGE, "--ttl has a fraction of a second").hint(hint));
        }
        let ttl = Ttl::from_seconds(ttl.as_secs())
            .map_err(|error| Failure::because(exit::USAGE, "--ttl cannot be used", &error).hint(hint))?;
        campaign = campaign.with_ttl(ttl);
    }
    if let Some(strategy) = &request.strategy {
        let strategy = strategy.to_ascii_uppercase().replace('-', "_");
        campaign = campaign.with_processing_strategy(ProcessingStrategy::from(strategy.as_str()));
    }
    if !request.channel_order.is_empty() {
        campaign = campaign.with_channel_priority_order(request.channel_order.clone());
    }
    if let Some(url) = &request.callback_url {
        campaign = campaign.with_callback_url(url.as_str());
    }
    if let Some(id) = &request.correlation_id {
        campaign = campaign.with_correlation_id(id.as_str());
    }
    campaign.validate().map_err(|error| {
        Failure::because(exit::BAD_INPUT, "the request cannot be sent", &error)
            .hint("see what may be set: sinch-batch send --help; nothing was sent")
    })?;
    Ok(campaign)
}

/// The request of a file, without recipients.
fn request_file(path: &Path, app: &AppId) -> Result<CampaignRequest, Failure> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("the request {shown} cannot be read"), &error)
            .hint("name a JSON file with the wire's request object, without recipients")
    })?;
    let request = CampaignRequest::from_json(&text, Some(app)).map_err(|error| {
        Failure::because(exit::BAD_INPUT, &shown, &error)
            .hint("the file holds one request object, such as {\"message\": {…}, \"ttl\": \"3600s\"}; nothing was sent")
    })?;
    for field in request.unknown_fields() {
        say!("note: {shown}, {field}: a field that this release does not know; it goes out as it is");
    }
    Ok(request)
}

/// How many mistakes a file has, as a sentence.
pub(crate) fn mistakes(checked: &Checked, file: &Path) -> String {
    format!("{} has {}", file.display(), count(checked.findings, "mistake", "mistakes"))
}

/// Whether some rows could go without the invalid ones.
pub(crate) fn has_valid_rows(checked: &Checked) -> bool {
    !checked.is_fatal() && checked.valid_rows() > 0
}

/// Why a file with mistakes is not sent.
pub(crate) fn refuse(checked: &Checked, file: &Path, skip_invalid: bool) -> Failure {
    let failure = Failure::new(exit::BAD_INPUT, format!("{}; nothing was sent", mistakes(checked, file)));
    if skip_invalid {
        failure.hint("fix the file: no valid row is left that could be sent without the invalid ones")
    } else if !has_valid_rows(checked) {
        failure.hint("fix the file; see every mistake again with: sinch-batch check")
    } else {
        failure.hint(format!(
            "fix them, or send the {} valid rows and keep the rest in a file: --skip-invalid",
            grouped(checked.valid_rows())
        ))
    }
}

/// Opens a file of recipients.
pub(crate) fn open(file: &Path) -> Result<RecipientFile, Failure> {
    if file.is_dir() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{} is a folder", file.display()))
            .hint("name a CSV or JSON lines file of recipients"));
    }
    RecipientFile::open(file).map_err(|error| unreadable(file, &error))
}

/// A file that cannot be read; nothing was sent.
pub(crate) fn unreadable(file: &Path, error: &SourceError) -> Failure {
    Failure::because(exit::BAD_INPUT, file.display(), error)
        .hint("name a CSV or JSON lines file of recipients that can be read")
}

/// Does something that takes a while with files, on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Failure::because(exit::UNEXPECTED, "reading failed", &error)),
    }
}

/// Checks the whole file; each mistake goes to `each` as it is found.
pub(crate) async fn check(
    file: &Path,
    template: &Template,
    mut each: impl FnMut(Finding) + Send + 'static,
) -> Result<Checked, Failure> {
    let (file, template) = (file.to_owned(), template.clone());
    blocking(move || {
        open(&file)?.check(&template, &CheckOptions::new(), &mut each).map_err(|error| unreadable(&file, &error))
    })
    .await
}

/// Says a mistake to a person, with the file.
pub(crate) fn say_finding(file: &Path) -> impl FnMut(Finding) + Send + 'static {
    let file = file.to_owned();
    move |finding| say!("{}, {finding}", file.display())
}

/// Where skipped rows go if no file is named: beside the input, with its format.
pub(crate) fn skipped_path(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or_else(|| "csv".into(), |extension| extension.to_string_lossy());
    file.with_file_name(format!("{stem}.skipped.{extension}"))
}

/// The skipped rows, in a file that can be fixed and sent.
pub(crate) struct Skipped {
    path: PathBuf,
    /// Takes the place of what is there now; none if that is no plain file.
    file: Option<NamedTempFile>,
}

impl Skipped {
    /// Writes them, by `write`, beside the file that they are for.
    pub(crate) fn write(
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> Result<(), SourceError>,
    ) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| cannot_write(path, error).hint(NAME_ANOTHER);
        if path.exists() && !path.is_file() {
            let mut out = BufWriter::new(File::create(path).map_err(|error| failed(&error))?);
            write(&mut out).map_err(|error| failed(&error))?;
            out.flush().map_err(|error| failed(&error))?;
            return Ok(Self { path: path.to_owned(), file: None });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut out = BufWriter::new(NamedTempFile::new_in(folder).map_err(|error| failed(&error))?);
        write(&mut out).map_err(|error| failed(&error))?;
        let file = out.into_inner().map_err(|error| failed(error.error()))?;
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    /// Gives the file its name; what had that name is gone.
    pub(crate) fn keep(self) -> Result<(), Failure> {
        let Some(file) = self.file else { return Ok(()) };
        file.persist(&self.path).map(drop).map_err(|error| cannot_write(&self.path, &error.error).hint(NAME_ANOTHER))
    }
}

const NAME_ANOTHER: &str = "name a file that can be written: --skipped-file FILE; nothing was sent";

fn cannot_write(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::because(exit::BAD_INPUT, format!("the skipped rows cannot be written to {}", path.display()), error)
}
