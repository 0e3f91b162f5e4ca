//! Faults on demand: what goes wrong, with which operation, when.

mod kind;
mod parse;
mod plan;

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::kind::{FaultKind, SimulatedOperation};
pub use self::parse::FaultError;
pub(crate) use self::plan::Faults;

/// One planned fault. From the next matching request on: `after` requests pass, then it happens to
/// `times` requests.
///
/// ```
/// use sinch_batch_simulator::{Fault, FaultKind, SimulatedOperation};
///
/// // The third send is accepted, but its response never arrives.
/// let fault = Fault::new(SimulatedOperation::SendBatch, FaultKind::AcceptThenDrop).with_after(2);
/// let same: Fault =
///     serde_json::from_str(r#"{"operation": "send_batch", "fault": "accept_then_drop", "after": 2}"#)?;
/// assert_eq!(fault, same);
/// // As the command line takes it: OPERATION:KIND[=VALUE][:TIMES[:AFTER]].
/// assert_eq!(fault, "send_batch:accept_then_drop:1:2".parse()?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// What it happens to.
    pub operation: SimulatedOperation,
    /// What goes wrong.
    pub fault: FaultKind,
    /// How many matching requests pass first.
    #[serde(default)]
    pub after: u64,
    /// How many requests it happens to. Default: 1.
    #[serde(default = "once")]
    pub times: u64,
    /// With the kinds of rate limit: the header `Retry-After`, in seconds or as a date.
    #[serde(default, deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// With [`FaultKind::Stale`] how old the response is, with [`FaultKind::VisibleAfter`] how long the
    /// batch stays hidden. With any other kind: how much later the response leaves, or the connection
    /// closes.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Duration>,
    /// With any fault of a send that accepts its batch: how long the batch stays hidden from look-ups,
    /// in place of [`SimulatorConfig::visibility_delay`](crate::SimulatorConfig::visibility_delay).
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub hidden_seconds: Option<Duration>,
}

impl Fault {
    /// Happens once, with the next matching request.
    pub fn new(operation: SimulatedOperation, fault: FaultKind) -> Self {
        Self { operation, fault, after: 0, times: 1, retry_after: None, seconds: None, hidden_seconds: None }
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn with_after(mut self, requests: u64) -> Self {
        self.after = requests;
        self
    }

    /// Happens so many times in a row.
    #[must_use]
    pub fn with_times(mut self, requests: u64) -> Self {
        self.times = requests;
        self
    }

    /// Adds the header `Retry-After` to a 429.
    #[must_use]
    pub fn with_retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// Sets [`seconds`](Self::seconds).
    #[must_use]
    pub fn with_seconds(mut self, time: Duration) -> Self {
        self.seconds = Some(time);
        self
    }

    /// Sets [`hidden_seconds`](Self::hidden_seconds).
    #[must_use]
    pub fn with_hidden_seconds(mut self, time: Duration) -> Self {
        self.hidden_seconds = Some(time);
        self
    }

    /// Whether this can happen.
    ///
    /// # Errors
    /// If the operation cannot have this fault, or a time is missing.
    pub fn check(&self) -> Result<(), FaultError> {
        let (kind, operation) = (self.fault.name(), self.operation.name());
        if !self.fault.fits(self.operation) {
            return Err(FaultError(format!("{kind} cannot happen to {operation}")));
        }
        if self.fault.needs_seconds() && self.seconds.is_none() {
            return Err(FaultError(format!("{kind} needs seconds, such as {kind}=5 or \"seconds\": 5")));
        }
        if self.hidden_seconds.is_some() && self.operation != SimulatedOperation::SendBatch {
            return Err(FaultError(format!("hidden_seconds is for send_batch, not for {operation}")));
        }
        Ok(())
    }

    /// How much later the response leaves.
    pub(crate) fn delay(&self) -> Duration {
        match self.fault {
            FaultKind::Stale | FaultKind::VisibleAfter => Duration::ZERO,
            _ => self.seconds.unwrap_or_default(),
        }
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

/// A time as a number of seconds.
mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_f64(time.as_secs_f64()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let Some(seconds) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
        let time = Duration::try_from_secs_f64(seconds);
        time.map(Some).map_err(|_| serde::de::Error::custom("a time must be a number of seconds, 0 or more"))
    }
}
