//! `trigger`: a signed callback of any kind to a URL, or one with a fault.

use std::io::Read;
use std::path::Path;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use sinch_batch::models::Timestamp;
use sinch_batch::models::callback::Trigger;
use sinch_batch::webhook::{Signature, Verifier, WebhookSecret};

use crate::args::{Fault, TriggerArgs};
use crate::exit;
use crate::fail::{Failure, output, sentence};
use crate::output::{data_out, out, write_json_line};
use crate::post::{Answer, Poster};
use crate::receiver::{all_secrets, verifier};
use crate::samples::{Samples, fresh_id, kinds};

#[derive(Serialize)]
struct Report {
    url: String,
    fault: Option<&'static str>,
    /// How many were answered as they should be.
    ok: usize,
    /// How many were not.
    failed: usize,
    answers: Vec<Answered>,
}

/// What came of one sample.
#[derive(Serialize)]
struct Answered {
    kind: String,
    /// With a repeated nonce: how the first, genuine one was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u16>,
    status: Option<u16>,
    /// Whether that is as it should be.
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) async fn run(args: &TriggerArgs) -> Result<u8, Failure> {
    if args.list {
        let names: Vec<String> = kinds().map(|kind| format!("{}\n", kind.as_str())).collect();
        out(names.concat().as_bytes()).map_err(output)?;
        return Ok(exit::OK);
    }
    let bodies = Bodies::of(args)?;
    let kinds = match &args.kind {
        None if args.body.is_some() => vec![None],
        Some(kind) => vec![Some(kind.clone())],
        None => kinds().map(Some).collect(),
    };
    let Some(url) = args.url.as_deref().filter(|_| !args.print) else {
        for kind in &kinds {
            let mut body = bodies.body(kind.as_ref())?;
            body.push(b'\n');
            data_out(&body).map_err(output)?;
        }
        return Ok(exit::OK);
    };
    let sender = Sender {
        poster: Poster::new(url, args.connection.timeout, args.connection.tls_ca.as_deref())?,
        verifier: verifier(all_secrets(&args.secrets)?)?,
        bodies,
        fault: args.fault,
        skew: i64::try_from(args.skew.as_secs()).unwrap_or(i64::MAX),
    };
    let mut report = Report {
        url: sender.poster.shown(),
        fault: args.fault.map(Fault::name),
        ok: 0,
        failed: 0,
        answers: Vec::new(),
    };
    let repeat = usize::try_from(args.repeat).unwrap_or(usize::MAX);
    for kind in kinds.iter().flat_map(|kind| std::iter::repeat_n(kind, repeat)) {
        let answered = sender.send(kind.as_ref()).await?;
        if !args.json.json {
            out(line(&answered, args.fault).as_bytes()).map_err(output)?;
        }
        if answered.ok {
            report.ok += 1;
        } else {
            report.failed += 1;
        }
        report.answers.push(answered);
    }
    if args.json.json {
        write_json_line(&report)?;
    }
    if report.failed == 0 {
        return Ok(exit::OK);
    }
    Err(complaint(&report))
}

/// Sends samples, whole or with a fault.
struct Sender {
    poster: Poster,
    verifier: Verifier,
    bodies: Bodies,
    fault: Option<Fault>,
    skew: i64,
}

impl Sender {
    async fn send(&self, kind: Option<&Trigger>) -> Result<Answered, Failure> {
        let body = self.bodies.body(kind)?;
        Ok(self.post(kind.map_or("the body of the file", Trigger::as_str), body).await)
    }

    async fn post(&self, name: &str, body: Vec<u8>) -> Answered {
        let name = name.to_owned();
        let no = |first, error| Answered { kind: name.clone(), first, status: None, ok: false, error: Some(error) };
        let now = Timestamp::now();
        let nonce = fresh_id(now);
        let mut first = None;
        if self.fault == Some(Fault::RepeatedNonce) {
            let signature = self.verifier.sign(&body, &nonce, now.as_second());
            match self.poster.post(&signature, Bytes::from(body.clone())).await {
                Ok(answer) if answer.is_success() => first = Some(answer.status),
                Ok(answer) => {
                    return no(Some(answer.status), "the genuine one was refused".to_owned());
                }
                Err(error) => return no(None, sentence(&error)),
            }
        }
        let (signature, body) = spoil(self.fault, &self.verifier, body, &nonce, now.as_second(), self.skew);
        match self.poster.post(&signature, Bytes::from(body)).await {
            Ok(answer) => {
                let ok = is_right(self.fault, answer);
                Answered { kind: name, first, status: Some(answer.status), ok, error: None }
            }
            Err(error) => no(first, sentence(&error)),
        }
    }
}

/// What is sent: samples or a file, with fields set.
struct Bodies {
    samples: Samples,
    file: Option<Vec<u8>>,
    set: Vec<(String, String)>,
}

impl Bodies {
    fn of(args: &TriggerArgs) -> Result<Self, Failure> {
        let file = args.body.as_deref().map(read_file).transpose()?;
        Ok(Self { samples: Samples::new(&args.about, Timestamp::now()), file, set: args.set.clone() })
    }

    /// The body of a kind; that of the file byte for byte unless fields are set.
    fn body(&self, kind: Option<&Trigger>) -> Result<Vec<u8>, Failure> {
        let sample = || kind.and_then(|kind| self.samples.body(kind));
        let Some(body) = self.file.clone().or_else(sample) else {
            return Err(Failure::new(exit::USAGE, "there is no sample of this kind").hint("give a body: --body FILE"));
        };
        if self.set.is_empty() {
            return Ok(body);
        }
        let mut value: Value = serde_json::from_slice(&body).map_err(|error| {
            Failure::because(exit::BAD_INPUT, "the body is not JSON, so no field of it can be set", &error)
                .hint("leave out --set, or give a body that is JSON")
        })?;
        for (path, text) in &self.set {
            let new = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            set(&mut value, path, new).map_err(|why| {
                Failure::new(exit::USAGE, format!("--set {path} cannot be set: {why}"))
                    .hint("see the fields with: sinch-batch trigger KIND --print")
            })?;
        }
        serde_json::to_vec(&value).map_err(|error| output(error.into()))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut body)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut body))
    };
    read.map_err(|error| {
        Failure::because(exit::BAD_INPUT, format!("the body {} cannot be read", path.display()), &error)
            .hint("name a file with the body of a callback")
    })?;
    Ok(body)
}

/// Sets the field at a path of names and, in lists, numbers; objects on the way are made.
fn set(value: &mut Value, path: &str, new: Value) -> Result<(), String> {
    let mut place = value;
    for name in path.split('.') {
        place = match place {
            Value::Array(list) => {
                let length = list.len();
                let entry = name.parse::<usize>().ok().and_then(|index| list.get_mut(index));
                entry.ok_or_else(|| format!("the list has {length} entries, and no entry {name}"))?
            }
            Value::Object(object) => object.entry(name).or_insert(Value::Null),
            place => {
                if !place.is_null() {
                    return Err(format!("there is no field {name} in something that is not an object"));
                }
                *place = Value::Object(Map::new());
                match place {
                    Value::Object(object) => object.entry(name).or_insert(Value::Null),
                    _ => return Err("it is not an object".to_owned()),
                }
            }
        };
    }
    *place = new;
    Ok(())
}

/// Whether a receiver answers so.
///
/// What is forged is refused for good: a 5xx would say that it may be taken another time. What is genuine
/// must not be lost, so it is applied, or asked for again if its time is wrong.
fn is_right(fault: Option<Fault>, answer: Answer) -> bool {
    match fault {
        None | Some(Fault::RepeatedNonce) => answer.is_success(),
        Some(Fault::Old) => answer.is_success() || answer.is_temporary(),
        Some(Fault::Future) => answer.is_temporary(),
        Some(Fault::WrongSecret | Fault::AlteredByte) => is_refused(answer.status),
    }
}

/// For good: the service would not send it again.
fn is_refused(status: u16) -> bool {
    (400..500).contains(&status) && status != 429
}

/// Signs a body as the fault has it.
fn spoil(
    fault: Option<Fault>,
    verifier: &Verifier,
    mut body: Vec<u8>,
    nonce: &str,
    second: i64,
    skew: i64,
) -> (Signature, Vec<u8>) {
    match fault {
        None => (verifier.sign(&body, nonce, second), body),
        Some(Fault::Old) => (verifier.sign(&body, nonce, second.saturating_sub(skew).max(0)), body),
        Some(Fault::Future) => (verifier.sign(&body, nonce, second.saturating_add(skew)), body),
        Some(Fault::WrongSecret) => {
            let other = WebhookSecret::new(uuid::Uuid::new_v4().to_string());
            (other.sign(&body, nonce, second), body)
        }
        Some(Fault::RepeatedNonce) => {
            alter(&mut body);
            (verifier.sign(&body, nonce, second), body)
        }
        Some(Fault::AlteredByte) => {
            let signature = verifier.sign(&body, nonce, second);
            alter(&mut body);
            (signature, body)
        }
    }
}

/// Makes another digit of one digit: still JSON, and another callback.
fn alter(body: &mut [u8]) {
    if let Some(byte) = body.iter_mut().find(|byte| byte.is_ascii_digit()) {
        *byte ^= 1;
    }
}

impl Fault {
    /// Whether the signature holds.
    fn is_genuine(self) -> bool {
        matches!(self, Self::Old | Self::Future | Self::RepeatedNonce)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::Future => "future",
            Self::WrongSecret => "wrong-secret",
            Self::RepeatedNonce => "repeated-nonce",
            Self::AlteredByte => "altered-byte",
        }
    }
}

fn line(answered: &Answered, fault: Option<Fault>) -> String {
    let Answered { kind, first, status, ok, error } = answered;
    let first = first.map(|status| format!("{status}, then ")).unwrap_or_default();
    let told = match (status, error) {
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => error.clone(),
        (None, None) => "nothing".to_owned(),
    };
    let verdict = match (fault, ok, *status) {
        (None, true, _) => "",
        (None, false, _) => "  not applied",
        (Some(_), true, Some(200..300)) => "  applied, as it should be",
        (Some(_), true, Some(status)) if is_refused(status) => "  refused, as it should be",
        (Some(_), true, _) => "  asked for again, as it should be",
        (Some(_), false, Some(200..300)) => "  APPLIED, and must not be",
        (Some(fault), false, Some(status)) if fault.is_genuine() && is_refused(status) => "  LOST: it was genuine",
        (Some(_), false, _) => "  neither applied nor refused",
    };
    format!("{kind:<44} {first}{told}{verdict}\n")
}

fn complaint(report: &Report) -> Failure {
    let Report { url, fault, failed, answers, .. } = report;
    let all = answers.len();
    let bad = || answers.iter().filter(|answered| !answered.ok);
    let taken = bad().filter(|answered| answered.status.is_some_and(|status| (200..300).contains(&status))).count();
    let unanswered = bad().all(|answered| answered.status.is_none() && answered.first.is_none());
    let met = |status| bad().any(|answered| answered.status.or(answered.first) == Some(status));
    let (sentence, hint) = match fault {
        _ if unanswered => (
            format!("{url} did not answer {failed} of {all} callbacks"),
            "is the receiver there, and is that its address?",
        ),
        Some(fault) if taken > 0 => (
            format!("{url} applied {taken} of {all} callbacks with the fault {fault}"),
            "does the receiver check signature, time and nonce of the raw body, with this secret alone?",
        ),
        Some(fault) => (
            format!("{url} did not answer {failed} of {all} callbacks with the fault {fault} as it should"),
            "does it take callbacks without a fault? leave out --fault",
        ),
        None => (
            format!("{url} did not accept {failed} of {all} callbacks"),
            if met(401) {
                "401: does the receiver have the same secret and the right time?"
            } else if met(404) {
                "404: is the path of the URL the one the receiver has?"
            } else {
                "the receiver's log says why"
            },
        ),
    };
    Failure::new(exit::SERVICE, sentence).hint(hint)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderMap;
    use sinch_batch::webhook::SignatureError;

    use super::*;

    #[test]
    fn fields_are_set_by_their_path() {
        let mut value = serde_json::json!({"a": {"b": 1}, "list": [{"c": 2}], "text": "x"});
        set(&mut value, "a.b", "new".into()).unwrap();
        set(&mut value, "a.d.e", 3.into()).unwrap();
        set(&mut value, "list.0.c", Value::Null).unwrap();
        assert_eq!(value, serde_json::json!({"a": {"b": "new", "d": {"e": 3}}, "list": [{"c": null}], "text": "x"}));
        for path in ["list.1", "list.c", "text.y"] {
            assert!(set(&mut value, path, Value::Null).is_err(), "{path}");
        }
    }

    #[test]
    fn each_fault_is_the_one_it_is_called_by() {
        let verifier = Verifier::new(WebhookSecret::new("secret")).unwrap().with_window(Duration::from_secs(86_399));
        let now = Timestamp::from_second(1_947_146_400).unwrap();
        let check = |fault| {
            let body = br#"{"app_id":"01"}"#.to_vec();
            let (signature, body) = spoil(fault, &verifier, body, "n", now.as_second(), 86_400);
            let mut headers = HeaderMap::new();
            for (name, value) in signature.headers() {
                headers.insert(name, value.parse().unwrap());
            }
            serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            verifier.check(&headers, &body, now).map(|_| body)
        };
        assert_eq!(check(None).as_deref(), Ok(&br#"{"app_id":"01"}"#[..]));
        assert_eq!(check(Some(Fault::Old)), Err(SignatureError::Old));
        assert_eq!(check(Some(Fault::Future)), Err(SignatureError::Future));
        assert_eq!(check(Some(Fault::WrongSecret)), Err(SignatureError::Mismatch));
        assert_eq!(check(Some(Fault::AlteredByte)), Err(SignatureError::Mismatch));
        assert_eq!(check(Some(Fault::RepeatedNonce)).as_deref(), Ok(&br#"{"app_id":"11"}"#[..]), "genuine but another");
    }
}
