//! Callbacks of every kind with invented values, in the shapes of the service: the files of the folder
//! `samples`, with ids and times of now.

use serde_json::{Value, json};
use sinch_batch::models::Timestamp;
use sinch_batch::models::callback::Trigger;
use sinch_batch::simulator::ulid;

use crate::args::AboutArgs;

/// Every kind there is.
pub(crate) fn kinds() -> impl Iterator<Item = Trigger> {
    Trigger::KNOWN.iter().map(|name| Trigger::from(*name)).filter(|trigger| *trigger != Trigger::Unspecified)
}

/// An id as the service makes them: a ULID of that time.
pub(crate) fn fresh_id(now: Timestamp) -> String {
    ulid(now, uuid::Uuid::new_v4().as_u128())
}

/// Values of the files that each sample replaces, in the order of [`Samples::fresh`].
const PLACEHOLDERS: [&str; 7] = [
    "01KZ4EBHKN27EZJ4Q91V5C36G1",
    "6c1f0d52-8a37-4f0e-9b64-2f1d7f3f9a10",
    "01KZ2D9R6AYBT8DN9B4MPA14Y8",
    "01KZ4QJ38K8C1AVZA3F56M7JYD",
    "01KZW024DYBNMTEMSNQ6MDSJYG",
    "01KZ094YTCKKX8P8S20HQQG5BN",
    "2031-09-14T10:05:02.118Z",
];

/// The id in the files that stands for any other: each gets an id of its own.
const OTHER: &str = "01KZZ5GJ80G7PVBBDEWKZT9M9Z";

/// Makes samples about one batch, one message and one contact.
#[derive(Debug)]
pub(crate) struct Samples {
    now: Timestamp,
    /// App, project, batch, message, contact, conversation, time.
    fresh: [String; PLACEHOLDERS.len()],
    index: u32,
    status: String,
}

impl Samples {
    pub(crate) fn new(about: &AboutArgs, now: Timestamp) -> Self {
        let fresh = [
            fresh_id(now),
            uuid::Uuid::new_v4().to_string(),
            about.batch_id.clone().unwrap_or_else(|| fresh_id(now)),
            fresh_id(now),
            fresh_id(now),
            fresh_id(now),
            now.to_string(),
        ];
        Self { now, fresh, index: about.index, status: about.status.clone() }
    }

    /// The body of a callback of a kind; `None` for a kind that this release has no sample of.
    pub(crate) fn body(&self, kind: &Trigger) -> Option<Vec<u8>> {
        let mut callback = serde_json::from_str(file(kind)?).ok()?;
        self.fill(&mut callback);
        if *kind == Trigger::MessageDelivery {
            self.say_what_was_delivered(&mut callback);
        }
        serde_json::to_vec(&callback).ok()
    }

    /// Puts the values of now into every string, also into JSON inside of one.
    fn fill(&self, value: &mut Value) {
        match value {
            Value::String(text) if text == OTHER => *text = fresh_id(self.now),
            Value::String(text) => {
                if let Some(place) = PLACEHOLDERS.iter().position(|fixed| fixed == text) {
                    text.clone_from(&self.fresh[place]);
                } else if let Ok(mut inner @ Value::Object(_)) = serde_json::from_str(text) {
                    self.fill(&mut inner);
                    *text = inner.to_string();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Which message of the batch a delivery report is about, by which the ledger finds its row, and its status.
    fn say_what_was_delivered(&self, callback: &mut Value) {
        let [_, _, batch, ..] = &self.fresh;
        callback["message_metadata"] = json!({"batchId": batch, "messageIndex": self.index}).to_string().into();
        let report = &mut callback["message_delivery_report"];
        report["status"] = self.status.as_str().into();
        let reason = match self.status.as_str() {
            "FAILED" => Some(("RECIPIENT_NOT_REACHABLE", "the recipient could not be reached")),
            "SWITCHING_CHANNEL" => Some(("CHANNEL_FAILURE", "the channel did not take the message")),
            _ => None,
        };
        if let Some((code, description)) = reason {
            report["reason"] = json!({"code": code, "description": description});
        }
    }
}

/// The file of a kind, called by the key of the kind on the wire.
fn file(kind: &Trigger) -> Option<&'static str> {
    Some(match kind {
        Trigger::MessageDelivery => include_str!("../samples/message_delivery_report.json"),
        Trigger::BatchStatusUpdate => include_str!("../samples/batch_status_update_notification.json"),
        Trigger::MessageInbound => include_str!("../samples/message.json"),
        Trigger::MessageRedaction => include_str!("../samples/message_redaction.json"),
        Trigger::MessageSubmit => include_str!("../samples/message_submit_notification.json"),
        Trigger::EventInbound => include_str!("../samples/event.json"),
        Trigger::EventDelivery => include_str!("../samples/event_delivery_report.json"),
        Trigger::ConversationStart => include_str!("../samples/conversation_start_notification.json"),
        Trigger::ConversationStop => include_str!("../samples/conversation_stop_notification.json"),
        Trigger::ConversationDelete => include_str!("../samples/conversation_delete_notification.json"),
        Trigger::ContactCreate => include_str!("../samples/contact_create_notification.json"),
        Trigger::ContactUpdate => include_str!("../samples/contact_update_notification.json"),
        Trigger::ContactDelete => include_str!("../samples/contact_delete_notification.json"),
        Trigger::ContactMerge => include_str!("../samples/contact_merge_notification.json"),
        Trigger::ContactIdentitiesDuplication => {
            include_str!("../samples/duplicated_contact_identities_notification.json")
        }
        Trigger::Capability => include_str!("../samples/capability_notification.json"),
        Trigger::OptIn => include_str!("../samples/opt_in_notification.json"),
        Trigger::OptOut => include_str!("../samples/opt_out_notification.json"),
        Trigger::ChannelEvent => include_str!("../samples/channel_event_notification.json"),
        Trigger::SmartConversation => include_str!("../samples/smart_conversation_notification.json"),
        Trigger::Record => include_str!("../samples/record_notification.json"),
        Trigger::Unsupported => include_str!("../samples/unsupported_callback.json"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use sinch_batch::models::Callback;
    use sinch_batch::models::wire::parse;
    use sinch_batch::tracking::{Observation, observe};

    use super::*;

    fn samples(status: &str) -> Samples {
        let about = AboutArgs { batch_id: Some("B1".to_owned()), index: 7, status: status.to_owned() };
        Samples::new(&about, "2031-10-01T07:30:00Z".parse().unwrap())
    }

    #[test]
    fn samples_cover_every_kind_with_known_fields() {
        let samples = samples("DELIVERED");
        assert_eq!(kinds().count(), 22);
        for kind in kinds() {
            let body = samples.body(&kind).unwrap_or_else(|| panic!("{kind:?}"));
            let callback: Callback = parse(&body).unwrap();
            assert_eq!(callback.trigger(), Some(kind));
            assert_eq!(callback.unknown_fields(), Vec::<String>::new());
            let text = String::from_utf8(body.clone()).unwrap();
            assert!(PLACEHOLDERS.iter().all(|fixed| !text.contains(fixed)), "{text}");
            // Nothing of it is lost in the types.
            let raw: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(serde_json::to_value(&callback).unwrap(), raw);
        }
    }

    #[test]
    fn samples_of_a_batch_reach_the_ledger() {
        for status in ["QUEUED_ON_CHANNEL", "DELIVERED", "READ", "FAILED", "SWITCHING_CHANNEL"] {
            let seen = |kind| observe(&parse::<Callback>(&samples(status).body(&kind).unwrap()).unwrap());
            let Some(Observation::Message(message)) = seen(Trigger::MessageDelivery) else { panic!("{status}") };
            assert_eq!(message.batch_id.as_ref().map(|id| id.as_str()), Some("B1"));
            assert!(matches!(seen(Trigger::BatchStatusUpdate), Some(Observation::Batch(_))));
        }
    }
}
