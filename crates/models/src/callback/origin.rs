use serde_json::Value;

use super::{Callback, CallbackKind};
use crate::BatchId;
use crate::wire::{JsonText, Metadata};

/// Which batch a callback is about, and what we said about the message when we sent it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// The batch.
    pub batch_id: Option<BatchId>,
    /// The place of the recipient in the request, counted from 0; only for messages that failed
    /// validation after acceptance.
    pub index: Option<u32>,
    /// Our own metadata, without what the service added: of the message in reports about it, of the
    /// conversation in what contacts wrote, of the batch in a batch status update.
    pub metadata: Metadata,
}

/// What the service adds to metadata of ours.
const BATCH_ID: &str = "_batch_id";

impl Callback {
    /// Which batch the callback is about, and what we said when we sent it.
    ///
    /// The service hides it in three places: `batchId` and `messageIndex` in the JSON text of the
    /// top-level `message_metadata` (messages that failed validation after acceptance), `_batch_id` in
    /// the JSON text of the report's `metadata`, and `_batch_id` in the top-level `message_metadata`
    /// (what contacts wrote). Conversations and batch status updates carry objects of their own.
    ///
    /// Without any of them everything is empty.
    ///
    /// ```
    /// use sinch_batch_models::Callback;
    ///
    /// let callback: Callback = serde_json::from_str(r#"{
    ///     "message_delivery_report": {"status": "FAILED"},
    ///     "message_metadata": "{\"batchId\":\"01KZ2D9R6AYBT8DN9B4MPA14Y8\",\"messageIndex\":17}"
    /// }"#)?;
    /// let origin = callback.origin();
    /// assert_eq!(origin.batch_id.unwrap().as_str(), "01KZ2D9R6AYBT8DN9B4MPA14Y8");
    /// assert_eq!(origin.index, Some(17));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn origin(&self) -> Origin {
        let own = match &self.kind {
            CallbackKind::MessageDelivery(report) => read(&report.metadata),
            CallbackKind::MessageSubmit(submit) => read(&submit.metadata),
            CallbackKind::EventDelivery(report) => read(&report.metadata),
            CallbackKind::MessageInbound(message) | CallbackKind::MessageRedaction(message) => read(&message.metadata),
            CallbackKind::ConversationStart(notice)
            | CallbackKind::ConversationStop(notice)
            | CallbackKind::ConversationDelete(notice) => {
                let conversation = notice.conversation.as_ref();
                conversation.and_then(|one| one.metadata_json.clone().or_else(|| read(&one.metadata)))
            }
            CallbackKind::BatchStatusUpdate(update) => {
                let data = update.additional_data.as_ref().and_then(|data| data.message_batch_data.as_ref());
                let metadata = data.and_then(|data| data.batch_metadata.clone()).unwrap_or_default();
                return Origin { batch_id: update.batch_id.clone(), index: None, metadata };
            }
            _ => None,
        };
        let own = own.unwrap_or_default();
        let mut top = read(&self.message_metadata).unwrap_or_default();
        let mut origin = Origin::default();
        // What a contact wrote comes with the metadata of the conversation at the top; in all else the
        // service's own words stand there.
        let places = match self.kind {
            CallbackKind::MessageInbound(_) | CallbackKind::MessageRedaction(_) | CallbackKind::EventInbound(_) => {
                [top, own]
            }
            _ => {
                if let Some(id) = top.get("batchId").and_then(id) {
                    origin.batch_id = Some(id);
                    origin.index = top.remove("messageIndex").as_ref().and_then(index);
                    top.remove("batchId");
                }
                [own, top]
            }
        };
        for mut place in places {
            if let Some(id) = place.remove(BATCH_ID).as_ref().and_then(id) {
                origin.batch_id.get_or_insert(id);
            }
            if origin.metadata.is_empty() {
                origin.metadata = place;
            }
        }
        origin
    }
}

fn read(text: &Option<JsonText>) -> Option<Metadata> {
    // Most texts are empty or no object: look before reading.
    let text = text.as_ref().filter(|text| text.as_str().trim_start().starts_with('{'))?;
    text.read()
}

fn id(value: &Value) -> Option<BatchId> {
    value.as_str().filter(|id| !id.is_empty()).map(BatchId::new)
}

fn index(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|index| index.try_into().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, batch_id: Option<&str>, index: Option<u32>, metadata: &str) {
        let origin = serde_json::from_str::<Callback>(json).unwrap().origin();
        assert_eq!(origin.batch_id.as_ref().map(BatchId::as_str), batch_id);
        assert_eq!(origin.index, index);
        assert_eq!(serde_json::to_string(&origin.metadata).unwrap(), metadata);
    }

    #[test]
    fn batch_is_found_in_all_places() {
        check(
            r#"{"message_delivery_report":{},"message_metadata":"{\"batchId\":\"b\",\"messageIndex\":3}"}"#,
            Some("b"),
            Some(3),
            "{}",
        );
        check(
            r#"{"message_delivery_report":{"metadata":"{\"_batch_id\":\"b\",\"row\":7}"},"message_metadata":""}"#,
            Some("b"),
            None,
            r#"{"row":7}"#,
        );
        check(
            r#"{"message":{"metadata":""},"message_metadata":"{\"_batch_id\":\"b\",\"desk\":\"north\"}"}"#,
            Some("b"),
            None,
            r#"{"desk":"north"}"#,
        );
        check(
            r#"{"batch_status_update_notification":{"batch_id":"b","additional_data":{"message_batch_data":{"batch_metadata":{"k":"v"}}}}}"#,
            Some("b"),
            None,
            r#"{"k":"v"}"#,
        );
        check(
            r#"{"conversation_stop_notification":{"conversation":{"metadata_json":{"_batch_id":"b","d":1}}}}"#,
            Some("b"),
            None,
            r#"{"d":1}"#,
        );
        check(
            r#"{"conversation_start_notification":{"conversation":{"metadata":"{\"_batch_id\":\"b\",\"d\":1}"}}}"#,
            Some("b"),
            None,
            r#"{"d":1}"#,
        );
        // Metadata that contacts write there does not name a batch.
        check(r#"{"message":{},"message_metadata":"{\"batchId\":\"b\"}"}"#, None, None, r#"{"batchId":"b"}"#);
        for odd in ["", "[1]", "{", "\\\"b\\\"", "{}", "{\\\"batchId\\\":7}", "{\\\"_batch_id\\\":\\\"\\\"}"] {
            let json = format!(r#"{{"message_delivery_report":{{}},"message_metadata":"{odd}"}}"#);
            assert_eq!(serde_json::from_str::<Callback>(&json).unwrap().origin().batch_id, None, "{odd}");
        }
    }
}
