//! What is read from callbacks, golden samples first.

use sinch_batch_models::{BatchId, BatchState, BatchStatus, Callback, wire};
use sinch_batch_tracking::{BatchKey, BatchUpdate, MessageRef, MessageState, Observation, Progress, RowKey, observe};
use sinch_batch_wire::text;

const BATCH: &str = "01KZ2D9R6AYBT8DN9B4MPA14Y8";

fn seen(json: &str) -> Option<Observation> {
    observe(&wire::parse::<Callback>(json.as_bytes()).unwrap())
}

/// A receipt with the metadata texts given as they stand in the JSON.
fn receipt(report: &str, top: &str) -> Option<Observation> {
    seen(&format!(r#"{{"message_delivery_report":{report},"message_metadata":"{top}"}}"#))
}

#[track_caller]
fn check_place(report_metadata: &str, top: &str, expected: Option<(MessageRef, Option<&str>)>) {
    let found = match receipt(&format!(r#"{{"status":"READ","metadata":"{report_metadata}"}}"#), top) {
        Some(Observation::Message(seen)) => Some((seen.message, seen.batch_id)),
        _ => None,
    };
    assert_eq!(found, expected.map(|(place, id)| (place, id.map(BatchId::new))));
}

fn row(row: u64) -> MessageRef {
    MessageRef::Row(RowKey::new("key", row))
}

fn index(batch_id: &str, index: u32) -> MessageRef {
    MessageRef::Index { batch_id: BatchId::new(batch_id), index }
}

#[test]
fn place_is_found_wherever_it_stands() {
    let ours = r#"{\"sinch_batch_row\":\"key.7\",\"_batch_id\":\"A\"}"#;
    let position = r#"{\"batchId\":\"B\",\"messageIndex\":3}"#;
    check_place(ours, "", Some((row(7), Some("A"))));
    check_place("", position, Some((index("B", 3), Some("B"))));
    check_place("", ours, Some((row(7), Some("A"))));
    // The row key wins, and the batch is the one beside it.
    check_place(ours, position, Some((row(7), Some("A"))));
    // The batch may be named in any of the three places.
    check_place(r#"{\"sinch_batch_row\":\"key.7\"}"#, position, Some((row(7), Some("B"))));
    check_place(r#"{\"sinch_batch_row\":\"key.7\"}"#, r#"{\"_batch_id\":\"C\"}"#, Some((row(7), Some("C"))));
    check_place(r#"{\"sinch_batch_row\":\"key.7\"}"#, "", Some((row(7), None)));
    check_place(r#"{\"_batch_id\":\"A\"}"#, position, Some((index("B", 3), Some("B"))));
}

#[test]
fn message_of_another_sender_is_not_ours() {
    for metadata in ["", "not json", "[]", "7", "null", r#"{\"_batch_id\":\"A\"}"#, r#"{\"sinch_batch_row\":7}"#] {
        for top in ["", "data from the channel", r#"{\"batchId\":\"B\"}"#, r#"{\"messageIndex\":1}"#] {
            check_place(metadata, top, None);
        }
    }
}

#[test]
fn published_receipts_are_read() {
    // They carry metadata of their own but no row key of ours.
    for json in [
        text("callback/message_delivery.delivered.json"),
        text("callback/message_delivery.failed.channel.json"),
        text("callback/message_inbound.json"),
        text("callback/event_delivery.json"),
    ] {
        assert_eq!(seen(&json), None);
    }
    let json = text("callback/message_delivery.failed.batch_validation.json");
    let Some(Observation::Message(message)) = seen(&json) else { panic!("a receipt") };
    assert_eq!(message.message, index(BATCH, 1));
    assert_eq!(message.batch_id, Some(BatchId::new(BATCH)));
    assert_eq!(message.state.progress, Progress::Failed);
    assert_eq!(message.state.code.as_deref(), Some("BAD_REQUEST"));
    let description = message.state.description.unwrap();
    assert!(description.ends_with("[Parameter key cannot be blank and value cannot be empty.]"), "{description}");
}

#[test]
fn each_status_has_its_progress() {
    for (name, expected) in [
        ("QUEUED_ON_CHANNEL", Progress::Queued),
        ("SWITCHING_CHANNEL", Progress::Queued),
        ("DELIVERED", Progress::Delivered),
        ("READ", Progress::Read),
        ("FAILED", Progress::Failed),
        ("TELEPORTED", Progress::Accepted),
    ] {
        let report = format!(r#"{{"status":"{name}","reason":{{"code":"INTERNAL_ERROR"}}}}"#);
        let Some(Observation::Message(seen)) = receipt(&report, r#"{\"sinch_batch_row\":\"key.1\"}"#) else {
            panic!("a receipt")
        };
        assert_eq!(seen.state.progress, expected, "{name}");
        // A cause is kept with a failure alone.
        assert_eq!(seen.state.code.is_some(), name == "FAILED");
    }
    let Some(Observation::Message(seen)) = receipt("{}", r#"{\"sinch_batch_row\":\"key.1\"}"#) else {
        panic!("a receipt")
    };
    assert_eq!(seen.state, MessageState::new(Progress::Accepted));
}

#[test]
fn promise_8_secrets_numbers_and_texts_do_not_leak() {
    let report = r#"{"status":"FAILED","metadata":"{\"sinch_batch_row\":\"key.1\",\"name\":\"Ines\"}",
        "channel_identity":{"channel":"TELEGRAM","identity":"ines_k"},
        "reason":{"code":"15550100011","description":"@ines_k with +1 (555) 010-0011 blocked 555.010.0012"}}"#;
    let observation = receipt(report, "").unwrap();
    let shown = format!("{observation:?}");
    for secret in ["ines_k", "Ines", "0011", "0012", "5550"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let Observation::Message(seen) = observation else { panic!("a receipt") };
    assert_eq!(seen.state.code.as_deref(), Some("[number]"));
    assert_eq!(seen.state.description.as_deref(), Some("@[number] with [number] blocked [number]"));
}

#[test]
fn batch_updates_are_read() {
    for (json, id, state) in [
        (text("callback/batch_status_update.processed.json"), BATCH, "PROCESSED"),
        (text("callback/batch_status_update.cancelled.json"), "01KZQZKAP9W1SRTB3EW7A8V51H", "CANCELLED"),
        (text("callback/batch_status_update.unknown_status.json"), "01KZJ5B9EJM0ERNYK07S4K8JPG", "SOMETHING_NEW"),
    ] {
        assert_eq!(seen(&json), Some(BatchUpdate::new(BatchId::new(id), BatchState::from(state)).into()));
    }
    let ours = r#"{"batch_status_update_notification":{"batch_id":"B","batch_status":"BATCH_STATUS_READY",
        "additional_data":{"message_batch_data":{"batch_metadata":{"sinch_batch_key":"key.b4","n":1}}}}}"#;
    let expected = BatchUpdate::new(BatchId::new("B"), BatchState::Ready).with_key(BatchKey::new("key", 4));
    assert_eq!(seen(ours), Some(expected.clone().into()));
    let status: BatchStatus =
        wire::parse(br#"{"batch_id":"B","meta_data":{"sinch_batch_key":"key.b4"},"status":"READY"}"#).unwrap();
    assert_eq!(BatchUpdate::from_status(&status), Some(expected));
}

#[test]
fn batch_update_without_id_or_status_says_nothing() {
    for body in [r#"{"batch_id":"B"}"#, r#"{"batch_status":"READY"}"#, r#"{"batch_id":"","batch_status":"READY"}"#] {
        assert_eq!(seen(&format!(r#"{{"batch_status_update_notification":{body}}}"#)), None, "{body}");
    }
}
