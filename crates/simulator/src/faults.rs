//! Faults on demand: what goes wrong, with which operation, when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};

/// What a fault happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// `POST /oauth2/token`.
    Token,
    /// `POST /messages`.
    SendBatch,
    /// `GET /messages/{batch_id}`.
    BatchStatus,
    /// `GET /messages?metadataKey=…&metadataValue=…`.
    FindBatches,
    /// `DELETE /messages`.
    CancelBatch,
    /// `POST /contacts`.
    CreateContacts,
    /// `DELETE /contacts`.
    DeleteContacts,
    /// `POST /consents`.
    InsertConsents,
    /// Callbacks to the webhook.
    Callback,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The request is done, and answered 500. A callback is sent, and then again as if it had failed.
    #[serde(rename = "accept_then_500")]
    AcceptThen500,
    /// The request is done, and the connection closed without an answer. Callbacks as above.
    AcceptThenDrop,
    /// The request is done, and its answer never comes; the connection stays open until the simulator
    /// stops. Callbacks as above.
    AcceptThenHang,
    /// Answered 500, not done. A callback is not sent, but tried again later.
    #[serde(rename = "refuse_500")]
    Refuse500,
    /// Answered 503, not done. Callbacks as above.
    #[serde(rename = "refuse_503")]
    Refuse503,
    /// Answered 429, not done. Callbacks as above.
    RateLimit,
    /// The connection is closed without an answer, the request not done. A callback is lost.
    Drop,
    /// The token of the request expires now, and the answer says so. A token that is asked for is
    /// expired from the start.
    ExpireToken,
    /// No answer ever; the connection stays open until the simulator stops. A callback is lost.
    Hang,
}

/// One planned fault. From the next matching request on: `after` requests pass, `times` suffer.
///
/// ```
/// use sinch_batch_simulator::{Fault, FaultKind, Operation};
///
/// // The third send is accepted, but its answer never arrives.
/// let fault = Fault::new(Operation::SendBatch, FaultKind::AcceptThenDrop).after(2);
/// let same: Fault =
///     serde_json::from_str(r#"{"operation": "send_batch", "fault": "accept_then_drop", "after": 2}"#)?;
/// assert_eq!(fault, same);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// What it happens to.
    pub operation: Operation,
    /// What goes wrong.
    pub fault: FaultKind,
    /// How many matching requests pass first.
    #[serde(default)]
    pub after: u64,
    /// How many suffer. Default: 1.
    #[serde(default = "once")]
    pub times: u64,
    /// With [`FaultKind::RateLimit`]: the header `Retry-After`, in seconds or as a date.
    #[serde(default, deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
}

impl Fault {
    /// Happens once, with the next matching request.
    pub fn new(operation: Operation, fault: FaultKind) -> Self {
        Self { operation, fault, after: 0, times: 1, retry_after: None }
    }

    /// Lets so many matching requests pass first.
    pub fn after(mut self, requests: u64) -> Self {
        self.after = requests;
        self
    }

    /// Happens so many times in a row.
    pub fn times(mut self, requests: u64) -> Self {
        self.times = requests;
        self
    }

    /// Adds the header `Retry-After` to a 429.
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }
}

fn once() -> u64 {
    1
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text)),
        serde_json::Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(serde::de::Error::custom("retry_after must be seconds or a date")),
    }
}

/// The faults that are still to happen, in the order they were planned.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn plan(&self, fault: Fault) {
        if fault.times > 0 {
            self.lock().push(fault);
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to this request: the first plan that is due. Every plan counts it.
    pub(crate) fn take(&self, operation: Operation) -> Option<Fault> {
        let mut plans = self.lock();
        let mut hit = None;
        for plan in plans.iter_mut().filter(|plan| plan.operation == operation) {
            if plan.after > 0 {
                plan.after -= 1;
            } else if hit.is_none() {
                plan.times = plan.times.saturating_sub(1);
                hit = Some(plan.clone());
            }
        }
        plans.retain(|plan| plan.times > 0);
        hit
    }

    /// The request did not get as far as the fault: the next one will.
    pub(crate) fn give_back(&self, fault: Fault) {
        self.lock().insert(0, Fault { after: 0, times: 1, ..fault });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_happen_when_planned_and_only_then() {
        let faults = Faults::default();
        faults.plan(Fault::new(Operation::SendBatch, FaultKind::Drop).after(1).times(2));
        faults.plan(Fault::new(Operation::SendBatch, FaultKind::Hang).after(2));
        let take = |operation| faults.take(operation).map(|fault| fault.fault);
        assert_eq!(take(Operation::Token), None);
        let sends: Vec<_> = (0..6).map(|_| take(Operation::SendBatch)).collect();
        let (drop, hang) = (Some(FaultKind::Drop), Some(FaultKind::Hang));
        assert_eq!(sends, [None, drop, drop, hang, None, None]);
    }
}
