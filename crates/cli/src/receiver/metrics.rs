//! What is counted, and how Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sinch_batch::webhook::{CallbackOutcome, Rejection};

/// Counts since the start. What is in a label comes from this program, never from a request.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    responses: Counts<u16>,
    rejected: Counts<&'static str>,
    received: Counts<String>,
    applied: Counts<&'static str>,
    /// By the name of the secret: its place changes when secrets are read again.
    verified: Counts<String>,
    duplicates: AtomicU64,
    in_flight: AtomicU64,
}

/// Callbacks in the journal that are not in the ledger yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) bytes: u64,
    /// How long the oldest has waited.
    pub(super) age: Duration,
}

/// Counts by a label that has few values.
#[derive(Debug)]
struct Counts<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> Counts<K> {
    fn add(&self, label: K) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(label).or_default() += 1;
    }
}

impl Metrics {
    /// Counts a request by its outcome.
    pub(crate) fn count(&self, outcome: &CallbackOutcome) {
        match outcome {
            CallbackOutcome::Applied { secret, secret_name, .. } => {
                self.responses.add(200);
                self.verified.add(label(*secret, secret_name.as_deref()));
            }
            CallbackOutcome::Duplicate { secret, secret_name, .. } => {
                self.responses.add(200);
                self.verified.add(label(*secret, secret_name.as_deref()));
                self.duplicates.fetch_add(1, Ordering::Relaxed);
            }
            CallbackOutcome::Rejected(rejection) => self.rejected(rejection),
            // An outcome that is newer than this program.
            _ => {}
        }
    }

    fn rejected(&self, rejection: &Rejection) {
        self.responses.add(rejection.status().as_u16());
        self.rejected.add(rejection.code());
    }

    /// A request to a path that is not served.
    pub(crate) fn not_found(&self) {
        self.responses.add(404);
        self.rejected.add("path");
    }

    /// Counts a callback that was received and verified.
    pub(crate) fn received(&self, kind: Option<&str>) {
        self.received.add(kind.unwrap_or("UNKNOWN").to_owned());
    }

    /// Counts what applying a callback to the ledger did.
    pub(crate) fn applied(&self, outcome: &'static str) {
        self.applied.add(outcome);
    }

    /// Counts a callback as under way for as long as the guard lives.
    pub(crate) fn under_way(&self) -> impl Drop + '_ {
        struct Guard<'a>(&'a AtomicU64);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Guard(&self.in_flight)
    }

    /// The text format of Prometheus; with what waits if callbacks are answered before they are in the ledger.
    pub(super) fn text(&self, waiting: Option<Waiting>) -> String {
        let mut text = String::new();
        family(
            &mut text,
            "responses_total",
            "Requests by the status of the response.",
            "status",
            &self.responses,
            |n| n.to_string(),
        );
        family(&mut text, "rejected_total", "Rejected requests by reason.", "reason", &self.rejected, word);
        family(
            &mut text,
            "received_total",
            "Callbacks received and verified, by kind.",
            "kind",
            &self.received,
            String::clone,
        );
        family(&mut text, "applied_total", "Callbacks by what applying them did.", "outcome", &self.applied, word);
        family(
            &mut text,
            "verified_total",
            "Verified callbacks by the secret that signed them.",
            "secret",
            &self.verified,
            String::clone,
        );
        single(&mut text, "duplicates_total", "Callbacks that had been received before.", "counter", &self.duplicates);
        single(&mut text, "in_flight", "Callbacks that are being applied now.", "gauge", &self.in_flight);
        if let Some(waiting) = waiting {
            let help = "Bytes of callbacks in the journal that are not in the ledger yet.";
            value(&mut text, "spool_bytes", help, "gauge", &waiting.bytes);
            value(
                &mut text,
                "spool_age_seconds",
                "How long the oldest of them has waited.",
                "gauge",
                &waiting.age.as_secs_f64(),
            );
        }
        text
    }
}

/// What a secret is called; its place if it has no name.
fn label(place: usize, name: Option<&str>) -> String {
    name.map_or_else(|| place.to_string(), str::to_owned)
}

fn word(word: &&'static str) -> String {
    (*word).to_owned()
}

fn family<K>(text: &mut String, name: &str, help: &str, label: &str, counts: &Counts<K>, show: impl Fn(&K) -> String) {
    head(text, name, help, "counter");
    for (value, count) in &*counts.0.lock().unwrap_or_else(PoisonError::into_inner) {
        let value = show(value).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "sinch_batch_{name}{{{label}=\"{value}\"}} {count}");
    }
}

fn single(text: &mut String, name: &str, help: &str, kind: &str, number: &AtomicU64) {
    value(text, name, help, kind, &number.load(Ordering::Relaxed));
}

fn value(text: &mut String, name: &str, help: &str, kind: &str, value: &dyn Display) {
    head(text, name, help, kind);
    let _ = writeln!(text, "sinch_batch_{name} {value}");
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = write!(text, "# HELP sinch_batch_{name} {help}\n# TYPE sinch_batch_{name} {kind}\n");
}

#[cfg(test)]
mod tests {
    use sinch_batch::webhook::SignatureError;

    use super::*;

    #[test]
    fn counts_come_out_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.count(&CallbackOutcome::Rejected(Rejection::Busy));
        metrics.count(&CallbackOutcome::Rejected(Rejection::from(SignatureError::Mismatch)));
        metrics.count(&CallbackOutcome::Rejected(Rejection::from(SignatureError::Mismatch)));
        metrics.verified.add(label(0, Some("a \"b\"\\c")));
        metrics.received(None);
        let under_way = metrics.under_way();
        let text = metrics.text(None);
        for line in [
            "# TYPE sinch_batch_responses_total counter",
            "sinch_batch_responses_total{status=\"401\"} 2",
            "sinch_batch_responses_total{status=\"503\"} 1",
            "sinch_batch_rejected_total{reason=\"mismatch\"} 2",
            "sinch_batch_received_total{kind=\"UNKNOWN\"} 1",
            "sinch_batch_verified_total{secret=\"a \\\"b\\\"\\\\c\"} 1",
            "sinch_batch_duplicates_total 0",
            "sinch_batch_in_flight 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(under_way);
        assert!(metrics.text(None).ends_with("sinch_batch_in_flight 0\n"));
    }
}
