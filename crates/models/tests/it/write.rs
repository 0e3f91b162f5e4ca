//! The short way to write a batch gives the bytes that serde gives.

use proptest::prelude::*;
use serde_json::{Value, json};
use sinch_batch_models::{
    AppId, BatchRecipient, Channel, ChannelIdentity, ContactId, Message, Recipient, Recipients, SendBatchRequest,
};

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,8}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!({"deep": ["\"", null, 1.5, {}]})),
    ]
}

fn any_recipient() -> impl Strategy<Value = Recipient> {
    let identity =
        (prop_oneof![Just("SMS".to_owned()), ".{1,6}"], ".{0,12}", any::<bool>()).prop_map(|(channel, id, new)| {
            let mut identity = ChannelIdentity::new(Channel::from(channel.as_str()), id);
            if new {
                identity.unknown_fields.insert("new", json!([1]));
            }
            identity
        });
    let who = prop_oneof![
        ".{1,12}".prop_map(|id| Recipient::contact(ContactId::new(id))),
        prop::collection::vec(identity, 0..3).prop_map(Recipient::identities),
    ];
    (who, any::<bool>()).prop_map(|(mut recipient, new)| {
        if new {
            recipient.unknown_fields.insert("new\"", Value::Null);
        }
        recipient
    })
}

fn any_entry() -> impl Strategy<Value = BatchRecipient> {
    let texts = || prop::collection::vec((".{0,6}", ".{0,12}"), 0..4);
    let values = || prop::collection::vec((".{0,6}", any_value()), 0..3);
    (any_recipient(), texts(), values(), values(), prop::option::weighted(0.1, any_value())).prop_map(
        |(recipient, parameters, message, conversation, unknown_fields)| {
            let mut entry = BatchRecipient::new(recipient);
            for (name, value) in parameters {
                entry = entry.with_parameter(name, value);
            }
            for (name, value) in message {
                entry = entry.with_message_metadata(name, value);
            }
            for (name, value) in conversation {
                entry = entry.with_conversation_metadata(name, value);
            }
            if let Some(value) = unknown_fields {
                entry.unknown_fields.insert("recipient", value);
            }
            entry
        },
    )
}

#[track_caller]
fn check(request: &SendBatchRequest) {
    let mut written = b"before ".to_vec();
    request.write_json(&mut written).unwrap();
    let expected = format!("before {}", serde_json::to_string(request).unwrap());
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

proptest! {
    #[test]
    fn any_batch_is_written_as_serde_writes_it(
        entries in prop::collection::vec(any_entry(), 1..5),
        text in ".{0,20}",
        metadata in prop::collection::vec((".{0,6}", any_value()), 0..3),
        unknown_fields in prop::collection::vec((prop_oneof![Just("recipient_and_params".to_owned()), ".{1,8}"], any_value()), 0..3),
    ) {
        let mut request =
            SendBatchRequest::new(AppId::new("a"), Message::text(text), Recipients::try_from(entries).unwrap());
        for (name, value) in metadata {
            request = request.with_batch_metadata(name, value);
        }
        for (name, value) in unknown_fields {
            request.unknown_fields.insert(name, value);
        }
        check(&request);
    }
}

#[test]
fn batch_samples_are_written_as_serde_writes_them() {
    let mut samples = 0;
    for name in sinch_batch_wire::names("request/send_batch.") {
        // Empty objects that stood on the wire are written again.
        if let Ok(request) = serde_json::from_str::<SendBatchRequest>(&sinch_batch_wire::text(&name)) {
            check(&request);
            samples += 1;
        }
    }
    assert!(samples > 5, "{samples}");
}
