//! Callbacks of every kind with invented values, in the shapes of the service.

use serde_json::{Map, Value, json};
use sinch_batch::models::Timestamp;
use sinch_batch::models::callback::Trigger;

use crate::args::AboutArgs;

/// Every kind there is.
pub(crate) fn kinds() -> impl Iterator<Item = Trigger> {
    Trigger::KNOWN.iter().map(|name| Trigger::from(*name)).filter(|trigger| *trigger != Trigger::Unspecified)
}

/// An id as the service makes them: a ULID of that time.
pub(crate) fn fresh_id(now: Timestamp) -> String {
    ulid(now, uuid::Uuid::new_v4().as_u128())
}

fn ulid(now: Timestamp, random: u128) -> String {
    const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const RANDOM: u32 = 80;
    let millis = u128::from(now.as_millisecond().unsigned_abs()) & ((1 << 48) - 1);
    let bits = millis << RANDOM | (random & ((1 << RANDOM) - 1));
    let digit = |place: u32| char::from(CROCKFORD[(bits >> (place * 5)) as usize & 31]);
    (0..26).rev().map(digit).collect()
}

/// Makes samples about one batch, one message and one contact.
#[derive(Debug)]
pub(crate) struct Samples {
    now: Timestamp,
    app: String,
    project: String,
    batch: String,
    message: String,
    contact: String,
    conversation: String,
    index: u32,
    status: String,
}

const NUMBER: &str = "+15550100042";
const SENDER: &str = "+15550100900";

impl Samples {
    pub(crate) fn new(about: &AboutArgs, now: Timestamp) -> Self {
        Self {
            now,
            app: fresh_id(now),
            project: uuid::Uuid::new_v4().to_string(),
            batch: about.batch_id.clone().unwrap_or_else(|| fresh_id(now)),
            message: fresh_id(now),
            contact: fresh_id(now),
            conversation: fresh_id(now),
            index: about.index,
            status: about.status.clone(),
        }
    }

    /// The body of a callback of a kind; `None` for a kind that this release has no sample of.
    pub(crate) fn body(&self, kind: &Trigger) -> Option<Vec<u8>> {
        let (key, value) = self.kind(kind)?;
        let mut callback = Map::new();
        let mut put = |key: &str, value: Value| callback.insert(key.to_owned(), value);
        let about_contact = key.starts_with("contact_");
        put("app_id", if about_contact { "".into() } else { self.app.as_str().into() });
        put("project_id", self.project.as_str().into());
        // Published examples of these two have no times.
        if !matches!(kind, Trigger::ConversationStart | Trigger::ConversationStop) {
            put("accepted_time", self.time());
            put("event_time", self.time());
        }
        put(key, value);
        put("message_metadata", self.message_metadata(kind).into());
        serde_json::to_vec(&callback).ok()
    }

    fn time(&self) -> Value {
        self.now.to_string().into()
    }

    /// With a delivery report it says which message of the batch: the ledger finds its row by that.
    fn message_metadata(&self, kind: &Trigger) -> String {
        match kind {
            Trigger::MessageDelivery => json!({"batchId": self.batch, "messageIndex": self.index}).to_string(),
            Trigger::MessageInbound | Trigger::EventInbound => {
                json!({"desk": "north", "_batch_id": self.batch}).to_string()
            }
            _ => String::new(),
        }
    }

    fn kind(&self, kind: &Trigger) -> Option<(&'static str, Value)> {
        let identity = || json!({"channel": "SMS", "identity": NUMBER, "app_id": ""});
        let metadata = json!({"order": "A-1001", "_batch_id": self.batch}).to_string();
        Some(match kind {
            Trigger::MessageDelivery => ("message_delivery_report", self.delivery(&metadata)),
            Trigger::BatchStatusUpdate => (
                "batch_status_update_notification",
                json!({
                    "batch_id": self.batch,
                    "batch_status": "BATCH_STATUS_PROCESSED",
                    "batch_type": "BATCH_TYPE_MESSAGES",
                    "additional_data": {"message_batch_data": {
                        "send_after": self.time(),
                        "batch_metadata": {"campaign": "autumn", "wave": "2"},
                    }},
                }),
            ),
            Trigger::MessageInbound => ("message", self.inbound("Thanks, 10 is fine")),
            Trigger::MessageRedaction => ("message_redaction", self.inbound("Call me at {PHONE}")),
            Trigger::MessageSubmit => (
                "message_submit_notification",
                json!({
                    "message_id": self.message,
                    "conversation_id": "",
                    "channel_identity": identity(),
                    "contact_id": "",
                    "submitted_message": {"text_message": {"text": "Hi Ines, your parcel arrives at 10."}},
                    "metadata": metadata,
                    "processing_mode": "DISPATCH",
                }),
            ),
            Trigger::EventInbound => (
                "event",
                json!({
                    "id": fresh_id(self.now),
                    "direction": "TO_APP",
                    "contact_event": {"composing_event": {}},
                    "channel_identity": {"channel": "WHATSAPP", "identity": "15550100042", "app_id": ""},
                    "contact_id": self.contact,
                    "conversation_id": self.conversation,
                    "accept_time": self.time(),
                    "processing_mode": "CONVERSATION",
                }),
            ),
            Trigger::EventDelivery => (
                "event_delivery_report",
                json!({
                    "event_id": fresh_id(self.now),
                    "status": "DELIVERED",
                    "channel_identity": {"channel": "RCS", "identity": NUMBER, "app_id": ""},
                    "contact_id": self.contact,
                    "conversation_id": self.conversation,
                    "metadata": "",
                    "processing_mode": "CONVERSATION",
                }),
            ),
            Trigger::ConversationStart => ("conversation_start_notification", self.conversation(true)),
            Trigger::ConversationStop => ("conversation_stop_notification", self.conversation(false)),
            Trigger::ConversationDelete => ("conversation_delete_notification", self.conversation(false)),
            Trigger::ContactCreate => ("contact_create_notification", json!({"contact": self.contact(&self.contact)})),
            Trigger::ContactUpdate => ("contact_update_notification", json!({"contact": self.contact(&self.contact)})),
            Trigger::ContactDelete => ("contact_delete_notification", json!({"contact": self.contact(&self.contact)})),
            Trigger::ContactMerge => (
                "contact_merge_notification",
                json!({
                    "preserved_contact": self.contact(&self.contact),
                    "deleted_contact": self.contact(&fresh_id(self.now)),
                }),
            ),
            Trigger::ContactIdentitiesDuplication => (
                "duplicated_contact_identities_notification",
                json!({"duplicated_identities": [
                    {"channel": "SMS", "contact_ids": [self.contact, fresh_id(self.now)]},
                ]}),
            ),
            Trigger::Capability => (
                "capability_notification",
                json!({
                    "request_id": fresh_id(self.now),
                    "contact_id": self.contact,
                    "channel": "RCS",
                    "identity": NUMBER,
                    "capability_status": "CAPABILITY_PARTIAL",
                    "channel_capabilities": ["RICHCARD_STANDALONE"],
                }),
            ),
            Trigger::OptIn => ("opt_in_notification", self.consent("OPT_IN_SUCCEEDED")),
            Trigger::OptOut => ("opt_out_notification", self.consent("OPT_OUT_SUCCEEDED")),
            Trigger::ChannelEvent => (
                "channel_event_notification",
                json!({"channel_event": {
                    "channel": "WHATSAPP",
                    "event_type": "WHATS_APP_QUALITY_RATING_CHANGED",
                    "additional_data": {"quality_rating": "GREEN"},
                }}),
            ),
            Trigger::SmartConversation => (
                "smart_conversation_notification",
                json!({
                    "contact_id": self.contact,
                    "channel_identity": NUMBER,
                    "channel": "SMS",
                    "message_id": self.message,
                    "conversation_id": self.conversation,
                    "analysis_results": {"ml_sentiment_result": [{
                        "message": "Thanks, 10 is fine",
                        "results": [
                            {"sentiment": "positive", "score": 0.91},
                            {"sentiment": "neutral", "score": 0.07},
                            {"sentiment": "negative", "score": 0.02},
                        ],
                        "sentiment": "positive",
                        "score": 0.91,
                    }]},
                }),
            ),
            Trigger::Record => (
                "record_notification",
                json!({
                    "entity_id": self.message,
                    "record_status": "EVENT_RECORD_STORED",
                    "channel_identity": identity(),
                    "contact_id": "",
                    "conversation_id": "",
                    "processing_mode": "DISPATCH",
                }),
            ),
            Trigger::Unsupported => (
                "unsupported_callback",
                json!({
                    "channel": "MESSENGER",
                    "payload": "{\"object\":\"page\",\"entry\":[{\"id\":\"901\"}]}",
                    "processing_mode": "CONVERSATION",
                    "id": fresh_id(self.now),
                    "contact_id": self.contact,
                    "conversation_id": self.conversation,
                    "channel_identity": {"channel": "MESSENGER", "identity": "7734910022415", "app_id": self.app},
                }),
            ),
            _ => return None,
        })
    }

    fn delivery(&self, metadata: &str) -> Value {
        let mut report = json!({
            "message_id": self.message,
            "conversation_id": "",
            "status": self.status,
            "channel_identity": {"channel": "SMS", "identity": NUMBER, "app_id": ""},
            "contact_id": "",
            "metadata": metadata,
            "processing_mode": "DISPATCH",
        });
        let reason = match self.status.as_str() {
            "FAILED" => Some(("RECIPIENT_NOT_REACHABLE", "the recipient could not be reached")),
            "SWITCHING_CHANNEL" => Some(("CHANNEL_FAILURE", "the channel did not take the message")),
            _ => None,
        };
        if let Some((code, description)) = reason {
            report["reason"] = json!({"code": code, "description": description});
        }
        report
    }

    fn inbound(&self, text: &str) -> Value {
        json!({
            "id": self.message,
            "direction": "TO_APP",
            "contact_message": {"text_message": {"text": text}},
            "channel_identity": {"channel": "SMS", "identity": NUMBER, "app_id": self.app},
            "conversation_id": self.conversation,
            "contact_id": self.contact,
            "metadata": "",
            "accept_time": self.time(),
            "sender_id": SENDER,
            "processing_mode": "CONVERSATION",
        })
    }

    fn conversation(&self, active: bool) -> Value {
        json!({"conversation": {
            "id": self.conversation,
            "app_id": self.app,
            "contact_id": self.contact,
            "active_channel": "SMS",
            "active": active,
            "last_received": self.time(),
            "metadata": "",
            "metadata_json": {"desk": "north", "_batch_id": self.batch},
        }})
    }

    fn contact(&self, id: &str) -> Value {
        json!({
            "id": id,
            "channel_identities": [{"channel": "SMS", "identity": NUMBER, "app_id": ""}],
            "channel_priority": ["SMS"],
            "display_name": "Ines Prado",
            "email": "ines.prado@example.com",
            "external_id": "crm-5531",
            "metadata": "vip",
            "language": "PT_BR",
        })
    }

    fn consent(&self, status: &str) -> Value {
        json!({
            "request_id": fresh_id(self.now),
            "contact_id": self.contact,
            "channel": "SMS",
            "identity": NUMBER,
            "status": status,
            "processing_mode": "CONVERSATION",
        })
    }
}

#[cfg(test)]
mod tests {
    use sinch_batch::models::Callback;
    use sinch_batch::models::wire::parse;
    use sinch_batch::tracking::{Observation, observe};

    use super::*;

    fn samples(status: &str) -> Samples {
        let about = AboutArgs { batch_id: Some("B1".to_owned()), index: 7, status: status.to_owned() };
        Samples::new(&about, "2031-09-14T10:05:02.118Z".parse().unwrap())
    }

    #[test]
    fn there_is_a_sample_of_every_kind_and_every_field_of_it_is_known() {
        let samples = samples("DELIVERED");
        assert_eq!(kinds().count(), 22);
        for kind in kinds() {
            let body = samples.body(&kind).unwrap_or_else(|| panic!("{kind:?}"));
            let callback: Callback = parse(&body).unwrap();
            assert_eq!(callback.trigger(), Some(kind));
            assert_eq!(callback.unknown_fields(), Vec::<String>::new());
            // Nothing of it is lost in the types.
            let raw: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(serde_json::to_value(&callback).unwrap(), raw);
        }
    }

    #[test]
    fn the_ledger_learns_from_the_samples_about_batches() {
        for status in ["QUEUED_ON_CHANNEL", "DELIVERED", "READ", "FAILED", "SWITCHING_CHANNEL"] {
            let seen = |kind| observe(&parse::<Callback>(&samples(status).body(&kind).unwrap()).unwrap());
            let Some(Observation::Message(message)) = seen(Trigger::MessageDelivery) else { panic!("{status}") };
            assert_eq!(message.batch_id.as_ref().map(|id| id.as_str()), Some("B1"));
            assert!(matches!(seen(Trigger::BatchStatusUpdate), Some(Observation::Batch(_))));
        }
    }

    #[test]
    fn an_id_is_a_ulid_of_its_time() {
        let time = Timestamp::from_millisecond(1_469_918_176_385).unwrap();
        assert_eq!(ulid(time, 0), "01ARYZ6S410000000000000000");
        assert_eq!(ulid(time, u128::MAX), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
    }
}
