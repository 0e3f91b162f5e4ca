//! The request and the recipients, from files.

use std::io::{BufWriter, IsTerminal, Write, stderr, stdin};
use std::path::{Path, PathBuf};

use sinch_batch::campaign::CampaignRequest;
use sinch_batch::models::batch::ProcessingStrategy;
use sinch_batch::models::{AppId, Template, Ttl};
use sinch_batch::recipients::{
    CheckOptions, Checked, Finding, FindingKind, Prices, RecipientFile, RecipientSource, SourceError,
};

use crate::args::{JudgeArgs, MessageArgs, RequestArgs};
use crate::fail::Failure;
use crate::findings::Collected;
use crate::output::{count, grouped};
use crate::outputs::{Existing, NewFile, Wanted};
use crate::{bytes, exit, message, output, say};

/// What each request of a campaign says. Nothing is sent that the service would refuse for its form.
pub(crate) fn request(message: &MessageArgs, request: &RequestArgs, app: &AppId) -> Result<CampaignRequest, Failure> {
    let mut campaign = match &request.request {
        Some(path) => request_file(path, app, message.allow_unknown_kind)?,
        None => CampaignRequest::new(app.clone(), message::read(message)?),
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
fn request_file(path: &Path, app: &AppId, allow_unknown_kind: bool) -> Result<CampaignRequest, Failure> {
    let shown = path.display();
    let hint = "name a JSON file with the wire's request object, without recipients";
    let text = bytes::read_text("request", path, hint)?;
    let request = CampaignRequest::from_json(text.as_bytes(), Some(app)).map_err(|error| {
        Failure::because(exit::BAD_INPUT, &shown, &error)
            .hint("the file holds one request object, such as {\"message\": {…}, \"ttl\": \"3600s\"}; nothing was sent")
    })?;
    for field in request.unknown_fields() {
        say!("note: {shown}, {field}: a field that this release does not know; it is sent as it is");
    }
    message::judge(request.message(), &format!("{shown}, /message"), allow_unknown_kind)?;
    Ok(request)
}

/// How many mistakes a file has, as a sentence.
pub(crate) fn mistakes(checked: &Checked, file: &Path) -> String {
    format!("{} has {}", bytes::shown(file), count(checked.findings, "mistake", "mistakes"))
}

/// Whether some rows could go without the invalid ones.
pub(crate) fn has_valid_rows(checked: &Checked) -> bool {
    !checked.is_fatal() && checked.valid_rows() > 0
}

/// Why a file with mistakes is not sent.
pub(crate) fn refuse(
    checked: &Checked,
    found: &Collected,
    file: &Path,
    skip_invalid: bool,
    text: &MessageArgs,
) -> Failure {
    let failure = Failure::new(exit::BAD_INPUT, format!("{}; nothing was sent", mistakes(checked, file)));
    if let Some(hint) = hint_of_file(found, text) {
        failure.hint(hint)
    } else if skip_invalid {
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

/// What to type about a mistake of the whole file, which no skipping of rows forgives.
pub(crate) fn hint_of_file(found: &Collected, message: &MessageArgs) -> Option<String> {
    let text = message.text.as_deref();
    if found.has(FindingKind::UnclosedQuote) {
        return Some(
            "close the quote at the place named, or remove it; the rest of the file was not looked at".to_owned(),
        );
    }
    if found.has(FindingKind::UnclosedPlaceholder) {
        return Some("close the placeholder with `}`, such as ${name}".to_owned());
    }
    if found.has(FindingKind::NoRecipientColumn) {
        let hint = "the first line must name the column of the recipients: SMS or another channel, contact_id, or \
                    channel and identity; for a column of another name: --identity COLUMN --channel SMS";
        return Some(hint.to_owned());
    }
    if found.has(FindingKind::UnknownColumn) && found.has(FindingKind::ForeignPlaceholder) {
        return Some("write placeholders as ${name}, in single quotes: --text 'Hello ${name}'".to_owned());
    }
    if found.has(FindingKind::UnknownColumn) && text.is_some_and(|text| !text.contains("${")) {
        return Some(
            "the text has no placeholder: in \"…\" the shell replaces ${name}, so use '…': --text 'Hello ${name}'"
                .to_owned(),
        );
    }
    if found.has(FindingKind::MissingColumn) {
        return Some(
            "a placeholder is written as its column: the same letters, capitals and spaces, such as ${first_name}"
                .to_owned(),
        );
    }
    if found.has(FindingKind::UnknownColumn) || found.has(FindingKind::BlankKey) {
        return Some(
            "leave the columns out: --ignore-columns A,B, or all that have no use: --unused-columns ignore".to_owned(),
        );
    }
    if found.has(FindingKind::NotUtf8) {
        return Some(
            "some of the file is in another encoding: save it again as CSV UTF-8 where it was made".to_owned(),
        );
    }
    None
}

/// The command that shows every finding.
pub(crate) fn see_all(file: &Path, message: &MessageArgs) -> String {
    // A text is not repeated: it may be what nobody else should read.
    let message = match &message.message {
        Some(path) => format!("--message {}", path.display()),
        None => "--text …".to_owned(),
    };
    format!("sinch-batch check {} {message} --all", file.display())
}

/// What a check is for, by its flags.
pub(crate) fn judge(args: &JudgeArgs) -> Result<CheckOptions, Failure> {
    let prices = args.prices.as_deref().map(prices).transpose()?;
    Ok(CheckOptions::new().with_strict(args.strict).with_max_parts(args.max_parts).with_prices(prices))
}

/// A file of prices.
pub(crate) fn prices(path: &Path) -> Result<Prices, Failure> {
    let hint = "a price file is CSV: prefix,currency,price";
    let text = bytes::read_text("price file", path, hint)?;
    Prices::read(text.as_bytes()).map_err(|error| Failure::because(exit::BAD_INPUT, path.display(), &error).hint(hint))
}

/// Refuses to read two things from standard input.
pub(crate) fn one_stdin(paths: &[Option<&Path>]) -> Result<(), Failure> {
    let count = paths.iter().flatten().filter(|path| bytes::is_stdin(path)).count();
    if count < 2 {
        return Ok(());
    }
    Err(Failure::new(exit::USAGE, "standard input can be read only once").hint("name a file for all but one of them"))
}

/// Opens a file of recipients, or standard input.
pub(crate) fn open(file: &Path) -> Result<RecipientFile, Failure> {
    let named = if bytes::is_stdin(file) { Path::new("/dev/stdin") } else { file };
    let opened = open_named(named, file)?;
    if opened.is_copy() {
        say!("{} can be read only once: it was copied to a private temporary file", bytes::shown(file));
    }
    Ok(opened)
}

fn open_named(named: &Path, file: &Path) -> Result<RecipientFile, Failure> {
    if file.is_dir() {
        return Err(Failure::new(exit::BAD_INPUT, format!("{} is a folder", file.display()))
            .hint("name a CSV or JSON lines file of recipients"));
    }
    RecipientFile::open(named).map_err(|error| unreadable(file, &error))
}

/// A file that cannot be read; nothing was sent.
pub(crate) fn unreadable(file: &Path, error: &SourceError) -> Failure {
    if let SourceError::NotText(kind) = error {
        return bytes::not_text(file, *kind);
    }
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

/// Checks the whole file; each finding goes to `each` as it is found.
pub(crate) async fn check(
    mut source: RecipientFile,
    file: &Path,
    template: &Template,
    options: &CheckOptions,
    mut each: impl FnMut(Finding) + Send + 'static,
) -> Result<(Checked, RecipientFile), Failure> {
    let (file, template, options) = (file.to_owned(), template.clone(), options.clone());
    blocking(move || {
        let checked = source.check(&template, &options, &mut each).map_err(|error| unreadable(&file, &error))?;
        Ok((checked, source))
    })
    .await
}

/// Where skipped rows go if no file is named: beside the input, with its format.
pub(crate) fn skipped_path(file: &Path) -> PathBuf {
    if !file.is_file() {
        return PathBuf::from("recipients.skipped.csv");
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or_else(|| "csv".into(), |extension| extension.to_string_lossy());
    file.with_file_name(format!("{stem}.skipped.{extension}"))
}

/// Writes the skipped rows, by `write`, to a file that can be fixed and sent; it gets its name later.
///
/// A file of that name with other content stays: a name that was typed is refused then, another one is numbered.
pub(crate) fn write_skipped(
    path: &Path,
    is_typed: bool,
    write: impl FnOnce(&mut dyn Write) -> Result<(), SourceError>,
) -> Result<NewFile, Failure> {
    let refuse = Existing::Refuse("name a new file: --skipped-file FILE; nothing was sent");
    let mut out = BufWriter::new(NewFile::begin(&Wanted {
        path,
        flag: "--skipped-file",
        what: "the file of skipped rows",
        is_personal: true,
        existing: if is_typed { refuse } else { Existing::Number },
    })?);
    match write(&mut out) {
        Ok(()) => {}
        Err(SourceError::Skipped { source, .. }) => return Err(out.get_ref().failed(&source)),
        Err(error) => return Err(unreadable(path, &error)),
    }
    let failed = |error: std::io::IntoInnerError<BufWriter<NewFile>>| {
        let (error, out) = error.into_parts();
        out.get_ref().failed(&error)
    };
    out.into_inner().map_err(failed)
}

/// Asks on a terminal, and waits for the answer; elsewhere nobody could answer, and nothing is asked.
pub(crate) async fn confirmed(question: &str) -> Result<bool, Failure> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(true);
    }
    output::talk(question);
    let answer = blocking(|| {
        let mut line = String::new();
        let read = stdin().read_line(&mut line);
        read.map_err(|error| {
            Failure::because(exit::USAGE, "the answer cannot be read", &error).hint("--yes asks nothing")
        })?;
        Ok(line)
    })
    .await?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y\n", "Y", " yes\r\n"].iter().all(|answer| is_yes(answer)));
        assert!(["", "\n", "n", "yep", "send"].iter().all(|answer| !is_yes(answer)));
    }
}
