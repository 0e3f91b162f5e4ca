//! Counters through the `metrics` facade; without the feature, nothing. The names are
//! in the page of the crate.

use tokio::time::Instant;

use crate::Operation;

/// A call has ended.
pub(crate) fn call(operation: Operation, outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sinch_batch_client_calls_total", "operation" => operation.as_str(), "outcome" => outcome)
        .increment(1);
    let _ = (operation, outcome);
}

/// A request has ended, with a status or without an answer.
pub(crate) fn request(operation: Operation, outcome: Result<u16, &'static str>, begun: Instant) {
    #[cfg(feature = "metrics")]
    {
        let outcome = outcome.map_or_else(metrics::SharedString::from, |status| status.to_string().into());
        metrics::counter!("sinch_batch_client_requests_total", "operation" => operation.as_str(), "outcome" => outcome)
            .increment(1);
        metrics::histogram!("sinch_batch_client_request_seconds", "operation" => operation.as_str())
            .record(begun.elapsed());
    }
    let _ = (operation, outcome, begun);
}

/// A call will be repeated.
pub(crate) fn repeat(operation: Operation) {
    #[cfg(feature = "metrics")]
    metrics::counter!("sinch_batch_client_repeats_total", "operation" => operation.as_str()).increment(1);
    let _ = operation;
}
