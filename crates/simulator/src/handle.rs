//! One request to the service, from its first byte to its end: answered, or ended by a fault.

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::answer::{Answer, Body};
use crate::api::{Call, Conditions, answer};
use crate::apply::{End, apply_fault};
use crate::clock::later;
use crate::faults::Fault;
use crate::server::{Closed, read};
use crate::shared::Shared;

/// Answers one request, or applies the fault that waits for its operation.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let call = Call::of(&head.method, head.uri.path());
    let (name, operation) = call.names();
    let Some(body) = read(body).await? else {
        shared.counters.request(name, "413");
        shared.requests.add(shared.clock.now(), name, &head, None, None, "413");
        return Ok(Answer::too_large().into_response());
    };
    let fault = operation.and_then(|operation| shared.faults.take(operation));
    let delay = fault.as_ref().map(Fault::delay).filter(|delay| !delay.is_zero());
    let kind = fault.as_ref().map(|fault| fault.fault.name());
    let leaves = delay.map(|delay| later(shared.clock.now(), delay));
    let end = match fault {
        None => End::Answer(answer(&shared, &call, &head, &body, Conditions::usual(&shared))),
        Some(fault) => apply_fault(&shared, fault, &call, &head, &body),
    };
    shared.counters.request(name, end.name());
    shared.requests.add(shared.clock.now(), name, &head, Some(&body), kind, end.name());
    if let Some(leaves) = leaves {
        shared.clock.sleep_until(leaves).await;
    }
    match end {
        End::Answer(answer) => {
            let answer = if shared.config.flat_errors { answer.flat() } else { answer };
            Ok(answer.into_response())
        }
        End::Close => Err(Closed),
        End::Never => std::future::pending().await,
    }
}
