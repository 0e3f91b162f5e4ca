//! Questions to an error, each with what to do if it is so.

use sinch_batch_auth::AuthErrorKind;
use sinch_batch_models::ErrorBody;

use super::{Error, ErrorKind};

impl Error {
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

    /// Whether the request itself is at fault: it could not be written, or answered 400, 413 or 422.
    ///
    /// # What to do
    /// Fix the request; the same one will be refused again. Nothing was accepted.
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
    /// Nothing was accepted, so the same call may be made again after a while. If it stays, compare the
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
    /// Nothing was accepted.
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
}

/// The name in a response 403 to a project that is blocked for credit.
const BILLING: &str = "BILLING_CREDIT_LIMIT_BREACHED";

pub(super) fn is_billing(body: &ErrorBody) -> bool {
    body.message.contains(BILLING)
        || body.status.contains(BILLING)
        || body.details.iter().any(|detail| detail.to_string().contains(BILLING))
}
