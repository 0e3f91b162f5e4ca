//! Callbacks on the screen as they arrive: one line each, without numbers and texts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sinch_batch::ledger::{Ledger, ReceivedCallback};
use sinch_batch::models::callback::{CallbackKind, Trigger};
use sinch_batch::models::{BatchId, Callback, Timestamp};
use sinch_batch::tracking::{MessageRef, Observation};
use sinch_batch::webhook::Rejection;

use crate::args::PrintAs;
use crate::output::{out, write_json_line};

/// Prints callbacks.
pub(super) struct Arrivals {
    print: PrintAs,
    /// Only these kinds; all if there is none.
    events: Vec<Trigger>,
    ledger: Arc<dyn Ledger>,
    /// Names of campaigns by their keys.
    names: Mutex<HashMap<Box<str>, String>>,
}

/// What is shown of a callback.
#[derive(Debug, Default, Serialize)]
struct Arrival {
    time: Timestamp,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    response: u16,
    millis: u128,
}

/// What is shown of a request that was refused before it was read as a callback.
#[derive(Debug, Serialize)]
struct Refused {
    time: Timestamp,
    refused: &'static str,
    response: u16,
}

impl Arrivals {
    /// Nothing if nothing is to be printed.
    pub(super) fn new(print: PrintAs, events: &[Trigger], ledger: Arc<dyn Ledger>) -> Option<Self> {
        let events = events.to_vec();
        (print != PrintAs::None).then(|| Self { print, events, ledger, names: Mutex::default() })
    }

    /// Prints a callback that was answered.
    pub(super) async fn show(&self, callback: &Callback, response: u16, took: Duration) {
        let trigger = callback.trigger();
        if !self.events.is_empty() && !trigger.as_ref().is_some_and(|trigger| self.events.contains(trigger)) {
            return;
        }
        let mut arrival = arrival(callback, Timestamp::now());
        arrival.response = response;
        arrival.millis = took.as_millis();
        if let Some(key) = arrival.campaign.take() {
            arrival.campaign = self.name(&key).await;
        }
        // A screen that cannot be written is not a reason to refuse callbacks.
        let _ = match self.print {
            PrintAs::Json => write_json_line(&arrival).is_ok(),
            _ => out(arrival.line().as_bytes()).is_ok(),
        };
    }

    /// Prints a request that was refused, with the reason; its kind is not known, so not where kinds were chosen.
    pub(super) fn refused(&self, rejection: &Rejection) {
        // A sink that failed is shown with its callback.
        if !self.events.is_empty() || matches!(rejection, Rejection::Sink(_)) {
            return;
        }
        let now = Timestamp::now();
        let refused = Refused {
            time: Timestamp::from_second(now.as_second()).unwrap_or(now),
            refused: rejection.code(),
            response: rejection.status().as_u16(),
        };
        let _ = match self.print {
            PrintAs::Json => write_json_line(&refused).is_ok(),
            _ => out(refused.line().as_bytes()).is_ok(),
        };
    }

    /// What the campaign of a key is called; none if the ledger does not have it.
    async fn name(&self, key: &str) -> Option<String> {
        if let Some(name) = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Some(name.clone());
        }
        let campaigns = self.ledger.campaigns().await.ok()?;
        let name = campaigns.into_iter().find(|campaign| campaign.key.as_str() == key)?.name;
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), name.clone());
        Some(name)
    }
}

/// What a callback says that may be shown; `campaign` is the campaign's key.
fn arrival(callback: &Callback, time: Timestamp) -> Arrival {
    let origin = callback.origin();
    let mut arrival = Arrival {
        time: Timestamp::from_second(time.as_second()).unwrap_or(time),
        kind: callback.trigger().map_or_else(|| "UNKNOWN".to_owned(), |trigger| trigger.as_str().to_owned()),
        status: match &callback.kind {
            CallbackKind::MessageDelivery(report) => report.status.as_ref().map(|status| status.as_str().to_owned()),
            CallbackKind::BatchStatusUpdate(update) => {
                update.batch_status.as_ref().map(|status| status.as_str().to_owned())
            }
            _ => None,
        },
        batch_id: origin.batch_id.as_ref().map(|id| id.as_str().to_owned()),
        index: origin.index,
        ..Arrival::default()
    };
    if let Some(Observation::Message(update)) = ReceivedCallback::of(callback, time).observation() {
        arrival.batch_id = arrival.batch_id.or_else(|| update.batch_id.as_ref().map(BatchId::to_string));
        if let MessageRef::Row(key) = &update.message {
            arrival.row = Some(key.row);
            arrival.campaign = Some(key.campaign.to_string());
        }
    }
    arrival
}

impl Refused {
    /// `21:04:12  refused  mismatch  401`
    fn line(&self) -> String {
        format!("{}  refused  {}  {}\n", self.time.strftime("%H:%M:%S"), self.refused, self.response)
    }
}

impl Arrival {
    /// `21:04:12  MESSAGE_DELIVERY  DELIVERED  batch …WQET #17 → row 1017 nov  200  3 ms`
    fn line(&self) -> String {
        let mut parts = vec![self.time.strftime("%H:%M:%S").to_string(), self.kind.clone()];
        parts.extend(self.status.clone());
        if let Some(id) = &self.batch_id {
            let end: String = id.chars().skip(id.chars().count().saturating_sub(4)).collect();
            let index = self.index.map(|index| format!(" #{index}")).unwrap_or_default();
            let row = self.row_and_campaign().map(|row| format!(" → {row}")).unwrap_or_default();
            parts.push(format!("batch …{end}{index}{row}"));
        } else {
            parts.extend(self.row_and_campaign());
        }
        parts.extend([self.response.to_string(), format!("{} ms", self.millis)]);
        format!("{}\n", parts.join("  "))
    }

    fn row_and_campaign(&self) -> Option<String> {
        let campaign = self.campaign.as_deref().unwrap_or("of a campaign elsewhere");
        self.row.map(|row| format!("row {row} {campaign}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_ids_and_no_personal_data() {
        let callback: Callback = serde_json::from_str(
            r#"{"message_delivery_report": {"status": "FAILED", "channel_identity": {"channel": "SMS", "identity": "+15550100042"},
            "reason": {"code": "BAD_REQUEST", "description": "no"}},
            "message_metadata": "{\"batchId\":\"01KZ2D9R6AYBT8DN9B4MPA14Y8\",\"messageIndex\":17}"}"#,
        )
        .unwrap();
        let mut arrival = arrival(&callback, Timestamp::from_second(1_947_146_400).unwrap());
        (arrival.response, arrival.millis) = (200, 3);
        assert_eq!(arrival.line(), "10:00:00  MESSAGE_DELIVERY  FAILED  batch …14Y8 #17  200  3 ms\n");
        (arrival.row, arrival.campaign) = (Some(1017), Some("nov".to_owned()));
        assert!(arrival.line().contains("batch …14Y8 #17 → row 1017 nov  200"), "{}", arrival.line());
        assert!(!arrival.line().contains("1555"), "{}", arrival.line());
    }
}
