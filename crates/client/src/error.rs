//! What went wrong with a call, and the one question that comes first: may people have got it?
//!
//! # Guide
//!
#![doc = include_str!("../docs/errors.md")]

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use sinch_batch_auth::{AuthError, AuthErrorKind};
use sinch_batch_models::{ErrorBody, error_body::ErrorLayout};

use crate::look::Look;
use crate::scrub::{Spoken, scrub};
use crate::transport::TransportError;
use crate::{Operation, response, transport, wire};

/// Whether the service may have taken a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reached {
    /// Surely not.
    No,
    /// It may have, or it has.
    Unknown,
}

/// Why a call failed.
///
/// Ask in this order: [`reached_service`](Self::reached_service), might people have got it?
/// [`is_transient`](Self::is_transient), may the same call succeed later?
/// [`retry_after`](Self::retry_after), how much later? The other predicates tell what to mend, and
/// [`request_id`](Self::request_id) is for the service's support.
///
/// Its text, its `Debug` and its sources hold no token and no request. What they repeat of an answer is
/// cut short and freed of numbers, addresses, whatever stands in quotes and whatever the request said about
/// people; the service's own words are in [`ErrorKind::Api`].
pub struct Error(Box<Inner>);

struct Inner {
    operation: Operation,
    kind: ErrorKind,
    reached: Reached,
    retry_after: Option<Duration>,
    request_id: Option<Box<str>>,
    date: Option<jiff::Timestamp>,
    /// Whether the answer says that the token has expired, although it was a new one.
    expired: bool,
    /// Whether the time of the call was over before this attempt could leave.
    late: bool,
    /// What the body of an answer was that is none of the API's.
    look: Option<Look>,
    /// What the service said, as far as it may be shown.
    said: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, and with it what to do.
#[derive(Clone)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no token, so nothing was sent. Ask the error what to do.
    Auth(AuthError),
    /// The request cannot be written, such as for an empty batch id. Nothing was sent; mend it.
    Request,
    /// No connection to the service, so nothing was sent. Check the network and the base URL.
    Connect,
    /// No answer in time; or no time to send, if [`Error::reached_service`] says no. Look up or wait, and
    /// give the call more time.
    Timeout,
    /// The time to leave of [`Client::with_send_until`](crate::Client::with_send_until) was over, so the request
    /// did not leave, or not with its last byte: the service has nothing complete of it. Ask for more time to
    /// leave, and look up first if [`Error::reached_service`] says that an earlier attempt may have arrived.
    TooLate,
    /// The connection broke before the answer was complete. Look up or wait, and try again.
    Transport,
    /// The service answered with an error.
    ///
    /// # What to do
    /// * 400: mend the request. 401, 403: mend the credentials or the rights of the key, or, at
    ///   `BILLING_CREDIT_LIMIT_BREACHED`, the account. 404: check app, project, batch and region.
    /// * 429: wait, for [`Error::retry_after`] if it says so.
    /// * 5xx: wait, and after a send look it up by its batch metadata first.
    Api {
        /// The HTTP status.
        status: u16,
        /// What the service said; its message may quote a person's number, or the request.
        body: Box<ErrorBody>,
    },
    /// The answer is not one of this API: an unknown form, or a redirect, which is not followed.
    /// Check the base URL. After a send the batch may have been accepted all the same.
    UnexpectedResponse {
        /// The HTTP status.
        status: u16,
    },
}

impl Error {
    pub(crate) fn auth(operation: Operation, error: AuthError) -> Self {
        let retry_after = error.retry_after();
        Self::new(operation, ErrorKind::Auth(error), Reached::No, retry_after, None)
    }

    pub(crate) fn request(operation: Operation, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(operation, ErrorKind::Request, Reached::No, None, Some(source.into()))
    }

    pub(crate) fn timeout(operation: Operation) -> Self {
        Self::new(operation, ErrorKind::Timeout, Reached::Unknown, None, None)
    }

    /// The time of a call was over before a request could leave.
    pub(crate) fn late(operation: Operation, why: &'static str) -> Self {
        let mut error = Self::new(operation, ErrorKind::Timeout, Reached::No, None, Some(why.into()));
        error.0.late = true;
        error
    }

    /// The time to leave was over.
    pub(crate) fn too_late(operation: Operation) -> Self {
        Self::new(operation, ErrorKind::TooLate, Reached::No, None, None)
    }

    pub(crate) fn transport(operation: Operation, error: TransportError) -> Self {
        let (kind, reached, source) = error.into_parts();
        let kind = match kind {
            transport::Kind::Connect => ErrorKind::Connect,
            transport::Kind::Timeout => ErrorKind::Timeout,
            transport::Kind::Broken => ErrorKind::Transport,
            transport::Kind::TooLate => ErrorKind::TooLate,
        };
        Self::new(operation, kind, reached, None, source)
    }

    pub(crate) fn api(operation: Operation, status: u16, body: ErrorBody, retry_after: Option<Duration>) -> Self {
        let reached = if (400..500).contains(&status) && status != 408 { Reached::No } else { Reached::Unknown };
        Self::new(operation, ErrorKind::Api { status, body: Box::new(body) }, reached, retry_after, None)
    }

    pub(crate) fn answer(operation: Operation, status: u16, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(operation, ErrorKind::UnexpectedResponse { status }, Reached::Unknown, None, source)
    }

    fn new(
        operation: Operation,
        kind: ErrorKind,
        reached: Reached,
        retry_after: Option<Duration>,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner {
            operation,
            kind,
            reached,
            retry_after,
            request_id: None,
            expired: false,
            date: None,
            late: false,
            look: None,
            said: None,
            source,
        }))
    }

    /// The same error, with what can be told of the answer that it is about, and nothing of the request.
    pub(crate) fn with_answer(mut self, answer: &http::Response<bytes::Bytes>, request: &[u8]) -> Self {
        let spoken = Spoken::of(request);
        if let ErrorKind::Api { body, .. } = &self.0.kind {
            self.0.said = Some(scrub(&spoken.hide(&body.message)).into());
        }
        self.0.request_id = response::request_id(answer.headers());
        self.0.expired = wire::says_expired(answer.status(), answer.headers());
        self.0.date = response::date(answer.headers());
        self.0.look = match &self.0.kind {
            // A redirect needs no body, and the documented answer to a bad token has none.
            ErrorKind::UnexpectedResponse { status: 100..=199 | 300..=399 } | ErrorKind::Api { status: 401, .. } => {
                None
            }
            ErrorKind::UnexpectedResponse { .. } => Some(Look::at(answer.body(), &spoken)),
            ErrorKind::Api { body, .. } => match body.layout {
                ErrorLayout::Empty | ErrorLayout::NotJson | ErrorLayout::OtherJson => {
                    Some(Look::at(answer.body(), &spoken))
                }
                _ => None,
            },
            _ => None,
        };
        // What a page, or nothing at all, is as JSON tells nobody more.
        if !matches!(&self.0.look, None | Some(Look::Json | Look::BrokenOff(_))) {
            self.0.source = None;
        }
        self
    }

    /// The same error, after an attempt that may have reached the service.
    pub(crate) fn after(mut self, earlier: Reached) -> Self {
        if earlier == Reached::Unknown {
            self.0.reached = Reached::Unknown;
        }
        self
    }

    /// What went wrong, and with it what to do.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The kind as one word for logs, which the words of the service are not for.
    pub(crate) fn label(&self) -> &'static str {
        match self.0.kind {
            ErrorKind::Auth(_) => "auth",
            ErrorKind::Request => "request",
            ErrorKind::Connect => "connect",
            ErrorKind::Timeout => "timeout",
            ErrorKind::TooLate => "too_late",
            ErrorKind::Transport => "transport",
            ErrorKind::Api { .. } => "api",
            ErrorKind::UnexpectedResponse { .. } => "answer",
        }
    }

    /// What was asked of the service.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Whether the service may have taken the request.
    ///
    /// # What to do
    /// After a send, on [`Reached::Unknown`], look the batch up by its metadata with
    /// [`Client::look_up`](crate::Client::look_up) before you send again.
    pub fn reached_service(&self) -> Reached {
        self.0.reached
    }

    /// Whether the same call may succeed later without any change.
    ///
    /// # What to do
    /// If so, wait; but before a send is repeated, [`reached_service`](Self::reached_service) decides.
    pub fn is_transient(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Auth(error) => error.is_transient(),
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::TooLate | ErrorKind::Transport => true,
            ErrorKind::Api { status, .. } => matches!(status, 408 | 429 | 500..=599),
            ErrorKind::Request | ErrorKind::UnexpectedResponse { .. } => false,
        }
    }

    /// Whether the request itself is at fault: it could not be written, or was answered 400, 413 or 422.
    ///
    /// # What to do
    /// Mend the request; the same one will be refused again. Nothing was taken.
    pub fn is_bad_request(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Request | ErrorKind::Api { status: 400 | 413 | 422, .. })
    }

    /// Whether key, secret or their rights are at fault: refused by the token endpoint, or answered
    /// 401 or 403, except for a project that is blocked for credit.
    ///
    /// # What to do
    /// Check key id, key secret and project id, and that the key may use the project's Batch API.
    pub fn is_credentials(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Auth(error) => *error.kind() == AuthErrorKind::Refused,
            ErrorKind::Api { status: 401, .. } => true,
            ErrorKind::Api { status: 403, body } => !is_billing(body),
            _ => false,
        }
    }

    /// Whether the token was said to have expired, twice in a row: a new one was tried already.
    ///
    /// # What to do
    /// Nothing was taken, so the same call may be made again after a while. If it stays, compare the
    /// clocks, and see whether something on the way keeps old tokens or answers.
    pub fn is_token_expired(&self) -> bool {
        self.0.expired
    }

    /// Whether the project is blocked for want of credit: 403 with `BILLING_CREDIT_LIMIT_BREACHED`.
    ///
    /// # What to do
    /// Pay, or have the limit raised, and send again; until then everything will be refused. Key and
    /// request are right.
    pub fn is_credit_limit(&self) -> bool {
        matches!(&self.0.kind, ErrorKind::Api { status: 403, body } if is_billing(body))
    }

    /// Whether something was not found, 404: the batch, the app, or the path.
    ///
    /// # What to do
    /// Check the region first: an app and its batches are known in their own region only. Then the ids
    /// of project, app and batch. A batch that was accepted a moment ago may not be found yet.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether it was too much at once: 429, of the API or of the token endpoint.
    ///
    /// # What to do
    /// Wait for [`retry_after`](Self::retry_after), or a growing random time, and send less at once:
    /// fewer requests a second, or fewer messages waiting in the queue of the app, which holds 500,000.
    /// Nothing was taken.
    pub fn is_rate_limited(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Auth(error) => matches!(error.kind(), AuthErrorKind::RateLimited { .. }),
            ErrorKind::Api { status, .. } => *status == 429,
            _ => false,
        }
    }

    /// Whether there was no connection, to the service or to the token endpoint.
    ///
    /// # What to do
    /// Check network, proxy and base URL, and try again. Nothing was sent by this attempt.
    pub fn is_connect(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Auth(error) => *error.kind() == AuthErrorKind::Unreachable,
            kind => matches!(kind, ErrorKind::Connect),
        }
    }

    /// Whether time ran out: on our side, or on the service's with 408 or 504.
    ///
    /// # What to do
    /// After a send that may have [reached](Self::reached_service) the service, look it up. Otherwise
    /// try again, with more time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Timeout | ErrorKind::Api { status: 408 | 504, .. })
    }

    /// Whether the fault lies with the service: 5xx.
    ///
    /// # What to do
    /// Wait, and try again; after a send, look it up first. If it stays, tell the service's support,
    /// with the [`request_id`](Self::request_id).
    pub fn is_server_fault(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Auth(error) => *error.kind() == AuthErrorKind::Server,
            ErrorKind::Api { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// How long the service asks to be left alone. More than one hour is not believed.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            ErrorKind::Api { status, .. } | ErrorKind::UnexpectedResponse { status } => Some(status),
            _ => None,
        }
    }

    /// What names the request in the service's own logs, if the answer says so. See
    /// [`Response::request_id`](crate::Response::request_id).
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The time by the service's clock, if there was an answer that says so.
    pub fn date(&self) -> Option<jiff::Timestamp> {
        self.0.date
    }
}

/// The word of an answer 403 to a project that is blocked for credit.
const BILLING: &str = "BILLING_CREDIT_LIMIT_BREACHED";

fn is_billing(body: &ErrorBody) -> bool {
    body.message.contains(BILLING)
        || body.status.contains(BILLING)
        || body.details.iter().any(|detail| detail.to_string().contains(BILLING))
}

/// The name of the status, if it is one: anything else might quote the request.
fn name(body: &ErrorBody) -> String {
    let plain = body.status.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if plain { scrub(&body.status) } else { String::new() }
}

/// What a status means for an operation, where the words of the service may not say.
fn meaning(operation: Operation, status: u16, body: &ErrorBody) -> Option<&'static str> {
    Some(match (status, operation) {
        (401, _) => "the token was not accepted",
        (403, _) if is_billing(body) => "the project is blocked for credit, BILLING_CREDIT_LIMIT_BREACHED",
        (403, _) => "the project may not use the Batch API, or the key has no access to the project",
        (404, Operation::SendBatch | Operation::InsertConsents) => {
            "no such app in this project, or it lives in another region"
        }
        (404, Operation::BatchStatus) => "no such batch in this project, or it was sent in another region",
        (404, _) => "no such project in this region, or no Batch API at this base URL",
        (429, _) => "too many requests, or the queue of the app is full",
        _ => return None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = self.0.operation.doing();
        match &self.0.kind {
            ErrorKind::Auth(_) => write!(f, "{doing} failed for want of a token"),
            ErrorKind::Request => write!(f, "{doing} failed because the request cannot be written"),
            ErrorKind::Connect => write!(f, "{doing} failed because the service could not be connected to"),
            ErrorKind::Timeout if self.0.late && self.0.reached == Reached::No => {
                write!(f, "{doing} ran out of time before it could leave")
            }
            ErrorKind::Timeout if self.0.late => write!(f, "{doing} ran out of time before it could be repeated"),
            ErrorKind::Timeout => write!(f, "{doing} was not answered in time"),
            ErrorKind::TooLate if self.0.reached == Reached::No => {
                write!(f, "{doing} failed because its time to leave was over; nothing was sent")
            }
            ErrorKind::TooLate => write!(f, "{doing} could not be repeated because its time to leave was over"),
            ErrorKind::Transport => write!(f, "{doing} failed because the connection broke"),
            ErrorKind::UnexpectedResponse { status: status @ 300..=399 } => {
                write!(f, "{doing} was answered with a redirect, {status}, which is not followed")
            }
            ErrorKind::UnexpectedResponse { status } => {
                write!(f, "{doing} was answered {status} in a form that cannot be read")?;
                match &self.0.look {
                    Some(look) => write!(f, ", {look}"),
                    None => Ok(()),
                }
            }
            ErrorKind::Api { status, body } => {
                write!(f, "{doing} was answered {status}")?;
                match &self.0.look {
                    Some(look @ Look::Empty) => write!(f, " with {look}")?,
                    // Whoever wrote this does not speak for the API, so its status means little.
                    Some(look) => return write!(f, " with {look}, perhaps by something on the way"),
                    None => {}
                }
                let name = name(body);
                if !name.is_empty() {
                    write!(f, " {name}")?;
                }
                let meaning = meaning(self.0.operation, *status, body);
                if let Some(meaning) = meaning {
                    write!(f, ", {meaning}")?;
                }
                let said = self.0.said.as_deref().unwrap_or_default();
                if said.is_empty() || meaning.is_some_and(|meaning| meaning.contains(said)) {
                    return Ok(());
                }
                write!(f, ", \"{}\"", said.trim_end_matches('.'))
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            ErrorKind::Auth(error) => Some(error),
            _ => self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static)),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("operation", &self.0.operation)
            .field("kind", &self.0.kind)
            .field("reached", &self.0.reached)
            .field("retry_after", &self.0.retry_after)
            .field("request_id", &self.0.request_id)
            .field("said", &self.0.said)
            .field("look", &self.0.look)
            .field("source", &self.0.source.as_ref().map(|source| source.to_string()))
            .finish()
    }
}

impl fmt::Debug for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auth(error) => f.debug_tuple("Auth").field(error).finish(),
            Self::Request => f.write_str("Request"),
            Self::Connect => f.write_str("Connect"),
            Self::Timeout => f.write_str("Timeout"),
            Self::TooLate => f.write_str("TooLate"),
            Self::Transport => f.write_str("Transport"),
            Self::Api { status, body } => {
                f.debug_struct("Api").field("status", status).field("name", &name(body)).finish_non_exhaustive()
            }
            Self::UnexpectedResponse { status } => {
                f.debug_struct("UnexpectedResponse").field("status", status).finish()
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any error that a call can end with.
    pub(crate) fn any_error(operation: Operation) -> impl Strategy<Value = Error> {
        let kinds = (0..9usize, 100u16..600, proptest::option::of((0u64..4000).prop_map(Duration::from_secs)));
        kinds.prop_map(move |(which, status, retry_after)| match which {
            0 => Error::auth(operation, AuthError::new(AuthErrorKind::Unreachable)),
            1 => Error::auth(operation, AuthError::new(AuthErrorKind::RateLimited { retry_after })),
            2 => Error::request(operation, "a cause"),
            3 => Error::transport(operation, TransportError::connect("a cause")),
            4 => Error::transport(operation, TransportError::broken("a cause")),
            5 => Error::timeout(operation),
            6 => Error::answer(operation, status, None),
            7 => Error::too_late(operation),
            _ => Error::api(operation, status, ErrorBody::default(), retry_after),
        })
    }

    fn api(operation: Operation, status: u16, body: &str) -> Error {
        let answer = http::Response::new(bytes::Bytes::copy_from_slice(body.as_bytes()));
        Error::api(operation, status, ErrorBody::read(body.as_bytes()), None).with_answer(&answer, b"")
    }

    #[test]
    fn texts_help() {
        for (operation, status, body, text) in [
            (Operation::SendBatch, 401, "", "sending a batch was answered 401, the token was not accepted"),
            (
                Operation::SendBatch,
                403,
                r#"{"error":{"code":403,"message":"BILLING_CREDIT_LIMIT_BREACHED","status":"PERMISSION_DENIED"}}"#,
                "sending a batch was answered 403 PERMISSION_DENIED, the project is blocked for credit, BILLING_CREDIT_LIMIT_BREACHED",
            ),
            (
                Operation::FindBatches,
                403,
                r#"{"message":"The key has no access to this project.","status":"UNAUTHORIZED"}"#,
                "looking batches up by metadata was answered 403 UNAUTHORIZED, the project may not use the Batch API, or the key has no access to the project, \"The key has no access to this project\"",
            ),
            (
                Operation::SendBatch,
                404,
                "",
                "sending a batch was answered 404 with an empty body, no such app in this project, or it lives in another region",
            ),
            (
                Operation::SendBatch,
                404,
                "<html><title>Not Found</title>",
                "sending a batch was answered 404 with an HTML page, \"Not Found\", perhaps by something on the way",
            ),
            (
                Operation::BatchStatus,
                404,
                r#"{"error":{"message":"No such batch.","status":"NOT_FOUND"}}"#,
                "asking for the status of a batch was answered 404 NOT_FOUND, no such batch in this project, or it was sent in another region, \"No such batch\"",
            ),
            (
                Operation::SendBatch,
                400,
                r#"{"error":{"message":"bad identity +1 555-010-0001"}}"#,
                "sending a batch was answered 400, \"bad identity [number]\"",
            ),
            (Operation::SendBatch, 503, "", "sending a batch was answered 503 with an empty body"),
            (Operation::SendBatch, 503, "{}", "sending a batch was answered 503"),
        ] {
            let error = api(operation, status, body);
            assert_eq!(error.to_string(), text);
            assert!(!format!("{error:?}").contains("555"), "{error:?}");
        }
    }

    #[test]
    fn time_that_ran_out_is_told_apart() {
        let send = Operation::SendBatch;
        for (error, text) in [
            (Error::timeout(send), "sending a batch was not answered in time"),
            (Error::transport(send, TransportError::timeout("a cause")), "sending a batch was not answered in time"),
            (Error::late(send, "a cause"), "sending a batch ran out of time before it could leave"),
            (
                Error::late(send, "a cause").after(Reached::Unknown),
                "sending a batch ran out of time before it could be repeated",
            ),
            (Error::too_late(send), "sending a batch failed because its time to leave was over; nothing was sent"),
            (
                Error::transport(send, TransportError::too_late()).after(Reached::Unknown),
                "sending a batch could not be repeated because its time to leave was over",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn only_a_status_that_says_so_means_that_nothing_was_taken() {
        for status in 100..600 {
            let expected = match status {
                408 => Reached::Unknown,
                400..=499 => Reached::No,
                _ => Reached::Unknown,
            };
            assert_eq!(api(Operation::SendBatch, status, "").reached_service(), expected, "{status}");
        }
    }

    #[test]
    fn bad_credentials_are_told_from_want_of_credit() {
        let refused = Error::auth(Operation::SendBatch, AuthError::new(AuthErrorKind::Refused));
        assert!(refused.is_credentials() && !refused.is_transient());
        assert!(api(Operation::SendBatch, 401, "").is_credentials());
        assert!(api(Operation::SendBatch, 403, "").is_credentials());
        let billing = r#"{"error":{"message":"BILLING_CREDIT_LIMIT_BREACHED"}}"#;
        assert!(!api(Operation::SendBatch, 403, billing).is_credentials());
        assert!(!api(Operation::SendBatch, 404, "").is_credentials());
    }

    #[test]
    fn each_predicate_knows_its_errors() {
        let billing = r#"{"error":{"message":"BILLING_CREDIT_LIMIT_BREACHED"}}"#;
        let send = |status, body| api(Operation::SendBatch, status, body);
        let of = |error: &Error| {
            let all = [
                ("bad request", error.is_bad_request()),
                ("credentials", error.is_credentials()),
                ("credit", error.is_credit_limit()),
                ("not found", error.is_not_found()),
                ("limited", error.is_rate_limited()),
                ("connect", error.is_connect()),
                ("timeout", error.is_timeout()),
                ("server", error.is_server_fault()),
                ("transient", error.is_transient()),
            ];
            all.into_iter().filter_map(|(name, is)| is.then_some(name)).collect::<Vec<_>>().join(" ")
        };
        let auth = |kind| Error::auth(Operation::SendBatch, AuthError::new(kind));
        for (error, expected) in [
            (send(400, "{}"), "bad request"),
            (send(401, ""), "credentials"),
            (send(403, "{}"), "credentials"),
            (send(403, billing), "credit"),
            (send(404, "{}"), "not found"),
            (send(408, "{}"), "timeout transient"),
            (send(413, "{}"), "bad request"),
            (send(418, "{}"), ""),
            (send(429, "{}"), "limited transient"),
            (send(500, billing), "server transient"),
            (send(504, "<html>"), "timeout server transient"),
            (Error::request(Operation::SendBatch, "a cause"), "bad request"),
            (Error::answer(Operation::SendBatch, 200, None), ""),
            (Error::timeout(Operation::SendBatch), "timeout transient"),
            (Error::late(Operation::SendBatch, "a cause"), "timeout transient"),
            (Error::transport(Operation::SendBatch, TransportError::connect("a cause")), "connect transient"),
            (Error::transport(Operation::SendBatch, TransportError::broken("a cause")), "transient"),
            (Error::too_late(Operation::SendBatch), "transient"),
            (auth(AuthErrorKind::Refused), "credentials"),
            (auth(AuthErrorKind::RateLimited { retry_after: None }), "limited transient"),
            (auth(AuthErrorKind::Unreachable), "connect transient"),
            (auth(AuthErrorKind::Server), "server transient"),
            (auth(AuthErrorKind::InvalidResponse), ""),
        ] {
            assert_eq!(of(&error), expected, "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_repeats_its_cause_or_ends_with_a_full_stop(error in any_error(Operation::SendBatch)) {
            let text = error.to_string();
            prop_assert!(!text.ends_with('.'));
            prop_assert!(text.starts_with(char::is_lowercase));
            if let Some(source) = error.source() {
                prop_assert!(!text.contains(&source.to_string()));
            }
        }
    }
}
