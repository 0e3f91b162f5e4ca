//! `contacts` and `consents`: files of contacts and opt-outs, checked as a whole, then sent in calls.

use std::io::Read;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use serde::Serialize;
use sinch_batch::client::{Client, Disposition, Error, Reached, Response};
use sinch_batch::models::wire::Bounded;
use sinch_batch::models::{
    AppId, ConsentRecord, ContactId, CreateContactsRequest, DeleteContactsRequest, InsertConsentsRequest, NewContact,
};
use sinch_batch::recipients::{
    Finding, FindingKind, Format, List, ListCheck, NotText, RecipientFile, SourceError, check_list,
};
use tokio::sync::mpsc;

use crate::args::{ConsentsCommand, ContactsCommand, ListArgs, ServiceArgs};
use crate::fail::{Failure, call_sentence, output};
use crate::findings::Collected;
use crate::output::{count, grouped, out, write_json_line};
use crate::service::{Service, app_id};
use crate::{bytes, exit, input, say, signals};

pub(crate) async fn contacts(command: ContactsCommand) -> Result<u8, Failure> {
    match command {
        ContactsCommand::Create(args) => run::<NewContact>(args).await,
        ContactsCommand::Delete(args) => run::<ContactId>(args).await,
    }
}

pub(crate) async fn consents(command: ConsentsCommand) -> Result<u8, Failure> {
    let ConsentsCommand::Insert(args) = command;
    run::<ConsentRecord>(args).await
}

/// What one call carries.
type Entries<T> = Bounded<T, 1, 1000>;

/// What is listed, and what is done with it.
trait Job: Sized + Send + 'static {
    /// What was typed.
    const COMMAND: &'static str;
    /// Whether doing it again does no harm.
    const CAN_REPEAT: bool;
    /// The app it is done for, if that matters.
    type App;

    fn open(file: impl Read + Send + 'static, format: Format) -> Result<List<Self>, SourceError>;

    /// The app: the one that a request body names, else that of the command line.
    fn app(service: &ServiceArgs, named: Option<AppId>) -> Result<Self::App, Failure>;

    async fn call(client: &Client, app: &Self::App, entries: Entries<Self>) -> Result<Done, Error>;
}

impl Job for NewContact {
    const COMMAND: &'static str = "contacts create";
    const CAN_REPEAT: bool = false;
    type App = ();

    fn open(file: impl Read + Send + 'static, format: Format) -> Result<List<Self>, SourceError> {
        List::contacts(file, format)
    }

    fn app(_: &ServiceArgs, _: Option<AppId>) -> Result<(), Failure> {
        Ok(())
    }

    async fn call(client: &Client, (): &(), entries: Entries<Self>) -> Result<Done, Error> {
        client.create_contacts(&CreateContactsRequest::new(entries)).await.map(|answer| Done::of(&answer, None))
    }
}

impl Job for ContactId {
    const COMMAND: &'static str = "contacts delete";
    const CAN_REPEAT: bool = true;
    type App = ();

    fn open(file: impl Read + Send + 'static, format: Format) -> Result<List<Self>, SourceError> {
        List::contact_ids(file, format)
    }

    fn app(_: &ServiceArgs, _: Option<AppId>) -> Result<(), Failure> {
        Ok(())
    }

    async fn call(client: &Client, (): &(), entries: Entries<Self>) -> Result<Done, Error> {
        client.delete_contacts(&DeleteContactsRequest::new(entries)).await.map(|answer| Done::of(&answer, None))
    }
}

impl Job for ConsentRecord {
    const COMMAND: &'static str = "consents insert";
    const CAN_REPEAT: bool = true;
    type App = AppId;

    fn open(file: impl Read + Send + 'static, format: Format) -> Result<List<Self>, SourceError> {
        List::consents(file, format)
    }

    fn app(service: &ServiceArgs, named: Option<AppId>) -> Result<AppId, Failure> {
        named.map_or_else(|| app_id(service), Ok)
    }

    async fn call(client: &Client, app: &AppId, entries: Entries<Self>) -> Result<Done, Error> {
        let request = InsertConsentsRequest::new(app.clone(), entries.into_vec());
        let answer = client.insert_consents(&request).await?;
        Ok(Done::of(&answer, answer.batch_id.as_ref().map(ToString::to_string)))
    }
}

/// What a call that went through has answered.
struct Done {
    status: u16,
    request_id: Option<String>,
    batch_id: Option<String>,
}

impl Done {
    fn of<T>(answer: &Response<T>, batch_id: Option<String>) -> Self {
        let request_id = answer.request_id.as_deref().map(str::to_owned);
        Self { status: answer.http_status, request_id, batch_id }
    }
}

/// What became of the rows of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The service has taken them; callbacks report what it does with each, if at all.
    Accepted,
    /// The service said no.
    Refused,
    /// The service may have taken them, or some, or none.
    Unknown,
    /// They definitely did not reach the service.
    NotSent,
}

/// One call, as the report shows it.
#[derive(Debug, Serialize)]
struct Call {
    first_line: u64,
    last_line: u64,
    rows: u64,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Report<'a> {
    file: String,
    /// All of the file.
    rows: u64,
    /// Before the line at which to begin.
    passed_over: u64,
    accepted: u64,
    refused: u64,
    unknown: u64,
    not_sent: u64,
    calls: &'a [Call],
}

/// Why no further call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The last row was read.
    End,
    /// Somebody asked for it.
    Asked,
    /// The key or its rights are at fault: every further call would end alike.
    Credentials,
    /// The project is blocked for credit.
    Credit,
    /// The service refused for a reason that the rows have no part in.
    Refused,
    /// The service is not there, or not well.
    Unwell,
}

async fn run<T: Job>(args: ListArgs) -> Result<u8, Failure> {
    let file = args.file.clone();
    let source = Arc::new(input::open(&file)?);
    let checked = check::<T>(&source, &file, args.json.json).await?;
    let app = T::app(&args.service, checked.app_id.clone())?;
    let client = Service::read(&args.service)?.connect().await?;

    let mut asked = pin!(signals::stop_asked());
    let (sender, mut chunks) = mpsc::channel(1);
    let (size, from) = (usize::from(args.batch_size), args.from_line);
    let reading = tokio::task::spawn_blocking(move || read::<T>(&source, (size, from), &sender));
    let mut calls: Vec<Call> = Vec::new();
    let mut stopped = Stop::End;
    while stopped == Stop::End {
        let Some(chunk) = chunks.recv().await else { break };
        let Chunk { first_line, last_line, entries } = chunk;
        let rows = entries.len() as u64;
        let call = Call {
            first_line,
            last_line,
            rows,
            outcome: Outcome::Accepted,
            status: None,
            request_id: None,
            batch_id: None,
            error: None,
        };
        let mut under_way = pin!(T::call(&client, &app, entries));
        let result = tokio::select! {
            result = &mut under_way => Some(result),
            () = &mut asked => {
                stopped = Stop::Asked;
                let mut again = pin!(signals::stop_asked());
                // Listens from here on, and only then says what the next signal does.
                let given_up = tokio::select! {
                    biased;
                    () = &mut again => true,
                    () = std::future::ready(()) => false,
                };
                say!("stopping: the call under way is finished first; once more gives it up");
                tokio::select! {
                    result = &mut under_way => Some(result),
                    () = again, if !given_up => None,
                }
            }
        };
        calls.push(match result {
            None => Call { outcome: Outcome::Unknown, error: Some("the call was given up".to_owned()), ..call },
            Some(Ok(Done { status, request_id, batch_id })) => {
                Call { status: Some(status), request_id, batch_id, ..call }
            }
            Some(Err(error)) => {
                let (outcome, reason) = judge(&error);
                stopped = if reason == Stop::End { stopped } else { reason };
                let request_id = error.request_id().map(str::to_owned);
                Call { outcome, status: error.status(), request_id, error: Some(call_sentence(&error)), ..call }
            }
        });
    }
    // The reader ends when nobody listens any more.
    drop(chunks);
    let end = match reading.await {
        Ok(end) => end.map_err(|error| broken(&file, &error)),
        Err(error) => Err(Failure::because(exit::UNEXPECTED, "reading failed", &error)),
    };
    let sum = |outcome| calls.iter().filter(|call| call.outcome == outcome).map(|call| call.rows).sum::<u64>();
    let left = checked.rows.saturating_sub(calls.iter().map(|call| call.rows).sum::<u64>());
    let before = end.as_ref().map_or(0, |end| end.passed_over);
    let report = Report {
        file: file.display().to_string(),
        rows: checked.rows,
        passed_over: before,
        accepted: sum(Outcome::Accepted),
        refused: sum(Outcome::Refused),
        unknown: sum(Outcome::Unknown),
        not_sent: sum(Outcome::NotSent) + left.saturating_sub(before),
        calls: &calls,
    };
    if stopped == Stop::Asked && report.not_sent + report.unknown == 0 {
        // It came too late to stop anything.
        stopped = Stop::End;
    }
    if args.json.json {
        write_json_line(&report)?;
    } else {
        out(text(&report).as_bytes()).map_err(output)?;
    }
    let end = end?;
    if stopped == Stop::End && end.fingerprint.is_some_and(|now| now != checked.fingerprint) {
        return Err(Failure::new(exit::BAD_INPUT, format!("{} changed while it was read", file.display()))
            .hint("the report shows which lines of the changed file went through; check what they were"));
    }
    finish::<T>(&file, &report, stopped)
}

/// Looks through the whole file before anything is sent.
async fn check<T: Job>(source: &RecipientFile, file: &Path, json: bool) -> Result<ListCheck, Failure> {
    let list = T::open(source.bytes(), source.format()).map_err(|error| unreadable(file, &error))?;
    let summary = Collected::new();
    let mut collect = summary.collector();
    let look = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        let each = |finding: Finding| if json { found.push(finding) } else { collect(finding) };
        check_list(list, each).map(|checked| (checked, found))
    });
    let looked = tokio::select! {
        looked = look => looked,
        () = signals::stop_asked() => {
            return Err(Failure::new(exit::LOOK, "stopped while checking; nothing was sent").hint("start it again"));
        }
    };
    let (checked, found) = match looked {
        Ok(Ok(looked)) => looked,
        Ok(Err(error)) => return Err(unreadable(file, &error)),
        Err(error) => return Err(Failure::because(exit::UNEXPECTED, "checking failed", &error)),
    };
    if checked.is_ok() {
        return Ok(checked);
    }
    if json {
        write_json_line(&serde_json::json!({"findings": found, "rows": checked.rows, "ok": false}))?;
    }
    let see_all = format!("sinch-batch {} {} --json", T::COMMAND, file.display());
    let text = summary.text(file, &see_all);
    if !text.is_empty() {
        say!("{}", text.trim_end());
    }
    let mistakes = count(checked.findings, "mistake", "mistakes");
    let failure = Failure::new(exit::BAD_INPUT, format!("{} has {mistakes}; nothing was sent", file.display()));
    Err(failure.hint(if summary.has(FindingKind::NotUtf8) {
        NotText::Windows1252.hint(file.display())
    } else {
        format!("fix the file and run it again; the columns are in: sinch-batch {} --help", T::COMMAND)
    }))
}

fn unreadable(file: &Path, error: &SourceError) -> Failure {
    if let SourceError::NotText(kind) = error {
        return bytes::not_text(file, *kind);
    }
    Failure::because(exit::BAD_INPUT, file.display(), error)
        .hint("name a CSV or JSON lines file that can be read; nothing was sent")
}

/// The second pass met what the first did not.
fn broken(file: &Path, error: &SourceError) -> Failure {
    Failure::because(exit::BAD_INPUT, file.display(), error)
        .hint("the report shows which lines went through before that")
}

/// The rows of one call.
struct Chunk<T> {
    first_line: u64,
    last_line: u64,
    entries: Entries<T>,
}

/// How the second pass ended.
struct End {
    /// Rows before the line that was asked for.
    passed_over: u64,
    /// That of the file, if it was read to its end.
    fingerprint: Option<sinch_batch::models::Fingerprint>,
}

/// Reads the file again, and hands it over in chunks as they are taken.
fn read<T: Job>(
    source: &RecipientFile,
    (size, from_line): (usize, u64),
    chunks: &mpsc::Sender<Chunk<T>>,
) -> Result<End, SourceError> {
    let mut list = T::open(source.bytes(), source.format())?;
    let mut end = End { passed_over: 0, fingerprint: None };
    let mut entries = Vec::with_capacity(size);
    let (mut first_line, mut last_line) = (0, 0);
    loop {
        let row = list.next_row()?;
        if row.is_none() || entries.len() == size {
            let found = entries.len();
            if found > 0 {
                let full = std::mem::replace(&mut entries, Vec::with_capacity(size));
                let entries = Entries::try_from(full).map_err(|_| SourceError::BatchSize { found })?;
                if chunks.blocking_send(Chunk { first_line, last_line, entries }).is_err() {
                    return Ok(end);
                }
            }
        }
        let Some(row) = row else { break };
        if row.line < from_line {
            end.passed_over += 1;
            continue;
        }
        if entries.is_empty() {
            first_line = row.line;
        }
        last_line = row.line;
        entries.push(row.entry.map_err(|_| SourceError::BadRow { row: row.row, line: row.line })?);
    }
    end.fingerprint = Some(list.finish()?);
    Ok(end)
}

/// What a failed call means for its rows, and for those behind them.
fn judge(error: &Error) -> (Outcome, Stop) {
    let outcome = match error.reached_service() {
        Reached::Unknown => Outcome::Unknown,
        Reached::No if error.status().is_some() && !error.is_transient() => Outcome::Refused,
        Reached::No => Outcome::NotSent,
    };
    let stop = match error.disposition() {
        Disposition::Credentials | Disposition::TokenExpired => Stop::Credentials,
        Disposition::Credit => Stop::Credit,
        // Something about these rows: others may pass.
        Disposition::Request if outcome == Outcome::Refused => Stop::End,
        Disposition::Service if outcome == Outcome::Refused => Stop::Refused,
        _ => Stop::Unwell,
    };
    (outcome, stop)
}

/// The report for a person: calls in a row that ended alike are one line.
fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    let alike = |one: &Call, other: &Call| one.outcome == other.outcome && one.error == other.error;
    for calls in report.calls.chunk_by(alike) {
        let [first, ..] = calls else { continue };
        let last = calls.last().unwrap_or(first);
        let rows: u64 = calls.iter().map(|call| call.rows).sum();
        let said = match first.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Refused => "refused",
            Outcome::Unknown => "unknown whether they went through",
            Outcome::NotSent => "not sent",
        };
        let rows = count(rows, "row", "rows");
        let error = first.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        text.push_str(&format!("{}, {rows}: {said}{error}\n", lines(first.first_line, last.last_line)));
    }
    text.push_str(&count(report.rows, "row", "rows"));
    for (number, what) in [
        (report.passed_over, "skipped"),
        (report.accepted, "accepted"),
        (report.refused, "refused"),
        (report.unknown, "unknown"),
        (report.not_sent, "not sent"),
    ] {
        if number > 0 || what == "accepted" {
            text.push_str(&format!(", {} {what}", grouped(number)));
        }
    }
    text.push('\n');
    text
}

fn lines(first: u64, last: u64) -> String {
    if first == last { format!("line {first}") } else { format!("lines {first} to {last}") }
}

/// What to say at the end, and what to type now.
fn finish<T: Job>(file: &Path, report: &Report<'_>, stopped: Stop) -> Result<u8, Failure> {
    let last = report.calls.last();
    let again = |line: u64| format!("sinch-batch {} {} --from-line {line}", T::COMMAND, file.display());
    // Where the rows begin of which nothing is known to have gone through.
    let open = last.map_or(1, |call| match call.outcome {
        Outcome::Unknown | Outcome::NotSent => call.first_line,
        Outcome::Refused if stopped != Stop::End => call.first_line,
        _ => call.last_line + 1,
    });
    if let Some(call) = last.filter(|call| call.outcome == Outcome::Unknown) {
        let (first, end) = (call.first_line, call.last_line);
        let unknown = lines(first, end);
        let sentence = format!("it is not known whether {unknown} went through; no later row was sent");
        let failure = Failure::new(exit::LOOK, sentence);
        return Err(if T::CAN_REPEAT {
            failure.hint(format!("it is safe to do it again: {}", again(first)))
        } else {
            failure.hint(format!(
                "a contact may be made twice: wait for the CONTACT_CREATE callbacks of {unknown} before you decide; continue after them: {}",
                again(end + 1)
            ))
        });
    }
    if report.calls.is_empty() && report.passed_over > 0 && stopped == Stop::End {
        let sentence =
            format!("no row of {} begins at the line of --from-line or behind it; nothing was sent", report.file);
        return Err(Failure::new(exit::USAGE, sentence).hint("count lines as an editor does, the header as line 1"));
    }
    let counts = format!("{} of {} rows were accepted", report.accepted, report.rows);
    match stopped {
        Stop::End if report.refused > 0 => {
            Err(Failure::new(exit::SERVICE, format!("{counts}, {} refused", report.refused))
                .hint("the report names the lines and the reason; fix them, and send them in a file of their own"))
        }
        Stop::End => Ok(exit::OK),
        Stop::Asked => {
            Err(Failure::new(exit::LOOK, format!("stopped; {counts}")).hint(format!("go on with: {}", again(open))))
        }
        Stop::Credentials => Err(Failure::new(exit::BAD_CREDENTIALS, format!("the key may not do this; {counts}"))
            .hint(format!("check SINCH_KEY_ID, SINCH_KEY_SECRET and SINCH_PROJECT_ID, then: {}", again(open)))),
        Stop::Credit => Err(Failure::new(exit::SERVICE, format!("the project is blocked for credit; {counts}"))
            .hint(format!("settle the balance in the Sinch dashboard, then: {}", again(open)))),
        Stop::Refused => Err(Failure::new(exit::SERVICE, format!("the service refused; {counts}"))
            .hint(format!("check SINCH_REGION, SINCH_PROJECT_ID and SINCH_APP_ID, then: {}", again(open)))),
        Stop::Unwell => Err(Failure::new(exit::SERVICE, format!("the service accepts nothing now; {counts}"))
            .hint(format!("try again later: {}", again(open)))),
    }
}
