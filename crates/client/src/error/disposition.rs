//! What a failed call means for the calls behind it.

use super::{Error, Reached};

/// What a failed call means for a program that has more to send.
///
/// The kinds are in the order in which [`Error::disposition`] asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// The service called a new token expired. Nothing was accepted; the same call may pass with a later token, or
    /// the credentials are at fault.
    TokenExpired,
    /// Key, secret or their rights are at fault: no other call will pass either. Nothing was accepted by this
    /// attempt.
    Credentials,
    /// The service may have accepted it. After a send, look it up before anything else.
    Unknown,
    /// Nothing was accepted, and the same call may pass later.
    Later,
    /// The balance of the account is at fault: no other call will pass either.
    Credit,
    /// This request is at fault; another may pass.
    Request,
    /// Project, app, region or base URL are at fault: no other call will pass either.
    Service,
}

impl Error {
    /// The consequence of the failure for the calls behind it.
    pub fn disposition(&self) -> Disposition {
        if self.is_token_expired() {
            Disposition::TokenExpired
        } else if self.is_credentials() {
            Disposition::Credentials
        } else if self.reached_service() == Reached::Unknown {
            Disposition::Unknown
        } else if self.is_transient() {
            Disposition::Later
        } else if self.is_credit_limit() {
            Disposition::Credit
        } else if self.is_bad_request() {
            Disposition::Request
        } else {
            Disposition::Service
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sinch_batch_auth::{AuthError, AuthErrorKind};

    use super::*;
    use crate::transport::TransportError;
    use crate::{Operation, wire};

    fn answered(status: u16, header: &'static str, body: &'static str) -> Error {
        let response = http::Response::builder().status(status).header("www-authenticate", header);
        wire::read_batch_sent(&response.body(Bytes::from(body)).unwrap(), jiff::Timestamp::UNIX_EPOCH).unwrap_err()
    }

    #[test]
    fn disposition_says_what_a_failure_means_for_the_next_call() {
        use Disposition::{Credentials, Credit, Later, Request, Service, TokenExpired, Unknown};
        let send = Operation::SendBatch;
        let credit = r#"{"error":{"message":"BILLING_CREDIT_LIMIT_BREACHED"}}"#;
        for (error, expected) in [
            (answered(401, "Bearer expired", ""), TokenExpired),
            (answered(401, "Bearer", ""), Credentials),
            (answered(403, "", "{}"), Credentials),
            (answered(403, "", credit), Credit),
            (answered(400, "", "{}"), Request),
            (answered(422, "", "{}"), Request),
            (answered(404, "", "{}"), Service),
            (answered(408, "", "{}"), Unknown),
            (answered(429, "", "{}"), Later),
            (answered(500, "", "{}"), Unknown),
            (answered(200, "", "<html>"), Unknown),
            (Error::request(send, "a cause"), Request),
            (Error::transport(send, TransportError::connect("a cause")), Later),
            (Error::transport(send, TransportError::broken("a cause")), Unknown),
            (Error::auth(send, AuthError::new(AuthErrorKind::Refused)), Credentials),
            (Error::auth(send, AuthError::new(AuthErrorKind::Server)), Later),
            (Error::auth(send, AuthError::new(AuthErrorKind::InvalidResponse)), Service),
            (Error::transport(send, TransportError::connect("a cause")).after(Reached::Unknown), Unknown),
        ] {
            assert_eq!(error.disposition(), expected, "{error}");
        }
    }
}
