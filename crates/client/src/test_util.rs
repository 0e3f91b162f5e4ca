//! For tests of programs that use a client: a scripted transport, and errors made by hand.
//!
//! ```
//! use sinch_batch_auth::AccessToken;
//! use sinch_batch_client::test_util::Script;
//! use sinch_batch_client::{Client, Operation, Reached, Region, TransportError};
//! use sinch_batch_models::{BatchId, ProjectId};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let script = Script::new()
//!     .with_failure(Operation::BatchStatus, || TransportError::broken("reset"))
//!     .with_response(Operation::BatchStatus, 200, r#"{"batch_id": "b", "status": "SENT"}"#);
//! let client = Client::builder(ProjectId::new("my-project"), AccessToken::new("made-up"))
//!     .with_region(Region::Eu)
//!     .with_transport(script.clone())
//!     .build()?;
//!
//! // The first attempt breaks and is repeated.
//! client.batch_status(&BatchId::new("b")).await?;
//! assert_eq!(script.requests().len(), 2);
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use sinch_batch_auth::{AuthError, BoxFuture};

use crate::transport::{Transport, TransportError};
use crate::{Error, Operation, wire};

/// A transport that plays prepared responses and keeps the requests.
///
/// Each operation has a queue of its own. A request without a prepared response fails as not connected, so that it
/// cannot be mistaken for one that was sent. Clones share queues and requests.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    queue: VecDeque<(Operation, Turn)>,
    requests: Vec<Request<Bytes>>,
}

type Turn = Box<dyn FnOnce() -> Result<Response<Bytes>, TransportError> + Send>;

impl Script {
    /// A script without any response.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a response to the next request of an operation that has none yet.
    ///
    /// # Panics
    /// If the status is not one of HTTP: 100 to 999.
    #[must_use]
    pub fn with_response(self, operation: Operation, status: u16, body: impl Into<Bytes>) -> Self {
        let status = http::StatusCode::from_u16(status).expect("a status of HTTP");
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        self.with_turn(operation, Box::new(move || Ok(response)))
    }

    /// Adds a failure to the next request of an operation that has none yet.
    #[must_use]
    pub fn with_failure(self, operation: Operation, failure: impl FnOnce() -> TransportError + Send + 'static) -> Self {
        self.with_turn(operation, Box::new(move || Err(failure())))
    }

    /// The requests so far, in the order in which they left, with bodies and headers.
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.state().requests.clone()
    }

    fn with_turn(self, operation: Operation, turn: Turn) -> Self {
        self.state().queue.push_back((operation, turn));
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Script {
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let operation = Operation::of(&request);
        let mut state = self.state();
        let at = state.queue.iter().position(|(prepared, _)| Some(*prepared) == operation);
        let turn = at.and_then(|at| state.queue.remove(at));
        state.requests.push(request);
        drop(state);
        let result = match turn {
            Some((_, turn)) => turn(),
            None => Err(TransportError::connect("the script has no response left for this operation")),
        };
        Box::pin(std::future::ready(result))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Script")
            .field("left", &state.queue.len())
            .field("requests", &state.requests.len())
            .finish_non_exhaustive()
    }
}

/// An error of a response with this status and body, as the client reads it.
///
/// # Panics
/// If the status is not one of HTTP, 100 to 999, or is 200 to 299.
pub fn error_response(operation: Operation, status: u16, body: impl Into<Bytes>) -> Error {
    let mut response = Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status of HTTP");
    match wire::read::<sinch_batch_models::AnyJson>(operation, &response, jiff::Timestamp::UNIX_EPOCH) {
        Err(error) => error,
        Ok(_) => panic!("{status} is not an error"),
    }
}

/// An error of the transport, such as [`TransportError::connect`] or [`TransportError::timeout`].
pub fn transport_failure(operation: Operation, error: TransportError) -> Error {
    Error::transport(operation, error)
}

/// An error of a source of tokens.
pub fn no_token(operation: Operation, error: AuthError) -> Error {
    Error::auth(operation, error)
}
