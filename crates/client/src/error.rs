//! What went wrong with a call, and the first question: may people have got it?
//!
//! # Guide
//!
#![doc = include_str!("../docs/errors.md")]

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use sinch_batch_auth::{AuthError, says_expired};
use sinch_batch_models::{ErrorBody, error_body::ErrorLayout};

use crate::transport::TransportError;
use crate::{Operation, response, transport};

pub use self::disposition::Disposition;

mod disposition;
mod predicates;

/// Whether a request may have reached the service. Exhaustive: there is no third answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reached {
    /// Certainly not.
    No,
    /// It may have, or it has.
    Unknown,
}

/// Why a call failed.
///
/// Ask in this order: [`reached_service`](Self::reached_service), may people have got it?
/// [`is_transient`](Self::is_transient), may the same call succeed later?
/// [`retry_after`](Self::retry_after), how much later? The other predicates say what to fix;
/// [`disposition`](Self::disposition) sums them up for programs that go on with other calls, and
/// [`request_id`](Self::request_id) is for the service's support.
///
/// Its text, its `Debug` and its sources hold no token, nothing of the request and nothing that the service wrote,
/// except for the name of the error, such as `INVALID_ARGUMENT`. The service's sentence is
/// [`service_message`](Self::service_message), which is personal data.
pub struct Error(Box<Inner>);

struct Inner {
    operation: Operation,
    kind: ErrorKind,
    reached: Reached,
    retry_after: Option<Duration>,
    request_id: Option<Box<str>>,
    date: Option<jiff::Timestamp>,
    /// Whether the response says that the token has expired, although it was new.
    expired: bool,
    /// Whether the time of the call was over before this attempt could leave.
    late: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of error, and with it what to do.
#[derive(Clone)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no token, so nothing was sent. Ask the error what to do.
    Auth(AuthError),
    /// The request cannot be written, such as for an empty batch id. Nothing was sent; fix it.
    Request,
    /// No connection to the service, so nothing was sent. Check the network and the base URL.
    Connect,
    /// No response in time; or no time to send, if [`Error::reached_service`] says no. Look up or wait, and
    /// give the call more time.
    Timeout,
    /// The time to leave of [`Client::with_send_until`](crate::Client::with_send_until) was over, so the request
    /// did not leave, or not with its last byte: the service has nothing complete of it. Ask for more time to
    /// leave, and look up first if [`Error::reached_service`] says that an earlier attempt may have arrived.
    TooLate,
    /// The connection broke before the response was complete. Look up or wait, and try again.
    Transport,
    /// The service responded with an error.
    ///
    /// # What to do
    /// * 400: fix the request. 401, 403: fix the credentials or the rights of the key, or, at
    ///   `BILLING_CREDIT_LIMIT_BREACHED`, the account. 404: check app, project, batch and region.
    /// * 429: wait, for [`Error::retry_after`] if it says so.
    /// * 5xx: wait, and after a send look it up by its batch metadata first.
    Api {
        /// The HTTP status.
        status: u16,
        /// The body; its message is personal data, see [`Error::service_message`].
        body: Box<ErrorBody>,
    },
    /// The response is not one of this API: an unknown form, or a redirect, which is not followed.
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

    pub(crate) fn api(
        operation: Operation,
        response: &http::Response<Bytes>,
        body: ErrorBody,
        retry_after: Option<Duration>,
    ) -> Self {
        let status = response.status().as_u16();
        let reached = if (400..500).contains(&status) && status != 408 { Reached::No } else { Reached::Unknown };
        let kind = ErrorKind::Api { status, body: Box::new(body) };
        Self::new(operation, kind, reached, retry_after, None).with_head(response)
    }

    pub(crate) fn unexpected(
        operation: Operation,
        response: &http::Response<Bytes>,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let kind = ErrorKind::UnexpectedResponse { status: response.status().as_u16() };
        Self::new(operation, kind, Reached::Unknown, None, source).with_head(response)
    }

    /// With the fields of a response's head.
    fn with_head(mut self, response: &http::Response<Bytes>) -> Self {
        self.0.request_id = response::request_id(response.headers());
        self.0.expired = says_expired(response.status(), response.headers());
        self.0.date = response::date(response.headers());
        self
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
            source,
        }))
    }

    /// The same error, after an attempt that may have reached the service.
    pub(crate) fn after(mut self, earlier: Reached) -> Self {
        if earlier == Reached::Unknown {
            self.0.reached = Reached::Unknown;
        }
        self
    }

    /// The kind of error, and with it what to do.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The kind as one word for logs and metrics.
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

    /// The operation that failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Whether the request may have reached the service.
    ///
    /// # What to do
    /// After a send, on [`Reached::Unknown`], look the batch up by its metadata with
    /// [`Client::look_up`](crate::Client::look_up) before you send again.
    pub fn reached_service(&self) -> Reached {
        self.0.reached
    }

    /// The wait that the service asks for before the next try. More than one hour is not believed.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The sentence that the service wrote about the failure, if there is one.
    ///
    /// It is **personal data**: it may repeat the request, with numbers, names and texts. It is for developers and
    /// not stable. Do not put it into a log; before it is shown or kept, take out what could name a person, as
    /// `scrub` of `sinch-batch-tracking` does.
    pub fn service_message(&self) -> Option<&str> {
        match &self.0.kind {
            ErrorKind::Api { body, .. } => Some(body.message.trim()).filter(|message| !message.is_empty()),
            _ => None,
        }
    }

    /// The error and its causes in one sentence, fit for logs.
    pub fn chain(&self) -> impl fmt::Display + '_ {
        Chain(self)
    }

    /// The HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            ErrorKind::Api { status, .. } | ErrorKind::UnexpectedResponse { status } => Some(status),
            _ => None,
        }
    }

    /// What names the request in the service's own logs, if the response says so. See
    /// [`Response::request_id`](crate::Response::request_id).
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The time by the service's clock, if there was a response that says so.
    pub fn date(&self) -> Option<jiff::Timestamp> {
        self.0.date
    }
}

/// An error and its causes in one sentence, each after a colon.
pub fn chain<'a>(error: &'a (dyn StdError + 'a)) -> impl fmt::Display + 'a {
    Chain(error)
}

struct Chain<'a>(&'a (dyn StdError + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The name of the error, if it is one: anything else might quote the request.
fn name(body: &ErrorBody) -> &str {
    let is_name = |name: &str| {
        name.len() <= 64
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            && name.bytes().filter(u8::is_ascii_digit).count() < 7
    };
    if is_name(&body.status) { &body.status } else { "" }
}

/// What a status means for an operation, where the words of the service may not say.
fn meaning(operation: Operation, status: u16, body: &ErrorBody) -> Option<&'static str> {
    Some(match (status, operation) {
        (401, _) => "the token was not accepted",
        (403, _) if predicates::is_billing(body) => "the project is blocked for credit, BILLING_CREDIT_LIMIT_BREACHED",
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
            ErrorKind::Auth(_) => write!(f, "{doing} failed without a token"),
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
                write!(f, "{doing} was answered {status} in a form that cannot be read")
            }
            ErrorKind::Api { status, body } => {
                write!(f, "{doing} was answered {status}")?;
                if matches!(body.layout, ErrorLayout::NotJson | ErrorLayout::OtherJson) {
                    // Its author does not speak for the API, so its status means little.
                    return f.write_str(" in a form that is not the API's, perhaps by something on the way");
                }
                let name = name(body);
                if !name.is_empty() {
                    write!(f, " {name}")?;
                }
                match meaning(self.0.operation, *status, body) {
                    Some(meaning) => write!(f, ", {meaning}"),
                    None => Ok(()),
                }
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
    use sinch_batch_auth::AuthErrorKind;

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
            6 => Error::unexpected(operation, &response(status, ""), None),
            7 => Error::too_late(operation),
            _ => Error::api(operation, &response(status, ""), ErrorBody::default(), retry_after),
        })
    }

    fn response(status: u16, body: &str) -> http::Response<Bytes> {
        http::Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    fn api(operation: Operation, status: u16, body: &str) -> Error {
        Error::api(operation, &response(status, body), ErrorBody::read(body.as_bytes()), None)
    }

    #[test]
    fn error_text_helps() {
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
                "looking batches up by metadata was answered 403 UNAUTHORIZED, the project may not use the Batch API, or the key has no access to the project",
            ),
            (
                Operation::SendBatch,
                404,
                "",
                "sending a batch was answered 404, no such app in this project, or it lives in another region",
            ),
            (
                Operation::SendBatch,
                404,
                "<html><title>Not Found</title>",
                "sending a batch was answered 404 in a form that is not the API's, perhaps by something on the way",
            ),
            (
                Operation::BatchStatus,
                404,
                r#"{"error":{"message":"No such batch.","status":"NOT_FOUND"}}"#,
                "asking for the status of a batch was answered 404 NOT_FOUND, no such batch in this project, or it was sent in another region",
            ),
            (
                Operation::SendBatch,
                400,
                r#"{"error":{"message":"bad identity +1 555-010-0001"}}"#,
                "sending a batch was answered 400",
            ),
            (Operation::SendBatch, 503, "", "sending a batch was answered 503"),
            (Operation::SendBatch, 503, "{}", "sending a batch was answered 503"),
        ] {
            let error = api(operation, status, body);
            assert_eq!(error.to_string(), text);
            assert!(!format!("{error:?}").contains("555"), "{error:?}");
        }
    }

    #[test]
    fn timeouts_are_distinguished() {
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
    fn reached_is_no_only_for_a_status_that_says_so() {
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
    fn credentials_are_distinguished_from_credit() {
        let refused = Error::auth(Operation::SendBatch, AuthError::new(AuthErrorKind::Refused));
        assert!(refused.is_credentials() && !refused.is_transient());
        assert!(api(Operation::SendBatch, 401, "").is_credentials());
        assert!(api(Operation::SendBatch, 403, "").is_credentials());
        let billing = r#"{"error":{"message":"BILLING_CREDIT_LIMIT_BREACHED"}}"#;
        assert!(!api(Operation::SendBatch, 403, billing).is_credentials());
        assert!(!api(Operation::SendBatch, 404, "").is_credentials());
    }

    #[test]
    fn predicates_know_their_errors() {
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
            (Error::unexpected(Operation::SendBatch, &response(200, ""), None), ""),
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
        fn error_text_never_repeats_its_cause_or_ends_with_a_full_stop(error in any_error(Operation::SendBatch)) {
            let text = error.to_string();
            prop_assert!(!text.ends_with('.'));
            prop_assert!(text.starts_with(char::is_lowercase));
            if let Some(source) = error.source() {
                prop_assert!(!text.contains(&source.to_string()));
            }
        }
    }
}
