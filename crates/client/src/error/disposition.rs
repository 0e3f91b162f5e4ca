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
    /// What the failure means for the calls behind it.
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
