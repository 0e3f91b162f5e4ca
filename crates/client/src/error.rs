//! What went wrong with a call, and the one question that comes first: may people have got it?

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use sinch_batch_auth::{AuthError, AuthErrorKind};
use sinch_batch_models::ErrorBody;

use crate::scrub::scrub;
use crate::transport::TransportError;
use crate::{Operation, transport};

/// Whether the service may have taken a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reached {
    /// Surely not.
    No,
    /// It may have, or it has.
    Perhaps,
}

/// Why a call failed.
///
/// Its text, its `Debug` and its sources hold no token, no request, and no run of digits that could
/// be a person's number. The words of the service are in [`ErrorKind::Api`].
pub struct Error(Box<Inner>);

struct Inner {
    operation: Operation,
    kind: ErrorKind,
    reached: Reached,
    retry_after: Option<Duration>,
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
    /// No answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
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
        /// What the service said; its message may quote a person's number.
        body: Box<ErrorBody>,
    },
    /// The answer is not one of this API: an unknown form, or a redirect, which is not followed.
    /// Check the base URL. After a send the batch may have been accepted all the same.
    Answer {
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
        Self::new(operation, ErrorKind::Timeout, Reached::Perhaps, None, None)
    }

    pub(crate) fn transport(operation: Operation, error: TransportError) -> Self {
        let (kind, reached, source) = error.into_parts();
        let kind = match kind {
            transport::Kind::Connect => ErrorKind::Connect,
            transport::Kind::Timeout => ErrorKind::Timeout,
            transport::Kind::Broken => ErrorKind::Transport,
        };
        Self::new(operation, kind, reached, None, source)
    }

    pub(crate) fn api(operation: Operation, status: u16, body: ErrorBody, retry_after: Option<Duration>) -> Self {
        let reached = if (400..500).contains(&status) && status != 408 { Reached::No } else { Reached::Perhaps };
        Self::new(operation, ErrorKind::Api { status, body: Box::new(body) }, reached, retry_after, None)
    }

    pub(crate) fn answer(operation: Operation, status: u16, source: Option<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(operation, ErrorKind::Answer { status }, Reached::Perhaps, None, source)
    }

    fn new(
        operation: Operation,
        kind: ErrorKind,
        reached: Reached,
        retry_after: Option<Duration>,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner { operation, kind, reached, retry_after, source }))
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
            ErrorKind::Transport => "transport",
            ErrorKind::Api { .. } => "api",
            ErrorKind::Answer { .. } => "answer",
        }
    }

    /// What was asked of the service.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Whether the service may have taken the request.
    ///
    /// # What to do
    /// After a send, on [`Reached::Perhaps`], look the batch up by its metadata with
    /// [`Client::find_batches`](crate::Client::find_batches) before you send again.
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
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Transport => true,
            ErrorKind::Api { status, .. } => matches!(status, 408 | 429 | 500..=599),
            ErrorKind::Request | ErrorKind::Answer { .. } => false,
        }
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

    /// How long the service asks to be left alone, at most one hour.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            ErrorKind::Api { status, .. } | ErrorKind::Answer { status } => Some(status),
            _ => None,
        }
    }
}

/// The word of an answer 403 to a project that is blocked for credit.
const BILLING: &str = "BILLING_CREDIT_LIMIT_BREACHED";

fn is_billing(body: &ErrorBody) -> bool {
    body.message.contains(BILLING)
        || body.status.contains(BILLING)
        || body.details.iter().any(|detail| detail.to_string().contains(BILLING))
}

/// What a status means for an operation, where the words of the service may not say.
fn meaning(operation: Operation, status: u16, body: &ErrorBody) -> Option<&'static str> {
    Some(match (status, operation) {
        (401, _) => "the token was not accepted",
        (403, _) if is_billing(body) => "the project is blocked for credit, BILLING_CREDIT_LIMIT_BREACHED",
        (403, _) => "the project may not use the Batch API, or the key has no access to the project",
        (404, Operation::SendBatch | Operation::InsertConsents) => "no such app in this project or region",
        (404, Operation::BatchStatus) => "no such batch in this project or region",
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
            ErrorKind::Timeout => write!(f, "{doing} was not answered in time"),
            ErrorKind::Transport => write!(f, "{doing} failed because the connection broke"),
            ErrorKind::Answer { status: status @ 300..=399 } => {
                write!(f, "{doing} was answered with a redirect, {status}, which is not followed")
            }
            ErrorKind::Answer { status } => write!(f, "{doing} was answered {status} in a form that cannot be read"),
            ErrorKind::Api { status, body } => {
                write!(f, "{doing} was answered {status}")?;
                let name = scrub(&body.status);
                if !name.is_empty() {
                    write!(f, " {name}")?;
                }
                let meaning = meaning(self.0.operation, *status, body);
                if let Some(meaning) = meaning {
                    write!(f, ", {meaning}")?;
                }
                let said = scrub(&body.message);
                if said.is_empty() || meaning.is_some_and(|meaning| meaning.contains(&said)) {
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
            Self::Transport => f.write_str("Transport"),
            Self::Api { status, body } => f
                .debug_struct("Api")
                .field("status", status)
                .field("name", &scrub(&body.status))
                .field("message", &scrub(&body.message))
                .finish_non_exhaustive(),
            Self::Answer { status } => f.debug_struct("Answer").field("status", status).finish(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any error that a call can end with.
    pub(crate) fn any_error(operation: Operation) -> impl Strategy<Value = Error> {
        let kinds = (0..8usize, 100u16..600, proptest::option::of((0u64..4000).prop_map(Duration::from_secs)));
        kinds.prop_map(move |(which, status, retry_after)| match which {
            0 => Error::auth(operation, AuthError::new(AuthErrorKind::Unreachable)),
            1 => Error::auth(operation, AuthError::new(AuthErrorKind::RateLimited { retry_after })),
            2 => Error::request(operation, "a cause"),
            3 => Error::transport(operation, TransportError::connect("a cause")),
            4 => Error::transport(operation, TransportError::broken("a cause")),
            5 => Error::timeout(operation),
            6 => Error::answer(operation, status, None),
            _ => Error::api(operation, status, ErrorBody::default(), retry_after),
        })
    }

    fn api(operation: Operation, status: u16, body: &str) -> Error {
        Error::api(operation, status, ErrorBody::read(body.as_bytes()), None)
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
                "<html>",
                "sending a batch was answered 404, no such app in this project or region",
            ),
            (
                Operation::BatchStatus,
                404,
                r#"{"error":{"message":"No such batch.","status":"NOT_FOUND"}}"#,
                "asking for the status of a batch was answered 404 NOT_FOUND, no such batch in this project or region, \"No such batch\"",
            ),
            (
                Operation::SendBatch,
                400,
                r#"{"error":{"message":"bad identity +1 555-010-0001"}}"#,
                "sending a batch was answered 400, \"bad identity [number]\"",
            ),
            (Operation::SendBatch, 503, "", "sending a batch was answered 503"),
        ] {
            let error = api(operation, status, body);
            assert_eq!(error.to_string(), text);
            assert!(!format!("{error:?}").contains("555"), "{error:?}");
        }
    }

    #[test]
    fn only_a_status_that_says_so_means_that_nothing_was_taken() {
        for status in 100..600 {
            let expected = match status {
                408 => Reached::Perhaps,
                400..=499 => Reached::No,
                _ => Reached::Perhaps,
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
