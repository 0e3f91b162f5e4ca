//! Notices for an operator on standard error, whatever the log shows.

use std::sync::atomic::{AtomicBool, Ordering};

use sinch_batch::webhook::Warning;

use crate::ledgers::Place;
use crate::say;

/// Says a warning, with what to type here.
pub(super) fn warned(warning: &Warning) {
    let sentence = warning.sentence();
    match hint(warning.code()).or(warning.hint()) {
        Some(hint) => say!("{sentence} ({hint})"),
        None => say!("{sentence}"),
    }
}

/// Where the command line has a name for what the library can only describe.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "mismatch" => "check SINCH_WEBHOOK_SECRET or --secret-file, and whether a proxy rewrites bodies",
        "ended" => "the webhook still has the old secret at the service: add it with a later end, or change it there",
        "too_large" => "if they are the service's, raise --max-body: they are lost otherwise",
        "busy" => "is the disk slow? --max-in-flight allows more at once",
        "timed_out" => "is the disk slow? --answer-timeout allows more time",
        "slow" => "--read-timeout allows more time",
        "unreadable" => "--journal keeps their bytes",
        _ => return None,
    })
}

/// Notices receipts that are not of the ledger, once.
#[derive(Debug)]
pub(super) struct UnrelatedNotice {
    ledger: Place,
    told: AtomicBool,
}

impl UnrelatedNotice {
    pub(super) fn new(ledger: Place) -> Self {
        Self { ledger, told: AtomicBool::new(false) }
    }

    /// Looks at what applying a callback did, by the label of its metric.
    pub(super) fn see(&self, what: &str) {
        if matches!(what, "unknown_campaign" | "unrelated") && !self.told.swap(true, Ordering::Relaxed) {
            let ledger = &self.ledger;
            say!(
                "receipts arrive for messages that this ledger did not send: is it the ledger of the campaign? ({ledger})"
            );
        }
    }
}
