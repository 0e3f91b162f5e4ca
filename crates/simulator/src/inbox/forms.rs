//! Forms of the pages: orders of the control side by a click.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use http::StatusCode;
use sinch_batch_pages::inbox::problem;

use crate::callbacks::{receipts_target, status};
use crate::faults::Fault;
use crate::inbox::people::{InboxError, OptOut, Reply};
use crate::inbox::show::find;
use crate::outbox::{Post, Stage, What};
use crate::outcome::MessageOutcome;
use crate::queue;
use crate::server::pairs;
use crate::shared::Shared;
use crate::stats::MessageStatus;

/// The answer to a form: where to go, or a page that says what is wrong.
pub(crate) type Done = Result<String, (StatusCode, String)>;

/// Why a form was not carried out.
#[derive(Debug)]
struct Wrong(StatusCode, String);

impl Wrong {
    fn new(why: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, why.into())
    }
}

impl From<InboxError> for Wrong {
    fn from(error: InboxError) -> Self {
        Self(StatusCode::CONFLICT, error.to_string())
    }
}

/// Whether a body is a form: the paths that forms go to take JSON, too.
pub(crate) fn is_form(body: &[u8]) -> bool {
    body.first().is_some_and(|first| !first.is_ascii_whitespace() && *first != b'{')
}

/// Carries out a form. Nothing if there is none for the path.
pub(crate) fn form(shared: &Shared, path: &str, body: &[u8]) -> Option<Done> {
    let form = Form(pairs(&String::from_utf8_lossy(body)).into_iter().collect());
    let done = match path {
        "/inbox/outcome" => outcome(shared, &form),
        "/inbox/receipt" => receipt(shared, &form),
        "/inbox/reply" => reply(shared, &form),
        "/inbox/opt-out" => opt_out(shared, &form),
        "/inbox/faults" => fault(shared, &form),
        "/inbox/clock" => clock(shared, &form),
        "/inbox/callbacks" => callbacks(shared, &form),
        _ => return None,
    };
    Some(match done {
        Ok(()) => Ok(form.back()),
        Err(Wrong(status, why)) => Err((status, problem("Not done", &why, "go back and correct the form"))),
    })
}

struct Form(HashMap<String, String>);

impl Form {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    fn required(&self, name: &str) -> Result<&str, Wrong> {
        match self.get(name) {
            "" => Err(Wrong::new(format!("{name} is missing"))),
            value => Ok(value),
        }
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Wrong> {
        match self.get(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Wrong::new(format!("{name} is not a number that can be used"))),
        }
    }

    /// The page that the form was on; never another host's.
    fn back(&self) -> String {
        let back = self.get("back");
        let is_ours = back == "/inbox" || back.starts_with("/inbox/") || back.starts_with("/inbox?");
        let is_plain = back.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if is_ours && is_plain { back.to_owned() } else { "/inbox".to_owned() }
    }
}

fn outcome(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    let identity = form.required("identity")?;
    let outcome: MessageOutcome = match (form.required("outcome")?, form.get("code")) {
        ("failed", "") => "failed:CHANNEL_FAILURE".parse(),
        ("failed", code) => format!("failed:{code}").parse(),
        (word, _) => word.parse(),
    }
    .map_err(|error: crate::MessageOutcomeError| Wrong::new(error.to_string()))?;
    shared.outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(identity.to_owned(), outcome.into());
    Ok(())
}

/// One more receipt: another status, the last one again, or one that comes late.
fn receipt(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    let (batch, place) = find(shared, form.required("at")?).ok_or_else(|| Wrong::new("there is no such message"))?;
    if receipts_target(shared, &batch).is_none() {
        return Err(InboxError.into());
    }
    let index = place.index;
    let failed = |code: &str| Stage::Failed(if code.is_empty() { "CHANNEL_FAILURE" } else { code }.into());
    let (stage, at, moves) = match form.required("status")? {
        "delivered" => (Stage::Delivered, shared.clock.now(), true),
        "read" => (Stage::Read, shared.clock.now(), true),
        "failed" => (failed(form.get("code")), shared.clock.now(), true),
        "late" => (Stage::Queued, batch.accepted, false),
        "again" => {
            let last = match batch.status(index) {
                MessageStatus::Pending => {
                    return Err(Wrong(StatusCode::CONFLICT, "no receipt was sent for this message yet".to_owned()));
                }
                MessageStatus::Queued => Stage::Queued,
                MessageStatus::Delivered => Stage::Delivered,
                MessageStatus::Read => Stage::Read,
                MessageStatus::Failed => match shared.coming_outcome(batch.identity(index).1) {
                    MessageOutcome::Failed { code } => failed(&code),
                    _ => failed(form.get("code")),
                },
            };
            (last, shared.clock.now(), false)
        }
        other => {
            return Err(Wrong::new(format!(
                "{other} is not a receipt: expected delivered, read, failed, again or late"
            )));
        }
    };
    if moves {
        batch.set_status(index, status(&stage));
    }
    shared.outbox.post(Post::new(What::Receipt(batch, index, stage), at));
    Ok(())
}

fn reply(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    let (batch, place) = find(shared, form.required("at")?).ok_or_else(|| Wrong::new("there is no such message"))?;
    let reply = match (form.get("text"), form.get("choice"), form.get("title")) {
        ("", "", "") => return Err(Wrong::new("text or choice is missing")),
        ("", "", title) => Reply::Choice { title: title.to_owned(), postback: None },
        ("", postback, title) => Reply::Choice { title: title.to_owned(), postback: Some(postback.to_owned()) },
        (text, ..) => Reply::Text(text.to_owned()),
    };
    reply.post(shared, &batch, place.index)?;
    Ok(())
}

fn opt_out(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    let channel = match form.get("channel") {
        "" => "SMS",
        channel => channel,
    };
    OptOut::new(form.required("identity")?, channel).post(shared)?;
    Ok(())
}

fn fault(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    if !form.get("clear").is_empty() {
        shared.faults.clear();
        return Ok(());
    }
    let unknown = |what: &str, name: &str| Wrong::new(format!("{name} is not {what}"));
    let (operation, kind) = (form.required("operation")?, form.required("fault")?);
    let operation = crate::SimulatedOperation::ALL.iter().copied().find(|it| it.name() == operation);
    let kind = crate::FaultKind::ALL.iter().copied().find(|it| it.name() == kind);
    let mut fault = Fault::new(
        operation.ok_or_else(|| unknown("an operation", form.get("operation")))?,
        kind.ok_or_else(|| unknown("a fault", form.get("fault")))?,
    );
    fault = fault.with_after(form.number("after")?.unwrap_or(0)).with_times(form.number("times")?.unwrap_or(1));
    if let Some(seconds) = form.number::<f64>("seconds")? {
        let time = Duration::try_from_secs_f64(seconds).map_err(|_| Wrong::new("seconds cannot be that"))?;
        fault = fault.with_seconds(time);
    }
    let retry_after = form.get("retry_after");
    if !retry_after.is_empty() {
        fault = fault.with_retry_after(retry_after);
    }
    fault.check().map_err(|error| Wrong::new(error.to_string()))?;
    shared.faults.plan(fault);
    Ok(())
}

fn clock(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    let seconds = form.number("advance_seconds")?.ok_or_else(|| Wrong::new("advance_seconds is missing"))?;
    queue::advance(shared, Duration::from_secs(seconds));
    Ok(())
}

fn callbacks(shared: &Shared, form: &Form) -> Result<(), Wrong> {
    match form.required("what")? {
        "hold" => shared.outbox.hold(),
        "release" => shared.outbox.release(),
        other => return Err(Wrong::new(format!("{other} is neither hold nor release"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_leads_back_to_our_pages_only() {
        let back = |back: &str| Form([("back".to_owned(), back.to_owned())].into()).back();
        for ours in ["/inbox", "/inbox?q=a", "/inbox/person?identity=%2B1"] {
            assert_eq!(back(ours), ours);
        }
        for other in ["", "https://evil.example", "//evil.example", "/inboxes", "/inbox/\\evil", "/inbox?\r\nx: y"] {
            assert_eq!(back(other), "/inbox", "{other}");
        }
    }

    #[test]
    fn json_is_not_a_form() {
        assert!(is_form(b"identity=%2B1") && !is_form(b"{\"identity\":1}") && !is_form(b"\n {}") && !is_form(b""));
    }
}
