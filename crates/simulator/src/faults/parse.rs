//! A fault in one word, as the command line takes it: `OPERATION:KIND[=VALUE][:TIMES[:AFTER]]`.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::{Fault, FaultKind, SimulatedOperation};

/// Why a fault cannot be planned: what is wrong, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FaultError(pub(super) String);

fn named<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, FaultError> {
    // serde names the alternatives.
    T::deserialize(text.into_deserializer()).map_err(|error: serde::de::value::Error| FaultError(error.to_string()))
}

/// Reads `OPERATION:KIND[=VALUE][:TIMES[:AFTER]]`. The value is `retry_after` for the kinds of rate
/// limit, and `seconds` for all others.
impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut parts = text.split(':');
        let (Some(operation), Some(kind)) = (parts.next(), parts.next()) else {
            return Err(FaultError("expected OPERATION:KIND[=VALUE][:TIMES[:AFTER]]".to_owned()));
        };
        let operation: SimulatedOperation = named(operation)?;
        let (kind, value) = kind.split_once('=').map_or((kind, None), |(kind, value)| (kind, Some(value)));
        let kind: FaultKind = named(kind)?;
        let mut fault = Self::new(operation, kind);
        if let Some(value) = value {
            fault = with_value(fault, value)?;
        }
        if let Some(times) = parts.next() {
            fault.times = count(times, "TIMES")?;
        }
        if let Some(after) = parts.next() {
            fault.after = count(after, "AFTER")?;
        }
        if parts.next().is_some() {
            return Err(FaultError("nothing follows AFTER: OPERATION:KIND[=VALUE][:TIMES[:AFTER]]".to_owned()));
        }
        fault.check()?;
        Ok(fault)
    }
}

fn with_value(fault: Fault, value: &str) -> Result<Fault, FaultError> {
    if matches!(fault.fault, FaultKind::RateLimit | FaultKind::AcceptThenRateLimit) {
        return Ok(fault.with_retry_after(value));
    }
    let seconds = value.strip_suffix('s').unwrap_or(value).parse().ok();
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(seconds) => Ok(fault.with_seconds(seconds)),
        None => Err(FaultError(format!("`{value}` is not a number of seconds"))),
    }
}

fn count(text: &str, what: &str) -> Result<u64, FaultError> {
    text.parse().map_err(|_| FaultError(format!("{what} must be a whole number, not `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(text: &str, json: &str) {
        let fault: Fault = serde_json::from_str(json).unwrap();
        assert_eq!(text.parse::<Fault>().unwrap(), fault, "{text}");
        assert_eq!(serde_json::from_value::<Fault>(serde_json::to_value(&fault).unwrap()).unwrap(), fault);
    }

    #[test]
    fn word_means_the_same_as_its_json() {
        same("send_batch:accept_then_500:2", r#"{"operation":"send_batch","fault":"accept_then_500","times":2}"#);
        same("send_batch:drop:3:1", r#"{"operation":"send_batch","fault":"drop","times":3,"after":1}"#);
        same("token:rate_limit=7", r#"{"operation":"token","fault":"rate_limit","retry_after":7}"#);
        same("send_batch:accept_then_429", r#"{"operation":"send_batch","fault":"accept_then_rate_limit"}"#);
        same("find_batches:delay=2.5s:4", r#"{"operation":"find_batches","fault":"delay","seconds":2.5,"times":4}"#);
    }

    #[test]
    fn invalid_value_lists_the_valid_names() {
        for (text, part) in [
            ("", "OPERATION:KIND"),
            ("send:drop", "`send_batch`"),
            ("send_batch:explode", "`accept_then_500`"),
            ("send_batch:drop:x", "TIMES must be a whole number"),
            ("send_batch:drop:1:-1", "AFTER must be a whole number"),
            ("send_batch:drop:1:1:1", "nothing follows AFTER"),
            ("find_batches:delay", "needs seconds"),
            ("find_batches:delay=soon", "not a number of seconds"),
            ("find_batches:delay=-1", "not a number of seconds"),
            ("send_batch:shape_null", "cannot happen to send_batch"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn every_kind_fits_some_operation() {
        for kind in FaultKind::ALL {
            assert_eq!(named::<FaultKind>(kind.name()).unwrap(), *kind);
            assert!(SimulatedOperation::ALL.iter().any(|operation| kind.fits(*operation)), "{kind:?}");
        }
    }
}
