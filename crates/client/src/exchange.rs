//! The loop around one call: token, request, answer, and what the policy says of a failure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use jiff::Timestamp;
use sinch_batch_auth::{AccessToken, TokenSource};
use tracing::Instrument as _;

use crate::transport::Transport;
use crate::{Decision, Error, Operation, RetryPolicy, retry, wire};

/// What every call of a client shares.
pub(crate) struct Exchange {
    pub(crate) tokens: Box<dyn TokenSource>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Duration,
}

impl Exchange {
    /// Makes a call, again where the policy allows it, until its answer can be read or is final.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        request: Request<Bytes>,
        read: impl Fn(&Response<Bytes>, Timestamp) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let span = tracing::debug_span!(
            "sinch_batch_call",
            method = operation.method().as_str(),
            path = operation.path_template(),
            bytes = request.body().len(),
        );
        async move {
            let mut attempt = 1;
            loop {
                let result = match self.renewing(operation, &request).await {
                    Ok(answer) => {
                        tracing::debug!(attempt, status = answer.status().as_u16(), "answered");
                        read(&answer, Timestamp::now())
                    }
                    Err(error) => Err(error),
                };
                let error = match result {
                    Ok(value) => return Ok(value),
                    Err(error) => error,
                };
                match self.retry.decide(operation.idempotency(), &error, attempt, retry::jitter()) {
                    Decision::GiveUp => {
                        tracing::debug!(attempt, kind = error.label(), reached = ?error.reached_service(), "failed");
                        return Err(error);
                    }
                    Decision::Wait(wait) => {
                        let wait_ms = wait.as_millis();
                        tracing::debug!(attempt, kind = error.label(), wait_ms, "will be repeated");
                        tokio::time::sleep(wait).await;
                    }
                }
                attempt += 1;
            }
        }
        .instrument(span)
        .await
    }

    /// One request; a second one with a new token if the service says that the first has expired.
    /// That is safe for sends too: such a request was not accepted.
    async fn renewing(&self, operation: Operation, request: &Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let token = self.token(operation).await?;
        let answer = self.once(operation, request, &token).await?;
        if !wire::says_expired(answer.status(), answer.headers()) {
            return Ok(answer);
        }
        tracing::debug!("the token has expired");
        self.tokens.expired(&token);
        let token = self.token(operation).await?;
        self.once(operation, request, &token).await
    }

    async fn token(&self, operation: Operation) -> Result<AccessToken, Error> {
        self.tokens.token().await.map_err(|error| Error::auth(operation, error))
    }

    async fn once(
        &self,
        operation: Operation,
        request: &Request<Bytes>,
        token: &AccessToken,
    ) -> Result<Response<Bytes>, Error> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| Error::request(operation, "the token does not fit into a header"))?;
        bearer.set_sensitive(true);
        let mut request = request.clone();
        request.headers_mut().insert(AUTHORIZATION, bearer);
        match tokio::time::timeout(self.timeout, self.transport.call(request)).await {
            Ok(answer) => answer.map_err(|error| Error::transport(operation, error)),
            Err(_) => Err(Error::timeout(operation)),
        }
    }
}
